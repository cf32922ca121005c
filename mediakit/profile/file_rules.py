"""What the header scan had to tolerate in a file, as findings.

A file without sound meta information is no DICOM File of PS3.10: it cannot go on a medium as it is, but
its data set can be written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from mediakit.dicom.instance import Instance, Note, Tag
from mediakit.dicom.scanned import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, is_sound_value
from mediakit.findings import Finding, Rule, Severity, Where, tag_text
from mediakit.profile.meta_rules import EXECUTABLE, meta_findings
from mediakit.profile.structure_rules import MENDED, finding_of

_REWRITE = "`--convert lossless` writes the instance anew, with preamble and file meta information"

NO_META = Rule(
    id="MK-PRO-060",
    severity=Severity.ERROR,
    title="the file is a bare data set: it has no file meta information",
    ref="PS3.10 7.1",
    hint="`--convert lossless` rewrites the instance with preamble and file meta information",
)
NO_PREAMBLE = Rule(
    id="MK-PRO-061",
    severity=Severity.ERROR,
    title="the file has no preamble and no DICM prefix",
    ref="PS3.10 7.1",
    hint="`--convert lossless` rewrites the instance with preamble and file meta information",
)
BAD_META = Rule(
    id="MK-PRO-062",
    severity=Severity.ERROR,
    title="the file meta information is incomplete or wrong",
    ref="PS3.10 7.1",
    hint="`--convert lossless` rewrites the instance with preamble and file meta information",
)
REWRITTEN = Rule(
    id="MK-PRO-063",
    severity=Severity.WARNING,
    title="will be rewritten as {target}: {why}",
    ref="PS3.10 7.1",
    hint="all values stay the same; the original is unchanged",
)
UID_MISMATCH = Rule(
    id="MK-PRO-064",
    severity=Severity.ERROR,
    title="the file meta information names another SOP Class or SOP Instance than the data set",
    ref="PS3.10 7.1",
    hint="nobody can tell which of the two is meant: fetch the instance again from where it came from",
)
NO_SOP_UIDS = Rule(
    id="MK-PRO-083",
    severity=Severity.ERROR,
    title="SOP Class UID (0008,0016) or SOP Instance UID (0008,0018) is missing in the data set",
    ref="PS3.3 C.12.1",
    hint="only the file meta information has them: ask the system that made the file for a correct copy",
)
NO_PIXELS = Rule(
    id="MK-PRO-069",
    severity=Severity.ERROR,
    title="the instance describes an image and has no pixel data",
    ref="PS3.3 C.7.6.3",
    hint="the file may be cut off: fetch the instance again from where it came from",
)
HEADER_ALONE = Rule(
    id="MK-PRO-070",
    severity=Severity.WARNING,
    title="an image SOP Class without pixel data: a header alone, or a file cut off early",
    ref="PS3.3 C.7.6.3",
    hint="compare it with the system it came from; `--fail-on warning` makes such files count",
)
PREAMBLE_USED = Rule(
    id="MK-PRO-066",
    severity=Severity.WARNING,
    title="the preamble is not empty: the file may also be of another type, even a program",
    ref="PS3.10 7.5",
    hint="scan the file for malicious content when its sender is not known to use the preamble",
)
TRAILING = Rule(
    id="MK-PRO-067",
    severity=Severity.WARNING,
    title="there are bytes behind the last element",
    ref="PS3.10 7.2",
    hint="most readers do not mind; the file may have been damaged or joined with another",
)
ZEROS = Rule(
    id="MK-PRO-082",
    severity=Severity.NOTE,
    title="there are zeros behind the last element",
    ref="PS3.10 7.2",
    hint="readers do not mind: some systems fill the last block of a file so",
)
ODD_VR = Rule(
    id="MK-PRO-068",
    severity=Severity.NOTE,
    title="an element has another VR than the dictionary",
    ref="PS3.6 6",
    hint="readers go by the VR in the file; nothing needs to be done",
)
NO_INSTANCE_UID = Rule(
    id="MK-PRO-010",
    severity=Severity.ERROR,
    title="the instance has no SOP Instance UID",
    ref="PS3.3 C.12.1",
    hint="a directory cannot refer to it: ask the sender for the instance again",
)
BAD_INSTANCE_UID = Rule(
    id="MK-PRO-011",
    severity=Severity.ERROR,
    title="the SOP Instance UID is longer than 64 characters or holds others than digits and dots",
    ref="PS3.5 9.1",
    hint="a directory cannot refer to it: ask the sender for the instance again",
)
BAD_UID = Rule(
    id="MK-PRO-084",
    severity=Severity.ERROR,
    title="{what} {tag} is not a UID of at most 64 digits and dots, or is padded with a space",
    ref="PS3.5 9.1",
    hint="strict readers refuse the file; ask the maker of the sending system to fix it",
)

_REWRITES = {
    Note.NO_META: NO_META,
    Note.NO_PREAMBLE: NO_PREAMBLE,
    Note.BAD_META: BAD_META,
    Note.TRAILING: TRAILING,
}
_REFUSALS = {Note.UID_MISMATCH: UID_MISMATCH, Note.NO_SOP_UIDS: NO_SOP_UIDS, Note.NO_PIXELS: NO_PIXELS}
_REMARKS = {
    Note.HEADER_ALONE: HEADER_ALONE,
    Note.PREAMBLE_USED: PREAMBLE_USED,
    Note.ZEROS: ZEROS,
    Note.ODD_VR: ODD_VR,
}
#: With one of these the values of the file meta information are looked at one by one.
UNSOUND_META = frozenset({Note.BAD_META, Note.LONG_META, Note.BAD_UID})
_UIDS: Mapping[Tag, str] = {
    SOP_CLASS: "SOP Class UID",
    SOP_INSTANCE: "SOP Instance UID",
    STUDY: "Study Instance UID",
    SERIES: "Series Instance UID",
}
_OF_THE_DATA_SET = frozenset({0x00020002, 0x00020003})  # made from the data set when a file is written again


class FileFindings(Struct, frozen=True):
    """What is said of one file: what no conversion mends, what writing it again mends, and remarks."""

    refusals: tuple[Finding, ...] = ()
    rewrites: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()

    def all(self) -> tuple[Finding, ...]:
        """Return every finding, the worst first."""
        return (*self.refusals, *self.rewrites, *self.remarks)


def is_uid(uid: str) -> bool:
    """Return True when a UID has the characters and the length of VR UI."""
    return 0 < len(uid) <= 64 and uid.isascii() and uid.replace(".", "").isdigit()


def _uid_findings(instance: Instance) -> Iterator[Finding]:
    """Yield what is wrong with the UIDs by which a directory refers to an instance."""
    for tag, what in _UIDS.items():
        raw = instance.header.values.get(tag)
        if raw and not is_sound_value(raw):
            yield BAD_UID.at(Where(path=instance.path, tag=tag), what=what, tag=tag_text(tag))


def file_findings(instance: Instance) -> FileFindings:
    """Return what is to be said of the file of an instance, whatever the profile."""
    where, notes, faults = Where(path=instance.path), instance.header.notes, instance.header.faults
    refusals = [rule.at(where) for note, rule in _REFUSALS.items() if note in notes]
    rewrites = [rule.at(where) for note, rule in _REWRITES.items() if note in notes]
    remarks = [rule.at(where) for note, rule in _REMARKS.items() if note in notes]
    if not is_uid(instance.sop_instance):
        rule = BAD_INSTANCE_UID if instance.sop_instance else NO_INSTANCE_UID
        refusals.append(rule.at(Where(path=where.path, tag=SOP_INSTANCE)))
    refusals += _uid_findings(instance) if Note.BAD_UID in notes else ()
    if instance.header.program:
        rewrites.append(EXECUTABLE.at(where, kind=instance.header.program))
    for fault in faults:
        finding = finding_of(fault, where.path)
        kind = rewrites if fault.breach in MENDED else refusals
        (kind if finding.severity is Severity.ERROR else remarks).append(finding)
    for finding in meta_findings(instance.header.meta, where.path) if notes & UNSOUND_META else ():
        is_kept = Note.BAD_UID in notes and finding.where.tag in _OF_THE_DATA_SET
        kind = refusals if is_kept else rewrites
        (kind if finding.severity is Severity.ERROR else remarks).append(finding)
    return FileFindings(tuple(refusals), tuple(rewrites), tuple(remarks))
