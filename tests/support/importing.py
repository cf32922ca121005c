"""Imports over real sockets, and whether what they say of each instance is true: small instances in a folder,
an SCP whose faults may go by instance, and the one comparison of result, ledger and what the SCP really got.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer, Timeouts
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder, Patience
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from mediakit.transfer.patient_identity import Expectation, Mixed
from mediakit.transfer.states import TransferState
from tests.support.dicom_bytes import CT, EXPLICIT, ct_header, element, part10
from tests.support.fault_bytes import Connection, Incoming
from tests.support.fault_scp import STALL_S, FaultScp, Received
from tests.support.fault_script import AtInstance, Script

QUICK = Patience(refusals=(0.0, 0.0), connections=(0.0, 0.0, 0.0), grace_s=5.0)
PATIENT = Timeouts(connect_s=10, association_s=20, answer_s=20)
HASTY = Timeouts(connect_s=5, association_s=0.6, answer_s=0.6)  # for a peer that will not answer
ALL_PATIENTS = Expectation(mixed=Mixed.ALLOW)
_ROOT = "1.2.826.0.1.3680043.10.1"


def uid(number: int) -> str:
    """Return the SOP Instance UID of an instance of `small`."""
    return f"{_ROOT}.{number}"


def data_set(number: int, pixels: int = 4000, sop_class: str = CT) -> bytes:
    """Return the data set of a small CT slice; no two are the same."""
    header = ct_header(number, uid(number))
    if sop_class != CT:
        header = header.replace(element(0x00080016, "UI", CT), element(0x00080016, "UI", sop_class), 1)
    rows, columns = _shape(pixels)
    for tag, number_of in ((0x00280010, rows), (0x00280011, columns)):
        at = header.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF) + b"US\x02\x00")
        header = header[: at + 8] + struct.pack("<H", number_of) + header[at + 10 :]
    return header + element(0x7FE00010, "OW", hashlib.shake_128(b"%d" % number).digest(pixels))


def _shape(pixels: int) -> tuple[int, int]:
    """Return rows and columns of an image with so many bytes of pixels, two for each."""
    samples = pixels // 2
    rows = next(rows for rows in range(1, samples + 1) if samples % rows == 0 and samples // rows <= 0xFFFF)
    return rows, samples // rows


def small(number: int, pixels: int = 4000, sop_class: str = CT, syntax: str = EXPLICIT) -> bytes:
    """Return the whole file of a small CT slice."""
    return part10(data_set(number, pixels, sop_class), sop_class, uid(number), syntax)


def folder_of_small(root: Path, count: int, pixels: int = 4000) -> Path:
    """Make a folder of so many small slices."""
    root.mkdir(parents=True)
    for number in range(count):
        (root / f"IM{number:04}").write_bytes(small(number, pixels))
    return root


def digests(count: int, pixels: int = 4000) -> dict[str, str]:
    """Return by UID the SHA-256 of the data sets of `folder_of_small`."""
    return {uid(number): hashlib.sha256(data_set(number, pixels)).hexdigest() for number in range(count)}


def _nothing(_: object) -> None:
    """Do nothing."""


@dataclass(kw_only=True)
class Watch:
    """What is to be done while an SCP receives: hooks, called in its threads.

    `at_bytes` gets the number of bytes of data sets so far, `before_answer` and `after_answer` that of
    instances that came whole.
    """

    at_bytes: Callable[[int], None] = field(default=_nothing)
    before_answer: Callable[[int], None] = field(default=_nothing)
    after_answer: Callable[[int], None] = field(default=_nothing)


class WatchedScp(FaultScp):
    """A faulty SCP whose faults may also go by SOP Instance UID, and that lets somebody watch."""

    def __init__(
        self,
        script: Script | None = None,
        by_uid: Mapping[str, AtInstance] | None = None,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(script)
        self.begun: list[str] = []  # the UIDs of all C-STORE requests
        self.bytes_got = 0
        self.watch = watch or Watch()
        self._by_uid = dict(by_uid or {})

    def wait_for_death(self) -> None:
        """Wait until it has died, or the test ends."""
        self._dead.wait(STALL_S)

    def _after_command(self, link: Connection, message: Incoming) -> str:
        self.begun.append(message.uid)
        message.fault = message.fault or self._by_uid.get(message.uid)
        return super()._after_command(link, message)

    def _fragment(
        self, link: Connection, message: Incoming, context_id: int, fragment: tuple[int, bytes]
    ) -> str:
        if not fragment[0] & 1:
            self.bytes_got += len(fragment[1])
            self.watch.at_bytes(self.bytes_got)
        return super()._fragment(link, message, context_id, fragment)

    def _answer(self, link: Connection, message: Incoming) -> str:
        self.watch.before_answer(len(self.received))
        how = super()._answer(link, message)
        self.watch.after_answer(len(self.received))
        return how


def peer_of(scp: FaultScp, timeouts: Timeouts = PATIENT) -> Peer:
    """Return how a faulty SCP is reached."""
    return Peer(called_ae="FAULTY", host="127.0.0.1", port=scp.port, timeouts=timeouts)


def import_into(
    scp: FaultScp, source: Path, jobs: Jobs, timeouts: Timeouts = PATIENT, **changes: object
) -> Imported:
    """Import over the network, without waits between tries; `changes` are fields of ImportOrder."""
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL_PATIENTS, **changes})  # type: ignore[arg-type]  # each test passes its fields
    return import_medium(source, Target(destination=DimseDestination(peer_of(scp, timeouts))), jobs, order)


def states_of(imported: Imported) -> dict[str, State]:
    """Return by SOP Instance UID what became of each instance."""
    return {fate.sop_instance: fate.state for fate in imported.result.fates if fate.sop_instance}


def check_truth(imported: Imported, scp: FaultScp, jobs: Jobs, sent: Mapping[str, str]) -> None:
    """Compare result, ledger and what the SCP got. `sent` are the SHA-256 of the data sets by UID."""
    told = states_of(imported)
    assert told.keys() == sent.keys()
    check_ledger(imported, jobs)
    for uid_, state in told.items():
        got = [one for one in scp.received if one.uid == uid_]
        assert all(one.sha256 == sent[uid_] for one in got)
        assert state in _possible(got) | _in_doubt(got, scp.cut), (uid_, state, got)
    check_outcome(imported)


def check_ledger(imported: Imported, jobs: Jobs) -> None:
    """Compare the rows of a result with the ledger, and both with the history."""
    if not imported.job:  # the destination was never reached: the job is forgotten
        assert imported.result.outcome is Outcome.NO_ASSOCIATION
        assert jobs.summaries() == ()
        return
    view = jobs.read(imported.job)
    rows = {row.key: row.state for row in view.rows()}
    assert rows == {row.key: row.state for row in imported.rows}
    for key, state in rows.items():
        assert view.history(key)[-1].now == state.value
    told = states_of(imported)
    with_uid = [row for row in imported.rows if row.item.sop_instance]
    assert all(told[row.item.sop_instance] is row.state.fate for row in with_uid)


def check_outcome(imported: Imported) -> None:
    """Compare the exit code with the states, by a table of its own."""
    states = set(states_of(imported).values())
    good = {State.STORED, State.STORED_WITH_WARNING, State.ALREADY_THERE}
    if states <= good:
        assert imported.result.outcome is Outcome.GOOD
    elif states == {State.UNSENT}:
        assert imported.result.outcome is Outcome.NO_ASSOCIATION
    else:
        assert imported.result.outcome is Outcome.PARTLY_STORED


def _in_doubt(got: list[Received], cut: frozenset[int]) -> set[State]:
    """Return how an instance may end as well when its answer was on an association that a death cut."""
    return _possible([replace(got[-1], status=None)]) if got and got[-1].association in cut else set()


def _possible(got: list[Received]) -> set[State]:
    """Return how an instance may end of which an SCP got this."""
    statuses = [one.status for one in got if one.status is not None]
    if any(status == 0 for status in statuses):
        return {State.STORED}
    if any(status >> 12 == 0xB for status in statuses):
        return {State.STORED_WITH_WARNING}
    doubtful = {State.UNCERTAIN}
    if statuses and statuses[-1] >> 8 == 0xA7:
        return doubtful | {State.REFUSED}
    if statuses:
        return {State.FAILED}
    if got:
        return doubtful
    return doubtful | {State.UNSENT, State.NOT_NEGOTIATED, State.UNREADABLE}


def states_in(jobs: Jobs, job: str) -> dict[str, TransferState]:
    """Return by SOP Instance UID what a ledger holds."""
    return {row.item.sop_instance: row.state for row in jobs.read(job).rows()}
