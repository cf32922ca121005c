"""What could not be read of a medium has consequences in every journey: a finding, and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY
from mediakit.formats.iso_records import SECTOR, records
from mediakit.formats.readable import Image
from tests.support.cli import Said, mediakit
from tests.support.iso_bytes import read_volume
from tests.support.peers import need, run
from tests.support.studies import CT_1, CT_2, MR, burnt_to, left_in

CD = ("-p", "STD-GEN-CD")


def extent_of(image: Path, folder: str) -> int:
    """Return where the records of a folder begin, in bytes."""
    opened = Image(image)
    try:
        volume = read_volume(opened)
        assert volume is not None
        (found,) = (one for one in records(opened, volume, []) if one.path == folder)
        return found.block * SECTOR
    finally:
        opened.close()


@pytest.fixture(name="damaged", params=["zeros", "noise", "cut-off"])
def _damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an image on which one of two patients' folders cannot be read; there is no DICOMDIR to tell."""
    image = tmp_path / "disc.iso"
    burnt_to(image, CT_1, CT_2, MR)
    at = extent_of(image, "DICOM/P0000002")
    content = bytearray(image.read_bytes())
    content = content.replace(b"DICOMDIR", b"NODIR_01")
    if request.param == "cut-off":
        root = content.index(b"\x08P0000002", extent_of(image, "DICOM")) - 32
        content[root + 2 : root + 10] = (0xFFFFF0).to_bytes(4, "little") + (0xFFFFF0).to_bytes(4, "big")
    else:
        content[at : at + SECTOR] = bytes(SECTOR) if request.param == "zeros" else b"\xa5" * SECTOR
    image.write_bytes(content)
    return image


