from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path
from struct import pack

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import UID

from mediakit.dicom.coerce import COERCIBLE, Coerced, NotCoercible, coerce
from mediakit.dicom.edit import spans
from mediakit.dicom.original_attributes import CoercionNote
from mediakit.dicom.part10 import open_whole
from tests.support.dicom_bytes import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    element,
    identity,
    item,
    part10,
    sequence,
)
from tests.support.each import each

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
AT = datetime(2026, 1, 31, 14, 5, 9, 250_000, tzinfo=timezone(timedelta(hours=1)))
NOTE = CoercionNote(system="MEDIAKIT", at=AT, source="Foreign Hospital")
NAME, PATIENT_ID, ISSUER, BIRTH, SEX = 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00100040
ACCESSION, CHARSET, OTHER_IDS, ORIGINAL = 0x00080050, 0x00080005, 0x00101002, 0x04000561
LOCAL = {NAME: "Doe^Jane", PATIENT_ID: "L-77", ISSUER: "HOME", BIRTH: "19610430", SEX: "F", ACCESSION: "A1"}
READABLE = sorted(
    path
    for path in FILES.glob("*.dcm")
    if path.stem not in {"MR_truncated", "rtplan_truncated", "DICOMDIR-nopatient", "DICOMDIR-bigEnd"}
)


def done(data: bytes, changes: dict[int, str], note: CoercionNote = NOTE) -> Coerced:
    result = coerce(io.BytesIO(data), changes, note)
    assert isinstance(result, Coerced), result
    assert all(finding.text for finding in result.findings)
    return result


def refused(data: bytes, changes: dict[int, str]) -> str:
    result = coerce(io.BytesIO(data), changes, NOTE)
    assert isinstance(result, NotCoercible)
    assert result.finding.text
    return result.finding.rule.id


def rules(result: Coerced) -> set[str]:
    return {finding.rule.id for finding in result.findings}


def read(result: Coerced | bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(result if isinstance(result, bytes) else result.data))


def file(*elements: bytes, charset: str | None = None) -> bytes:
    first = element(CHARSET, "CS", charset) if charset is not None else b""
    return part10(first + identity() + b"".join(elements))


def elements_of(data: bytes) -> dict[int, bytes]:
    opened = open_whole(io.BytesIO(data))
    return {span.tag: bytes(span.raw) for span in spans(opened.body, opened.encoding)[0]}


@each("path", READABLE, ids=lambda path: path.name)
def test_a_real_file_gets_the_new_values_and_keeps_every_other_byte(path: Path) -> None:
    data = path.read_bytes()
    result = coerce(io.BytesIO(data), LOCAL, NOTE)
    if isinstance(result, NotCoercible):
        assert result.finding.rule.id == "MK-IDN-020"
        return
    before, after = elements_of(data), elements_of(result.data)
    exchanged = {*LOCAL, ORIGINAL, OTHER_IDS, 0x00100024, 0x00080051, 0x00080000, 0x00100000, 0x04000000}
    assert {tag: raw for tag, raw in after.items() if tag not in exchanged} == {
        tag: raw for tag, raw in before.items() if tag not in exchanged
    }
    old, new = open_whole(io.BytesIO(data)), open_whole(io.BytesIO(result.data))
    assert bytes(new.head) == bytes(old.head)
    assert new.encoding is old.encoding
    if new.meta:
        dataset = read(result)
        assert (dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate) == (
            "Doe^Jane",
            "L-77",
            "19610430",
        )
        assert result.transfer_syntax == dataset.file_meta.get("TransferSyntaxUID", result.transfer_syntax)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, BIG])
