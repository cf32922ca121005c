"""Verify a job: ask the destination again whether it has what an earlier import stored there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from msgspec import structs

from mediakit.dicom.instance import shown
from mediakit.errors import DestinationError, UsageError
from mediakit.events import Listener, silence
from mediakit.findings import Report
from mediakit.journeys.stored_report import keep_imported, recalled
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import outcome_of_import
from mediakit.stages.prove.confirming import TO_PROVE, UNANSWERED, UNPROVEN, Confirmed, confirm
from mediakit.transfer.imported import Imported
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Proof, Prover, Verify
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState

_ASKED = TO_PROVE | {TransferState.COMMITTED}
_STORED = frozenset(state.fate for state in _ASKED)
_RENEWED = frozenset({UNANSWERED.id, UNPROVEN.id})


def verify_job(jobs: Jobs, job: str, prover: Prover, way: Verify, tell: Listener = silence) -> Imported:
    """Ask the destination of a job for everything that counts as stored; nothing is sent.

    What it does not have any more becomes *unconfirmed*. Raises DestinationError when it cannot be asked, and
    UsageError when the job is unfinished or has nothing stored; the job stays as it is then.
    """
    view = jobs.read(job)
    before = recalled(view)
    if not view.summary.outcome:
        raise UsageError(
            "the job is not finished", where=job, hint="`mediakit job retry JOB` goes on with it"
        )
    asked = [row.item for row in before.rows if row.state in _ASKED and row.item.sop_instance]
    if not asked:
        raise UsageError("the job has stored nothing that could be verified", where=job)
    proof = prover(asked, tell)
    if not proof.answers:
        raise DestinationError("the destination did not answer what it has", why=proof.words)

    def known(_items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return proof

    with jobs.resume(job) as ledger:
        confirmed = confirm(ledger, known, tell, _ASKED)
        verified = _verified(before, tuple(ledger.rows()), confirmed, way)
        return keep_imported(ledger, verified)


def _verified(before: Imported, rows: tuple[Row, ...], confirmed: Confirmed, way: Verify) -> Imported:
    places = {row.key: shown(before.source, row.place) for row in rows}
    because = {key: finding.moved(places[key]) for key, finding in confirmed.because.items()}
    asked = {row.item.sop_instance: row for row in rows if row.state in _ASKED}
    fates = tuple(
        structs.replace(fate, state=row.state.fate, because=because.get(row.key))
        if (row := asked.get(fate.sop_instance)) is not None and fate.state in _STORED
        else fate
        for fate in before.result.fates
    )
    kept = (each for each in before.result.report.findings if each.rule.id not in _RENEWED)
    found = (finding.moved(before.destination) for finding in confirmed.findings)
    report = Report.of(before.result.report.subject, chain(kept, because.values(), found))
    proof = f"{way.value}: {confirmed.confirmed} of {confirmed.asked} confirmed"
    result = replace(
        before.result,
        fates=fates,
        report=report,
        outcome=outcome_of_import(fates, report),
        figures={**before.result.figures, "proof": proof},
    )
    return replace(before, result=result, rows=rows, verified=way.value)
