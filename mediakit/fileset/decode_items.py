"""The Directory Record Sequence (0004,1220) to raw records: what stands in each item; no offset is followed.

The position only ever moves forward, so the work is linear in the size of the file, whatever it holds.
"""

from __future__ import annotations

from enum import Enum, auto
from struct import Struct

import msgspec

from mediakit.dicom.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, ITEM, ITEM_END, SEQUENCE_END, UNDEFINED
from mediakit.dicom.instance import Tag
from mediakit.fileset.decode_findings import FindingList
from mediakit.fileset.decode_values import (
    ELEMENT_LE,
    SHORT_VRS,
    Source,
    Unreadable,
    read_sequence,
)
from mediakit.fileset.record import Key
from mediakit.findings import Rule, Severity, tag_text
from mediakit.limits import MAX_RECORDS

MAX_ELEMENTS = 4_000  # of one record: the largest have some 20
_SHORT = 72  # bytes of an element that is worth remembering
_MOST_KNOWN = 8192

TRUNCATED = Rule(
    id="MK-DIR-007",
    severity=Severity.ERROR,
    title="the directory ends in the middle of a record or element",
    ref="PS3.5 7.5",
    hint="the copy is incomplete: read the medium again; the files themselves may be whole",
)
LENGTH_WRONG = Rule(
    id="MK-DIR-008",
    severity=Severity.ERROR,
    title="the length of {what} is wrong; its end was found from its content",
    ref="PS3.5 7.5",
    hint="readers that trust the length lose records; `mediakit repair` rewrites it",
)
BROKEN_ELEMENT = Rule(
    id="MK-DIR-010",
    severity=Severity.ERROR,
    title="the bytes at {offset} are not an element; the rest of the record was skipped",
    ref="PS3.5 7.1",
    hint="what the record says is incomplete; `mediakit repair` rewrites it from the files",
)
LOST_BYTES = Rule(
    id="MK-DIR-011",
    severity=Severity.ERROR,
    title="{count:byte|bytes} at {offset} are not a directory record and were skipped",
    ref="PS3.3 F.3.2.2",
    hint="they may have been records of images: compare with the files on the medium",
)
TOO_MUCH = Rule(
    id="MK-DIR-029",
    severity=Severity.ERROR,
    title="there are more than {limit} {what}; the rest was not read",
    ref="PS3.3 F.3.2.2",
    hint="no real medium has such a directory, or it is an attack: do not import from it",
)
KEY_ORDER = Rule(
    id="MK-DIR-031",
    severity=Severity.ERROR,
    title="{tag} is out of ascending order, or comes twice; the first one counts",
    ref="PS3.5 7.1",
    hint="most readers do not mind; strict ones refuse the directory",
)

ODD_LENGTH = Rule(
    id="MK-DIR-037",
    severity=Severity.ERROR,
    title="the length of {tag} is odd",
    ref="PS3.5 7.1.1",
    hint="strict readers refuse the directory; `mediakit repair` rewrites it",
)

# Elements that make the tree and the reference; all others are keys.
_STRUCTURE = {  # each leads to the one object that all records have for it: a number of their own takes room
    tag: tag
    for tag in (
        *(0x00041400, 0x00041410, 0x00041420, 0x00041430, 0x00041500, 0x00041504),
        *(0x00041510, 0x00041511, 0x00041512, 0x0004151A, 0x00041600),
    )
}
_REPEATED = frozenset(
    {0x00041430, 0x00041510, 0x00041512}
)  # types, classes and syntaxes: a few values in all


_ITEM_OR_END = frozenset({ITEM, SEQUENCE_END})


class _Closed(Enum):
    """What ended the elements of an item."""

    BY_LENGTH = auto()
    BY_DELIMITER = auto()
    BY_NEXT = auto()  # the next item, or the end of the sequence, where an element should be


# The three elements that every record begins with, at the same place in every sound one.
HEAD = Struct("<8sI8sH8sI")
HEAD_NEXT, HEAD_IN_USE, HEAD_LOWER = b"\4\0\0\x14UL\4\0", b"\4\0\x10\x14US\2\0", b"\4\0\x20\x14UL\4\0"


