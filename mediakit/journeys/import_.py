"""Import: medium -> inventory -> identity guard -> ledger -> send -> proof -> one state for every instance.

Whatever ends it, the ledger has what is true of every instance, and `resume` goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mediakit.dicom.instance import shown
from mediakit.errors import UsageError
from mediakit.events import FileSettled, FoundSomething, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Finding, Report, Rule, Severity, Where
from mediakit.formats.registry import open_named
from mediakit.journeys.carrying import Log
from mediakit.journeys.confirming import Confirmed, confirm, leave_what_is_there
from mediakit.journeys.identity_guard import NOBODY, Coercer, guard_identities
from mediakit.journeys.import_order import ImportDepth, ImportOrder
from mediakit.journeys.import_target import Target
from mediakit.journeys.inventory import Inventory, take_inventory
from mediakit.journeys.loading import Loader
from mediakit.journeys.rehearsing import rehearse
from mediakit.journeys.sending import Sender
from mediakit.journeys.stored_report import keep_imported
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.ledger import Ledger
from mediakit.ledger.values import JobFacts
from mediakit.outcome import Fate, Outcome, Result, State, outcome_of_import
from mediakit.transfer.imported import ContextLine, Imported
from mediakit.transfer.mapping import digest_of
from mediakit.transfer.negotiate import batches
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Prover, Verify
from mediakit.transfer.row import Row
from mediakit.transfer.states import Happening, TransferState

STOPPED = Rule(
    id="MK-IMP-020",
    severity=Severity.ERROR,
    title="the import ended before everything was sent: {why}",
    ref="PS3.8 7.1",
    hint="when the destination is well again, the same command with `--resume` goes on",
)
GONE = Rule(
    id="MK-IMP-031",
    severity=Severity.ERROR,
    title="the medium went away before everything was sent: {why}",
    ref="PS3.10 8.6",
    hint="put it in again; the same command with `--resume` goes on",
)
BEFORE = Rule(
    id="MK-IMP-022",
    severity=Severity.WARNING,
    title="there was an import of these instances to this destination before: job {job} ({outcome})",
    ref="PS3.4 B",
    hint="`--resume` goes on with it, and sends nothing again that is stored",
)

OF_ANOTHER_JOB = Rule(
    id="MK-IMP-023",
    severity=Severity.NOTE,
    title="is no part of this job",
    ref="PS3.4 B",
    hint="`mediakit import` brings it, as a job of its own",
)

_T = TransferState
_TO_SEND = (frozenset({_T.PLANNED, _T.REFUSED}), frozenset({_T.UNCERTAIN}))


def import_medium(
    source: Path, target: Target, jobs: Jobs, order: ImportOrder, tell: Listener = silence
) -> Imported:
    """Bring the instances of a medium to a destination.

    Returns one state for every instance and one fate for every other file, also when the destination cannot
    be reached or a signal ends it (outcome `INTERRUPTED`). Raises SourceError when the medium cannot be
    opened, UsageError when a job cannot be begun or resumed.
    """
    tree = open_named(source)
    try:
        inventory = take_inventory(tree, str(source), order.scope, tell)
    finally:
        tree.close()
    run = _Run(source, target, jobs, order, inventory, tell)
    return run.run()


def retry_job(
    source: Path, target: Target, jobs: Jobs, job: str, order: ImportOrder, tell: Listener = silence
) -> Imported:
    """Try again what a job did not bring to the destination, from its medium or another copy of it.

    Raises as `import_medium` does.
    """
    return import_medium(source, target, jobs, replace(order, job=job, retry=True), tell)


class _Run:
    """One import under way."""

    def __init__(
        self,
        source: Path,
        target: Target,
        jobs: Jobs,
        order: ImportOrder,
        inventory: Inventory,
        tell: Listener,
    ) -> None:
        self.source = source
        self.target = target
        self.jobs = jobs
        self.order = order
        self.inventory = inventory
        self.tell = tell
        self.log = Log(tell)
        self.stopped = ""
        self.gone = ""
        self.guarded = NOBODY
        self.coercer = Coercer(NOBODY, order)
        self.because: dict[str, Finding] = dict(inventory.because)
        self.figures: dict[str, str | int | float] = {
            **inventory.figures,
            "destination": target.destination.name,
            "instances": len(inventory.rows),
        }

    def run(self) -> Imported:
        """Go from the inventory to the result."""
        if not self.order.retry:  # a job was guarded when it was begun
            self._guard()
            if self.guarded.is_refused:
                return self._withheld()
        if self.order.depth is not ImportDepth.SEND:
            return self._rehearsed()
        if not self.inventory.rows and not self.order.job:  # nothing that a job could go on with
            return self._result((), tuple(self.inventory.book.fates()), None, "", ())
        with self._job() as ledger:
            self.figures["job"] = ledger.job_id
            self._prepare(ledger)
            try:
                self._send(ledger)
                self._prove(ledger)
                outcome = None
            except KeyboardInterrupt:
                outcome = Outcome.INTERRUPTED
            imported = self._imported(ledger, outcome)
            keep_imported(ledger, imported)
        return imported

    def _guard(self) -> None:
        """Judge whose instances these are; leave out those of patients that were not chosen."""
        self.guarded = guard_identities(self.inventory, self.order)
        self.inventory.book.findings += [
            finding.moved(finding.where.path or self.inventory.source) for finding in self.guarded.findings
        ]
        self.coercer = Coercer(self.guarded, self.order)
        if not self.guarded.is_refused:
            self.inventory.rows = tuple(
                replace(row, state=_T.EXCLUDED) if row.key in self.guarded.left_out else row
                for row in self.inventory.rows
            )

    def _withheld(self) -> Imported:
        """Send nothing: the identity guard says no."""
        fates = tuple(
            replace(fate, state=State.WITHHELD) if fate.state is State.PLANNED else fate
            for fate in self._fates(self.inventory.rows, rehearsal=True)
        )
        return self._result(self.inventory.rows, fates, None, "", ())

    def _job(self) -> Ledger:
        """Return the ledger of this import: a new one, or that of an earlier import of the same instances."""
        name = self.target.destination.name
        keys = [row.key for row in self.inventory.rows]
        found = self.order.job or self.jobs.match(name, keys)
        if found and (self.order.resume or self.order.job):
            ledger = self.jobs.resume(found)
            if ledger.facts.options.get("map", "") != digest_of(self.order.mapping):
                ledger.close()
                raise UsageError(
                    "instances of one job would get different local values",
                    where=found,
                    why="what its map approved is not what is approved now",
                    hint="go on with the same `--map`, or begin a new import without `--resume`",
                )
            return ledger
        if found:
            outcome = self.jobs.read(found).summary.outcome or "unfinished"
            self.inventory.book.findings.append(
                BEFORE.at(Where(path=self.inventory.source), job=found, outcome=outcome)
            )
        facts = JobFacts(
            source=str(self.source.absolute()),
            destination=name,
            options={
                "destination": self.target.written or name,
                "scope": self.order.scope.value,
                "verify": self.order.verify.value,
                "map": digest_of(self.order.mapping),
            },
        )
        return self.jobs.start(facts)

    def _prepare(self, ledger: Ledger) -> None:
        """Write down what is to be done, and open again what a new copy or a new try can change."""
        if self.order.retry:
            self._keep_to_job(ledger)
        ledger.add(self.inventory.rows, self.inventory.source)
        readable = {row.key for row in self.inventory.rows if row.state is _T.PLANNED}
        again = {_T.UNREADABLE, _T.MISSING, _T.NOT_NEGOTIATED, _T.CONFLICT}
        again |= {_T.FAILED, _T.UNCONFIRMED} if self.order.retry else {_T.EXCLUDED}
        keys = [row.key for row in ledger.rows(again) if row.key in readable]
        ledger.happen_all(keys, Happening.AGAIN)
        left_out = {row.key for row in self.inventory.rows if row.state is _T.EXCLUDED}
        keys = [row.key for row in ledger.rows({_T.PLANNED}) if row.key in left_out]
        ledger.happen_all(keys, Happening.SKIP)

    def _keep_to_job(self, ledger: Ledger) -> None:
        """Leave out what is no part of the job: another copy of the medium may hold more."""
        known = {row.key: row for row in ledger.rows()}
        paths = {row.item.path for row in known.values() if not row.item.sop_instance}
        kept: list[Row] = []
        for row in self.inventory.rows:
            if row.key in known or row.item.path in paths:
                kept.append(row)
            else:
                place = self._place(row)
                self.inventory.book.enter(place)
                self.inventory.book.settle(place, State.EXCLUDED, OF_ANOTHER_JOB.at())
        self.inventory.rows = tuple(kept)

    def _to_send(self, ledger: Ledger) -> Iterator[Outgoing]:
        """Yield what is to be sent and lies on this medium, as it lies there.

        At last those that got no answer: such an instance may end every association, and hold up the rest.
        """
        here = {row.key: row.item for row in self.inventory.rows if row.state is _T.PLANNED}
        for states in _TO_SEND:
            yield from (here[row.key] for row in ledger.rows(states) if row.key in here)

    def _send(self, ledger: Ledger) -> None:
        if self.order.ask_first and self.target.query is not None:
            self._ask_first(ledger, self.target.query)
        items = list(self._to_send(ledger))
        destination = self.target.destination
        planned = batches(items, destination.most_contexts, may_convert=self.order.may_convert)
        change = self.coercer if self.coercer.is_needed else None
        loader = partial(Loader, self.source, change, may_convert=self.order.may_convert)
        sender = Sender(destination, ledger, self.order, loader, self.tell)
        self.log = sender.log
        went = [row.key for row in ledger.rows({_T.UNCERTAIN, _T.REFUSED})]
        self.tell(PhaseStarted("send", total=sum(item.size for item in items), unit="bytes"))
        start = time.monotonic()
        try:
            sender.send(planned, went)
        finally:
            self.stopped, self.gone = sender.stopped, sender.gone
            self._note_speed(time.monotonic() - start)
            self.tell(PhaseEnded("send"))

    def _note_speed(self, seconds: float) -> None:
        self.because |= self.log.because
        count = self.log.count
        self.figures |= {
            "sent": count,
            "sent_bytes": self.log.bytes_sent,
            "send_seconds": round(seconds, 3),
            "objects_per_s": round(count / seconds, 1) if seconds else 0.0,
            "megabytes_per_s": round(self.log.bytes_sent / seconds / 1e6, 1) if seconds else 0.0,
        }

    def _ask_first(self, ledger: Ledger, prover: Prover) -> None:
        """Do not send what the destination has."""
        self._note(leave_what_is_there(ledger, prover, tuple(self._to_send(ledger)), self.tell))

    def _prove(self, ledger: Ledger) -> None:
        """Ask for the proof that was ordered."""
        if self.order.verify is Verify.NONE or self.target.verify is None:
            return
        proof = confirm(ledger, self.target.verify, self.tell)
        self._note(proof)
        if proof.asked:
            self.figures["proof"] = f"{self.order.verify.value}: {proof.confirmed} of {proof.asked} confirmed"

    def _note(self, confirmed: Confirmed) -> None:
        self.because |= confirmed.because
        place = self.target.destination.name
        self.inventory.book.findings += [finding.moved(place) for finding in confirmed.findings]

    def _rehearsed(self) -> Imported:
        told = rehearse(self.inventory.rows, self.target.destination, self.order)
        self.because |= told.because
        self.coercer.rehearse()
        self.stopped = told.stopped
        fates = tuple(self._fates(told.rows, rehearsal=True))
        return self._result(
            told.rows, fates, Outcome.NO_ASSOCIATION if told.stopped else None, "", told.lines
        )

    def _imported(self, ledger: Ledger, outcome: Outcome | None) -> Imported:
        rows = tuple(ledger.rows())
        fates = tuple(self._fates(rows, rehearsal=False))
        return self._result(rows, fates, outcome, ledger.job_id, ())

    def _fates(self, rows: Sequence[Row], *, rehearsal: bool) -> Iterator[Fate]:
        """Yield one fate for every file, and for every instance that has none."""
        settled = {fate.source for fate in self.inventory.book.fates()}
        told: set[str] = set()
        for row in rows:
            place = self._place(row)
            if place in settled and row.state is _T.CONFLICT:
                continue  # the book has it, with all files of this UID
            if place in settled or place in told:  # the directory gives one File ID to several instances
                place = f"{place} ({row.key})"
            told.add(place)
            state = row.state.fate
            if rehearsal and row.state is _T.PLANNED:
                state = State.PLANNED
            because = self.because.get(row.key)
            yield Fate(
                source=place,
                state=state,
                because=None if because is None or state.is_good else because.moved(place),
                sop_instance=row.item.sop_instance,
            )
        yield from self.inventory.book.fates()

    def _place(self, row: Row) -> str:
        return shown(self.inventory.source, row.place)

    def _result(
        self,
        rows: Sequence[Row],
        fates: tuple[Fate, ...],
        outcome: Outcome | None,
        job: str,
        lines: Sequence[ContextLine],
    ) -> Imported:
        findings = [*self.inventory.book.findings]
        place = {row.key: self._place(row) for row in rows}
        findings += [finding.moved(place[key]) for key, finding in self.because.items() if key in place]
        findings += [
            finding.moved(shown(self.inventory.source, finding.where.path)) for finding in self.log.findings
        ]
        if self.stopped:
            findings.append(STOPPED.at(Where(path=self.target.destination.name), why=self.stopped))
        if self.gone:
            findings.append(GONE.at(Where(path=self.inventory.source), why=self.gone))
        report = Report.of(self.inventory.source, findings)
        for finding in report.findings:
            self.tell(FoundSomething(finding))
        for fate in fates:
            self.tell(FileSettled(fate))
        result = Result(
            journey="import",
            fates=fates,
            report=report,
            outcome=self._outcome(fates, report) if outcome is None else outcome,
            figures=self.figures,
        )
        return Imported(
            result=result,
            job=job,
            source=self.inventory.source,
            destination=self.target.destination.name,
            rows=tuple(rows),
            contexts=tuple(lines),
            identities=self.guarded.identities if self.guarded.is_refused else (),
            changes=tuple(self.coercer.changes),
            is_rehearsal=self.order.depth is not ImportDepth.SEND,
            verified=self.order.verify.value if self.order.verify is not Verify.NONE else "",
        )

    def _outcome(self, fates: Sequence[Fate], report: Report) -> Outcome:
        outcome = outcome_of_import(fates, report, self.order.fail_on)
        if self.gone and outcome is Outcome.NO_ASSOCIATION:  # nothing went, and not for want of a destination
            return Outcome.PARTLY_STORED
        return outcome
