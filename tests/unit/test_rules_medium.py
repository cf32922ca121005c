from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from mediakit.dicom.header import Scanner
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.registry import open_tree
from mediakit.profile.load import load_profile
from mediakit.rules import medium, medium_fat, medium_mime
from mediakit.stages.look.media import look as survey_medium
from mediakit.volume import FatVolume, IsoVolume, MimeVolume, UdfVolume, Volume, ZipVolume
from tests.support.each import each
from tests.support.instances import make_instance
from tests.support.studies import CT_1, burnt_to
from tests.support.surveys import filed, found_by, ids, medium_of, survey_of

CD, DVD, DVD_RAM, BD = "STD-GEN-CD", "STD-GEN-DVD-JPEG", "STD-GEN-DVD-RAM", "STD-GEN-BD"
USB, SD, MMC = "STD-GEN-USB-JPEG", "STD-GEN-SD-JPEG", "STD-GEN-MMC-JPEG"
MOD41, MOD23, ZIP = "STD-CTMR-MOD41", "STD-US-ID-SF-MOD23-90", "STD-GEN-ZIP-MAIL"
MIME = "STD-GEN-MIME"
A_CT = make_instance()
ISO = IsoVolume(volume_id="TEST")  # the File-set ID of `medium_of`
UDF = UdfVolume(revision="1.50", interchange_level=2, maximum_level=2)
BD_UDF = structs.replace(UDF, revision="2.60")
FAT = FatVolume(kind="FAT16", partition=1, partitions=1)
MOD41_FAT = FatVolume(kind="FAT16", sectors_per_cluster=64)
MOD23_FAT = FatVolume(kind="FAT16", sector_bytes=2048, sectors_per_cluster=32)
FORMATS = {IsoVolume: "iso9660", UdfVolume: "udf", FatVolume: "fat", ZipVolume: "zip", MimeVolume: "mime"}
EXAMPLES = ("DICOM/IM\x1b2", "DICOM/IM3")


def found(volume: Volume, profile: str = "", *, size_bytes: int = 1_000_000) -> list[Finding]:
    """Return what is found on a medium with such a volume, judged by a profile when one is named."""
    survey = medium_of(A_CT, volume=volume, format=FORMATS[type(volume)], size_bytes=size_bytes)
    checks = (*medium.CHECKS, *medium_fat.CHECKS, *medium_mime.CHECKS)
    return found_by(checks, survey, load_profile(profile) if profile else None)


def one_of(rule: Rule, findings: list[Finding]) -> Mapping[str, str | int]:
    """Return the detail of the only finding, which is of this rule."""
    (finding,) = findings
    assert finding.rule is rule
    return dict(finding.detail)


@pytest.mark.parametrize(
    ("profile", "name"), [(CD, "set.iso"), (DVD, "set.iso"), (ZIP, "set.zip"), (MIME, "set.eml")]
)
def test_what_burn_writes_gives_no_finding(tmp_path: Path, profile: str, name: str) -> None:
    burnt_to(tmp_path / name, CT_1, profile=profile)
    tree = open_tree(tmp_path / name)
    try:
        survey = survey_medium(tree, name, Scanner())
    finally:
        tree.close()
    assert survey.volume is not None
    assert found_by((*medium.CHECKS, *medium_mime.CHECKS), survey, load_profile(profile)) == []


# --- the file system -------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["folder", "file"])
def test_of_a_folder_it_is_only_said_that_it_has_no_file_system(format_: str) -> None:
    for profile in (load_profile(CD), None):
        (finding,) = found_by(medium.CHECKS, medium_of(A_CT, format=format_), profile)
        assert (finding.rule, finding.severity) == (medium.NO_FILE_SYSTEM, Severity.NOTE)
    assert found(ISO, CD) == []


