"""Jobs as text for a terminal, and as JSON documents ("mediakit/jobs/1" and "mediakit/job/1")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from mediakit.findings import printable
from mediakit.ledger.values import HistoryLine, JobSummary
from mediakit.outcome import sentence_of
from mediakit.report.import_places import ended, needing_attention
from mediakit.report.imported import InstanceDoc, attention_line, attention_lines, instance_doc
from mediakit.transfer.imported import Imported
from mediakit.transfer.outgoing import status_text
from mediakit.transfer.states import TransferState


class JobDoc(msgspec.Struct, frozen=True, kw_only=True):
    """How a job stands. `ended_with` is "" while it is unfinished; `problem` says why it cannot be read."""

    job: str
    source: str
    destination: str
    calling_ae: str
    options: dict[str, str]
    created_at: str
    changed_at: str
    is_running: bool
    ended_with: str
    counts: dict[str, int]
    problem: str


class HistoryDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one instance."""

    at: str
    happening: str
    was: str
    now: str
    sent_as: str
    status: int
    status_text: str
    words: str
    rule: str


class JobsDoc(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs, the newest first."""

    jobs: list[JobDoc]
    outcome: Literal["good"] = "good"
    exit_code: Literal[0] = 0
    schema: Literal["mediakit/jobs/1"] = "mediakit/jobs/1"


class JobShownDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One job: the instances that need attention, or all; the history of the one that was asked for."""

    job: JobDoc
    instances: list[InstanceDoc]
    history: list[HistoryDoc]
    outcome: Literal["good"] = "good"
    exit_code: Literal[0] = 0
    schema: Literal["mediakit/job/1"] = "mediakit/job/1"


def jobs_schema() -> dict[str, Any]:
    """Return the JSON Schema of the list of jobs."""
    return msgspec.json.schema(JobsDoc)


def job_schema() -> dict[str, Any]:
    """Return the JSON Schema of one job."""
    return msgspec.json.schema(JobShownDoc)


def jobs_doc(summaries: Sequence[JobSummary]) -> JobsDoc:
    """Return all jobs as the value that is written as JSON."""
    return JobsDoc(jobs=[_job_doc(summary) for summary in summaries])


def job_doc(
    summary: JobSummary,
    imported: Imported,
    history: Sequence[HistoryLine] = (),
    *,
    everything: bool = False,
) -> JobShownDoc:
    """Return one job as the value that is written as JSON."""
    shown = ended(imported) if everything else [e for _, group in needing_attention(imported) for e in group]
    return JobShownDoc(
        job=_job_doc(summary),
        instances=[instance_doc(each, imported.destination) for each in shown],
        history=[_history_doc(line, imported.destination) for line in history],
    )


def jobs_text(summaries: Sequence[JobSummary]) -> str:
    """Return all jobs, one block each, the newest first."""
    if not summaries:
        return "there are no jobs\n"
    return "\n".join(line for summary in summaries for line in _block(summary)) + "\n"


def job_text(summary: JobSummary, imported: Imported, *, everything: bool = False) -> str:
    """Return one job: how it stands, and what needs attention; every instance when asked for."""
    lines = list(_block(summary))
    if everything:
        lines += [attention_line(each, imported.destination) for each in ended(imported)]
    else:
        lines += attention_lines(imported)
    return "\n".join(lines) + "\n"


def history_text(key: str, history: Sequence[HistoryLine], destination: str) -> str:
    """Return what happened to one instance, one change a line."""
    lines = [printable(key), *(_history_line(line, destination) for line in history)]
    return "\n".join(lines) + "\n"


def _block(summary: JobSummary) -> Iterator[str]:
    if summary.problem:
        yield f"{summary.job_id}  cannot be read: {printable(summary.problem)}"
        return
    facts = summary.facts
    yield f"{summary.job_id}  {_moment(facts.created_at)}  {_standing(summary)}"
    yield printable(f"  {facts.source} -> {facts.destination}")
    counts = ", ".join(f"{count:,} {word}" for word, count in _words(summary).items())
    yield f"  {counts or 'no instances'}"


def _standing(summary: JobSummary) -> str:
    if summary.is_running:
        return "running"
    return sentence_of(summary.outcome) or "unfinished"


def _moment(text: str) -> str:
    return f"{text[:16].replace('T', ' ')} UTC" if text else ""


def _words(summary: JobSummary) -> dict[str, int]:
    """Return the counts by the words of the reports; what is on its way is *sending* while the job runs."""
    words: Counter[str] = Counter()
    for state, count in summary.counts.items():
        is_on_its_way = state is TransferState.SENDING and summary.is_running
        words[state.value if is_on_its_way else state.fate.value] += count
    return dict(words)


def _history_line(line: HistoryLine, destination: str) -> str:
    status = status_text(line.code, destination)
    parts = [
        f"  {line.at[:23].replace('T', ' ')}",
        f"{line.happening:<12}",
        f"{line.was or '-'} -> {line.now or '-'}",
        line.sent_as,
        f"status {status}" if status else "",
        printable(line.words),
        line.rule,
    ]
    return "  ".join(part for part in parts if part)


def _job_doc(summary: JobSummary) -> JobDoc:
    facts = summary.facts
    return JobDoc(
        job=summary.job_id,
        source=facts.source,
        destination=facts.destination,
        calling_ae=facts.calling_ae,
        options=dict(facts.options),
        created_at=facts.created_at,
        changed_at=summary.changed_at,
        is_running=summary.is_running,
        ended_with=summary.outcome,
        counts=_words(summary),
        problem=summary.problem,
    )


def _history_doc(line: HistoryLine, destination: str) -> HistoryDoc:
    return HistoryDoc(
        at=line.at,
        happening=line.happening,
        was=line.was,
        now=line.now,
        sent_as=line.sent_as,
        status=line.code,
        status_text=status_text(line.code, destination),
        words=line.words,
        rule=line.rule,
    )
