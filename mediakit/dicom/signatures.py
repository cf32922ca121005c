"""Which attributes the digital signatures of a data set cover (PS3.15 C, PS3.3 C.12.1.1.3). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from struct import iter_unpack

from mediakit.dicom.edit import Span
from mediakit.dicom.elements import Encoding
from mediakit.dicom.walk import Step, Unwalkable, Walker

_SIGNATURES = 0xFFFAFFFA
_MAC_PARAMETERS = 0x4FFE0001
_SIGNED = 0x04000020


def is_signed(parts: Sequence[Span], tags: Collection[int], encoding: Encoding) -> bool:
    """Return True when a signature of the data set itself covers one of these attributes, or may do so."""
    if all(part.tag != _SIGNATURES for part in parts):
        return False
    parameters = [part for part in parts if part.tag == _MAC_PARAMETERS]
    try:
        signed = {tag for part in parameters for tag in _signed(part, encoding)}
    except Unwalkable:
        signed = set()
    return not signed or not signed.isdisjoint(tags)


def _signed(part: Span, encoding: Encoding) -> Iterator[int]:
    """Yield the tags in Data Elements Signed of all items. Raises `Unwalkable`."""
    for token in _elements(part, encoding):
        if token[0] == _SIGNED:
            whole = token[1][: len(token[1]) // 4 * 4]
            yield from (group << 16 | element for group, element in iter_unpack(f"{encoding.order}HH", whole))


def _elements(part: Span, encoding: Encoding) -> Iterator[tuple[int, bytes]]:
    view = part.raw
    as_sequence = (
        (lambda depth, *_: "UN" if depth else "SQ") if encoding is Encoding.IMPLICIT_LITTLE else None
    )
    walker = Walker(view, encoding) if as_sequence is None else Walker(view, encoding, as_sequence)
    for token in walker:
        if token.step is Step.ELEMENT:
            yield token.tag, bytes(view[token.start : token.end])