@each(
    ("volume", "profile"),
    [
        (ISO, CD),
        (structs.replace(ISO, level=3), DVD),
        (structs.replace(UDF, revision="1.02"), DVD),
        (structs.replace(UDF, revision="2.01"), DVD),
        (UDF, DVD_RAM),
        (structs.replace(UDF, revision="2.50"), BD),
        (BD_UDF, BD),
        (FAT, SD),
        (FAT, MMC),
        (FAT, USB),
        (structs.replace(FAT, kind="FAT32"), USB),
        (structs.replace(MOD41_FAT, kind="FAT12"), MOD41),
        (ZipVolume(), ZIP),
        (MimeVolume(), MIME),
        (MimeVolume(kind="multipart/related"), MIME),
    ],
)
def test_the_file_systems_of_a_medium_are_right(volume: Volume, profile: str) -> None:
    assert found(volume, profile) == []


@each(
    ("volume", "profile", "name", "allowed"),
    [
        (structs.replace(ISO, level=2), CD, "ISO 9660 Level 2", "ISO 9660 Level 1"),
        (structs.replace(ISO, level=0), CD, "ISO 9660", "ISO 9660 Level 1"),
        (structs.replace(UDF, revision="1.02"), CD, "UDF 1.02", "ISO 9660 Level 1"),
        (structs.replace(UDF, revision="1.02"), DVD_RAM, "UDF 1.02", "UDF 1.5"),
        (structs.replace(UDF, revision="2.01"), DVD_RAM, "UDF 2.01", "UDF 1.5"),
        (structs.replace(UDF, revision="2.01"), BD, "UDF 2.01", "UDF 2.5 or UDF 2.6"),
        (ISO, BD, "ISO 9660 Level 1", "UDF 2.5 or UDF 2.6"),
        (structs.replace(FAT, kind="FAT12"), USB, "FAT12", "FAT16 or FAT32"),
        (structs.replace(FAT, kind="FAT32"), SD, "FAT32", "FAT16"),
        (structs.replace(FAT, kind="FAT32"), MMC, "FAT32", "FAT16"),
        (structs.replace(MOD23_FAT, kind="FAT32"), MOD23, "FAT32", "FAT12 or FAT16"),
        (ZipVolume(), USB, "ZIP", "FAT16 or FAT32"),
        (MimeVolume(), ZIP, "MIME", "ZIP"),
        (ISO, MIME, "ISO 9660 Level 1", "MIME"),
    ],
)
def test_other_file_systems_are_an_error_that_names_the_annex(
    volume: Volume, profile: str, name: str, allowed: str
) -> None:
    (finding,) = found(volume, profile)
    assert (finding.rule, finding.severity) == (medium.OTHER_FILE_SYSTEM, Severity.ERROR)
    detail = dict(finding.detail)
    assert (detail["found"], detail["allowed"]) == (name, allowed)
    assert finding.ref == load_profile(profile).medium.annex


@pytest.mark.parametrize("volume", [ISO, UDF, FAT])
@pytest.mark.parametrize("profile", ["", DVD])
def test_an_image_that_is_cut_off_is_an_error_whatever_the_profile(volume: Volume, profile: str) -> None:
    cut = structs.replace(volume, is_truncated=True)
    assert "MK-MED-003" in ids(found(cut, profile))
    assert "MK-MED-003" not in ids(found(volume, profile))


def test_the_size_of_the_largest_disc_is_right_and_a_byte_more_is_a_warning() -> None:
    assert found(ISO, CD, size_bytes=737_280_000) == []
    (finding,) = found(ISO, CD, size_bytes=737_280_001)
    assert (finding.rule, finding.severity) == (medium.TOO_LARGE, Severity.WARNING)
    assert dict(finding.detail)["size"] == 737_280_001
    assert dict(finding.detail)["capacity"] == 737_280_000
    assert finding.ref == "PS3.12 Annex F"
    assert found(FAT, USB, size_bytes=10**12) == []  # sticks have no size of their own


