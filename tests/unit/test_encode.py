"""The DICOMDIR encoder against bytes spelled out by hand from PS3.10 7.1 and PS3.3 F.3."""

from __future__ import annotations

import pytest

from mediakit.errors import DoesNotFit
from mediakit.fileset import encode as encoder
from mediakit.fileset.encode import encode
from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from tests.support.directories import CT, EXPLICIT_LE, directory, image_record, key, patient, starts

# A PATIENT with name and ID and an IMAGE right below it, byte for byte (the codec does not judge the levels).
# Meta: 12 (group length) + 14 + 28 + 18 + 28 + 14 + 10 = 124; so the data set begins at 132 + 124 = 256.
BY_HAND = b"".join(
    (
        bytes(128),
        b"DICM",
        b"\x02\x00\x00\x00UL\x04\x00\x70\x00\x00\x00",  # 112 bytes follow
        b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",
        b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10",
        b"\x02\x00\x03\x00UI\x0a\x001.2.3.4.55",
        b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00",
        b"\x02\x00\x12\x00UI\x06\x002.25.7",
        b"\x02\x00\x13\x00SH\x02\x00V1",
        b"\x04\x00\x30\x11CS\x04\x00DISC",  # 256
        b"\x04\x00\x00\x12UL\x04\x00\x3a\x01\x00\x00",  # first root: 314
        b"\x04\x00\x02\x12UL\x04\x00\x3a\x01\x00\x00",  # last root: 314 too
        b"\x04\x00\x12\x12US\x02\x00\x00\x00",
        b"\x04\x00\x20\x12SQ\x00\x00\xec\x00\x00\x00",  # 82 + 154 bytes from 314 on
        b"\xfe\xff\x00\xe0\x4a\x00\x00\x00",  # PATIENT, 74 bytes
        b"\x04\x00\x00\x14UL\x04\x00\x00\x00\x00\x00",
        b"\x04\x00\x10\x14US\x02\x00\xff\xff",
        b"\x04\x00\x20\x14UL\x04\x00\x8c\x01\x00\x00",  # below: 314 + 8 + 74 = 396
        b"\x04\x00\x30\x14CS\x08\x00PATIENT ",
        b"\x10\x00\x10\x00PN\x04\x00A^B ",
        b"\x10\x00\x20\x00LO\x04\x00ID1 ",
        b"\xfe\xff\x00\xe0\x92\x00\x00\x00",  # IMAGE, 146 bytes
        b"\x04\x00\x00\x14UL\x04\x00\x00\x00\x00\x00",
        b"\x04\x00\x10\x14US\x02\x00\xff\xff",
        b"\x04\x00\x20\x14UL\x04\x00\x00\x00\x00\x00",
        b"\x04\x00\x30\x14CS\x06\x00IMAGE ",
        b"\x04\x00\x00\x15CS\x04\x00A\\B1",
        b"\x04\x00\x10\x15UI\x1a\x001.2.840.10008.5.1.4.1.1.2\x00",
        b"\x04\x00\x11\x15UI\x06\x001.2.9\x00",
        b"\x04\x00\x12\x15UI\x14\x001.2.840.10008.1.2.1\x00",
        b"\x20\x00\x13\x00IS\x02\x001 ",
    )
)


def test_a_small_directory_is_byte_for_byte_what_the_standard_asks() -> None:
    image = DirectoryRecord(
        "IMAGE",
        (Key(0x00200013, "IS", b"1"),),
        FileRef(FileID("A/B1"), CT, "1.2.9", EXPLICIT_LE),
    )
    root = DirectoryRecord(
        "PATIENT", (Key(0x00100010, "PN", b"A^B"), Key(0x00100020, "LO", b"ID1")), None, (image,)
    )
    made = encode(
        Directory("DISC", "1.2.3.4.55", (root,)),
        implementation_class_uid="2.25.7",
        implementation_version="V1",
    )
    assert made == BY_HAND


def test_the_last_root_offset_is_that_of_the_root_level_not_of_the_file() -> None:
    data = encode(directory(patient(1), patient(2)))
    begins = starts(data)
    at = data.index(b"\x04\0\x02\x12UL\x04\0") + 8
    assert int.from_bytes(data[at : at + 4], "little") == begins[5]
    assert len(begins) == 10


