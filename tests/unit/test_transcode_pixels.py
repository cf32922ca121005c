from __future__ import annotations

import io
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediakit.choices import OnReject
from mediakit.dicom import codec_process, frames, part10
from mediakit.dicom.encoders import LOSSLESS_TARGETS
from mediakit.dicom.frames import FrameReader, Undecodable, decode_frame, shape_of
from mediakit.dicom.image import JPEG_2000, JPEG_2000_LOSSLESS, JPEG_BASELINE, JPEG_LOSSLESS, RLE, Shape
from mediakit.dicom.jpeg_lossless import encode
from mediakit.dicom.transcode import Loss, NotConvertible, Transcoded, transcode
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, SYNTAXES
from mediakit.outcome import Outcome, State
from tests.support.each import each
from tests.support.studies import CT_1, burnt_to, folder_of, states

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
TARGETS = [EXPLICIT_VR_LITTLE_ENDIAN, *sorted(LOSSLESS_TARGETS)]
NO_IMAGE = {"meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}
# Damaged, without a reference decoder in pydicom (12 bit JPEG), or of two readings.
NOT_COMPARED = {
    "MR_truncated.dcm",
    "badVR.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "JPGExtended.dcm",
    "JPEG-lossy.dcm",
    "rtdose_expb.dcm",
    "rtdose_expb_1frame.dcm",
}
PIXEL_TAGS = {0x7FE00010, 0x7FE00001, 0x7FE00002, 0x00280004, 0x00280006, 0x00282110, 0x00282114}


@cache
def images() -> tuple[Path, ...]:
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted(FILES.rglob("*")):
            if path.is_dir() or path.name in NOT_COMPARED | NO_IMAGE:
                continue
            if "PixelData" in pydicom.dcmread(path, force=True):
                found.append(path)
    return tuple(found)


def opened(path: Path) -> io.BytesIO:
    return io.BytesIO(path.read_bytes())


def decoded(data: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(data), force=True).pixel_array


@cache
def as_stored(path: Path) -> Any:
    return decoded(path.read_bytes())


def others(data: bytes) -> list[tuple[int, str, bytes]]:
    elements = part10.read(io.BytesIO(data)).elements
    kept = [e for e in elements if e.tag not in PIXEL_TAGS and e.tag & 0xFFFF]
    return [(e.tag, e.vr, bytes(e.value)) for e in kept]


def changed(name: str, **values: Any) -> bytes:
    dataset = pydicom.dcmread(FILES / name)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def refused(data: bytes, to: str, loss: Loss = Loss.LOSSLESS) -> str:
    result = transcode(io.BytesIO(data), to, loss)
    assert isinstance(result, NotConvertible)
    return result.finding.rule.id


@pytest.mark.parametrize("to", TARGETS)
@each("path", images(), ids=lambda path: path.name)
def test_every_lossless_conversion_gives_the_pixels_that_pydicom_decodes(path: Path, to: str) -> None:
    source = path.read_bytes()
    result = transcode(io.BytesIO(source), to)
    if isinstance(result, NotConvertible):
        assert to != EXPLICIT_VR_LITTLE_ENDIAN  # it takes every image
        assert result.finding.rule.id == "MK-CNV-025"  # 1 or 32 bits, or too small for JPEG 2000
        return
    assert np.array_equal(decoded(result.data), as_stored(path))
    assert others(result.data) == others(source)
    assert not result.changed_uid
    assert all(finding.text for finding in result.findings)


def test_enough_images_can_be_converted_to_each_target() -> None:
    done = {
        to: sum(isinstance(transcode(opened(path), to), Transcoded) for path in images()[:25])
        for to in TARGETS
    }
    assert min(done.values()) >= 20


@pytest.mark.parametrize(
    ("name", "photometric"),
    [
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", "RGB"),
        ("SC_rgb_jpeg_dcmtk.dcm", "RGB"),
        ("examples_jpeg2k.dcm", "RGB"),
        ("SC_rgb_rle.dcm", "RGB"),
        ("MR_small_RLE.dcm", "MONOCHROME2"),
    ],
)
def test_colour_is_described_as_it_is_written(name: str, photometric: str) -> None:
    result = transcode(opened(FILES / name), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded)
    dataset = pydicom.dcmread(io.BytesIO(result.data))
    assert dataset.PhotometricInterpretation == photometric
    assert dataset.get("PlanarConfiguration", 0) == 0
    vr = "OW" if dataset.BitsAllocated > 8 else "OB"
    assert vr == dataset["PixelData"].VR
    told = {finding.rule.id for finding in result.findings}
    assert ("MK-CNV-002" in told) == (pydicom.dcmread(FILES / name).PhotometricInterpretation != photometric)


def test_reversible_colour_is_named_after_encoding_to_jpeg_2000() -> None:
    result = transcode(opened(FILES / "examples_rgb_color.dcm"), JPEG_2000_LOSSLESS)
    assert isinstance(result, Transcoded)
    assert pydicom.dcmread(io.BytesIO(result.data)).PhotometricInterpretation == "YBR_RCT"


def test_odd_pixel_data_are_padded() -> None:
    result = transcode(opened(FILES / "SC_rgb_small_odd_jpeg.dcm"), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded)
    assert len(pydicom.dcmread(io.BytesIO(result.data)).PixelData) == 28


def test_what_was_lossy_says_so_when_only_the_transfer_syntax_did() -> None:
    source = changed("examples_ybr_color.dcm")
    dataset = pydicom.dcmread(io.BytesIO(source))
    for keyword in ("LossyImageCompression", "LossyImageCompressionMethod"):
        if keyword in dataset:
            delattr(dataset, keyword)
    out = io.BytesIO()
    dataset.save_as(out)
    result = transcode(out, EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded)
    after = pydicom.dcmread(io.BytesIO(result.data))
    assert (after.LossyImageCompression, after.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert "MK-CNV-005" in {finding.rule.id for finding in result.findings}


def test_every_frame_is_one_fragment_with_its_offset() -> None:
    result = transcode(opened(FILES / "SC_rgb_rle_2frame.dcm"), JPEG_LOSSLESS)
    assert isinstance(result, Transcoded)
    data = pydicom.dcmread(io.BytesIO(result.data)).PixelData
    offsets = pydicom.encaps.parse_basic_offsets(data)
    count, places = pydicom.encaps.parse_fragments(data)
    assert count == 3  # the table itself and two frames
    assert [place - places[1] for place in places[1:]] == offsets


@each("stored", [8, 10, 12, 16])
@each("signed", [False, True])
@each("to", sorted(LOSSLESS_TARGETS))
def test_every_depth_and_sign_survives(stored: int, signed: bool, to: str) -> None:
    low, high = (-(1 << stored - 1), 1 << stored - 1) if signed else (0, 1 << stored)
    values = np.random.default_rng(stored).integers(low, high, 128 * 128)
    values[:2] = low, high - 1
    source = changed(
        "CT_small.dcm",
        BitsStored=stored,
        HighBit=stored - 1,
        PixelRepresentation=int(signed),
        PixelData=values.astype("<i2" if signed else "<u2").tobytes(),
    )
    result = transcode(io.BytesIO(source), to)
    assert isinstance(result, Transcoded)
    assert np.array_equal(decoded(result.data).reshape(-1), values)


def test_bits_above_bits_stored_are_not_dropped() -> None:
    pixels = np.full(128 * 128, 0x5123, "<u2").tobytes()
    source = changed("CT_small.dcm", BitsStored=12, HighBit=11, PixelRepresentation=0, PixelData=pixels)
    assert refused(source, JPEG_LOSSLESS) == "MK-CNV-025"
    for to in (RLE, EXPLICIT_VR_LITTLE_ENDIAN):
        source_or_rle = transcode(io.BytesIO(source), to)
        assert isinstance(source_or_rle, Transcoded)
        source = source_or_rle.data
    assert pydicom.dcmread(io.BytesIO(source)).PixelData == pixels


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 17), st.integers(1, 17)),
    st.sampled_from([1, 3]),
    st.integers(2, 16),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["noise", "flat", "extremes", "ramp"]),
)
def test_jpeg_lossless_gives_back_any_image(
    sides: tuple[int, int], samples: int, stored: int, signed: bool, seed: int, kind: str
) -> None:
    rows, columns = sides
    random = np.random.default_rng(seed)
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    size = (rows, columns, samples) if samples > 1 else (rows, columns)
    values = {
        "noise": random.integers(low, high + 1, size),
        "flat": np.full(size, low),
        "extremes": random.choice([low, high], size),
        "ramp": np.arange(rows * columns * samples).reshape(size) % (high - low + 1) + low,
    }[kind]
    allocated = 8 if stored <= 8 else 16
    frame = values.astype(f"<{'i' if signed else 'u'}{allocated // 8}")
    shape = Shape(
        rows=rows,
        columns=columns,
        frames=1,
        samples=samples,
        photometric="RGB" if samples > 1 else "MONOCHROME2",
        planar=0,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1,
        signed=signed,
    )
    assert np.array_equal(decode_frame(encode(frame, stored), JPEG_LOSSLESS, shape), frame)


