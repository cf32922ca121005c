"""De-identification of one data set: the table of PS3.15 E, its options, SR, UIDs, pixels, hostile bytes."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Iterator, Mapping

import pydicom
import pytest
from pydicom.dataset import Dataset

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.files import Deidentified, NotDeidentified, deidentify
from mediakit.dicom.deidentify.options import Option, options_from
from mediakit.dicom.deidentify.policy import Policy
from mediakit.dicom.deidentify.pseudonyms import Alias, Pseudonyms
from mediakit.dicom.deidentify.table import Row, row_of, rows
from mediakit.dicom.deidentify.wishes import Wishes, wishes_from
from mediakit.errors import UsageError
from tests.support.dicom_bytes import CT, RAW, ct, element, identity, item, part10, sequence
from tests.support.studies import CT_1, PYDICOM_FILES

KEY = b"a key that only this test has ..."
SERIES_DESCRIPTION, DERIVATION_CODES = 0x0008103E, 0x00089215
GSPS, SR = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.88.22"
OLD_UID = "1.2.276.0.7230010.3.1.4.8323329.1"
_NUMBERS = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4}


def engine(options: str = "basic", **wishes: object) -> Engine:
    policy = Policy(options=options_from(options), wishes=wishes_from(wishes, "test"))
    return Engine(policy, Pseudonyms(KEY, aliases=policy.wishes.aliases, by_key=False))


def made(data: bytes, how: Engine | None = None, pixels: OnBurnedIn = OnBurnedIn.REFUSE) -> bytes:
    done = deidentify(io.BytesIO(data), how or engine(), pixels)
    assert isinstance(done, Deidentified), done
    return b"".join(done.file.pieces())


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def of(dataset: Dataset, sop_class: str = CT) -> bytes:
    """Return a whole file that holds a data set."""
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, OLD_UID
    dataset.StudyInstanceUID = f"{OLD_UID}.1"
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=False, little_endian=True)
    body = stream.getvalue()
    return part10(body, sop_class, OLD_UID)


def value_for(tag: int, vr: str) -> bytes:
    """Return a value that is found again: the tag is in it."""
    mark = f"Q{tag:08X}Q"
    fixed = {
        "DA": "19870605",
        "DT": "19870605121314",
        "TM": "121314",
        "AS": "077Y",
        "IS": "7331",
        "DS": "73.31",
    }
    if vr in fixed:
        return fixed[vr].encode()
    if vr == "UI":
        return f"1.2.276.{tag}".encode()
    if vr in _NUMBERS:
        return b"\x5a" * _NUMBERS[vr]
    return mark.encode()


def inside(tag: int) -> bytes:
    """Return what an item of a sequence holds: a reference, a text of a report, or a code."""
    if tag in {0x00081140, 0x00082112, 0x00081111}:
        return element(0x00081155, "UI", value_for(tag, "UI"))
    if tag in {0x0040A730, 0x0040B020}:
        return element(0x0040A160, "UT", value_for(tag, "UT"))
    return element(0x00080104, "LO", value_for(tag, "LO"))


def listed(*, deep: bool) -> tuple[bytes, dict[int, tuple[Row, str, bytes]]]:
    """Return elements for every row of the table in the order of tags, and what they held."""
    held: dict[int, tuple[Row, str, bytes]] = {}
    patterns = {tag: row for tag in (0x50003000, 0x60003000, 0x60004000) if (row := row_of(tag))}
    for tag, row in (dict(rows()) | patterns).items():
        if tag >> 16 < 8:
            continue  # no element of a data set: see the file meta information
        vr = row.vr or "LO"
        content = value_for(tag, vr)
        if vr == "SQ":
            content = item(inside(tag))
        held[tag] = (row, vr, content)
    held[0x00291010] = (row_of(0x00291010) or Row(basic="X", by_option={}), "LO", b"Q00291010Q")
    fixed = {0x00080016: element(0x00080016, "UI", CT)}
    parts = {tag: element(tag, vr, content) for tag, (_, vr, content) in held.items()} | fixed
    body = b"".join(parts[tag] for tag in sorted(parts))
    if deep:
        for _ in range(3):
            body = sequence(DERIVATION_CODES, [item(body)])
        body = identity(CT, OLD_UID) + body + element(0x0020000D, "UI", f"{OLD_UID}.1")
    return part10(body, CT, OLD_UID), held


def found(dataset: Dataset, *, deep: bool) -> Dataset:
    for _ in range(3 if deep else 0):
        dataset = dataset[DERIVATION_CODES].value[0]
    return dataset


class TestTheTable:
    @pytest.mark.parametrize("deep", [False, True])
    def test_every_listed_attribute_ends_as_its_code_says(self, deep: bool) -> None:
        data, held = listed(deep=deep)
        done = made(data)
        after = found(read(done), deep=deep)
        wrong = []
        for tag, (row, vr, content) in held.items():
            there = after.get(tag)
            value = None if there is None else there.value
            is_empty = value is None or len(str(value)) == 0 or (vr == "SQ" and not len(value))
            is_ours = not deep and tag in {0x00100010, 0x00100020}
            if tag in {0x00700082, 0x00700083}:  # Type 1 in every presentation state
                ok = not is_empty
            elif row.basic == "X":
                ok = there is None
            elif row.basic in {"Z", "X/Z"} and not is_ours:
                ok = there is not None and is_empty
            elif row.basic in {"D", "U", "X/D", "Z/D", "X/Z/D"} and tag != 0x00700001:
                ok = there is not None and not is_empty
            else:
                ok = True
            if not ok or (len(content) > 4 and (content[8:] if vr == "SQ" else content) in done):
                wrong.append(f"{tag:08X} {row.basic}")
        assert wrong == []
        assert len(held) > 640

    def test_an_option_keeps_what_its_column_says(self) -> None:
        data, held = listed(deep=False)
        for option in Option:
            if option in {Option.SAFE_PRIVATE, Option.GRAPHICS}:
                continue
            after = read(made(data, engine(option.word)))
            lost = [
                f"{option.word} {tag:08X}"
                for tag, (row, _, _) in held.items()
                if row.by_option.get(option) == "K" and tag not in after
            ]
            assert lost == []

    def test_it_has_every_row_of_two_editions(self) -> None:
        every = rows().values()
        assert len(rows()) == 651
        assert sum(not row.is_confirmed for row in every) == 34

    def test_what_another_program_removes_is_gone_or_changed_here(self) -> None:
        from dicomanonymizer import anonymize_dataset  # noqa: PLC0415 - slow, and one test needs it

        data, _ = listed(deep=False)
        before, theirs, ours = read(data), read(data), read(made(data))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            anonymize_dataset(theirs)
        left = [
            str(each.tag)
            for each in before
            if (each.tag not in theirs or theirs[each.tag] != each)
            and each.tag in ours
            and ours[each.tag] == each
            and not each.is_empty
        ]
        assert left == []


class TestWhatTheInstanceSays:
    def test_it_says_how_it_was_de_identified(self) -> None:
        after = read(made(ct(pixels=0), engine("retain-device,retain-modified-dates,clean-graphics")))
        codes = [one.CodeValue for one in after.DeidentificationMethodCodeSequence]
        assert (after.PatientIdentityRemoved, codes) == ("YES", ["113100", "113103", "113107", "113109"])
        assert after.LongitudinalTemporalInformationModified == "MODIFIED"
        assert after.StationName == "CT60001"

    def test_patients_are_numbered_named_or_follow_from_the_key(self) -> None:
        first, second = ct(pixels=0), ct(pixels=0).replace(b"PID000123", b"PID000777")
        numbered = engine()
        assert [str(read(made(one, numbered)).PatientID) for one in (first, second, first)] == [
            "TEACH-0001",
            "TEACH-0002",
            "TEACH-0001",
        ]
        named = engine(patients={"PID000123": {"id": "CASE-7", "name": "Case^Seven"}})
        assert str(read(made(first, named)).PatientName) == "Case^Seven"
        by_key = Pseudonyms(KEY, by_key=True)
        again = Pseudonyms(KEY, by_key=True)
        assert by_key.patient("a") != by_key.patient("b")
        assert again.patient("b") == by_key.patient("b")
        taken = Pseudonyms(KEY, by_key=False, aliases={"x": Alias(patient_id="TEACH-0001", name="x")})
        assert taken.patient("y").patient_id == "TEACH-0002"

    def test_dates_of_a_patient_move_by_the_same_days(self) -> None:
        data = ct(pixels=0)
        before, after = read(data), read(made(data, engine("retain-modified-dates")))
        moved = {
            (pydicom.valuerep.DA(str(before[tag].value)) - pydicom.valuerep.DA(str(after[tag].value))).days
            for tag in (0x00080020, 0x00080021, 0x00080012)
        }
        assert len(moved) == 1
        assert moved.pop() >= 365
        assert after.StudyTime == before.StudyTime
        assert not after.PatientBirthDate

    def test_the_head_of_the_file_is_ours(self) -> None:
        data = bytearray(ct(pixels=0))
        data[:8] = b"SECRETED"
        done = made(bytes(data))
        assert done[:128] == bytes(128)
        meta = read(done).file_meta
        assert meta.MediaStorageSOPInstanceUID.startswith("2.25.")
        assert meta.MediaStorageSOPInstanceUID == read(done).SOPInstanceUID

    def test_pixel_data_stay_byte_for_byte(self) -> None:
        names = ("CT_small.dcm", "MR_small_RLE.dcm", "liver_1frame.dcm", "image_dfl.dcm")
        for name in names:
            data = (PYDICOM_FILES / name).read_bytes()
            assert read(made(data, pixels=OnBurnedIn.KEEP)).PixelData == read(data).PixelData, name


class TestReferencesAndContent:
    def test_uids_point_at_each_other_as_before(self) -> None:
        how = engine()
        image = read(made(ct(pixels=0), how))
        state = Dataset()
        ref = Dataset()
        ref.ReferencedSOPClassUID, ref.ReferencedSOPInstanceUID = CT, read(ct(pixels=0)).SOPInstanceUID
        series = Dataset()
        series.SeriesInstanceUID = read(ct(pixels=0)).SeriesInstanceUID
        series.ReferencedImageSequence = [ref]
        state.ReferencedSeriesSequence = [series]
        after = read(made(of(state, GSPS), how))
        there = after.ReferencedSeriesSequence[0]
        assert there.SeriesInstanceUID == image.SeriesInstanceUID
        assert there.ReferencedImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
        assert there.ReferencedImageSequence[0].ReferencedSOPClassUID == CT

    def test_a_report_keeps_its_skeleton_and_loses_its_text(self) -> None:
        data = (PYDICOM_FILES / "reportsi.dcm").read_bytes()
        before, after = read(data), read(made(data))

        def skeleton(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
            for one in dataset.ContentSequence:
                name = one.get("ConceptNameCodeSequence")
                yield (
                    one.get("RelationshipType", ""),
                    one.get("ValueType", ""),
                    name[0].CodeValue if name else "",
                )
                if "ContentSequence" in one:
                    yield from skeleton(one)

        assert list(skeleton(after)) == list(skeleton(before))
        texts = [one.TextValue for one in after.ContentSequence if "TextValue" in one]
        assert texts
        assert set(texts) == {"REMOVED"}
        cleaned = read(made(data, engine("clean-structured-content", words=["the patient"])))
        assert "REMOVED" in str(cleaned)

    def test_descriptions_keep_allowed_words_only(self) -> None:
        data = ct(pixels=0)
        after = read(made(data, engine("clean-descriptors", words=["Abdomen", "b30f"])))
        assert after.SeriesDescription == "Abdomen B30f"
        assert "SeriesDescription" not in read(made(data, engine("clean-descriptors")))

    def test_graphics_go_and_stay_as_ordered(self) -> None:
        text, annotation, state = Dataset(), Dataset(), Dataset()
        text.UnformattedTextValue = "DOE^JOHN 1950"
        annotation.GraphicLayer = "LAYER"
        annotation.TextObjectSequence = [text]
        state.GraphicAnnotationSequence = [annotation]
        data = of(state, GSPS)
        assert "GraphicAnnotationSequence" not in read(made(data))
        kept = read(made(data, engine("clean-graphics"))).GraphicAnnotationSequence[0]
        assert kept.TextObjectSequence[0].UnformattedTextValue == "REMOVED"

    def test_private_elements_stay_only_when_they_are_named(self) -> None:
        data = ct(pixels=0)
        assert not any(each.tag.is_private for each in read(made(data)))
        named = engine("retain-safe-private", safe_private=["MAKER CT VA0 COAD (0019,xx90)"])
        private = [str(each.tag) for each in read(made(data, named)) if each.tag.is_private]
        assert private == ["(0019,0010)", "(0019,1090)"]

    def test_a_table_keeps_removes_and_replaces(self) -> None:
        how = engine(
            keep=["InstitutionName"], remove=["(0018,0015)"], replace={"StationName": "Teaching room"}
        )
        after = read(made(ct(pixels=0), how))
        assert (after.InstitutionName, after.StationName) == ("Hospital", "Teaching room")
        assert "BodyPartExamined" not in after

    def test_a_sequence_that_stands_as_unknown_is_cleaned_too(self) -> None:
        inner = element(0x00100010, "PN", "HIDDEN^NAME", implicit=True)
        for raw in (
            element(DERIVATION_CODES, "UN", item(inner)),
            sequence(DERIVATION_CODES, [item(inner)], undefined=True, vr="UN"),
        ):
            done = made(part10(identity(CT) + raw, CT))
            assert b"HIDDEN" not in done
            assert read(done)[DERIVATION_CODES].VR == "SQ"


class TestWhatCannotGo:
    def test_documents_sounds_and_private_objects_are_left_out(self) -> None:
        for sop_class in (RAW, "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.104.2", "1.3.46.6"):
            done = deidentify(io.BytesIO(part10(identity(sop_class), sop_class)), engine())
            assert isinstance(done, NotDeidentified)
            assert (done.is_closed, done.finding.rule.id) == (True, "MK-DEI-002")

    def test_pixels_with_text_need_a_decision(self) -> None:
        plain, said, capture, free = (pydicom.dcmread(CT_1) for _ in range(4))
        said.BurnedInAnnotation = "YES"
        capture.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
        free.Modality, free.BurnedInAnnotation = "US", "NO"
        refused = []
        for dataset in (plain, said, capture, free):
            done = deidentify(io.BytesIO(_bytes(dataset)), engine())
            refused.append(done.finding.rule.id if isinstance(done, NotDeidentified) else "")
        assert refused == ["", "MK-DEI-003", "MK-DEI-003", ""]
        kept = deidentify(io.BytesIO(_bytes(said)), engine(), OnBurnedIn.KEEP)
        assert isinstance(kept, Deidentified)
        assert [one.rule.id for one in kept.findings] == ["MK-DEI-005"]

    def test_a_region_is_blanked_and_nothing_else(self) -> None:
        dataset = pydicom.dcmread(CT_1)
        dataset.BurnedInAnnotation = "YES"
        size = {"columns": dataset.Columns, "rows": dataset.Rows}
        region = {**size, "left": 2, "top": 1, "width": 5, "height": 3}
        how = engine(blank=[region])
        after = read(made(_bytes(dataset), how, OnBurnedIn.BLANK))
        black = dataset.pixel_array.copy()
        black[1:4, 2:7] = -(1 << dataset.BitsStored - 1) if dataset.PixelRepresentation else 0
        assert (after.pixel_array == black).all()
        assert after.BurnedInAnnotation == "NO"
        assert "113101" in [one.CodeValue for one in after.DeidentificationMethodCodeSequence]
        done = deidentify(io.BytesIO(_bytes(dataset)), engine(), OnBurnedIn.BLANK)
        assert isinstance(done, NotDeidentified)
        assert done.finding.rule.id == "MK-DEI-004"

    def test_damaged_files_are_refused_or_done_and_nothing_else_happens(self) -> None:
        rng = random.Random(12)  # noqa: S311 - the same bytes every time
        source = (PYDICOM_FILES / "reportsi.dcm").read_bytes()
        for _ in range(150):
            data = bytearray(source)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(132, len(data))] = rng.randrange(256)
            cut = bytes(data[: rng.randrange(140, len(data))]) if rng.random() < 0.3 else bytes(data)
            done = deidentify(io.BytesIO(cut), engine())
            assert isinstance(done, Deidentified | NotDeidentified)
        done = deidentify(io.BytesIO(source[:-7]), engine())
        assert isinstance(done, NotDeidentified)
        assert done.finding.rule.id == "MK-DEI-001"


def _bytes(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


class TestWhatAUserWrites:
    def test_options_are_named_and_contradictions_refused(self) -> None:
        assert options_from("basic, retain-device") == {Option.DEVICE}
        for text in ("everything", "", "retain-full-dates,retain-modified-dates"):
            with pytest.raises(UsageError) as caught:
                options_from(text)
            assert caught.value.hint

    def test_a_table_with_a_mistake_is_refused_with_its_place(self) -> None:
        wrong: tuple[Mapping[str, object], ...] = (
            {"colour": 1},
            {"keep": ["NoSuchAttribute"]},
            {"keep": ["PatientID"]},
            {"keep": "StudyDate"},
            {"keep": ["StudyDate"], "remove": ["StudyDate"]},
            {"replace": {"StationName": "M\u00fcller"}},
            {"patients": {"1": {"id": "x" * 65}}},
            {"patients": {"1": {"ids": "x"}}},
            {"safe_private": ["0019"]},
            {"blank": [{"columns": 1}]},
        )
        for values in wrong:
            with pytest.raises(UsageError) as caught:
                wishes_from(values, "table.toml")
            assert caught.value.where == "table.toml", values
        assert wishes_from({}, "table.toml") == Wishes()

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(UsageError):
            Pseudonyms(b"short", by_key=True)
