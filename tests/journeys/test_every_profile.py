"""Every profile of PS3.11 from end to end: an image or archive of it is written, proven, and conforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from mediakit.choices import Convert
from mediakit.dicom.instance import Instance
from mediakit.findings import Severity
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome
from mediakit.profile.judge import Decision, Judge
from mediakit.profile.load import load_catalogue
from mediakit.profile.model import Profile
from mediakit.secure.given import sealer_for
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.media import scanner_for
from tests.support.secure import PASSPHRASE
from tests.support.studies import PYDICOM_FILES, SAMPLES, burnt_to, files_in

_SUFFIXES = {"ISO 9660": ".iso", "UDF": ".iso", "FAT": ".img", "ZIP": ".zip", "MIME": ".eml"}
_ULTRASOUND = SAMPLES / "shiken_hanako/20240405_US"
_MPEG = (100, 101, 102, 103, 104, 105, 106)  # the last component of their transfer syntaxes


def _with_combined_calibration(source: Path, target: Path) -> Path:
    """Write an ultrasound image whose regions say what the values of their pixels mean."""
    dataset = pydicom.dcmread(source)
    for region in dataset.SequenceOfUltrasoundRegions:
        region.PixelComponentOrganization = 1
        region.PixelComponentRangeStart, region.PixelComponentRangeStop = 0, 255
        region.PixelComponentPhysicalUnits = 3
        region.PixelComponentDataType = 1
        region.NumberOfTableBreakPoints = 2
        region.TableOfXBreakPoints, region.TableOfYBreakPoints = [0, 255], [0.0, 255.0]
    dataset.save_as(target)
    return target


def _video(syntax: str, target: Path) -> Path:
    """Write a loop as a video of some bytes, which nobody decodes here."""
    dataset = pydicom.dcmread(next(path for path in files_in(_ULTRASOUND) if path.name.startswith("a4c")))
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PhotometricInterpretation = "YBR_PARTIAL_420"
    dataset.PixelData = encapsulate([bytes(200)])
    dataset.save_as(target)
    return target


def _files(folder: Path) -> Iterator[Path]:
    """Yield real instances of many kinds, and what no sample has."""
    yield from files_in(SAMPLES)
    yield from sorted(PYDICOM_FILES.glob("*.dcm"))
    for name in ("IMG00001", "IMG00002"):
        yield _with_combined_calibration(_ULTRASOUND / name, folder / name)
    for last in _MPEG:
        yield _video(f"1.2.840.10008.1.2.4.{last}", folder / f"mpeg{last}")


def _instances(paths: Sequence[Path]) -> list[Instance]:
    scanner = scanner_for(*load_catalogue().profiles.values())
    found = []
    for path in sorted(paths, key=lambda path: path.stat().st_size):
        with path.open("rb") as stream:
            instance = scanner.read(stream, path.stat().st_size, "", str(path))
        if isinstance(instance, Instance):
            found.append(instance)
    return found


@pytest.mark.takes_long
def test_an_image_or_archive_of_each_of_the_82_profiles_is_written_and_conforms(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    instances = _instances(list(_files(tmp_path / "made")))
    sealer = sealer_for(passphrase=PASSPHRASE.decode())  # one: a key is derived once
    profiles = load_catalogue().profiles
    assert len(profiles) == 82
    wrong = {name: why for name, one in profiles.items() if (why := _tried(one, instances, sealer, tmp_path))}
    assert not wrong


def _tried(profile: Profile, instances: Sequence[Instance], sealer: object, folder: Path) -> object:
    """Write a medium and validate it; return what is wrong, or ""."""
    judge = Judge(profile, Convert.LOSSLESS)
    envelope = sealer if profile.is_secure else None
    out = folder / f"{profile.id}{_suffix(profile)}"
    said: object = "no instance fits"
    for fitting in (one for one in instances if judge(one).decision is not Decision.REFUSE):
        burnt = burnt_to(out, Path(fitting.path), profile=profile.id, envelope=envelope)
        said = [f"{one.rule.id} {one.text}" for one in burnt.result.report.findings]
        if burnt.result.outcome is Outcome.GOOD:
            break
    if not out.is_file():
        return said
    keys = Keys(passphrases=(PASSPHRASE,)) if profile.is_secure else NO_KEYS
    validation = validate(out, ValidateOrder(profile=profile, keys=keys))
    out.unlink()
    errors = [one.text for one in validation.result.report.findings if one.severity is Severity.ERROR]
    return errors or ("" if validation.result.outcome is Outcome.GOOD else validation.result.outcome)


def _suffix(profile: Profile) -> str:
    systems = " ".join(profile.medium.file_systems)
    return next(suffix for start, suffix in _SUFFIXES.items() if start in systems)
