"""De-identification of what no viewer shows: bytes behind samples, comments of codestreams, odd UIDs."""

from __future__ import annotations

import io
from struct import pack

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.files import Deidentified, NotDeidentified, deidentify
from mediakit.dicom.deidentify.identifiers import Kind
from tests.support.studies import PYDICOM_FILES
from tests.unit.test_deidentify import OLD_UID, engine, made, of, read

KEPT = OnBurnedIn.KEEP

SECRET = b"Quappenfeld^Ortrud QF-90817"
JPEGS = ("SC_rgb_jpeg_app14_dcmd.dcm", "SC_rgb_jpeg_gdcm.dcm", "MR_small_jpeg_ls_lossless.dcm")
JPEGS_2000 = ("MR_small_jp2klossless.dcm", "JPEG2000.dcm")


def file_of(name: str) -> Dataset:
    return pydicom.dcmread(PYDICOM_FILES / name)


def saved(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def rules_of(data: bytes) -> list[str]:
    done = deidentify(io.BytesIO(data), engine(), KEPT)
    found = done.findings if isinstance(done, Deidentified) else (done.finding,)
    return [one.rule.id for one in found]


def segment(marker: int, content: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(content) + 2) + content


def test_bytes_behind_native_samples_are_cut_off_and_told() -> None:
    before = file_of("CT_small.dcm")
    samples = before.PixelData
    before.PixelData = samples + SECRET + b" "
    data = saved(before)
    assert read(made(data)).PixelData == samples
    assert "MK-DEI-006" in rules_of(data)
    before.PixelData = samples + bytes(2)
    assert "MK-DEI-006" not in rules_of(saved(before))
    odd = Dataset()
    odd.Rows, odd.Columns, odd.SamplesPerPixel, odd.BitsAllocated = 1, 3, 1, 8
    odd.add_new(0x7FE00010, "OB", b"abcX")
    assert read(made(of(odd))).PixelData == b"abc\0"
    for word, code in (("FloatPixelData", "<6f"), ("DoubleFloatPixelData", "<6d")):
        floats = Dataset()
        floats.Rows, floats.Columns = 2, 3
        setattr(floats, word, pack(code, *range(6)) + SECRET + b" ")
        assert read(made(of(floats)))[word].value == pack(code, *range(6)), word
    del odd.Rows
    assert rules_of(of(odd)) == ["MK-DEI-007"]


def test_pixel_data_that_are_hidden_in_a_sequence_do_not_go_on() -> None:
    dataset = Dataset()
    inner = Dataset()
    inner.add_new(0x7FE00010, "OB", SECRET + b" ")
    dataset.DerivationCodeSequence = [inner]
    assert SECRET not in made(of(dataset))


def test_comments_anywhere_in_a_jpeg_and_bytes_behind_it_become_zero() -> None:
    for name in JPEGS:
        before = file_of(name)
        frame = next(generate_frames(before.PixelData)).rstrip(b"\0")
        assert frame.endswith(b"\xff\xd9"), name
        told = segment(0xFE, SECRET) + segment(0xE1, b"Exif\0\0" + SECRET) + segment(0xEE, SECRET)
        full = frame[:2] + told + frame[2:-2] + (b"" if "jpeg_ls" in name else told) + frame[-2:] + SECRET
        full += b"\0" * (len(full) % 2)
        before.PixelData = encapsulate([full])
        after = read(made(saved(before), pixels=KEPT))
        assert SECRET[:11] not in after.PixelData, name
        clean = next(generate_frames(after.PixelData))
        assert len(clean) == len(full)
        assert frame[-200:-2] in clean, name  # coded data stay
        assert (b"Adobe" in clean) == (b"Adobe" in frame), name
        if "app14" not in name:
            assert np.array_equal(after.pixel_array, file_of(name).pixel_array), name


def test_comments_in_jpeg_2000_and_bytes_behind_it_become_zero() -> None:
    for name in JPEGS_2000:
        before = file_of(name)
        frame = next(generate_frames(before.PixelData)).rstrip(b"\0")
        first_tile = frame.index(b"\xff\x90")
        full = frame[:first_tile] + segment(0x64, b"\0\1" + SECRET) + frame[first_tile:] + SECRET
        before.PixelData = encapsulate([full + b"\0" * (len(full) % 2)])
        after = read(made(saved(before), pixels=KEPT))
        assert SECRET[:11] not in after.PixelData, name
        assert np.array_equal(after.pixel_array, file_of(name).pixel_array), name


def test_bytes_behind_the_segments_of_rle_become_runs_of_nothing() -> None:
    before = file_of("MR_small_RLE.dcm")
    expected = before.pixel_array
    frame = next(generate_frames(before.PixelData))
    before.PixelData = encapsulate([frame + SECRET + b"\0"])
    after = read(made(saved(before), pixels=KEPT))
    assert SECRET[:11] not in after.PixelData
    assert np.array_equal(after.pixel_array, expected)
    before.PixelData = encapsulate([frame[:200]])
    assert rules_of(saved(before)) == ["MK-DEI-007"]


def test_what_is_no_codestream_or_one_frame_too_many_is_refused() -> None:
    before = file_of("SC_rgb_jpeg_gdcm.dcm")
    frame = next(generate_frames(before.PixelData))
    cut = frame[: len(frame) // 2] + b"\0" * (len(frame) // 2 % 2)
    for frames in ([SECRET + b" "], [frame, frame], [cut], [frame[:2] + b"\xff\xfe\xff\xff"], [b"\xff\xd8"]):
        before.PixelData = encapsulate(frames)
        done = deidentify(io.BytesIO(saved(before)), engine(), KEPT)
        assert isinstance(done, NotDeidentified), frames[0][:8]
        assert done.finding.rule.id == "MK-DEI-007"


def test_an_offset_table_that_holds_something_else_is_emptied() -> None:
    before = file_of("MR_small_jpeg_ls_lossless.dcm")
    frame = next(generate_frames(before.PixelData))
    table = pack("<HHL", 0xFFFE, 0xE000, 28) + SECRET + b" "
    before.PixelData = table + encapsulate([frame], has_bot=False)[8:]
    after = read(made(saved(before), pixels=KEPT))
    assert after.PixelData[4:8] == bytes(4)
    assert SECRET not in after.PixelData


def test_each_uid_that_is_not_of_a_class_gets_the_same_new_one_everywhere() -> None:
    uid, code = f"{OLD_UID}.9", "1.2.276.0.99.1"
    dataset, inner = Dataset(), Dataset()
    for one in (dataset, inner):
        for tag in (0x00200242, 0x00081167, 0x00209312, 0x0070031B, 0x0040E030):
            one.add_new(tag, "UI", uid)
        one.CodingSchemeUID, one.ReferencedSOPClassUID = code, "1.2.840.10008.5.1.4.1.1.4"
        one.add_new(0x00401006, "SH", "PLACER-8812")
    dataset.ReferencedImageSequence = [inner]
    how = engine()
    after = read(made(of(dataset), how))
    new = set()
    for one in (after, after.ReferencedImageSequence[0]):
        new |= {one[tag].value for tag in (0x00200242, 0x00081167, 0x00209312, 0x0070031B, 0x0040E030)}
        assert (one.CodingSchemeUID, one.ReferencedSOPClassUID) == (code, "1.2.840.10008.5.1.4.1.1.4")
        assert 0x00401006 not in one
    assert len(new) == 1
    assert new.pop().startswith("2.25.")
    noted = {(one.kind, one.text) for one in how.identifiers}
    assert {(Kind.UID, uid), (Kind.OTHER_ID, "PLACER-8812")} <= noted
    assert read(made(of(dataset), engine("retain-uids")))[0x00200242].value == uid