def test_old_values_are_kept_in_original_attributes_in_every_encoding(syntax: str) -> None:
    source = pydicom.dcmread(FILES / "CT_small.dcm")
    source.AccessionNumber = "OLD1"
    source.PatientName = "Foreign^Fred"
    source.IssuerOfPatientID = "THEM"
    source.file_meta.TransferSyntaxUID = UID(syntax)
    stream = io.BytesIO()
    if syntax == BIG:
        source.PixelData = bytes(len(source.PixelData))
    pydicom.dcmwrite(stream, source, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG)
    result = done(stream.getvalue(), {PATIENT_ID: "L-77", NAME: "Doe^Jane", ACCESSION: ""})
    dataset = read(result)
    assert result.transfer_syntax == syntax == dataset.file_meta.TransferSyntaxUID
    assert (dataset.PatientID, dataset.PatientName, dataset.AccessionNumber) == ("L-77", "Doe^Jane", "")
    assert dataset.IssuerOfPatientID == "", "the issuer of the old ID does not stay with the new one"
    (told,) = dataset.OriginalAttributesSequence
    assert told.AttributeModificationDateTime == "20260131140509.250000+0100"
    assert (told.ModifyingSystem, told.SourceOfPreviousValues) == ("MEDIAKIT", "Foreign Hospital")
    assert told.ReasonForTheAttributeModification == "COERCE"
    (modified,) = told.ModifiedAttributesSequence
    assert (modified.PatientID, modified.PatientName) == ("1CT1", "Foreign^Fred")
    assert (modified.AccessionNumber, modified.IssuerOfPatientID) == ("OLD1", "THEM")
    *theirs, other = dataset.OtherPatientIDsSequence
    assert theirs == list(source.OtherPatientIDsSequence)
    assert (other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID) == ("1CT1", "THEM", "TEXT")
    assert dataset.SOPInstanceUID == source.SOPInstanceUID
    assert dataset.PixelData == source.PixelData
    assert [(each.tag, each.before, each.after) for each in result.changed if each.tag != ISSUER] == [
        (ACCESSION, "OLD1", ""),
        (NAME, "Foreign^Fred", "Doe^Jane"),
        (PATIENT_ID, "1CT1", "L-77"),
    ]


def test_a_file_that_says_so_already_is_not_touched() -> None:
    data = file(element(NAME, "PN", "Doe^Jane"), element(PATIENT_ID, "LO", "L-77"))
    result = done(data, {NAME: "Doe^Jane ", PATIENT_ID: "L-77", SEX: ""})
    assert result.data == data
    assert result.changed == ()


def test_what_was_absent_is_listed_with_zero_length() -> None:
    result = done(file(), {PATIENT_ID: "L-77", SEX: "F"})
    (modified,) = read(result).OriginalAttributesSequence[0].ModifiedAttributesSequence
    assert {int(each.tag) for each in modified} == {PATIENT_ID, ISSUER, SEX}
    assert all(not each.value for each in modified)
    assert "OtherPatientIDsSequence" not in read(result)


def test_each_modification_adds_one_item_and_keeps_those_before() -> None:
    once = done(file(element(PATIENT_ID, "LO", "A")), {PATIENT_ID: "B"})
    twice = read(done(once.data, {PATIENT_ID: "C"}))
    assert [each.ModifiedAttributesSequence[0].PatientID for each in twice.OriginalAttributesSequence] == [
        "A",
        "B",
    ]
    assert [each.PatientID for each in twice.OtherPatientIDsSequence] == ["A", "B"]
    second = twice.OriginalAttributesSequence[1].ModifiedAttributesSequence[0]
    assert [each.PatientID for each in second.OtherPatientIDsSequence] == ["A"]


@pytest.mark.parametrize("undefined", [True, False])
def test_an_item_of_another_system_stays_byte_for_byte(undefined: bool) -> None:
    theirs = item(element(0x04000563, "LO", "THEIRS"), undefined=undefined)
    data = file(element(PATIENT_ID, "LO", "A"), sequence(ORIGINAL, [theirs], undefined=undefined))
    result = done(data, {PATIENT_ID: "B"})
    assert theirs in result.data
    assert [each.ModifyingSystem for each in read(result).OriginalAttributesSequence] == [
        "THEIRS",
        "MEDIAKIT",
    ]


def test_a_sequence_that_its_writer_did_not_know_is_extended_as_one() -> None:
    theirs = item(element(0x04000563, "LO", "THEIRS", implicit=True))
    result = done(file(element(ORIGINAL, "UN", theirs)), {PATIENT_ID: "B"})
    assert [each.ModifyingSystem for each in read(result).OriginalAttributesSequence] == [
        "THEIRS",
        "MEDIAKIT",
    ]


