"""An import to a web server that is no DICOMweb service, at least not at this address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakit.destinations.dicomweb import DicomwebDestination
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder, Patience
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from tests.support.fault_http import FaultServer, Handler, drops_before_answer, replies, serving
from tests.support.importing import (
    ALL_PATIENTS,
    QUICK,
    check_ledger,
    check_outcome,
    folder_of_small,
    states_of,
    uid,
)

COUNT = 8
associations = pytest.mark.parametrize("associations", [1, 3])


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving() as state:
        yield state


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


def imported_to(server: FaultServer, medium: Path, jobs: Jobs, **changes: object) -> Imported:
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL_PATIENTS, **changes})  # type: ignore[arg-type]  # each test passes its fields
    address = DicomwebAddress(url=f"http://{server.address}/wrong")
    imported = import_medium(medium, Target(destination=DicomwebDestination(address)), jobs, order)
    check_ledger(imported, jobs)
    return imported


def posts(server: FaultServer) -> int:
    return sum(method == "POST" for method, _, _ in server.requests)


@associations
@pytest.mark.parametrize("status", [404, 405])
def test_a_wrong_base_url_ends_the_import_at_the_first_instance(
    status: int, associations: int, server: FaultServer, medium: Path, jobs: Jobs
) -> None:
    page = replies(status, b"<html>", "text/html")
    server.get_faults = [page] * COUNT
    server.faults = [page] * COUNT
    imported = imported_to(server, medium, jobs, associations=associations)
    assert set(states_of(imported).values()) == {State.UNSENT}
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    assert posts(server) <= associations
    stopped = [each for each in imported.result.report.findings if each.rule.id == "MK-IMP-020"]
    assert [f"HTTP {status}" in each.text and "base URL" in each.text for each in stopped] == [True]


def test_a_server_that_takes_no_search_is_stored_to(server: FaultServer, medium: Path, jobs: Jobs) -> None:
    server.get_faults = [replies(404)]
    imported = imported_to(server, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert len(server.stored) == COUNT


def test_behind_an_instance_that_was_stored_it_is_an_answer(
    server: FaultServer, medium: Path, jobs: Jobs
) -> None:
    server.faults = [Handler.store, replies(404)]
    imported = imported_to(server, medium, jobs)
    assert imported.result.counts() == {State.STORED: COUNT - 1, State.FAILED: 1}
    check_outcome(imported)


def test_what_was_in_doubt_before_stays_so(server: FaultServer, medium: Path, jobs: Jobs) -> None:
    server.faults = [drops_before_answer]
    first = imported_to(server, medium, jobs, patience=Patience(connections=(), tries=1))
    doubtful = [key for key, state in states_of(first).items() if state is State.UNCERTAIN]
    server.faults = [replies(404)] * COUNT
    again = imported_to(server, medium, jobs, resume=True)
    assert states_of(again) == states_of(first)
    assert len(doubtful) == 1
    server.faults = []
    last = imported_to(server, medium, jobs, resume=True)
    assert last.result.outcome is Outcome.GOOD
    assert set(server.stored) == {uid(number) for number in range(COUNT)}