class RawRecord(msgspec.Struct):
    """One item of the sequence. `fields` holds the other elements of structure by tag, in little endian.

    `next`, `in_use` and `lower` are (0004,1400), (0004,1410) and (0004,1420); None when absent.
    """

    start: int
    next: int | None = None
    in_use: int | None = None
    lower: int | None = None
    fields: dict[Tag, bytes] = msgspec.field(default_factory=dict)
    keys: list[Key] = msgspec.field(default_factory=list)
    is_ordered: bool = True

    def number(self, tag: Tag) -> int | None:
        """Return a value of structure as a number; None when it is absent or empty."""
        value = self.fields.get(tag)
        return int.from_bytes(value[:4], "little") if value else None

    def release(self) -> None:
        """Let go of what the record holds, once it is made: raw records take twice the room of made ones."""
        self.fields = {}
        self.keys = []

    @property
    def type(self) -> str:
        """Return the Directory Record Type without padding; "" when absent."""
        return self.fields.get(0x00041430, b"").strip(b" \0").decode("latin-1")


def read_records(source: Source, pos: int, length: int, findings: FindingList) -> tuple[list[RawRecord], int]:
    """Return the records of a sequence that begins at `pos`, in the order of the file, and where it ends.

    An item or a sequence whose length is wrong is read by its content. After bytes that are nothing, reading
    goes on at the next item that begins as a record does.
    """
    return _Reader(source, findings).run(pos, length)


def next_record(source: Source, pos: int) -> int | None:
    """Return the first position from `pos` on where an item begins as a record does, or None."""
    marker = source.marker
    at = source.data.find(marker, pos + 8)
    while at >= 0:
        if source.tag(at - 8)[0] == ITEM:
            return at - 8
        at = source.data.find(marker, at + 1)
    return None


