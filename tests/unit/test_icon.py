from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.pixels import GrayFrame
from mediakit.fileset.icon import icon_key, letter_boxed
from mediakit.profile.model import IconRule

RULE = IconRule(
    records=("IMAGE",),
    required=True,
    rows=128,
    columns=128,
    bits_allocated=8,
    bits_stored=8,
    photometric=("MONOCHROME2",),
)


def frame(rows: int, columns: int, data: bytes | None = None) -> GrayFrame:
    return GrayFrame(
        rows=rows, columns=columns, data=bytes([200]) * (rows * columns) if data is None else data
    )


def test_pydicom_reads_the_icon_as_the_standard_describes_it() -> None:
    key = icon_key(frame(256, 256), RULE)
    assert (key.tag, key.vr) == (0x00880200, "SQ")
    element = b"\x88\0\0\2SQ\0\0" + len(key.value).to_bytes(4, "little") + key.value
    dataset = pydicom.dcmread(io.BytesIO(element), force=True)
    (icon,) = dataset.IconImageSequence
    assert icon.SamplesPerPixel == 1
    assert icon.PhotometricInterpretation == "MONOCHROME2"
    assert (icon.Rows, icon.Columns) == (128, 128)
    assert (icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation) == (8, 8, 7, 0)
    assert icon["PixelData"].VR == "OB"
    assert icon.PixelData == bytes([200]) * (128 * 128)
    assert len(icon) == 9


def test_a_wide_frame_is_centred_between_black_bars() -> None:
    picture = np.frombuffer(letter_boxed(frame(100, 200), 128, 128), np.uint8).reshape(128, 128)
    assert (picture[32:96] == 200).all()
    assert not picture[:32].any()
    assert not picture[96:].any()


def test_a_tall_frame_is_centred_between_black_bars() -> None:
    picture = np.frombuffer(letter_boxed(frame(200, 100), 64, 64), np.uint8).reshape(64, 64)
    assert (picture[:, 16:48] == 200).all()
    assert picture.sum() == 64 * 32 * 200


def test_each_pixel_is_the_mean_of_its_area() -> None:
    assert letter_boxed(frame(2, 4, bytes([0, 10, 20, 30, 0, 10, 40, 50])), 1, 2) == bytes([5, 35])


def test_a_small_frame_is_enlarged() -> None:
    assert letter_boxed(frame(1, 2, bytes([1, 9])), 2, 4) == bytes([1, 1, 9, 9, 1, 1, 9, 9])


def test_a_frame_that_lies_about_its_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="rows x columns"):
        letter_boxed(frame(2, 2, b"abc"), 4, 4)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(1, 255))
def test_a_flat_frame_stays_flat_and_touches_two_sides(
    rows: int, columns: int, height: int, width: int, level: int
) -> None:
    picture = np.frombuffer(
        letter_boxed(frame(rows, columns, bytes([level]) * (rows * columns)), height, width), "u1"
    )
    picture = picture.reshape(height, width)
    assert set(picture.reshape(-1).tolist()) <= {0, level}
    assert picture.any(axis=1).all() or picture.any(axis=0).all()


def test_an_odd_icon_is_padded() -> None:
    rule = IconRule(
        records=("IMAGE",),
        required=False,
        rows=3,
        columns=3,
        bits_allocated=8,
        bits_stored=8,
        photometric=("MONOCHROME2",),
    )
    assert icon_key(frame(3, 3), rule).value.endswith(bytes([200] * 9) + b"\0")


def test_making_an_icon_needs_no_codecs() -> None:
    code = (
        "import sys, mediakit.fileset.icon;"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'pydicom', 'PIL')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
