"""An import as text for a terminal, and as one JSON document (schema "mediakit/import/1")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from mediakit.dicom.uids import class_name, syntax_name
from mediakit.findings import printable, tag_text
from mediakit.outcome import Outcome, State
from mediakit.report.import_places import (
    Ended,
    ended,
    is_directory,
    needing_attention,
    other_files,
    side_by_side,
)
from mediakit.report.inspection import date_text
from mediakit.report.json import FateDoc, FindingDoc, fate_doc, finding_doc
from mediakit.report.names import NamedStudyDoc, named_studies
from mediakit.report.next_step import after_import, step_line
from mediakit.report.text import many, size_text
from mediakit.transfer.imported import Change, ContextLine, Imported
from mediakit.transfer.outgoing import status_text

_LISTED: Final = 40  # lines on instances that need attention; the JSON report has them all
_FEW: Final = 3  # of each state at least; enough of what was not sent: that has one reason
_THERE: Final = frozenset({State.STORED, State.STORED_WITH_WARNING, State.COMMITTED, State.UNCONFIRMED})


class InstanceDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one instance.

    `status` is the last answer as number, `status_text` as its documents write it (0xA900; 409 for
    DICOMweb). `sent_as` is the transfer syntax that went out, "" when nothing did.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    path: str
    size_bytes: int
    transfer_syntax_uid: str
    state: str
    sent_as: str
    status: int
    status_text: str
    words: str
    because: str
    attempts: int
    changed_at: str


class ContextDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What the destination would do with one SOP Class; `accepted` is "" when it was not asked."""

    sop_class_uid: str
    transfer_syntax_uids: list[str]
    count: int
    accepted: str
    why: str


class ChangeDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute that went out with another value; the values are patient data, "" unless asked for."""

    sop_instance_uid: str
    tag: str
    name: str
    before: str
    after: str


class ImportDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The whole import. `files` has every file that holds no instance of it.

    `studies` and the values of `changes` are patient data: they are there only when names were asked for.
    """

    source: str
    destination: str
    job: str
    is_rehearsal: bool
    verified: str
    outcome: str
    exit_code: int
    counts: dict[str, int]
    figures: dict[str, str | int | float]
    findings: list[FindingDoc]
    instances: list[InstanceDoc]
    files: list[FateDoc]
    contexts: list[ContextDoc]
    changes: list[ChangeDoc]
    studies: list[NamedStudyDoc] = []
    schema: Literal["mediakit/import/1"] = "mediakit/import/1"


def import_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(ImportDoc)


def imported_doc(imported: Imported, *, with_names: bool = False) -> ImportDoc:
    """Return an import as the value that is written as JSON."""
    result = imported.result
    return ImportDoc(
        source=imported.source,
        destination=imported.destination,
        job=imported.job,
        is_rehearsal=imported.is_rehearsal,
        verified=imported.verified,
        outcome=result.outcome.word,
        exit_code=int(result.outcome),
        counts=dict(_counts(imported)),
        figures=dict(result.figures),
        findings=[finding_doc(finding) for finding in result.report.findings],
        instances=[instance_doc(each, imported.destination) for each in ended(imported)],
        files=[fate_doc(fate) for fate in other_files(imported)],
        contexts=[_context_doc(line) for line in imported.contexts],
        changes=[_change_doc(change, with_names=with_names) for change in imported.changes],
        studies=named_studies(imported.patients if with_names else ()),
    )


def imported_text(imported: Imported, *, everything: bool = False) -> str:
    """Return what became of the medium, for a terminal: counts, what needs attention, how to go on."""
    lines = [printable(f"{imported.source} -> {imported.destination}{_under(imported)}")]
    lines += _count_lines(imported)
    lines += _speed(imported)
    lines += _converted(imported)
    lines += context_lines(imported)
    lines += attention_lines(imported, everything=everything)
    if imported.changes:
        instances = len({change.key for change in imported.changes})
        changes = many(len(imported.changes), "value", "values")
        lines.append(f"  changed              {changes} in {many(instances, 'instance', 'instances')}")
    lines += _how_to_go_on(imported)
    lines.append(step_line(after_import(imported)))
    lines.append(imported.result.outcome.line)
    return "\n".join(lines) + "\n"


def _under(imported: Imported) -> str:
    """Return that instances went in under an ID of elsewhere, which nobody has compared with local ones."""
    if not imported.rows or (imported.result.outcome is Outcome.IDENTITY and not imported.job):
        return ""
    words = {
        "of the medium": ", under the Patient ID of the medium",
        "new": ", de-identified",
        "local and of the medium": ", in part under the Patient ID of the medium",
    }
    return words.get(str(imported.result.figures.get("patient_ids", "")), "")


def attention_lines(imported: Imported, *, everything: bool = False) -> Iterator[str]:
    """Yield what needs attention: place, UID, status, why, and once for each cause what to do."""
    groups = [(state, group) for state, group in needing_attention(imported) if _is_told(imported, state)]
    if not groups:
        return
    left = _LISTED
    yield "needs attention:"
    for place, (state, group) in enumerate(groups, start=1):
        share = _FEW if state is State.UNSENT else max(_FEW, left - _FEW * (len(groups) - place))
        listed = group if everything else group[:share]
        left -= len(listed)
        yield from (attention_line(each, imported.destination) for each in listed)
        if len(listed) < len(group):
            where = f"`mediakit job show {imported.job} -v`" if imported.job else "`--report FILE.json`"
            yield f"  {state.shown:<20} ... and {len(group) - len(listed):,} more ({where} has all)"
        for step in dict.fromkeys(each.to_do(imported.job) for each in group):
            if step:
                yield f"    hint: {printable(step)}"