def test_a_frame_on_which_a_codec_dies_is_refused_and_the_next_one_decoded() -> None:
    file = part10.read(opened(FILES / "MR_small_RLE.dcm"))
    shape = shape_of(file)
    whole = next(iter(FrameReader(file, shape)))
    small = replace(shape, rows=16, columns=16)
    damaged = pydicom.dcmread(FILES / "MR_small_RLE.dcm").PixelData[16:]
    with pytest.raises(Undecodable):
        decode_frame(damaged, RLE, small)
    assert np.array_equal(next(iter(FrameReader(file, shape))), whole)


def test_a_codec_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    file = part10.read(opened(FILES / "MR_small_RLE.dcm"))
    monkeypatch.setattr(codec_process._CHILD, "_timeout_s", 0.0)
    with pytest.raises(Undecodable, match="took longer"):
        for _ in range(200):  # the limit of zero may be met between two frames
            list(FrameReader(file, shape_of(file)))


@each(
    "values",
    [
        {"Rows": 65535, "Columns": 65535, "NumberOfFrames": "2000000"},
        {"Rows": 0},
        {"NumberOfFrames": "-1"},
        {"NumberOfFrames": "3"},
        {"BitsAllocated": 17},
        {"BitsStored": 99},
        {"SamplesPerPixel": 0x7FFF},
        {"Columns": 63},
    ],
)
def test_absurd_attributes_are_refused_before_anything_is_decoded(values: dict[str, Any]) -> None:
    source = changed("MR_small_jp2klossless.dcm", **values)
    assert refused(source, EXPLICIT_VR_LITTLE_ENDIAN) == "MK-CNV-024"


