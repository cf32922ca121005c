from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from mediakit.dicom.instance import Instance, Note
from mediakit.fileset.survey import FileKind
from mediakit.findings import Finding, Severity
from mediakit.profile import meta_rules
from mediakit.rules import meta
from tests.support.dicom_bytes import BIG, EXPLICIT, IMPLICIT
from tests.support.each import each
from tests.support.instances import CT, make_instance
from tests.support.surveys import filed, found_by, ids, other_file, survey_of

LENGTH, VERSION, CLASS, INSTANCE = 0x00020000, 0x00020001, 0x00020002, 0x00020003
SYNTAX, IMPLEMENTATION, NAME = 0x00020010, 0x00020012, 0x00020013
SOURCE_TITLE, SENDING_TITLE, RECEIVING_TITLE = 0x00020016, 0x00020017, 0x00020018
CREATOR, PRIVATE = 0x00020100, 0x00020102
SOUND: Mapping[int, bytes] = {
    LENGTH: b"\x90\0\0\0",
    VERSION: b"\0\1",
    CLASS: CT.encode() + b"\0",
    INSTANCE: b"1.2.3.4.1\0",
    SYNTAX: EXPLICIT.encode() + b"\0",
    IMPLEMENTATION: b"1.2.3.99",
}


def with_meta(values: Mapping[int, bytes | None], uid: str = "1.2.3.4.1") -> Instance:
    """Return an instance whose file meta information is sound but for these values; None takes one away."""
    held = {tag: value for tag, value in {**SOUND, **values}.items() if value is not None}
    instance = make_instance(uid)
    return replace(instance, header=replace(instance.header, meta=held))


def found(*all_values: Mapping[int, bytes | None]) -> list[Finding]:
    """Return what is found when files IM0, IM1 and so on have such file meta information."""
    files = (filed(with_meta(values), f"IM{number}") for number, values in enumerate(all_values))
    return found_by(meta.CHECKS, survey_of(*files))


# --- what stands in it -----------------------------------------------------------------------------------


def test_sound_meta_information_gives_no_finding_nor_do_the_elements_that_may_be_there() -> None:
    optional = {
        NAME: b"MEDIAKIT",
        SOURCE_TITLE: b"ARCHIVE ",
        SENDING_TITLE: b"ARCHIVE ",
        RECEIVING_TITLE: b"VIEWER",
        0x00020026: b"dicom://a-host-with-a-long-name.example.org:104",
        CREATOR: b"1.2.3.98",
        PRIVATE: b"\1\2",
    }
    assert found({}, optional) == []


@each(
    ("tag", "what"),
    [
        (LENGTH, "File Meta Information Group Length (0002,0000)"),
        (VERSION, "File Meta Information Version (0002,0001)"),
        (CLASS, "Media Storage SOP Class UID (0002,0002)"),
        (INSTANCE, "Media Storage SOP Instance UID (0002,0003)"),
        (SYNTAX, "Transfer Syntax UID (0002,0010)"),
        (IMPLEMENTATION, "Implementation Class UID (0002,0012)"),
    ],
)
@each("value", [None, b""])
def test_what_must_be_there_is_missed_once_when_it_is_absent_or_empty(
    tag: int, what: str, value: bytes | None
) -> None:
    (finding,) = found({tag: value})
    assert (finding.rule, finding.severity) == (meta_rules.LACKS, Severity.ERROR)
    assert (finding.where.path, finding.where.tag) == ("IM0", tag)
    assert finding.text == f"the file meta information has no {what}"


@pytest.mark.parametrize("tag", [CLASS, INSTANCE, SYNTAX, IMPLEMENTATION])
def test_a_uid_of_padding_alone_is_missed(tag: int) -> None:
    assert ids(found({tag: b"\0\0"})) == ["MK-MET-001"]


def test_a_length_of_zero_is_there() -> None:
    assert found({LENGTH: b"\0\0\0\0"}) == []


@pytest.mark.parametrize("value", [b"\1\0", b"\0\2", b"\0\1\0\0", b"10"])
def test_another_version_is_found(value: bytes) -> None:
    (finding,) = found({VERSION: value})
    assert (finding.rule, finding.severity) == (meta_rules.VERSION, Severity.ERROR)
    assert (finding.where.path, finding.where.tag) == ("IM0", VERSION)


