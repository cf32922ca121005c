"""`mediakit salvage`: what can be read is read, what cannot is named, and no journey takes it for whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.events import Event, PhaseStarted
from mediakit.formats.rescue_map import BAD, GOOD, RescueMap, parse_map
from mediakit.journeys.salvage import SalvageOrder, salvage
from mediakit.outcome import Outcome, Result, State
from mediakit.report.json import json_schema
from tests.support.cli import mediakit
from tests.support.media import contents
from tests.support.studies import CT_FOLDER, MR_FOLDER, burnt_to, left_in

SECTOR = 2048
USB = "STD-GEN-USB-JPEG"


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    for name, profile, source in (
        ("disc.iso", "STD-GEN-CD", CT_FOLDER),
        ("other.iso", "STD-GEN-CD", MR_FOLDER),
        ("bd.iso", "STD-GEN-BD-JPEG", CT_FOLDER),
        ("stick.img", USB, CT_FOLDER),
    ):
        assert burnt_to(folder / name, source, profile=profile).result.outcome is Outcome.GOOD
    return folder


def damaged(source: Path, copy: Path, bad: Sequence[tuple[int, int]]) -> Path:
    """Make a copy with bad sectors (first, how many): zeros in the image, and the map that says so."""
    data = bytearray(source.read_bytes())
    known = RescueMap()
    known.mark(0, len(data), GOOD)
    for first, many in bad:
        end = min((first + many) * SECTOR, len(data))
        data[first * SECTOR : end] = bytes(end - first * SECTOR)
        known.mark(first * SECTOR, end, BAD)
    copy.write_bytes(data)
    copy.with_name(f"{copy.name}.map").write_text(known.text())
    return copy


def damaged_files(result: Result) -> list[str]:
    return [fate.source for fate in result.fates if fate.state is State.UNREADABLE]


def in_file(image: Path, path: str, at: int) -> int:
    """Return the sector of a byte of a file, found by its content."""
    return (image.read_bytes().index(contents(image)[path]) + at) // SECTOR


def test_a_medium_without_faults_becomes_the_same_image(discs: Path, tmp_path: Path) -> None:
    for name in ("disc.iso", "bd.iso", "stick.img"):
        result = salvage([discs / name], SalvageOrder(out=tmp_path / name))
        assert result.outcome is Outcome.GOOD
        assert (tmp_path / name).read_bytes() == (discs / name).read_bytes()
        assert {fate.state for fate in result.fates} == {State.WRITTEN}
        assert len(result.fates) == 11


@pytest.mark.parametrize("name", ["disc.iso", "bd.iso", "stick.img"])
def test_copies_that_complete_each_other_give_the_whole(name: str, discs: Path, tmp_path: Path) -> None:
    where = in_file(discs / name, "DICOM/P0000001/S0000001/E0000001/I0000004", 5000)
    one = damaged(discs / name, tmp_path / f"1-{name}", [(where, 3), (20, 1)])
    two = damaged(discs / name, tmp_path / f"2-{name}", [(where + 10, 5)])
    result = salvage([one, two], SalvageOrder(out=tmp_path / name))
    assert result.outcome is Outcome.GOOD
    assert (tmp_path / name).read_bytes() == (discs / name).read_bytes()


def test_copies_that_contradict_each_other_are_never_taken_for_good(discs: Path, tmp_path: Path) -> None:
    disc = discs / "disc.iso"
    paths = [f"DICOM/P0000001/S0000001/E0000001/I000000{n}" for n in (4, 6)]
    places = [in_file(disc, path, 5000) for path in paths]
    data = bytearray(disc.read_bytes())
    for where in places:
        data[where * SECTOR : (where + 2) * SECTOR] = bytes(2 * SECTOR)
    wrong, out = tmp_path / "wrong.iso", tmp_path / "a.iso"
    wrong.write_bytes(data)
    for sources in ([wrong, disc], [disc, wrong], [wrong, disc], [disc, wrong, disc]):
        result = salvage(sources, SalvageOrder(out=out))
        assert result.outcome is Outcome.FINDINGS
        (finding,) = (one for one in result.report.findings if one.rule.id == "MK-SAL-004")
        assert [path for path in paths if path in finding.text] == paths
        assert f"{places[0] * SECTOR} to {(places[0] + 2) * SECTOR - 1}" in finding.text
        assert sorted(damaged_files(result)) == [f"{out}/{path}" for path in paths]
        assert result.figures["missing_bytes"] == 4 * SECTOR
    assert mediakit("extract", out, "-o", tmp_path / "extracted").code == 1
    assert sum(one.is_file() for one in (tmp_path / "extracted").rglob("*")) == 9
    assert salvage([disc], SalvageOrder(out=out)).outcome is Outcome.GOOD
    assert out.read_bytes() == disc.read_bytes()

    mixed = tmp_path / "mixed.iso"  # another medium with the same volume descriptors
    head = 64 * SECTOR
    mixed.write_bytes(disc.read_bytes()[:head] + bytes(reversed(disc.read_bytes()[head:])))
    result = salvage([disc, mixed], SalvageOrder(out=tmp_path / "b.iso"))
    assert "MK-SAL-004" in result.report.by_rule()
    assert result.outcome is not Outcome.GOOD
    for fate in result.fates:  # whole are those alone that both have
        path = fate.source.removeprefix(f"{tmp_path / 'b.iso'}/")
        if fate.state is State.WRITTEN:
            assert contents(disc)[path] in mixed.read_bytes()


def test_copies_that_were_not_compared_to_the_end_are_not_good(discs: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            seen.append(event.phase)

    disc = discs / "disc.iso"
    order = SalvageOrder(out=tmp_path / "a.iso", limit_s=9, now=lambda: 10.0 * seen.count("compare"))
    result = salvage([disc, disc], order, tell)
    assert result.report.by_rule().keys() == {"MK-SAL-005"}
    assert result.outcome is Outcome.FINDINGS
    assert salvage([disc, disc], SalvageOrder(out=tmp_path / "a.iso")).outcome is Outcome.GOOD


def test_what_no_copy_has_is_named_by_file_and_bytes_and_not_taken(discs: Path, tmp_path: Path) -> None:
    path = "DICOM/P0000001/S0000001/E0000001/I0000004"
    where = in_file(discs / "disc.iso", path, 3 * SECTOR)
    one = damaged(discs / "disc.iso", tmp_path / "1.iso", [(where, 3)])
    two = damaged(discs / "disc.iso", tmp_path / "2.iso", [(where + 1, 1), (where + 60, 4)])
    out, report = tmp_path / "a.iso", tmp_path / "report.json"
    said = mediakit("salvage", one, two, "-o", out, "--report", report)
    assert said.code == 1
    size = len(contents(discs / "disc.iso")[path])
    bytes_named = f"bytes {4 * SECTOR} to {5 * SECTOR - 1} of {size} were not read"
    assert bytes_named in said.out + said.err
    document = json.loads(report.read_text())
    jsonschema.validate(document, json_schema())
    assert document["figures"]["missing_bytes"] == SECTOR
    assert document["counts"] == {"unreadable": 1, "written": 10}
    again = mediakit("salvage", one, two, "-o", out, "--report", report, "--json")
    assert again.out == report.read_text()

    judged = mediakit("validate", out, "--json")
    assert judged.code == 1
    assert bytes_named in judged.out
    looked = mediakit("inspect", out)
    assert looked.code == 1
    assert bytes_named in looked.out + looked.err
    assert mediakit("extract", out, "-o", tmp_path / "extracted").code == 1
    assert sum(one.is_file() for one in (tmp_path / "extracted").rglob("*")) == 10
    sent = mediakit(
        "import", out, f"dir:{tmp_path / 'pacs'}", "--state", tmp_path / "state", "--keep-id", "--json"
    )
    assert sent.code == 6
    states = [one["state"] for one in json.loads(sent.out)["instances"]]
    assert sorted(states) == ["stored"] * 9 + ["unreadable"]
    assert sum(one.is_file() for one in (tmp_path / "pacs").rglob("*.dcm")) == 9

    (tmp_path / "a.iso.map").rename(tmp_path / "elsewhere")
    assert mediakit("validate", out, "--map", tmp_path / "elsewhere").code == 1
    named = mediakit(
        "import", out, f"dir:{tmp_path / 'pacs2'}", "--state", tmp_path / "state2", "--keep-id",
        "--rescue-map", tmp_path / "elsewhere",
    )  # fmt: skip
    assert named.code == 6
    whole = salvage([discs / "disc.iso"], SalvageOrder(out=out, rescue_map=tmp_path / "elsewhere"))
    assert whole.outcome is Outcome.GOOD
    assert out.read_bytes() == (discs / "disc.iso").read_bytes()


def test_a_gap_where_no_file_lies_is_a_warning(discs: Path, tmp_path: Path) -> None:
    one = damaged(discs / "disc.iso", tmp_path / "1.iso", [(2, 3)])
    result = salvage([one], SalvageOrder(out=tmp_path / "a.iso"))
    assert result.report.by_rule().keys() == {"MK-SAL-001"}
    assert not damaged_files(result)


def test_a_folder_of_the_medium_that_is_lost_is_damage(discs: Path, tmp_path: Path) -> None:
    image = (discs / "disc.iso").read_bytes()
    folder = next(  # the records of the folder of the images
        at // SECTOR for at in range(0, len(image), SECTOR) if b"I0000001" in image[at : at + 300]
    )
    one = damaged(discs / "disc.iso", tmp_path / "1.iso", [(folder, 1)])
    result = salvage([one], SalvageOrder(out=tmp_path / "a.iso"))
    assert result.outcome is Outcome.FINDINGS
    assert "MK-VAL-002" in result.report.by_rule()
    for sector in (0, 17):  # before the first descriptor, and behind the last one that is needed
        one = damaged(discs / "disc.iso", tmp_path / f"{sector}.iso", [(sector, 1)])
        result = salvage([one], SalvageOrder(out=tmp_path / f"out-{sector}.iso"))
        assert not damaged_files(result)
        assert len(result.fates) == 11
    lost = damaged(discs / "bd.iso", tmp_path / "3.iso", [(32, 8), (256, 1)])
    result = salvage([lost], SalvageOrder(out=tmp_path / "c.iso"))
    assert "MK-SAL-003" in result.report.by_rule()
    lost = damaged(discs / "disc.iso", tmp_path / "2.iso", [(0, 100)])
    result = salvage([lost], SalvageOrder(out=tmp_path / "b.iso"))
    assert result.outcome is not Outcome.GOOD
    assert result.fates[0].state is State.UNREADABLE


def test_other_media_and_what_cannot_be_compared_are_refused(discs: Path, tmp_path: Path) -> None:
    one = damaged(discs / "disc.iso", tmp_path / "1.iso", [(200, 1)])
    with pytest.raises(SourceError, match="not a copy of the same"):
        salvage([one, discs / "other.iso"], SalvageOrder(out=tmp_path / "a.iso"))
    blind = damaged(discs / "disc.iso", tmp_path / "2.iso", [(0, 40)])
    with pytest.raises(SourceError, match="impossible to know"):
        salvage([one, blind], SalvageOrder(out=tmp_path / "a.iso"))
    assert not (tmp_path / "a.iso").exists()
    salvage([one], SalvageOrder(out=tmp_path / "a.iso"))
    with pytest.raises(SourceError, match="not a copy of the same"):
        salvage([discs / "other.iso"], SalvageOrder(out=tmp_path / "a.iso"))


def test_targets_that_cannot_be_are_refused_and_left_alone(discs: Path, tmp_path: Path) -> None:
    disc = discs / "disc.iso"
    taken = tmp_path / "taken.iso"
    taken.write_bytes(b"mine")
    calls = [(disc, taken, "no map"), (disc, disc, "is a source"), (disc, tmp_path, "file name")]
    calls += [(disc, tmp_path / "no" / "a.iso", "folder that exists"), (disc, Path("/dev/null"), "device")]
    for source, out, words in calls:
        with pytest.raises(UsageError, match=words):
            salvage([source], SalvageOrder(out=out))
    alone = tmp_path / "alone.iso"
    alone.with_name("alone.iso.map").write_text("# Mapfile.\n0 ? 1\n0 2048 +\n")
    with pytest.raises(UsageError, match="its image is not"):
        salvage([disc], SalvageOrder(out=alone))
    for source in (tmp_path / "nothing", tmp_path, Path("/dev/null")):
        with pytest.raises(SourceError):
            salvage([source], SalvageOrder(out=tmp_path / "a.iso"))
    assert taken.read_bytes() == b"mine"
    assert left_in(tmp_path) == ["alone.iso.map", "taken.iso"]


def test_at_the_time_limit_it_says_so_and_goes_on_later(discs: Path, tmp_path: Path) -> None:
    clock = iter(range(10**6))
    order = SalvageOrder(out=tmp_path / "a.iso", limit_s=6, now=lambda: float(next(clock)))
    result = salvage([discs / "disc.iso"], order)
    assert "MK-SAL-002" in result.report.by_rule()
    assert result.outcome is not Outcome.GOOD
    assert int(result.figures["missing_bytes"]) > 0
    result = salvage([discs / "disc.iso"], SalvageOrder(out=tmp_path / "a.iso"))
    assert result.outcome is Outcome.GOOD
    assert (tmp_path / "a.iso").read_bytes() == (discs / "disc.iso").read_bytes()


def test_stopped_at_any_time_the_map_is_true_and_it_goes_on(discs: Path, tmp_path: Path) -> None:
    out, source = tmp_path / "a.iso", tmp_path / "big.iso"
    source.write_bytes((discs / "disc.iso").read_bytes() + bytes(100 << 20))
    call = [sys.executable, "-m", "mediakit", "salvage", str(source), "-o", str(out), "-q"]
    for number, wait_s in ((signal.SIGKILL, 0.35), (signal.SIGTERM, 0.5), (signal.SIGKILL, 0.5)):
        with subprocess.Popen(call, stderr=subprocess.PIPE) as process:
            time.sleep(wait_s)
            process.send_signal(number)
            _, said = process.communicate()
            assert process.returncode in {0, 130, -number}, said
        if not out.exists():
            continue
        known = parse_map(Path(f"{out}.map").read_bytes())
        with out.open("rb") as ours, source.open("rb") as theirs:
            for start, end, _ in known.areas({GOOD}):
                ours.seek(start)
                theirs.seek(start)
                assert ours.read(min(end - start, 4 << 20)) == theirs.read(min(end - start, 4 << 20))
    assert mediakit("salvage", source, "-o", out, "-q").code == 0
    assert out.stat().st_size == source.stat().st_size


def test_nothing_is_written_where_a_map_would_be_taken_for_its_own(discs: Path, tmp_path: Path) -> None:
    lost = damaged(discs / "disc.iso", tmp_path / "a.iso", [(2, 1)])
    with pytest.raises(UsageError, match="map of a rescued image"):
        burnt_to(lost, CT_FOLDER, overwrite=True)
    (tmp_path / "a.iso.map").write_text("notes")
    with pytest.raises(UsageError, match="map of a rescued image"):
        burnt_to(lost, CT_FOLDER, overwrite=True)
    (tmp_path / "a.iso.map").unlink()
    assert burnt_to(lost, CT_FOLDER, overwrite=True).result.outcome is Outcome.GOOD


def test_a_map_that_is_none_is_refused_by_every_command(discs: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.map"
    wrong.write_bytes(b"\xff\xfe nothing")
    disc = discs / "disc.iso"
    for call in (("inspect", disc), ("validate", disc), ("extract", disc, "-o", tmp_path / "out")):
        said = mediakit(*call, "--map", wrong)
        assert said.code == 3
        assert "is not a map" in said.err
    assert mediakit("inspect", CT_FOLDER, "--map", wrong).code == 3
    assert mediakit("validate", disc, disc, "--map", wrong).code == 2
    assert mediakit("inspect", disc, "--map", tmp_path / "none").code == 3


def test_a_map_beside_is_used_however_it_begins_and_what_cannot_be_read_as_one_is_an_error(
    discs: Path, tmp_path: Path
) -> None:
    copy = damaged(discs / "disc.iso", tmp_path / "a.iso", [(60, 900)])
    beside, other = tmp_path / "a.iso.map", tmp_path / "a.map"
    known = beside.read_text()
    areas = known.splitlines()[-3:]
    old = "# Rescue Logfile. Created by GNU ddrescue version 1.19\n# current_pos  current_status\n0x0 +\n"
    for head in (old, "\n# of the ward\n0 ? 1\n", "0 F\n", "0x00000000     ?               1\n"):
        for path in (beside, other):
            beside.unlink(missing_ok=True)
            path.write_text("\n".join([head, *areas, ""]))
            said = mediakit("inspect", copy)
            assert (said.code, "were not read" in said.out + said.err) == (1, True), head
            path.unlink()
    commands = [
        ("inspect", copy), ("validate", copy), ("extract", copy, "-o", tmp_path / "extracted"),
        ("salvage", copy, "-o", tmp_path / "b.iso"),
        ("burn", copy, "-o", tmp_path / "c.iso", "-p", "STD-GEN-CD"),
        ("import", copy, f"dir:{tmp_path / 'pacs'}", "--state", tmp_path / "state", "--keep-id"),
    ]  # fmt: skip
    for data in (b"", b"some other file", b"\x00\xff" * 999, b"# Mapfile.\n", b"0 ? 1\n" + b"9" * (1 << 20)):
        beside.write_bytes(data)
        for call in commands if data in {b"", b"some other file"} else commands[:1]:
            said = mediakit(*call)
            assert said.code == 3, (call, data[:20], said)
            assert str(beside) in said.err
            assert "rename it" in said.err
            assert "--rescue-map FILE" in said.err
    beside.rename(tmp_path / "notes")
    (tmp_path / "whole").write_text(known)
    other.symlink_to(tmp_path / "nothing")
    assert mediakit("inspect", copy).code == 3
    assert mediakit("inspect", copy, "--rescue-map", tmp_path / "whole").code == 1
    other.unlink()
    other.mkdir()
    assert "were not read" not in mediakit("inspect", copy).err  # a folder is no map
    assert left_in(tmp_path) == ["a.iso", "a.map", "notes", "whole"]
