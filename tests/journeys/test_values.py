"""Values that no directory record may hold: burn, repair and validate say the same of them."""

from __future__ import annotations

from pathlib import Path

from mediakit.fileset.decode import decode
from tests.support.broken_encoding import elements, file, folder
from tests.support.cli import mediakit
from tests.support.dicom_bytes import element

CHARSET, NAME, ID = 0x00080005, 0x00100010, 0x00100020
LATIN = b"M\xfcller^J\xfcrgen"

# What is put right in the DICOMDIR alone: tag, VR, value of the instance, value of the record.
PUT_RIGHT = (
    (0x00200010, "SH", b"ABCDEFGHIJKLMNOPQRST", b"ABCDEFGHIJKLMNOP"),
    (0x00200010, "SH", b"A\\B", b"A"),
    (0x00081030, "LO", b"D" * 70, b"D" * 64),
    (0x00081030, "LO", b"Line\nfeed", b"Line feed"),
    (0x00080060, "CS", b"ot", b"OT"),
    (0x00080060, "CS", b"LONGER_THAN_SIXTEEN", b"OT"),
    (0x00080050, "SH", b"ACC-1234567890123456789", b"ACC-123456789012"),
    (NAME, "PN", b"A=B=C=D", b"A=B=C"),
    (NAME, "PN", b"N" * 82 + b"^X", b"N" * 64),
)
# What is refused: elements, and the rule that burn, repair and validate have for it.
REFUSED = (
    ({ID: element(ID, "LO", b"A\\B")}, "MK-KEY-032"),
    ({CHARSET: element(CHARSET, "CS", b"ISO IR 192")}, "MK-KEY-033"),
    ({CHARSET: element(CHARSET, "CS", b"UTF-8"), NAME: element(NAME, "PN", LATIN)}, "MK-KEY-033"),
    ({CHARSET: b"", NAME: element(NAME, "PN", LATIN)}, "MK-KEY-035"),
    ({CHARSET: element(CHARSET, "CS", b"ISO_IR 6"), NAME: element(NAME, "PN", LATIN)}, "MK-KEY-035"),
    ({CHARSET: element(CHARSET, "CS", b"ISO_IR 192"), NAME: element(NAME, "PN", LATIN)}, "MK-KEY-036"),
    ({0x0020000D: element(0x0020000D, "UI", b"2.25.004")}, "MK-PRO-084"),
    ({0x0020000E: element(0x0020000E, "UI", b"2.25.771 ")}, "MK-PRO-084"),
)


def keys_of(medium: Path) -> dict[int, bytes]:
    """Return the keys of all records of a DICOMDIR by tag."""
    records = decode((medium / "DICOMDIR").read_bytes()).directory.walk()
    return {key.tag: key.value for record in records for key in record.keys}


def test_what_no_record_may_hold_is_put_right_in_the_directory_alone(tmp_path: Path) -> None:
    wrong = []
    for number, (tag, vr, raw, expected) in enumerate(PUT_RIGHT):
        source = folder(
            tmp_path / f"in{number}", file(dict(sorted((elements() | {tag: element(tag, vr, raw)}).items())))
        )
        new = tmp_path / f"new{number}"
        burnt = mediakit("burn", source, "-p", "STD-GEN-CD", "-o", new)
        judged = mediakit("validate", new, "-p", "STD-GEN-CD")
        said = "MK-KEY-031" in burnt.err and "MK-KEY-031" in judged.out + judged.err
        said = said and bool({"MK-KEY-005", "MK-KEY-003"} & set(burnt.err.split()))
        carried = [path.read_bytes() for path in new.rglob("I0*")] == [(source / "IM1").read_bytes()]
        found = keys_of(new).get(tag, b"").rstrip()
        if (burnt.code, judged.code, said, carried, found) != (0, 0, True, True, expected):
            wrong.append((raw, found, burnt.code, judged.code, said, carried))
    assert not wrong


def test_text_that_is_padded_with_nul_is_padded_with_spaces_in_the_directory(tmp_path: Path) -> None:
    padded = {
        NAME: ("PN", b"DOE^JO\0\0"),
        ID: ("LO", b"CASE-1\0\0"),
        0x00080020: ("DA", b"20240102\0\0"),
        0x00200010: ("SH", b"7\0"),
        0x00200011: ("IS", b"3\0\0\0"),
        0x00200013: ("IS", b"1\0"),
    }
    made = elements() | {tag: element(tag, vr, raw) for tag, (vr, raw) in padded.items()}
    source, new = folder(tmp_path / "in", file(dict(sorted(made.items())))), tmp_path / "new"
    assert mediakit("burn", source, "-p", "STD-GEN-CD", "-o", new).code == 0
    found = keys_of(new)
    assert {tag: found[tag].rstrip(b" ") for tag in padded} == {
        tag: raw.rstrip(b"\0") for tag, (_, raw) in padded.items()
    }
    assert mediakit("validate", new, "-p", "STD-GEN-CD").code == 0


def test_an_import_sends_what_cannot_be_read_for_certain_and_says_so(tmp_path: Path) -> None:
    text = {NAME: element(NAME, "PN", LATIN), CHARSET: element(CHARSET, "CS", b"UTF-8")}
    for number, (changed, expected) in enumerate(((text, True), ({}, False))):
        source = folder(tmp_path / f"in{number}", file(elements() | changed))
        done = mediakit("import", source, f"dir:{tmp_path / str(number)}", "--json")
        texts = [each["text"] for each in done.document["findings"] if each["rule"] == "MK-IMP-034"]
        assert (done.code, any("`UTF-8`" in each for each in texts)) == (0, expected)


def test_what_cannot_be_put_right_is_refused_by_the_rule_of_validate(tmp_path: Path) -> None:
    wrong = []
    for number, (changed, rule) in enumerate(REFUSED):
        source = folder(tmp_path / f"in{number}", file(elements() | changed))
        new = tmp_path / f"new{number}"
        judged = mediakit("validate", source, "-p", "STD-GEN-CD")
        found = [rule in judged.out + judged.err, judged.code]
        for command in (("burn", source, "-p", "STD-GEN-CD"), ("repair", source)):
            done = mediakit(*command, "-o", new)
            found += [rule in done.out + done.err, done.code, new.exists()]
        if found != [True, 1, True, 4, False, True, 4, False]:
            wrong.append((rule, found))
    assert not wrong