def test_video_and_unknown_codecs_are_refused() -> None:
    source = (
        (FILES / "examples_ybr_color.dcm")
        .read_bytes()
        .replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.58")
    )
    assert refused(source, EXPLICIT_VR_LITTLE_ENDIAN) == "MK-CNV-021"


@given(
    name=st.sampled_from(
        ["MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm", "JPEGLSNearLossless_16.dcm"]
    ),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
)
def test_damaged_pixel_data_give_a_value_and_never_an_exception(
    name: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray((FILES / name).read_bytes())
    start = data.find(b"\xe0\x7f\x10\0")
    for place, byte in changes:
        data[start + int(place * (len(data) - start))] = byte
    result = transcode(io.BytesIO(bytes(data)), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded | NotConvertible)


@pytest.mark.parametrize("to", [JPEG_BASELINE, JPEG_2000])
def test_loss_needs_permission(to: str) -> None:
    assert refused((FILES / "examples_rgb_color.dcm").read_bytes(), to) == "MK-CNV-026"


@pytest.mark.parametrize(("to", "method"), [(JPEG_BASELINE, "ISO_10918_1"), (JPEG_2000, "ISO_15444_1")])
def test_lossy_compression_makes_a_derived_instance_that_names_its_source(to: str, method: str) -> None:
    source = (FILES / "examples_rgb_color.dcm").read_bytes()
    before = pydicom.dcmread(io.BytesIO(source))
    result = transcode(io.BytesIO(source), to, Loss.ALLOWED)
    assert isinstance(result, Transcoded)
    after = pydicom.dcmread(io.BytesIO(result.data))
    assert result.changed_uid
    assert result.sop_instance == after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.SOPInstanceUID.is_valid
    assert after.ImageType[0] == "DERIVED"
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == method
    assert float(after.LossyImageCompressionRatio) == pytest.approx(
        before.Rows * before.Columns * 3 / len(after.PixelData), rel=0.02
    )
    assert after.SourceImageSequence[-1].ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert after.DerivationCodeSequence[-1].CodeValue == "113040"
    assert "Compressed with loss" in after.DerivationDescription
    difference = np.abs(after.pixel_array.astype(int) - before.pixel_array.astype(int))
    assert 0 < difference.mean() < 4
    again = transcode(io.BytesIO(source), to, Loss.ALLOWED)
    assert isinstance(again, Transcoded)
    assert again.data == result.data


def test_a_second_loss_is_added_to_the_first() -> None:
    once = transcode(opened(FILES / "examples_rgb_color.dcm"), JPEG_BASELINE, Loss.ALLOWED)
    assert isinstance(once, Transcoded)
    twice = transcode(io.BytesIO(once.data), JPEG_2000, Loss.ALLOWED)
    assert isinstance(twice, Transcoded)
    dataset = pydicom.dcmread(io.BytesIO(twice.data))
    assert list(dataset.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    assert len(dataset.LossyImageCompressionRatio) == 2
    assert len(dataset.SourceImageSequence) == 2


def test_an_icon_in_the_old_syntax_is_left_out_and_anything_else_refused() -> None:
    icon = pydicom.Dataset()
    icon.add_new(0x7FE00010, "OB", pydicom.encaps.encapsulate([b"\1\2"]))
    icon["PixelData"].is_undefined_length = True
    told = transcode(
        io.BytesIO(changed("MR_small_RLE.dcm", IconImageSequence=[icon])), EXPLICIT_VR_LITTLE_ENDIAN
    )
    assert isinstance(told, Transcoded)
    assert "MK-CNV-006" in {finding.rule.id for finding in told.findings}
    assert "IconImageSequence" not in pydicom.dcmread(io.BytesIO(told.data))
    other = changed("MR_small_RLE.dcm", ReferencedImageSequence=[icon])
    assert refused(other, EXPLICIT_VR_LITTLE_ENDIAN) == "MK-CNV-028"


def test_missing_codecs_refuse_the_one_instance_and_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(frames, "import_module", absent)
    result = transcode(opened(FILES / "MR_small_RLE.dcm"), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, NotConvertible)
    assert result.finding.rule.id == "MK-CNV-030"
    assert "dicom-mediakit[codecs]" in result.finding.rule.hint
    assert isinstance(
        transcode(opened(FILES / "MR_small_implicit.dcm"), EXPLICIT_VR_LITTLE_ENDIAN), Transcoded
    )
    folder = folder_of(tmp_path / "in", {"RLE": FILES / "MR_small_RLE.dcm", "CT": CT_1})
    skipped = burnt_to(tmp_path / "new", folder, on_reject=OnReject.SKIP)
    assert states(skipped) == {"RLE": State.REFUSED, "CT": State.WRITTEN}
    assert skipped.result.outcome is Outcome.FINDINGS


@pytest.mark.parametrize(
    ("name", "photometric"),
    [
        ("SC_rgb_jpeg_gdcm.dcm", "YBR_FULL"),  # components named R, G and B
        ("SC_rgb_jpeg_gdcm.dcm", "YBR_FULL_422"),
        ("SC_jpeg_no_color_transform_2.dcm", "YBR_FULL"),  # an Adobe marker that says: no transform
        ("SC_rgb_gdcm_KY.dcm", "YBR_RCT"),  # no multiple component transform
    ],
)
def test_colours_of_a_codestream_that_contradict_the_description_are_refused(
    name: str, photometric: str
) -> None:
    assert isinstance(transcode(opened(FILES / name), EXPLICIT_VR_LITTLE_ENDIAN), Transcoded)
    assert (
        refused(changed(name, PhotometricInterpretation=photometric), EXPLICIT_VR_LITTLE_ENDIAN)
        == "MK-CNV-024"
    )


def test_the_table_of_transfer_syntaxes_promises_what_is_here() -> None:
    promised = {uid for uid, syntax in SYNTAXES.items() if syntax.can_encode}
    assert promised == LOSSLESS_TARGETS | {EXPLICIT_VR_LITTLE_ENDIAN}
