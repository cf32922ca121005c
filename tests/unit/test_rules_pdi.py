from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from mediakit.dicom.header import Scanner
from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from mediakit.fileset.survey import TEXT_BYTES, FileKind, Survey
from mediakit.findings import Severity
from mediakit.formats.registry import open_tree
from mediakit.profile.load import load_profile
from mediakit.rules import pdi, pdi_directory, pdi_web
from mediakit.rules.check import RuleSet
from mediakit.rules.every import CHECKS, judge_medium
from mediakit.rules.pdi import LARGEST_CD
from mediakit.rules.web_page import read_page, target_of
from mediakit.stages.look.media import look as survey
from mediakit.volume import FatVolume, IsoVolume, UdfVolume
from tests.support.cli import mediakit
from tests.support.each import each
from tests.support.instances import CT, SR, make_instance
from tests.support.surveys import (
    changed,
    directory_of,
    filed,
    files_of,
    found_by,
    ids,
    medium_of,
    other_file,
    survey_of,
    with_keys,
    with_reference,
)

PDI = [*pdi.CHECKS, *pdi_directory.CHECKS, *pdi_web.CHECKS]
SAMPLES = Path(__file__).parents[2] / "samples" / "studies"
README = b"Made by a hospital, +49 000.\r\nWritten by mediakit 0.1.\r\nThe images are in DICOM.\r\n"
INDEX = b"""<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Medium</title></head><body>
<p><a href="README.TXT">Read me</a>, <a href="IHE_PDI/ENTRY.HTM">images</a></p></body></html>"""
ENTRY = b"""<html><head><title>Images</title></head><body><p><img src="IM1.JPG" alt="one"/>
<a href="../INDEX.HTM">back</a> <a href="#top">top</a></p></body></html>"""
JPEG = b"\xff\xd8\xff\xe0 JFIF"
META = {0x00020002: CT.encode() + b"\0", 0x00020003: b"1.2.3.4.1\0"}
A_CT = make_instance()


def texts(readme: bytes = README, index: bytes = INDEX, entry: bytes = ENTRY) -> dict[str, bytes]:
    return {"README.TXT": readme, "INDEX.HTM": index, "IHE_PDI/ENTRY.HTM": entry}


def right(directory: Directory | None = None, **changes: object) -> Survey:
    """Return a medium that is right by PDI, with web content."""
    tree = directory or directory_of(A_CT)
    instance = filed(A_CT, "DICOM/P1/ST1/SE1/IM1")
    files = [*files_of(directory_of(A_CT), A_CT)] if directory is None else [instance]
    more = changes.pop("more", ())
    assert isinstance(more, Iterable)
    web = [
        other_file("README.TXT", head=README),
        other_file("INDEX.HTM", head=INDEX),
        other_file("IHE_PDI/ENTRY.HTM", head=ENTRY),
        other_file("IHE_PDI/IM1.JPG", head=JPEG),
    ]
    told = {"directory": tree, "texts": texts(), **changes}
    return survey_of(*files, *web, *more, **told)  # type: ignore[arg-type]


def found(medium: Survey) -> list[str]:
    return ids(found_by(PDI, medium))


def errors(medium: Survey) -> list[str]:
    return [finding.rule.id for finding in found_by(PDI, medium) if finding.severity is Severity.ERROR]


def with_records(change: object, kind: str = "IMAGE") -> Survey:
    directory = changed(directory_of(A_CT), kind, change)  # type: ignore[arg-type]
    return right(directory=directory)


def judged(tmp_path: Path, *names: tuple[str, bytes]) -> dict[str, list[str]]:
    """Burn the samples with these files added, and return what PDI says of the image, by severity."""
    extra = tmp_path / "extra"
    for name, content in names:
        path = extra / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    image = tmp_path / "medium.iso"
    more: list[str | Path] = ["--add", extra] if names else []
    burn = ("burn", SAMPLES, "--all-patients", "-p", "STD-GEN-CD", "--viewer", "none")
    said = mediakit(*burn, "-o", image, "--on-reject", "skip", *more)
    assert said.code == 0, said.err
    tree = open_tree(image)
    try:
        medium = survey(tree, "medium", Scanner())
    finally:
        tree.close()
    report: dict[str, list[str]] = {severity.value: [] for severity in Severity}
    for _, finding in judge_medium(medium, load_profile("STD-GEN-CD"), {RuleSet.PDI}):
        report[finding.severity.value].append(finding.rule.id)
    return report


