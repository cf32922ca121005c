"""The medium: file system, volume and its oddities, by the annex of PS3.12 that the profile's medium has.

A folder has no file system to judge; what was burnt on the disc it came from cannot be told. What there is to
FAT alone is in `medium_fat`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Medium, Profile, Sessions
from mediakit.rules.check import Check
from mediakit.volume import IsoVolume, MimeVolume, UdfVolume, Volume, ZipVolume, file_system, udf_name

NO_FILE_SYSTEM = Rule(
    id="MK-MED-001",
    severity=Severity.NOTE,
    title="a folder was given: its file system cannot be judged",
    ref="PS3.12",
    hint="validate the device or an image of the disc to have the medium judged as well",
)
OTHER_FILE_SYSTEM = Rule(
    id="MK-MED-002",
    severity=Severity.ERROR,
    title="the file system is {found}; {medium} has {allowed}",
    ref="PS3.12",
    hint="readers of this kind of medium may not find anything on it",
)
TRUNCATED = Rule(
    id="MK-MED-003",
    severity=Severity.ERROR,
    title="the volume says that it is larger than the image: its end is missing",
    ref="PS3.12",
    hint="the copy was cut short or the disc was not finished: make the copy again",
)
TOO_LARGE = Rule(
    id="MK-MED-004",
    severity=Severity.WARNING,
    title="the image has {size} bytes, more than {medium} holds ({capacity})",
    ref="PS3.12",
    hint="it cannot have come from one such disc; another profile may be meant",
)
OTHER_LABEL = Rule(
    id="MK-MED-005",
    severity=Severity.ERROR,
    title="the volume identifier is {label}, the File-set ID is {file_set_id}",
    ref="PS3.12 F.1.1",
    hint="systems that recognise a disc by its label confuse it with another; the images are not affected",
)
SYSTEM_ID = Rule(
    id="MK-MED-006",
    severity=Severity.WARNING,
    title="the system identifier of the volume is {found}; it must be blank or CD-RTOS CD-BRIDGE",
    ref="PS3.12 F.2.2.1",
    hint="some writing programs put their own name there; readers seldom mind",
)
FILE_FLAGS = Rule(
    id="MK-MED-007",
    severity=Severity.ERROR,
    title="files have record format or protection flags, which must not be set ({example})",
    ref="PS3.12 F.1.3",
    hint="strict readers refuse such files",
)
EXTENDED_ATTRIBUTES = Rule(
    id="MK-MED-008",
    severity=Severity.ERROR,
    title="files have an Extended Attribute Record, whose length must be 0 ({example})",
    ref="PS3.12 F.1.3",
    hint="readers that do not expect it read the wrong bytes",
)
NO_VERSION = Rule(
    id="MK-MED-009",
    severity=Severity.ERROR,
    title="names are recorded without the version number 1 ({example})",
    ref="PS3.12 F.1.2.1",
    hint="strict readers of ISO 9660 do not find such files; most readers do",
)
NO_DOT = Rule(
    id="MK-MED-010",
    severity=Severity.ERROR,
    title="names are recorded without the separator dot ({example})",
    ref="PS3.12 F.1.2.1",
    hint="strict readers of ISO 9660 do not find such files; most readers do",
)
HIDDEN = Rule(
    id="MK-MED-011",
    severity=Severity.WARNING,
    title="files are marked as hidden ({example})",
    ref="PS3.12",
    hint="people who copy the medium by hand may leave them behind",
)
TOO_DEEP = Rule(
    id="MK-MED-012",
    severity=Severity.ERROR,
    title="folders are {depth} levels deep, the root included; {medium} allows {limit}",
    ref="PS3.12",
    hint="readers may not enter the deepest folders",
)
SESSIONS = Rule(
    id="MK-MED-013",
    severity=Severity.WARNING,
    title="the medium has {count:session|sessions}, and {profile} does not mention more than one",
    ref="PS3.11",
    hint="some readers see the first session only: images of the later ones are missing there",
)
MORE_NAMES = Rule(
    id="MK-MED-014",
    severity=Severity.NOTE,
    title="the volume has {what} names as well, which are neither required nor forbidden",
    ref="PS3.12 F.1.2.1",
    hint="nothing needs to be done when they are the same names",
)
NOT_IN_TREE = Rule(
    id="MK-MED-015",
    severity=Severity.WARNING,
    title="files are not in the tree of {tree} ({example})",
    ref="Joliet Specification, RRIP",
    hint="Windows shows the tree of Joliet, Linux and macOS that of Rock Ridge: some users do not see them",
)
ONLY_IN_JOLIET = Rule(
    id="MK-MED-016",
    severity=Severity.ERROR,
    title="files are in the tree of Joliet alone ({example})",
    ref="PS3.12 F.1.2.1",
    hint="readers of ISO 9660 do not find them; Windows does",
)
CROSSED = Rule(
    id="MK-MED-017",
    severity=Severity.ERROR,
    title="Joliet or Rock Ridge call files by the names of other files ({example})",
    ref="PS3.10 8.2",
    hint="under such a name a system opens another file than the directory means: do not trust the medium",
)
UDF_LEVEL = Rule(
    id="MK-MED-021",
    severity=Severity.ERROR,
    title="interchange level and maximum interchange level are {level} and {maximum}; they must be 2",
    ref="PS3.12",
    hint="it was written for several volumes or by an odd program; most readers do not mind",
)
UDF_PARTITION = Rule(
    id="MK-MED-022",
    severity=Severity.ERROR,
    title="the volume has {what}, which {medium} must not have",
    ref="PS3.12",
    hint="packet-writing drives make such volumes; players and older systems cannot read them",
)
UDF_TYPES = Rule(
    id="MK-MED-023",
    severity=Severity.ERROR,
    title="there are files of other types than an ordinary file or a link ({example})",
    ref="PS3.12",
    hint="they hold no instance that a reader would find",
)
UDF_CLOSED = Rule(
    id="MK-MED-024",
    severity=Severity.ERROR,
    title="files cannot be read by everybody ({example})",
    ref="PS3.12",
    hint="on systems with user rights some people do not see the images",
)
BRIDGE = Rule(
    id="MK-MED-025",
    severity=Severity.ERROR,
    title="there is {other} beside the file system of the medium, and {medium} has none",
    ref="PS3.12",
    hint="a reader may use the one instead of the other and see other files",
)
HIDDEN_DICOM = Rule(
    id="MK-MED-026",
    severity=Severity.ERROR,
    title="DICOM files are marked as hidden ({example}), which {medium} never has",
    ref="PS3.12",
    hint="people who copy the medium by hand leave images behind",
)
ODD_ZIP_METHOD = Rule(
    id="MK-MED-041",
    severity=Severity.WARNING,
    title="members are compressed by {method}, which few programs unpack",
    ref="PS3.12 V",
    hint="pack it again with `deflate`, or `mediakit repair` it to a new ZIP file",
)
ZIP_ENCRYPTED = Rule(
    id="MK-MED-042",
    severity=Severity.ERROR,
    title="members are encrypted ({example})",
    ref="PS3.12 V",
    hint="nothing can be said about them: unpack the archive with its password and validate the folder",
)
ZIP_DOUBLED = Rule(
    id="MK-MED-043",
    severity=Severity.ERROR,
    title="the archive has several members of one name ({example})",
    ref="PS3.12 V",
    hint="programs disagree which of them counts",
)
ZIP_ROOTED = Rule(
    id="MK-MED-044",
    severity=Severity.ERROR,
    title="names of members lead out of the archive ({example})",
    ref="PS3.12 V.1.2.1",
    hint="the archive may be an attack: unpack it with `mediakit extract` only",
)

_CD_I = "CD-RTOS CD-BRIDGE"
_METHODS = frozenset({"stored", "deflated"})
_WITHOUT_VAT = frozenset({"dvd-ram", "bd"})
_DICOM = frozenset({FileKind.INSTANCE, FileKind.DICOMDIR})
_MAY_HAVE_SESSIONS = frozenset(
    {Sessions.FINALIZE_OR_MULTISESSION, Sessions.FINALIZE_OR_MULTISESSION_OR_PACKET, Sessions.REWRITABLE}
)


def check_file_system(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report a file system that the medium of the profile does not have, and an image that is cut off."""
    if survey.format in {"folder", "file"}:
        yield NO_FILE_SYSTEM.at()
        return
    volume = survey.volume
    if volume is None:
        return
    if not isinstance(volume, ZipVolume | MimeVolume) and volume.is_truncated:
        yield TRUNCATED.at()
    if profile is None:
        return
    medium = profile.medium
    found = _file_systems(volume)
    if medium.file_systems and not set(found) & set(medium.file_systems):
        allowed = " or ".join(medium.file_systems)
        yield OTHER_FILE_SYSTEM.at(
            found=" and ".join(found), medium=medium.title, allowed=allowed, ref=medium.annex
        )
    capacity = max(medium.capacities.values(), default=0)
    if capacity and survey.size_bytes > capacity:
        yield TOO_LARGE.at(size=survey.size_bytes, medium=medium.title, capacity=capacity, ref=medium.annex)
    if volume.depth > medium.max_depth:
        yield TOO_DEEP.at(depth=volume.depth, medium=medium.title, limit=medium.max_depth, ref=medium.annex)