def test_only_bit_0_of_the_second_byte_of_the_version_counts() -> None:
    assert found({VERSION: b"\0\3"}, {VERSION: b"\xff\xff"}) == []


@pytest.mark.parametrize("tag", [CLASS, INSTANCE, SYNTAX, IMPLEMENTATION])
def test_what_is_no_uid_is_found_and_the_longest_uid_is_right(tag: int) -> None:
    longest = b"1." + b"2" * 62
    assert found({tag: longest}) == []
    for wrong in (longest + b"2", b"1.02.3", b"1..2", b"1.2.a"):
        (finding,) = found({tag: wrong})
        assert (finding.rule, finding.where.path, finding.where.tag) == (meta_rules.BAD_UID, "IM0", tag)


@pytest.mark.parametrize("tag", [NAME, SOURCE_TITLE, SENDING_TITLE, RECEIVING_TITLE])
def test_sixteen_characters_are_right_and_seventeen_are_too_many(tag: int) -> None:
    assert found({tag: b"ABCDEFGHIJKLMNOP"}) == []
    assert found({tag: b"ABCDEFGHIJKLMNOP  "}) == []
    (finding,) = found({tag: b"ABCDEFGHIJKLMNOPQ "})
    assert (finding.rule, finding.severity) == (meta_rules.TOO_LONG, Severity.WARNING)
    assert (finding.where.path, finding.where.tag) == ("IM0", tag)


@pytest.mark.parametrize("creator", [None, b"", b"\0\0"])
def test_private_information_needs_its_creator(creator: bytes | None) -> None:
    assert found({PRIVATE: b"\1\2", CREATOR: b"1.2.3.98"}) == []
    (finding,) = found({PRIVATE: b"\1\2", CREATOR: creator})
    assert (finding.rule, finding.severity) == (meta_rules.NO_CREATOR, Severity.ERROR)
    assert (finding.where.path, finding.where.tag) == ("IM0", PRIVATE)


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ({}, {LENGTH: None}, "MK-MET-001"),
        ({}, {INSTANCE: None}, "MK-MET-001"),
        ({}, {INSTANCE: b"1..2"}, "MK-MET-003"),
        ({}, {SOURCE_TITLE: b"ABCDEFGHIJKLMNOPQ "}, "MK-MET-004"),
        ({}, {RECEIVING_TITLE: b"ABCDEFGHIJKLMNOPQ "}, "MK-MET-004"),
        ({PRIVATE: b"\1\2", CREATOR: b"1.2.3.98"}, {PRIVATE: b"\1\2"}, "MK-MET-005"),
    ],
)
def test_a_file_that_resembles_a_sound_one_is_judged_all_the_same(
    right: Mapping[int, bytes | None], wrong: Mapping[int, bytes | None], rule: str
) -> None:
    findings = found(right, right, wrong)
    assert [(one.rule.id, one.where.path) for one in findings] == [(rule, "IM2")]


def test_files_that_are_wrong_in_one_manner_are_found_each() -> None:
    assert [one.where.path for one in found({VERSION: None}, {VERSION: None})] == ["IM0", "IM1"]


def test_a_file_without_any_is_left_to_the_judge_of_the_profile() -> None:
    bare = make_instance()
    bare = replace(bare, header=replace(bare.header, notes=frozenset({Note.NO_META})))
    assert found_by(meta.CHECKS, survey_of(filed(bare))) == []


# --- kinds of instances ----------------------------------------------------------------------------------


def of_kind(*, syntax: str = EXPLICIT, sop_class: str = CT) -> Instance:
    return replace(with_meta({}), transfer_syntax=syntax, sop_class=sop_class)


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        ("1.2.840.10008.1.2.4.94", "JPIP Referenced"),
        ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate"),
        ("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced"),
        ("1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate"),
    ],
)
def test_a_syntax_of_the_network_alone_is_an_error(uid: str, name: str) -> None:
    (finding,) = found_by(meta.CHECKS, survey_of(filed(of_kind(syntax=uid), "IM1")))
    assert (finding.rule, finding.severity) == (meta.NOT_IN_FILES, Severity.ERROR)
    assert (finding.where.path, dict(finding.detail)) == ("IM1", {"syntax": name})