@pytest.mark.parametrize(
    ("volume", "profile"), [(ISO, CD), (UDF, DVD), (BD_UDF, BD), (FAT, USB), (ZipVolume(), ZIP)]
)
def test_eight_levels_of_folders_are_right_and_nine_are_too_many(volume: Volume, profile: str) -> None:
    assert found(structs.replace(volume, depth=8), profile) == []
    detail = one_of(medium.TOO_DEEP, found(structs.replace(volume, depth=9), profile))
    assert (detail["depth"], detail["limit"]) == (9, 8)


# --- ISO 9660 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "shown"), [("OTHER", "OTHER"), ("", "empty"), ("test", "test"), ("A\x1b", "A\\x1b")]
)
def test_a_label_other_than_the_file_set_id_is_an_error_on_cd_alone(label: str, shown: str) -> None:
    detail = one_of(medium.OTHER_LABEL, found(structs.replace(ISO, volume_id=label), CD))
    assert detail == {"label": shown, "file_set_id": "TEST"}
    assert found(structs.replace(ISO, volume_id=label), DVD) == []


def test_a_label_that_is_the_file_set_id_with_padding_is_right() -> None:
    assert found(structs.replace(ISO, volume_id="TEST    "), CD) == []


def test_of_a_cd_without_directory_the_label_cannot_be_told_wrong() -> None:
    survey = replace(medium_of(A_CT, volume=ISO, format="iso9660"), dicomdir=None, decoded=None)
    survey = replace(survey, volume=structs.replace(ISO, volume_id="OTHER"))
    assert found_by(medium.CHECKS, survey, load_profile(CD)) == []


@pytest.mark.parametrize("system", ["LINUX", "CD-RTOS", "CD-RTOS CD-BRIDGE 2"])
def test_a_system_identifier_is_a_warning_on_cd_alone(system: str) -> None:
    (finding,) = found(structs.replace(ISO, system_id=system), CD)
    assert (finding.rule, finding.severity) == (medium.SYSTEM_ID, Severity.WARNING)
    assert dict(finding.detail) == {"found": system}
    assert found(structs.replace(ISO, system_id=system), DVD) == []


def test_the_system_identifier_of_a_cd_may_be_blank_or_that_of_a_bridge_disc() -> None:
    assert found(structs.replace(ISO, system_id=""), CD) == []
    assert found(structs.replace(ISO, system_id="CD-RTOS CD-BRIDGE"), CD) == []


@pytest.mark.parametrize(
    ("field", "rule", "severity"),
    [
        ("flagged", medium.FILE_FLAGS, Severity.ERROR),
        ("attributed", medium.EXTENDED_ATTRIBUTES, Severity.ERROR),
        ("unversioned", medium.NO_VERSION, Severity.ERROR),
        ("undotted", medium.NO_DOT, Severity.ERROR),
        ("hidden", medium.HIDDEN, Severity.WARNING),
    ],
)
def test_odd_directory_records_of_a_cd_are_one_finding_at_the_first_file(
    field: str, rule: Rule, severity: Severity
) -> None:
    (finding,) = found(structs.replace(ISO, **{field: EXAMPLES}), CD)
    assert (finding.rule, finding.severity, finding.where.path) == (rule, severity, EXAMPLES[0])
    assert dict(finding.detail)["example"] == "DICOM/IM\\x1b2"
    assert finding.ref == "PS3.12 Annex F"


def test_a_dvd_may_have_extended_attribute_records_but_no_names_without_version() -> None:
    assert found(structs.replace(ISO, flagged=EXAMPLES, attributed=EXAMPLES), DVD) == []
    both = structs.replace(ISO, unversioned=EXAMPLES, undotted=EXAMPLES)
    assert ids(found(both, DVD)) == ["MK-MED-009", "MK-MED-010"]


