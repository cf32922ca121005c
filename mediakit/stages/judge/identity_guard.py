"""Whose instances an import brings: the identity guard, and local values in place of foreign ones.

The guard judges identities as they will be at the destination: after the map that people approved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mediakit.findings import Finding, Severity
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
)
from mediakit.transfer.states import TransferState


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


def guard_identities(inventory: Inventory, order: ImportOrder) -> GuardedIdentities:
    """Judge whose instances a medium holds, and what the map makes of them."""
    planned = [row.key for row in inventory.rows if row.state is TransferState.PLANNED]
    classes = {row.key: row.item.sop_class for row in inventory.rows}
    subjects = {
        key: subject
        for key in planned
        if (subject := _subject(inventory.members[key], classes[key])) is not None
    }
    if order.mapping:
        return _mapped(subjects, order)
    verdict = guard(_counted(subject.identity for subject in subjects.values()), order.expectation)
    return _owners(subjects, CoercionPlan(), verdict)


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
