from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from mediakit.fileset.survey import TEXT_BYTES, FileFact, FileKind
from mediakit.findings import Finding, Rule, Severity
from mediakit.profile.load import load_profile
from mediakit.rules import hygiene, secure
from tests.support.each import each
from tests.support.instances import make_instance
from tests.support.surveys import found_by, ids, medium_of, other_file, survey_of

A_CT = make_instance()
ALL = (*hygiene.CHECKS, *secure.CHECKS)
PROGRAM = b"MZ\x90\0\3\0\0\0"
ZIP = b"PK\3\4\x14\0\0\0\x08\0"
ENCRYPTED_ZIP = b"PK\3\4\x14\0\1\0\x08\0"
ENVELOPED = b"\x30\x82\x10\0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0"
SIGNED = b"\x30\x82\x10\0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0"
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X"


def found(*files: FileFact) -> list[Finding]:
    """Return what is found on a medium of one image and these files."""
    medium = medium_of(A_CT)
    return found_by(hygiene.CHECKS, replace(medium, files=(*medium.files, *files)))


def test_a_medium_of_images_web_pages_texts_and_documents_gives_no_finding() -> None:
    others = (
        other_file("README.TXT", head=b"made by a test\r\n"),
        other_file("INDEX.HTM", head=b"<!DOCTYPE html><html></html>"),
        other_file("IHE_PDI/IM1.JPG", head=b"\xff\xd8\xff\xe0"),
        other_file("REPORT.PDF", head=b"%PDF-1.4"),
    )
    assert found(*others) == []


# --- programs, archives, litter --------------------------------------------------------------------------


def test_programs_and_scripts_are_counted_in_one_note() -> None:
    files = (
        other_file("VIEWER/RUN.EXE", head=PROGRAM),
        other_file("VIEWER/README.TXT", head=PROGRAM),  # no name makes a program harmless
        other_file("start.sh", head=b"#!/bin/sh\n"),
    )
    (finding,) = found(*files)
    assert (finding.rule, finding.severity) == (hygiene.PROGRAMS, Severity.NOTE)
    assert finding.where.path == "VIEWER/RUN.EXE"
    assert dict(finding.detail) == {"count": 3, "example": "VIEWER/RUN.EXE"}


def test_a_text_that_begins_like_a_program_is_none() -> None:
    assert found(other_file("NOTES.TXT", head=b"MZ is how programs begin")) == []


def test_archives_are_counted_in_one_note() -> None:
    files = (other_file("OLD.ZIP", head=ZIP), other_file("MORE", head=b"7z\xbc\xaf\x27\x1c\0\4"))
    (finding,) = found(*files)
    assert (finding.rule, finding.severity) == (hygiene.ARCHIVES, Severity.NOTE)
    assert (finding.where.path, dict(finding.detail)) == ("OLD.ZIP", {"count": 2, "example": "OLD.ZIP"})


def test_archives_on_a_medium_without_an_instance_are_a_warning() -> None:
    files = (other_file("READ.TXT", head=b"see inside"), other_file("CD.ISO", head=bytes(512)))
    (finding,) = found_by(hygiene.CHECKS, survey_of(*files))
    assert (finding.rule, finding.severity) == (hygiene.ONLY_ARCHIVES, Severity.WARNING)
    assert dict(finding.detail) == {"count": 1, "example": "CD.ISO"}
    assert found_by(hygiene.CHECKS, survey_of(files[0])) == []


@each(
    "path",
    [
        ".DS_Store",
        "DICOM/._IM1",
        "Thumbs.db",
        "WEB/THUMBS.DB",
        "desktop.ini",
        ".Trashes/501",
        ".Spotlight-V100/VolumeConfiguration.plist",
        ".fseventsd/0001",
        "System Volume Information/WPSettings.dat",
        "$RECYCLE.BIN/S-1-5-21/desktop.ini",
        "__MACOSX/DICOM/IM1",
        "lost+found/#12",
        ".directory",
    ],
)
def test_what_operating_systems_left_behind_is_a_note(path: str) -> None:
    (finding,) = found(other_file(path, head=APPLE_DOUBLE))
    assert (finding.rule, finding.severity) == (hygiene.LITTER, Severity.NOTE)
    assert (finding.where.path, dict(finding.detail)) == (path, {"count": 1, "example": path})


