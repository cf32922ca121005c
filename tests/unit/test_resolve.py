"""File IDs find their files under the names that media really have, and nothing else."""

from __future__ import annotations

import pytest

from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import DirectoryRecord, FileRef
from mediakit.fileset.resolve import Difference, Match, Names
from mediakit.fileset.survey import FileFact, FileKind, link_records
from tests.support.directories import directory
from tests.support.each import each

CASE, EXTENSION, VERSION = Difference.CASE, Difference.EXTENSION, Difference.VERSION
SEPARATOR, OTHER_NAME, LEADING = Difference.SEPARATOR, Difference.OTHER_NAME, Difference.LEADING


def legal(file_id: str) -> FileRef:
    return FileRef(FileID.read(file_id), "1.2", "1.2.3", "1.2.4")


def illegal(raw: bytes) -> FileRef:
    return FileRef(None, "1.2", "1.2.3", "1.2.4", (), raw)


def names(*paths: str, base: str = "") -> Names:
    return Names(((path, ()) for path in paths), base)


def found(path: str, *differences: Difference) -> Match:
    return Match(path, frozenset(differences))


@each(
    ("path", "differences"),
    [
        ("DICOM/PAT1/IM1", ()),
        ("dicom/pat1/im1", (CASE,)),
        ("DICOM/Pat1/IM1", (CASE,)),
        ("DICOM/PAT1/IM1.dcm", (EXTENSION,)),
        ("DICOM/PAT1/IM1.DCM", (EXTENSION,)),
        ("DICOM/PAT1/IM1.ima", (EXTENSION,)),
        ("DICOM/PAT1/IM1.001", (EXTENSION,)),
        ("dicom/pat1/im1.dcm", (CASE, EXTENSION)),
        ("DICOM/PAT1/IM1;1", (VERSION,)),
        ("DICOM/PAT1/IM1.;1", (VERSION,)),
        ("DICOM/PAT1/IM1.;1.;1", (VERSION,)),
        ("DICOM/PAT1/IM1.", (VERSION,)),
        ("DICOM/PAT1/IM1.dcm;1", (EXTENSION, VERSION)),
        ("DICOM\\PAT1\\IM1", (SEPARATOR,)),
        ("DICOM//PAT1/IM1", (SEPARATOR,)),
        ("/DICOM/PAT1/IM1", (SEPARATOR,)),
        ("DICOM.PAT1.IM1", (SEPARATOR,)),
        ("dicom.pat1.im1", (CASE, SEPARATOR)),
        ("./DICOM/PAT1/IM1", (LEADING,)),
    ],
)
def test_a_name_that_differs_on_the_medium_is_found_and_the_difference_named(
    path: str, differences: tuple[Difference, ...]
) -> None:
    assert names("DICOM/PAT1/IM2", path, "README.TXT").find(legal("DICOM\\PAT1\\IM1")) == found(
        path, *differences
    )


@each(
    ("raw", "differences"),
    [
        (b"DICOM\\PAT1\\IM1 \0", ()),
        (b"DICOM \\ PAT1\\IM1", ()),
        (b"dicom\\pat1\\im1", (CASE,)),
        (b"DICOM\\PAT1\\IM1.DCM", (EXTENSION,)),
        (b"dicom\\pat1\\im1.dcm", (CASE, EXTENSION)),
        (b"DICOM\\PAT1\\IM1;1", (VERSION,)),
        (b"DICOM\\PAT1\\IM1.", (VERSION,)),
        (b"DICOM/PAT1/IM1", (SEPARATOR,)),
        (b"DICOM\\PAT1/IM1", (SEPARATOR,)),
        (b"DICOM\\\\PAT1\\IM1", (SEPARATOR,)),
        (b"\\DICOM\\PAT1\\IM1", (SEPARATOR,)),
        (b"DICOM\\PAT1\\IM1\\", (SEPARATOR,)),
        (b"DICOM.PAT1.IM1", (SEPARATOR,)),
        (b".\\DICOM\\PAT1\\IM1", (LEADING,)),
        (b"D:\\DICOM\\PAT1\\IM1", (LEADING,)),
        (b"D:DICOM\\PAT1\\IM1", (LEADING,)),
        (b"C:\\export\\disc 7\\DICOM\\PAT1\\IM1", (LEADING,)),
        (b"\\\\server\\share\\DICOM\\PAT1\\IM1", (SEPARATOR, LEADING)),
        (b"/home/pacs/DICOM/PAT1/IM1", (SEPARATOR, LEADING)),
    ],
)
def test_a_file_id_that_is_not_legal_finds_its_file_and_the_difference_is_named(
    raw: bytes, differences: tuple[Difference, ...]
) -> None:
    medium = names("DICOM/PAT1/IM1", "DICOM/PAT1/IM2", "IM1")
    assert medium.find(illegal(raw)) == found("DICOM/PAT1/IM1", *differences)