class _Reader:
    def __init__(self, source: Source, findings: FindingList) -> None:
        self._source = source
        self._data = source.data
        self._findings = findings
        self._records: list[RawRecord] = []
        self._known: dict[bytes, Key] = {}
        self._repeated: dict[bytes, bytes] = {}

    def run(self, pos: int, length: int) -> tuple[list[RawRecord], int]:
        size = len(self._data)
        end = size if length == UNDEFINED else pos + length
        if end > size:
            self._findings.add(TRUNCATED, record=pos)
            end = size
        is_past_told = False
        while pos + 8 <= size:
            tag, item_length = self._source.tag(pos)
            if pos >= end and length != UNDEFINED:
                if tag != ITEM:
                    return self._records, pos
                if not is_past_told:
                    self._findings.add(LENGTH_WRONG, record=pos, what="Directory Record Sequence")
                    is_past_told = True
            if len(self._records) >= MAX_RECORDS:
                self._findings.add(TOO_MUCH, limit=MAX_RECORDS, what="directory records")
                return self._records, size
            if tag == ITEM:
                pos = self._item(pos, item_length, end if pos < end else size)
            elif tag == SEQUENCE_END:
                return self._records, pos + 8
            else:
                pos = self._passed_over(pos, size)
        if length == UNDEFINED or 0 < size - pos < 8:
            self._findings.add(TRUNCATED, record=pos)
        return self._records, size

    def _passed_over(self, pos: int, size: int) -> int:
        found = next_record(self._source, pos)
        to = size if found is None else found
        self._findings.add(LOST_BYTES, count=to - pos, offset=pos)
        return to

    def _item(self, start: int, length: int, limit: int) -> int:
        """Read one item and return where the next one is to be looked for.

        The length of an item is believed when an item, or the end of the sequence, stands behind it.
        """
        record = RawRecord(start)
        self._records.append(record)
        stated = None if length == UNDEFINED else start + 8 + length
        is_sound = stated is not None and (stated == limit or self._is_item_or_end(stated))
        end = stated if stated is not None and is_sound else limit
        is_cut = stated is not None and stated > len(self._data)
        try:
            pos, closed = self._elements(record, start + 8, end)
        except Unreadable as broken:
            _set_links(record)
            if broken.at == stated:  # the length was right, and what stands behind it is no item
                return stated
            self._findings.add(TRUNCATED if is_cut else BROKEN_ELEMENT, record=start, offset=broken.at)
            return end if is_sound else self._resumed(broken.at)
        _set_links(record)
        is_right = (
            closed is _Closed.BY_DELIMITER if stated is None else is_sound and closed is _Closed.BY_LENGTH
        )
        if not is_right:
            is_cut = is_cut or pos >= len(self._data)
            self._findings.add(TRUNCATED if is_cut else LENGTH_WRONG, record=start, what="record")
        return pos

    def _resumed(self, pos: int) -> int:
        found = next_record(self._source, pos)
        return len(self._data) if found is None else found

    def _is_item_or_end(self, pos: int) -> bool:
        if pos + 8 > len(self._data):
            return pos == len(self._data)
        return self._source.tag(pos)[0] in _ITEM_OR_END

    def _elements(self, record: RawRecord, pos: int, end: int) -> tuple[int, _Closed]:
        """Read elements up to `end`; return where they end and what closed them."""
        data, source = self._data, self._source
        header, is_plain = source.header, source.encoding is EXPLICIT_LITTLE
        fields, keys = record.fields, record.keys
        pos, below = self._sound_elements(record, pos, end) if is_plain else (pos, 0)
        while pos < end:
            tag, vr, length, begin = header(data, pos, end)
            if not vr:  # a delimiter, or the next item where an element should be
                if tag == ITEM_END:
                    return begin, _Closed.BY_DELIMITER
                if tag in _ITEM_OR_END:
                    return pos, _Closed.BY_NEXT
                raise Unreadable(pos)
            if vr == "SQ" or length == UNDEFINED:
                value, pos = self._sequence(vr, pos, (begin, length), end)
                vr = "SQ"
            else:
                if begin + length > end:
                    raise Unreadable(pos)
                pos = begin + length
                value = data[begin:pos] if is_plain else source.plain(vr, data[begin:pos])
            self._check(record, tag, length, below)
            below = tag
            if tag in _STRUCTURE:
                fields.setdefault(tag, value)
            else:
                keys.append(Key(tag, vr, value))
                if len(keys) > MAX_ELEMENTS:
                    self._findings.add(TOO_MUCH, record=record.start, limit=MAX_ELEMENTS, what="elements")
                    raise Unreadable(pos)
        return pos, _Closed.BY_LENGTH

    def _check(self, record: RawRecord, tag: Tag, length: int, below: Tag) -> None:
        if tag <= below:
            self._findings.add(KEY_ORDER, record=record.start, tag=tag_text(tag))
            record.is_ordered = False
        if length & 1 and length != UNDEFINED:
            self._findings.add(ODD_LENGTH, record=record.start, tag=tag_text(tag))

    def _sound_elements(self, record: RawRecord, pos: int, end: int) -> tuple[int, Tag]:
        """Read as many elements as have a short VR, fit and ascend: nearly all of nearly every record.

        The fast way through Explicit VR Little Endian. Returns the position of the first element that is
        anything else, and the last tag that was read.
        """
        data, unpack, names = self._data, ELEMENT_LE.unpack_from, SHORT_VRS
        fields, add, repeated = record.fields, record.keys.append, self._repeated.setdefault
        below, known_keys = 0, self._known
        if pos + HEAD.size <= end:
            head = HEAD.unpack_from(data, pos)
            if head[0] == HEAD_NEXT and head[2] == HEAD_IN_USE and head[4] == HEAD_LOWER:
                _, record.next, _, record.in_use, _, record.lower = head
                pos, below = pos + HEAD.size, 0x00041420
        for _ in range(MAX_ELEMENTS):
            if pos + 8 > end:
                break
            group, element, code, length = unpack(data, pos)
            tag = group << 16 | element
            vr = names.get(code)
            after = pos + 8 + length
            if vr is None or tag <= below or after > end or length & 1:
                break
            known = _STRUCTURE.get(tag)
            if known is not None:
                value = data[pos + 8 : after]
                fields[known] = repeated(value, value) if known in _REPEATED else value
            else:
                raw = data[pos:after]
                add(known_keys.get(raw) or self._key(tag, vr, raw))
            pos, below = after, tag
        return pos, below

    def _key(self, tag: Tag, vr: str, element: bytes) -> Key:
        """Return a key that is not known yet, and keep it: most are the same in record after record."""
        key = Key(tag, vr, element[8:])
        if len(element) <= _SHORT:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[element] = key
        return key

    def _sequence(self, vr: str, pos: int, extent: tuple[int, int], end: int) -> tuple[bytes, int]:
        source = self._source
        if vr == "UN":  # PS3.5 6.2.2
            source = Source(source.data, IMPLICIT_LITTLE, source.work)
        begin, length = extent
        try:
            return read_sequence(source, begin, length, end)
        except Unreadable as inner:
            raise Unreadable(pos) from inner


def _set_links(record: RawRecord) -> None:
    """Fill in what the head of the record did not give."""
    if record.next is None:
        record.next = record.number(0x00041400)
    if record.in_use is None:
        record.in_use = record.number(0x00041410)
    if record.lower is None:
        record.lower = record.number(0x00041420)
