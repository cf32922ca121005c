"""The header scan: a stream of one file -> an `Instance`, or the reason why it is none.

Bounded reads, no pixel data, no open of any path. Files are recognised by content, never by name. Bytes
never raise here: whatever is wrong with them comes back as a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from struct import Struct as Packing

from msgspec import Struct

from mediakit.dicom import scanned as scanning
from mediakit.dicom.bounded_read import Malformed, Readable, Window
from mediakit.dicom.dataset import End, Found, PixelElement, check_to_the_end, read_elements
from mediakit.dicom.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    UNDEFINED,
    ElementHeader,
    Encoding,
    dictionary_vr,
)
from mediakit.dicom.fallback import Claims
from mediakit.dicom.instance import Breach, Instance, Note, Tag
from mediakit.dicom.known_headers import Layout, Memo
from mediakit.dicom.opening import NOT_DICOM, TRANSFER_SYNTAX, Opening, check_pixels, meta_note, opened
from mediakit.dicom.packed import Common, Packed
from mediakit.dicom.preamble import program_of
from mediakit.dicom.scanned import Scanned
from mediakit.dicom.sequences import to_explicit_little
from mediakit.dicom.structure import ITEM_START, Faults, check_sequence
from mediakit.dicom.uids import SYNTAXES, SyntaxKind
from mediakit.dicom.wanted import ALSO_WANTED, SHARED_GROUPS, WANTED
from mediakit.findings import Finding
from mediakit.outcome import State

FIRST_READ = (8192, 65536)  # least and most bytes of the first read; it follows the headers met
POOL = 8192  # values that are kept to be shared between headers
PLACES = 1024  # combinations of elements whose places are kept to be shared

_PREAMBLE = 128
_ZEROS = bytes(_PREAMBLE)
_NOTHING: Mapping[Tag, bytes] = {}
_NO_VALUES = Packed(Common(_NOTHING, {}), ())
_REMEMBERED = frozenset({SyntaxKind.NATIVE, SyntaxKind.IMAGE, SyntaxKind.VIDEO})
_PIXEL_VRS = frozenset({b"OB", b"OW"})
_VR_AND_LENGTH = Packing("<2s2xI")
_PIXEL_DATA = b"\xe0\x7f\x10\x00"  # (7FE0,0010), little endian


class Unusable(Struct, frozen=True):
    """A file that gives no instance: `state` is NOT_DICOM or UNREADABLE, `finding` says why."""

    state: State
    finding: Finding


class _Form(Struct, frozen=True):
    """What the quick path has to know of a transfer syntax, by the bytes that declare it."""

    syntax: str
    encoding: Encoding
    is_encapsulated: bool
    memo: Memo

    def pixels_at(self, head: bytes, offset: int) -> PixelElement | None:
        """Return the element (7FE0,0010) at an offset; None when its header is not the usual one."""
        start = offset + (8 if self.encoding.implicit else 12)
        if start > len(head):
            return None
        if self.encoding.implicit:
            length = int.from_bytes(head[start - 4 : start], "little")
        else:
            vr, length = _VR_AND_LENGTH.unpack_from(head, offset + 4)
            if vr not in _PIXEL_VRS:
                return None
        return PixelElement(0x7FE00010, start, None if length == UNDEFINED else length)


class Scanner:
    """Reads headers of many files; files that resemble earlier ones are read faster. For one thread.

    Usage: `Scanner().read(stream, size, source, path)`.
    """

    def __init__(self, extra_tags: Iterable[Tag] = ()) -> None:
        """`extra_tags` are wanted beyond those of `wanted`: the keys of user profiles."""
        self._wanted = {tag: vr.encode("ascii") for tag, vr in {**WANTED, **ALSO_WANTED}.items()}
        self._wanted[SHARED_GROUPS] = b"SQ"
        for tag in set(extra_tags) - self._wanted.keys():
            self._wanted[tag] = dictionary_vr(tag)
        self._meta_memo = Memo(EXPLICIT_LITTLE, None)
        self._explicit_memo = Memo(EXPLICIT_LITTLE, self._wanted)
        self._implicit_memo = Memo(IMPLICIT_LITTLE, self._wanted)
        self._forms: dict[bytes, _Form] = {}
        self._claims = Claims()
        self._first = FIRST_READ[0]
        self._pool: dict[bytes, bytes] = {}
        self._places: dict[tuple[Tag, ...], Common] = {}
        self._sequences: dict[bytes, bytes] = {}  # sound ones, and what they became

    def read(
        self, stream: Readable, size: int, source: str, path: str, modified_ns: int = 0
    ) -> Instance | Unusable:
        """Return the instance that a file holds, or why it holds none.

        `size` is the size of the file in bytes; `source`, `path` and `modified_ns` are only passed on. The
        stream is read from its start and left anywhere. OSError passes through; nothing else is raised.
        """
        try:
            scanned = self.scan(stream, size)
            if Note.PREAMBLE_USED in scanned.notes:
                stream.seek(0)
                scanned.program = program_of(stream.read(_PREAMBLE))
            return scanning.instance(scanned, source, path, size, modified_ns)
        except Malformed as broken:
            is_other = (
                broken.rule is NOT_DICOM and size > 0
            )  # an empty file may be an instance whose copy failed
            state = State.NOT_DICOM if is_other else State.UNREADABLE
            return Unusable(state, broken.finding(path))

    def scan(self, stream: Readable, size: int) -> Scanned:
        """Return what stands in the header of a file, whatever instance it may be. Raises Malformed."""
        want = min(self._first, size)
        head = stream.read(want)
        while len(head) < want and (part := stream.read(want - len(head))):
            head += part
        return self._quick(stream, size, head) or self._plain(stream, size, head)

    def _quick(self, stream: Readable, size: int, head: bytes) -> Scanned | None:
        """Return the header of a file that is laid out like one seen before; None for any other file."""
        found = self._meta_memo.match(head, 132, size) if head.startswith(b"DICM", 128) else None
        if found is None:
            return None
        layout, raw, start = found
        meta = Packed(layout.common, self._pooled(raw))
        form = self._forms.get(meta[TRANSFER_SYNTAX])
        found = None if form is None else form.memo.match(head, start, size)
        if form is None or found is None:
            return None
        layout, raw, end = found
        if layout.sequences and not self._has_sound_sequences(layout, raw, form.encoding):
            return None
        values = Packed(layout.common, self._pooled(raw))
        notes = [] if head.startswith(_ZEROS) else [Note.PREAMBLE_USED]
        noted = meta_note(meta, start - 132)
        if noted is not None:
            notes.append(noted)
        if not layout.follows:
            return Scanned(meta, values, _NO_VALUES, None, form.syntax, notes)
        pixels = form.pixels_at(head, end)
        if pixels is None:
            return None
        scanned = Scanned(meta, values, _NO_VALUES, pixels, form.syntax, notes)
        length = pixels.length
        if form.is_encapsulated or length is None or length & 1 or pixels.offset + length != size:
            _check_end(Window(stream, size, head), scanned, pixels, form.encoding)
        return None if _is_out_of_order(scanned) else scanned

    def _plain(self, stream: Readable, size: int, head: bytes) -> Scanned:
        """Return the header of any file, element by element. Raises Malformed."""
        opening = opened(stream, size, head, self._claims)
        window, start = opening.window, opening.offset
        found = read_elements(window, start, opening.encoding, self._wanted)
        notes = [*opening.notes, Note.ODD_VR] if found.odd_vr else opening.notes
        for fault in opening.faults.found:
            found.faults.add(*fault)
        scanned = Scanned(
            self._packed_plain(opening.meta),
            self._packed_plain(found.values),
            self._packed_plain(found.shared),
            found.pixels,
            opening.syntax,
            notes,
            found.faults,
        )
        if found.tail is not None:
            notes.append(found.tail)
        if found.pixels is not None:
            in_head = window.start == 0
            end = _check_end(window, scanned, found.pixels, opening.encoding)
            if _is_out_of_order(scanned):
                self._take_behind(window, scanned, found, end, opening.encoding)
            self._first = min(max(FIRST_READ[0], -(-found.end // 4096) * 4096 + 4096), FIRST_READ[1])
            if in_head and found.plain and found.pixels.tag == 0x7FE00010:
                self._learn(head, opening, found, _PIXEL_DATA)
        elif window.start == 0 and found.plain and found.end == size:
            self._learn(head, opening, found, b"")
        return scanned

    def _take_behind(
        self, window: Window, scanned: Scanned, found: Found, end: End, encoding: Encoding
    ) -> None:
        """Take the values of elements that stand behind pixel data and belong in front of them."""
        behind = read_elements(window.until(end.offset), end.pixels, encoding, self._wanted)
        for tag in behind.values.keys() & found.values.keys():
            scanned.faults.add(Breach.TWICE, tag)
        scanned.values = self._packed_plain(dict(sorted((found.values | behind.values).items())))

    def _learn(self, head: bytes, opening: Opening, found: Found, follows: bytes) -> None:
        """Remember how a sound file is laid out, when its meta information is there and true."""
        syntax = SYNTAXES.get(opening.declared)
        if syntax is None or syntax.big_endian or syntax.kind not in _REMEMBERED:
            return
        if opening.declared != opening.syntax or not head.startswith(b"DICM", 128):
            return
        if found.faults.found or not opening.is_orderly:
            return
        encoding = opening.encoding
        memo = self._implicit_memo if encoding.implicit else self._explicit_memo
        start = opening.offset
        size = opening.window.size
        if self._meta_memo.match(head, 132, size) is None:
            self._meta_memo.learn(head, 132, start, head[start : start + 4], opening.meta)
        if memo.match(head, start, size) is None:
            memo.learn(head, start, found.end, follows, found.values)
        if len(self._forms) < 64:
            form = _Form(opening.syntax, encoding, syntax.is_encapsulated, memo)
            self._forms[opening.meta[TRANSFER_SYNTAX]] = form

    def _packed_plain(self, values: dict[Tag, bytes]) -> Packed:
        """Return the values of a header without a layout; the places of its tags are shared all the same."""
        if not values:
            return _NO_VALUES
        tags = tuple(values)
        common = self._places.get(tags)
        if common is None:
            if len(self._places) >= PLACES:
                self._places.clear()
            places = {tag: place for place, tag in enumerate(tags)}
            common = self._places[tags] = Common(_NOTHING, places)
        return Packed(common, self._pooled(list(values.values())))

    def _pooled(self, values: list[bytes]) -> tuple[bytes, ...]:
        """Return the values, each the one object that other headers with the same value hold."""
        pool = self._pool
        if len(pool) > POOL:
            pool.clear()
        return tuple(map(pool.setdefault, values, values))

    def _has_sound_sequences(self, layout: Layout, raw: list[bytes], encoding: Encoding) -> bool:
        """Return True when no sequence has a fault; in `raw` wanted ones become as `Header` promises."""
        for place, tag, is_wanted in layout.sequences:
            content = self._sequence(tag, raw[place], encoding)
            if content is None:
                return False
            raw[place] = content if is_wanted else b""
        return True

    def _sequence(self, tag: Tag, content: bytes, encoding: Encoding) -> bytes | None:
        """Return a sequence as `Header` promises, None when it has faults; the same bytes are walked once.

        Raises Malformed.
        """
        known = self._sequences.get(content)
        if known is None:
            faults, window = Faults(), Window(BytesIO(), len(content), content)
            if not encoding.implicit or content.startswith(ITEM_START):
                check_sequence(window, 0, ElementHeader(tag, b"SQ", 0, len(content)), encoding, faults)
            if faults.found:
                return None
            if len(self._sequences) > 1024:
                self._sequences.clear()
            known = self._sequences[content] = to_explicit_little(content, encoding)
        return known


def _is_out_of_order(scanned: Scanned) -> bool:
    found = scanned.faults.found  # empty for nearly all
    return bool(found) and any(fault.breach is Breach.ORDER for fault in found)


def _check_end(window: Window, scanned: Scanned, pixels: PixelElement, encoding: Encoding) -> End:
    """Check pixel data and what follows them. Raises Malformed."""
    check_pixels(scanned.syntax, pixels)
    end = check_to_the_end(window, pixels, encoding, scanned.faults)
    scanned.fragments = end.fragments
    if end.tail is not None:
        scanned.notes.append(end.tail)
    return end
