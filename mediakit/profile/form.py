"""How an instance is encoded, and the encodings it could be converted to.

Values only: the conversion itself is in `mediakit.dicom.transcode`. The order of the targets is the order
of preference; which of them a profile takes is for the judge to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mediakit.dicom.instance import EXPLICIT_VR_LITTLE_ENDIAN, Header
from mediakit.dicom.uids import SYNTAXES
from mediakit.profile.policy import Convert

PHOTOMETRIC = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"

# Explicit VR Little Endian first: every reader knows it. Then what saves most with the widest support.
LOSSLESS_TARGETS = (
    EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless SV1
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
)
LOSSY_TARGETS = (
    JPEG_BASELINE,
    JPEG_EXTENDED,
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
)
# The most bits a sample may have; the others take all that DICOM puts in 8 or 16 bits.
_SAMPLE_BITS = {JPEG_BASELINE: 8, JPEG_EXTENDED: 12}


@dataclass(frozen=True, slots=True)
class Form:
    """The part of an instance that a conversion changes."""

    syntax: str
    photometric: str


def converted(form: Form, target: str) -> Form:
    """Return the form after a conversion to another transfer syntax.

    Decoding compressed colour gives RGB, whatever the stored colour space was.
    """
    if target == form.syntax:
        return form
    source = SYNTAXES.get(form.syntax)
    decoded = source is not None and source.is_encapsulated and form.photometric.startswith("YBR")
    return Form(target, "RGB" if decoded else form.photometric)


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
    allocated = header.number(BITS_ALLOCATED)
    stored = header.number(BITS_STORED) or allocated or 0
    return allocated in {8, 16} and stored <= _SAMPLE_BITS.get(target, 16)