def test_a_burnt_medium_with_read_me_index_and_web_content_is_right(tmp_path: Path) -> None:
    report = judged(
        tmp_path,
        ("README.TXT", README),
        ("INDEX.HTM", INDEX),
        ("IHE_PDI/ENTRY.HTM", ENTRY),
        ("IHE_PDI/IM1.JPG", JPEG),
    )
    assert report["error"] == []
    assert report["warning"] == []
    assert report["note"] == ["MK-PDI-026"]


def test_a_burnt_medium_without_read_me_and_index_lacks_just_these(tmp_path: Path) -> None:
    report = judged(tmp_path)
    assert report["error"] == ["MK-PDI-012"]
    assert report["warning"] == ["MK-PDI-031"]


def test_a_right_survey_has_no_more_than_a_note() -> None:
    assert found(right()) == ["MK-PDI-026"]


def test_every_check_of_these_files_is_one_of_pdi_and_is_run() -> None:
    assert {check.rule_set for check in PDI} == {RuleSet.PDI}
    assert set(PDI) <= set(CHECKS)


def test_a_directory_in_lower_case_is_none() -> None:
    assert "MK-PDI-001" in errors(right(at="dicomdir"))
    assert "MK-PDI-001" in errors(survey_of(other_file("README.TXT"), texts=texts()))


def test_instances_in_the_root_are_counted_and_the_directory_is_not() -> None:
    medium = right(more=[filed(make_instance("1.2.9"), "IM9"), other_file("OLD", FileKind.DICOMDIR)])
    findings = [one for one in found_by(PDI, medium) if one.rule.id == "MK-PDI-002"]
    assert [dict(one.detail)["count"] for one in findings] == [2]


@each(
    ("path", "is_legal"),
    [
        ("VIEWER/START.EXE", True),
        ("VIEWER/A", True),
        ("VIEWER/LONGNAME1.EXE", False),
        ("VIEWER/START.HTML", False),
        ("VIEWER/A.B.C", False),
        ("VIEWER/START-1.EXE", False),  # the reference tool looks at the characters of folders only
        ("VIEWER/start.exe", False),
        ("VIEW.ER/START.EXE", False),
        ("VIEWER_LONG/START.EXE", False),
    ],
)
def test_names_of_files_and_folders_are_held_to_level_1(path: str, is_legal: bool) -> None:
    assert ("MK-PDI-009" in errors(right(more=[other_file(path)]))) is not is_legal


def test_ihe_pdi_must_be_a_folder_in_upper_case() -> None:
    assert "MK-PDI-010" in errors(survey_of(other_file("IHE_PDI")))
    assert "MK-PDI-010" in errors(survey_of(other_file("ihe_pdi/A.HTM")))


def test_without_ihe_pdi_no_web_option_is_claimed_and_the_index_is_advised_only() -> None:
    readme = other_file("README.TXT")
    medium = medium_of(A_CT, texts={"README.TXT": README})
    medium = replace(medium, files=(*medium.files, readme))
    assert errors(medium) == []
    assert "MK-PDI-031" in found(medium)
    with_web = replace(
        medium, files=(*medium.files, other_file("IHE_PDI/A.HTM")), folders=(*medium.folders, "IHE_PDI")
    )
    assert "MK-PDI-011" in errors(with_web)
    assert "MK-PDI-031" not in found(with_web)


def test_dicom_files_in_ihe_pdi_and_reserved_names_are_found() -> None:
    assert "MK-PDI-013" in errors(right(more=[filed(make_instance("1.2.9"), "IHE_PDI/IM9")]))
    assert "MK-PDI-014" in errors(right(more=[other_file("IHE_OLD/A.TXT")]))
    assert "MK-PDI-014" in errors(right(more=[other_file("IHE.TXT")]))


def test_a_folder_of_xdm_is_noted_as_unconfirmed() -> None:
    medium = right(more=[other_file("IHE_XDM/SUBSET01/A.XML")])
    assert errors(medium) == []
    assert "MK-PDI-029" in found(medium)


@pytest.mark.parametrize("name", ["AUTORUN.INF", "autorun.inf", "AUTORUN.SH"])
def test_autorun_is_forbidden_but_a_text_about_it_is_not(name: str) -> None:
    assert "MK-PDI-021" in errors(right(more=[other_file(name, head=b"[autorun]\nopen=A.EXE\n")]))
    assert "MK-PDI-021" not in found(right(more=[other_file("AUTOTEXT.TXT", head=b"no autorun here")]))
    assert "MK-PDI-021" not in found(right(more=[other_file(f"VIEWER/{name}")]))


