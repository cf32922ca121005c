"""Instances whose encoding breaks PS3.5: burn and validate say the same, import names what it sends."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from struct import pack

import pytest

from mediakit.dicom.part10 import head_of
from mediakit.dicom.part10 import read as read_whole
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from tests.support.broken_encoding import (
    IMPLICIT,
    NAME,
    PIXELS,
    SC,
    UID,
    elements,
    file,
    folder,
    fragments,
    odd,
)
from tests.support.cli import Said, mediakit
from tests.support.dicom_bytes import element, item, us
from tests.support.peers import need, run


@dataclass(frozen=True)
class Case:
    """A file that is broken in one way, and what is said of it.

    `rule` is what validate says, `burn` the exit code of a burn, `told` a rule of what it changed or why it
    refused, `sent` the rule of an import and `imported` its exit code.
    """

    data: bytes
    rule: str
    burn: int
    told: str
    sent: str = "MK-IMP-034"
    imported: int = 0
    profile: str = "STD-GEN-CD"


def _with(raw: bytes, *, before: int) -> bytes:
    """Return the data set with one more element, in front of another."""
    return b"".join((raw if each == before else b"") + one for each, one in elements().items())


SOUND = elements()
THREE_BY_THREE = {0x00280010: us(0x00280010, 3), 0x00280011: us(0x00280011, 3)}
WITHOUT_UIDS = {tag: raw for tag, raw in SOUND.items() if tag not in {0x00080016, 0x00080018}}
SWAPPED = {0x00100020: SOUND[0x00100020], **{t: r for t, r in SOUND.items() if t != 0x00100020}}
FRAMED = {tag: raw for tag, raw in SOUND.items() if tag != PIXELS}
BEHIND = {**SOUND, 0: element(0x00200062, "CS", "L")}
META = head_of(SC, UID, EXPLICIT_VR_LITTLE_ENDIAN)
DEFLATED, J2K, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
NOISE = b"\xff noise of some archive"
CREATOR = element(0x00090010, "LO", "MAKER")


def _unknown_vr(vr: bytes) -> bytes:
    raw = CREATOR + pack("<HH2sH", 9, 0x1001, vr, 4) + b"ABCD"
    return file(_with(raw, before=NAME))


def _nested(*parts: bytes) -> bytes:
    content = item(b"".join(parts))
    return file(_with(odd(0x00081140, "SQ", content), before=NAME))


def _deflated(tail: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b"".join(SOUND.values())) + packer.flush()
    return file(packed + bytes(len(packed) % 2), syntax=DEFLATED, tail=tail)


def _framed(*parts: bytes, syntax: str, frames: str = "1") -> bytes:
    body = FRAMED | {0x00280008: element(0x00280008, "IS", frames)}
    return file(b"".join(body[tag] for tag in sorted(body)) + fragments(*parts), syntax=syntax)


REFERENCE = element(0x00081150, "UI", SC), element(0x00081155, "UI", "2.25.9")

CASES = {
    "odd native pixels": Case(
        file(SOUND | THREE_BY_THREE | {PIXELS: odd(PIXELS, "OB", bytes(9))}), "MK-PRO-071", 0, "MK-CNV-010",
    ),
    "odd text": Case(file(SOUND | {NAME: odd(NAME, "PN", b"DOE^JOH")}), "MK-PRO-071", 0, "MK-CNV-010"),
    "odd text in an item": Case(
        _nested(odd(0x00081150, "UI", SC.encode()), REFERENCE[1]), "MK-PRO-071", 0, "MK-CNV-010"
    ),
    "odd number": Case(
        file(SOUND | {0x00280103: odd(0x00280103, "US", b"\0\0\0")}), "MK-PRO-071", 4, "MK-CNV-020"
    ),
    "half a number": Case(
        file(_with(odd(0x00189073, "FD", b"\0\0\0\0"), before=0x0020000D)), "MK-PRO-072", 4, "MK-PRO-072"
    ),
    "out of order": Case(file(SWAPPED), "MK-PRO-074", 0, "MK-CNV-011"),
    "out of order behind pixels": Case(file(BEHIND), "MK-PRO-074", 0, "MK-CNV-011"),
    "out of order in an item": Case(_nested(*reversed(REFERENCE)), "MK-PRO-074", 4, "MK-PRO-074"),
    "twice": Case(
        file(_with(element(NAME, "PN", "Andere^Zwei"), before=0x00100020)), "MK-PRO-075", 4, "MK-PRO-075"
    ),
    "twice in an item": Case(_nested(REFERENCE[0], *REFERENCE), "MK-PRO-075", 4, "MK-PRO-075"),
    "unknown VR of letters": Case(_unknown_vr(b"OX"), "MK-PRO-076", 4, "MK-PRO-076"),
    "unknown VR of signs": Case(_unknown_vr(b"??"), "MK-PRO-076", 4, "MK-PRO-076"),
    "unknown VR of blanks": Case(_unknown_vr(b"  "), "MK-PRO-076", 4, "MK-PRO-076"),
    "no VR": Case(
        file(_with(element(0x00200062, "CS", "L", implicit=True), before=0x00280002)),
        "MK-PRO-077", 4, "MK-PRO-077",
    ),
    "pixel data as a sequence": Case(
        file(SOUND | {PIXELS: odd(PIXELS, "SQ", bytes(4))}), "MK-PRO-085", 4, "MK-PRO-085"
    ),
    "pixel data as text": Case(
        file(SOUND | {PIXELS: odd(PIXELS, "UT", bytes(4))}), "MK-PRO-085", 4, "MK-PRO-085"
    ),
    "item too long": Case(
        file(_with(odd(0x00081140, "SQ", pack("<HHL", 0xFFFE, 0xE000, 500) + REFERENCE[0]), before=NAME)),
        "MK-PRO-078", 4, "MK-PRO-078",
    ),
    "delimiter astray": Case(
        _nested(REFERENCE[0], pack("<HHL", 0xFFFE, 0xE00D, 0), REFERENCE[1]), "MK-PRO-078", 4, "MK-PRO-078"
    ),
    "pixels too short": Case(file(elements(pixels=bytes(10))), "MK-PRO-079", 4, "MK-PRO-079"),
    "frames too few": Case(
        file(_with(element(0x00280008, "IS", "3"), before=0x00280010)), "MK-PRO-079", 4, "MK-PRO-079"
    ),
    "second file": Case(
        file(SOUND, tail=file(SOUND)), "MK-PRO-081", 4, "MK-PRO-081", sent="MK-IMP-035", imported=1
    ),
    "second file behind zeros": Case(
        file(SOUND, tail=bytes(500) + file(SOUND)),
        "MK-PRO-081", 4, "MK-PRO-081", sent="MK-IMP-035", imported=1,
    ),
    "second file behind a deflated data set": Case(
        _deflated(file(SOUND)), "MK-PRO-081", 4, "MK-PRO-081", sent="MK-IMP-035", imported=1
    ),
    "second file behind zeros and a deflated data set": Case(
        _deflated(bytes(200_000) + file(SOUND)),
        "MK-PRO-081", 4, "MK-PRO-081", sent="MK-IMP-035", imported=1,
    ),
    "fewer fragments than frames": Case(
        _framed(b"\0" * 64, b"\0" * 64, syntax=J2K, frames="3"),
        "MK-PRO-086", 4, "MK-PRO-086", profile="STD-GEN-DVD-J2K",
    ),
    "no fragment": Case(
        _framed(syntax=J2K), "MK-PRO-086", 4, "MK-PRO-086", profile="STD-GEN-DVD-J2K"
    ),
    "an empty fragment": Case(
        _framed(b"", syntax=J2K), "MK-PRO-086", 4, "MK-PRO-086", profile="STD-GEN-DVD-J2K"
    ),
    "no SOP UIDs": Case(
        file(WITHOUT_UIDS), "MK-PRO-083", 4, "MK-PRO-083", sent="MK-IMP-035", imported=1
    ),
    "no Study Instance UID": Case(
        file({tag: raw for tag, raw in SOUND.items() if tag != 0x0020000D}),
        "MK-FST-002", 4, "MK-FST-002", sent="MK-IMP-035", imported=1,
    ),
    "an empty Series Instance UID": Case(
        file(SOUND | {0x0020000E: odd(0x0020000E, "UI", b"")}),
        "MK-FST-002", 4, "MK-FST-002", sent="MK-IMP-035", imported=1,
    ),
    "odd fragment": Case(
        file(b"".join(FRAMED.values()) + fragments(b"\0" * 65), syntax="1.2.840.10008.1.2.4.90"),
        "MK-PRO-073", 0, "MK-CNV-010", profile="STD-GEN-DVD-J2K",
    ),
    "odd fragment that goes on": Case(
        file(b"".join(FRAMED.values()) + fragments(b"\0" * 65, b"\0" * 65), syntax="1.2.840.10008.1.2.4.90"),
        "MK-PRO-073", 4, "MK-CNV-020", profile="STD-GEN-DVD-J2K",
    ),
    "a program in front": Case(
        b"MZ" + file(SOUND)[2:], "MK-MET-011", 0, "MK-CNV-004", sent="MK-IMP-036"
    ),
    "two metas": Case(
        META + META[132:] + file(SOUND)[len(META) :], "MK-PRO-062", 0, "MK-PRO-063", "MK-IMP-036"
    ),
}  # fmt: skip


def _ids(said: Said) -> set[str]:
    report = said.document
    found = {finding["rule"] for finding in report["findings"]}
    return found | {fate.get("because", "") for fate in report["files"]}


@pytest.mark.parametrize("name", CASES)
def test_burn_agrees_with_validate_and_import_names_what_it_sends(name: str, tmp_path: Path) -> None:
    need("dcmdump")
    case = CASES[name]
    source, new, profile = folder(tmp_path / "in", case.data), tmp_path / "new", case.profile
    assert case.rule in _ids(mediakit("validate", source, "-p", profile, "--json"))
    burnt = mediakit("burn", "--all-patients", source, "-p", profile, "-o", new, "--viewer", "none", "--json")
    assert (burnt.code, case.told in _ids(burnt)) == (case.burn, True), burnt.out
    if case.burn == 0:
        assert mediakit("validate", new, "-p", profile).code == 0
        for path in (path for path in new.rglob("*") if path.is_file()):
            assert (said := run("dcmdump", str(path))).returncode == 0
            assert "E: " not in said.stderr
            assert "odd" not in said.stderr + said.stdout
    refusing = mediakit(
        "burn",
        "--all-patients",
        source,
        "-p",
        profile,
        "-o",
        tmp_path / "again",
        "--convert",
        "none",
        "--json",
    )
    assert refusing.code == 4
    assert case.rule in _ids(refusing)
    imported = mediakit("import", source, f"dir:{tmp_path / 'there'}", "--json")
    assert (imported.code, case.sent in _ids(imported)) == (case.imported, True), imported.out


def test_a_sound_file_is_carried_byte_for_byte_without_a_word(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", file(SOUND))
    burnt = mediakit("burn", "--all-patients", source, "-p", "STD-GEN-CD", "-o", tmp_path / "new", "--json")
    (fate,) = burnt.document["files"]
    assert (burnt.code, fate["state"], _ids(burnt)) == (0, "written", {"", "MK-FST-102"})
    assert (tmp_path / "new" / fate["file_id"]).read_bytes() == file(SOUND)
    imported = mediakit("import", source, f"dir:{tmp_path / 'there'}", "--json")
    assert not _ids(imported) & {"MK-IMP-034", "MK-IMP-035", "MK-IMP-036", "MK-IMP-037"}


def test_bytes_behind_a_deflated_data_set_are_left_out_by_burn_and_named_by_all(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", _deflated(NOISE))
    assert "MK-PRO-067" in _ids(mediakit("validate", source, "-p", "STD-GEN-CD", "--json"))
    burnt = mediakit("burn", source, "-p", "STD-GEN-CD", "-o", tmp_path / "new", "--json")
    assert (burnt.code, _ids(burnt) >= {"MK-PRO-063", "MK-CNV-012"}) == (0, True)
    imported = mediakit("import", source, f"dir:{tmp_path / 'there'}", "--json")
    assert (imported.code, "MK-IMP-034" in _ids(imported)) == (0, True)


def test_bytes_behind_the_last_element_are_left_out_by_burn_and_named_by_all(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", file(SOUND, tail=NOISE))
    new = tmp_path / "new"
    assert "MK-PRO-067" in _ids(mediakit("validate", source, "-p", "STD-GEN-CD", "--json"))
    burnt = mediakit("burn", "--all-patients", source, "-p", "STD-GEN-CD", "-o", new, "--json")
    assert (burnt.code, _ids(burnt) >= {"MK-PRO-063", "MK-CNV-012"}) == (0, True)
    assert "MK-PRO-067" not in _ids(mediakit("validate", new, "-p", "STD-GEN-CD", "--json"))
    plain = mediakit(
        "burn",
        "--all-patients",
        source,
        "-p",
        "STD-GEN-CD",
        "-o",
        tmp_path / "b",
        "--convert",
        "none",
        "--json",
    )
    assert (plain.code, "MK-PRO-067" in _ids(plain)) == (0, True)
    imported = mediakit("import", source, f"dir:{tmp_path / 'there'}", "--json")
    assert (imported.code, "MK-IMP-034" in _ids(imported)) == (0, True)


@pytest.mark.parametrize("data", [file(SOUND, tail=bytes(1000)), _deflated(bytes(1000))])
def test_zeros_behind_the_last_element_are_a_note(data: bytes, tmp_path: Path) -> None:
    source = folder(tmp_path / "in", data)
    assert "MK-PRO-082" in _ids(mediakit("validate", source, "-p", "STD-GEN-CD", "--json"))
    burnt = mediakit("burn", "--all-patients", source, "-p", "STD-GEN-CD", "-o", tmp_path / "new", "--json")
    assert (burnt.code, "MK-PRO-082" in _ids(burnt)) == (0, True)
    imported = mediakit("import", source, f"dir:{tmp_path / 'there'}", "--json")
    assert (imported.code, "MK-IMP-037" in _ids(imported)) == (0, True)


def test_a_deflated_data_set_may_be_padded_to_an_even_length(tmp_path: Path) -> None:
    for tail in (b"", b"\0"):
        source = folder(tmp_path / f"in{len(tail)}", _deflated(tail))
        assert "MK-PRO-082" not in _ids(mediakit("validate", source, "-p", "STD-GEN-CD", "--json"))


@pytest.mark.parametrize("vr", [b"\0\0", b"\xff\xff", b"??\0\0"])
def test_of_an_element_whose_vr_nobody_knows_no_bytes_are_said_to_be_missing(
    vr: bytes, tmp_path: Path
) -> None:
    raw = CREATOR + pack("<HH", 9, 0x1001) + vr + pack("<H", 4) + b"ABCD"
    source = folder(tmp_path / "in", file(_with(raw, before=NAME)))
    said = _ids(mediakit("validate", source, "-p", "STD-GEN-CD", "--json"))
    assert (said & {"MK-SRC-002", "MK-SRC-014"}) == {"MK-SRC-014"}


@pytest.mark.parametrize(("count", "code"), [(1, 0), (2, 4)])
def test_a_frame_that_number_of_frames_does_not_count_is_not_lost_in_a_conversion(
    count: int, code: int, tmp_path: Path
) -> None:
    frame = pack("<16L", 1, 64, *[0] * 14) + b"\x0f" + bytes(range(16)) + b"\0"
    source = folder(tmp_path / "in", _framed(*[frame] * count, syntax=RLE))
    burnt = mediakit("burn", source, "-p", "STD-GEN-CD", "-o", tmp_path / "new", "--json")
    assert (burnt.code, "MK-CNV-024" in _ids(burnt)) == (code, code > 0)


def test_pixels_that_are_too_long_are_a_warning(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", file(elements(pixels=bytes(20))))
    assert "MK-PRO-080" in _ids(mediakit("validate", source, "-p", "STD-GEN-CD", "--json"))
    burnt = mediakit("burn", "--all-patients", source, "-p", "STD-GEN-CD", "-o", tmp_path / "new", "--json")
    assert (burnt.code, "MK-PRO-080" in _ids(burnt)) == (0, True)


def test_odd_pixels_of_implicit_vr_become_words_with_a_nul_behind(tmp_path: Path) -> None:
    for tag, vr, value in ((PIXELS, "OW", bytes(range(9))), (0x60003000, "OW", b"\1\2\3")):
        made = elements(implicit=True) | {
            0x00280010: us(0x00280010, 3, implicit=True),
            0x00280011: us(0x00280011, 3, implicit=True),
            PIXELS: odd(PIXELS, "OW", bytes(range(9)), implicit=True),
        }
        body = dict(sorted((made | {tag: odd(tag, vr, value, implicit=True)}).items()))
        source = folder(tmp_path / f"in{tag}", file(body, syntax=IMPLICIT))
        burnt = mediakit(
            "burn", "--all-patients", source, "-p", "STD-GEN-CD", "-o", tmp_path / f"new{tag}", "--json"
        )
        with (tmp_path / f"new{tag}" / burnt.document["files"][0]["file_id"]).open("rb") as stream:
            written = read_whole(stream).first(tag)
        assert written is not None
        assert (burnt.code, written.vr, bytes(written.value)) == (0, "OW", value + b"\0")


def test_the_padded_last_fragment_of_each_frame_keeps_the_offsets_true(tmp_path: Path) -> None:
    framed = FRAMED | {0x00280008: element(0x00280008, "IS", "2")}
    body = b"".join(framed[tag] for tag in sorted(framed))
    pixels = fragments(b"\1" * 65, b"\2" * 67, offsets=pack("<LL", 0, 73))
    source = folder(tmp_path / "in", file(body + pixels, syntax="1.2.840.10008.1.2.4.90"))
    burnt = mediakit(
        "burn", "--all-patients", source, "-p", "STD-GEN-DVD-J2K", "-o", tmp_path / "new", "--json"
    )
    assert burnt.code == 0
    with (tmp_path / "new" / burnt.document["files"][0]["file_id"]).open("rb") as stream:
        written = read_whole(stream).first(PIXELS)
    assert written is not None
    wanted = fragments(b"\1" * 65 + b"\0", b"\2" * 67 + b"\0", offsets=pack("<LL", 0, 74))
    assert bytes(written.value) == wanted[12:-8]