def attention_line(each: Ended, destination: str) -> str:
    """Return one instance on one line."""
    row = each.row
    status = status_text(row.code, destination)
    parts = [
        f"  {each.state.shown:<20} {printable(row.place or each.fate.source)}",
        printable(row.item.sop_instance),
        f"status {status}" if status else "",
        printable(each.why),
    ]
    return "  ".join(part for part in parts if part)


def context_lines(imported: Imported) -> Iterator[str]:
    """Yield what a rehearsal learnt: one line for each SOP Class and transfer syntax."""
    if not imported.contexts:
        return
    yield "would be proposed:" if all(not line.accepted for line in imported.contexts) else "would go:"
    for line in imported.contexts:
        syntaxes = ", ".join(syntax_name(uid) for uid in line.transfer_syntaxes)
        accepted = f"  {line.accepted}" if line.accepted else ""
        why = f": {line.why}" if line.why else ""
        yield printable(f"  {line.count:>6,}  {class_name(line.sop_class)}, {syntaxes}{accepted}{why}")


def _is_told(imported: Imported, state: State) -> bool:
    """Return False where the whole says it already: in a rehearsal, after the guard, or without a job."""
    is_all_unsent = imported.is_rehearsal or not imported.job
    return not (is_all_unsent and state is State.UNSENT) and state is not State.WITHHELD


def _counts(imported: Imported) -> dict[str, int]:
    counted = Counter(each.state for each in ended(imported))
    counted.update(fate.state for fate in other_files(imported))
    return {state.value: counted[state] for state in State if counted[state]}


def _count_lines(imported: Imported) -> Iterator[str]:
    """Yield how many files ended in each state; of those left out, how many are the directory."""
    directories = sum(is_directory(fate) for fate in other_files(imported))
    for word, count in _counts(imported).items():
        state = State(word)
        asked = count - directories if state is State.EXCLUDED else count
        if asked:
            note = f" ({_why_left_out(imported)})" if state is State.EXCLUDED else ""
            yield f"  {state.shown:<20} {asked:,}{note}"
        if state is State.EXCLUDED and directories:
            yield f"  {state.shown:<20} {directories:,} (the DICOMDIR, never sent)"


def _why_left_out(imported: Imported) -> str:
    is_new = imported.result.figures.get("patient_ids") == "new"
    return "not asked for, or cannot be de-identified" if is_new else "not asked for"


def _speed(imported: Imported) -> Iterator[str]:
    figures = imported.result.figures
    if figures.get("sent"):
        size = size_text(int(figures.get("sent_bytes", 0)))
        pace = (
            f"{figures.get('objects_per_s', 0)} images per second, {figures.get('megabytes_per_s', 0)} MB/s"
        )
        yield f"  sent                 {size}, {pace}{side_by_side(imported)}"
    if proof := figures.get("proof"):
        yield printable(f"  proof                {proof}")


def _converted(imported: Imported) -> Iterator[str]:
    """Yield how many instances are there in another transfer syntax than on the medium."""
    converted = Counter(
        row.sent_as
        for row in imported.rows
        if row.state.fate in _THERE and row.sent_as not in ("", row.item.transfer_syntax)
    )
    for syntax, count in sorted(converted.items()):
        instances = many(count, "instance is", "instances are")
        yield printable(f"  converted            {instances} there as {syntax_name(syntax)}, without loss")


def _how_to_go_on(imported: Imported) -> Iterator[str]:
    if imported.is_rehearsal:
        yield "nothing was sent: this was a rehearsal"
        return
    outcome = imported.result.outcome
    if outcome is Outcome.IDENTITY and not imported.job:
        yield "nothing was sent"
        yield from (f"  {printable(line)}" for line in _identities(imported))
        return
    if outcome is Outcome.NO_ASSOCIATION and not imported.job:
        yield "nothing was sent: the same command begins again"
        return
    if imported.job:
        on = "" if outcome is Outcome.GOOD else "; the same command with `--resume` goes on with it"
        yield f"job {imported.job}{on}"


def _identities(imported: Imported) -> Iterator[str]:
    for identity, count in imported.identities[:_LISTED]:
        born = date_text(identity.birth_date)
        parts = (identity.patient_id, identity.issuer, identity.name, born and f"born {born}", identity.sex)
        yield f"{count:>6,}  {', '.join(part for part in parts if part) or 'no identity'}"
    if len(imported.identities) > _LISTED:
        yield f"... and {len(imported.identities) - _LISTED:,} more"


def instance_doc(each: Ended, destination: str) -> InstanceDoc:
    """Return one instance as the JSON documents show it."""
    row, because = each.row, each.fate.because
    return InstanceDoc(
        sop_instance_uid=row.item.sop_instance,
        sop_class_uid=row.item.sop_class,
        study_instance_uid=row.item.study,
        series_instance_uid=row.item.series,
        path=row.item.path,
        size_bytes=row.item.size,
        transfer_syntax_uid=row.item.transfer_syntax,
        state=each.state.value,
        sent_as=row.sent_as,
        status=row.code,
        status_text=status_text(row.code, destination),
        words=row.words,
        because=row.rule if because is None else because.rule.id,
        attempts=row.attempts,
        changed_at=row.changed_at,
    )


def _context_doc(line: ContextLine) -> ContextDoc:
    return ContextDoc(
        sop_class_uid=line.sop_class,
        transfer_syntax_uids=list(line.transfer_syntaxes),
        count=line.count,
        accepted=line.accepted,
        why=line.why,
    )


def _change_doc(change: Change, *, with_names: bool) -> ChangeDoc:
    return ChangeDoc(
        sop_instance_uid=change.key,
        tag=tag_text(change.tag),
        name=change.name,
        before=change.before if with_names else "",
        after=change.after if with_names else "",
    )