def check_iso(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report what PS3.12 Annex F (CD-R) and Annex P (DVD) do not allow of an ISO 9660 volume."""
    volume = survey.volume
    if not isinstance(volume, IsoVolume) or profile is None:
        return
    medium, ref = profile.medium, profile.medium.annex
    yield from _iso_label(survey, volume, medium)
    if medium.id == "cd-r":
        yield from _only_on_cd(volume, ref)
    if medium.id == "bd" and volume.has_udf:
        yield BRIDGE.at(other="an ISO 9660 volume", medium=medium.title, ref=ref)
    for rule, paths in (
        (NO_VERSION, volume.unversioned),
        (NO_DOT, volume.undotted),
        (HIDDEN, volume.hidden),
    ):
        if paths:
            yield example_of(rule, paths, ref)
    yield from _trees(volume)
    if volume.sessions > 1 and profile.sessions not in _MAY_HAVE_SESSIONS:
        yield SESSIONS.at(count=volume.sessions, profile=profile.id, ref=profile.source)
    others = [
        name
        for name, is_there in (("Joliet", volume.has_joliet), ("Rock Ridge", volume.has_rock_ridge))
        if is_there
    ]
    if others:
        yield MORE_NAMES.at(what=" and ".join(others), ref=ref)


def _trees(volume: IsoVolume) -> Iterator[Finding]:
    """Report where Joliet or Rock Ridge do not show what the primary tree holds."""
    for tree, paths in (("Joliet", volume.not_in_joliet), ("Rock Ridge", volume.not_in_rock_ridge)):
        if paths:
            yield NOT_IN_TREE.at(Where(path=paths[0]), tree=tree, example=printable(paths[0]))
    for rule, paths in (
        (ONLY_IN_JOLIET, volume.only_in_joliet),
        (CROSSED, volume.crossed),
    ):
        if paths:
            yield example_of(rule, paths, rule.ref)


def check_udf(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report what PS3.12 Annexes J (DVD-RAM), P (DVD) and X (BD) do not allow of a UDF volume."""
    volume = survey.volume
    if not isinstance(volume, UdfVolume) or profile is None:
        return
    medium, ref = profile.medium, profile.medium.annex
    if {volume.interchange_level, volume.maximum_level} - {2}:
        yield UDF_LEVEL.at(level=volume.interchange_level, maximum=volume.maximum_level, ref=ref)
    if medium.id in _WITHOUT_VAT:
        for what, is_there in (
            ("a Virtual Allocation Table", volume.has_virtual),
            ("a sparing table", volume.has_sparing),
        ):
            if is_there:
                yield UDF_PARTITION.at(what=what, medium=medium.title, ref=ref)
    if medium.id == "bd" and volume.has_iso:
        yield BRIDGE.at(other="an ISO 9660 volume", medium=medium.title, ref=ref)
    for rule, paths in ((UDF_TYPES, volume.odd_types), (UDF_CLOSED, volume.closed_to_others)):
        if paths:
            yield example_of(rule, paths, ref)
    yield from _hidden(survey, volume, medium)


def check_zip(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report what makes a ZIP archive unfit for interchange (PS3.12 Annex V)."""
    volume = survey.volume
    if not isinstance(volume, ZipVolume):
        return
    for method in volume.methods:
        if method not in _METHODS:
            yield ODD_ZIP_METHOD.at(method=method)
    for rule, paths in (
        (ZIP_ENCRYPTED, volume.encrypted),
        (ZIP_DOUBLED, volume.doubled),
        (ZIP_ROOTED, volume.rooted),
    ):
        if paths:
            yield example_of(rule, paths, rule.ref)


def _only_on_cd(volume: IsoVolume, ref: str) -> Iterator[Finding]:
    """Report what Annex F forbids and Annex P leaves open: a DVD may have Extended Attribute Records."""
    if volume.system_id not in {"", _CD_I}:
        yield SYSTEM_ID.at(found=printable(volume.system_id))
    for rule, paths in ((FILE_FLAGS, volume.flagged), (EXTENDED_ATTRIBUTES, volume.attributed)):
        if paths:
            yield example_of(rule, paths, ref)


def _file_systems(volume: Volume) -> tuple[str, ...]:
    """Return what PS3.12 calls the file systems of a volume: a bridge disc has two."""
    if isinstance(volume, IsoVolume) and volume.has_udf:
        return file_system(volume), udf_name(volume.udf_revision)
    return (file_system(volume) or "unknown",)


def _hidden(survey: Survey, volume: UdfVolume, medium: Medium) -> Iterator[Finding]:
    """Report hidden files of a UDF volume: DICOM files are never hidden where it is the file system."""
    if not volume.hidden:
        return
    dicom = {file.path for file in survey.files if file.kind in _DICOM}
    paths = tuple(path for path in volume.hidden if path in dicom)
    if paths and file_system(volume) in medium.file_systems:
        shown = printable(paths[0])
        yield HIDDEN_DICOM.at(Where(path=paths[0]), example=shown, medium=medium.title, ref=medium.annex)
    else:
        yield example_of(HIDDEN, paths or volume.hidden, medium.annex)


def _iso_label(survey: Survey, volume: IsoVolume, medium: Medium) -> Iterator[Finding]:
    directory = survey.directory
    if directory is None or not medium.volume_id_is_file_set_id:
        return
    if volume.volume_id.rstrip(" ") != directory.file_set_id.strip(" "):
        label, file_set_id = (
            printable(text) or "empty"
            for text in (volume.volume_id.rstrip(" "), directory.file_set_id.strip(" "))
        )
        yield OTHER_LABEL.at(label=label, file_set_id=file_set_id)


def example_of(rule: Rule, paths: tuple[str, ...], ref: str) -> Finding:
    """Return a finding on the first of some paths."""
    return rule.at(Where(path=paths[0]), example=printable(paths[0]), ref=ref)


CHECKS: Final = (
    Check(check_file_system, (NO_FILE_SYSTEM, OTHER_FILE_SYSTEM, TRUNCATED, TOO_LARGE, TOO_DEEP)),
    Check(
        check_iso,
        (
            OTHER_LABEL,
            SYSTEM_ID,
            FILE_FLAGS,
            EXTENDED_ATTRIBUTES,
            NO_VERSION,
            NO_DOT,
            HIDDEN,
            NOT_IN_TREE,
            ONLY_IN_JOLIET,
            CROSSED,
            SESSIONS,
            MORE_NAMES,
            BRIDGE,
        ),
    ),
    Check(check_udf, (UDF_LEVEL, UDF_PARTITION, BRIDGE, UDF_TYPES, HIDDEN, HIDDEN_DICOM, UDF_CLOSED)),
    Check(check_zip, (ODD_ZIP_METHOD, ZIP_ENCRYPTED, ZIP_DOUBLED, ZIP_ROOTED)),
)