def test_a_sequence_that_is_none_is_not_extended() -> None:
    assert refused(file(element(ORIGINAL, "LO", "odd")), {PATIENT_ID: "B"}) == "MK-IDN-027"


@pytest.mark.parametrize(
    ("tag", "vr", "raw"),
    [
        (BIRTH, "DA", b"30.04.1961"),
        (PATIENT_ID, "LO", b"A\\B "),
        (PATIENT_ID, "LO", b"x" * 70),
        (SEX, "CS", b"female"),
        (NAME, "PN", b"M\xfcller^A "),
        (NAME, "PN", b"a^b^c^d^e^f"),
    ],
)
def test_a_value_that_broke_its_vr_is_kept_as_octets(tag: int, vr: str, raw: bytes) -> None:
    result = done(file(element(tag, vr, raw)), {tag: LOCAL[tag]})
    (told,) = read(result).OriginalAttributesSequence
    (broken,) = told.NonconformingModifiedAttributesSequence
    assert broken.SelectorAttribute == tag
    assert broken.NonconformingDataElementValue.rstrip(b" ") == raw.rstrip(b" ")
    assert not told.ModifiedAttributesSequence[0][tag].value
    assert "MK-IDN-025" in rules(result)


def test_big_endian_octets_and_tags_are_right() -> None:
    data = (FILES / "MR_small_bigendian.dcm").read_bytes().replace(b"4MR1", b"4M\x1b1")
    dataset = read(done(data, {PATIENT_ID: "x"}))
    assert dataset.PatientID == "x"
    (broken,) = dataset.OriginalAttributesSequence[0].NonconformingModifiedAttributesSequence
    assert broken.SelectorAttribute == PATIENT_ID
    assert broken.NonconformingDataElementValue == b"4M\x1b1"


def test_a_value_that_the_character_set_holds_is_written_in_it() -> None:
    result = done(file(element(NAME, "PN", b"M\xfcller^A "), charset="ISO_IR 100"), {NAME: "Weiß^Zoë"})
    assert elements_of(result.data)[NAME] == element(NAME, "PN", "Weiß^Zoë".encode("latin-1"))
    assert str(read(result).PatientName) == "Weiß^Zoë"
    assert "MK-IDN-022" not in rules(result)


def test_a_value_in_an_extended_character_set_is_written_with_its_escapes() -> None:
    data = file(element(NAME, "PN", b"A^B"), charset="\\ISO 2022 IR 87")
    result = done(data, {NAME: "Yamada^Tarou=山田^太郎"})
    assert str(read(result).PatientName) == "Yamada^Tarou=山田^太郎"
    assert b"\x1b$B" in result.data


def test_all_text_goes_to_utf_8_when_the_character_set_cannot_hold_a_value() -> None:
    latin = "Prüfung".encode("latin-1")
    greek = item(
        element(CHARSET, "CS", "ISO_IR 126") + element(0x00080104, "LO", "Γάμμα".encode("iso8859-7"))
    )
    data = file(
        element(0x00081030, "LO", latin),
        sequence(0x00081032, [item(element(0x00080104, "LO", latin)), greek]),
        sequence(
            0x00400275, [item(sequence(0x00400008, [item(element(0x00080104, "LO", latin))]))], undefined=True
        ),
        element(NAME, "PN", b"M\xfcller^A "),
        element(0x00200010, "SH", "plain"),
        charset="ISO_IR 100",
    )
    result = done(data, {NAME: "山田^太郎"})
    dataset = read(result)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.PatientName == "山田^太郎"
    assert dataset.StudyDescription == "Prüfung"
    assert [each.CodeMeaning for each in dataset.ProcedureCodeSequence] == ["Prüfung", "Γάμμα"]
    assert dataset.RequestAttributesSequence[0].ScheduledProtocolCodeSequence[0].CodeMeaning == "Prüfung"
    (modified,) = dataset.OriginalAttributesSequence[0].ModifiedAttributesSequence
    assert modified.SpecificCharacterSet == "ISO_IR 100"
    assert str(modified.PatientName) == "Müller^A"
    assert rules(result) == {"MK-IDN-022"}
    assert elements_of(result.data)[0x00200010] == elements_of(data)[0x00200010]


