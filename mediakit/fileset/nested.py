"""Look into the raw content of a sequence: Explicit VR Little Endian, lengths defined or not.

Never raises for bytes: a walk ends where the bytes no longer make sense. No recursion.
"""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.elements import EXPLICIT_LITTLE
from mediakit.dicom.instance import Tag
from mediakit.dicom.sequences import items
from mediakit.dicom.values import CHARSET_VRS
from mediakit.dicom.walk import Step


def text_values(content: bytes) -> Iterator[bytes]:
    """Yield the value of every element whose VR the Specific Character Set rules, at any depth."""
    return (value for _tag, vr, value in elements(content) if vr in CHARSET_VRS)


def values_of(content: bytes, wanted: Tag) -> Iterator[bytes]:
    """Yield the values of one attribute, at any depth."""
    return (value for tag, _vr, value in elements(content) if tag == wanted)


def elements(content: bytes) -> Iterator[tuple[Tag, str, bytes]]:
    """Yield tag, VR and value of every element that is no sequence, in order, at any depth."""
    try:
        for token in items(content, EXPLICIT_LITTLE):
            if token.step is Step.ELEMENT:
                yield token.tag, token.vr, content[token.start : token.end]
    except Malformed:
        return
