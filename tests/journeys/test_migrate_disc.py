"""The discs of a migration one by one, in this process: whose each instance is, and what the ledger keeps.

What is asked of a ledger is asked of both stores: a file of SQLite, and PostgreSQL.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediakit.errors import UsageError
from mediakit.journeys.migrate import outcome_of_migration
from mediakit.journeys.migrate_disc import DiscOrder, visit_disc
from mediakit.journeys.migrate_sources import discs_of, first_of
from mediakit.journeys.migrate_work import Hours
from mediakit.ledger.migration import MOST_DEATHS, Migration
from mediakit.ledger.migration_reading import migrated_of, studies_of
from mediakit.ledger.migration_steps import LeaseLost
from mediakit.ledger.migration_values import (
    DiscState,
    InstanceState,
    MigrationFacts,
    Planned,
    SeenFile,
    SeenStudy,
    Visit,
)
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from tests.support.import_runs import ALL, QUICK
from tests.support.importing import small, uid
from tests.support.postgres import Postgres
from tests.support.scripted import BAD, SUCCESS, ScriptedDestination

_TAKEN: list[str] = []  # a schema for each test
FACTS = MigrationFacts(destination="SCRIPT@127.0.0.1:1")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Migration]:
    address = str(tmp_path / "m.sqlite")
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        address = server.address(f"m{len(_TAKEN)}")
        _TAKEN.append(address)
    with Migration.begin(address, FACTS) as migration:
        yield migration


def disc(root: Path, name: str, *numbers: int) -> Path:
    folder = root / "discs" / name
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"IM{number}").write_bytes(small(number, 200))
    return folder


def ordered(destination: ScriptedDestination, **changes: object) -> DiscOrder:
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL, **changes})  # type: ignore[arg-type]  # each test passes its fields
    return DiscOrder(target=Target(destination=destination), order=order)


def work_off(ledger: Migration, order: DiscOrder) -> None:
    """Do what a worker does until no disc can be had."""
    while claim := ledger.claim("me", 60.0, is_inventory=order.is_inventory):
        here = replace(order, jobs=Path(claim.path).parents[1] / "jobs")
        ledger.settle(claim, visit_disc(ledger, claim, here))


def told(ledger: Migration, name: str) -> dict[State, int]:
    (line,) = [one for one in migrated_of(ledger.address).discs if one.path.endswith(name)]
    return dict(line.files)


def test_copies_are_brought_once_and_other_bytes_of_the_same_uid_stay_on_their_disc(
    tmp_path: Path, ledger: Migration
) -> None:
    disc(tmp_path, "a", 1, 2)
    other = disc(tmp_path, "b", 2, 3) / "IM3"
    changed = bytearray(small(1, 200))
    changed[-1] ^= 1
    other.with_name("IM1").write_bytes(changed)
    ledger.add_discs(discs_of([tmp_path / "discs"]))
    destination = ScriptedDestination()
    work_off(ledger, ordered(destination))
    found = migrated_of(ledger.address)
    assert sorted(destination.uids()) == [uid(1), uid(2), uid(3)]
    assert told(ledger, "b") == {State.CONFLICT: 1, State.DUPLICATE: 1, State.STORED: 1}
    assert [one.sop_instance for one in found.conflicts] == [uid(1)]
    assert found.imbalances == ()
    assert outcome_of_migration(found) is Outcome.PARTLY_STORED


def test_values_that_no_standard_allows_are_kept_too(tmp_path: Path, ledger: Migration) -> None:
    folder = disc(tmp_path, "a", 1)
    choose = random.Random(1)  # noqa: S311 - not a secret
    long = "1.2." + "".join(choose.choices("0123456789", k=6000))
    files = [
        SeenFile(path=f"{folder}/{name}", state=State.PLANNED, sop_instance=sop, digest="d")
        for name, sop in (("x" * 3000, long), ("\udcff\x01\0", "\x01zz\udcfe\0"), ("IM1", "1.2"))
    ]
    ledger.add_discs([str(folder)])
    claim = ledger.claim("me", 60.0)
    assert claim is not None
    study = SeenStudy(study=long, patient_id="A\0" + long)
    ledger.note_inventory(claim, files, [study], 0)
    uids = {file.sop_instance: "d" for file in files}
    for _ in range(2):
        shares = ledger.share(claim, uids)
        assert {sop: share.is_mine for sop, share in shares.items()} == dict.fromkeys(uids, True)
    kept = [replace(file, state=State.STORED) for file in files]
    ended = dict.fromkeys(uids, InstanceState.STORED)
    ledger.settle(claim, Visit(state=DiscState.DONE, files=tuple(kept), instances=ended))
    found = migrated_of(ledger.address)
    assert found.instances == {InstanceState.STORED: 3}
    assert found.imbalances == ()
    assert studies_of(ledger.address)[0].study == study


def test_what_the_destination_refused_is_tried_again_alone_when_that_is_asked_for(
    tmp_path: Path, ledger: Migration
) -> None:
    disc(tmp_path, "a", 1, 2)
    ledger.add_discs(discs_of([tmp_path / "discs"]))
    strict = ScriptedDestination(script=lambda item, _: BAD if item.sop_instance == uid(2) else SUCCESS)
    work_off(ledger, ordered(strict))
    assert migrated_of(ledger.address).instances == {InstanceState.REFUSED: 1, InstanceState.STORED: 1}
    mild = ScriptedDestination()
    assert ledger.retry() == 1
    work_off(ledger, ordered(mild))
    found = migrated_of(ledger.address)
    assert mild.uids() == [uid(2)]
    assert told(ledger, "a") == {State.ALREADY_THERE: 1, State.STORED: 1}
    assert found.imbalances == ()
    assert outcome_of_migration(found) is Outcome.GOOD


def test_an_inventory_says_what_is_there_and_sends_nothing(tmp_path: Path, ledger: Migration) -> None:
    disc(tmp_path, "a", 1, 2)
    cut = disc(tmp_path, "b", 2) / "IM3"
    cut.write_bytes(small(3, 200)[:-150])
    (tmp_path / "discs" / "c.iso").write_bytes(b"no image" * 600)
    ledger.add_discs(discs_of([tmp_path / "discs"]))
    destination = ScriptedDestination()
    work_off(ledger, replace(ordered(destination), is_inventory=True))
    found = migrated_of(ledger.address)
    assert destination.uids() == []
    assert found.files[State.PLANNED] == 3
    assert found.planned == Planned(instances=2, copies=1)
    assert [one.copies for one in found.discs] == [1, 1, 0]
    assert [(one.sop_instance, len(one.discs)) for one in found.needed] == [(uid(3), 1)]
    assert outcome_of_migration(found) is Outcome.FINDINGS
    work_off(ledger, ordered(destination))
    assert sorted(destination.uids()) == [uid(1), uid(2)]


def test_a_disc_with_several_patients_is_held_back_whole(tmp_path: Path, ledger: Migration) -> None:
    folder = disc(tmp_path, "a", 1)
    other = bytearray(small(2, 200))
    other[other.index(b"\x10\x00\x20\x00LO") + 8] ^= 1
    (folder / "IM2").write_bytes(other)
    ledger.add_discs(discs_of([tmp_path / "discs"]))
    destination = ScriptedDestination()
    order = ordered(destination)
    work_off(ledger, replace(order, order=ImportOrder(patience=QUICK)))
    found = migrated_of(ledger.address)
    assert destination.uids() == []
    assert [one.state for one in found.discs] == [DiscState.REFUSED]
    assert told(ledger, "a") == {State.WITHHELD: 2}
    assert outcome_of_migration(found) is Outcome.IDENTITY


def test_what_one_disc_cannot_bring_gives_the_discs_with_a_copy_another_turn(ledger: Migration) -> None:
    ledger.add_discs(["/a", "/b"])
    first, second = ledger.claim("one", 60.0), ledger.claim("two", 60.0)
    assert first is not None
    assert second is not None
    for claim in (first, second):
        file = SeenFile(path=f"{claim.path}/IM1", state=State.PLANNED, sop_instance="1.2", digest="d")
        ledger.note_inventory(claim, [file], [], 0)
    assert ledger.share(first, {"1.2": "d"})["1.2"].is_mine
    assert not ledger.share(second, {"1.2": "d"})["1.2"].is_mine
    copy = SeenFile(path="/b/IM1", state=State.DUPLICATE, sop_instance="1.2", digest="d")
    ledger.settle(second, Visit(state=DiscState.DONE, files=(copy,)))
    broken = SeenFile(path="/a/IM1", state=State.UNREADABLE, sop_instance="1.2", digest="d")
    ledger.settle(first, Visit(state=DiscState.PARTLY, files=(broken,), wanted=("1.2",)))
    again = ledger.claim("three", 60.0)
    assert again is not None
    assert again.path == "/b"
    share = ledger.share(again, {"1.2": "d"})["1.2"]
    assert share.is_mine
    assert share.is_retaken


def test_what_a_disc_that_is_gone_had_claimed_comes_from_another_one(
    tmp_path: Path, ledger: Migration
) -> None:
    first = disc(tmp_path, "a", 1)
    disc(tmp_path, "b", 1)
    ledger.add_discs(discs_of([tmp_path / "discs"]))
    claim = ledger.claim("one", 60.0)
    assert claim is not None
    kept = first / "IM1"
    file = SeenFile(path=str(kept), state=State.PLANNED, sop_instance=uid(1), digest="d")
    ledger.note_inventory(claim, [file], [], 0)
    ledger.share(claim, {uid(1): "d"})
    ledger.bury("one")
    kept.unlink()
    first.rmdir()
    destination = ScriptedDestination()
    work_off(ledger, ordered(destination))
    found = migrated_of(ledger.address)
    assert destination.uids() == [uid(1)]
    assert [one.state for one in found.discs] == [DiscState.UNREADABLE, DiscState.DONE]
    assert told(ledger, "a") == {State.UNSENT: 1}
    assert found.imbalances == ()


def test_a_disc_whose_lease_is_over_is_another_workers_and_the_first_one_writes_nothing(
    ledger: Migration,
) -> None:
    ledger.add_discs(["/a"])
    lost = ledger.claim("one", 60.0)
    assert lost is not None
    assert ledger.claim("two", 60.0) is None
    ledger.bury("one")
    taken = ledger.claim("two", 60.0)
    assert taken is not None
    assert not ledger.renew(lost, 60.0)
    with pytest.raises(LeaseLost):
        ledger.settle(lost, Visit(state=DiscState.DONE))
    for number in range(MOST_DEATHS):
        ledger.bury("two" if number == 0 else str(number))
        ledger.claim(str(number + 1), 60.0)
    (line,) = migrated_of(ledger.address).discs
    assert line.state is DiscState.FAILED
    assert not ledger.is_left()


def test_nothing_is_begun_while_the_destination_is_away_and_wishes_come_first(
    tmp_path: Path, ledger: Migration
) -> None:
    ledger.add_discs(["/a", "/b", "/c"])
    wishes = tmp_path / "first.csv"
    wishes.write_text("disc,note\n/c,urgent\nb,soon\n")
    ledger.set_first(first_of(wishes))
    ledger.hold(60.0)
    assert ledger.claim("me", 60.0) is None
    ledger.hold(0.0)
    taken = [claim.path for _ in range(3) if (claim := ledger.claim("me", 60.0)) is not None]
    assert taken == ["/c", "/b", "/a"]


def test_a_ledger_belongs_to_one_destination_and_one_patient_map(tmp_path: Path, ledger: Migration) -> None:
    for facts in (replace(FACTS, destination="OTHER@127.0.0.1:1"), replace(FACTS, map_digest="x")):
        with pytest.raises(UsageError):
            Migration.begin(ledger.address, facts)
    with pytest.raises(UsageError):
        migrated_of(tmp_path / "none.sqlite")


def test_discs_are_listed_without_maps_hidden_files_and_copies_under_way(tmp_path: Path) -> None:
    for name in ("a.iso", "a.iso.map", ".hidden", "b.zip.part", "c.img"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d" / "x").mkdir(parents=True)
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "DICOMDIR").write_bytes(b"")
    listed = tmp_path.parent / "list.csv"
    listed.write_text(f"disc\n{tmp_path / 'c.img'}\n")
    names = [Path(path).name for path in discs_of([tmp_path])]
    assert names == ["a.iso", "c.img", "d", "e"]
    assert [Path(path).name for path in discs_of([tmp_path / "e", listed])] == ["e", "c.img"]
    with pytest.raises(UsageError):
        discs_of([tmp_path / "gone"])


def test_hours_may_go_over_midnight() -> None:
    night, day = Hours(19 * 60 + 30, 6 * 60), Hours(8 * 60, 17 * 60)
    held = [half for half in range(48) if night.holds_at(half * 30)]
    assert held == [*range(12), *range(39, 48)]
    assert [hour for hour in range(24) if day.holds_at(hour * 60)] == list(range(8, 17))


def test_a_migration_goes_on_however_its_destination_is_spelled(ledger: Migration) -> None:
    ledger.check(FACTS)
    host = FACTS.destination.replace("127.0.0.1", "LocalHost")
    named = ledger.address if "#" not in ledger.address else ledger.address.replace("#", "#n")
    named = named.replace("m.sqlite", "n.sqlite")
    with Migration.begin(named, MigrationFacts(destination=host)) as other:
        other.check(MigrationFacts(destination=host.lower().replace("script", "SCRIPT")))
        with pytest.raises(UsageError, match="another destination"):
            other.check(FACTS)
