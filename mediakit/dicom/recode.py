"""Write the elements of any native encoding in Explicit or Implicit VR Little Endian, values untouched.

Nothing is parsed into Python values and back: bytes of the source are carried over, or have their words
swapped when they come from Big Endian. Odd values, padding and private elements stay what they are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct

from mediakit.dicom.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    VR_NAMES,
    Encoding,
    dictionary_vrs,
)
from mediakit.dicom.stored import Stored
from mediakit.dicom.values import TEXT_VR_NAMES, WIDTHS, swapped
from mediakit.dicom.walk import Step, Token, Unwalkable, Walker
from mediakit.dicom.write import Buffer, NestedWriter, fitting_vr, header, item_header, pad

_WORD_BYTES: Mapping[str, int] = {code.decode("ascii"): width for code, width in WIDTHS.items()}
_PIXEL_REPRESENTATION = 0x00280103
_SHORT, _LONG = Struct("<HH2sH"), Struct("<8xI")
_QUICK_LONG = LONG_VRS - {b"SQ", b"UN"}
_NO_GROUP = 0xFFFE  # of items and delimiters


@dataclass(frozen=True, slots=True)
class Element:
    """One top-level element in Explicit VR Little Endian.

    `value` holds the value bytes; for a sequence its items, for encapsulated pixel data its fragments,
    both without the delimiter. `undefined` tells that the length field is 0xFFFFFFFF. A `stored` value, of
    an even length, stands for `value`, which is empty then.
    """

    tag: int
    vr: str
    value: Buffer = field(repr=False)
    undefined: bool = False
    stored: Stored | None = field(default=None, repr=False)

    @property
    def is_encapsulated(self) -> bool:
        """Return True for Pixel Data held in fragments."""
        return self.tag == PIXEL_DATA and self.undefined

    def chunks(self) -> Iterator[Buffer]:
        """Yield the encoded element piece by piece, without copying the value."""
        if self.stored is not None:
            yield header(self.tag, self.vr, len(self.stored))
            yield from self.stored.pieces()
            return
        yield header(self.tag, self.vr, UNDEFINED if self.undefined else len(self.value))
        yield self.value
        if self.undefined:
            yield item_header(SEQUENCE_END, 0)


def element(tag: int, vr: str, value: bytes) -> Element:
    """Return a new element, padded to even length as its VR asks."""
    return Element(tag, vr, value + pad(vr, value))


def recode(view: memoryview, encoding: Encoding) -> tuple[Element, ...]:
    """Return the top-level elements of a data set. Raises `Unwalkable` when the bytes are not one.

    Values of odd length are padded (PS3.5 7.1.1); numbers cannot be. Group lengths (gggg,0000) inside
    sequences are left out when lengths change. Those at the top level are given like any other element.
    """
    if encoding is Encoding.EXPLICIT_LITTLE:
        return tuple(_carried(view))
    words = Vrs(view) if encoding is Encoding.IMPLICIT_LITTLE else None
    walker = Walker(view, encoding, words.vr) if words else Walker(view, encoding)
    return tuple(_rewritten(view, iter(walker), words))


def is_group_length(tag: int) -> bool:
    """Return True for (gggg,0000)."""
    return tag & 0xFFFF == 0


def _carried(view: memoryview) -> Iterator[Element]:
    """Yield the elements of Explicit VR Little Endian: slices of the source, unless something is odd."""
    at = 0
    while at < len(view):
        at = yield from _plain(view, at)
        last = yield from _walked(view, at)
        if last is None:
            return
        at = last


def _plain(view: memoryview, at: int) -> Generator[Element, None, int]:
    """Yield the elements from a place on, as long as a look at each header is enough; return where it is not.

    That is most elements of most files, in a third of the time of a walk.
    """
    end = len(view) - _LONG.size
    while at <= end:
        group, number, code, length = _SHORT.unpack_from(view, at)
        begin = at + 8
        if code in _QUICK_LONG:
            length, begin = _LONG.unpack_from(view, at)[0], at + 12
        elif code not in SHORT_VRS:
            break
        if group == _NO_GROUP or length & 1 or begin + length > len(view):
            break
        at = begin + length
        yield Element(group << 16 | number, VR_NAMES[code], view[begin:at])
    return at


def _walked(view: memoryview, begin: int) -> Generator[Element, None, int | None]:
    """Yield the next element, whatever it is; return where it ends, None at the end of all."""
    opened: Token | None = None
    is_odd = False
    for token in Walker(view, Encoding.EXPLICIT_LITTLE, begin=begin):
        if token.depth:
            is_odd = is_odd or (token.step is Step.ELEMENT and bool((token.end - token.start) & 1))
        elif token.step is Step.ELEMENT:
            yield Element(token.tag, token.vr, _padded(token, view[token.start : token.end]))
        elif token.step is Step.FRAGMENTS:
            yield Element(token.tag, token.vr, view[token.start : token.end], undefined=True)
        elif token.step is Step.SEQUENCE:
            opened, is_odd = token, False
        elif opened is not None and is_odd:
            one = view[opened.at : token.next]
            yield from _rewritten(one, Walker(one, Encoding.EXPLICIT_LITTLE), None)
        elif opened is not None:  # SEQUENCE_CLOSED, at the delimiter or at the end of a defined length
            value = view[opened.start : token.at]
            yield Element(opened.tag, opened.vr, value, undefined=opened.end < 0)
        if token.depth == 0 and token.step is not Step.SEQUENCE:
            return token.next
    return None


def _padded(token: Token, value: Buffer) -> Buffer:
    """Return a value of even length. Raises `Unwalkable` for numbers, which no padding makes whole."""
    if len(value) % 2 == 0:
        return value
    vr = token.vr
    if vr != "OW" and _WORD_BYTES.get(vr, 1) > 1:
        raise Unwalkable(f"the length of an element of VR {vr} is odd", token.at, tag=token.tag)
    return b"".join((value, pad(vr, value)))


def _rewritten(view: memoryview, tokens: Iterable[Token], words: Vrs | None) -> Iterator[Element]:
    """Yield the elements of Implicit VR or Big Endian, encoded anew."""
    writer = _Writer(view)
    for token in tokens:
        if words is not None:
            words.met(token)
        if token.depth == 0 and token.step is Step.ELEMENT:
            value = _value(view, token)
            yield Element(token.tag, fitting_vr(token.vr, len(value)), value)
        elif token.depth == 0 and token.step is Step.FRAGMENTS and words is not None:
            # Not allowed, but there are senders that compress and keep Implicit VR.
            yield Element(token.tag, token.vr, view[token.start : token.end], undefined=True)
        elif token.depth == 0 and token.step is Step.SEQUENCE:
            writer = _Writer(view)
            writer.opened = token
        elif token.depth == 0 and token.step is Step.SEQUENCE_CLOSED:
            yield writer.finish(token)
        else:
            writer.take(token)


class _Writer:
    """Collects one top-level sequence. Lengths that were defined stay so."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._nested = NestedWriter()
        self.opened: Token | None = None

    def take(self, token: Token) -> None:
        nested = self._nested
        if self.opened is not None and self.opened.vr == "UN":
            return  # carried whole by `finish`: it is little endian already
        if token.step is Step.ELEMENT:
            if not is_group_length(token.tag):
                value = _value(self._view, token)
                nested.element(token.tag, fitting_vr(token.vr, len(value)), value)
        elif token.step is Step.FRAGMENTS:
            raise Unwalkable("encapsulated pixel data in a native encoding", token.at)
        elif token.step is Step.ITEM:
            nested.open_item(undefined=token.end < 0)
        elif token.step is Step.SEQUENCE:
            nested.open_sequence(token.tag, "SQ", undefined=token.end < 0)
        else:
            nested.close()

    def finish(self, token: Token) -> Element:
        opened = self.opened
        if opened is None:
            raise Unwalkable("a sequence ends that never began", token.at)
        if opened.vr == "UN":
            return Element(opened.tag, "UN", self._view[opened.start : token.at], undefined=True)
        return Element(opened.tag, "SQ", bytes(self._nested.out), undefined=opened.end < 0)


