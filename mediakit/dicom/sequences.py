"""What becomes of the wanted sequences: kept as Explicit VR Little Endian, filtered, or searched. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.dicom.elements import EXPLICIT_LITTLE, KNOWN_VRS, Encoding
from mediakit.dicom.values import swapped
from mediakit.dicom.walk import Step, Token, Unwalkable, Walker, by_dictionary
from mediakit.dicom.write import NestedWriter, fitting_vr

RELATIONSHIP_TYPE = 0x0040A010
HAS_CONCEPT_MOD = b"HAS CONCEPT MOD"


def items(content: bytes, encoding: Encoding) -> Iterator[Token]:
    """Yield every step through the content of a sequence, as one who only reads. Raises Malformed."""
    return iter(Walker(content, encoding, by_dictionary, of_items=True, lenient=True))


def to_explicit_little(content: bytes, encoding: Encoding) -> bytes:
    """Return the items of a sequence in Explicit VR Little Endian.

    Content that is so already comes back as it is, after a check of its structure; other content gets
    items and sequences of undefined length. Raises Malformed.
    """
    if encoding == EXPLICIT_LITTLE:
        for _ in items(content, encoding):
            pass
        return content
    writer = NestedWriter()
    for token in items(content, encoding):
        if token.step is Step.ELEMENT:
            _element(writer, content, token)
        elif token.step is Step.ITEM:
            writer.open_item(undefined=True)
        elif token.step is Step.SEQUENCE:
            writer.open_sequence(token.tag, "SQ", undefined=True)
        elif token.step is Step.FRAGMENTS:
            raise Unwalkable("encapsulated pixel data in a native encoding", token.at, tag=token.tag)
        else:
            writer.close()
    return bytes(writer.out)


def _element(writer: NestedWriter, content: bytes, token: Token) -> None:
    value, vr = content[token.start : token.end], token.vr
    if token.encoding.big_endian:
        value = swapped(value, vr.encode("ascii"))
    is_known = vr.encode("ascii") in KNOWN_VRS
    writer.element(token.tag, fitting_vr(vr, len(value)) if is_known else "UN", value)


def concept_modifiers(content: bytes, encoding: Encoding) -> bytes:
    """Return the items of Content Sequence (0040,A730) that are concept modifiers, re-encoded.

    The other items of a report can be megabytes; no directory record takes them. Raises Malformed.
    """
    kept: list[bytes] = []
    start, wanted = 0, False
    for token in items(content, encoding):
        if token.step is Step.ITEM and token.depth == 0:
            start, wanted = token.at, False
        elif token.step is Step.ELEMENT and token.depth == 1 and token.tag == RELATIONSHIP_TYPE:
            wanted = content[token.start : token.end].strip(b" \0") == HAS_CONCEPT_MOD
        elif token.step is Step.ITEM_CLOSED and token.depth == 0 and wanted:
            kept.append(to_explicit_little(content[start : token.next], encoding))
    return b"".join(kept)


def find_inside(content: bytes, encoding: Encoding, wanted: frozenset[int]) -> dict[int, bytes]:
    """Return wanted elements found at any depth of a sequence, the first of each tag. Raises Malformed."""
    found: dict[int, bytes] = {}
    inside: tuple[int, int, int] | None = None  # (depth, tag, start) of a wanted sequence
    for token in items(content, encoding):
        if inside is not None:
            depth, tag, start = inside
            if token.step is Step.SEQUENCE_CLOSED and token.depth == depth:
                found[tag] = to_explicit_little(content[start : token.at], token.encoding)
                inside = None
        elif token.tag in wanted and token.tag not in found:
            if token.step is Step.SEQUENCE:
                inside = (token.depth, token.tag, token.start)
            elif token.step is Step.ELEMENT:
                value = content[token.start : token.end]
                is_big = token.encoding.big_endian
                found[token.tag] = swapped(value, token.vr.encode("ascii")) if is_big else value
    return found