def test_trees_that_hold_other_files_than_one_another_are_said() -> None:
    for field, rule, severity in (
        ("not_in_joliet", medium.NOT_IN_TREE, Severity.WARNING),
        ("not_in_rock_ridge", medium.NOT_IN_TREE, Severity.WARNING),
        ("only_in_joliet", medium.ONLY_IN_JOLIET, Severity.ERROR),
        ("crossed", medium.CROSSED, Severity.ERROR),
    ):
        volume = structs.replace(ISO, **{field: EXAMPLES})
        (finding,) = found(volume, CD)
        assert (finding.rule, finding.severity, finding.where.path) == (rule, severity, EXAMPLES[0])
        assert ids(found(volume, DVD)) == [rule.id]


@pytest.mark.parametrize(
    ("has_joliet", "has_rock_ridge", "what"),
    [(True, False, "Joliet"), (False, True, "Rock Ridge"), (True, True, "Joliet and Rock Ridge")],
)
def test_other_names_are_a_note(has_joliet: bool, has_rock_ridge: bool, what: str) -> None:
    (finding,) = found(structs.replace(ISO, has_joliet=has_joliet, has_rock_ridge=has_rock_ridge), CD)
    assert (finding.rule, finding.severity) == (medium.MORE_NAMES, Severity.NOTE)
    assert dict(finding.detail)["what"] == what


def test_more_sessions_are_a_warning_where_the_profile_knows_one_only() -> None:
    assert found(structs.replace(ISO, sessions=2), CD) == []
    video = structs.replace(ISO, sessions=2), "STD-GEN-BD-MPEG2-MPML"
    detail = next(dict(one.detail) for one in found(*video) if one.rule is medium.SESSIONS)
    assert (detail["count"], detail["profile"]) == (2, "STD-GEN-BD-MPEG2-MPML")
    assert "MK-MED-013" not in ids(found(ISO, "STD-GEN-BD-MPEG2-MPML"))


# --- UDF -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "maximum"), [(3, 3), (2, 3), (3, 2), (1, 2), (0, 0)])
def test_interchange_levels_other_than_two_are_an_error(level: int, maximum: int) -> None:
    volume = structs.replace(UDF, interchange_level=level, maximum_level=maximum)
    (finding,) = found(volume, DVD)
    assert (finding.rule, finding.severity) == (medium.UDF_LEVEL, Severity.ERROR)
    assert dict(finding.detail) == {"level": level, "maximum": maximum, "ref": "PS3.12 Annex P"}


@pytest.mark.parametrize(
    ("field", "what"), [("has_virtual", "a Virtual Allocation Table"), ("has_sparing", "a sparing table")]
)
@pytest.mark.parametrize(("volume", "profile"), [(UDF, DVD_RAM), (BD_UDF, BD)])
def test_packet_writing_is_an_error_on_dvd_ram_and_bd_and_right_on_other_dvd(
    volume: UdfVolume, profile: str, field: str, what: str
) -> None:
    (finding,) = found(structs.replace(volume, **{field: True}), profile)
    assert (finding.rule, finding.severity) == (medium.UDF_PARTITION, Severity.ERROR)
    assert dict(finding.detail)["what"] == what
    assert found(structs.replace(UDF, **{field: True}), DVD) == []


def test_a_metadata_partition_is_what_bd_has() -> None:
    assert found(structs.replace(BD_UDF, has_metadata=True), BD) == []


def test_a_bridge_is_an_error_on_bd_alone() -> None:
    (finding,) = found(structs.replace(BD_UDF, has_iso=True), BD)
    assert (finding.rule, finding.severity) == (medium.BRIDGE, Severity.ERROR)
    assert dict(finding.detail)["other"] == "an ISO 9660 volume"
    assert found(structs.replace(UDF, has_iso=True), DVD) == []
    assert found(structs.replace(UDF, has_iso=True), DVD_RAM) == []


