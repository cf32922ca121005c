"""`--jobs auto`: more associations where they bring more, and peers that do not want them."""

from __future__ import annotations

import struct
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer
from mediakit.errors import UsageError
from mediakit.events import AssociationsOpen, Event
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.act.sending import share_of_associations
from mediakit.stages.act.waiting import MOST_ERRORS_AGAIN
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target, target_at
from mediakit.transfer.associations import (
    ANSWERS_EACH,
    PATIENT_STUDY_ONLY_FIND,
    Associations,
    loses_side_by_side,
)
from mediakit.transfer.probed import ContextOutcome, Negotiated
from tests.support.fault_bytes import Connection, Incoming, abort
from tests.support.importing import (
    ALL_PATIENTS,
    PATIENT,
    QUICK,
    Watch,
    WatchedScp,
    check_truth,
    digests,
    folder_of_small,
    import_into,
    peer_of,
    states_of,
    uid,
)
from tests.support.network_peers import delayed, pynetdicom_scp

COUNT, PIXELS = 200, 400
SENT = digests(COUNT, PIXELS)
STORED = ContextOutcome(
    id=1, sop_class="1.2", proposed=(), transfer_syntax="", why="", is_scu=True, is_scp=False
)
SIGN = replace(STORED, sop_class=PATIENT_STUDY_ONLY_FIND, why="abstract syntax not supported")
AGREED = Negotiated(
    our_longest_pdu=0,
    their_longest_pdu=0,
    implementation_class="",
    implementation_version="",
    window_proposed=None,
    window=(1, 1),
    identity="",
    contexts=(),
)


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT, PIXELS)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


class Limited(WatchedScp):
    """A peer that answers after a while, as over a link, and takes so many associations at once."""

    def __init__(self, takes: int, *, is_late: bool = False) -> None:
        super().__init__(watch=Watch(before_answer=lambda _: time.sleep(0.01)))
        self.takes = takes
        self.refused = 0
        self.most_alive = 0
        self._is_late = is_late  # accepts what is too much, and aborts it at its first instance

    def _associate(self, link: Connection, body: bytes) -> bytes:
        answer = super()._associate(link, body)
        with self._lock:
            self.most_alive = max(self.most_alive, len(self._alive))
            if len(self._alive) > self.takes and not self._is_late:
                self.refused += 1
                return struct.pack(">BxI4B", 3, 4, 0, 2, 3, 2)  # local limit exceeded
        return answer

    def _after_command(self, link: Connection, message: Incoming) -> str:
        if self._is_late and len(self._alive) > self.takes and link.number != min(self._alive):
            self.refused += 1
            link.sock.sendall(abort(2, 0))
            return "by-us"
        return super()._after_command(link, message)


def test_it_grows_where_answers_take_time_and_says_how_far(medium: Path, jobs: Jobs) -> None:
    heard: list[Event] = []
    with Limited(takes=100) as scp:
        order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
        target = Target(destination=DimseDestination(peer_of(scp)))
        imported = import_medium(medium, target, jobs, order, heard.append)
    check_truth(imported, scp, jobs, SENT)
    assert sorted(scp.stored) == sorted(SENT)  # each once
    told = [event.count for event in heard if isinstance(event, AssociationsOpen)]
    assert told == list(range(1, len(told) + 1))
    assert imported.result.figures["associations"] == len(told)
    assert 2 <= told[-1] <= 16


def test_a_limit_of_the_peer_is_kept_to_and_no_fault(medium: Path, jobs: Jobs) -> None:
    for takes in (1, 2):
        with Limited(takes=takes) as scp:
            imported = import_into(scp, medium, jobs)
        check_truth(imported, scp, jobs, SENT)
        assert imported.result.outcome is Outcome.GOOD
        assert {one.rule.id for one in imported.result.report.findings} == {"MK-IMP-006"}  # no DICOMDIR
        assert sorted(scp.stored) == sorted(SENT)
        assert imported.result.figures["associations"] == takes
        assert 1 <= scp.refused <= 3  # and then it is left alone


def test_a_peer_that_aborts_what_it_accepted_costs_no_instance(medium: Path, jobs: Jobs) -> None:
    with Limited(takes=1, is_late=True) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert {one.uid for one in scp.received} == SENT.keys()
    assert sorted(scp.acknowledged) == sorted(SENT)
    assert scp.refused >= 1