def test_lower_case_beside_the_iso_names_is_found() -> None:
    lower = [filed(make_instance("1.2.9"), "DICOM/IM9", also=("dicom/im9",))]
    upper = [filed(make_instance("1.2.9"), "DICOM/IM9", also=("DICOM/IM9.",))]
    (finding,) = [one for one in found_by(PDI, right(more=lower)) if one.rule.id == "MK-PDI-022"]
    assert (finding.where.path, dict(finding.detail)["example"]) == ("DICOM/IM9", "dicom/im9")
    assert "MK-PDI-022" not in errors(right(more=upper))


def test_other_files_anywhere_in_a_dicom_folder_are_found_and_counted() -> None:
    top = next(file.path for file in right().files if file.instance).partition("/")[0]
    medium = right(more=[other_file(f"{top}/VIEW/A.EXE"), other_file(f"{top}/B.TXT")])
    findings = [one for one in found_by(PDI, medium) if one.rule.id == "MK-PDI-023"]
    assert [dict(one.detail)["count"] for one in findings] == [2]
    assert "MK-PDI-023" not in found(right(more=[other_file("VIEWER/A.EXE")]))


@pytest.mark.parametrize("name", ["IM9.DCM", "IM9.dcm", "1.2.9"])
def test_dicom_files_named_by_uid_or_with_an_extension_are_found(name: str) -> None:
    assert "MK-PDI-024" in errors(right(more=[filed(make_instance("1.2.9"), f"DICOM/{name}")]))


@pytest.mark.parametrize("content", [b"", b" \r\n", "Größe".encode(), b"\xef\xbb\xbfText", b"a\0b"])
def test_a_read_me_must_be_ascii_with_something_in_it(content: bytes) -> None:
    medium = right(texts=texts(readme=content))
    assert "MK-PDI-025" in errors(medium)
    assert "MK-PDI-026" not in found(medium)


def test_a_cd_of_another_level_and_one_in_packets_are_told_apart_from_larger_media() -> None:
    assert "MK-PDI-027" in errors(right(volume=IsoVolume(level=3), format="iso9660"))
    assert "MK-PDI-027" not in errors(right(volume=IsoVolume(level=1), format="iso9660"))
    large = right(volume=IsoVolume(level=3), format="iso9660", size_bytes=LARGEST_CD + 1)
    assert "MK-PDI-027" not in errors(large)
    assert "MK-PDI-028" in found(right(volume=UdfVolume(revision="1.50", has_virtual=True), format="udf"))
    assert "MK-PDI-028" not in found(right(volume=UdfVolume(revision="1.02"), format="udf"))


def test_each_fault_of_the_meta_information_of_the_directory_is_said() -> None:
    medium = right()
    assert medium.decoded is not None
    wrong = {0x00020001: b"\0\2", 0x00020002: CT.encode(), 0x00020003: b"1.2.x", 0x00020010: b"1.2.840\0"}
    wrong[0x00020012] = b"1" * 65
    broken = replace(medium, decoded=replace(medium.decoded, meta=wrong))
    assert errors(broken) == ["MK-PDI-003"] * 5


@each(
    ("kind", "tag", "value", "is_wrong"),
    [
        ("PATIENT", 0x00100020, b"", True),
        ("PATIENT", 0x00100010, b"", False),
        ("STUDY", 0x00200010, b"  ", True),
        ("STUDY", 0x00080020, None, True),
        ("STUDY", 0x00080030, None, True),
        ("STUDY", 0x00081030, None, True),
        ("STUDY", 0x00081030, b"", False),
        ("STUDY", 0x00080050, None, True),
        ("STUDY", 0x00080050, b"", False),
        ("SERIES", 0x00080060, b"", True),
        ("SERIES", 0x00200011, None, True),
        ("IMAGE", 0x00200013, None, True),
    ],
)
def test_keys_are_wanted_with_a_value_or_at_least_there(
    kind: str, tag: int, value: bytes | None, is_wrong: bool
) -> None:
    assert ("MK-PDI-004" in errors(with_records(with_keys({tag: value}), kind))) is is_wrong


