"""The verdicts on all media that pydicom ships, each read against the standard: `docs/verdicts.md` says why.

Where pydicom can tell, what must be found is taken from its own reading of the files and not from ours.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pydicom
import pytest
from pydicom.errors import InvalidDicomError

from mediakit.findings import Finding, Severity
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.profile.load import load_profile
from mediakit.rules.validation import Validation
from tests.support.studies import DICOMDIR_TESTS, PYDICOM_FILES

pytestmark = pytest.mark.interop

PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"
PATIENTS = ("77654033", "98892001", "98892003")
EXPLICIT = "1.2.840.10008.1.2.1"
CONFORMS, DOES_NOT = "conforms to STD-GEN-CD", "does not conform to STD-GEN-CD"

# Errors on the files of the three patients, with one variant of their directory as DICOMDIR.
VARIANTS: Mapping[str, frozenset[str]] = {
    "DICOMDIR": frozenset(),
    "DICOMDIR-reordered": frozenset(),  # the order of records in the file is free
    "DICOMDIR-bigEnd": frozenset({"MK-DIR-005"}),
    "DICOMDIR-implicit": frozenset({"MK-DIR-005"}),
    "DICOMDIR-empty.dcm": frozenset({"MK-CON-015", "MK-DIR-105"}),
    "DICOMDIR-nooffset": frozenset({"MK-DIR-007", "MK-DIR-033"}),
    "DICOMDIR-nopatient": frozenset({"MK-DIR-015", "MK-DIR-016"}),
}
# Errors on media as they lie there.
FOLDERS: Mapping[str, frozenset[str]] = {
    "dicomdirtests/TINY_ALPHA": frozenset({"MK-DIR-034"}),
    "dicomdirtests": frozenset({"MK-CON-003", "MK-DIR-007", "MK-DIR-116", "MK-NAM-003"}),
}
# Errors on single files of the folder of test files, beside their names and what `by_pydicom` says.
FAULTY_FILES: Mapping[str, frozenset[str]] = {
    "ExplVR_BigEndNoMeta.dcm": frozenset({"MK-PRO-060", "MK-PRO-021"}),
    "ExplVR_LitEndNoMeta.dcm": frozenset({"MK-PRO-060"}),
    "rtstruct.dcm": frozenset({"MK-PRO-060", "MK-PRO-021"}),
    "no_meta_group_length.dcm": frozenset({"MK-MET-001", "MK-MET-002", "MK-PRO-062"}),
}
# These are no instances: nothing more is judged of them.
BROKEN_FILES: Mapping[str, str] = {
    "MR_truncated.dcm": "MK-SRC-007",
    "rtplan_truncated.dcm": "MK-SRC-002",
    "SC_rgb_jpeg.dcm": "MK-SRC-012",
    "empty_charset_LEI.dcm": "MK-SRC-010",
    "meta_missing_tsyntax.dcm": "MK-SRC-010",
    "nested_priv_SQ.dcm": "MK-SRC-010",
    "dicomdirtests/TINY_ALPHA/DICOMDIR": "MK-DIR-102",  # the best of 8 directories, none of them in the root
}
_NAMES = {"MK-NAM-001", "MK-NAM-002", "MK-NAM-003", "MK-NAM-004"}


@cache
def judged(medium: Path) -> Validation:
    return validate(medium, ValidateOrder(profile=load_profile("STD-GEN-CD")))


def faults(medium: Path) -> list[Finding]:
    return [one for one in judged(medium).result.report.findings if one.severity is Severity.ERROR]


def sentence(medium: Path) -> str:
    (verdict,) = judged(medium).verdicts
    return verdict.sentence


def medium_with(directory: str, root: Path) -> Path:
    """Make a folder of the three patients and this variant of their directory."""
    for patient in PATIENTS:
        shutil.copytree(DICOMDIR_TESTS / patient, root / patient)
    shutil.copyfile(DICOMDIR_TESTS / directory, root / "DICOMDIR")
    return root


def by_pydicom() -> dict[str, set[str]]:
    """Return what the profile forbids of each test file, by what pydicom reads in it."""
    found = {}
    for path in sorted(path for path in PYDICOM_FILES.rglob("*") if path.is_file()):
        name = path.relative_to(PYDICOM_FILES).as_posix()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = pydicom.dcmread(path)
        except InvalidDicomError:
            continue
        meta = read.file_meta
        if name in BROKEN_FILES or meta.get("MediaStorageSOPClassUID") == "1.2.840.10008.1.3.10":
            continue
        found[name] = {"MK-CON-003"}
        if meta.get("TransferSyntaxUID") != EXPLICIT:
            found[name].add("MK-PRO-021")
        if not (read.get("StudyInstanceUID") and read.get("SeriesInstanceUID")):
            found[name].add("MK-FST-002")
        pairs = ("SOPClassUID", "SOPInstanceUID")
        if any(meta.get(f"MediaStorage{pair}") != read.get(pair) for pair in pairs):
            has_both = all(read.get(pair) for pair in pairs)
            found[name].add("MK-PRO-064" if has_both else "MK-PRO-083")
    return found


def test_every_variant_that_pydicom_ships_is_in_the_table() -> None:
    shipped = {path.name for path in DICOMDIR_TESTS.iterdir() if path.name.startswith("DICOMDIR")}
    assert shipped == VARIANTS.keys()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_verdict_on_a_variant_of_a_directory(name: str, tmp_path: Path) -> None:
    medium = medium_with(name, tmp_path / "medium")
    assert {one.rule.id for one in faults(medium)} == VARIANTS[name]
    assert sentence(medium) == (DOES_NOT if VARIANTS[name] else CONFORMS)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_verdict_on_a_folder_as_it_is_shipped(name: str) -> None:
    medium = PYDICOM_FILES / name
    assert {one.rule.id for one in faults(medium)} == FOLDERS[name]
    assert sentence(medium) == DOES_NOT


def test_the_folder_of_the_three_patients_faults_only_what_lies_beside_them() -> None:
    paths = {str(one.where.path).partition("/")[0] for one in faults(DICOMDIR_TESTS)}
    # Other directories lie beside the first one, and one of them ends in the middle of a record.
    assert paths == {"TINY_ALPHA", "DICOMDIR-bigEnd", "DICOMDIR-nooffset"}


def test_the_verdict_on_every_test_file_of_pydicom() -> None:
    found = defaultdict(set)
    for one in faults(PYDICOM_FILES):
        if one.rule.id not in _NAMES:
            found[one.where.path].add(one.rule.id)
    expected = by_pydicom()
    for name, more in FAULTY_FILES.items():
        expected.setdefault(name, {"MK-CON-003"}).update(more)
    expected.update({name: {rule} for name, rule in BROKEN_FILES.items()})
    assert found.pop("dicomdirtests/DICOMDIR") == {"MK-DIR-116"}
    assert found.pop("dicomdirtests/DICOMDIR-nooffset") == {"MK-DIR-007"}
    assert found.pop("dicomdirtests/TINY_ALPHA/DICOMDIR") == {"MK-DIR-034", "MK-DIR-102"}
    del expected["dicomdirtests/TINY_ALPHA/DICOMDIR"]
    tiny = "dicomdirtests/TINY_ALPHA/PT000000/"  # the File-set that the directory is of
    assert dict(found) == {
        name: rules for name, rules in expected.items() if rules and not name.startswith(tiny)
    }
    assert sentence(PYDICOM_FILES) == DOES_NOT


def test_the_page_of_verdicts_says_the_same() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    for name, rules in {**VARIANTS, **FOLDERS}.items():
        assert rows[name] == (", ".join(sorted(rules)) or "conforms"), name
    for name, rule in BROKEN_FILES.items():
        assert rows[name] == rule
    for name, more in FAULTY_FILES.items():
        assert set(rows[name].split(", ")) >= more