class Silent(Limited):
    """A peer that takes the connection of a second association, and never answers the request."""

    def _associate(self, link: Connection, body: bytes) -> bytes:
        answer = super()._associate(link, body)
        with self._lock:
            is_further = len(self._alive) > 1 or self.refused > 0
            self.refused += is_further
        if is_further:
            time.sleep(4)
        return answer


def test_what_is_left_over_ends_when_nothing_is_left_to_send(medium: Path, jobs: Jobs) -> None:
    with Silent(takes=100) as scp:
        imported = import_into(scp, medium, jobs, replace(PATIENT, association_s=3))
    check_truth(imported, scp, jobs, SENT)
    assert imported.result.outcome is Outcome.GOOD
    assert sorted(scp.stored) == sorted(SENT)
    assert scp.refused == 1  # all was sent while the first try was waiting


def test_over_a_delayed_link_several_associations_carry_the_instances(medium: Path, jobs: Jobs) -> None:
    with WatchedScp() as scp, delayed(scp.port) as port:
        destination = DimseDestination(replace(peer_of(scp), port=port))
        order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
        imported = import_medium(medium, Target(destination=destination), jobs, order)
    check_truth(imported, scp, jobs, SENT)
    assert sorted(scp.stored) == sorted(SENT)
    assert len(scp.proposed) >= 2
    signs = [PATIENT_STUDY_ONLY_FIND in {uid for uid, _ in each.values()} for each in scp.proposed]
    assert signs == [True] + [False] * (len(scp.proposed) - 1)
    items = [item for each in scp.user_items for item in each]
    assert items
    assert not any(PATIENT_STUDY_ONLY_FIND.encode() in value for _, value in items)  # none of storage is


def test_nothing_but_storage_is_proposed_where_there_can_be_one_association_or_as_many_as_ordered(
    jobs: Jobs, medium: Path, tmp_path: Path
) -> None:
    few = folder_of_small(tmp_path / "few", 2 * ANSWERS_EACH - 1, PIXELS)
    cases: tuple[tuple[Path, Associations, int | None], ...] = (
        (medium, 2, None),
        (medium, "auto", 1),
        (few, "auto", None),
    )
    for source, associations, configured in cases:
        with WatchedScp() as scp:
            destination = DimseDestination(replace(peer_of(scp), most_associations=configured))
            order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS, associations=associations)
            import_medium(source, Target(destination=destination), jobs, order)
        assert scp.proposed
        assert PATIENT_STUDY_ONLY_FIND not in {uid for each in scp.proposed for uid, _ in each.values()}


def test_a_peer_made_with_dcmtk_counts_as_dcmqrscp_when_it_takes_the_sign_or_could_not_be_asked() -> None:
    taken = replace(SIGN, why="")
    for version, contexts, loses in (
        ("OFFIS_DCMTK_367", (STORED, taken), True),
        ("OFFIS_DCMTK_367", (STORED, SIGN), False),
        ("OFFIS_DCMTK_369", (STORED,), True),
        ("PACS 1", (STORED, taken), False),
        ("", (STORED,), False),
    ):
        agreed = replace(AGREED, implementation_version=version, contexts=contexts)
        assert loses_side_by_side(agreed) is loses, (version, contexts)


def test_pynetdicom_with_a_maximum_of_associations_gets_everything(tmp_path: Path) -> None:
    medium = folder_of_small(tmp_path / "m", 120, PIXELS)
    for most in (1, 2):
        with pynetdicom_scp(most_associations=most) as scp:
            jobs = Jobs(tmp_path / str(most))
            peer = Peer(called_ae=scp.ae_title, host="127.0.0.1", port=scp.port)
            order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
            done = import_medium(medium, Target(destination=DimseDestination(peer)), jobs, order)
        assert done.result.outcome is Outcome.GOOD
        assert done.result.figures["associations"] <= most  # type: ignore[operator]  # a number
        assert len(scp.instances) == len({uid for uid, _, _ in scp.instances}) == 120