def test_leaf_records_have_the_keys_of_annex_f_and_newer_types_none() -> None:
    document = DirectoryRecord("SR DOCUMENT", (), _reference("DICOM/SR1", SR))
    newer = DirectoryRecord("HOLOGRAM", (), _reference("DICOM/H1", "1.2.3"))
    findings = found_by(pdi_directory.CHECKS[:1], survey_of(directory=_below(document, newer)))
    lacking = [dict(one.detail) for one in findings if one.rule.id == "MK-PDI-004"]
    assert {one["type"] for one in lacking} == {"SR DOCUMENT"}
    assert {"Verification Flag", "Completion Flag", "Instance Number"} <= {one["key"] for one in lacking}


def test_the_same_key_lacking_in_many_records_is_one_finding_with_a_count() -> None:
    records = [DirectoryRecord("IMAGE", (), _reference(f"DICOM/IM{n}", f"1.2.{n}")) for n in range(300)]
    findings = found_by(pdi_directory.CHECKS[:1], survey_of(directory=_below(*records)))
    assert [dict(one.detail)["count"] for one in findings if one.rule.id == "MK-PDI-004"] == [300]


def test_a_directory_without_a_patient_is_found() -> None:
    lonely = Directory("TEST", "1.2.3", (DirectoryRecord("PALETTE", (), _reference("DICOM/P1", "1.2.4")),))
    assert "MK-PDI-017" in errors(survey_of(directory=lonely))
    assert "MK-PDI-017" not in errors(right())


@pytest.mark.parametrize("kind", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_two_records_for_one_identity_are_found(kind: str) -> None:
    directory = directory_of(A_CT)
    doubled = _doubled(directory.roots, kind)
    assert errors(right(directory=replace(directory, roots=doubled))).count("MK-PDI-005") >= 1
    assert "MK-PDI-005" not in errors(right())


@pytest.mark.parametrize(
    "raw", [b"DICOM\\im1 ", b"DICOM\\LONGNAME1", b"A\\B\\C\\D\\E\\F\\G\\H\\I", b"A\\B.C "]
)
def test_illegal_file_ids_are_found(raw: bytes) -> None:
    medium = right()
    record = _first_leaf(medium)
    assert record.reference is not None and medium.decoded is not None
    broken = structs.replace(
        record, reference=structs.replace(record.reference, file_id=None, raw_file_id=raw)
    )
    directory = replace(medium.decoded.directory, roots=_replaced(medium.decoded.directory.roots, broken))
    assert "MK-PDI-006" in errors(replace(medium, decoded=replace(medium.decoded, directory=directory)))


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"sop_class": SR}, "SOP Class UID"),
        ({"sop_instance": "1.9.9"}, "SOP Instance UID"),
        ({"transfer_syntax": "1.2.840.10008.1.2"}, "Transfer Syntax UID"),
    ],
)
def test_records_that_differ_from_their_files_are_found(part: dict[str, str], what: str) -> None:
    directory = changed(directory_of(A_CT), "IMAGE", with_reference(**part))
    medium = survey_of(*files_of(directory_of(A_CT), A_CT), directory=directory)
    findings = [one for one in found_by(PDI, medium) if one.rule.id == "MK-PDI-007"]
    assert [dict(one.detail)["what"] for one in findings] == [what]


def test_a_file_that_is_missing_is_no_pdi_medium() -> None:
    assert "MK-PDI-019" in errors(survey_of(directory=directory_of(A_CT)))
    assert "MK-PDI-019" not in errors(right())


@pytest.mark.parametrize(("tag", "value"), [(0x00020002, SR.encode()), (0x00020003, b"1.9.9")])
def test_meta_information_of_another_instance_is_found(tag: int, value: bytes) -> None:
    wrong = structs.replace(A_CT, header=structs.replace(A_CT.header, meta={**META, tag: value}))
    same = structs.replace(A_CT, header=structs.replace(A_CT.header, meta=META))
    assert "MK-PDI-008" in errors(medium_of(wrong))
    assert "MK-PDI-008" not in errors(medium_of(same))


@pytest.mark.parametrize("kind", ["VISIT", "STUDY COMPONENT", "PRIVATE", "STORED PRINT"])
def test_forbidden_record_types_are_found(kind: str) -> None:
    record = DirectoryRecord(kind, (), _reference("DICOM/X1", "1.2.9"))
    assert "MK-PDI-015" in errors(survey_of(directory=_below(record)))