@each(
    "raw",
    [
        b"..\\DICOM\\IM1",
        b"DICOM\\..\\DICOM\\IM1",
        b"DICOM\\...\\IM1",
        b"DICOM\\..;1\\IM1",
        b"DICOM\\.. \\IM1",
        b"DICOM\\ ..",
        b"DICOM\\C:\\DICOM\\IM1",
        b"C:\\..\\DICOM\\IM1",
        b"\\..\\DICOM\\IM1",
        b"/etc/passwd",
        b"DICOM\\IM1\0.DCM",
        b"NUL",
        b"",
        b"\0",
        b"\\",
        b"C:",
        b".",
        b"\\" * 100_000,
        b"A\\" * 100_000 + b"IM1",
        b"DICOM\\IM" + b";1" * 30_000,
    ],
)
def test_a_hostile_file_id_finds_nothing(raw: bytes) -> None:
    assert names("DICOM/IM1", "IM1.DCM").find(illegal(raw)) is None


def test_an_archive_whose_names_lead_out_of_it_is_not_walked_up() -> None:
    medium = names("../../etc/passwd", "../IM1")
    assert medium.find(illegal(b"..\\IM1")) is None
    assert medium.find(illegal(b"etc\\passwd")) is None
    assert medium.find(legal("IM1")) is None


class TestWhichOfSeveral:
    def test_the_exact_name_wins_over_all_others(self) -> None:
        medium = names("A/im1", "A/IM1.DCM", "A/IM1", "a/IM1", "A/IM1;1")
        assert medium.find(legal("A\\IM1")) == found("A/IM1")

    def test_an_exact_other_name_wins_over_a_similar_one(self) -> None:
        medium = Names([("A/im1", ()), ("A/IMAGE~1", ("A/IM1",))])
        assert medium.find(legal("A\\IM1")) == found("A/IMAGE~1", OTHER_NAME)

    def test_a_similar_path_wins_over_a_similar_other_name(self) -> None:
        medium = Names([("A/IMAGE~1", ("a/im1",)), ("A/Im1", ())])
        assert medium.find(legal("A\\IM1")) == found("A/Im1", CASE)

    def test_a_name_in_another_case_wins_over_one_with_an_extension(self) -> None:
        assert names("A/IM1.DCM", "A/im1").find(legal("A\\IM1")) == found("A/im1", CASE)

    def test_the_extension_of_dicom_files_wins_over_others(self) -> None:
        medium = names("A/IM1.JPG", "A/IM1.dcm", "A/IM1.TXT")
        assert medium.find(legal("A\\IM1")) == found("A/IM1.dcm", EXTENSION)

    @pytest.mark.parametrize(
        "paths",
        [
            ("A/im1", "a/IM1"),
            ("A/IM1.dcm", "A/im1.DCM"),
            ("A/IM1.dcm", "A/IM1.ima"),
            ("A/IM1.JPG", "A/IM1.TXT"),
            ("A/IM1.JPG", "A/im1.jpg", "A/IM1.TXT"),
        ],
    )
    def test_several_that_fit_equally_well_are_none(self, paths: tuple[str, ...]) -> None:
        assert names(*paths).find(legal("A\\IM1")) is None

    def test_several_with_the_same_other_name_are_none(self) -> None:
        assert Names([("A/X", ("A/IM1",)), ("A/Y", ("A/IM1",))]).find(legal("A\\IM1")) is None

    def test_two_names_of_one_file_are_one_file(self) -> None:
        medium = Names([("A/IM1.DCM", ("A/Im1.dcm", "A/im1.dcm"))])
        assert medium.find(legal("A\\IM1")) == found("A/IM1.DCM", EXTENSION)


class TestNoGuess:
    def test_cut_names_are_not_guessed_at(self) -> None:
        medium = names("A/IM0000~1", "A/IM_00001", "A/IM00000.DCM")
        assert medium.find(legal("A\\IM000001")) is None

    @pytest.mark.parametrize("raw", [b"A\\1.2.840.1", b"A\\IM.001"])
    def test_numbers_behind_a_dot_are_not_taken_for_one_another(self, raw: bytes) -> None:
        assert names("A/1.2.840.2", "A/IM.002").find(illegal(raw)) is None

    def test_a_file_of_another_folder_is_not_meant(self) -> None:
        assert names("IM1", "B/IM1", "A/A/IM1").find(legal("A\\IM1")) is None


