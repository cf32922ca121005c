"""Collate judged instances into patients, studies and series, with the keys of every record.

The order is one and the same whatever the order of the input: patients by Patient ID, studies by date, time
and UID, series and instances by number and UID. Every instance ends either in a group or in `refused`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mediakit.choices import Supply
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.packed import Several
from mediakit.fileset.charset import place_of, settle
from mediakit.fileset.disagreement import merged_findings, two_people
from mediakit.fileset.groups import Collated, Leaf, PatientGroup, SeriesGroup, StudyGroup
from mediakit.fileset.hierarchy import SeriesMembers, sort_out
from mediakit.fileset.instance_values import judge_values
from mediakit.fileset.key_values import bare, number
from mediakit.fileset.keys import Gap, KeyPlan, Sourced, is_foreign, key_plan, pick, pick_group
from mediakit.fileset.record import Key
from mediakit.fileset.record_types import RECORD_TYPE_OF
from mediakit.fileset.supply import (
    INSTANCE_NUMBER,
    PATIENT_ID,
    SERIES_NUMBER,
    STUDY_ID,
    FreeNumbers,
    Next,
    Supplier,
)
from mediakit.findings import Finding
from mediakit.profile.model import Profile

_STUDY_DATE: Tag = 0x00080020
_STUDY_TIME: Tag = 0x00080030
Below = TypeVar("Below")
_LAST = 2**62  # the place of what has no number: behind everything that has one


def collate(instances: Sequence[Instance], profile: Profile, supply: Supply) -> Collated:
    """Collate instances that the judge accepted.

    Refused are those that no directory can hold or that contradict each other (see `identity`), and those
    that lack a Type 1 key which nobody supplies (see `supply`). Raises ProfileError when the profile asks
    for a key that cannot be written. Source: PS3.3 F.5, PS3.11 D.3.3.1.
    """
    judged = judge_values(((place_of(instance), instance) for instance in instances), profile)
    findings: list[Finding] = []
    sorted_out = sort_out(instances, supply, findings, judged.refused)
    collation = _Collation(instances, profile, Supplier(supply, findings), findings)
    patients: dict[bytes, dict[str, list[SeriesMembers]]] = {}
    for series in sorted_out.series:
        patients.setdefault(series.patient_id, {}).setdefault(series.study, []).append(series)
    groups = [collation.patient(patient_id, patients[patient_id]) for patient_id in sorted(patients)]
    roots = collation.roots(sorted_out.roots)
    refused = {**sorted_out.refused, **collation.refused}
    gone = {place_of(instances[index]) for index in refused}
    return Collated(
        patients=tuple(group for group in groups if group is not None),
        roots=roots,
        refused=refused,
        # what was found of an instance that is not written after all is of no interest
        findings=(
            *(finding for finding in findings if finding.where.path not in gone),
            *judged.warnings(frozenset(gone)),
        ),
    )


@dataclass(slots=True)
class _Draft(Generic[Below]):
    """A group in the making.

    `carriers` are the first instances of each kind of values below it, `members` all indices below it.
    """

    uid: str
    carriers: list[Instance]
    members: list[int]
    below: tuple[Below, ...]
    keys: list[Sourced] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def value(self, tag: Tag) -> bytes:
        """Return the value of a key without padding, b"" when there is none yet."""
        return next((bare(each.key.value) for each in self.keys if each.key.tag == tag), b"")


class _Collation:
    """One run of `collate`: from the leaves up, as each level needs what is left of the one below."""

    def __init__(
        self, instances: Sequence[Instance], profile: Profile, supplier: Supplier, findings: list[Finding]
    ) -> None:
        self._instances = instances
        self._profile = profile
        self._supplier = supplier
        self._findings = findings
        self._plans: dict[str, KeyPlan] = {}
        self.refused: dict[int, Finding] = {}
        levels = ("PATIENT", "STUDY", "SERIES")
        tags = {wanted.tag for level in levels for wanted in self._plan(level)}
        self._said_of_groups = Several(*sorted(tags | {SPECIFIC_CHARACTER_SET}))

    def patient(
        self, patient_id: bytes, studies: Mapping[str, Sequence[SeriesMembers]]
    ) -> PatientGroup | None:
        """Return the group of one patient, or None when nothing is left of it."""
        found = (self._study(uid, studies[uid]) for uid in sorted(studies))
        drafts = sorted((draft for draft in found if draft is not None), key=_moment)
        taken = (draft.value(STUDY_ID) for draft in drafts)
        free = FreeNumbers(int(value) for value in taken if value.isdigit())
        drafts = [draft for draft in drafts if self._complete("STUDY", draft, {STUDY_ID: free})]
        drafts.sort(key=_moment)
        groups = tuple(StudyGroup(draft.uid, self._settled("STUDY", draft), draft.below) for draft in drafts)
        patient = self._above("PATIENT", patient_id.decode(), drafts, groups)
        if patient is None:
            return None
        _give_patient_id(patient, patient_id)
        if not self._complete("PATIENT", patient, {}):
            return None
        suspicion = two_people(patient.uid, patient.carriers)
        if suspicion is not None:
            self._findings.append(suspicion)
        return PatientGroup(patient_id, self._settled("PATIENT", patient), groups)

    def roots(self, indices: Sequence[int]) -> tuple[Leaf, ...]:
        """Return the leaves of the root directory entity, by type and SOP Instance UID."""
        leaves = [leaf for index in indices if (leaf := self._leaf(index, {})) is not None]
        return tuple(sorted(leaves, key=lambda leaf: (leaf.type, leaf.instance.sop_instance)))

    def _study(self, uid: str, members: Sequence[SeriesMembers]) -> _Draft[SeriesGroup] | None:
        drafts = sorted((d for each in members if (d := self._series(each)) is not None), key=_series_order)
        free = FreeNumbers(_numbers(draft.value(SERIES_NUMBER) for draft in drafts))
        drafts = [draft for draft in drafts if self._complete("SERIES", draft, {SERIES_NUMBER: free})]
        drafts.sort(key=_series_order)
        groups = tuple(
            SeriesGroup(draft.uid, self._settled("SERIES", draft), draft.below) for draft in drafts
        )
        return self._above("STUDY", uid, drafts, groups)

    def _series(self, series: SeriesMembers) -> _Draft[Leaf] | None:
        """Return the leaves of a series and what its instances say of series, study and patient."""
        instances = self._instances
        order = sorted(
            (_instance_number(instances[at]), instances[at].sop_instance, at) for at in series.members
        )
        free = FreeNumbers(found for found, _, _ in order if found != _LAST)
        carriers: dict[tuple[bytes | None, ...], Instance] = {}
        leaves: list[Leaf] = []
        members: list[int] = []
        for _, _, at in order:
            leaf = self._leaf(at, {INSTANCE_NUMBER: free})
            if leaf is not None:
                leaves.append(leaf)
                members.append(at)
                said = self._said_of_groups(leaf.instance.header.values)
                carriers.setdefault(said, leaf.instance)
        if not leaves:
            return None
        draft = _Draft(series.series, list(carriers.values()), members, tuple(leaves))
        self._gather("SERIES", draft)
        return draft

    def _above(
        self,
        record: str,
        uid: str,
        drafts: Sequence[_Draft[Leaf]] | Sequence[_Draft[SeriesGroup]],
        groups: tuple[Below, ...],
    ) -> _Draft[Below] | None:
        """Return the draft of the record above these, or None when there are none."""
        if not drafts:
            return None
        carriers = [carrier for draft in drafts for carrier in draft.carriers]
        above = _Draft(uid, carriers, [index for draft in drafts for index in draft.members], groups)
        self._gather(record, above)
        return above

    def _leaf(self, at: int, made: Mapping[Tag, Next]) -> Leaf | None:
        """Return the leaf of an instance with all its keys, or None when it is refused."""
        instance = self._instances[at]
        record = RECORD_TYPE_OF[instance.sop_class]
        keys, gaps, has_foreign = pick(self._plan(record), instance)
        if not gaps and not has_foreign:
            return Leaf(instance, record, tuple(keys))
        filled, refusal = self._supplier.fill(record, gaps, (instance,), made)
        if refusal is not None:
            self.refused[at] = refusal
            return None
        sourced = [Sourced(key, instance, is_foreign(key.vr, key.value)) for key in keys]
        return Leaf(instance, record, settle((*sourced, *filled), record, self._findings))

    def _gather(self, record: str, draft: _Draft[Below]) -> None:
        picked = pick_group(self._plan(record), draft.carriers)
        draft.keys, draft.gaps = picked.keys, picked.gaps
        self._findings.extend(merged_findings(record, draft.uid, picked.merged))

    def _complete(self, record: str, draft: _Draft[Below], made: Mapping[Tag, Next]) -> bool:
        """Fill the gaps of a record; refuse all instances below it and return False when that cannot be."""
        filled, refusal = self._supplier.fill(record, draft.gaps, draft.carriers, made)
        draft.keys.extend(filled)
        if refusal is None:
            return True
        for index in draft.members:
            self.refused[index] = refusal.moved(place_of(self._instances[index]))
        return False

    def _settled(self, record: str, draft: _Draft[Below]) -> tuple[Key, ...]:
        return settle(draft.keys, record, self._findings)

    def _plan(self, record: str) -> KeyPlan:
        plan = self._plans.get(record)
        if plan is None:
            plan = self._plans[record] = key_plan(record, self._profile)
        return plan


def _give_patient_id(patient: _Draft[StudyGroup], patient_id: bytes) -> None:
    """Close the gap of a Patient ID that was made; each instance concerned has its finding already."""
    for gap in patient.gaps:
        if gap.wanted.tag == PATIENT_ID:
            patient.keys.append(Sourced(gap.wanted.key(patient_id), patient.carriers[0], False))
    patient.gaps = [gap for gap in patient.gaps if gap.wanted.tag != PATIENT_ID]


def _numbers(values: Iterable[bytes]) -> Iterable[int]:
    return (found for value in values if (found := number(value)) is not None)


def _instance_number(instance: Instance) -> int:
    raw = instance.header.values.get(INSTANCE_NUMBER)
    found = number(raw) if raw else None
    return _LAST if found is None else found


def _series_order(draft: _Draft[Leaf]) -> tuple[int, str]:
    found = number(draft.value(SERIES_NUMBER))
    return (_LAST if found is None else found, draft.uid)


def _moment(draft: _Draft[SeriesGroup]) -> tuple[bytes, bytes, str]:
    return (draft.value(_STUDY_DATE), draft.value(_STUDY_TIME), draft.uid)