def test_compressed_instances_are_wrong_on_a_cd_and_unconfirmed_on_larger_media() -> None:
    compressed = medium_of(structs.replace(A_CT, transfer_syntax="1.2.840.10008.1.2.4.70"))
    assert "MK-PDI-016" in errors(compressed)
    assert "MK-PDI-016" in errors(replace(compressed, volume=IsoVolume(), format="iso9660"))
    for volume, name in ((UdfVolume(), "udf"), (FatVolume(), "fat")):
        other = replace(compressed, volume=volume, format=name)
        assert "MK-PDI-016" not in errors(other)
        assert "MK-PDI-018" in found(other)
    assert "MK-PDI-018" not in found(right())


@each(
    ("markup", "rule"),
    [
        ('<a href="IHE_PDI/GONE.HTM">x</a>', "MK-PDI-032"),
        ('<img src="PIC.JPG"/>', "MK-PDI-032"),
        ('<a href="https://example.org/">x</a>', "MK-PDI-033"),
        ('<a href="//example.org/x">x</a>', "MK-PDI-033"),
        ('<a href="Readme.txt">x</a>', "MK-PDI-038"),
        ('<a href="/README.TXT">x</a>', "MK-PDI-039"),
        ('<a href="D:/README.TXT">x</a>', "MK-PDI-039"),
        ('<a href="file:///README.TXT">x</a>', "MK-PDI-039"),
        ('<a href="IHE_PDI\\ENTRY.HTM">x</a>', "MK-PDI-039"),
        ('<a href="../README.TXT">x</a>', "MK-PDI-039"),
        ('<base href="IHE_PDI/"/>', "MK-PDI-039"),
        ("<script>go()</script>", "MK-PDI-036"),
        ('<p onclick="go()">x</p>', "MK-PDI-036"),
        ('<a href="javascript:go()">x</a>', "MK-PDI-036"),
        ("<br>", "MK-PDI-040"),
        ("<P>x</P>", "MK-PDI-040"),
        ("<b><i>x</b></i>", "MK-PDI-040"),
        ("<p>x", "MK-PDI-040"),
        ("<!-- x", "MK-PDI-040"),
    ],
)
def test_what_is_wrong_in_a_page_is_found(markup: str, rule: str) -> None:
    assert rule in found(right(texts=texts(index=INDEX.replace(b"</body>", markup.encode() + b"</body>"))))


@each(
    "markup",
    [
        '<a href="mailto:it@example.org">x</a>',
        '<a href="#here">x</a>',
        '<a href="?x=1">x</a>',
        '<a href="./README.TXT#top">x</a>',
        '<a href="IHE_PDI/">x</a>',
        '<a href="IHE_PDI/%49M1.JPG">x</a>',
        "<p>1 &lt; 2<br/></p>",
        "<!-- <a href='GONE.HTM'> -->",
        "<p><b>x</b></p>",
    ],
)
def test_what_is_right_in_a_page_is_not_found(markup: str) -> None:
    page = INDEX.replace(b"</body>", markup.encode() + b"</body>")
    assert found(right(texts=texts(index=page))) == ["MK-PDI-026"]


def test_the_index_must_link_to_the_read_me_and_to_the_web_content() -> None:
    assert "MK-PDI-034" in errors(right(texts=texts(index=INDEX.replace(b"README.TXT", b"INDEX.HTM"))))
    without = INDEX.replace(b"IHE_PDI/ENTRY.HTM", b"INDEX.HTM")
    assert "MK-PDI-035" in errors(right(texts=texts(index=without)))


