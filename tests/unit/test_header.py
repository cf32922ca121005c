"""What the header scan says of files that are unusual, lying, cut off or no DICOM at all."""

from __future__ import annotations

import zlib
from io import BytesIO
from struct import pack

import pytest

from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import Breach, Fault, Instance, Note
from mediakit.dicom.wanted import CONTENT_SEQUENCE
from mediakit.limits import MAX_SCANNED_BYTES
from mediakit.outcome import State
from tests.support.dicom_bytes import (
    BIG,
    CT,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    RLE,
    UNDEFINED,
    ct,
    element,
    encapsulated,
    identity,
    item,
    meta,
    part10,
    sequence,
    tiny,
    us,
)
from tests.support.each import each

PIXELS = element(0x7FE00010, "OW", bytes(64))


class Counting(BytesIO):
    """A stream that counts the bytes that are read from it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self.taken += len(part)
        return part


def read(raw: bytes, scanner: Scanner | None = None) -> Instance | Unusable:
    return (scanner or Scanner()).read(BytesIO(raw), len(raw), "source", "IN/1")


def good(raw: bytes, scanner: Scanner | None = None) -> Instance:
    result = read(raw, scanner)
    assert isinstance(result, Instance), result
    return result


def refused(raw: bytes) -> tuple[State, str]:
    result = read(raw)
    assert isinstance(result, Unusable), result
    assert result.finding.text  # every detail of the title is there
    assert result.finding.where.path == "IN/1"
    return result.state, result.finding.rule.id


def unreadable(rule: str) -> tuple[State, str]:
    return State.UNREADABLE, rule


@each(
    "raw",
    [
        b"D",
        b"PK\x03\x04" + bytes(200),
        b"MZ\x90\x00" + bytes(500),
        b"%PDF-1.7\n" + b"x" * 300,
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300),
        b"A plain text file that is long enough to hold a preamble. " * 20,
        bytes(1000) + b"x",
        b"\x08\x00" * 400,
        b"\x02\x00\x00\x00" + b"\xff" * 400,
    ],
)
def test_other_content_is_recognised_as_not_dicom(raw: bytes) -> None:
    assert refused(raw) == (State.NOT_DICOM, "MK-SRC-001")


def test_a_file_of_zeros_is_unreadable_because_it_may_be_a_copy_that_failed() -> None:
    for size in (1, 131, 5000, 200_000):
        assert refused(bytes(size)) == unreadable("MK-SRC-016")
    assert refused(bytes(200_000) + b"x") == (State.NOT_DICOM, "MK-SRC-001")


def test_an_instance_whose_start_is_damaged_is_not_called_something_else() -> None:
    whole = ct(1)
    for damaged in (
        whole[:128] + b"DICN" + whole[132:],
        bytes(132) + whole[132:],
        b"\0" + whole,
        whole[1:],
        bytes(300) + whole,
    ):
        assert refused(damaged) == unreadable("MK-SRC-017")
    assert refused(whole[:131]) == unreadable("MK-SRC-011")
    assert refused(b"PK\3\4" + bytes(40) + whole) == (State.NOT_DICOM, "MK-SRC-001")


def test_an_empty_file_is_unreadable_because_it_may_be_a_copy_that_failed() -> None:
    assert refused(b"") == unreadable("MK-SRC-001")


def test_the_finding_says_what_other_content_looks_like() -> None:
    result = read(b"PK\x03\x04" + bytes(200))
    assert isinstance(result, Unusable)
    assert result.finding.text == "not a DICOM file: it looks like a ZIP archive"


def test_a_ct_slice_gives_its_identity_and_values() -> None:
    instance = good(ct(7))
    assert instance.sop_class == CT
    assert instance.sop_instance.endswith("1000007")
    assert instance.transfer_syntax == EXPLICIT
    assert instance.header.number(0x00200013) == 7
    assert instance.header.number(0x00280010) == 512
    assert instance.patient_id == b"PID000123"
    assert instance.header.notes == frozenset()
    assert instance.header.pixel_offset == len(ct(7)) - 512 * 512 * 2


def test_implicit_and_explicit_slices_have_the_same_values() -> None:
    explicit, implicit = good(ct(7, pixels=64)), good(ct(7, pixels=64, implicit=True))
    assert implicit.transfer_syntax == IMPLICIT
    ours = dict(implicit.header.values)
    theirs = dict(explicit.header.values)
    assert ours.pop(0x00081140) != b""  # re-encoded with undefined lengths: the same elements, other bytes
    del theirs[0x00081140]
    assert ours == theirs


def test_the_scan_never_reads_pixel_data_or_a_bulky_private_value() -> None:
    for raw, most in ((ct(1), 8192), (ct(1, bulky=True), 3 * 8192)):
        stream = Counting(raw)
        assert isinstance(Scanner().read(stream, len(raw), "s", "p"), Instance)
        assert stream.taken <= most


def test_a_preamble_with_content_is_noted() -> None:
    raw = b"II*\0" + tiny()[4:]
    assert good(raw).header.notes == {Note.PREAMBLE_USED}


def test_files_without_preamble_are_read() -> None:
    assert good(tiny()[128:]).header.notes == {Note.NO_PREAMBLE}
    assert good(tiny()[132:]).header.notes == {Note.NO_PREAMBLE}


@pytest.mark.parametrize("implicit", [False, True])
def test_a_bare_data_set_is_read_and_its_encoding_told(implicit: bool) -> None:
    raw = identity(implicit=implicit) + element(0x00080060, "CS", "CT", implicit=implicit)
    instance = good(raw)
    assert instance.header.notes == {Note.NO_META}
    assert instance.transfer_syntax == (IMPLICIT if implicit else EXPLICIT)
    assert instance.header.text(0x00080060) == "CT"


def test_meta_information_that_ends_the_file_is_no_instance() -> None:
    assert refused(part10(b"")) == unreadable("MK-SRC-011")
    assert refused(bytes(128) + b"DICM") == unreadable("MK-SRC-011")


def test_dicm_before_garbage_is_broken_not_something_else() -> None:
    state, _ = refused(bytes(128) + b"DICM" + b"\xc3\x28 garbage " * 50)
    assert state is State.UNREADABLE


def test_a_wrong_group_length_and_missing_meta_elements_are_noted() -> None:
    sound = meta()
    lying = element(0x00020000, "UL", pack("<I", 9)) + sound[12:]
    assert good(bytes(128) + b"DICM" + lying + identity()).header.notes == {Note.BAD_META}
    only_syntax = element(0x00020010, "UI", EXPLICIT)
    notes = good(bytes(128) + b"DICM" + only_syntax + identity()).header.notes
    assert notes == {Note.BAD_META}


def test_a_lying_transfer_syntax_gives_way_to_the_real_encoding() -> None:
    rest = element(0x00080060, "CS", "CT") + element(0x00100020, "LO", "ID")
    instance = good(part10(identity() + rest, syntax=IMPLICIT))
    assert instance.transfer_syntax == EXPLICIT
    assert instance.header.notes == {Note.BAD_META}
    rest = element(0x00080060, "CS", "CT", implicit=True) + element(0x00100020, "LO", "ID", implicit=True)
    instance = good(part10(identity(implicit=True) + rest))
    assert instance.transfer_syntax == IMPLICIT


def test_a_private_transfer_syntax_is_kept_for_the_profile_to_judge() -> None:
    assert (
        good(tiny().replace(meta(), meta(syntax="1.2.840.113619.5.2"))).transfer_syntax
        == "1.2.840.113619.5.2"
    )


def test_uids_that_differ_between_meta_and_data_set_are_noted() -> None:
    instance = good(part10(identity(sop_instance="1.2.3.5")))
    assert instance.sop_instance == "1.2.3.5"
    assert instance.header.notes == {Note.UID_MISMATCH}


def test_an_instance_without_sop_instance_uid_is_unreadable() -> None:
    nameless = part10(element(0x00080016, "UI", CT), sop_instance="")
    assert refused(nameless) == unreadable("MK-SRC-010")


@pytest.mark.parametrize("uid", ["1." * 40 + "1", "1.2.x.4", "1.02.3", "1..2", ".1.2", "1.2."])
def test_uids_of_forbidden_form_are_kept_and_noted(uid: str) -> None:
    instance = good(part10(identity(sop_instance=uid), sop_instance=uid))
    assert instance.sop_instance == uid
    assert Note.BAD_UID in instance.header.notes


@pytest.mark.parametrize("uid", ["1.0.3", "0.1", "2.25.0", "1.2." + "9" * 60])
def test_uids_of_legal_form_are_not_noted(uid: str) -> None:
    assert good(part10(identity(sop_instance=uid), sop_instance=uid)).header.notes == frozenset()


def test_a_file_cut_anywhere_before_its_end_is_never_taken_for_whole() -> None:
    raw = part10(identity() + us(0x00280010, 4) + us(0x00280011, 8) + PIXELS)
    whole = good(raw)
    assert whole.header.notes == frozenset()
    for size in range(140, len(raw)):
        result = read(raw[:size])
        if isinstance(result, Instance):  # cut between two elements: all that tells is what is missing
            assert result.header.pixel_offset is None
        else:
            assert result.state is State.UNREADABLE


def test_an_image_cut_off_before_its_pixel_data_is_noted_as_one_without_pixels() -> None:
    raw = part10(identity() + us(0x00280010, 4) + us(0x00280100, 8) + PIXELS)
    assert good(raw).header.notes == frozenset()
    assert good(raw.removesuffix(PIXELS)).header.notes == frozenset({Note.NO_PIXELS})


def test_pixel_data_that_are_cut_off_are_told_with_the_missing_bytes() -> None:
    result = read(ct(1, pixels=1000)[:-24])
    assert isinstance(result, Unusable)
    assert result.finding.text == "pixel data are cut off: 24 of 1000 bytes are missing"


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFF, 1 << 30])
def test_huge_lengths_are_unreadable_and_allocate_nothing(length: int) -> None:
    for tag, vr in ((0x00291020, "OB"), (0x00081140, "SQ"), (0x00080060, "UN"), (0x7FE00010, "OW")):
        stream = Counting(tiny(tail=element(tag, vr, b"", length=length)))
        result = Scanner().read(stream, len(stream.getvalue()), "s", "p")
        assert isinstance(result, Unusable)
        assert result.state is State.UNREADABLE
        assert stream.taken < 4 * len(stream.getvalue())


def test_fragments_are_followed_to_their_delimiter() -> None:
    whole = part10(identity() + encapsulated([b"a" * 100, b"b" * 31]), syntax=RLE)
    assert good(whole).header.notes == frozenset()
    unclosed = part10(identity() + encapsulated([b"a" * 100], closed=False), syntax=RLE)
    assert refused(unclosed) == unreadable("MK-SRC-008")
    assert refused(whole[:-60]) == unreadable("MK-SRC-008")


def test_many_fragments_are_followed_without_reading_them() -> None:
    raw = part10(identity() + encapsulated([bytes(50_000)] * 100), syntax=RLE)
    stream = Counting(raw)
    assert isinstance(Scanner().read(stream, len(raw), "s", "p"), Instance)
    assert stream.taken < 40_000


def test_pixel_data_must_be_encapsulated_exactly_when_the_syntax_says_so() -> None:
    assert refused(tiny(RLE, PIXELS)) == unreadable("MK-SRC-013")
    assert refused(tiny(EXPLICIT, encapsulated([b"ab"]))) == unreadable("MK-SRC-013")


def test_trailing_bytes_are_noted_unless_they_are_padding() -> None:
    sound = tiny(tail=PIXELS)
    assert good(sound + bytes(100)).header.notes == {Note.ZEROS}
    assert good(sound + element(0xFFFCFFFC, "OB", bytes(50))).header.notes == frozenset()
    assert good(sound + b"appended by some archive").header.notes == {Note.TRAILING}


def test_a_big_endian_file_is_read_as_little_endian_values() -> None:
    def big(tag: int, vr: str, value: bytes) -> bytes:
        return pack(">HH", tag >> 16, tag & 0xFFFF) + vr.encode() + pack(">H", len(value)) + value

    inner = big(0x00081150, "UI", b"1.2\0") + big(0x00280010, "US", pack(">H", 5))
    content = pack(">HHI", 0xFFFE, 0xE000, len(inner)) + inner
    raw = part10(
        big(0x00080016, "UI", CT.encode() + b"\0")
        + big(0x00080018, "UI", b"1.2.3.4\0")
        + pack(">HH2sHI", 8, 0x1140, b"SQ", 0, len(content))
        + content
        + big(0x00280010, "US", pack(">H", 300)),
        syntax=BIG,
    )
    instance = good(raw)
    assert instance.header.number(0x00280010) == 300
    value = instance.header.values[0x00081140]
    assert element(0x00081150, "UI", "1.2") in value
    assert us(0x00280010, 5) in value


def deflated(data_set: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return part10(packer.compress(data_set) + packer.flush(), syntax=DEFLATED)


def test_a_deflated_file_is_inflated_without_keeping_its_pixels() -> None:
    data_set = identity() + us(0x00280010, 4) + element(0x7FE00010, "OW", bytes(300_000))
    instance = good(deflated(data_set))
    assert instance.header.number(0x00280010) == 4
    assert instance.transfer_syntax == DEFLATED


def test_broken_and_cut_deflated_files_are_unreadable() -> None:
    sound = deflated(identity() + element(0x00291010, "LO", "".join(map(str, range(20)))))
    assert refused(sound[:-4]) == unreadable("MK-SRC-009")
    assert refused(sound[:-30] + b"\xff" * 30) == unreadable("MK-SRC-009")


def test_a_deflate_bomb_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediakit.dicom.fallback.MAX_INFLATED_BYTES", 1 << 20)
    assert refused(deflated(identity() + element(0x7FE00010, "OW", bytes(1 << 21)))) == unreadable(
        "MK-SRC-009"
    )


class Endless(BytesIO):
    """Claims to go on for ever: behind its start the same bytes again and again."""

    def __init__(self, start: bytes, unit: bytes) -> None:
        super().__init__()
        self._start, self._unit, self._place, self.taken = start, unit, 0, 0

    def seek(self, offset: int, whence: int = 0, /) -> int:  # noqa: ARG002
        self._place = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        count = size or 0
        skipped = max(0, self._place - len(self._start)) % len(self._unit)
        endless = self._unit * ((count + skipped) // len(self._unit) + 1)
        part = (self._start[self._place :] + endless[skipped:])[:count]
        self._place += count
        self.taken += count
        return part


def test_a_header_without_end_is_unreadable_after_a_bounded_read() -> None:
    start = tiny(tail=element(0x00291020, "SQ", b"", length=UNDEFINED))
    stream = Endless(start, item(b"x" * 1000))
    result = Scanner().read(stream, 1 << 40, "s", "p")
    assert isinstance(result, Unusable)
    assert result.finding.rule.id == "MK-SRC-003"
    assert stream.taken <= MAX_SCANNED_BYTES


def test_an_odd_vr_is_converted_when_it_can_be_and_noted() -> None:
    odd = element(0x00080060, "LO", "CT") + element(0x00200013, "US", pack("<H", 17))
    odd += element(0x00280010, "UL", pack("<I", 512)) + element(0x00280011, "IS", "256")
    instance = good(tiny(tail=odd))
    assert instance.header.notes == {Note.ODD_VR}
    assert instance.header.text(0x00080060) == "CT"
    assert instance.header.number(0x00200013) == 17
    assert instance.header.number(0x00280010) == 512
    assert instance.header.number(0x00280011) == 256


def test_a_value_that_cannot_be_what_it_should_is_left_out_and_noted() -> None:
    odd = element(0x00280010, "FD", bytes(8)) + element(0x00280011, "LO", "many")
    header = good(tiny(tail=odd)).header
    assert header.notes == {Note.ODD_VR}
    assert 0x00280010 not in header.values
    assert 0x00280011 not in header.values


def test_un_holds_whatever_the_element_should_be() -> None:
    inner = element(0x00081150, "UI", CT, implicit=True)
    odd = element(0x00080060, "UN", "CT") + element(0x00081140, "UN", item(inner))
    header = good(tiny(tail=odd)).header
    assert header.text(0x00080060) == "CT"
    assert element(0x00081150, "UI", CT) in header.values[0x00081140]


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("implicit", [False, True])
def test_of_a_report_only_the_concept_modifiers_are_kept(undefined: bool, implicit: bool) -> None:
    def content_item(relationship: str, text: str) -> bytes:
        inner = element(0x0040A010, "CS", relationship, implicit=implicit)
        inner += element(0x0040A160, "UT", text, implicit=implicit)
        nested = sequence(0x0040A730, [item(inner, undefined=True)], undefined=True, implicit=implicit)
        return item(inner + nested, undefined=undefined)

    items = [content_item("CONTAINS", "A" * 9000), content_item("HAS CONCEPT MOD", "kept")]
    items.append(content_item("HAS OBS CONTEXT", "x"))
    tail = sequence(CONTENT_SEQUENCE, items, undefined=undefined, implicit=implicit)
    header = good(tiny(IMPLICIT if implicit else EXPLICIT, tail)).header
    value = header.values[CONTENT_SEQUENCE]
    assert b"kept" in value
    assert b"AAAA" not in value
    assert b"HAS OBS" not in value


@pytest.mark.parametrize("undefined", [False, True])
def test_wanted_values_are_found_inside_the_shared_functional_groups(undefined: bool) -> None:
    spacing = element(0x00280030, "DS", "0.5\\0.5")
    inner = sequence(0x00289110, [item(spacing, undefined=undefined)], undefined=undefined)
    referenced = sequence(0x00081140, [item(element(0x00081150, "UI", CT))], undefined=undefined)
    shared = sequence(0x52009229, [item(referenced + inner, undefined=undefined)], undefined=undefined)
    header = good(tiny(tail=shared)).header
    assert header.shared[0x00280030] == b"0.5\\0.5 "
    assert header.shared[0x00081140] == item(element(0x00081150, "UI", CT))
    assert 0x00280030 not in header.values
    assert 0x52009229 not in header.values


def test_a_sequence_with_a_broken_inside_is_a_fault_and_what_stands_behind_it_is_read() -> None:
    for tag in (0x00081140, 0x00081141):  # one is wanted, the other one is not
        broken = sequence(tag, [item(element(0x00081150, "UI", CT, length=4000))])
        header = good(tiny(tail=broken + element(0x00100020, "LO", "ID"))).header
        assert header.faults == (Fault(Breach.NESTING, tag),)
        assert (header.values.get(0x00081140), header.text(0x00100020)) == (None, "ID")


def test_sequences_nested_without_end_are_unreadable() -> None:
    deep = b"".join(
        element(0x00291020, "SQ", pack("<HHI", 0xFFFE, 0xE000, UNDEFINED), length=UNDEFINED)
        for _ in range(5000)
    )
    assert refused(tiny(tail=deep)) == unreadable("MK-SRC-005")
    wanted = element(0x00081140, "SQ", pack("<HHI", 0xFFFE, 0xE000, UNDEFINED) + deep)
    assert refused(tiny(tail=wanted)) == unreadable("MK-SRC-005")


def test_extra_tags_of_a_user_profile_are_read_too() -> None:
    tail = element(0x00180050, "DS", "0.75")
    raw = tiny(tail=tail)
    extra = Scanner([0x00180050]).read(BytesIO(raw), len(raw), "s", "p")
    assert isinstance(extra, Instance)
    assert extra.header.text(0x00180050) == "0.75"
    assert 0x00180050 not in good(raw).header.values


def test_errors_of_the_stream_pass_through() -> None:
    class Failing(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002
            raise OSError(5, "I/O error")

    with pytest.raises(OSError, match="I/O error"):
        Scanner().read(Failing(), 100, "s", "p")


def test_a_file_shorter_than_its_size_says_is_unreadable() -> None:
    raw = ct(1, pixels=64)
    result = Scanner().read(BytesIO(raw[:2000]), len(raw), "s", "p")
    assert isinstance(result, Unusable)
    assert result.state is State.UNREADABLE


def test_values_that_files_share_are_one_object() -> None:
    scanner = Scanner()
    last = [read(ct(number, pixels=64), scanner) for number in range(1, 60)][-2:]
    assert all(isinstance(instance, Instance) for instance in last)
    one, two = (instance.header.values for instance in last if isinstance(instance, Instance))
    assert one[0x00100010] is two[0x00100010]
    assert one[0x0020000D] is two[0x0020000D]


@pytest.mark.parametrize(("pixels", "syntax"), [(PIXELS, EXPLICIT), (encapsulated([bytes(64)]), RLE)])
def test_values_that_stand_behind_pixel_data_and_belong_in_front_are_read(pixels: bytes, syntax: str) -> None:
    patient, name = element(0x00100020, "LO", "ID-7"), element(0x00100010, "PN", "A^B")
    scanner = Scanner()
    for before, behind in ((name + patient, b""), (name, patient), (b"", name + patient)):
        header = good(part10(identity() + before + pixels + behind, syntax=syntax), scanner).header
        assert header.values[0x00100020].strip() == b"ID-7"
        assert header.values[0x00100010].strip() == b"A^B"
        assert {fault.breach for fault in header.faults} == ({Breach.ORDER} if behind else set())
    twice = good(
        part10(identity() + name + pixels + element(0x00100010, "PN", "C^D"), syntax=syntax), scanner
    )
    assert {Fault(Breach.ORDER, 0x00100010), Fault(Breach.TWICE, 0x00100010)} == set(twice.header.faults)


@pytest.mark.parametrize("vr", [b"??", b"--", b"  "])
def test_a_vr_of_two_signs_is_the_reason_and_not_bytes_that_are_missing(vr: bytes) -> None:
    odd = pack("<HH2sH", 9, 0x1001, vr, 4) + b"abcd"
    assert good(part10(identity() + odd + PIXELS)).header.faults == (Fault(Breach.UNKNOWN_VR, 0x00091001),)
    result = read(part10(identity() + pack("<HH2sH", 9, 0x1001, vr, 0) + PIXELS))  # or a length alone
    assert isinstance(result, Unusable)
    assert result.finding.rule.id == "MK-SRC-014"
    assert vr.decode("ascii") in result.finding.text


def test_a_value_without_vr_that_leads_past_the_end_need_not_lack_bytes() -> None:
    bare = pack("<HHL", 9, 0x1001, 0x00010000) + b"abcd"  # or VR 00H 00H and a length of 1
    assert refused(part10(identity() + bare)) == unreadable("MK-SRC-014")