class TestOtherNames:
    def test_a_file_is_found_by_its_long_name(self) -> None:
        medium = Names([("DICOM/IM0000~1", ("DICOM/IM000001",)), ("DICOM/IM0000~2", ("DICOM/IM000002",))])
        assert medium.find(legal("DICOM\\IM000002")) == found("DICOM/IM0000~2", OTHER_NAME)

    def test_a_long_name_may_differ_as_well(self) -> None:
        medium = Names([("DICOM/IM0000~1.DCM", ("Dicom/im000001.dcm",))])
        assert medium.find(legal("DICOM\\IM000001")) == found(
            "DICOM/IM0000~1.DCM", OTHER_NAME, CASE, EXTENSION
        )


class TestBytesThatAreNotAscii:
    @pytest.mark.parametrize("raw", ["BÄRTL\\IM1".encode("latin-1"), "BÄRTL\\IM1".encode()])
    def test_a_name_is_found_in_latin_1_and_in_utf_8(self, raw: bytes) -> None:
        assert names("BÄRTL/IM1", "X/IM1").find(illegal(raw)) == found("BÄRTL/IM1")

    def test_a_name_is_found_by_its_undecoded_bytes(self) -> None:
        assert names("B\udcc4/IM1").find(illegal(b"B\xc4\\IM1")) == found("B\udcc4/IM1")

    def test_letters_whose_upper_case_is_longer_do_no_harm(self) -> None:
        medium = names("A/GRO\u00df.DCM", "A/\u0149")
        assert medium.find(legal("A\\GROSS")) == found("A/GRO\u00df.DCM", CASE, EXTENSION)


class TestBelowAFolder:
    def test_file_ids_are_relative_to_the_folder_of_the_dicomdir(self) -> None:
        medium = names("DISC 1/DICOMDIR", "DISC 1/DICOM/IM1", "DICOM/IM1", base="DISC 1")
        assert medium.find(legal("DICOM\\IM1")) == found("DISC 1/DICOM/IM1")

    def test_differences_below_the_folder_are_named(self) -> None:
        medium = names("disc/dicomdir", "disc/dicom/im1.dcm", base="disc")
        assert medium.find(legal("DICOM\\IM1")) == found("disc/dicom/im1.dcm", CASE, EXTENSION)

    def test_a_file_id_from_the_root_of_the_medium_names_folders_above_the_file_set(self) -> None:
        medium = names("SUB/DICOMDIR", "SUB/DICOM/IM1", base="SUB")
        assert medium.find(legal("SUB\\DICOM\\IM1")) == found("SUB/DICOM/IM1", LEADING)

    def test_other_names_are_below_the_folder_too(self) -> None:
        files = [("SUB_FO~1/IM0000~1", ("Sub folder/IM000001",)), ("SUB_FO~1/DICOMDIR", ())]
        medium = Names(files, "SUB_FO~1")
        assert medium.find(legal("IM000001")) == found("SUB_FO~1/IM0000~1", OTHER_NAME)

    def test_the_files_of_a_directory_in_a_folder_are_linked(self) -> None:
        files = (
            FileFact("SUB/DICOMDIR", 1, FileKind.DICOMDIR),
            FileFact("SUB/A/IM1", 1, FileKind.OTHER),
            FileFact("A/IM1", 1, FileKind.OTHER),
        )
        record = DirectoryRecord("IMAGE", (), legal("A\\IM1"))
        (link,) = link_records(directory(record), files, "SUB")
        assert link.file is files[1]


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "differences"),
        [("DICOMDIR", ()), ("dicomdir", (CASE,)), ("DICOMDIR.;1", (VERSION,)), ("./DICOMDIR", (LEADING,))],
    )
    def test_the_dicomdir_is_found_by_its_name(self, path: str, differences: tuple[Difference, ...]) -> None:
        assert names("A/DICOMDIR", path).find_path("DICOMDIR") == found(path, *differences)

    def test_a_dicomdir_elsewhere_is_not_the_one_of_the_root(self) -> None:
        assert names("A/DICOMDIR").find_path("DICOMDIR") is None

    def test_a_path_that_leads_up_is_not_found(self) -> None:
        assert names("../DICOMDIR").find_path("../DICOMDIR") is None


def test_of_two_files_with_one_name_the_first_is_linked() -> None:
    files = (FileFact("IM1", 7, FileKind.OTHER), FileFact("IM1", 9, FileKind.CLOSED))
    (link,) = link_records(directory(DirectoryRecord("IMAGE", (), legal("IM1"))), files)
    assert link.file is files[0]