def test_an_empty_directory_has_zero_offsets_and_an_empty_sequence() -> None:
    data = encode(directory())
    assert data.endswith(
        b"\x04\0\x00\x12UL\x04\0\0\0\0\0"
        b"\x04\0\x02\x12UL\x04\0\0\0\0\0"
        b"\x04\0\x12\x12US\x02\0\0\0"
        b"\x04\0\x20\x12SQ\0\0\0\0\0\0"
    )


def test_the_same_directory_gives_the_same_bytes() -> None:
    assert encode(directory(patient(1))) == encode(directory(patient(1)))


def test_the_descriptor_and_its_character_set_stand_before_the_offsets() -> None:
    data = encode(Directory("X", "1.2", (), descriptor="DOC\\README", descriptor_charset="ISO_IR 100"))
    wanted = b"\x04\0\x41\x11CS\x0a\0DOC\\README\x04\0\x42\x11CS\x0a\0ISO_IR 100\x04\0\x00\x12UL"
    assert wanted in data


def test_a_private_record_has_its_uid_before_the_reference_and_the_keys() -> None:
    record = DirectoryRecord(
        "PRIVATE",
        (key(0x00041432, "UI", "1.2.3.4"), key(0x00091001, "LO", "OURS")),
        image_record(1).reference,
    )
    data = encode(directory(record))
    order = [
        data.index(tag)
        for tag in (b"\x04\0\x32\x14", b"\x04\0\x00\x15", b"\x04\0\x12\x15", b"\x09\0\x01\x10")
    ]
    assert order == sorted(order)


def test_related_general_classes_are_written_with_the_reference() -> None:
    reference = FileRef(FileID("A"), "1.2.3", "1.2.4", "1.2.5", related_classes=("1.2.6", "1.2.77"))
    data = encode(directory(DirectoryRecord("IMAGE", (), reference)))
    assert data.endswith(b"\x04\0\x1a\x15UI\x0c\x001.2.6\\1.2.77")


@pytest.mark.parametrize(
    ("vr", "value", "written"),
    [
        ("UI", b"1.2", b"1.2\0"),
        ("LO", b"abc", b"abc "),
        ("OB", b"\1", b"\1\0"),
        ("UN", b"abc", b"abc\0"),
        ("UT", b"abc", b"abc "),
    ],
)
def test_values_are_padded_in_the_way_of_their_vr(vr: str, value: bytes, written: bytes) -> None:
    assert encode(directory(DirectoryRecord("IMAGE", (Key(0x00091001, vr, value),)))).endswith(written)


def test_a_directory_deeper_than_the_stack_of_python_is_written() -> None:
    record = DirectoryRecord("PRIVATE", ())
    for _ in range(5000):
        record = DirectoryRecord("PRIVATE", (), None, (record,))
    assert len(starts(encode(directory(record)))) == 5001


@pytest.mark.parametrize(
    "record",
    [
        DirectoryRecord("IMAGE", (), FileRef(None, CT, "1.2", EXPLICIT_LE, raw_file_id=b"image.dcm")),
        DirectoryRecord("IMAGE", (Key(0x00200013, "IS", b"1 "), Key(0x00080005, "CS", b""))),
        DirectoryRecord("IMAGE", (Key(0x00041400, "UL", b"\0\0\0\0"),)),
        DirectoryRecord("IMAGE", (Key(0x00080060, "CS", b"x" * 0xFFFF),)),
        DirectoryRecord("IMAGE", (Key(0x00880200, "SQ", b"odd"),)),
        DirectoryRecord("BÜLD", ()),
    ],
    ids=["illegal-file-id", "descending", "structure-as-key", "too-long", "odd-sequence", "not-ascii"],
)
def test_what_cannot_be_written_as_it_stands_is_refused(record: DirectoryRecord) -> None:
    with pytest.raises(DoesNotFit):
        encode(directory(record))


@pytest.mark.parametrize(
    "wrong",
    [
        Directory("lower case", "1.2", ()),
        Directory("A" * 17, "1.2", ()),
        Directory("A", "1.2", (), descriptor="README.TXT"),
    ],
)
def test_a_file_set_identification_that_is_not_legal_is_refused(wrong: Directory) -> None:
    with pytest.raises(DoesNotFit):
        encode(wrong)


def test_a_directory_beyond_the_reach_of_its_offsets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(encode(directory(patient(1))))
    monkeypatch.setattr(encoder, "MAX_SIZE_BYTES", size)
    encode(directory(patient(1)))
    monkeypatch.setattr(encoder, "MAX_SIZE_BYTES", size - 1)
    with pytest.raises(DoesNotFit, match="4 GiB"):
        encode(directory(patient(1)))
