"""Rows and ledgers for tests; and, as a script, a process that writes a ledger until it is killed."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from mediakit.ledger.jobs import Jobs
from mediakit.ledger.ledger import Ledger
from mediakit.ledger.values import JobFacts
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import TRANSITIONS, Happening, TransferState

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
SOURCE = "/media/disc"
PEER = "PACS@127.0.0.1:104"


def uid(number: int) -> str:
    """Return a SOP Instance UID."""
    return f"2.25.{10**20 + number}"


def row(number: int, path: str = "", state: TransferState = TransferState.PLANNED) -> Row:
    """Return a row of an instance with a UID."""
    return Row(key=uid(number), item=item(number, path), state=state)


def lost_row(path: str, state: TransferState = TransferState.UNREADABLE) -> Row:
    """Return a row of a file that cannot be read."""
    outgoing = Outgoing(sop_class="", sop_instance="", transfer_syntax="", path=path, size=0)
    return Row(key=key_of("", path), item=outgoing, state=state)


def item(number: int, path: str = "") -> Outgoing:
    """Return an instance to be sent."""
    return Outgoing(
        sop_class=CT,
        sop_instance=uid(number),
        transfer_syntax=EXPLICIT_LE,
        path=path or f"DICOM/IM{number:04}",
        size=1000 + number,
        study="2.25.1",
        series="2.25.2",
    )


def facts(destination: str = PEER) -> JobFacts:
    """Return what a job is begun with."""
    return JobFacts(source=SOURCE, destination=destination, calling_ae="MEDIAKIT", options={"jobs": "2"})


def started(folder: Path, count: int = 0) -> Ledger:
    """Return the ledger of a new job with some planned rows."""
    ledger = Jobs(folder).start(facts())
    ledger.add([row(number) for number in range(count)], SOURCE)
    return ledger


def write_until_killed(folder: Path, job_id: str, seed: int) -> None:
    """Make anything happen that can, and say so on standard output after each call has returned."""
    choose = random.Random(seed)  # noqa: S311 - not a secret
    with Jobs(folder).resume(job_id) as ledger:
        states = {one.key: one.state for one in ledger.rows()}
        keys = sorted(states)
        while True:
            key = choose.choice(keys)
            happening = choose.choice(sorted(TRANSITIONS[states[key]]))
            sys.stdout.write(f"begin {key} {happening.value}\n")
            sys.stdout.flush()
            states[key] = ledger.happen(key, happening, code=choose.randrange(0x10000), words="said")
            sys.stdout.write(f"done {key} {happening.value}\n")
            sys.stdout.flush()


def hold(folder: Path, job_id: str) -> None:
    """Hold a job until standard input ends; one instance is under way."""
    with Jobs(folder).resume(job_id) as ledger:
        ledger.happen(uid(0), Happening.SEND, sent_as=EXPLICIT_LE)
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(Path(sys.argv[2]), sys.argv[3])
    else:
        write_until_killed(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
