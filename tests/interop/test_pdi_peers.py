"""IHE PDI and the German catalogue on media whose file systems and directories others have made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mediakit.findings import Severity
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.profile.load import load_profile
from mediakit.rules.check import RuleSet
from tests.support.peers import need, run
from tests.support.studies import SAMPLES, burnt_to, folder_of

INDEX = (
    b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>M</title></head><body><p>'
    b'<a href="README.TXT">read me</a> <a href="IHE_PDI/ENTRY.HTM">images</a></p></body></html>'
)
ENTRY = b'<html><head><title>M</title></head><body><p><a href="../INDEX.HTM">back</a></p></body></html>'


@pytest.fixture(name="content")
def _content(tmp_path: Path) -> Path:
    """Return a folder that is right by PDI, with web content."""
    extra = folder_of(
        tmp_path / "extra",
        {"README.TXT": b"Hospital, +49 000\r\n", "INDEX.HTM": INDEX, "IHE_PDI/ENTRY.HTM": ENTRY},
    )
    burnt_to(tmp_path / "content", SAMPLES, add=(extra,))
    return tmp_path / "content"


def found(medium: Path, *rule_sets: RuleSet) -> dict[Severity, set[str]]:
    order = ValidateOrder(profile=load_profile("STD-GEN-CD"), rule_sets=frozenset(rule_sets))
    report: dict[Severity, set[str]] = {severity: set() for severity in Severity}
    for finding in validate(medium, order).result.report.findings:
        report[finding.severity].add(finding.rule.id)
    return report


@pytest.mark.interop
@pytest.mark.parametrize("more", [(), ("-J", "-r")], ids=["level 1", "Joliet and Rock Ridge"])
def test_upper_case_names_of_genisoimage_are_right(
    content: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    need("genisoimage")
    run("genisoimage", "-quiet", "-iso-level", "1", *more, "-o", str(tmp_path / "a.iso"), str(content))
    assert found(tmp_path / "a.iso", RuleSet.PDI)[Severity.ERROR] == set()
    assert found(tmp_path / "a.iso", RuleSet.DRG)[Severity.ERROR] == {"MK-DRG-006"}  # upper-case links


@pytest.mark.interop
def test_lower_case_names_beside_those_of_iso_are_found_and_joliet_itself_is_allowed(
    content: Path, tmp_path: Path
) -> None:
    need("genisoimage")
    for name in ("README.TXT", "INDEX.HTM"):
        (content / name).rename(content / name.lower())
    run("genisoimage", "-quiet", "-iso-level", "1", "-J", "-r", "-o", str(tmp_path / "a.iso"), str(content))
    assert found(tmp_path / "a.iso", RuleSet.PDI)[Severity.ERROR] == {"MK-PDI-022"}
    assert found(tmp_path / "a.iso", RuleSet.DRG)[Severity.ERROR] == {"MK-DRG-006"}  # upper-case links


@pytest.mark.interop
def test_a_directory_of_dcmtk_is_right_and_one_from_elsewhere_references_nothing(content: Path) -> None:
    need("dcmmkdir")
    (content / "DICOMDIR").unlink()
    shutil.rmtree(content / "IHE_PDI")
    run("dcmmkdir", "+r", "-Pgp", "+id", str(content), "+D", str(content / "DICOMDIR"), "DICOM", cwd=content)
    assert found(content, RuleSet.PDI)[Severity.ERROR] == {"MK-PDI-032"}  # the link into IHE_PDI
    run("dcmmkdir", "+r", "-Pgp", "+id", "DICOM", "+D", "DICOMDIR", cwd=content)
    assert "MK-PDI-019" in found(content, RuleSet.PDI)[Severity.ERROR]
