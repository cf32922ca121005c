"""How an instance is encoded, and the encodings it could be converted to.

Values only: the conversion itself is in `mediakit.dicom.transcode`. The order of the targets is the order
of preference; which of them a profile takes is for the judge to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mediakit.choices import Convert
from mediakit.dicom.instance import Header
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, SYNTAXES

PHOTOMETRIC = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101

HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"

# Explicit VR Little Endian first: every reader knows it. Then by how widely readers know them.
LOSSLESS_TARGETS = (
    EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless SV1
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    JPEG_2000_LOSSLESS,
)
LOSSY_TARGETS = (JPEG_BASELINE, JPEG_2000)

_DECODED_TO_RGB = frozenset({JPEG_BASELINE, JPEG_EXTENDED})
_COLOUR_TRANSFORMS = {JPEG_2000_LOSSLESS: "YBR_RCT", JPEG_2000: "YBR_ICT", JPEG_BASELINE: "YBR_FULL_422"}
_OF_BASELINE = frozenset({"RGB", "MONOCHROME1", "MONOCHROME2"})


class Form(Struct, frozen=True):
    """The part of an instance that a conversion changes."""

    syntax: str
    photometric: str


def converted(form: Form, target: str) -> Form:
    """Return the form after a conversion to another transfer syntax, as `transcode` makes it."""
    source = SYNTAXES.get(form.syntax)
    encapsulated = source is not None and source.is_encapsulated
    if target == form.syntax or (target == EXPLICIT_VR_LITTLE_ENDIAN and not encapsulated):
        return Form(target, form.photometric)
    decoded = _decoded(form)
    return Form(target, _COLOUR_TRANSFORMS.get(target, decoded) if decoded == "RGB" else decoded)


def _decoded(form: Form) -> str:
    """Return the Photometric Interpretation of the decoded frames."""
    if not form.photometric.startswith("YBR"):
        return form.photometric
    if form.syntax in _DECODED_TO_RGB or form.photometric in {"YBR_RCT", "YBR_ICT"}:
        return "RGB"
    return "YBR_FULL" if form.photometric == "YBR_FULL_422" else form.photometric


def lossless_forms(form: Form, header: Header) -> Iterator[Form]:
    """Yield the forms that an instance can be converted to without loss, best first."""
    for target in LOSSLESS_TARGETS:
        if target != form.syntax and SYNTAXES[target].can_encode and _can_carry(form, header, target):
            yield converted(form, target)


def lossy_forms(form: Form, header: Header) -> Iterator[Form]:
    """Yield the forms that an instance can be converted to with loss, best first."""
    for target in LOSSY_TARGETS:
        if target != form.syntax and _can_carry(form, header, target):
            yield converted(form, target)


def forms(form: Form, header: Header, convert: Convert, *, rewrite: bool) -> Iterator[Form]:
    """Yield every form that a policy lets an instance take, best first; lossy ones come last.

    With `rewrite` the file has to be written anew in any case, so its own transfer syntax is a choice
    too: first when its pixel data are encapsulated (nothing is decoded then), else after the others.
    """
    if convert is Convert.NONE:
        return
    own = SYNTAXES.get(form.syntax)
    encapsulated = own is not None and own.is_encapsulated
    if rewrite and encapsulated:
        yield form
    if rewrite and form.syntax == EXPLICIT_VR_LITTLE_ENDIAN:
        yield form
    yield from lossless_forms(form, header)
    if rewrite and own is not None and not encapsulated and form.syntax != EXPLICIT_VR_LITTLE_ENDIAN:
        yield form
    if convert is Convert.ANY:
        yield from lossy_forms(form, header)


def _can_carry(form: Form, header: Header, target: str) -> bool:
    """Return True when the source can be decoded and the target can hold its samples."""
    source = SYNTAXES.get(form.syntax)
    if source is None or not source.can_decode:
        return False
    if target == EXPLICIT_VR_LITTLE_ENDIAN:
        return True
    stored = header.number(BITS_STORED)
    if (
        stored is None
        or header.number(BITS_ALLOCATED) not in {8, 16}
        or header.number(HIGH_BIT) != stored - 1
    ):
        return False
    if target == JPEG_BASELINE:
        signed = bool(header.number(PIXEL_REPRESENTATION))
        return stored <= 8 and not signed and _decoded(form) in _OF_BASELINE
    return target not in LOSSY_TARGETS or form.photometric != "PALETTE COLOR"