def test_text_that_names_no_character_set_is_not_guessed() -> None:
    data = file(element(0x00081030, "LO", b"Pr\xfcfung "), element(NAME, "PN", b"A^B"))
    assert refused(data, {NAME: "山田^太郎"}) == "MK-IDN-024"
    assert read(done(data, {NAME: "Doe^Jane"})).PatientName == "Doe^Jane"


def test_text_that_breaks_its_character_set_is_not_guessed() -> None:
    data = file(element(0x00081030, "LO", b"\xff\xfe"), charset="ISO_IR 192")
    assert read(done(data, {NAME: "山田^太郎"})).PatientName == "山田^太郎"
    data = file(element(0x00081030, "LO", b"\x1b$B\xff\xff "), charset="\\ISO 2022 IR 87")
    assert refused(data, {NAME: "Müller^A"}) == "MK-IDN-024"


def test_a_file_in_ascii_gets_a_character_set_with_a_value_that_needs_one() -> None:
    result = done(file(element(NAME, "PN", "A^B")), {NAME: "Müller^A"})
    assert read(result).SpecificCharacterSet == "ISO_IR 192"
    assert str(read(result).PatientName) == "Müller^A"
    (modified,) = read(result).OriginalAttributesSequence[0].ModifiedAttributesSequence
    assert modified["SpecificCharacterSet"].is_empty


def test_unknown_elements_that_may_hold_text_are_said_when_the_character_set_changes() -> None:
    data = file(element(0x00091001, "UN", b"Pr\xfcfung "), element(NAME, "PN", "A"), charset="ISO_IR 100")
    assert rules(done(data, {NAME: "山田"})) == {"MK-IDN-022", "MK-IDN-023"}
    assert rules(done(data, {NAME: "Müller"})) == set()


def test_qualifiers_of_the_old_id_go_with_it() -> None:
    qualifiers = sequence(0x00100024, [item(element(0x00400032, "UT", "1.2.3"))])
    result = read(done(file(element(PATIENT_ID, "LO", "A"), qualifiers), {PATIENT_ID: "B"}))
    assert not result.IssuerOfPatientIDQualifiersSequence
    assert (
        result.OtherPatientIDsSequence[0].IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.3"
    )
    (modified,) = result.OriginalAttributesSequence[0].ModifiedAttributesSequence
    assert modified.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.3"


def test_retired_group_lengths_of_changed_groups_are_set_right() -> None:
    body = (
        element(0x00080000, "UL", pack("<L", 999))
        + identity()
        + element(0x00100000, "UL", pack("<L", 999))
        + element(PATIENT_ID, "LO", "A")
        + element(0x00200000, "UL", pack("<L", 999))
    )
    after = elements_of(done(part10(body), {PATIENT_ID: "LONGER"}).data)
    group = sum(len(raw) for tag, raw in after.items() if tag >> 16 == 0x0010 and tag != 0x00100000)
    assert after[0x00100000][-4:] == pack("<L", group)
    assert after[0x00080000][-4:] == after[0x00200000][-4:] == pack("<L", 999)


def test_an_attribute_that_stands_twice_is_exchanged_twice() -> None:
    data = file(element(PATIENT_ID, "LO", "B"), element(PATIENT_ID, "LO", "A"))
    assert b"LO\x02\0A " not in done(data, {PATIENT_ID: "B"}).data.split(b"\x61\x05")[0]


def signed(tags: bytes) -> bytes:
    parameters = item(element(0x04000005, "US", b"\1\0") + element(0x04000020, "AT", tags))
    return file(
        element(PATIENT_ID, "LO", "A"),
        sequence(0x4FFE0001, [parameters]),
        sequence(0xFFFAFFFA, [item(element(0x04000005, "US", b"\1\0"))]),
    )