@pytest.mark.parametrize(
    ("field", "rule", "severity"),
    [
        ("odd_types", medium.UDF_TYPES, Severity.ERROR),
        ("closed_to_others", medium.UDF_CLOSED, Severity.ERROR),
    ],
)
def test_odd_files_of_a_udf_volume_are_one_finding_at_the_first(
    field: str, rule: Rule, severity: Severity
) -> None:
    (finding,) = found(structs.replace(UDF, **{field: EXAMPLES}), DVD_RAM)
    assert (finding.rule, finding.severity, finding.where.path) == (rule, severity, EXAMPLES[0])
    assert (dict(finding.detail)["example"], finding.ref) == ("DICOM/IM\\x1b2", "PS3.12 Annex J")


@pytest.mark.parametrize(("volume", "profile"), [(UDF, DVD_RAM), (UDF, DVD), (BD_UDF, BD)])
def test_hidden_dicom_files_of_a_udf_volume_are_an_error_and_other_files_a_warning(
    volume: UdfVolume, profile: str
) -> None:
    path = medium_of(A_CT).files[1].path
    (finding,) = found(structs.replace(volume, hidden=("NOTES.TXT", path, "DICOMDIR")), profile)
    assert (finding.rule, finding.severity, finding.where.path) == (
        medium.HIDDEN_DICOM,
        Severity.ERROR,
        path,
    )
    assert finding.ref == load_profile(profile).medium.annex
    (finding,) = found(structs.replace(volume, hidden=("NOTES.TXT",)), profile)
    assert (finding.rule, finding.where.path) == (medium.HIDDEN, "NOTES.TXT")


def test_where_udf_is_wrong_altogether_hidden_files_are_but_a_warning() -> None:
    assert ids(found(structs.replace(UDF, hidden=("DICOMDIR",)), CD)) == ["MK-MED-002", "MK-MED-011"]


def test_a_bridge_disc_has_both_file_systems_and_bd_must_not_have_the_one() -> None:
    bridge = structs.replace(ISO, has_udf=True, udf_revision="1.50")
    assert found(bridge, DVD) == []
    assert found(bridge, DVD_RAM) == []
    assert ids(found(structs.replace(bridge, udf_revision="2.60"), BD)) == ["MK-MED-025"]
    detail = dict(found(structs.replace(bridge, udf_revision="1.02"), DVD_RAM)[0].detail)
    assert (detail["found"], detail["allowed"]) == ("ISO 9660 Level 1 and UDF 1.02", "UDF 1.5")
    assert ids(found(bridge, BD)) == ["MK-MED-002", "MK-MED-025"]


# --- FAT -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition", [0, 1])
def test_a_stick_has_one_partition_or_none(partition: int) -> None:
    assert found(structs.replace(FAT, partition=partition), USB) == []


def test_a_file_set_in_the_second_partition_is_an_error() -> None:
    (finding,) = found(structs.replace(FAT, partition=2, partitions=2), USB)
    assert (finding.rule, finding.severity) == (medium_fat.NOT_FIRST, Severity.ERROR)
    assert dict(finding.detail) == {"number": 2, "ref": "PS3.12 Annex R"}


@pytest.mark.parametrize(("volume", "profile"), [(MOD41_FAT, MOD41), (MOD23_FAT, MOD23)])
def test_a_magneto_optical_disk_has_no_partition(volume: FatVolume, profile: str) -> None:
    assert found(volume, profile) == []
    for partition in (1, 2):
        (finding,) = found(structs.replace(volume, partition=partition), profile)
        assert (finding.rule, finding.severity) == (medium_fat.PARTITIONED, Severity.ERROR)
        assert finding.ref == load_profile(profile).medium.annex


