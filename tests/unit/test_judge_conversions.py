"""What the judge promises to convert, the transcoder converts, and the judge accepts what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.transcode import NotConvertible, Transcoded, transcode
from mediakit.profile.judge import Decision, Judge
from mediakit.profile.load import load_profile
from tests.support.judged import IMPLICIT, XA
from tests.support.judged_files import GREY_8, image, ultrasound, written

PROFILES = ("STD-GEN-CD", "STD-GEN-DVD-J2K", "STD-CTMR-CD", "STD-US-ID-MF-CDR", "STD-XA1K-CD", "STD-GEN-MIME")
MOST_BYTES = 300_000
# The codestream has another number of lines than the data set says: the judge sees no pixel data.
DAMAGED = {"JPEG2000-embedded-sequence-delimiter.dcm"}

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # pydicom's test files are odd on purpose
]


def files() -> Iterator[Path]:
    for file in sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*")):
        if file.is_file() and file.stat().st_size <= MOST_BYTES and file.name not in DAMAGED:
            yield file


def scanned(data: bytes) -> Instance | None:
    found = Scanner().read(BytesIO(data), len(data), "IN", "IMAGE")
    return found if isinstance(found, Instance) else None


def test_every_promised_conversion_of_real_files_is_kept() -> None:
    for codec in ("numpy", "gdcm", "openjpeg", "rle", "jpeg_ls"):
        pytest.importorskip(codec)
    judges = [Judge(load_profile(profile)) for profile in PROFILES]
    done: dict[tuple[Path, str], Transcoded | NotConvertible] = {}
    for file in files():
        data = file.read_bytes()
        instance = scanned(data)
        if instance is None:
            continue
        for judge in judges:
            verdict = judge(instance)
            if verdict.decision is not Decision.CONVERT:
                continue
            key = (file, verdict.to)
            if key not in done:
                done[key] = transcode(BytesIO(data), verdict.to)
            changed = done[key]
            assert isinstance(changed, Transcoded), (file.name, changed)
            again = scanned(changed.data)
            assert again is not None
            assert judge(again).decision is Decision.ACCEPT, (file.name, judge.profile.id)
            assert again.transfer_syntax == verdict.to
            assert again.sop_instance == instance.sop_instance
    assert len(done) > 20


@pytest.mark.parametrize(
    ("profile", "data"),
    [
        ("STD-XABC-CD", written(image(XA, IMPLICIT, "XA", **GREY_8), 1)),
        ("STD-XA1K-CD", written(image(XA, IMPLICIT, "XA"), 1)),
        ("STD-US-ID-SF-CDR", written(ultrasound("YBR_FULL", IMPLICIT), 1)),
    ],
)
def test_a_conversion_into_a_compressed_syntax_that_the_profile_asks_for_is_kept(
    profile: str, data: bytes
) -> None:
    for codec in ("numpy", "gdcm", "rle"):
        pytest.importorskip(codec)
    judge, instance = Judge(load_profile(profile)), scanned(data)
    assert instance is not None
    verdict = judge(instance)
    assert verdict.decision is Decision.CONVERT
    changed = transcode(BytesIO(data), verdict.to)
    assert isinstance(changed, Transcoded), changed
    again = scanned(changed.data)
    assert again is not None
    assert judge(again).decision is Decision.ACCEPT
    assert again.transfer_syntax == verdict.to