def test_no_more_than_is_configured(medium: Path, jobs: Jobs) -> None:
    with Limited(takes=100) as scp:
        destination = DimseDestination(replace(peer_of(scp), most_associations=2))
        order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
        done = import_medium(medium, Target(destination=destination), jobs, order)
        assert done.result.figures["associations"] == scp.most_alive == 2
        for count, words in ((3, "more than this destination is set to have"), (0, "not a number")):
            with pytest.raises(UsageError, match=words):
                import_medium(
                    medium, Target(destination=destination), jobs, replace(order, associations=count)
                )
    assert share_of_associations(destination, 2) == 1
    with pytest.raises(UsageError, match="3 workers"):
        share_of_associations(destination, 3)


def test_a_folder_gets_one(medium: Path, jobs: Jobs, tmp_path: Path) -> None:
    order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
    done = import_medium(medium, target_at(f"dir:{tmp_path / 'out'}"), jobs, order)
    assert done.result.figures["associations"] == 1


def test_a_peer_that_refuses_for_want_of_resources_gets_fewer_at_once(medium: Path, jobs: Jobs) -> None:
    """It has room for two instances at a time: what it refuses is sent again, and stored."""
    room, busy = threading.Lock(), [0]

    def status(_: int, __: str) -> int:
        with room:
            busy[0] += 1
            is_full = busy[0] > 2
        time.sleep(0.01)
        with room:
            busy[0] -= 1
        return 0xA700 if is_full else 0

    with WatchedScp() as scp:
        scp.script = replace(scp.script, statuses=status)
        imported = import_into(scp, medium, jobs)
    check_truth(imported, scp, jobs, SENT)
    assert imported.result.outcome is Outcome.GOOD


def test_an_error_that_others_may_have_caused_is_not_the_last_word(medium: Path, jobs: Jobs) -> None:
    """It breaks over each tenth instance when it has another one in hand, and over one always."""
    room, busy, bad = threading.Lock(), [0], uid(7)
    erred: Counter[str] = Counter()

    def status(number: int, sop_instance: str) -> int:
        with room:
            busy[0] += 1
            is_hurried = busy[0] > 1 and number % 10 == 0 and not erred[sop_instance]
        time.sleep(0.01)
        with room:
            busy[0] -= 1
            erred[sop_instance] += is_hurried or sop_instance == bad
        return 0xC000 if is_hurried or sop_instance == bad else 0

    with WatchedScp() as scp:
        scp.script = replace(scp.script, statuses=status)
        imported = import_into(scp, medium, jobs)
    assert len(erred) > 1
    assert max(erred.values()) <= 2
    assert {one.sop_instance: one.state for one in imported.result.fates if not one.state.is_good} == {
        bad: State.FAILED
    }
    assert sorted(scp.acknowledged) == sorted(SENT.keys() - {bad})


def test_a_destination_that_takes_nothing_is_sent_little_twice(medium: Path, jobs: Jobs) -> None:
    def status(_: int, __: str) -> int:
        time.sleep(0.01)
        return 0xC000

    with WatchedScp() as scp:
        scp.script = replace(scp.script, statuses=status)
        imported = import_into(scp, medium, jobs)
    check_truth(imported, scp, jobs, SENT)
    assert set(states_of(imported).values()) == {State.FAILED}
    assert COUNT <= len(scp.received) <= COUNT + MOST_ERRORS_AGAIN


def test_a_peer_that_dies_as_it_gets_more_associations_has_everything_after_a_resume(
    medium: Path, jobs: Jobs
) -> None:
    with Limited(takes=100) as scp:

        def die(_: int) -> None:
            time.sleep(0.01)
            if len(scp.proposed) >= 3:
                scp.die()

        scp.watch = Watch(before_answer=die)
        imported = import_into(scp, medium, jobs)
        check_truth(imported, scp, jobs, SENT)
        assert imported.result.outcome is Outcome.PARTLY_STORED
        before = Counter(scp.stored)
    again = WatchedScp()
    again.port = scp.port
    with again:
        resumed = import_into(again, medium, jobs, resume=True)
    assert resumed.result.outcome is Outcome.GOOD
    assert resumed.job == imported.job
    assert {one.uid: one.sha256 for one in (*scp.received, *again.received)} == SENT
    doubles = before + Counter(again.stored)
    assert sum(count - 1 for count in doubles.values()) <= len(scp.proposed)