@pytest.mark.parametrize(
    ("profile", "sector_bytes", "right", "wrong"),
    [(MOD41, 512, (64, 128), (1, 32)), (MOD23, 2048, (8, 16, 32, 64), (4, 128))],
)
def test_a_magneto_optical_disk_has_sectors_and_clusters_of_its_own(
    profile: str, sector_bytes: int, right: tuple[int, ...], wrong: tuple[int, ...]
) -> None:
    for sectors in right:
        assert found(FatVolume(sector_bytes=sector_bytes, sectors_per_cluster=sectors), profile) == []
    other = 2560 - sector_bytes
    for size, sectors in (*((sector_bytes, number) for number in wrong), (other, right[0])):
        volume = FatVolume(sector_bytes=size, sectors_per_cluster=sectors)
        detail = one_of(medium_fat.CLUSTERS, found(volume, profile))
        assert (detail["sectors"], detail["sector_bytes"]) == (sectors, size)
        assert found(structs.replace(volume, partition=1), USB) == []


def test_hidden_files_of_a_stick_are_a_warning() -> None:
    (finding,) = found(structs.replace(FAT, hidden=EXAMPLES), USB)
    assert (finding.rule, finding.where.path) == (medium.HIDDEN, EXAMPLES[0])


# --- ZIP -------------------------------------------------------------------------------------------------


def test_each_odd_method_of_an_archive_is_a_warning_and_the_common_ones_are_right() -> None:
    assert found(ZipVolume(methods=("stored", "deflated")), ZIP) == []
    findings = found(ZipVolume(methods=("stored", "lzma", "deflate64")), ZIP)
    assert [(one.rule, dict(one.detail)["method"]) for one in findings] == [
        (medium.ODD_ZIP_METHOD, "lzma"),
        (medium.ODD_ZIP_METHOD, "deflate64"),
    ]
    assert findings[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("encrypted", medium.ZIP_ENCRYPTED),
        ("doubled", medium.ZIP_DOUBLED),
        ("rooted", medium.ZIP_ROOTED),
    ],
)
@pytest.mark.parametrize("profile", ["", ZIP])
def test_odd_members_of_an_archive_are_one_error_at_the_first(field: str, rule: Rule, profile: str) -> None:
    (finding,) = found(structs.replace(ZipVolume(), **{field: EXAMPLES}), profile)
    assert (finding.rule, finding.severity) == (rule, Severity.ERROR)
    assert (finding.where.path, finding.ref) == (EXAMPLES[0], rule.ref)
    assert dict(finding.detail)["example"] == "DICOM/IM\\x1b2"


def test_without_a_profile_what_depends_on_the_medium_is_not_judged() -> None:
    wrong = structs.replace(ISO, level=0, depth=9, unversioned=EXAMPLES, system_id="LINUX")
    assert found(wrong, size_bytes=10**12) == []


# --- MIME ------------------------------------------------------------------------------------------------


@each(
    ("changes", "rule"),
    [
        ({"kind": "multipart/alternative"}, medium_mime.OTHER_KIND),
        ({"other_types": EXAMPLES}, medium_mime.OTHER_TYPE),
        ({"without_id": EXAMPLES}, medium_mime.WITHOUT_ID),
        ({"misnamed": EXAMPLES}, medium_mime.MISNAMED),
        ({"unsafe": EXAMPLES}, medium_mime.UNSAFE),
        ({"doubled": EXAMPLES}, medium_mime.DOUBLED),
        ({"rooted": EXAMPLES}, medium_mime.ROOTED),
    ],
)
def test_parts_that_annex_k_does_not_allow_are_errors(changes: dict[str, object], rule: Rule) -> None:
    detail = one_of(rule, found(MimeVolume(**changes), MIME))  # type: ignore[arg-type]  # fields by name
    if rule is not medium_mime.OTHER_KIND:
        assert detail["example"] == "DICOM/IM\\x1b2"


def test_without_a_dicomdir_parts_need_no_id() -> None:
    survey = survey_of(filed(A_CT), volume=MimeVolume(without_id=EXAMPLES), format="mime")
    assert found_by(medium_mime.CHECKS, survey, load_profile(MIME)) == []
