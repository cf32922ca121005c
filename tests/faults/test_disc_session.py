"""A further session on an open disc: what the drive is asked to do, and every way in which it must not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.errors import UsageError
from mediakit.events import Event, PhaseStarted
from mediakit.journeys.update import update
from mediakit.journeys.update_order import UpdateOrder
from mediakit.outcome import Outcome
from tests.journeys.test_update import uid_of
from tests.support.cli import Said, mediakit
from tests.support.fake_xorriso import OPEN, answer, put_fake
from tests.support.studies import CT_1, CT_2, CT_3, MR, WHEN, burnt_to
from tests.support.updating import CATALOGUE, assert_holds, content_of, directory_of, kept_but

BEGINS = 12_010  # where a CD goes on: its first session ends long before
BEGUN = "echo 'I:1: Beginning to write data track.'"
DONE = "echo \"I:1: Writing to '$target' completed successfully.\""
AT = f"dd of=$target bs=2048 seek={BEGINS} conv=notrunc 2>/dev/null"
WRITES = f'echo "$*" >>$0.log; {BEGUN}; {AT}; {DONE}'


@pytest.fixture(name="disc")
def _disc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the disc in the drive: a file-set, burned and left open, with a drive that adds to it."""
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))
    burnt_to(tmp_path / "disc.iso", CT_1, CT_2)
    put_fake(tmp_path, monkeypatch, WRITES, answer(OPEN))
    return tmp_path / "disc.iso"


def added(disc: Path, *options: str | Path) -> Said:
    """Add an image to the disc in the drive, and return what was said; nothing is left behind."""
    said = mediakit("update", f"stdio:{disc}", "--session", "--add", CT_3, *options)
    assert not [path for path in disc.parent.joinpath("state").rglob("*") if path.is_file()]
    return said


def test_a_session_goes_where_the_drive_goes_on_and_the_earlier_one_stays(disc: Path) -> None:
    before, old = disc.read_bytes(), content_of(disc)
    said = added(disc, "--leave-open", "--speed", "8", "--json")
    assert said.code == 0, said.err
    assert "read back from the drive, every byte equal" in said.document["figures"]["proof"]
    now = disc.read_bytes()
    assert now[: len(before)] == before
    assert not any(now[len(before) : BEGINS * 2048])
    assert_holds(content_of(disc), kept_but(old))
    assert len(content_of(disc)) == len(old) + 1
    assert mediakit("validate", disc, "-p", "STD-GEN-CD").code == 0
    asked = (disc.parent / "bin" / "xorriso.log").read_text()
    for word in ("speed=8", "-multi", f"tsize={len(now) // 2048 - BEGINS}s"):
        assert word in asked.split()
    assert "blank=" not in asked
    assert "write_start_address" not in asked


