"""Our verdict and that of DCMTK's dcmmkdir, on the same files, for each profile that it knows.

dcmmkdir judges while it makes a DICOMDIR: a file that it refuses gets no record. We judge under
`--convert none`, since dcmmkdir converts nothing. Where the two differ stands in `DIFFERENCES`, with the
reason; a difference that is not there, or is there no more, is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.uids import SYNTAXES
from mediakit.profile.judge import Convert, Decision, Judge
from mediakit.profile.load import load_profile
from tests.support.judged import (
    BIG_ENDIAN,
    CT,
    DEFLATED,
    DX,
    DX_PROCESSING,
    ENDOSCOPY_VIDEO,
    ENHANCED_CT,
    EXPLICIT,
    HEVC,
    IMPLICIT,
    INTRA_ORAL,
    J2K,
    J2K_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    MPEG2,
    MPEG4,
    MR,
    RLE,
    SC,
    US_MULTI,
    US_RETIRED,
    XA,
)
from tests.support.judged_files import (
    COLOUR,
    FRAMES,
    GREY_8,
    bits,
    document,
    image,
    presentation,
    ranges,
    region,
    report,
    ultrasound,
    written,
)
from tests.support.peers import need, run

pytestmark = pytest.mark.interop

# The profiles of dcmmkdir, with one of ours for each.
OPTIONS: Mapping[str, str] = {
    "STD-GEN-CD": "--general-purpose",
    "STD-GEN-DVD-JPEG": "--general-dvd-jpeg",
    "STD-GEN-DVD-J2K": "--general-dvd-j2k",
    "STD-GEN-USB-JPEG": "--usb-and-flash-jpeg",
    "STD-GEN-SD-J2K": "--usb-and-flash-j2k",
    "STD-GEN-BD-JPEG": "--general-bd-jpeg",
    "STD-GEN-BD-J2K": "--general-bd-j2k",
    "STD-GEN-BD-MPEG2-MPML": "--general-bd-mpeg2-mpml",
    "STD-GEN-BD-MPEG2-MPHL": "--general-bd-mpeg2-mphl",
    "STD-GEN-BD-MPEG4-HPLV41": "--general-bd-mpeg4-hp",
    "STD-GEN-BD-MPEG4-HPLV41BD": "--general-bd-mpeg4-hpbd",
    "STD-GEN-BD-MPEG4-HPLV42-2D": "--general-bd-mpeg4-hp2d",
    "STD-GEN-BD-MPEG4-HPLV42-3D": "--general-bd-mpeg4-hp3d",
    "STD-GEN-BD-MPEG4-SHPLV42": "--general-bd-mpeg4-hpst",
    "STD-GEN-MIME": "--general-mime",
    "STD-DVD-MPEG2-MPML": "--mpeg2-mpml-dvd",
    "STD-XABC-CD": "--basic-cardiac",
    "STD-XA1K-CD": "--xray-angiographic",
    "STD-XA1K-DVD": "--xray-angiographic-dvd",
    "STD-DEN-CD": "--dental-radiograph",
    "STD-CTMR-CD": "--ct-and-mr",
    "STD-US-ID-SF-CDR": "--ultrasound-id-sf",
    "STD-US-SC-SF-CDR": "--ultrasound-sc-sf",
    "STD-US-CC-SF-CDR": "--ultrasound-cc-sf",
    "STD-US-ID-MF-CDR": "--ultrasound-id-mf",
    "STD-US-SC-MF-CDR": "--ultrasound-sc-mf",
    "STD-US-CC-MF-CDR": "--ultrasound-cc-mf",
}

MPEG2_HIGH = "1.2.840.10008.1.2.4.101"
MPEG4_BD = "1.2.840.10008.1.2.4.103"
MPEG4_2D = "1.2.840.10008.1.2.4.104"
MPEG4_3D = "1.2.840.10008.1.2.4.105"
MPEG4_STEREO = "1.2.840.10008.1.2.4.106"

Build = Callable[[], "Dataset"]


CASES: Mapping[str, Build] = {
    "CT": lambda: image(CT, EXPLICIT, "CT"),
    "CT implicit": lambda: image(CT, IMPLICIT, "CT"),
    "CT big endian": lambda: image(CT, BIG_ENDIAN, "CT"),
    "CT deflated": lambda: image(CT, DEFLATED, "CT"),
    "CT JPEG lossless": lambda: image(CT, JPEG_LOSSLESS, "CT"),
    "CT JPEG baseline": lambda: image(CT, JPEG_BASELINE, "CT", **GREY_8),
    "CT JPEG extended": lambda: image(CT, JPEG_EXTENDED, "CT"),
    "CT JPEG-LS": lambda: image(CT, JPEG_LS, "CT"),
    "CT J2K lossless": lambda: image(CT, J2K_LOSSLESS, "CT"),
    "CT J2K": lambda: image(CT, J2K, "CT"),
    "CT RLE": lambda: image(CT, RLE, "CT"),
    "CT named PT": lambda: image(CT, EXPLICIT, "PT"),
    "CT MONOCHROME1": lambda: image(CT, EXPLICIT, "CT", PhotometricInterpretation="MONOCHROME1"),
    "Enhanced CT": lambda: image(
        ENHANCED_CT, EXPLICIT, "CT", ContentDate="20260101", ContentTime="1200", **FRAMES
    ),
    "MR": lambda: image(MR, EXPLICIT, "MR"),
    "MR 10 bits": lambda: image(MR, EXPLICIT, "MR", BitsStored=10, HighBit=9),
    "MR high bits": lambda: image(MR, EXPLICIT, "MR", HighBit=15),
    "SC 8 bits": lambda: image(SC, EXPLICIT, "OT", **GREY_8),
    "SC 12 bits": lambda: image(SC, EXPLICIT, "OT"),
    "SC colour": lambda: image(SC, EXPLICIT, "OT", **COLOUR),
    "SC palette": lambda: image(
        SC, EXPLICIT, "OT", **{**GREY_8, "PhotometricInterpretation": "PALETTE COLOR"}
    ),
    "SC 1025 lines": lambda: image(SC, EXPLICIT, "OT", **GREY_8, Rows=1025),
    "GSPS": presentation,
    "GSPS implicit": lambda: presentation(IMPLICIT),
    "dose report": report,
    "document": document,
    "XA": lambda: image(XA, JPEG_LOSSLESS, "XA", **GREY_8),
    "XA uncompressed": lambda: image(XA, EXPLICIT, "XA", **GREY_8),
    "XA JPEG baseline": lambda: image(XA, JPEG_BASELINE, "XA", **GREY_8),
    "XA 12 bits": lambda: image(XA, JPEG_LOSSLESS, "XA"),
    "XA 14 bits": lambda: image(XA, JPEG_LOSSLESS, "XA", BitsStored=14, HighBit=13),
    "XA 1024 lines": lambda: image(XA, JPEG_LOSSLESS, "XA", **GREY_8, Rows=1024, Columns=1024),
    "XA 1025 lines": lambda: image(XA, JPEG_LOSSLESS, "XA", **GREY_8, Rows=1025, Columns=1024),
    "XA named RF": lambda: image(XA, JPEG_LOSSLESS, "RF", **GREY_8),
    "DX": lambda: image(DX, EXPLICIT, "DX"),
    "DX 14 bits": lambda: image(DX, EXPLICIT, "DX", BitsStored=14, HighBit=13),
    "DX 8 bits in 16": lambda: image(DX, EXPLICIT, "DX", BitsStored=8, HighBit=7),
    "DX no detector": lambda: image(DX, EXPLICIT, "DX", DetectorID=None),
    "DX for processing": lambda: image(DX_PROCESSING, EXPLICIT, "DX"),
    "intra-oral": lambda: image(INTRA_ORAL, EXPLICIT, "IO", **GREY_8),
    "US retired": lambda: image(US_RETIRED, EXPLICIT, "US", **COLOUR),
    "US loop": lambda: image(US_MULTI, EXPLICIT, "US", **COLOUR, **FRAMES),
    "US loop, one frame missing": lambda: image(US_MULTI, EXPLICIT, "US", **COLOUR),
    **{
        f"US {photometric} {name}": lambda p=photometric, s=syntax: ultrasound(p, s)  # type: ignore[misc]
        for photometric in (
            "MONOCHROME1",
            "MONOCHROME2",
            "RGB",
            "PALETTE COLOR",
            "YBR_FULL",
            "YBR_FULL_422",
            "YBR_PARTIAL_422",
        )
        for name, syntax in (("uncompressed", EXPLICIT), ("RLE", RLE), ("JPEG", JPEG_BASELINE))
    },
    "US spatial": lambda: ultrasound("RGB", EXPLICIT, SequenceOfUltrasoundRegions=[region(), region()]),
    "US spatial, delta missing in the second region": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[region(), region(PhysicalDeltaX=None)]
    ),
    "US spatial, units missing": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[region(PhysicalUnitsXDirection=None)]
    ),
    "US spatial, flags missing": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[region(RegionFlags=None)]
    ),
    "US no region": lambda: ultrasound("RGB", EXPLICIT, SequenceOfUltrasoundRegions=[]),
    "US bits": lambda: ultrasound("RGB", EXPLICIT, SequenceOfUltrasoundRegions=[bits()]),
    "US bits, mask missing": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[bits(PixelComponentMask=None)]
    ),
    "US bits, break points missing": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[bits(TableOfXBreakPoints=None)]
    ),
    "US bits, units missing": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[bits(PixelComponentPhysicalUnits=None)]
    ),
    "US bits, organization missing": lambda: ultrasound(
        "RGB", EXPLICIT, SequenceOfUltrasoundRegions=[bits(PixelComponentOrganization=None)]
    ),
    "US ranges": lambda: ultrasound("RGB", EXPLICIT, SequenceOfUltrasoundRegions=[ranges()]),
    "US ranges and a mask, start missing": lambda: ultrasound(
        "RGB",
        EXPLICIT,
        SequenceOfUltrasoundRegions=[ranges(PixelComponentRangeStart=None, PixelComponentMask=255)],
    ),
    "video MPEG2": lambda: image(ENDOSCOPY_VIDEO, MPEG2, "ES", **COLOUR, **FRAMES),
    "video MPEG4": lambda: image(ENDOSCOPY_VIDEO, MPEG4, "ES", **COLOUR, **FRAMES),
    **{
        f"video {SYNTAXES[syntax].name}": lambda s=syntax: image(  # type: ignore[misc]
            ENDOSCOPY_VIDEO, s, "ES", **COLOUR, **FRAMES
        )
        for syntax in (MPEG2_HIGH, MPEG4_BD, MPEG4_2D, MPEG4_3D, MPEG4_STEREO, HEVC)
    },
    "video without frames": lambda: image(ENDOSCOPY_VIDEO, MPEG4, "ES", **COLOUR),
    "CT MPEG4": lambda: image(CT, MPEG4, "CT", **COLOUR),
}

GENERAL = ("STD-GEN-CD", "STD-GEN-*-JPEG", "STD-GEN-*-J2K", "STD-GEN-MIME")
COMBINED = ("STD-US-CC-*",)

# Where we differ: the case, the profiles (`*` stands for any text), and why.
DIFFERENCES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "US retired",
        GENERAL,
        "dcmmkdir takes retired ultrasound even without `--allow-retired-sop`; PS3.4 B.5 has it no more",
    ),
    (
        "video without frames",
        ("STD-GEN-BD-MPEG4-HPLV41",),
        "dcmmkdir goes by the SOP Class alone; we ask for Number of Frames, which such an instance must have",
    ),
    (
        "SC 12 bits",
        ("STD-CTMR-CD",),
        "Table E.3-5: Bits Stored is Bits Allocated in a gray capture; dcmmkdir does not compare them",
    ),
    (
        "GSPS implicit",
        ("STD-XA1K-DVD",),
        "dcmmkdir does not look at the transfer syntax of presentation states here; for STD-XA1K-CD it does",
    ),
    (
        "US YBR_PARTIAL_422 uncompressed",
        ("STD-US-ID-*",),
        "not in Table C.3-2: dcmmkdir keeps the retired Photometric Interpretation",
    ),
    (
        "US YBR_PARTIAL_422 JPEG",
        ("STD-US-ID-*",),
        "not in Table C.3-2: dcmmkdir keeps the retired Photometric Interpretation",
    ),
    (
        "US bits, units missing",
        COMBINED,
        "dcmmkdir refuses; that the units are needed is unconfirmed, so for us it is a warning",
    ),
    (
        "US ranges",
        COMBINED,
        "dcmmkdir asks every region for a mask, as if all were bit aligned; the mask belongs to those alone",
    ),
    (
        "US ranges and a mask, start missing",
        COMBINED,
        "dcmmkdir judges every region as bit aligned, and does not miss the start of the range",
    ),
)
# dcmmkdir refuses uncompressed instances here and says that it wanted just this: "LittleEndianExplicit
# expected but LittleEndianExplicit found". Table M.3-1 has the row for all profiles of the annex.
REFUSES_UNCOMPRESSED = ("STD-GEN-BD-MPEG2-*", "STD-GEN-BD-MPEG4-HPLV41*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the file of every case, by its number in `CASES`."""
    folder = tmp_path_factory.mktemp("cases")
    for number, build in enumerate(CASES.values()):
        (folder / f"CASE{number}").write_bytes(written(build(), number))
    return folder


