from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from mediakit.fileset.record import Directory, DirectoryRecord, Key
from mediakit.fileset.survey import FileKind
from mediakit.findings import Severity
from mediakit.rules import drg
from mediakit.rules.check import RuleSet
from mediakit.rules.every import CHECKS
from mediakit.rules.pdi import LARGEST_CD
from mediakit.volume import FatVolume, IsoVolume, UdfVolume, Volume, ZipVolume
from tests.support.directories import Item, dicomdir, element
from tests.support.each import each
from tests.support.instances import make_instance
from tests.support.surveys import changed, directory_of, found_by, ids, medium_of, other_file, survey_of

A_CT = make_instance()
CD = IsoVolume(has_joliet=True, has_rock_ridge=True, sessions=3, level=0)
VIEWER = other_file("VIEWER.EXE", head=b"MZ\0\0\1")
INDEX = b'<html><body><p><a href="readme.txt">r</a> <a href="viewer.exe">v</a></p></body></html>'


def found(markup: bytes) -> list[str]:
    return ids(found_by(drg.CHECKS, medium_of(A_CT, volume=CD, texts={"INDEX.HTM": markup})))


def test_a_cd_with_joliet_rock_ridge_and_sessions_is_right() -> None:
    medium = medium_of(A_CT, volume=CD, format="iso9660", texts={"INDEX.HTM": INDEX})
    medium = replace(medium, files=(*medium.files, VIEWER))
    assert found_by(drg.CHECKS, medium) == []


def test_every_check_of_this_file_is_one_of_the_catalogue_and_is_run() -> None:
    assert {check.rule_set for check in drg.CHECKS} == {RuleSet.DRG}
    assert set(drg.CHECKS) <= set(CHECKS)


@pytest.mark.parametrize("volume", [UdfVolume(), FatVolume(), ZipVolume()])
def test_other_media_than_a_cd_are_found(volume: Volume) -> None:
    assert ids(found_by(drg.CHECKS, medium_of(A_CT, volume=volume))) == ["MK-DRG-001"]


def test_an_image_larger_than_any_cd_is_found() -> None:
    assert "MK-DRG-001" in ids(found_by(drg.CHECKS, medium_of(A_CT, volume=CD, size_bytes=LARGEST_CD + 1)))
    assert "MK-DRG-001" not in ids(found_by(drg.CHECKS, medium_of(A_CT, volume=CD, size_bytes=LARGEST_CD)))


def test_of_a_folder_nobody_can_tell_and_that_is_a_note() -> None:
    (finding,) = found_by(drg.CHECKS, medium_of(A_CT))
    assert finding.rule.id == "MK-DRG-010"
    assert finding.severity is Severity.NOTE


def test_autorun_in_the_root_is_a_warning() -> None:
    autorun = other_file("AUTORUN.INF", head=b"[autorun]\nopen=VIEWER.EXE\n")
    medium = medium_of(A_CT, volume=CD)
    (finding,) = found_by(drg.CHECKS[:1], replace(medium, files=(*medium.files, autorun)))
    assert (finding.rule.id, finding.severity) == ("MK-DRG-002", Severity.WARNING)
    below = structs.replace(autorun, path="VIEWER/AUTORUN.INF")
    assert found_by(drg.CHECKS[:1], replace(medium, files=(*medium.files, below))) == []


def test_private_elements_of_directory_records_are_counted() -> None:
    def add(record: DirectoryRecord) -> DirectoryRecord:
        return structs.replace(record, keys=(*record.keys, Key(0x00990010, "LO", b"ACME")))

    directory = changed(changed(directory_of(A_CT), "SERIES", add), "IMAGE", add)
    (finding,) = found_by(drg.CHECKS, survey_of(directory=directory, volume=CD))
    assert finding.rule.id == "MK-DRG-003"
    assert dict(finding.detail) == {"count": 2, "tag": "(0099,0010)"}


def test_two_records_for_one_patient_are_found() -> None:
    directory = directory_of(A_CT)
    doubled = replace(directory, roots=(*directory.roots, structs.replace(directory.roots[0], children=())))
    assert ids(found_by(drg.CHECKS, survey_of(directory=doubled, volume=CD))) == ["MK-DRG-004"]


def test_an_mrdr_is_found_though_it_is_no_part_of_the_tree() -> None:
    patient = Item(kind="PATIENT", next=1, extra=element(0x00100020, "LO", b"P1"))
    lost = dicomdir([patient, Item(kind="MRDR")])
    medium = survey_of(directory=lost, volume=CD)
    assert medium.directory is not None
    assert [record.type for record in medium.directory.walk()] == ["PATIENT"]
    (finding,) = found_by(drg.CHECKS, medium)
    assert (finding.rule.id, dict(finding.detail)["type"]) == ("MK-DRG-005", "MRDR")


def test_what_pdi_forbids_is_forbidden_here_too() -> None:
    directory = Directory("TEST", "1.2.3", (DirectoryRecord("TOPIC", ()), DirectoryRecord("TOPIC", ())))
    assert ids(found_by(drg.CHECKS, survey_of(directory=directory, volume=CD))) == ["MK-DRG-005"]


@each(
    ("markup", "rule"),
    [
        (b'<a href="README.TXT">r</a>', "MK-DRG-006"),
        (b"<style>p {}</style>", "MK-DRG-007"),
        (b'<link rel="stylesheet" href="a.css"/>', "MK-DRG-007"),
        (b'<p style="color: red">x</p>', "MK-DRG-007"),
        (b"<script>go()</script>", "MK-DRG-008"),
        (b'<script type="text/javascript" src="a.js"></script>', "MK-DRG-008"),
        (b'<p onclick="go()">x</p>', "MK-DRG-008"),
        (b'<script language="VBScript">Go</script>', "MK-DRG-011"),
    ],
)
def test_what_the_catalogue_says_of_pages_is_found(markup: bytes, rule: str) -> None:
    assert rule in found(markup)


@pytest.mark.parametrize(
    "markup", [b'<a href="readme.txt">r</a>', b"<p>x</p>", b"", b'<a href="mailto:A@B">m</a>']
)
def test_plain_pages_are_right(markup: bytes) -> None:
    assert found(markup) == []


def test_javascript_is_a_note_and_other_languages_an_error() -> None:
    medium = medium_of(A_CT, volume=CD, texts={"INDEX.HTM": b"<script>x</script>"})
    assert [one.severity for one in found_by(drg.CHECKS, medium)] == [Severity.NOTE]


def test_programs_without_a_link_from_the_index_are_found() -> None:
    medium = medium_of(A_CT, volume=CD, texts={"INDEX.HTM": b'<a href="readme.txt">r</a>'})
    medium = replace(medium, files=(*medium.files, VIEWER))
    assert ids(found_by(drg.CHECKS, medium)) == ["MK-DRG-009"]
    assert ids(found_by(drg.CHECKS, replace(medium, texts={}))) == ["MK-DRG-009"]
    damaged = structs.replace(VIEWER, kind=FileKind.DAMAGED)
    assert found_by(drg.CHECKS, replace(medium, files=(*medium.files[:-1], damaged))) == []


def test_pages_without_an_index_in_the_root_are_found() -> None:
    medium = medium_of(A_CT, volume=CD)
    page = other_file("WEB/START.HTM")
    assert ids(found_by(drg.CHECKS, replace(medium, files=(*medium.files, page)))) == ["MK-DRG-012"]
    both = (*medium.files, page, other_file("INDEX.HTM"))
    assert found_by(drg.CHECKS, replace(medium, files=both)) == []
