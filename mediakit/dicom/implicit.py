"""Write elements in Implicit VR Little Endian, values untouched: only headers change (PS3.5 A.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack, pack_into

from mediakit.dicom.elements import ITEM, SEQUENCE_END, UNDEFINED, Encoding
from mediakit.dicom.recode import Buffer, Element, is_group_length
from mediakit.dicom.walk import Step, Token, Unwalkable, Walker


def implicit_chunks(element: Element) -> Iterator[Buffer]:
    """Yield one top-level element piece by piece, without copying a plain value.

    Sequences keep their kind of length, defined or not; retired group lengths inside them are left out, since
    they would be wrong. Raises `Unwalkable` when a sequence is none, or holds compressed pixels.
    """
    if element.is_encapsulated:
        raise Unwalkable("encapsulated pixel data in a native encoding", 0)
    value = _items(element) if element.vr == "SQ" else element.value
    yield _header(element.tag, UNDEFINED if element.undefined else len(value))
    yield value
    if element.undefined:
        yield _header(SEQUENCE_END, 0)


def _header(tag: int, length: int) -> bytes:
    return pack("<HHL", tag >> 16, tag & 0xFFFF, length)


def _items(element: Element) -> bytes:
    whole = memoryview(b"".join(element.chunks()))
    writer = _Writer(whole)
    for token in Walker(whole, Encoding.EXPLICIT_LITTLE):
        if token.depth:
            writer.take(token)
    return bytes(writer.out)


class _Writer:
    """Collects the items of one sequence; defined lengths are set when what they measure closes."""

    def __init__(self, view: memoryview) -> None:
        self.out = bytearray()
        self._view = view
        self._marks: list[int] = []  # where an open content starts, -1: undefined

    def take(self, token: Token) -> None:
        if token.step is Step.ELEMENT:
            if not is_group_length(token.tag):
                self.out += _header(token.tag, token.end - token.start)
                self.out += self._view[token.start : token.end]
        elif token.step is Step.FRAGMENTS:
            raise Unwalkable("encapsulated pixel data in a native encoding", token.at)
        elif token.step in {Step.SEQUENCE, Step.ITEM}:
            tag = ITEM if token.step is Step.ITEM else token.tag
            self.out += _header(tag, UNDEFINED if token.end < 0 else 0)
            self._marks.append(-1 if token.end < 0 else len(self.out))
        else:
            self._close(token)

    def _close(self, token: Token) -> None:
        start = self._marks.pop()
        if start >= 0:
            pack_into("<L", self.out, start - 4, len(self.out) - start)
        else:
            self.out += self._view[token.at : token.next]  # the delimiter is the same in both encodings
