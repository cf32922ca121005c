"""Which instances get which local values: the plan that follows from a map, as a value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mediakit.findings import Finding, Rule, Severity
from mediakit.transfer.mapping import MapRow, Subject
from mediakit.transfer.patient_identity import Identity, shown_id

NOT_APPROVED = Rule(
    id="MK-IDN-030",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}`: its row in the map has not been approved (line {line})",
    ref="IHE RAD TF-3 4.61",
    hint="look at the row and write yes into the column `approved`, or take it out",
)
AMBIGUOUS = Rule(
    id="MK-IDN-031",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}`: rows of the map contradict each other (lines {lines})",
    ref="IHE RAD TF-3 4.61",
    hint="approve one of them, or name the study in `from_study_uid`",
)
NOT_IN_MAP = Rule(
    id="MK-IDN-032",
    severity=Severity.WARNING,
    title="Patient ID `{patient_id}`: the map has no row for it; its values stay as they are",
    ref="IHE RAD TF-3 4.61",
    hint="add a row when it is not an ID of the destination",
)
UNUSED = Rule(
    id="MK-IDN-033",
    severity=Severity.WARNING,
    title="line {line} of the map matches nobody on the medium",
    ref="IHE RAD TF-3 4.61",
    hint="compare every character of the match; a spreadsheet may have dropped leading zeros",
)
NOT_SURE = Rule(
    id="MK-IDN-034",
    severity=Severity.ERROR,
    title="cannot tell for certain who Patient ID `{patient_id}` is: {found}",
    ref="IHE RAD TF-3 4.61",
    hint="`mediakit reconcile` writes what is found into a map for a person to approve, `--map` applies it; "
    "`--approve-above` says how sure a match without a person has to be",
)

_NAMES: Mapping[str, int] = {
    "patient_id": 0x00100020,
    "issuer": 0x00100021,
    "name": 0x00100010,
    "birth_date": 0x00100030,
    "sex": 0x00100040,
}
_Changes = Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoercionPlan:
    """What becomes of each subject. `findings` tell on whom a person must decide: those stay as they are."""

    changes: Mapping[Subject, _Changes] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()

    def changes_for(self, subject: Subject) -> _Changes | None:
        """Return new values by tag for the instances of a subject, as `dicom.coerce` takes them."""
        return self.changes.get(subject)

    def identity_after(self, subject: Subject) -> Identity:
        """Return whom the instances of a subject belong to when the plan is carried out."""
        changes = self.changes.get(subject)
        if changes is None:
            return subject.identity
        new = {name: changes[tag] for name, tag in _NAMES.items() if tag in changes}
        if "patient_id" in new and new["patient_id"] != subject.identity.patient_id:
            new.setdefault("issuer", "")
        if "name" in new:
            new["unread"] = ""
        return replace(subject.identity, **new)


def plan_coercion(subjects: Iterable[Subject], rows: Sequence[MapRow]) -> CoercionPlan:
    """Find the row of each subject: the narrowest that is approved.

    Nothing is planned for a subject with contradicting rows, or with rows that are not approved.
    """
    changes: dict[Subject, _Changes] = {}
    findings: dict[tuple[str, Rule], Finding] = {}
    used: set[int] = set()
    by_id = _by_id(rows)
    for subject in dict.fromkeys(subjects):
        patient_id = subject.identity.patient_id
        candidates = [
            row for row in (*by_id.get(patient_id, ()), *by_id.get(None, ())) if row.is_for(subject)
        ]
        used.update(row.line for row in candidates)
        chosen = _chosen(candidates)
        if isinstance(chosen, MapRow):
            changes[subject] = chosen.changes
        else:
            findings.setdefault((patient_id, chosen), _finding(chosen, patient_id, candidates))
    unused = [UNUSED.at(line=row.line) for row in rows if row.approved and row.line and row.line not in used]
    return CoercionPlan(changes=changes, findings=(*findings.values(), *unused))


def _by_id(rows: Iterable[MapRow]) -> dict[str | None, list[MapRow]]:
    found: dict[str | None, list[MapRow]] = {}
    for row in rows:
        found.setdefault(row.from_patient_id, []).append(row)
    return found


def _chosen(candidates: Sequence[MapRow]) -> MapRow | Rule:
    """Return the row that counts, or the rule that says why there is none."""
    approved = [row for row in candidates if row.approved]
    if not approved:
        return NOT_APPROVED if candidates else NOT_IN_MAP
    rank = max(row.rank for row in approved)
    best = [row for row in approved if row.rank == rank]
    return best[0] if all(row.changes == best[0].changes for row in best) else AMBIGUOUS


def _finding(rule: Rule, patient_id: str, candidates: Sequence[MapRow]) -> Finding:
    shown = shown_id(patient_id)
    lines = sorted(row.line for row in candidates)
    if rule is NOT_APPROVED and not lines[0]:
        return NOT_SURE.at(patient_id=shown, found=_found(candidates))
    if rule is NOT_APPROVED:
        return rule.at(patient_id=shown, line=lines[0])
    if rule is AMBIGUOUS:
        return rule.at(patient_id=shown, lines=", ".join(str(line) for line in lines))
    return rule.at(patient_id=shown)


def _found(candidates: Sequence[MapRow]) -> str:
    """Return how many persons a match found, and how sure the best of them is."""
    confidences = [row.confidence or 0 for row in candidates if row.to_patient_id]
    if not confidences:
        return "nobody was found"
    count = len(confidences)
    return f"{count} candidate{'s' if count > 1 else ''}, the best with a confidence of {max(confidences)}"