class Contradiction(Exception):  # noqa: N818 - an answer about the bytes, caught by `transcode`
    """An element has another VR than the dictionary gives its tag, which is all that Implicit VR leaves."""

    def __init__(self, tag: int, vr: str, expected: str) -> None:
        super().__init__(f"VR {vr} in place of {expected}")
        self.tag = tag
        self.vr = vr
        self.expected = expected


def _check_vr(tag: int, vr: str, value: Buffer) -> None:
    """Check that a value means the same to a reader who takes its VR from the dictionary (PS3.5 7.1.3).

    UN may hold anything but for a sequence, whose items must be in Implicit VR (PS3.5 6.2.2). Text is text in
    any VR, and bytes are bytes. Private elements and those that the dictionary lacks are UN for such a
    reader. Raises Contradiction.
    """
    expected = dictionary_vrs(tag)
    if vr == "UN" and "SQ" in expected and not _holds_implicit_items(value):
        raise Contradiction(tag, vr, "SQ")
    if not expected or vr in expected or vr == "UN" or tag >> 16 == 0xFFFE:
        return
    if any((vr in TEXT_VR_NAMES and each in TEXT_VR_NAMES) or vr[0] == each[0] == "O" for each in expected):
        return
    raise Contradiction(tag, vr, " or ".join(sorted(expected)))


