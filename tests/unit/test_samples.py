"""The committed samples are what their generator draws, and hold what the other tests count on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset

from samples.make import make
from samples.makers import angiography, ct, ecg
from samples.makers.catalogue import NOTES, samples
from samples.makers.drawing import Ellipse, lattice, noise, sine
from samples.makers.writing import Sample

STUDIES = Path(__file__).parents[2] / "samples" / "studies"
LIMIT_BYTES = 3_000_000
STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1"  # retired: RT structure sets still name the study with it

NAMES = {
    "MKS-0001": ("ISO_IR 100", "Müller-Beispiel^Jörg"),
    "MKS-0002": (["", "ISO 2022 IR 87"], "Shiken^Hanako=試験^花子=しけん^はなこ"),
    "MKS-0003": ("ISO_IR 192", "Παράδειγμα^Ελένη"),
}

CLASSES = {
    uid.CTImageStorage: 14,
    uid.MRImageStorage: 8,
    uid.EnhancedMRImageStorage: 1,
    uid.UltrasoundImageStorage: 1,
    uid.UltrasoundMultiFrameImageStorage: 2,
    uid.XRayAngiographicImageStorage: 2,
    uid.ComputedRadiographyImageStorage: 1,
    uid.DigitalIntraOralXRayImageStorageForPresentation: 1,
    uid.SecondaryCaptureImageStorage: 1,
    uid.TwelveLeadECGWaveformStorage: 1,
    uid.ComprehensiveSRStorage: 1,
    uid.KeyObjectSelectionDocumentStorage: 1,
    uid.GrayscaleSoftcopyPresentationStateStorage: 1,
    uid.SegmentationStorage: 1,
    uid.EncapsulatedPDFStorage: 1,
    uid.RTStructureSetStorage: 1,
    uid.RTPlanStorage: 1,
    uid.RTDoseStorage: 1,
}

# What the directory records of these samples need as Type 1 (PS3.3 F.5), beyond the levels above them.
RECORD_KEYS = {
    uid.TwelveLeadECGWaveformStorage: ("ContentDate", "ContentTime"),
    uid.ComprehensiveSRStorage: (
        "CompletionFlag",
        "VerificationFlag",
        "ContentDate",
        "ContentTime",
        "ConceptNameCodeSequence",
        "ContentSequence",
    ),
    uid.KeyObjectSelectionDocumentStorage: ("ContentDate", "ContentTime", "ConceptNameCodeSequence"),
    uid.GrayscaleSoftcopyPresentationStateStorage: (
        "PresentationCreationDate",
        "PresentationCreationTime",
        "ContentLabel",
        "ReferencedSeriesSequence",
    ),
    uid.EncapsulatedPDFStorage: ("DocumentTitle", "MIMETypeOfEncapsulatedDocument"),
    uid.RTStructureSetStorage: ("StructureSetLabel",),
    uid.RTPlanStorage: ("RTPlanLabel",),
    uid.RTDoseStorage: ("DoseSummationType",),
}
LEVEL_KEYS = ("PatientID", "StudyDate", "StudyTime", "StudyID", "Modality", "SeriesNumber", "InstanceNumber")


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Sample]:
    return {sample.path: sample for sample in samples()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    make(root)
    return root


@pytest.fixture(scope="module")
def committed(catalogue: dict[str, Sample]) -> dict[str, FileDataset]:
    return {path: pydicom.dcmread(STUDIES / path) for path in catalogue}


def names_in(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def walk(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for entry in element.value:
                yield from walk(entry)


def without_encoding(dataset: Dataset) -> Dataset:
    bare = Dataset()
    bare.update(dataset)
    for keyword in ("PixelData", "LossyImageCompressionRatio"):
        if keyword in bare:
            delattr(bare, keyword)
    return bare


def test_the_committed_folder_holds_the_files_of_the_generator_and_no_other(made: Path) -> None:
    assert names_in(STUDIES) == names_in(made)


def test_every_file_whose_bytes_are_our_own_is_reproduced_byte_for_byte(
    made: Path, catalogue: dict[str, Sample]
) -> None:
    own = [path for path, sample in catalogue.items() if not sample.encoded] + list(NOTES)
    different = [path for path in own if (made / path).read_bytes() != (STUDIES / path).read_bytes()]
    assert len(own) > 30
    assert different == []


def test_a_second_run_writes_the_same_bytes(made: Path, tmp_path: Path) -> None:
    make(tmp_path)
    different = [n for n in names_in(made) if (made / n).read_bytes() != (tmp_path / n).read_bytes()]
    assert different == []


def test_files_from_foreign_encoders_are_reproduced_but_for_their_encoding(
    made: Path, catalogue: dict[str, Sample], committed: dict[str, FileDataset]
) -> None:
    encoded = [path for path, sample in catalogue.items() if sample.encoded]
    assert len(encoded) == 4
    for path in encoded:
        again = pydicom.dcmread(made / path)
        assert without_encoding(again) == without_encoding(committed[path])
        ours, theirs = again.pixel_array.astype(int), committed[path].pixel_array.astype(int)
        assert ours.shape == theirs.shape
        if again.file_meta.TransferSyntaxUID == uid.JPEGBaseline8Bit:
            assert np.abs(ours - theirs).mean() < 2
        else:
            assert np.array_equal(ours, theirs)


def test_lossless_encodings_hold_exactly_what_was_drawn(committed: dict[str, FileDataset]) -> None:
    run = committed["mueller_joerg/20240314_XA/XA Cine/RUN0002.dcm"]
    assert np.array_equal(run.pixel_array, angiography.draw(8))
    thin = {
        str(file.file_meta.TransferSyntaxUID): file
        for path, file in committed.items()
        if "CT_THIN" in path and file.file_meta.TransferSyntaxUID.is_compressed
    }
    assert set(thin) == {uid.RLELossless, uid.JPEG2000Lossless}
    for file in thin.values():
        number = int(file.InstanceNumber)
        assert np.array_equal(file.pixel_array, ct.draw(0.42 + (number - 1) * 0.02, number))


def test_the_samples_stay_small() -> None:
    assert sum((STUDIES / name).stat().st_size for name in names_in(STUDIES)) < LIMIT_BYTES


def test_every_expected_sop_class_is_there(committed: dict[str, FileDataset]) -> None:
    assert Counter(file.SOPClassUID for file in committed.values()) == CLASSES


def test_the_transfer_syntaxes_give_a_burn_something_to_convert(committed: dict[str, FileDataset]) -> None:
    count = Counter(str(file.file_meta.TransferSyntaxUID) for file in committed.values())
    assert count == {
        uid.ExplicitVRLittleEndian: len(committed) - 6,
        uid.ImplicitVRLittleEndian: 2,
        uid.RLELossless: 1,
        uid.JPEG2000Lossless: 1,
        uid.JPEGBaseline8Bit: 1,
        uid.JPEGLosslessSV1: 1,
    }


def test_each_patient_has_one_name_in_one_character_set(committed: dict[str, FileDataset]) -> None:
    found = {
        (file.PatientID, str(file.PatientName), str(file.SpecificCharacterSet)) for file in committed.values()
    }
    assert found == {(key, name, str(charset)) for key, (charset, name) in NAMES.items()}


def test_the_bytes_of_the_names_are_those_of_the_character_sets(committed: dict[str, FileDataset]) -> None:
    # Read with Python's own codecs, so that pydicom does not judge what pydicom wrote.
    codecs = {"MKS-0001": "latin-1", "MKS-0002": "iso2022_jp", "MKS-0003": "utf-8"}
    for path, file in committed.items():
        wanted = NAMES[file.PatientID][1].encode(codecs[file.PatientID])
        assert wanted in (STUDIES / path).read_bytes(), path


def test_every_sample_has_the_keys_of_its_directory_records(committed: dict[str, FileDataset]) -> None:
    missing = [
        (path, keyword)
        for path, file in committed.items()
        for keyword in (*LEVEL_KEYS, *RECORD_KEYS.get(file.SOPClassUID, ()))
        if not file.get(keyword) and file.get(keyword) != 0
    ]
    assert missing == []


def test_identifiers_are_unique_and_under_the_uuid_root(committed: dict[str, FileDataset]) -> None:
    instances = [file.SOPInstanceUID for file in committed.values()]
    assert len(set(instances)) == len(instances)
    numbers = [(file.SeriesInstanceUID, file.InstanceNumber) for file in committed.values()]
    assert len(set(numbers)) == len(numbers)
    for file in committed.values():
        for value in (file.SOPInstanceUID, file.SeriesInstanceUID, file.StudyInstanceUID):
            assert value.is_valid
            assert value.startswith("2.25.")


def test_every_reference_leads_to_a_sample(committed: dict[str, FileDataset]) -> None:
    there = {(file.SOPClassUID, file.SOPInstanceUID) for file in committed.values()}
    named = {
        (part.ReferencedSOPClassUID, part.ReferencedSOPInstanceUID)
        for file in committed.values()
        for part in walk(file)
        if "ReferencedSOPInstanceUID" in part and part.get("ReferencedSOPClassUID") != STUDY_COMPONENT
    }
    assert len(named) > 10
    assert named <= there


def test_the_encapsulated_document_is_a_pdf_whose_offsets_are_right(
    committed: dict[str, FileDataset],
) -> None:
    file = committed["shiken_hanako/20240405_ECG/report.pdf.dcm"]
    document = file.EncapsulatedDocument[: file.EncapsulatedDocumentLength]
    assert document.startswith(b"%PDF-1.4\n")
    assert document.endswith(b"%%EOF\n")
    table = int(document.split(b"startxref\n")[1].split(b"\n")[0])
    assert document[table:].startswith(b"xref\n")
    rows = document[table:].split(b"\n")[3:]
    for number, row in enumerate((row for row in rows if row.endswith(b"n ")), 1):
        assert document[int(row[:10]) :].startswith(b"%d 0 obj" % number)


def test_limb_leads_obey_einthoven() -> None:
    leads = ecg.leads()
    # Each lead is rounded on its own to steps of 5 microvolts.
    assert np.abs(leads["I"] + leads["III"] - leads["II"]).max() <= 2
    assert np.abs(leads["aVR"] + leads["aVL"] + leads["aVF"]).max() <= 2


def test_the_segmentation_covers_the_liver(committed: dict[str, FileDataset]) -> None:
    file = committed["mueller_joerg/20240312_CT/SEG/seg_leber.dcm"]
    masks = [mask for mask in map(ct.liver_mask, range(ct.SLICES)) if mask.any()]
    assert np.array_equal(file.pixel_array.astype(bool), np.stack(masks))


def test_the_sine_without_a_library_is_close_to_the_sine() -> None:
    turns = np.arange(-300, 300) / 173
    exact = np.array([math.sin(2 * math.pi * turn) for turn in turns])
    assert np.abs(sine(turns) - exact).max() < 0.002


def scrambled(number: int) -> int:
    number = number * 0x9E3779B97F4A7C15 % 2**64
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
    return number ^ (number >> 31)


def test_the_noise_is_that_of_exact_integers_and_spreads_evenly() -> None:
    points = np.arange(64, dtype=np.int64)
    values = (lattice(points, points * 0, 1) * 2**24).astype(int).tolist()
    assert values == [scrambled(point + 4096 + 4096 * 65536 + 2**32) >> 40 for point in range(64)]
    spread = noise(128, 128, 5)
    assert abs(spread.mean()) < 0.02
    assert -1 <= spread.min() < -0.7
    assert 0.7 < spread.max() <= 1


def test_the_outline_of_an_ellipse_lies_on_it() -> None:
    ellipse = Ellipse(x=0.1, y=-0.2, rx=0.5, ry=0.3)
    points = np.array(ellipse.outline(40))
    assert len({tuple(point) for point in points}) == 40
    assert np.allclose(ellipse.radius(points[:, 0], points[:, 1]), 1)