def ours(folder: Path, profile: str) -> set[str]:
    """Return the cases that we take as they are."""
    accepted, scanner, judge = set(), Scanner(), Judge(load_profile(profile), Convert.NONE)
    for number, name in enumerate(CASES):
        file = folder / f"CASE{number}"
        with file.open("rb") as stream:
            found = scanner.read(stream, file.stat().st_size, "IN", file.name)
        assert isinstance(found, Instance), name
        if judge(found).decision is Decision.ACCEPT:
            accepted.add(name)
    return accepted


def theirs(folder: Path, profile: str, dicomdir: Path) -> set[str]:
    """Return the cases that dcmmkdir makes a record for."""
    files = [f"CASE{number}" for number in range(len(CASES))]
    into = ("--input-directory", str(folder), "--output-file", str(dicomdir))
    run("dcmmkdir", OPTIONS[profile], "--quiet", "--no-backup", *into, *files)
    if not dicomdir.exists():
        return set()
    records = dcmread(dicomdir).DirectoryRecordSequence
    taken = {str(record.ReferencedFileID) for record in records if "ReferencedFileID" in record}
    return {name for number, name in enumerate(CASES) if f"CASE{number}" in taken}


@pytest.mark.parametrize("profile", list(OPTIONS))
def test_we_and_dcmtk_take_the_same_files_but_for_the_differences_told_here(
    profile: str, folder: Path, tmp_path: Path
) -> None:
    need("dcmmkdir")
    we, they = ours(folder, profile), theirs(folder, profile, tmp_path / "DICOMDIR")
    assert we & they, "a profile that both refuse everything compares nothing"
    told = {name for name, profiles, _ in DIFFERENCES if any(fnmatch(profile, one) for one in profiles)}
    if any(fnmatch(profile, one) for one in REFUSES_UNCOMPRESSED):
        told |= ours(folder, "STD-GEN-CD")
    assert we ^ they == told
