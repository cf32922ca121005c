"""Write elements in Implicit VR Little Endian, values untouched: only headers change (PS3.5 A.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.dicom.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, SEQUENCE_END, UNDEFINED
from mediakit.dicom.recode import Element, is_group_length
from mediakit.dicom.walk import Step, Token, Unwalkable, Walker
from mediakit.dicom.write import Buffer, NestedWriter, item_header


def implicit_chunks(element: Element) -> Iterator[Buffer]:
    """Yield one top-level element piece by piece, without copying a plain value.

    Sequences keep their kind of length, defined or not; retired group lengths inside them are left out, since
    they would be wrong. Raises `Unwalkable` when a sequence is none, or holds compressed pixels.
    """
    if element.is_encapsulated:
        raise Unwalkable("encapsulated pixel data in a native encoding", 0)
    value = _items(element) if element.vr == "SQ" else element.value
    yield item_header(element.tag, UNDEFINED if element.undefined else len(value))
    yield value
    if element.undefined:
        yield item_header(SEQUENCE_END, 0)


def _items(element: Element) -> bytes:
    whole = memoryview(b"".join(element.chunks()))
    writer = NestedWriter(IMPLICIT_LITTLE)
    for token in Walker(whole, EXPLICIT_LITTLE):
        if token.depth:
            _take(writer, whole, token)
    return bytes(writer.out)


def _take(writer: NestedWriter, whole: memoryview, token: Token) -> None:
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