def test_big_endian_is_a_note() -> None:
    (finding,) = found_by(meta.CHECKS, survey_of(filed(of_kind(syntax=BIG), "IM1")))
    assert (finding.rule, finding.severity) == (meta.RETIRED_SYNTAX, Severity.NOTE)
    assert finding.where.path == "IM1"


@pytest.mark.parametrize(
    "uid", [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.203", "1.2.3.4"]
)
def test_other_syntaxes_are_not_remarked(uid: str) -> None:
    assert found_by(meta.CHECKS, survey_of(filed(of_kind(syntax=uid)))) == []


def test_a_retired_class_is_a_note_and_its_successor_is_not() -> None:
    retired = of_kind(sop_class="1.2.840.10008.5.1.4.1.1.3")
    (finding,) = found_by(meta.CHECKS, survey_of(filed(retired, "IM1")))
    assert (finding.rule, finding.severity) == (meta.RETIRED_CLASS, Severity.NOTE)
    assert finding.where.path == "IM1"
    assert dict(finding.detail) == {"name": "Ultrasound Multi-frame Image Storage"}
    for current in ("1.2.840.10008.5.1.4.1.1.3.1", "1.2.3.4"):
        assert found_by(meta.CHECKS, survey_of(filed(of_kind(sop_class=current)))) == []


def test_of_each_kind_the_first_file_is_named() -> None:
    files = [filed(of_kind(syntax=uid), path) for path, uid in (("A", BIG), ("B", BIG), ("C", EXPLICIT))]
    other_class = filed(of_kind(syntax=BIG, sop_class="1.2.840.10008.5.1.4.1.1.4"), "D")
    assert [one.where.path for one in found_by(meta.CHECKS, survey_of(*files, other_class))] == ["A", "D"]


# --- preambles -------------------------------------------------------------------------------------------


@each(
    ("start", "kind"),
    [
        (b"MZ\x90\0", "a Windows program"),
        (b"\x7fELF", "a Linux program"),
        (b"\xcf\xfa\xed\xfe", "a macOS program"),
        (b"\xce\xfa\xed\xfe", "a macOS program"),
        (b"\xfe\xed\xfa\xcf", "a macOS program"),
        (b"\xfe\xed\xfa\xce", "a macOS program"),
        (b"\xca\xfe\xba\xbe", "a macOS or Java program"),
        (b"#!/bin/sh\n", "a script"),
        (b"@echo off\r\n", "a batch file"),
        (b"@ECHO OFF\r\n", "a batch file"),
    ],
)
def test_a_preamble_that_begins_like_a_program_is_an_error(start: bytes, kind: str) -> None:
    (finding,) = found_by(meta.CHECKS, survey_of(filed(with_meta({}), "IM1", head=start.ljust(128, b"\0"))))
    assert (finding.rule, finding.severity) == (meta_rules.EXECUTABLE, Severity.ERROR)
    assert (finding.where.path, dict(finding.detail)) == ("IM1", {"kind": kind})


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "BigTIFF"), (b"MM\0+", "BigTIFF")],
)
def test_a_preamble_of_an_image_format_is_a_note(start: bytes, kind: str) -> None:
    (finding,) = found_by(meta.CHECKS, survey_of(filed(with_meta({}), "IM1", head=start.ljust(128, b"\0"))))
    assert (finding.rule, finding.severity) == (meta.DUAL_FORMAT, Severity.NOTE)
    assert (finding.where.path, dict(finding.detail)) == ("IM1", {"kind": kind})


@each("start", [b"", b"\0MZ", b"M", b"II", b"MM*\0", b"ACME scanner", b"@ech0 off", b"#"])
def test_other_preambles_are_not_those_of_programs_or_images(start: bytes) -> None:
    head = start.ljust(128, b"\0") if start else b""
    assert found_by(meta.CHECKS, survey_of(filed(with_meta({}), head=head))) == []


def test_the_directory_can_be_a_program_too_and_a_file_that_is_not_dicom_has_no_preamble() -> None:
    program = b"MZ".ljust(128, b"\0")
    directory = other_file("DICOMDIR", FileKind.DICOMDIR, head=program)
    viewer = replace(other_file("VIEWER.EXE", head=program), finding=meta_rules.VERSION.at())
    (finding,) = found_by(meta.CHECKS, survey_of(directory, viewer))
    assert (finding.rule, finding.where.path) == (meta_rules.EXECUTABLE, "DICOMDIR")