def test_signatures_that_cover_what_changes_are_said_to_be_broken() -> None:
    assert "MK-IDN-026" in rules(done(signed(pack("<HHHH", 8, 0x18, 0x10, 0x20)), {PATIENT_ID: "B"}))
    assert "MK-IDN-026" not in rules(done(signed(pack("<HHHH", 8, 0x18, 0x10, 0x30)), {PATIENT_ID: "B"}))
    assert "MK-IDN-026" in rules(done(signed(b""), {PATIENT_ID: "B"}))


@each(
    ("tag", "value"),
    [
        (BIRTH, "30.04.1961"),
        (BIRTH, "19610431"),
        (SEX, "female"),
        (PATIENT_ID, "x" * 65),
        (PATIENT_ID, "A\\B"),
        (NAME, "A^B\n"),
        (NAME, "=".join("ABCD")),
        (ACCESSION, "x" * 17),
    ],
)
def test_a_new_value_that_breaks_its_vr_is_refused(tag: int, value: str) -> None:
    assert refused(file(), {tag: value}) == "MK-IDN-021"


def test_nothing_but_identity_is_exchanged() -> None:
    for tag in (0x00080018, 0x0020000D, 0x00080020, 0x7FE00010, 0x00080090):
        with pytest.raises(ValueError, match="not exchanged"):
            coerce(io.BytesIO(file()), {tag: "1"}, NOTE)
    assert 0x00080018 not in COERCIBLE


@pytest.mark.parametrize("data", [b"", b"nothing like it", file()[:-3], file() + b"\x10\0\x20\0LO\xff\xffx"])
def test_damaged_bytes_are_an_answer(data: bytes) -> None:
    result = coerce(io.BytesIO(data), {PATIENT_ID: "B"}, NOTE)
    assert isinstance(result, NotCoercible) or read(result.data).PatientID == "B"


def test_a_note_needs_a_system_and_an_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        CoercionNote(system="X", at=AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="system"):
        CoercionNote(system="", at=AT)
    with pytest.raises(ValueError, match="Long String"):
        CoercionNote(system="X", at=AT, source="x" * 65)


def test_no_value_shows_in_what_is_printed_of_the_result() -> None:
    result = done(file(element(NAME, "PN", "Secret^Sam")), {NAME: "Hidden^Hal"})
    assert "Secret" not in repr(result)
    assert "Hidden" not in repr(result)


NAMES = st.text(st.characters(categories=["L", "Nd"], codec="utf-8"), min_size=1, max_size=20)


@given(
    charset=st.sampled_from([None, "ISO_IR 100", "ISO_IR 144", "ISO_IR 192", "\\ISO 2022 IR 87", "GB18030"]),
    implicit=st.booleans(),
    name=NAMES,
    patient_id=NAMES,
    others=st.dictionaries(
        st.integers(0x00180020, 0x00181FFF),
        st.binary(max_size=12).map(lambda raw: raw + b"\0" * (len(raw) % 2)),
        max_size=5,
    ),
)
def test_whatever_a_file_holds_new_values_are_read_again_and_binary_ones_stay(
    charset: str | None, implicit: bool, name: str, patient_id: str, others: dict[int, bytes]
) -> None:
    first = element(CHARSET, "CS", charset, implicit=implicit) if charset is not None else b""
    rest = b"".join(element(tag, "OB", raw, implicit=implicit) for tag, raw in sorted(others.items()))
    old = element(PATIENT_ID, "LO", "OLD", implicit=implicit)
    data = part10(first + identity(implicit=implicit) + old + rest, syntax=IMPLICIT if implicit else EXPLICIT)
    result = coerce(io.BytesIO(data), {NAME: name, PATIENT_ID: patient_id}, NOTE)
    if isinstance(result, NotCoercible):
        assert implicit and result.finding.rule.id == "MK-IDN-024"
        return
    if "MK-IDN-022" not in rules(result) or not implicit:
        after = elements_of(result.data)
        assert {tag: after[tag] for tag in others} == {tag: elements_of(data)[tag] for tag in others}
    dataset = read(result)
    assert (str(dataset.PatientName), dataset.PatientID) == (name, patient_id)
    kept = dataset.get("OtherPatientIDsSequence", [])
    assert [each.PatientID for each in kept] == ([] if patient_id == "OLD" else ["OLD"])
