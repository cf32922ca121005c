"""Whose instances an import brings: the identity guard, and local values in place of foreign ones.

The guard judges identities as they will be at the destination: after the map that people approved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mediakit.findings import Finding, Rule, Severity
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.look.inventory import Inventory, Member
from mediakit.transfer.coercion import CoercionPlan, plan_coercion
from mediakit.transfer.mapping import Subject
from mediakit.transfer.patient_identity import (
    Counted,
    GuardVerdict,
    Identity,
    belongs_to_patient,
    guard,
    shown_id,
)
from mediakit.transfer.states import TransferState

NOT_LOCAL = Rule(
    id="MK-IDN-028",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}` is that of the medium, and the destination takes local ones only",
    ref="IHE RAD TF-3 4.61",
    hint="`--as-patient ID` names the local patient, `--match query` or `--map FILE` finds them for several",
)

_PATIENT_ID = 0x00100020


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedIdentities:
    """Whose the instances are. `plan` has the new values; when it `is_refused`, nothing may be sent.

    `identities` hold names, for a terminal.
    """

    plan: CoercionPlan
    subjects: Mapping[str, Subject] = field(repr=False)
    identities: tuple[Counted, ...] = field(repr=False)
    findings: tuple[Finding, ...]

    @property
    def is_refused(self) -> bool:
        """Return True when nothing may be imported."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


#: When nobody was asked: every instance stays as it is.
NOBODY = GuardedIdentities(plan=CoercionPlan(), subjects={}, identities=(), findings=())


def guard_identities(
    inventory: Inventory, order: ImportOrder, *, requires_local_id: bool = False
) -> GuardedIdentities:
    """Judge whose instances a medium holds, and what the map makes of them.

    With `requires_local_id` the map has to give every one of them a Patient ID, the same or another one.
    """
    planned = [row.key for row in inventory.rows if row.state is TransferState.PLANNED]
    classes = {row.key: row.item.sop_class for row in inventory.rows}
    subjects = {
        key: subject
        for key in planned
        if (subject := _subject(inventory.members[key], classes[key])) is not None
    }
    if order.mapping:
        guarded = _mapped(subjects, order)
    else:
        verdict = guard(_counted(subject.identity for subject in subjects.values()), order.expectation)
        guarded = _owners(subjects, CoercionPlan(), verdict)
    if not requires_local_id:
        return guarded
    return replace(guarded, findings=(*guarded.findings, *_foreign(guarded)))


def _foreign(guarded: GuardedIdentities) -> Iterator[Finding]:
    """Yield the Patient IDs that no row of the map says to be local."""
    foreign = {
        subject.identity.patient_id
        for subject in guarded.subjects.values()
        if _PATIENT_ID not in (guarded.plan.changes_for(subject) or {})
    }
    yield from (NOT_LOCAL.at(patient_id=shown_id(patient_id)) for patient_id in sorted(foreign))


def _mapped(subjects: Mapping[str, Subject], order: ImportOrder) -> GuardedIdentities:
    """Judge by what the map makes of what stands on the medium."""
    plan = plan_coercion(list(subjects.values()), order.mapping)
    verdict = guard(
        _counted(plan.identity_after(subject) for subject in subjects.values()), order.expectation
    )
    return _owners(subjects, plan, verdict)


def _owners(subjects: Mapping[str, Subject], plan: CoercionPlan, verdict: GuardVerdict) -> GuardedIdentities:
    return GuardedIdentities(
        plan=plan,
        subjects=subjects,
        identities=verdict.identities,
        findings=(*plan.findings, *verdict.findings),
    )


def _counted(identities: Iterable[Identity]) -> tuple[Counted, ...]:
    return tuple(Counter(identities).items())


def _subject(member: Member, sop_class: str) -> Subject | None:
    """Return whom an instance belongs to; None for what belongs to no patient (a hanging protocol)."""
    identity = member.identity
    if identity is None or not belongs_to_patient(identity, member.study.uid, sop_class):
        return None
    return Subject(identity=identity, study_uid=member.study.uid, accession=member.study.accession)
