"""Local values in place of foreign ones in a whole DICOM file: bytes in, bytes out, all other bytes the same.

The old values stay in the file, in Original Attributes Sequence; UIDs, pixel data and transfer syntax are not
touched. A file that cannot be changed without a doubt is a value (`NotCoercible`), not an exception.
Source: PS3.3 C.12.1.1.9, IHE RAD TF-2 (Import Reconciliation Workflow).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from mediakit.dicom import part10, text
from mediakit.dicom.edit import Span, exchanged, item, spans
from mediakit.dicom.elements import Encoding
from mediakit.dicom.in_utf_8 import UTF_8, Unconvertible, in_utf_8
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET
from mediakit.dicom.limits import conforms, why_unfit
from mediakit.dicom.original_attributes import (
    ORIGINAL_ATTRIBUTES,
    CoercionNote,
    Previous,
    original_attributes_item,
)
from mediakit.dicom.part10 import Opened
from mediakit.dicom.recode import recode
from mediakit.dicom.signatures import is_signed
from mediakit.dicom.walk import Unwalkable
from mediakit.dicom.write import Buffer, encoded
from mediakit.findings import Finding, Rule, Severity, Where, tag_text

PATIENT_ID = 0x00100020
ISSUER = 0x00100021
OTHER_IDS = 0x00101002

#: What may be exchanged, with its VR.
COERCIBLE: Mapping[int, str] = {
    0x00080050: "SH",  # Accession Number
    0x00100010: "PN",  # Patient's Name
    PATIENT_ID: "LO",
    ISSUER: "LO",
    0x00100030: "DA",  # Patient's Birth Date
    0x00100040: "CS",  # Patient's Sex
}
# What says something about a value, and would be wrong beside another one.
_QUALIFIERS: Mapping[int, int] = {PATIENT_ID: 0x00100024, 0x00080050: 0x00080051}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedValue:
    """One attribute before and after, as text."""

    tag: int
    before: str = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coerced:
    """A whole file with the new values, in the transfer syntax it had.

    `changed` is empty when the file said all that already: `data` are the bytes of the source then.
    """

    data: bytes = field(repr=False)
    transfer_syntax: str
    changed: tuple[ChangedValue, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCoercible:
    """The file stays as it is: why."""

    finding: Finding


UNREADABLE = Rule(
    id="MK-IDN-020",
    severity=Severity.ERROR,
    title="its values cannot be replaced: {why}",
    ref="PS3.10 7",
    hint="the file is damaged or malformed: ask the sender for it again",
)
VALUE_UNFIT = Rule(
    id="MK-IDN-021",
    severity=Severity.ERROR,
    title="the new value does not fit the attribute: {why}",
    ref="PS3.5 6.2",
    hint="correct it where it comes from: the map, the worklist or the patient register",
)


def coerce(stream: BinaryIO, changes: Mapping[int, str], note: CoercionNote) -> Coerced | NotCoercible:
    """Exchange attributes of a file; `changes` are new values by tag, "" to empty one.

    Where the Patient ID changes, the old one goes to Other Patient IDs Sequence. Text is written in the
    character set of the file; when that cannot hold a new value, all text of the file goes to UTF-8.
    Raises ValueError for a tag that is not `COERCIBLE`, and OSError when the stream does.
    """
    unknown = sorted(changes.keys() - COERCIBLE.keys())
    if unknown:
        raise ValueError(f"{tag_text(unknown[0])} is not exchanged")
    for tag, value in changes.items():
        if why := why_unfit(COERCIBLE[tag], value):
            return NotCoercible(finding=VALUE_UNFIT.at(Where(tag=tag), why=why))
    try:
        opened = part10.open_whole(stream)
        parts, tail = spans(opened.body, opened.encoding)
        if not parts:
            raise part10.Unreadable("it has no data set")
        work = _Work(opened, parts, tail, note)
        return work.done({tag: value.strip(" ") for tag, value in changes.items()})
    except _Refused as exc:
        return NotCoercible(finding=exc.finding)
    except (part10.Unreadable, Unwalkable) as exc:
        return NotCoercible(finding=UNREADABLE.at(why=str(exc)))


class _Refused(Exception):  # noqa: N818 - an answer, turned into a value by `coerce`
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule.id)
        self.finding = finding


IN_UTF_8 = Rule(
    id="MK-IDN-022",
    severity=Severity.NOTE,
    title="all text was rewritten in UTF-8: its character set cannot hold the new values",
    ref="PS3.5 6.1.2.3",
    hint="nothing needs to be done",
)
UNKNOWN_TEXT = Rule(
    id="MK-IDN-023",
    severity=Severity.WARNING,
    title="{count:element|elements} of unknown VR were not converted to UTF-8: text in them can no "
    "longer be read",
    ref="PS3.5 6.2.2",
    hint="private elements in Implicit VR are like that; the replaced values are right",
)
NOT_IN_UTF_8 = Rule(
    id="MK-IDN-024",
    severity=Severity.ERROR,
    title="its character set cannot hold the new values, and its text cannot be converted to UTF-8: {why}",
    ref="PS3.5 6.1.2.3",
    hint="give values that its character set holds (a transliterated name), or have the file corrected",
)
NONCONFORMING = Rule(
    id="MK-IDN-025",
    severity=Severity.NOTE,
    title="the old value was not legal for its VR; its bytes are kept as Nonconforming Modified Attributes",
    ref="PS3.3 C.12.1.1.9",
    hint="nothing needs to be done",
)
SIGNATURE_BROKEN = Rule(
    id="MK-IDN-026",
    severity=Severity.WARNING,
    title="its digital signatures are no longer valid: they cover what was replaced",
    ref="PS3.15 C",
    hint="the file on the medium is unchanged; keep it where the signature matters",
)
ODD_SEQUENCE = Rule(
    id="MK-IDN-027",
    severity=Severity.ERROR,
    title="a sequence that has to be extended is not encoded as one",
    ref="PS3.5 6.2.2",
    hint="have the file corrected by the system that wrote it",
)


class _Work:
    """One file that is being changed."""

    def __init__(self, opened: Opened, parts: tuple[Span, ...], tail: memoryview, note: CoercionNote) -> None:
        self._opened = opened
        self._encoding = opened.encoding
        self._parts = parts
        self._old = {part.tag: part for part in reversed(parts)}  # the first of equal tags counts
        self._tail = tail
        self._note = note
        self._charset = self._charset_now()
        self._findings: list[Finding] = []
        self._before: dict[int, Previous] = {}

    def done(self, wanted: Mapping[int, str]) -> Coerced:
        syntax = self._opened.syntax(has_fragments=any(part.is_fragments for part in self._parts))
        changes = self._real(wanted)
        if not changes:
            return Coerced(data=bytes(self._opened.whole), transfer_syntax=syntax, changed=())
        changed = tuple(
            ChangedValue(tag=tag, before=self._text(tag), after=changes[tag]) for tag in sorted(changes)
        )
        self._remember(changes)
        foreign = self._foreign_id(changes)
        new = self._settled(changes)
        if foreign is not None:
            new[OTHER_IDS] = self._extended(OTHER_IDS, self._other_id(*foreign))
        for tag in self._stale(changes):
            new[tag] = encoded(tag, "SQ", b"", self._encoding)
        new[ORIGINAL_ATTRIBUTES] = self._extended(ORIGINAL_ATTRIBUTES, self._told())
        if is_signed(self._parts, new.keys(), self._encoding):
            self._findings.append(SIGNATURE_BROKEN.at())
        body = b"".join((*exchanged(self._parts, new, self._encoding), self._tail))
        return Coerced(
            data=b"".join((self._opened.head, _deflated(body) if self._opened.opening.is_deflated else body)),
            transfer_syntax=syntax,
            changed=changed,
            findings=tuple(self._findings),
        )

    def _real(self, wanted: Mapping[int, str]) -> dict[int, str]:
        """Return what is not so yet. The issuer of the old Patient ID does not stay with a new one."""
        changes = {
            tag: value for tag, value in wanted.items() if self._text(tag) != value or self._twice(tag)
        }
        if PATIENT_ID in changes and ISSUER not in wanted and self._text(ISSUER):
            changes[ISSUER] = ""
        return changes

    def _stale(self, changes: Mapping[int, str]) -> list[int]:
        found = [self._old.get(_QUALIFIERS[tag]) for tag in _QUALIFIERS if tag in changes]
        return [part.tag for part in found if part is not None and part.value]

    def _charset_now(self) -> bytes:
        part = self._old.get(SPECIFIC_CHARACTER_SET)
        return b"" if part is None else bytes(part.value).strip(b" \0")

    def _twice(self, tag: int) -> bool:
        """Return True when elements with one tag disagree: all of them get the new value."""
        values = {bytes(part.value) for part in self._parts if part.tag == tag}
        return len(values) > 1

    def _text(self, tag: int) -> str:
        part = self._old.get(tag)
        return (
            "" if part is None else text.decode(bytes(part.value), self._charset, COERCIBLE[tag]).strip(" \0")
        )

    def _remember(self, changes: Mapping[int, str]) -> None:
        """Keep the values before, of what changes and of what is named with it."""
        tags = set(changes) | ({ISSUER} if PATIENT_ID in changes else set())
        for tag in tags:
            self._before[tag] = self._previous(tag)
        for tag in self._stale(changes):
            self._before[tag] = Previous(tag=tag, vr="SQ", raw=self._old[tag].raw)

    def _previous(self, tag: int) -> Previous:
        vr, part = COERCIBLE[tag], self._old.get(tag)
        if part is None or not part.value:
            return Previous(tag=tag, vr=vr)
        if conforms(vr, bytes(part.value), self._charset):
            return Previous(tag=tag, vr=vr, raw=part.raw)
        self._findings.append(NONCONFORMING.at(Where(tag=tag)))
        return Previous(tag=tag, vr=vr, nonconforming=bytes(part.value))

    def _foreign_id(self, changes: Mapping[int, str]) -> tuple[str, str] | None:
        """Return the old Patient ID and its issuer, when they have to be kept as another ID."""
        old = self._text(PATIENT_ID)
        if PATIENT_ID not in changes or not old or self._before[PATIENT_ID].nonconforming is not None:
            return None
        part = self._old.get(OTHER_IDS)
        self._before[OTHER_IDS] = Previous(tag=OTHER_IDS, vr="SQ", raw=b"" if part is None else part.raw)
        issuer = self._text(ISSUER) if self._before[ISSUER].nonconforming is None else ""
        return old, issuer

    def _settled(self, changes: Mapping[int, str]) -> dict[int, Buffer]:
        """Return the new elements, in the character set of the file or, with all its text, in UTF-8."""
        charset = self._charset.decode("latin-1")
        try:
            values = {tag: _exact(value, charset, COERCIBLE[tag]) for tag, value in changes.items()}
            text.encode(self._note.system + self._note.source, charset)
        except ValueError:
            self._turn_to_utf_8()
            values = {tag: value.encode("utf-8") for tag, value in changes.items()}
        new: dict[int, Buffer] = {
            tag: encoded(tag, COERCIBLE[tag], value, self._encoding) for tag, value in values.items()
        }
        if self._charset != charset.encode("latin-1"):
            new[SPECIFIC_CHARACTER_SET] = encoded(SPECIFIC_CHARACTER_SET, "CS", self._charset, self._encoding)
        return new

    def _turn_to_utf_8(self) -> None:
        old = self._old.get(SPECIFIC_CHARACTER_SET)
        try:
            turned = in_utf_8(self._opened.body, self._encoding)
        except Unconvertible as exc:
            raise _Refused(NOT_IN_UTF_8.at(Where(tag=exc.tag), why=exc.why)) from exc
        self._before[SPECIFIC_CHARACTER_SET] = Previous(
            tag=SPECIFIC_CHARACTER_SET, vr="CS", raw=b"" if old is None else old.raw
        )
        self._parts, self._tail = spans(memoryview(turned.body), self._encoding)
        self._old = {part.tag: part for part in reversed(self._parts)}
        self._charset = UTF_8.encode("ascii")
        self._findings.append(IN_UTF_8.at())
        if turned.unknown:
            self._findings.append(UNKNOWN_TEXT.at(count=turned.unknown))

    def _other_id(self, patient_id: str, issuer: str) -> bytes:
        charset = self._charset.decode("latin-1")
        elements = [encoded(PATIENT_ID, "LO", text.encode(patient_id, charset), self._encoding)]
        if issuer:
            elements.append(encoded(ISSUER, "LO", text.encode(issuer, charset), self._encoding))
        elements.append(encoded(0x00100022, "CS", b"TEXT", self._encoding))
        qualifiers = self._old.get(_QUALIFIERS[PATIENT_ID])
        if qualifiers is not None and qualifiers.value:
            elements.append(bytes(qualifiers.raw))
        return item(elements, self._encoding)

    def _told(self) -> bytes:
        charset = self._charset.decode("latin-1")
        return original_attributes_item(tuple(self._before.values()), self._note, self._encoding, charset)

    def _extended(self, tag: int, one_more: bytes) -> bytes:
        """Return a sequence with one item more; those it has stay as they are."""
        part = self._old.get(tag)
        items = b"" if part is None or not part.value else self._items(part)
        return encoded(tag, "SQ", items + one_more, self._encoding)

    def _items(self, part: Span) -> bytes:
        """Return the items of a sequence; one of VR UN is Implicit VR inside (PS3.5 6.2.2)."""
        value = bytes(part.value)
        is_items = value[:4] == b"\xfe\xff\x00\xe0"
        if part.vr == "SQ" or (self._encoding is Encoding.IMPLICIT_LITTLE and is_items):
            return value
        if self._encoding is Encoding.EXPLICIT_LITTLE and part.vr == "UN" and is_items:
            implicit = encoded(part.tag, "SQ", value, Encoding.IMPLICIT_LITTLE)
            (found,) = recode(memoryview(implicit), Encoding.IMPLICIT_LITTLE)
            if found.vr == "SQ":
                return bytes(found.value)
        raise _Refused(ODD_SEQUENCE.at(Where(tag=part.tag)))


def _exact(value: str, charset: str, vr: str) -> bytes:
    """Return a value in a character set. Raises ValueError when it would not be read again as it is."""
    raw = text.encode(value, charset)
    if text.decode(raw, charset.encode("latin-1"), vr) != value:
        raise ValueError("the character set cannot hold this text")
    return raw


def _deflated(body: bytes) -> bytes:
    """Return a data set as one deflate stream (PS3.5 A.5)."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    stream = deflater.compress(body) + deflater.flush()
    return stream + b"\0" * (len(stream) % 2)