@pytest.mark.parametrize("path", ["DS_Store", "Thumbs.db.txt", "MY__MACOSX/A", ".directory2", "a._b", "lost"])
def test_names_that_only_resemble_litter_are_none(path: str) -> None:
    assert found(other_file(path, head=APPLE_DOUBLE)) == []


def test_an_image_is_no_litter_whatever_its_name() -> None:
    medium = medium_of(A_CT)
    files = tuple(structs.replace(file, path=f"__MACOSX/{file.path}") for file in medium.files)
    assert found_by(hygiene.CHECKS, replace(medium, files=files)) == []


def test_a_program_in_the_recycle_bin_is_a_program() -> None:
    (finding,) = found(other_file("$RECYCLE.BIN/S-1-5-21/jwgkvsq.exe", head=PROGRAM))
    assert (finding.rule, finding.where.path) == (hygiene.PROGRAMS, "$RECYCLE.BIN/S-1-5-21/jwgkvsq.exe")
    assert ids(found(other_file("VIEWER/._RUN.EXE", head=APPLE_DOUBLE))) == ["MK-HYG-003"]


def test_names_are_shown_without_control_characters() -> None:
    (finding,) = found(other_file("A\x1b[31m.EXE", head=PROGRAM))
    assert dict(finding.detail)["example"] == "A\\x1b[31m.EXE"


# --- encryption ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [ENCRYPTED_ZIP, b"-----BEGIN PGP MESSAGE-----\n"])
def test_every_encrypted_file_is_a_warning(head: bytes) -> None:
    findings = found(other_file("DICOM/IM8", head=head), other_file("DICOM/IM9", head=head))
    assert [one.rule for one in findings] == [hygiene.ENCRYPTED, hygiene.ENCRYPTED]
    assert [one.where.path for one in findings] == ["DICOM/IM8", "DICOM/IM9"]
    assert findings[0].severity is Severity.WARNING


def test_what_is_signed_only_is_not_encrypted() -> None:
    assert found(other_file("DICOM/IM8", head=SIGNED)) == []


def test_plain_files_under_a_secure_profile_are_an_error_the_directory_included() -> None:
    (finding,) = found_by(hygiene.CHECKS, medium_of(A_CT), load_profile("STD-GEN-SEC-CD"))
    assert (finding.rule, finding.severity) == (hygiene.NOT_SECURE, Severity.ERROR)
    assert finding.where.path == "DICOMDIR"
    assert dict(finding.detail) == {"profile": "STD-GEN-SEC-CD", "count": 2, "example": "DICOMDIR"}


def test_secure_files_and_files_that_are_not_dicom_may_be_under_a_secure_profile() -> None:
    medium = survey_of(
        other_file("DICOMDIR", head=ENVELOPED), other_file("IM1", head=ENVELOPED), other_file("README.TXT")
    )
    assert ids(found_by(ALL, medium, load_profile("STD-GEN-SEC-CD"))) == ["MK-SEC-001"]


def test_secure_files_of_the_file_set_are_an_error_under_a_plain_profile() -> None:
    plain = medium_of(A_CT, make_instance("1.2.3.4.2", number=2))
    first = plain.files[1].path
    secured = tuple(
        other_file(file.path, head=ENVELOPED) if file.path == first else file for file in plain.files
    )
    medium = survey_of(*secured[1:], directory=plain.directory)
    (finding, warning) = found_by(ALL, medium, load_profile("STD-GEN-CD"))
    assert (finding.rule, warning.rule) == (hygiene.SECURE, secure.LOCKED)
    assert (finding.severity, finding.where.path, finding.ref) == (Severity.ERROR, first, "PS3.11 Annex D")
    assert dict(finding.detail)["count"] == 1
    assert ids(found_by(ALL, medium)) == ["MK-SEC-001"]


def test_a_secure_directory_is_an_error_under_a_plain_profile() -> None:
    medium = survey_of(other_file("DICOMDIR", head=ENVELOPED))
    assert ids(found_by(ALL, medium, load_profile("STD-GEN-CD"))) == ["MK-HYG-007", "MK-SEC-001"]
    assert ids(found_by(ALL, medium, load_profile("STD-GEN-SEC-ZIP-MAIL"))) == ["MK-SEC-001"]