def _holds_implicit_items(value: Buffer) -> bool:
    try:
        for _ in Walker(memoryview(value), IMPLICIT_LITTLE, of_items=True):
            pass
    except Unwalkable:
        return False
    return True


def implicit_chunks(element: Element) -> Iterator[Buffer]:
    """Yield one top-level element piece by piece, without copying a plain value.

    Sequences keep their kind of length, defined or not; retired group lengths inside them are left out, since
    they would be wrong. Raises `Unwalkable` when a sequence is none, or holds compressed pixels.
    """
    if element.is_encapsulated:
        raise Unwalkable("encapsulated pixel data in a native encoding", 0)
    if element.stored is not None:
        yield item_header(element.tag, len(element.stored))
        yield from element.stored.pieces()
        return
    if len(element.value):
        _check_vr(element.tag, element.vr, element.value)
    value = _implicit_items(element) if element.vr == "SQ" else element.value
    yield item_header(element.tag, UNDEFINED if element.undefined else len(value))
    yield value
    if element.undefined:
        yield item_header(SEQUENCE_END, 0)


def _implicit_items(element: Element) -> bytes:
    whole = memoryview(b"".join(element.chunks()))
    writer = NestedWriter(IMPLICIT_LITTLE)
    for token in Walker(whole, EXPLICIT_LITTLE):
        if token.depth:
            _take_implicit(writer, whole, token)
    return bytes(writer.out)


def _take_implicit(writer: NestedWriter, whole: memoryview, token: Token) -> None:
    if token.end > token.start:
        _check_vr(token.tag, token.vr, whole[token.start : token.end])
    if token.step is Step.ELEMENT:
        if not is_group_length(token.tag):
            writer.element(token.tag, token.vr, whole[token.start : token.end])
    elif token.step is Step.FRAGMENTS:
        raise Unwalkable("encapsulated pixel data in a native encoding", token.at)
    elif token.step is Step.ITEM:
        writer.open_item(undefined=token.end < 0)
    elif token.step is Step.SEQUENCE:
        writer.open_sequence(token.tag, token.vr, undefined=token.end < 0)
    else:
        writer.close()


