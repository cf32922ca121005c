from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_color_lut

from mediakit.dicom.frames import FrameReader
from mediakit.dicom.pixels import GrayFrame, NoGrayFrame, gray_frame

FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def image(values: Any, **attributes: Any) -> io.BytesIO:
    """Give a monochrome image of 16 signed bits without a window, with what `attributes` change."""
    dataset = pydicom.dcmread(FILES / "MR_small.dcm")
    for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelPaddingValue"):
        if keyword in dataset:
            delattr(dataset, keyword)
    array = np.asarray(values, dtype="<i2")
    dataset.Rows, dataset.Columns = array.shape[-2:]
    dataset.PixelData = array.tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if "PixelPaddingValue" in dataset:
        dataset["PixelPaddingValue"].VR = "SS"
    out = io.BytesIO()
    dataset.save_as(out)
    return out


def gray(stream: io.BytesIO, frame: int | None = None) -> list[int]:
    result = gray_frame(stream, frame)
    assert isinstance(result, GrayFrame), result
    assert len(result.data) == result.rows * result.columns
    return list(result.data)


def test_without_a_window_the_range_of_the_values_is_shown() -> None:
    assert gray(image([[-100, 4], [50, 100]])) == [0, 133, 191, 255]


def test_padding_does_not_count_for_the_range() -> None:
    assert gray(image([[-2000, 0], [40, 100]], PixelPaddingValue=-2000)) == [0, 0, 102, 255]


def test_rescale_and_window_are_applied_as_the_standard_says() -> None:
    stream = image(
        [[0, 1, 2], [3, 4, 5]], RescaleSlope="10", RescaleIntercept="-10", WindowCenter="10", WindowWidth="21"
    )
    # PS3.3 C.11.2.1.2: y = ((x - 9.5) / 20 + 0.5) * 255 for x = -10, 0, 10, 20, 30, 40
    assert gray(stream) == [0, 6, 134, 255, 255, 255]


def test_a_window_of_width_one_is_a_threshold() -> None:
    assert gray(image([[4, 5], [6, 7]], WindowCenter="6", WindowWidth="1")) == [0, 0, 255, 255]


def test_a_window_that_is_no_number_is_ignored() -> None:
    assert gray(image([[0, 100]], WindowCenter="1e400", WindowWidth="10")) == [0, 255]


def test_monochrome_1_is_inverted() -> None:
    assert gray(image([[0, 100]], PhotometricInterpretation="MONOCHROME1")) == [255, 0]


def test_a_flat_image_is_black() -> None:
    assert gray(image([[7, 7]])) == [0, 0]


def test_bits_outside_those_stored_are_not_shown() -> None:
    stream = image([[0x7001, 0x5003]], BitsStored=12, HighBit=11, PixelRepresentation=0)
    assert gray(stream) == [0, 255]


@pytest.mark.parametrize(("frames", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (30, 10)])
def test_the_frame_one_third_through_is_shown(frames: int, expected: int) -> None:
    values = [[[number, 1000]] for number in range(1, frames + 1)]
    window = {"WindowCenter": "128", "WindowWidth": "256"}
    assert gray(image(values, NumberOfFrames=str(frames), **window))[0] == expected


def test_the_representative_frame_and_the_one_asked_for_go_first() -> None:
    values = [[[number, 1000]] for number in range(1, 7)]
    window = {"WindowCenter": "128", "WindowWidth": "256", "NumberOfFrames": "6"}
    assert gray(image(values, RepresentativeFrameNumber=5, **window))[0] == 5
    assert gray(image(values, RepresentativeFrameNumber=5, **window), frame=6)[0] == 6
    assert gray(image(values, RepresentativeFrameNumber=50, **window))[0] == 2
    assert isinstance(gray_frame(image(values, **window), frame=7), NoGrayFrame)


def test_only_the_chosen_frame_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(reader: FrameReader) -> None:
        raise AssertionError("all frames were decoded")

    monkeypatch.setattr(FrameReader, "__iter__", whole)
    assert len(gray(io.BytesIO((FILES / "examples_ybr_color.dcm").read_bytes()))) == 240 * 320


def test_a_palette_gives_the_luminance_of_its_colours() -> None:
    source = (FILES / "examples_palette.dcm").read_bytes()
    dataset = pydicom.dcmread(io.BytesIO(source))
    rgb = apply_color_lut(dataset.pixel_array, dataset).astype(float) / 257
    expected = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(np.array(gray(io.BytesIO(source))) - expected.reshape(-1)).max() <= 0.51


def test_colour_gives_its_luminance() -> None:
    source = (FILES / "examples_rgb_color.dcm").read_bytes()
    expected = pydicom.dcmread(io.BytesIO(source)).pixel_array @ np.array([0.299, 0.587, 0.114])
    assert np.abs(np.array(gray(io.BytesIO(source))) - expected.reshape(-1)).max() <= 0.51


@pytest.mark.parametrize("name", ["rtplan.dcm", "MR_truncated.dcm", "badVR.dcm", "README.txt"])
def test_what_gives_no_picture_says_why(name: str) -> None:
    result = gray_frame(io.BytesIO((FILES / name).read_bytes()))
    assert isinstance(result, NoGrayFrame)
    assert result.why


@given(
    name=st.sampled_from(["examples_palette.dcm", "MR_small.dcm", "SC_rgb_rle.dcm"]),
    changes=st.lists(st.tuples(st.integers(132, 1900), st.integers(0, 255)), max_size=8),
)
def test_a_damaged_header_gives_a_value_and_never_an_exception(
    name: str, changes: list[tuple[int, int]]
) -> None:
    data = bytearray((FILES / name).read_bytes())
    for at, byte in changes:
        data[at] = byte
    assert isinstance(gray_frame(io.BytesIO(bytes(data))), GrayFrame | NoGrayFrame)
