"""Whose instances an import brings: the identity guard, and local values in place of foreign ones.

The guard judges identities as they will be at the destination: after the map that people approved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mediakit.dicom.instance import shown
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.outcome import Fate, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.look.inventory import Inventory, Member
from mediakit.transfer.coercion import CoercionPlan, plan_coercion
from mediakit.transfer.mapping import Subject
from mediakit.transfer.patient_identity import (
    LEFT_OUT,
    NOT_THERE,
    Counted,
    Expectation,
    GuardVerdict,
    Identity,
    Mixed,
    guard,
)
from mediakit.transfer.states import TransferState

NOT_CHOSEN = Rule(
    id="MK-IMP-033",
    severity=Severity.NOTE,
    title="cannot be sent, but belongs to another patient than the chosen one: left out",
    ref="PS3.3 C.7.1.1",
    hint="an import of that patient says what is wrong with it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedIdentities:
    """Whose the instances are. `plan` has the new values; when it `is_refused`, nothing may be sent.

    `left_out` are the keys of instances of patients that were not chosen. `identities` hold names, for a
    terminal.
    """

    plan: CoercionPlan
    subjects: Mapping[str, Subject] = field(repr=False)
    left_out: frozenset[str]
    identities: tuple[Counted, ...] = field(repr=False)
    findings: tuple[Finding, ...]

    @property
    def is_refused(self) -> bool:
        """Return True when nothing may be imported."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


#: When nobody was asked: every instance stays as it is.
NOBODY = GuardedIdentities(plan=CoercionPlan(), subjects={}, left_out=frozenset(), identities=(), findings=())


def guard_identities(inventory: Inventory, order: ImportOrder) -> GuardedIdentities:
    """Judge whose instances a medium holds, and what the map makes of them."""
    planned = [row.key for row in inventory.rows if row.state is TransferState.PLANNED]
    subjects = {key: subject for key in planned if (subject := _subject(inventory.members[key])) is not None}
    if order.mapping:
        return _mapped(subjects, order)
    verdict = guard(_counted(subject.identity for subject in subjects.values()), order.expectation)
    return _owners(subjects, verdict, CoercionPlan(), verdict)


def without_other_patients(inventory: Inventory, patient: str) -> Inventory:
    """Return the inventory without what cannot be sent and belongs to another patient than the chosen one.

    What nobody asked for cannot spoil the outcome: its files are excluded, with a note. What may belong to
    the chosen patient stays.
    """
    others = {key for key, owner in inventory.owners.items() if owner.strip() not in {"", patient.strip()}}
    left = [row for row in inventory.rows if row.key in others and row.state is not TransferState.PLANNED]
    fates = {fate.source: fate for fate in inventory.fates}
    spoilt = [fate for fate in inventory.fates if fate.sop_instance in others and not fate.state.is_good]
    reasons = {fate.source: NOT_CHOSEN.at(Where(path=fate.source)) for fate in spoilt}
    for row in left:
        place = shown(inventory.source, row.place)
        reasons[place] = NOT_CHOSEN.at(Where(path=place))
        fates.setdefault(place, Fate(source=place, state=State.EXCLUDED, sop_instance=row.item.sop_instance))
    gone = {row.key for row in left}
    replaced = {fate.because for fate in spoilt}
    return replace(
        inventory,
        rows=tuple(row for row in inventory.rows if row.key not in gone),
        because={key: finding for key, finding in inventory.because.items() if key not in gone},
        fates=tuple(
            replace(fate, state=State.EXCLUDED, because=reasons[fate.source])
            if fate.source in reasons
            else fate
            for fate in fates.values()
        ),
        findings=(
            *(finding for finding in inventory.findings if finding not in replaced),
            *reasons.values(),
        ),
    )


def _mapped(subjects: Mapping[str, Subject], order: ImportOrder) -> GuardedIdentities:
    """Choose by what stands on the medium, judge by what the map makes of it."""
    expected = order.expectation
    choice = guard(
        _counted(subject.identity for subject in subjects.values()),
        Expectation(patient=expected.patient, mixed=Mixed.ALLOW),
    )
    wanted = [subject for subject in subjects.values() if subject.identity in choice.wanted]
    plan = plan_coercion(wanted, order.mapping)
    verdict = guard(
        _counted(plan.identity_after(subject) for subject in wanted), replace(expected, patient="")
    )
    kept = tuple(finding for finding in choice.findings if finding.rule in {NOT_THERE, LEFT_OUT})
    return _owners(subjects, choice, plan, replace(verdict, findings=(*kept, *verdict.findings)))


def _owners(
    subjects: Mapping[str, Subject], choice: GuardVerdict, plan: CoercionPlan, verdict: GuardVerdict
) -> GuardedIdentities:
    wanted = {key: subject for key, subject in subjects.items() if subject.identity in choice.wanted}
    return GuardedIdentities(
        plan=plan,
        subjects=wanted,
        left_out=frozenset(subjects.keys() - wanted.keys()),
        identities=verdict.identities,
        findings=(*plan.findings, *verdict.findings),
    )


def _counted(identities: Iterable[Identity]) -> tuple[Counted, ...]:
    return tuple(Counter(identities).items())


def _subject(member: Member) -> Subject | None:
    """Return whom an instance belongs to; None for what belongs to no patient (a hanging protocol)."""
    identity = member.identity
    if identity is None or (not member.study.uid and identity == Identity()):
        return None
    return Subject(identity=identity, study_uid=member.study.uid, accession=member.study.accession)