JOURNEYS: dict[str, Callable[[Path, Path], Said]] = {
    "burn": lambda image, out: mediakit("burn", "--all-patients", image, *CD, "-o", out, "--json"),
    "burn --on-reject skip": lambda image, out: mediakit(
        "burn", "--all-patients", image, *CD, "-o", out, "--on-reject", "skip", "--json"
    ),
    "validate": lambda image, _out: mediakit("validate", image, *CD, "--json"),
    "inspect": lambda image, _out: mediakit("inspect", image, "--json"),
    "import": lambda image, out: mediakit("import", image, f"dir:{out}", "--all-patients", "--json"),
    "extract": lambda image, out: mediakit("extract", image, "-o", out, "--json"),
    "repair": lambda image, out: mediakit("repair", image, "-o", out, "--json"),
    "diff": lambda image, _out: mediakit("diff", image, CT_1, "--json"),
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_folder_that_cannot_be_read_is_an_error_in_every_journey(
    journey: str, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    said = JOURNEYS[journey](damaged, tmp_path / "out")
    assert said.code in {1, 3, 6}, said.err
    named = [one for one in said.document["findings"] if one["rule"] == "MK-VAL-002"]
    assert len(named) == 1
    assert named[0]["path"].endswith("P0000002")
    assert named[0]["severity"] == "error"


def test_a_burn_of_a_damaged_medium_writes_nothing_unless_that_was_asked_for(
    damaged: Path, tmp_path: Path
) -> None:
    assert mediakit("burn", "--all-patients", damaged, *CD, "-o", tmp_path / "out").code == 3
    assert left_in(tmp_path) == ["disc.iso"]


def test_fit_counts_damage(damaged: Path, tmp_path: Path) -> None:
    burnt_to(tmp_path / "sound.iso", CT_1)
    assert mediakit("profiles", "fit", tmp_path / "sound.iso").code == 0
    assert mediakit("profiles", "fit", damaged).code == 1


@pytest.mark.parametrize(
    ("names", "is_said"),
    [
        ((b"BEA01", b"NSR02", b"TEA01"), True),
        ((b"CD001",), False),
        ((b"CD001", b"BEA01", b"NSR02", b"TEA01"), True),
    ],
)
def test_udf_is_read_when_only_what_names_it_is_damaged(
    names: tuple[bytes, ...], is_said: bool, tmp_path: Path
) -> None:
    need("genisoimage")
    source = tmp_path / "in"
    source.mkdir()
    for number, path in enumerate((CT_1, CT_2, MR)):
        (source / f"IM{number}").write_bytes(path.read_bytes())
    image = tmp_path / "bridge.iso"
    assert run("genisoimage", "-quiet", "-udf", "-hide", "IM2", "-o", str(image), str(source)).returncode == 0
    content = bytearray(image.read_bytes())
    for name in names:
        content = content.replace(name, b"?" + name[1:], 1)
    image.write_bytes(content)
    found = mediakit("inspect", image, "--json").document
    assert found["counts"]["instances"] == 3
    assert ("MK-VAL-003" in {one["rule"] for one in found["findings"]}) is is_said


@pytest.mark.parametrize("damage", ["missing", "cut off", "other bytes"])
def test_what_a_directory_names_or_may_have_named_is_told_by_extract_and_burn(
    damage: str, tmp_path: Path
) -> None:
    disc = tmp_path / "disc"
    burnt_to(disc, CT_1, CT_2)
    if damage == "missing":
        next(path for path in disc.rglob("I0000002")).unlink()
    elif damage == "other bytes":
        (disc / "DICOMDIR").write_bytes(b"\xa5" * 2000)
    else:
        directory = disc / "DICOMDIR"
        directory.write_bytes(directory.read_bytes()[:-60])
    wanted = {"missing": "MK-SRC-107", "cut off": "MK-SRC-108", "other bytes": "MK-SRC-108"}[damage]
    for name, command in (
        ("extract", ("extract", disc, "-o", tmp_path / "out")),
        ("burn", ("burn", "--all-patients", disc, *CD, "-o", tmp_path / "new")),
    ):
        said = mediakit(*command, "--json")
        assert wanted in {one["rule"] for one in said.document["findings"]}, name
        assert said.code == 1 or damage != "missing", name


def test_a_file_that_is_no_medium_is_not_extracted(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a medium")
    said = mediakit("extract", tmp_path / "notes.txt", "-o", tmp_path / "out")
    assert said.code == 3
    assert not (tmp_path / "out").exists()


def _changed(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_damage_of_another_directory_of_a_medium_is_told_as_that_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    discs = tmp_path / "discs"
    discs.mkdir()
    for name, images in (("CD1", (CT_1, MR)), ("CD2", (CT_2,))):
        burnt_to(discs / name, *images)
    directory = discs / "CD2" / "DICOMDIR"
    held = bytearray(directory.read_bytes())
    at = held.rindex(b"\x04\0\0\x15CS")  # (0004,1500) of the last record
    held[at : at + 8] = b"\xff" * 8
    directory.write_bytes(held)
    for command, rule, code in (
        (("import", discs, f"dir:{tmp_path / 'there'}", "--all-patients"), "MK-IMP-009", 0),
        (("burn", "--all-patients", discs, *CD, "-o", tmp_path / "new"), "MK-SRC-108", 0),
        (("inspect", discs), "MK-DIR-010", 1),
        (("validate", discs, *CD), "MK-DIR-010", 1),
    ):
        said = mediakit(*command, "--json")
        found = {one["rule"] for one in said.document["findings"]}
        assert (said.code, rule in found) == (code, True), (command[0], found)


def test_a_file_of_zeros_is_a_lost_instance_unless_a_directory_does_not_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    disc = tmp_path / "disc"
    burnt_to(disc, CT_1, CT_2)
    (disc / "PADDING").write_bytes(bytes(5000))
    assert mediakit("import", disc, f"dir:{tmp_path / 'one'}").code == 0
    assert mediakit("burn", disc, *CD, "-o", tmp_path / "new").code == 0
    instance = next(path for path in disc.rglob("I0000002"))
    instance.write_bytes(bytes(instance.stat().st_size))
    assert mediakit("import", disc, f"dir:{tmp_path / 'two'}").code == 6
    (disc / "DICOMDIR").unlink()
    assert mediakit("import", disc, f"dir:{tmp_path / 'three'}").code == 6
    assert mediakit("burn", disc, *CD, "-o", tmp_path / "again").code == 3


OURS = IMPLEMENTATION_CLASS_UID.encode("ascii")
CLASS = MEDIA_STORAGE_DIRECTORY.encode("ascii")


@pytest.mark.parametrize("said", [bytes(20), b"1.2.840.10008.1.3.80"])
def test_a_directory_is_one_by_its_records_whatever_its_meta_information_says(
    said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    discs = tmp_path / "discs"
    discs.mkdir()
    for name, images in (("CD1", (CT_1,)), ("CD2", (CT_2,))):
        burnt_to(discs / name, *images)
        _changed(discs / name / "DICOMDIR", CLASS, said)
        (discs / name / "README.TXT").unlink(missing_ok=True)
    imported = mediakit("import", discs, f"dir:{tmp_path / 'there'}", "--json")
    assert imported.code == 0, imported.out
    burnt = mediakit("burn", discs, *CD, "-o", tmp_path / "new", "--json")
    for each in (imported, burnt):
        states = {file["source"]: file["state"] for file in each.document["files"]}
        found = [state for path, state in states.items() if path.endswith("DICOMDIR")]
        assert (each.code, found) == (0, ["excluded", "excluded"])
    assert mediakit("inspect", discs / "CD1").code == 0


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"OB\0\0\2\0\0\0\0\1", b"OB\0\0\2\0\0\0\0\2", "MK-MET-002"),
        (b"OB\0\0\2\0\0\0\0\1", b"OB\0\0\0\0\0\0", "MK-MET-001"),
        (OURS, OURS[:1] + b".." + OURS[3:], "MK-MET-003"),
        (b"\2\0\x12\0UI", b"\2\0\2\0UI", "MK-DIR-003"),
    ],
)
def test_the_meta_information_of_a_directory_is_judged_too(
    old: bytes, new: bytes, rule: str, tmp_path: Path
) -> None:
    disc = tmp_path / "disc"
    burnt_to(disc, CT_1)
    assert mediakit("validate", disc, *CD).code == 0
    _changed(disc / "DICOMDIR", old, new)
    judged = mediakit("validate", disc, *CD, "--json")
    assert (judged.code, rule in {one["rule"] for one in judged.document["findings"]}) == (1, True)


@pytest.mark.parametrize("journey", ["burn", "validate", "inspect", "import", "extract", "repair"])
def test_directories_beyond_those_that_are_read_are_named_in_every_journey(
    journey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediakit.stages.look.media._MAX_DIRECTORIES", 2)
    source = tmp_path / "copies"
    source.mkdir()
    for number, path in enumerate((CT_1, CT_2, MR)):
        burnt_to(source / f"DISC{number}", path)
    said = JOURNEYS[journey](source, tmp_path / "out")
    named = [one for one in said.document["findings"] if "more than 2 directories" in one["text"]]
    assert len(named) == 1, said.document["findings"]
    assert named[0]["path"].endswith("DICOMDIR")