def _value(view: memoryview, token: Token) -> Buffer:
    """Return a value in little endian and of even length. Raises `Unwalkable`."""
    value = _padded(token, view[token.start : token.end])
    width = _WORD_BYTES.get(token.vr, 1)
    if token.encoding is not Encoding.EXPLICIT_BIG or width == 1:
        return value
    if len(value) % width:
        raise Unwalkable(f"the length of an element of VR {token.vr} is not a multiple of {width}", token.at)
    return swapped(bytes(value), token.vr.encode("ascii"))


class Vrs:
    """Gives the VR of implicit elements: the dictionary, private creators, and what it leaves open."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._creators: list[dict[int, str]] = [{}]
        self._signed: list[bool] = [_root_is_signed(view)]

    def met(self, token: Token) -> None:
        """Remember what later elements of the same item depend on; forget it when the item ends."""
        self._reach(token.depth)
        if token.step is not Step.ELEMENT:
            return
        if token.tag == _PIXEL_REPRESENTATION:
            self._signed[-1] = bytes(self._view[token.start : token.end])[:1] == b"\1"
        elif token.tag >> 16 & 1 and 0x10 <= token.tag & 0xFFFF <= 0xFF:
            name = bytes(self._view[token.start : min(token.end, token.start + 64)]).decode("latin-1")
            self._creators[-1][token.tag] = name.strip(" \0")

    def _reach(self, depth: int) -> None:
        """Forget items that have ended, begin those that are new; `depth` is that of the elements."""
        if depth < len(self._creators) - 1:
            del self._creators[depth + 1 :], self._signed[depth + 1 :]
        while depth > len(self._creators) - 1:
            self._creators.append({})
            self._signed.append(self._signed[-1])

    def vr(self, depth: int, tag: int, head: bytes, length: int) -> str:
        """Return the VR to write."""
        self._reach(depth)
        vr = self._private(tag) if tag >> 16 & 1 else self._public(tag)
        if length == UNDEFINED:
            return vr if tag == PIXEL_DATA else "SQ"
        if vr == "SQ" and length and head != b"\xfe\xff\x00\xe0":
            return "UN"  # the dictionary says sequence, the bytes are none
        if vr == "OW":
            return vr  # of an odd length too: it is padded
        width = _WORD_BYTES.get(vr, 1)
        if length % 2 and width > 1:
            raise Unwalkable(f"the length of an element of VR {vr} is odd", 0, tag=tag)
        return "UN" if length % width else vr

    def _public(self, tag: int) -> str:
        from pydicom.datadict import dictionary_VR  # noqa: PLC0415 - pydicom costs start-up time

        if is_group_length(tag):
            return "UL"
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            return "UN"
        return self._decided(vr)

    def _private(self, tag: int) -> str:
        from pydicom.datadict import private_dictionary_VR  # noqa: PLC0415

        low = tag & 0xFFFF
        if is_group_length(tag):
            return "UL"
        if 0x10 <= low <= 0xFF:
            return "LO"
        creator = self._creators[-1].get((tag & 0xFFFF0000) | low >> 8)
        if not creator:
            return "UN"
        try:
            return self._decided(private_dictionary_VR(tag, creator))
        except KeyError:
            return "UN"

    def _decided(self, vr: str) -> str:
        if vr in {"OB or OW", "US or OW", "US or SS or OW"}:
            return "OW"  # what Implicit VR Little Endian means (PS3.5 A.1)
        if vr == "US or SS":
            return "SS" if self._signed[-1] else "US"
        return vr if vr.encode("ascii") in VR_NAMES else "UN"


def _root_is_signed(view: memoryview) -> bool:
    """Return True when the data set itself has Pixel Representation 1; it may stand behind what needs it."""
    for token in Walker(view, Encoding.IMPLICIT_LITTLE):
        if token.depth == 0 and token.tag >= _PIXEL_REPRESENTATION:
            return token.tag == _PIXEL_REPRESENTATION and bytes(view[token.start : token.end])[:1] == b"\1"
    return False
