"""One DICOM file into another transfer syntax: bytes in, bytes out, nothing but what must change changes.

A lossless conversion keeps the SOP Instance UID and is proven sample by sample before it is returned; a
lossy one makes a new instance that names its source. A file that cannot be converted is a value
(`NotConvertible`), so that a journey can leave it out and go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

from mediakit.dicom import part10
from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.instance import Breach
from mediakit.dicom.lossy import SOP_INSTANCE
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Contradiction, Element, is_group_length
from mediakit.dicom.stored import Stored
from mediakit.dicom.uids import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    SYNTAXES,
    SyntaxKind,
    syntax_name,
)
from mediakit.dicom.walk import Unwalkable
from mediakit.findings import Finding, Rule, Severity, Where, tag_text

if TYPE_CHECKING:
    from mediakit.dicom.conversion import Change

_ICON = 0x00880200
_NATIVE = frozenset({EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN})
_NESTED_FRAGMENTS = (b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", b"\xe0\x7f\x10\0OW\0\0\xff\xff\xff\xff")


class Loss(StrEnum):
    """Whether a conversion may lose information."""

    LOSSLESS = "lossless"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcoded:
    """A whole Part 10 file in the new transfer syntax. `findings` tell all that changed."""

    file: Stored = field(repr=False)
    findings: tuple[Finding, ...]
    sop_instance: str
    changed_uid: bool

    @property
    def data(self) -> bytes:
        """Return the file as bytes: it may have gigabytes."""
        return b"".join(self.file.pieces())


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConvertible:
    """The file stays as it is: why."""

    finding: Finding


UNREADABLE = Rule(
    id="MK-CNV-020",
    severity=Severity.ERROR,
    title="cannot be converted: {why}",
    ref="PS3.10 7",
    hint="the file is damaged or malformed: ask the sender for it again, or leave it out with "
    "`--on-reject skip`",
)


OTHER_VR = Rule(
    id="MK-CNV-029",
    severity=Severity.ERROR,
    title="cannot be converted: it has VR {vr}, the dictionary says {expected}, and {new} keeps no VR",
    ref="PS3.5 7.1.3",
    hint="send it in Explicit VR Little Endian, or have the system that wrote it corrected",
)


def transcode(stream: BinaryIO, to: str, loss: Loss = Loss.LOSSLESS) -> Transcoded | NotConvertible:
    """Convert a DICOM file to transfer syntax `to` (a UID).

    Elements other than Pixel Data and what describes its encoding are carried over byte for byte.
    Raises OSError when `stream` does, DoesNotFit when there is no room for temporary files.
    """
    from mediakit.dicom.conversion import Refused  # noqa: PLC0415 - only when something is converted

    try:
        file = part10.read(stream)
        return _written(file, to, _without_nested(file, to, _changed(file, to, loss)))
    except (part10.Unreadable, Unwalkable) as exc:
        return NotConvertible(finding=UNREADABLE.at(why=str(exc)))
    except Contradiction as exc:
        where = Where(tag=exc.tag)
        return NotConvertible(
            finding=OTHER_VR.at(where, vr=exc.vr, expected=exc.expected, new=syntax_name(to))
        )
    except Refused as exc:
        return NotConvertible(finding=exc.finding)


NO_ENCODER = Rule(
    id="MK-CNV-022",
    severity=Severity.ERROR,
    title="cannot be converted: mediakit cannot write {new}",
    ref="PS3.5 10",
    hint="name a profile that takes the file as it is; `mediakit profiles fit` finds one",
)

NO_PIXELS = Rule(
    id="MK-CNV-023",
    severity=Severity.ERROR,
    title="cannot be converted: it has no Pixel Data that could be encoded in {new}",
    ref="PS3.5 A.4",
    hint="name a profile that takes the file as it is; `mediakit profiles fit` finds one",
)

WOULD_LOSE = Rule(
    id="MK-CNV-026",
    severity=Severity.ERROR,
    title="cannot be converted: {new} would lose information",
    ref="PS3.3 C.7.6.1.1.5",
    hint="`--convert any` allows it",
)


def _changed(file: DicomFile, to: str, loss: Loss) -> Change:
    """Return what the new transfer syntax makes of the pixel data. Raises `Refused`."""
    from mediakit.dicom import conversion, encoders  # noqa: PLC0415

    pixels = file.first(PIXEL_DATA)
    is_same = file.syntax == to and pixels is not None and pixels.is_encapsulated
    if not is_same and to not in encoders.LOSSLESS_TARGETS | encoders.LOSSY_TARGETS | _NATIVE:
        raise conversion.Refused(NO_ENCODER.at(new=syntax_name(to)))
    by_reference = SYNTAXES[file.syntax].kind is SyntaxKind.OTHER
    if by_reference or (pixels is None and to not in {file.syntax} | _NATIVE):
        raise conversion.Refused(NO_PIXELS.at(new=syntax_name(to)))
    encapsulated = pixels is not None and pixels.is_encapsulated
    if pixels is None or is_same:
        return conversion.carry(file)
    if to in _NATIVE:
        return conversion.decode(file) if encapsulated else conversion.carry(file)
    if to in encoders.LOSSLESS_TARGETS:
        return conversion.encode(file, to)
    if loss is Loss.LOSSLESS:
        raise conversion.Refused(WOULD_LOSE.at(new=syntax_name(to)))
    return conversion.compress(file, to)


ICON_DROPPED = Rule(
    id="MK-CNV-006",
    severity=Severity.WARNING,
    title="Icon Image Sequence was left out: its pixels are compressed in the old transfer syntax",
    ref="PS3.5 A.4",
    hint="the image itself is whole; readers make a small picture of their own",
)

NESTED_PIXELS = Rule(
    id="MK-CNV-028",
    severity=Severity.ERROR,
    title="cannot be converted: a sequence holds pixels compressed in the old transfer syntax",
    ref="PS3.5 A.4",
    hint="name a profile that takes the file as it is; `mediakit profiles fit` finds one",
)


def _without_nested(file: DicomFile, to: str, change: Change) -> Change:
    """Leave out an icon whose pixels would be in the wrong transfer syntax; refuse anything larger."""
    from mediakit.dicom.conversion import Change, Refused  # noqa: PLC0415

    if file.syntax == to or not SYNTAXES[file.syntax].is_encapsulated:
        return change
    for each in file.elements:
        if each.vr != "SQ" or not _holds_fragments(bytes(each.value)):
            continue
        if each.tag != _ICON:
            raise Refused(NESTED_PIXELS.at(Where(tag=each.tag)))
        change = Change(
            new=change.new,
            gone=change.gone | {_ICON},
            findings=(*change.findings, ICON_DROPPED.at(Where(tag=_ICON))),
            changed_uid=change.changed_uid,
        )
    return change


def _holds_fragments(content: bytes) -> bool:
    return any(start in content for start in _NESTED_FRAGMENTS)


CONVERTED = Rule(
    id="MK-CNV-001",
    severity=Severity.NOTE,
    title="decoded from {old}, written as {new}",
    ref="PS3.5 10",
    hint="pixels and all other values are the same; nothing needs to be done",
)

GROUP_LENGTHS_DROPPED = Rule(
    id="MK-CNV-003",
    severity=Severity.NOTE,
    title="{count:retired group length element was|retired group length elements were} left out",
    ref="PS3.5 7.2",
    hint="they say nothing about the image and no reader needs them; nothing needs to be done",
)

PREAMBLE_CLEARED = Rule(
    id="MK-CNV-004",
    severity=Severity.NOTE,
    title="the preamble held data for another file format, and is empty now",
    ref="PS3.10 7.1",
    hint="programs that read the file by its preamble (as TIFF) no longer can; the original is unchanged",
)

META_MADE = Rule(
    id="MK-CNV-007",
    severity=Severity.NOTE,
    title="the file had no file meta information; it has been added",
    ref="PS3.10 7.1",
    hint="readers of media need it; nothing needs to be done",
)

NOT_AS_DECLARED = Rule(
    id="MK-CNV-009",
    severity=Severity.WARNING,
    title="the data set was encoded in {seen}, not in {declared} as the file said",
    ref="PS3.10 7.1",
    hint="the new file names the right one; have the sending system fixed",
)


PADDED = Rule(
    id="MK-CNV-010",
    severity=Severity.NOTE,
    title="{tag} had an odd length and is padded now",
    ref="PS3.5 7.1.1",
    hint="the value is the same; nothing needs to be done",
)

ORDERED = Rule(
    id="MK-CNV-011",
    severity=Severity.NOTE,
    title="the elements were not in ascending order, first {tag}; they are now",
    ref="PS3.5 7.1",
    hint="all values are the same; nothing needs to be done",
)

LEFT_OUT = Rule(
    id="MK-CNV-012",
    severity=Severity.WARNING,
    title="{count} bytes behind the last element were left out",
    ref="PS3.10 7.2",
    hint="they are no part of the instance; the original still has them",
)


def _written(file: DicomFile, to: str, change: Change) -> Transcoded:
    elements = _merged(file.elements, change)
    uid = next((e for e in elements if e.tag == SOP_INSTANCE), None)
    made = Stored()
    for piece in part10.pieces(elements, to, file.meta):
        made.add(piece)
    return Transcoded(
        file=made,
        findings=(*_told(file, to), *change.findings),
        sop_instance="" if uid is None else bytes(uid.value).decode("latin-1").strip(" \0"),
        changed_uid=change.changed_uid,
    )


def _merged(elements: tuple[Element, ...], change: Change) -> list[Element]:
    """Return the elements in their order, new ones at the place of the old or where their tag belongs."""
    here = {e.tag for e in elements}
    waiting = [new for tag, new in sorted(change.new.items(), reverse=True) if tag not in here]
    merged: list[Element] = []
    for each in elements:
        while waiting and waiting[-1].tag < each.tag:
            merged.append(waiting.pop())
        if each.tag in change.new:
            merged.append(change.new[each.tag])
        elif each.tag not in change.gone and not is_group_length(each.tag):
            merged.append(each)
    return merged + waiting[::-1]


def _told(file: DicomFile, to: str) -> tuple[Finding, ...]:
    """Return what is to be said of the file as a whole."""
    findings: list[Finding] = []
    if file.syntax != to:
        findings.append(CONVERTED.at(old=syntax_name(file.syntax), new=syntax_name(to)))
    if not file.meta:
        findings.append(META_MADE.at())
    elif file.declared and file.declared != file.syntax:
        findings.append(
            NOT_AS_DECLARED.at(seen=syntax_name(file.syntax), declared=syntax_name(file.declared))
        )
    if file.preamble_used:
        findings.append(PREAMBLE_CLEARED.at())
    for breach, tag in file.faults:
        if breach in {Breach.ODD_LENGTH, Breach.ODD_FRAGMENT}:
            findings.append(PADDED.at(Where(tag=tag), tag=tag_text(tag)))
    ordered = next((tag for breach, tag in file.faults if breach is Breach.ORDER), None)
    if ordered is not None:
        findings.append(ORDERED.at(Where(tag=ordered), tag=tag_text(ordered)))
    if file.left_out:
        findings.append(LEFT_OUT.at(count=file.left_out))
    dropped = sum(is_group_length(e.tag) for e in file.elements)
    if dropped:
        findings.append(GROUP_LENGTHS_DROPPED.at(count=dropped))
    return tuple(findings)