def test_the_disc_is_finalised_unless_it_is_to_stay_open_and_a_simulation_writes_nothing(
    disc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = disc.read_bytes()
    for option in ("-n", "--simulate"):
        put_fake(disc.parent, monkeypatch, f'echo "$*" >>$0.log; {DONE}', answer(OPEN))
        said = added(disc, option, "--json")
        assert (said.code, said.document["counts"].get("planned")) == (0, 1), said.err
        assert disc.read_bytes() == before
    assert "-dummy" in (disc.parent / "bin" / "xorriso.log").read_text()
    assert "without `--simulate`" in added(disc, "--simulate").out
    put_fake(disc.parent, monkeypatch, WRITES, answer(OPEN))
    assert added(disc).code == 0
    assert "-multi" not in (disc.parent / "bin" / "xorriso.log").read_text()


def test_what_is_removed_in_a_session_is_no_longer_on_the_disc_for_its_readers(disc: Path) -> None:
    before = disc.read_bytes()
    said = mediakit("update", f"stdio:{disc}", "--session", "--remove", uid_of(CT_1), "--json")
    assert (said.code, said.document["counts"]["removed"]) == (0, 1), said.err
    assert disc.read_bytes()[: len(before)] == before
    assert uid_of(CT_1).encode() not in directory_of(disc)
    assert uid_of(CT_2).encode() in directory_of(disc)


def test_a_disc_that_can_get_no_session_is_left_alone_with_a_word_why(
    disc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = disc.read_bytes()
    for changes, words in (
        ({"is written , is appendable": "is written , is closed"}, "is closed: no session can be added"),
        ({"is written , is appendable": "is blank"}, "is blank: there is no session to go on from"),
        ({"is written , is appendable": "is not present"}, "there is no disc in the drive"),
        ({"is appendable": "is appendable , but next track is damaged"}, "the drive cannot use this disc"),
        ({f"Media nwa    : {BEGINS}s": "Media nwa    : none"}, "does not say where a session can begin"),
        ({"CD-R,": "DVD+RW,"}, "is written over, and gets no further sessions"),
        ({"CD-R,": "DVD-R,"}, "the DVD-R in the drive is not a 120 mm CD-R"),
        ({"1 session": "2 sessions"}, "the drive counts 2, 1 can be read"),
    ):
        state = OPEN
        for one, other in changes.items():
            assert one in state
            state = state.replace(one, other)
        put_fake(disc.parent, monkeypatch, WRITES, answer(state))
        said = added(disc)
        assert (said.code, words in said.err) == (2, True), (said.code, said.err, words)
    put_fake(disc.parent, monkeypatch, WRITES, answer(OPEN))
    for options, words in (
        (("-p", "STD-GEN-DVD-JPEG"), "has no File-set Updater (FSU)"),
        (("-o", disc.parent / "new.iso"), "leave `-o` out"),
    ):
        said = added(disc, *options)
        assert (said.code, words in said.err) == (2, True), said.err
    for order in ((disc, "--speed", "8"), (f"stdio:{disc}",)):
        said = mediakit("update", *order, "--add", CT_3)
        assert (said.code, "--session" in said.err) == (2, True), said.err
    monkeypatch.setenv("PATH", str(disc.parent))
    assert "apt install xorriso" in added(disc).err
    assert disc.read_bytes() == before


def test_a_session_that_has_no_room_is_not_begun(disc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = disc.read_bytes()
    for state, options in (
        (OPEN.replace("340000 writable", "20 writable"), ()),
        (OPEN, ("--capacity", "24MB")),
        (OPEN.replace(f": {BEGINS}s", ": 40s"), ()),
    ):
        put_fake(disc.parent, monkeypatch, WRITES, answer(state))
        for rehearsal in ((), ("-n",)):
            said = added(disc, *options, *rehearsal)
            assert said.code in {4, 8}, said.err
            assert "nothing was written" in said.err
    assert disc.read_bytes() == before


def test_a_disc_that_was_changed_meanwhile_gets_nothing(disc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = disc.parent / "other.iso"
    burnt_to(other, CT_2, MR)
    order = UpdateOrder(
        when=WHEN, add=(CT_3,), catalogue=CATALOGUE, session=True, state=disc.parent / "state"
    )

    def put_in(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "proof":
            disc.write_bytes(other.read_bytes())

    done = update(Path(f"stdio:{disc}"), order, put_in)
    assert done.result.outcome is Outcome.INTEGRITY
    assert [one.rule.id for one in done.result.report.findings][-1] == "MK-DRV-009"
    assert disc.read_bytes() == other.read_bytes()

    again = (
        f"test -f $0.again && {{ {answer(OPEN.replace('1 session', '2 sessions'))}exit; }}; touch $0.again\n"
    )
    put_fake(disc.parent, monkeypatch, WRITES, again + answer(OPEN))
    said = added(disc)
    assert (said.code, "was written to meanwhile" in said.err) == (8, True), said.err
    assert disc.read_bytes() == other.read_bytes()
    with pytest.raises(UsageError, match="needs a folder"):
        update(Path(f"stdio:{disc}"), UpdateOrder(when=WHEN, add=(CT_3,), catalogue=CATALOGUE, session=True))


def test_a_session_that_was_not_written_whole_is_named_and_the_earlier_set_is_there(
    disc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = disc.read_bytes()
    damage = f"printf X | dd of=$target bs=1 seek={(BEGINS + 30) * 2048} conv=notrunc 2>/dev/null"
    for script, words in (
        (f"{BEGUN}; exit 5", "was not written to its end"),
        (f"{BEGUN}; {AT}; {damage}; {DONE}", f"from byte {(BEGINS + 30) * 2048:,} on"),
        (f"{BEGUN}; head -c 70000 | {AT}; {DONE}", f"from byte {BEGINS * 2048 + 70_000:,} on"),
        (f"{BEGUN}; cat >/dev/null; {DONE}", f"from byte {BEGINS * 2048:,} on"),
    ):
        disc.write_bytes(before)
        put_fake(disc.parent, monkeypatch, script, answer(OPEN))
        said = added(disc)
        assert (said.code, "MK-DRV-007" in said.err, words in said.err) == (8, True, True), said.err
        assert "MK-DRV-001" not in said.err
        assert "  written " not in said.out
        assert disc.read_bytes()[: len(before)] == before