@pytest.mark.parametrize(("head", "rule"), [(ENVELOPED, secure.LOCKED), (ENCRYPTED_ZIP, hygiene.ENCRYPTED)])
def test_encrypted_files_that_are_not_of_the_file_set_are_no_error(head: bytes, rule: Rule) -> None:
    medium = medium_of(A_CT)
    medium = replace(medium, files=(*medium.files, other_file("REPORT.P7M", head=head)))
    assert [one.rule for one in found_by(ALL, medium, load_profile("STD-GEN-CD"))] == [rule]


@pytest.mark.parametrize("profile", ["STD-GEN-CD", "STD-GEN-SEC-ZIP-MAIL"])
def test_plain_files_are_right_where_no_secure_files_are_asked_for(profile: str) -> None:
    assert found_by(hygiene.CHECKS, medium_of(A_CT), load_profile(profile)) == []
    assert found_by(hygiene.CHECKS, medium_of(A_CT)) == []


# --- autorun ---------------------------------------------------------------------------------------------


def autorun(text: bytes, path: str = "AUTORUN.INF", kind: FileKind = FileKind.OTHER) -> list[Finding]:
    """Return what is found when this file is in the root and its text was read."""
    file = other_file(path, kind, head=text[:512], size=len(text))
    return found_by(hygiene.CHECKS, survey_of(file, texts={path: text[:TEXT_BYTES]} if text else {}))


@pytest.mark.parametrize(
    ("text", "started"),
    [
        (b"[autorun]\r\nopen=VIEWER.EXE /auto\r\nicon=A.ICO\r\n", "VIEWER.EXE /auto"),
        (b"[AutoRun]\nicon=A.ICO\nOPEN = VIEWER.EXE", "VIEWER.EXE"),
        (b"[autorun]\nshellexecute=INDEX.HTM\n", "INDEX.HTM"),
        (b"[autorun]\nshell\\view\\command=VIEWER.EXE\n", "VIEWER.EXE"),
        ("\ufeff[autorun]\r\nopen=VIEWER.EXE\r\n".encode("utf-16-le"), "VIEWER.EXE"),
    ],
)
def test_what_the_medium_asks_to_start_is_a_warning_that_names_it(text: bytes, started: str) -> None:
    (finding,) = autorun(text)
    assert (finding.rule, finding.severity) == (hygiene.AUTORUN, Severity.WARNING)
    assert (finding.where.path, dict(finding.detail)) == ("AUTORUN.INF", {"what": started})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[autorun]\r\nicon=A.ICO\r\nlabel=IMAGES\r\n",
        b"[autorun]\n;open=VIEWER.EXE\n",
        b"[autorun]\nopen=\nicon=A.ICO\n",
    ],
)
def test_an_icon_alone_starts_nothing(text: bytes) -> None:
    assert autorun(text) == []


def test_an_autorun_file_whose_text_was_not_read_to_its_end_may_start_anything() -> None:
    for file in (other_file("AUTORUN.INF", FileKind.DAMAGED), other_file("autorun.sh", head=b"#!/bin/sh\n")):
        (finding,) = found_by(hygiene.CHECKS, survey_of(file))
        assert (finding.rule, dict(finding.detail)) == (hygiene.AUTORUN, {"what": file.path})
    (finding,) = autorun(b"[autorun]\n" + b";" * TEXT_BYTES + b"\nopen=VIEWER.EXE\n")
    assert dict(finding.detail) == {"what": "AUTORUN.INF"}


def test_an_autorun_file_of_nothing_but_line_ends_comes_to_its_end() -> None:
    """Looking for a command took minutes when each line could begin with all the lines that follow."""
    assert autorun(b"[autorun]" + b"\n" * (TEXT_BYTES - 20)) == []


def test_an_autorun_file_below_the_root_starts_nothing() -> None:
    assert autorun(b"[autorun]\nopen=VIEWER.EXE\n", "VIEWER/AUTORUN.INF") == []
