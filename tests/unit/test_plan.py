"""The whole medium as a value: files, DICOMDIR, room, and what stands in the way."""

from __future__ import annotations

import hashlib

import pytest

from mediakit.choices import Supply
from mediakit.errors import UsageError
from mediakit.fileset.capacity import bytes_needed, max_file_bytes
from mediakit.fileset.collate import collate
from mediakit.fileset.decode import decode
from mediakit.fileset.plan import ExtraFile, FileSetPlan, Wishes, complete, file_set_uid, lay_out
from mediakit.profile.model import Medium, Profile
from mediakit.stages.plan.target import capacity_of
from tests.support.instances import CD, PDF, make_instance, make_profile
from tests.unit.test_build import icon_rule

INSTANCES = [
    make_instance("1.1", size=5000),
    make_instance("1.2", number=2, size=3),
    make_instance(
        "1.3",
        study="1.5",
        series="1.5.1",
        patient_id=b"B",
        values={0x00080005: b"ISO_IR 100", 0x00100010: "MÜLLER^A".encode("latin-1")},
    ),
    make_instance("1.4", sop_class=PDF, series="1.2.3.8", values={0x00420012: b"application/pdf "}),
]
UDF = Medium(id="bd", title="BD", annex="X", file_systems=("UDF 2.6",), images=("udf-2.60",))
FLASH = Medium(id="usb", title="USB", annex="R", file_systems=("FAT16", "FAT32"), sector_bytes=512)
SD = Medium(id="sd", title="SD", annex="U", file_systems=("FAT16",), sector_bytes=512)
ZIP = Medium(id="zip", title="ZIP", annex="V", file_systems=("ZIP",), images=("zip",), sector_bytes=1)


def planned(
    wishes: Wishes | None = None, profile: Profile | None = None, capacity_bytes: int | None = None
) -> FileSetPlan:
    chosen = profile or make_profile()
    laid_out = lay_out(collate(INSTANCES, chosen, Supply.DIRECTORY), chosen, wishes or Wishes())
    return complete(laid_out, capacity_bytes)


def rules(value: FileSetPlan) -> list[str]:
    return [finding.rule.id for finding in value.findings]


def test_the_dicomdir_reads_back_as_the_directory_planned() -> None:
    value = planned(Wishes(file_set_id="DISC_1"))
    decoded = decode(value.dicomdir)
    assert decoded.directory == value.directory
    assert decoded.findings == ()


def test_every_record_points_to_the_file_that_carries_its_instance() -> None:
    value = planned()
    references = [record.reference for record in value.directory.walk() if record.reference]
    assert [(file.file_id, file.instance.sop_instance) for file in value.files] == [
        (reference.file_id, reference.sop_instance) for reference in references
    ]
    assert [file.size for file in value.files] == [file.instance.size for file in value.files]
    assert [str(file.file_id) for file in value.files] == sorted(str(file.file_id) for file in value.files)


def test_extra_content_keeps_its_name_and_the_top_folder_goes_out_of_its_way() -> None:
    value = planned(Wishes(extra=(ExtraFile("dicom/readme.txt", 10, "EXTRA/readme.txt"),)))
    assert {file.file_id.parts[0] for file in value.files} == {"DICOM1"}
    assert value.extra[0].origin == "EXTRA/readme.txt"


def test_what_does_not_fit_is_an_error_with_both_figures() -> None:
    value = planned(capacity_bytes=100_000)
    (finding,) = value.findings
    assert (finding.rule.id, finding.severity) == ("MK-FST-011", "error")
    assert f"needs {value.total_bytes:,} bytes, but 120 mm CD-R holds 100,000" in finding.text
    assert rules(planned(capacity_bytes=value.total_bytes)) == []
    assert rules(planned(capacity_bytes=value.total_bytes - 1)) == ["MK-FST-011"]


@pytest.mark.parametrize(
    ("medium", "limit"), [(CD, 2**32 - 1), (UDF, None), (FLASH, 2**32 - 1), (SD, 2**31 - 1), (ZIP, None)]
)
def test_a_single_file_has_a_limit_of_its_own(medium: Medium, limit: int | None) -> None:
    assert max_file_bytes(medium) == limit
    profile = make_profile(medium=medium)
    for size, expected in ((2**31 - 1, []), (2**32, ["MK-FST-012"] if limit else [])):
        instances = [make_instance(size=size)]
        value = complete(lay_out(collate(instances, profile, Supply.NONE), profile, Wishes()), None)
        assert rules(value) == expected


def test_a_required_icon_that_is_not_there_is_an_error() -> None:
    value = planned(profile=make_profile(icon=icon_rule("IMAGE")))
    assert rules(value) == ["MK-FST-013"] * 3


def test_nothing_left_is_an_error() -> None:
    profile = make_profile()
    value = complete(lay_out(collate([], profile, Supply.NONE), profile, Wishes()), None)
    assert rules(value) == ["MK-FST-014"]


def test_findings_of_the_collation_travel_with_the_plan() -> None:
    profile = make_profile()
    collated = collate([make_instance(number=None)], profile, Supply.DIRECTORY)
    assert rules(complete(lay_out(collated, profile, Wishes()), None)) == ["MK-KEY-003"]


@pytest.mark.parametrize("file_set_id", ["disc", "A B", "A" * 17, "A-1", "Ä"])
def test_an_illegal_file_set_id_is_refused(file_set_id: str) -> None:
    with pytest.raises(UsageError, match="File-set ID"):
        planned(Wishes(file_set_id=file_set_id))


@pytest.mark.parametrize("file_set_id", ["", "A" * 16, "DISC_1"])
def test_a_legal_file_set_id_is_taken(file_set_id: str) -> None:
    assert planned(Wishes(file_set_id=file_set_id)).directory.file_set_id == file_set_id


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(extra=(ExtraFile("dicomdir", 1),)),
        Wishes(extra=(ExtraFile("DICOMDIR/X", 1),)),
        Wishes(extra=(ExtraFile("A", 1), ExtraFile("a", 1))),
    ],
)
def test_wishes_that_cannot_be_are_refused(wishes: Wishes) -> None:
    with pytest.raises(UsageError):
        planned(wishes)


def test_the_file_set_uid_is_a_uuid_that_depends_on_content_and_profile_alone() -> None:
    uid = file_set_uid(INSTANCES, "STD-GEN-CD")
    assert uid == file_set_uid(INSTANCES[::-1], "STD-GEN-CD")
    assert uid != file_set_uid(INSTANCES, "STD-GEN-BD")
    assert uid != file_set_uid(INSTANCES[1:], "STD-GEN-CD")
    value = int(uid.removeprefix("2.25."))
    assert (value >> 76 & 0xF, value >> 62 & 3) == (8, 2)
    assert len(uid) <= 64


def test_two_plans_of_the_same_input_have_the_same_bytes() -> None:
    digests = {hashlib.sha256(planned().dicomdir).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("medium", [CD, UDF, FLASH, ZIP])
def test_room_grows_with_every_file_and_is_never_less_than_the_bytes(medium: Medium) -> None:
    files = [("DICOMDIR", 1000)]
    before = bytes_needed(files, medium)
    for number in range(50):
        files.append((f"DICOM/P{number:07d}/I0000001", 2049))
        now = bytes_needed(files, medium)
        assert now >= before + 2049
        before = now
    assert before >= sum(size for _, size in files)


def test_capacities_are_known_by_name() -> None:
    assert capacity_of(CD, "") == capacity_of(CD, "cd74") == 681_984_000
    assert capacity_of(FLASH, "") is None
    with pytest.raises(UsageError, match="dvd5"):
        capacity_of(CD, "dvd5")
