"""Contents are the union of directory and files, with the best values of both, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mediakit.dicom.instance import Instance
from mediakit.fileset.contents import Contents, InstanceFact, Seen, SeriesFact, contents_of
from mediakit.fileset.decode import Decoded
from mediakit.fileset.file_id import FileID
from mediakit.fileset.file_kinds import OtherKind
from mediakit.fileset.record import DirectoryRecord, FileRef, Key
from mediakit.fileset.survey import FileFact, FileKind, Survey, link_records
from mediakit.findings import Finding, Rule, Severity
from mediakit.volume import FatVolume, IsoVolume, MimeVolume, UdfVolume, Volume, ZipVolume
from tests.support.directories import directory, key
from tests.support.each import each
from tests.support.instances import CT, HANGING_PROTOCOL, make_instance

CLOSED = Rule(id="MK-SRC-103", severity=Severity.ERROR, title="cannot be read: {why}", ref="PS3.10 7")
DICOMDIR = FileFact("DICOMDIR", 500, FileKind.DICOMDIR)


def held(instance: Instance) -> FileFact:
    return FileFact(instance.path, instance.size, FileKind.INSTANCE, instance)


def ct(uid: str, **changes: object) -> FileFact:
    return held(make_instance(uid, **changes))  # type: ignore[arg-type]  # each test passes what it knows


def record(
    uid: str, file_id: str, number: str = "1", kind: str = "IMAGE", instance: str | None = None
) -> DirectoryRecord:
    reference = FileRef(FileID(file_id), CT, uid if instance is None else instance, "1.2.840.10008.1.2.1")
    return DirectoryRecord(kind, (key(0x00200013, "IS", number),), reference)


def tree(
    *leaves: DirectoryRecord,
    patient: Mapping[int, str | bytes] | None = None,
    study: str = "1.2.3",
    series: str = "1.2.3.4",
) -> DirectoryRecord:
    keys = {0x00100010: "DOE^JANE", 0x00100020: "PAT1", **(patient or {})}
    of_series = (key(0x00080060, "CS", "MR"), key(0x0020000E, "UI", series), key(0x00200011, "IS", "3"))
    below = DirectoryRecord("SERIES", of_series, None, leaves)
    of_study = (
        key(0x00080020, "DA", "20200102"),
        key(0x00081030, "LO", "HEAD"),
        key(0x0020000D, "UI", study),
    )
    above = DirectoryRecord("STUDY", of_study, None, (below,))
    of_patient = tuple(
        key(tag, "PN" if tag == 0x00100010 else "LO", value) for tag, value in sorted(keys.items())
    )
    return DirectoryRecord("PATIENT", of_patient, None, (above,))


def seen(
    *files: FileFact,
    roots: tuple[DirectoryRecord, ...] = (),
    volume: Volume | None = None,
    form: str = "folder",
) -> Contents:
    found = directory(*roots) if roots else None
    return contents_of(
        Survey(
            subject="x",
            format=form,
            volume=volume,
            files=files,
            folders=tuple({file.path.rpartition("/")[0] for file in files} - {""}),
            dicomdir=next((file for file in files if file.kind is FileKind.DICOMDIR), None),
            decoded=None if found is None else Decoded(found, ()),
            links=() if found is None else link_records(found, files),
        )
    )


def all_series(contents: Contents) -> list[SeriesFact]:
    return [one for patient in contents.patients for study in patient.studies for one in study.series]


def instances(contents: Contents) -> list[InstanceFact]:
    return [one for series in all_series(contents) for one in series.instances]


class TestTheUnion:
    def test_an_instance_is_seen_by_record_by_file_or_by_both(self) -> None:
        files = (ct("1.1", path="A/IM1", number=1), ct("1.2", path="A/IM2", number=2))
        roots = (tree(record("1.1", "A/IM1", "1"), record("1.3", "A/IM3", "3")),)
        found = instances(seen(*files, roots=roots))
        assert [(one.sop_instance, one.path, one.seen) for one in found] == [
            ("1.1", "A/IM1", Seen.BOTH),
            ("1.2", "A/IM2", Seen.SCAN),
            ("1.3", "", Seen.DIRECTORY),
        ]
        assert [one.file_id for one in found] == ["", "", "A/IM3"]

    def test_two_files_with_one_uid_are_two_instances_by_path(self) -> None:
        contents = seen(ct("1.1", path="B/IM1"), ct("1.1", path="A/IM1"))
        assert [one.path for one in instances(contents)] == ["A/IM1", "B/IM1"]

    def test_two_records_of_one_missing_file_are_one_instance(self) -> None:
        roots = (tree(record("1.1", "A/IM1"), record("1.1", "A/IM1")),)
        assert len(instances(seen(roots=roots))) == 1

    def test_a_file_that_holds_another_instance_than_its_record_says_is_not_the_one_missing(self) -> None:
        contents = seen(ct("1.9", path="A/IM1"), roots=(tree(record("1.1", "A/IM1")),))
        assert {(one.sop_instance, one.path, one.seen) for one in instances(contents)} == {
            ("1.1", "", Seen.DIRECTORY),
            ("1.9", "A/IM1", Seen.SCAN),
        }

    @pytest.mark.parametrize("uid", ["", "2.\xff\xff", "none"])
    def test_a_record_without_a_uid_is_that_of_its_file(self, uid: str) -> None:
        contents = seen(ct("1.9", path="A/IM1"), roots=(tree(record(uid, "A/IM1")),))
        assert [(one.sop_instance, one.seen) for one in instances(contents)] == [("1.9", Seen.BOTH)]

    def test_missing_files_whose_records_have_no_uid_are_all_there(self) -> None:
        contents = seen(roots=(tree(record("", "A/IM1"), record("", "A/IM2", "2")),))
        assert [one.number for one in instances(contents)] == ["1", "2"]

    def test_a_damaged_file_is_told_by_its_record_with_its_path(self) -> None:
        damaged = FileFact("A/IM1", 77, FileKind.DAMAGED)
        contents = seen(damaged, roots=(tree(record("1.1", "A/IM1")),))
        assert [(one.path, one.size, one.seen) for one in instances(contents)] == [
            ("A/IM1", 77, Seen.DIRECTORY)
        ]
        assert [other.kind for other in contents.others] == [OtherKind.DAMAGED]

    def test_a_record_of_a_document_that_is_not_dicom_is_no_instance(self) -> None:
        page = FileFact("A/DOC", 10, FileKind.OTHER, head=b"hello")
        contents = seen(page, roots=(tree(record("", "A/DOC", kind="HL7 STRUC DOC")),))
        assert not contents.patients
        assert [other.kind for other in contents.others] == [OtherKind.TEXT]


class TestValues:
    def test_values_come_from_the_file_in_its_character_set(self) -> None:
        values = {
            0x00080005: b"ISO_IR 192",
            0x00100010: "Müller^Jörg".encode(),
            0x0008103E: "venös ".encode(),
        }
        contents = seen(ct("1.1", values=values))
        (patient,) = contents.patients
        assert (patient.id, patient.name, patient.birth_date, patient.sex) == (
            "PAT1",
            "Müller^Jörg",
            "19700101",
            "M",
        )
        (study,) = patient.studies
        assert (study.uid, study.date, study.description, study.accession) == (
            "1.2.3",
            "20240102",
            "THORAX",
            "A1",
        )
        (series,) = study.series
        assert (series.uid, series.modality, series.number, series.description) == (
            "1.2.3.4",
            "CT",
            "2",
            "venös",
        )

    def test_files_are_believed_more_than_the_directory_which_fills_the_gaps(self) -> None:
        file = ct("1.1", path="A/IM1", values={0x00081030: None})
        contents = seen(file, roots=(tree(record("1.1", "A/IM1")),))
        (patient,) = contents.patients
        assert patient.name == "DOE^JOHN"
        assert patient.studies[0].description == "HEAD"
        assert patient.studies[0].series[0].modality == "CT"

    def test_values_of_records_are_read_in_their_character_set(self) -> None:
        keys = {0x00080005: b"ISO_IR 100", 0x00100010: "Müller^Jörg".encode("latin-1")}
        (patient,) = seen(roots=(tree(record("1.1", "A/IM1"), patient=keys),)).patients
        assert (patient.id, patient.name) == ("PAT1", "Müller^Jörg")
        assert (patient.studies[0].date, patient.studies[0].series[0].number) == ("20200102", "3")

    def test_a_record_without_character_set_is_read_in_that_of_its_parent(self) -> None:
        study_keys = (Key(0x00081030, "LO", "Schädel ".encode()), key(0x0020000D, "UI", "1.2"))
        study = DirectoryRecord("STUDY", study_keys, None, (record("1.1", "A/IM1"),))
        patient_keys = (key(0x00080005, "CS", "ISO_IR 192"), key(0x00100020, "LO", "P"))
        (patient,) = seen(roots=(DirectoryRecord("PATIENT", patient_keys, None, (study,)),)).patients
        assert patient.studies[0].description == "Schädel"

    def test_bytes_of_no_character_set_do_not_end_it(self) -> None:
        values = {0x00080005: b"NONSENSE", 0x00100010: b"\xff\xfe\x1b$B"}
        (patient,) = seen(ct("1.1", values=values)).patients
        assert "\ufffd" in patient.name


class TestPatients:
    def test_one_patient_id_is_one_patient_whatever_its_padding_and_character_set(self) -> None:
        files = [
            ct("1.1", patient_id=b"PAT1"),
            ct("1.2", patient_id=b" PAT1", values={0x00080005: b"ISO_IR 100"}),
        ]
        assert [patient.id for patient in seen(*files).patients] == ["PAT1"]

    def test_patients_without_id_are_told_apart_by_name(self) -> None:
        files = [ct("1.1", patient_id=None), ct("1.2", patient_id=b"", values={0x00100010: b"ROE^JANE"})]
        assert [(one.id, one.name) for one in seen(*files).patients] == [("", "DOE^JOHN"), ("", "ROE^JANE")]

    def test_what_belongs_to_no_patient_stands_below_one_without_id(self) -> None:
        nobody = dict.fromkeys(
            [0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x0020000D, 0x0020000E, 0x00080020, 0x00081030]
        )
        protocol = ct("1.1", sop_class=HANGING_PROTOCOL, values=nobody)
        contents = seen(protocol, ct("1.2"))
        assert [(one.id, one.name) for one in contents.patients] == [("", ""), ("PAT1", "DOE^JOHN")]
        assert contents.patients[0].studies[0].uid == ""
        assert contents.patients[0].studies[0].series[0].instances[0].sop_class == HANGING_PROTOCOL

    def test_a_record_of_the_root_that_references_a_file_stands_below_nobody(self) -> None:
        (patient,) = seen(roots=(record("1.1", "HP1", kind="HANGING PROTOCOL"),)).patients
        assert (patient.id, patient.studies[0].series[0].instances[0].sop_instance) == ("", "1.1")

    def test_a_patient_record_without_instances_is_not_listed(self) -> None:
        contents = seen(ct("1.1"), roots=(tree(patient={0x00100020: "PAT2"}), tree(record("1.1", "1.1"[:1]))))
        assert [patient.id for patient in contents.patients] == ["PAT1"]


class TestOrder:
    def test_all_is_sorted(self) -> None:
        files = [
            ct("9.9", patient_id=b"Z"),
            ct("9.1", study="1.9", series="1.9.1", values={0x00080020: b"20230101"}),
            ct("9.2", series="1.2.3.7", values={0x00200011: b"10"}, number=1),
            ct("9.3", series="1.2.3.4", number=10),
            ct("9.4", series="1.2.3.4", number=9),
            ct("9.5", series="1.2.3.4", number=None),
            ct("9.6", series="1.2.3.4", values={0x00200013: b"+11"}),
            ct("9.7", series="1.2.3.4", values={0x00200013: b"x1"}),
            ct("9.8", series="1.2.3.4", values={0x00200013: b"9" * 5000}),
        ]
        expected = ["9.1", "9.4", "9.3", "9.6", "9.8", "9.7", "9.5", "9.2", "9.9"]
        assert [one.sop_instance for one in instances(seen(*files))] == expected
        assert [one.sop_instance for one in instances(seen(*reversed(files)))] == expected


class TestOthers:
    def test_every_file_that_holds_no_instance_is_told_once(self) -> None:
        files = (
            DICOMDIR,
            ct("1.1"),
            FileFact("VIEWER.EXE", 900, FileKind.OTHER, head=b"MZ\x90\0\3"),
            FileFact("A/CUT", 9, FileKind.DAMAGED, head=b"x" * 9),
            FileFact("EMPTY.TXT", 0, FileKind.DAMAGED),
            FileFact("EMPTY", 0, FileKind.DAMAGED),
            FileFact("LINK", 0, FileKind.CLOSED, finding=CLOSED.at(why="unknown reason")),
            FileFact("SECRET", 9, FileKind.CLOSED, finding=CLOSED.at(why="it is encrypted")),
        )
        assert [(one.path, one.kind) for one in seen(*files).others] == [
            ("A/CUT", OtherKind.DAMAGED),
            ("DICOMDIR", OtherKind.DICOMDIR),
            ("EMPTY", OtherKind.DAMAGED),
            ("EMPTY.TXT", OtherKind.TEXT),
            ("LINK", OtherKind.DAMAGED),
            ("SECRET", OtherKind.ENCRYPTED),
            ("VIEWER.EXE", OtherKind.EXECUTABLE),
        ]

    def test_bytes_that_a_record_calls_an_instance_are_damaged_or_encrypted(self) -> None:
        envelope = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
        files = (
            FileFact("IM1", 9, FileKind.OTHER, head=bytes(9)),
            FileFact("IM2", 99, FileKind.OTHER, head=envelope),
        )
        contents = seen(*files, roots=(tree(record("1.1", "IM1"), record("1.2", "IM2")),))
        assert [one.kind for one in contents.others] == [OtherKind.DAMAGED, OtherKind.ENCRYPTED]


@each(
    ("volume", "form", "sentence"),
    [
        (None, "folder", "folder"),
        (None, "iso9660", "ISO 9660"),
        (IsoVolume(level=1, has_joliet=True, sessions=2), "iso9660", "ISO 9660 Level 1, Joliet, 2 sessions"),
        (IsoVolume(level=0, has_rock_ridge=True), "iso9660", "ISO 9660, names beyond Level 3, Rock Ridge"),
        (
            IsoVolume(level=2, has_udf=True, is_truncated=True),
            "iso9660",
            "ISO 9660 Level 2, UDF bridge, cut off",
        ),
        (UdfVolume(revision="1.02", has_iso=True), "udf", "UDF 1.02 with ISO 9660 bridge"),
        (UdfVolume(revision="2.01", has_virtual=True), "udf", "UDF 2.01, written in packets"),
        (FatVolume(kind="FAT16", partition=1, partitions=1), "fat", "FAT16, partition 1"),
        (FatVolume(kind="FAT12"), "fat", "FAT12, unpartitioned"),
        (ZipVolume(encrypted=("A",)), "zip", "ZIP archive, encrypted"),
        (MimeVolume(is_truncated=True), "mime", "MIME message, cut off"),
    ],
)
def test_the_kind_of_disc_is_a_true_sentence(volume: Volume | None, form: str, sentence: str) -> None:
    assert seen(DICOMDIR, roots=(tree(),), volume=volume, form=form).kind == sentence


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        (("IM1",), "folder; no DICOMDIR"),
        (("IHE_PDI/INDEX.HTM",), "folder; IHE PDI layout; no DICOMDIR"),
        (("README.TXT", "index.htm"), "folder; IHE PDI layout; no DICOMDIR"),
        (("README.TXT",), "folder; no DICOMDIR"),
        (("IHE_XDM",), "folder; no DICOMDIR"),
        (("IHE_XDM/METADATA.XML",), "folder; XDM (IHE_XDM); no DICOMDIR"),
    ],
)
def test_the_layout_is_told(files: tuple[str, ...], layout: str) -> None:
    assert seen(*(FileFact(path, 1, FileKind.OTHER, head=b"x") for path in files)).kind == layout


def test_a_dicomdir_below_a_folder_or_one_that_cannot_be_read_is_told() -> None:
    below = FileFact("DISC/DICOMDIR", 1, FileKind.DICOMDIR)
    assert seen(below, roots=(tree(),)).kind == "folder; DICOMDIR in the folder DISC"
    assert seen(DICOMDIR).kind == "folder; DICOMDIR cannot be read"


def test_a_finding_is_no_reason_to_call_a_file_encrypted() -> None:
    finding: Finding = CLOSED.at(why="Permission denied")
    (other,) = seen(FileFact("A", 1, FileKind.CLOSED, finding=finding)).others
    assert other.kind is OtherKind.DAMAGED
