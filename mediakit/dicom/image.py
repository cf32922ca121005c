"""What decoding and encoding need to know of an image: its shape, and the transfer syntaxes by name.

Values only: no codec is called here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.integer[Any]]

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS_14 = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
RLE = "1.2.840.10008.1.2.5"

#: JPEG with DCT: colour comes as YCbCr and is turned into RGB; it has lost information already.
DCT_SYNTAXES = frozenset({JPEG_BASELINE, JPEG_EXTENDED})
#: What the codecs and pydicom raise for bytes they cannot take. MemoryError: a claim that was too large.
CODEC_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The Image Pixel attributes that decoding and encoding depend on (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def frame_bits(self) -> int:
        """Return how many bits one decoded frame has."""
        return self.rows * self.columns * self.samples * self.bits_allocated

    @property
    def decoded_bytes(self) -> int:
        """Return how many bytes all decoded frames have, without padding."""
        return (self.frame_bits * self.frames + 7) // 8

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that pydicom's coders take for one frame."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "number_of_frames": 1,
            "samples_per_pixel": self.samples,
            "photometric_interpretation": self.photometric,
            "planar_configuration": self.planar,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
            "pixel_representation": int(self.signed),
            "pixel_keyword": "PixelData",
        }

    def dtype(self) -> str:
        """Return the little endian numpy type of one sample."""
        return f"<{'i' if self.signed else 'u'}{max(1, self.bits_allocated // 8)}"


def native_bits(frame_bits: int, photometric: str) -> int:
    """Return the bits of one frame as stored natively: subsampling leaves out colour (PS3.3 C.7.6.3.1.2)."""
    return frame_bits * _STORED_SIXTHS.get(photometric, 6) // 6


_STORED_SIXTHS = {"YBR_FULL_422": 4, "YBR_PARTIAL_422": 4, "YBR_PARTIAL_420": 3}
