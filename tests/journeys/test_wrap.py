"""`burn --wrap`: pictures and documents of another kind become instances without loss, or are refused."""

from __future__ import annotations

import io
import subprocess
import zlib
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms, ImageOps

from mediakit.dicom.wrap import NotWrappable, wrap_kind
from mediakit.dicom.wrap_picture import read_picture
from tests.support.cli import Said, mediakit
from tests.support.peers import need
from tests.support.studies import CT_1, folder_of

_GRADIENT = np.arange(60 * 40, dtype=np.uint16).reshape(40, 60)
_COLOUR = np.stack([_GRADIENT % 251, _GRADIENT % 199, _GRADIENT % 97], axis=2).astype(np.uint8)
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
_ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_NEW = (
    "--wrap-patient-id",
    "P7",
    "--wrap-patient-name",
    "Müller^Eva",
    "--wrap-birth-date",
    "19700102",
    "--wrap-sex",
    "F",
)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def turned(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, "JPEG", exif=exif, quality=90)


def deep_png() -> bytes:
    """Return a PNG of 2 x 2 pixels with 16 bits for each colour, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">L", len(data)) + kind + data + pack(">L", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + bytes(range(12))) * 2)
    head = pack(">LLBBBBB", 2, 2, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pictures() -> dict[str, bytes]:
    colour, gray = Image.fromarray(_COLOUR), Image.fromarray((_GRADIENT % 256).astype(np.uint8))
    pages = [Image.fromarray(_COLOUR + number) for number in range(1, 3)]
    opaque = colour.copy()
    opaque.putalpha(255)
    return {
        "camera.jpg": saved(colour, "JPEG", quality=90, icc_profile=_ICC),
        "gray.jpg": saved(gray, "JPEG", quality=80),
        "turned.jpg": turned(colour, 6),
        "progressive.jpg": saved(colour, "JPEG", progressive=True),
        "colour.png": saved(colour, "PNG", icc_profile=_ICC),
        "palette.png": saved(colour.quantize(32), "PNG"),
        "bits.png": saved(gray.convert("1"), "PNG"),
        "deep.png": saved(Image.fromarray(_GRADIENT * 27), "PNG"),
        "opaque.png": saved(opaque, "PNG"),
        "pages.tif": saved(colour, "TIFF", save_all=True, append_images=pages),
        "deep.tif": saved(Image.fromarray(_GRADIENT * 26), "TIFF"),
        "letter.pdf": _PDF,
    }


def burn(out: Path, source: Path, *options: str | Path, profile: str = "STD-GEN-CD") -> Said:
    common = ("-p", profile, "--wrap", "--all-patients", "--viewer", "none")
    return mediakit("burn", source, "-o", out, *common, *options)


def by_source(said: Said, out: Path) -> dict[str, pydicom.Dataset]:
    files = {Path(one["source"]).name: one for one in said.document["files"]}
    return {name: pydicom.dcmread(out / one["file_id"]) for name, one in files.items() if "file_id" in one}


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pydicom.Dataset], Said]:
    """Return a medium with every picture wrapped for a new patient, and what became of each."""
    root = tmp_path_factory.mktemp("wrap")
    folder_of(root / "in", dict(pictures()))
    said = burn(root / "out", root / "in", *_NEW, "--json", profile="STD-GEN-DVD-JPEG")
    assert said.code == 0, said.err + said.out
    return root, by_source(said, root / "out"), said


def test_every_picture_is_there_value_by_value_and_a_baseline_jpeg_byte_by_byte(
    wrapped: tuple[Path, dict[str, pydicom.Dataset], Said],
) -> None:
    _, found, _ = wrapped
    given = pictures()
    assert sorted(found) == sorted(given)
    for name in ("camera.jpg", "gray.jpg"):
        one = found[name]
        assert one.file_meta.TransferSyntaxUID == pydicom.uid.JPEGBaseline8Bit
        frames = list(pydicom.encaps.generate_frames(one.PixelData, number_of_frames=1))
        assert frames[0].rstrip(b"\0") == given[name].rstrip(b"\0"), name
        assert one.LossyImageCompression == "01"
    wrong = []
    for name, content in given.items():
        if name in {"letter.pdf", "camera.jpg", "gray.jpg"}:
            continue
        image = Image.open(io.BytesIO(content))
        wanted = [page(image, index) for index in range(getattr(image, "n_frames", 1))]
        values = found[name].pixel_array
        values = values if len(wanted) > 1 else values[np.newaxis]
        wrong += [name for one, two in zip(values, wanted, strict=True) if not np.array_equal(one, two)]
    assert wrong == []
    assert found["turned.jpg"].Rows == 60
    assert found["turned.jpg"].LossyImageCompression == "01"
    assert found["camera.jpg"].ICCProfile.rstrip(b"\0") == _ICC.rstrip(b"\0")
    pages = found["pages.tif"]
    assert (pages.SOPClassUID, pages.NumberOfFrames) == ("1.2.840.10008.5.1.4.1.1.7.4", 3)
    assert pages.PageNumberVector == [1, 2, 3]
    assert found["deep.png"].BitsStored == 16
    letter = found["letter.pdf"]
    assert letter.EncapsulatedDocument[: letter.EncapsulatedDocumentLength] == _PDF
    assert (letter.Modality, letter.MIMETypeOfEncapsulatedDocument) == ("DOC", "application/pdf")


def page(image: Image.Image, index: int) -> np.ndarray[Any, Any]:
    if index:
        image.seek(index)
    upright = ImageOps.exif_transpose(image)
    plain = upright.convert("RGB") if upright.mode in {"P", "RGBA"} else upright
    return np.asarray(plain.convert("L") if plain.mode == "1" else plain)


def test_wrapped_instances_are_marked_and_are_of_the_patient_that_was_given(
    wrapped: tuple[Path, dict[str, pydicom.Dataset], Said],
) -> None:
    _, found, said = wrapped
    for name, one in found.items():
        assert str(one.PatientName) == "Müller^Eva", name
        assert (one.PatientID, one.PatientBirthDate, one.PatientSex) == ("P7", "19700102", "F"), name
        assert (one.ConversionType, one.BurnedInAnnotation) == ("WSD", "YES"), name
        assert one.get("ImageType", ["DERIVED", "SECONDARY"]) == ["DERIVED", "SECONDARY"], name
        assert not one.get("DocumentTitle")
        assert "SeriesDescription" not in one
    assert len({one.StudyInstanceUID for one in found.values()}) == 1
    rules = {one["rule"] for one in said.document["findings"]}
    assert "MK-WRP-003" in rules
    assert {one["state"] for one in said.document["files"]} == {"converted"}


def test_foreign_programs_find_the_instances_sound(
    wrapped: tuple[Path, dict[str, pydicom.Dataset], Said], tmp_path: Path
) -> None:
    need("dciodvfy")
    need("dcmj2pnm")
    root, found, _ = wrapped
    assert mediakit("validate", root / "out").code == 0
    wrong = []
    given = pictures()
    shown = tmp_path / "x.pnm"
    for name, one in found.items():
        file = str(one.filename)
        told = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False).stderr
        wrong += [f"{name}: {line}" for line in told.splitlines() if line.startswith("Error")]
        if name == "letter.pdf":
            continue
        made = subprocess.run(["dcmj2pnm", "-W", file, shown], capture_output=True, check=False)
        if made.returncode:
            wrong.append(f"{name}: dcmj2pnm {made.stderr!r}")
        elif name.endswith(".jpg"):  # colours: what DCMTK shows of the bytes carried is what Pillow shows
            wanted = page(Image.open(io.BytesIO(given[name])), 0).astype(int)
            difference = np.abs(
                np.asarray(Image.open(shown).convert("L" if wanted.ndim == 2 else "RGB")) - wanted
            )
            wrong += [f"{name}: {difference.mean()}"] if difference.mean() > 2 else []
    assert wrong == []


def test_a_second_burn_gives_the_same_instances_and_knows_those_that_are_there(
    wrapped: tuple[Path, dict[str, pydicom.Dataset], Said], tmp_path: Path
) -> None:
    root, found, _ = wrapped
    said = burn(tmp_path / "out", root / "in", *_NEW, "--json")
    again = by_source(said, tmp_path / "out")
    assert {name: one.SOPInstanceUID for name, one in again.items()} == {
        name: one.SOPInstanceUID for name, one in found.items()
    }
    both = folder_of(tmp_path / "both", {"a.jpg": pictures()["gray.jpg"], "b.jpg": pictures()["gray.jpg"]})
    said = mediakit(
        "burn", both, root / "out", "-o", tmp_path / "c", "--medium", "cd", "--wrap", *_NEW, "--json"
    )
    states = [one["state"] for one in said.document["files"] if one["source"].startswith(str(both))]
    assert states == ["duplicate", "duplicate"]


def test_files_get_patient_and_study_of_an_instance_of_the_burn(tmp_path: Path) -> None:
    like = pydicom.dcmread(CT_1)
    source = folder_of(
        tmp_path / "in", {"IM1": CT_1, "brief Ärztin.pdf": _PDF, "wund.png": pictures()["colour.png"]}
    )
    for number, options in enumerate(
        (
            ("--wrap-like", CT_1),
            ("--wrap-like", like.StudyInstanceUID),
            ("--wrap-study", like.StudyInstanceUID),
            ("--wrap-like", CT_1, "--wrap-study", "new"),
            ("--wrap-like", CT_1, "--wrap-study", "1.2.3.4", "--wrap-title"),
        )
    ):
        out = tmp_path / f"out{number}"
        said = burn(out, source, *options, "--json")
        assert said.code == 0, (options, said.err, said.out)
        made = by_source(said, out)
        for name in ("brief Ärztin.pdf", "wund.png"):
            one = made[name]
            assert (one.PatientID, one.PatientName) == (like.PatientID, like.PatientName), options
            assert (one.StudyInstanceUID == like.StudyInstanceUID) == (number < 3), options
            assert (one.StudyDate == like.StudyDate) == (number < 3), options
        if number == 4:
            assert made["wund.png"].StudyInstanceUID == "1.2.3.4"
            assert made["wund.png"].SeriesDescription == "wund"
            assert made["brief Ärztin.pdf"].DocumentTitle == "brief Ärztin"


def test_what_would_lose_something_is_refused_by_name(tmp_path: Path) -> None:
    colour = Image.fromarray(_COLOUR)
    clear = colour.copy()
    clear.putalpha(100)
    other = Image.fromarray(_COLOUR[:10])
    bad = {
        "cmyk.jpg": (saved(colour.convert("CMYK"), "JPEG"), "CMYK"),
        "cmyk.tif": (saved(colour.convert("CMYK"), "TIFF"), "CMYK"),
        "clear.png": (saved(clear, "PNG"), "transparent"),
        "float.tif": (saved(Image.fromarray(_GRADIENT.astype(np.float32)), "TIFF"), "floating point"),
        "deep.png": (deep_png(), "16 bits"),
        "uneven.tif": (saved(colour, "TIFF", save_all=True, append_images=[other]), "pages differ"),
        "moving.png": (saved(colour, "PNG", save_all=True, append_images=[other]), "animation"),
        "cut.jpg": (saved(colour, "JPEG")[:-200], "damaged"),
        "cut.pdf": (_PDF[:-7], "cut off"),
        "secret.pdf": (_PDF.replace(b"%%EOF", b"trailer <</Encrypt 5 0 R>>\n%%EOF"), "encrypted"),
        "noise.tif": (b"II*\0" + bytes(range(256)), "damaged"),
    }
    for name, (content, why) in bad.items():
        source = folder_of(tmp_path / name, {name: content})
        said = burn(tmp_path / "out", source, *_NEW, "--json")
        assert said.code == 4, (name, said.out)
        texts = [one["text"] for one in said.document["findings"] if one["rule"] == "MK-WRP-001"]
        assert len(texts) == 1, (name, said.document["findings"])
        assert why in texts[0], (name, texts)
        assert "object at" not in texts[0], name
        assert not (tmp_path / "out").exists()


def test_a_pdf_that_acts_by_itself_is_wrapped_and_named(tmp_path: Path) -> None:
    hidden = zlib.compress(b"1 0 <</S /Launch /F (a.exe)>>")
    more = {
        "script.pdf": (b"9 0 obj <</S/JavaScript/JS(app.alert\\(1\\))>> endobj\n", "a script"),
        "start.pdf": (
            b"9 0 obj\n<</Type/ObjStm\n/Filter/FlateDecode/N 1>>\nstream\r\n"
            + hidden
            + b"\nendstream endobj\n",
            "an action that starts a program",
        ),
        "plain.pdf": (b"9 0 obj <</OpenAction [3 0 R /Fit]>> endobj\n", ""),
    }
    files = {name: _PDF.replace(b"%%EOF", added + b"%%EOF") for name, (added, _) in more.items()}
    said = burn(tmp_path / "out", folder_of(tmp_path / "in", files), *_NEW, "--json")
    assert said.code == 0
    found = {
        one["path"].rpartition("/")[2]: one["text"]
        for one in said.document["findings"]
        if one["rule"] == "MK-WRP-005"
    }
    assert set(found) == {"script.pdf", "start.pdf"}
    assert all(more[name][1] in text for name, text in found.items())


def test_a_colour_profile_that_cannot_stay_is_named(tmp_path: Path) -> None:
    gray = Image.fromarray((_GRADIENT % 256).astype(np.uint8))
    source = folder_of(tmp_path / "in", {"g.png": saved(gray, "PNG", icc_profile=_ICC)})
    said = burn(tmp_path / "out", source, *_NEW, "--json")
    assert said.code == 0
    assert "MK-WRP-002" in {one["rule"] for one in said.document["findings"]}


def test_without_the_option_files_stay_what_they_are_and_the_option_is_named(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"IM1": CT_1, "a.png": pictures()["bits.png"]})
    said = mediakit("burn", source, "-o", tmp_path / "out", "--medium", "cd", "--json")
    assert said.code == 0
    rules = {one["rule"]: one for one in said.document["findings"]}
    assert "burn --wrap`" in rules["MK-WRP-004"]["hint"]
    assert said.document["counts"] == {"not-dicom": 1, "written": 1}


def test_it_must_be_said_whose_the_files_are(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"a.png": pictures()["bits.png"]})
    for options, words in (
        ((), "not clear whose the wrapped files are"),
        ((*_NEW, "--wrap-like", CT_1), "not clear whose the wrapped files are"),
        (("--wrap-like", "1.2.3"), "no instance of this study"),
        (("--wrap-like", source / "a.png"), "is not a DICOM instance"),
        (("--wrap-patient-id", "P7"), "--wrap-patient-name"),
        ((*_NEW, "--wrap-study", "study"), "neither a UID nor"),
    ):
        said = burn(tmp_path / "out", source, *options)
        assert said.code == 2, (options, said.out, said.err)
        assert words in said.err, (options, said.err)


def test_any_bytes_end_as_a_picture_or_as_a_sentence() -> None:
    for name, content in pictures().items():
        kind = wrap_kind(content)
        assert kind is not None
        if name == "letter.pdf":
            continue
        for at in range(2, len(content), max(1, len(content) // 40)):
            broken = bytearray(content)
            broken[at] ^= 0xFF
            for some in (bytes(broken), content[:at]):
                try:
                    read_picture(some, kind)
                except NotWrappable as exc:
                    assert str(exc)
