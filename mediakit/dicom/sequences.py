"""What becomes of the wanted sequences: kept as Explicit VR Little Endian, filtered, or searched. Pure."""

from __future__ import annotations

from struct import pack

from mediakit.dicom.elements import (
    EXPLICIT_LITTLE,
    KNOWN_VRS,
    LONG_VRS,
    Encoding,
    Kind,
    Step,
    walk,
)
from mediakit.dicom.values import swapped

RELATIONSHIP_TYPE = 0x0040A010
HAS_CONCEPT_MOD = b"HAS CONCEPT MOD"

_ITEM = pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
_ITEM_END = pack("<HHI", 0xFFFE, 0xE00D, 0)
_SEQUENCE_END = pack("<HHI", 0xFFFE, 0xE0DD, 0)


def to_explicit_little(content: bytes, encoding: Encoding) -> bytes:
    """Return the items of a sequence in Explicit VR Little Endian.

    Content that is so already comes back as it is, after a check of its structure; other content gets
    items and sequences of undefined length. Raises Malformed.
    """
    if encoding == EXPLICIT_LITTLE:
        for _ in walk(content, encoding):
            pass
        return content
    return b"".join(_recoded(content, step) for step in walk(content, encoding))


def _recoded(content: bytes, step: Step) -> bytes:
    kind = step.kind
    if kind is Kind.ITEM:
        return _ITEM
    if kind is Kind.ITEM_END:
        return _ITEM_END
    if kind is Kind.SEQUENCE_END:
        return _SEQUENCE_END
    if kind is Kind.SEQUENCE:
        vr = step.vr if step.vr[:1] == b"O" else b"SQ"
        return _header(step.tag, vr, 0xFFFFFFFF)
    value = content[step.start : step.end]
    if kind is Kind.FRAGMENT:
        return pack("<HHI", 0xFFFE, 0xE000, len(value)) + value
    vr = step.vr if step.vr in KNOWN_VRS else b"UN"
    if vr not in LONG_VRS and len(value) > 0xFFFF:
        vr = b"UN"
    if step.encoding.big_endian:
        value = swapped(value, step.vr)
    return _header(step.tag, vr, len(value)) + value


def _header(tag: int, vr: bytes, length: int) -> bytes:
    if vr in LONG_VRS:
        return pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length)
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length)


def concept_modifiers(content: bytes, encoding: Encoding) -> bytes:
    """Return the items of Content Sequence (0040,A730) that are concept modifiers, re-encoded.

    The other items of a report can be megabytes; no directory record takes them. Raises Malformed.
    """
    kept: list[bytes] = []
    start, wanted = 0, False
    for step in walk(content, encoding):
        if step.kind is Kind.ITEM and step.depth == 0:
            start, wanted = step.start, False
        elif step.kind is Kind.ELEMENT and step.depth == 1 and step.tag == RELATIONSHIP_TYPE:
            wanted = content[step.start : step.end].strip(b" \0") == HAS_CONCEPT_MOD
        elif step.kind is Kind.ITEM_END and step.depth == 0 and wanted:
            kept.append(to_explicit_little(content[start : step.end], encoding))
    return b"".join(kept)


def find_inside(content: bytes, encoding: Encoding, wanted: frozenset[int]) -> dict[int, bytes]:
    """Return wanted elements found at any depth of a sequence, the first of each tag. Raises Malformed."""
    found: dict[int, bytes] = {}
    inside: tuple[int, int, int] | None = None  # (depth, tag, start) of a wanted sequence
    for step in walk(content, encoding):
        if inside is not None:
            depth, tag, start = inside
            if step.kind is Kind.SEQUENCE_END and step.depth == depth:
                found[tag] = to_explicit_little(content[start : step.start], step.encoding)
                inside = None
        elif step.tag in wanted and step.tag not in found:
            if step.kind is Kind.SEQUENCE:
                inside = (step.depth, step.tag, step.start)
            elif step.kind is Kind.ELEMENT:
                value = content[step.start : step.end]
                found[step.tag] = swapped(value, step.vr) if step.encoding.big_endian else value
    return found