def test_an_index_longer_than_what_was_read_is_not_said_to_lack_links() -> None:
    page = b"<html><body>" + b"<p>text</p>" * (TEXT_BYTES // 11)
    medium = right(texts=texts(index=page[:TEXT_BYTES].ljust(TEXT_BYTES)))
    assert errors(medium) == []
    assert "MK-PDI-040" not in found(medium)


def test_other_content_in_ihe_pdi_is_wrong_and_other_web_content_a_warning() -> None:
    assert "MK-PDI-037" in errors(right(more=[other_file("IHE_PDI/START.EXE", head=b"MZ\0\0\1")]))
    assert "MK-PDI-037" in errors(right(more=[other_file("IHE_PDI/A.PDF", head=b"%PDF-1.4")]))
    picture = right(more=[other_file("IHE_PDI/A.GIF", head=b"GIF89a")])
    assert errors(picture) == []
    assert "MK-PDI-041" in found(picture)


def test_links_from_the_web_content_to_other_folders_are_noted_as_unconfirmed() -> None:
    entry = ENTRY.replace(b"../INDEX.HTM", b"../DICOM/START.EXE")
    medium = right(texts=texts(entry=entry), more=[other_file("DICOM/START.EXE")])
    assert "MK-PDI-042" in found(medium)


def test_of_very_many_pages_the_first_are_read_and_the_others_counted() -> None:
    pages = {f"IHE_PDI/P{n}.HTM": b"<html><p>x</p></html>" for n in range(1200)}
    medium = right(texts={**texts(), **pages}, more=[other_file(path) for path in pages])
    (finding,) = [one for one in found_by(PDI, medium) if one.rule.id == "MK-PDI-043"]
    assert dict(finding.detail)["count"] == 202
    assert "MK-PDI-043" not in found(right())


def test_of_an_archive_with_many_long_pages_a_bounded_part_is_kept(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(100):
            archive.writestr(f"IHE_PDI/P{number}.HTM", b"<p>x</p>".ljust(TEXT_BYTES))
        archive.writestr("README.TXT", README)
    tree = open_tree(tmp_path / "a.zip")
    try:
        medium = survey(tree, "a.zip", Scanner())
    finally:
        tree.close()
    assert medium.texts["README.TXT"] == README
    assert sum(map(len, medium.texts.values())) < 17 * 1024 * 1024
    assert "MK-PDI-043" in found(medium)


def test_many_dead_links_are_one_finding_for_the_index_and_one_for_the_web_content() -> None:
    dead = b"".join(b"<a href='X%d.HTM'>x</a>" % n for n in range(400))
    page = b"<html><body>" + dead + b"<a href='README.TXT'>r</a><a href='IHE_PDI/'>w</a></body></html>"
    findings = found_by(PDI, right(texts=texts(index=page, entry=page)))
    counts = [dict(one.detail)["count"] for one in findings if one.rule.id == "MK-PDI-032"]
    assert counts == [400, 402]


@given(
    st.lists(
        st.sampled_from(
            ["<", "a", " ", "=", "'", '"', "/", ">", "!", "--", "[", "]", "&", "script", "?", "x"]
        ),
        max_size=40,
    )
)
def test_any_markup_gives_a_page(parts: list[str]) -> None:
    page = read_page("".join(parts).encode())
    assert all(target_of("INDEX.HTM", link) != ".." for link in page.local)


@pytest.mark.parametrize("unit", ["<a ", "<!--", "<a/", '<a b="', "<a b==", "</", "<![CDATA["])
def test_markup_that_never_ends_is_read_once(unit: str) -> None:
    page = read_page((unit * TEXT_BYTES)[:TEXT_BYTES].encode())
    assert page.fault
    assert not page.local


def test_no_link_leads_out_of_the_medium() -> None:
    assert target_of("IHE_PDI/A.HTM", "../README.TXT") == "README.TXT"
    assert target_of("IHE_PDI/A.HTM", "../../README.TXT") is None
    assert target_of("INDEX.HTM", "./A//B") == "A/B"


def _reference(path: str, sop_class: str, uid: str = "") -> FileRef:
    return FileRef(FileID(path), sop_class, uid or f"{sop_class}.1", "1.2.840.10008.1.2.1")


def _below(*leaves: DirectoryRecord) -> Directory:
    """Return a directory with these records in a series."""
    patient = DirectoryRecord("PATIENT", (Key(0x00100010, "PN", b""), Key(0x00100020, "LO", b"P1")))
    return Directory("TEST", "1.2.3", (structs.replace(patient, children=leaves),))


def _doubled(records: tuple[DirectoryRecord, ...], kind: str) -> tuple[DirectoryRecord, ...]:
    found: list[DirectoryRecord] = []
    for record in records:
        found.append(structs.replace(record, children=_doubled(record.children, kind)))
        if record.type == kind:
            found.append(record)
    return tuple(found)


def _first_leaf(medium: Survey) -> DirectoryRecord:
    assert medium.directory is not None
    return next(record for record in medium.directory.walk() if record.reference is not None)


def _replaced(records: tuple[DirectoryRecord, ...], new: DirectoryRecord) -> tuple[DirectoryRecord, ...]:
    return tuple(
        new if record.type == new.type else structs.replace(record, children=_replaced(record.children, new))
        for record in records
    )
