"""Exchange top-level elements of a data set and leave every other byte as it is, in any encoding. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack

from mediakit.dicom.elements import ITEM, PIXEL_DATA, Encoding
from mediakit.dicom.recode import is_group_length
from mediakit.dicom.walk import Step, Token, Walker
from mediakit.dicom.write import Buffer, encoded, item_header


@dataclass(frozen=True, slots=True)
class Span:
    """One top-level element where it lies: `raw` with header and delimiter, `value` without both.

    `vr` is that of the file; in an implicit encoding "SQ" for undefined length, else "UN".
    """

    tag: int
    vr: str
    raw: memoryview = field(repr=False)
    value: memoryview = field(repr=False)
    is_undefined: bool = False

    @property
    def is_fragments(self) -> bool:
        """Return True for encapsulated Pixel Data."""
        return self.tag == PIXEL_DATA and self.is_undefined


def spans(body: memoryview, encoding: Encoding) -> tuple[tuple[Span, ...], memoryview]:
    """Return the top-level elements of a data set, and the zeros that some writers put behind it.

    Raises `Unwalkable` when the bytes are not a data set.
    """
    found: list[Span] = []
    opened: Token | None = None
    end = 0
    for token in Walker(body, encoding):
        if token.depth:
            continue
        if token.step is Step.SEQUENCE:
            opened = token
            continue
        start = opened or token
        is_undefined = token.step is Step.FRAGMENTS or (opened is not None and opened.end < 0)
        value = body[token.start : token.end] if opened is None else body[opened.start : token.at]
        found.append(Span(start.tag, start.vr, body[start.at : token.next], value, is_undefined))
        opened, end = None, token.next
    return tuple(found), body[end:]


def item(elements: Iterable[Buffer], encoding: Encoding) -> bytes:
    """Return an item of a sequence that holds these encoded elements, which must be in the order of tags."""
    content = b"".join(elements)
    return item_header(ITEM, len(content), encoding) + content


def exchanged(parts: Sequence[Span], new: Mapping[int, Buffer], encoding: Encoding) -> list[Buffer]:
    """Return the encoded elements in order: new ones at the place of the old or where their tag belongs.

    Retired group lengths are set right where a group changes. Join the buffers to get the data set.
    """
    here = {part.tag for part in parts}
    waiting = sorted((tag for tag in new if tag not in here), reverse=True)
    merged: list[tuple[int, Buffer]] = []
    for part in parts:
        while waiting and waiting[-1] < part.tag:
            merged.append((waiting[-1], new[waiting.pop()]))
        merged.append((part.tag, new.get(part.tag, part.raw)))
    merged += [(tag, new[tag]) for tag in reversed(waiting)]
    return _with_group_lengths(merged, {tag >> 16 for tag in new}, encoding)


def _with_group_lengths(
    elements: Sequence[tuple[int, Buffer]], changed: set[int], encoding: Encoding
) -> list[Buffer]:
    lengths: dict[int, int] = {}
    for tag, buffer in elements:
        if not is_group_length(tag):
            lengths[tag >> 16] = lengths.get(tag >> 16, 0) + len(buffer)
    return [
        encoded(tag, "UL", pack(f"{encoding.order}L", lengths.get(tag >> 16, 0)), encoding)
        if is_group_length(tag) and tag >> 16 in changed
        else buffer
        for tag, buffer in elements
    ]
