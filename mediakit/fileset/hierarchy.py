"""Who belongs where: the Patient ID, study and series of each instance, and which cannot stand at all.

One Patient ID has one PATIENT record, one Study Instance UID one STUDY record, one Series Instance UID one
SERIES record (PS3.3 F.5.1 to F.5.3): instances that contradict each other on that are refused, all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from mediakit.choices import Supply
from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance
from mediakit.dicom.packed import Several
from mediakit.fileset.charset import charset_of, place_of
from mediakit.fileset.disagreement import meaning
from mediakit.fileset.instance_values import NO_UID
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import bare
from mediakit.fileset.record_types import KEYS, RECORD_TYPE_OF, ROOT_TYPES
from mediakit.fileset.supply import MISSING, PATIENT_ID, SUPPLIED, made_patient_id
from mediakit.findings import Finding, Rule, Severity, Where

_STUDY_UID = 0x0020000D
_SERIES_UID = 0x0020000E
_identity = Several(_STUDY_UID, _SERIES_UID, PATIENT_ID, SPECIFIC_CHARACTER_SET)
_PATIENT_NAME = 0x00100010

NO_RECORD_TYPE = Rule(
    id="MK-FST-001",
    severity=Severity.ERROR,
    title="SOP class {sop_class} has no directory record type: no DICOMDIR can reference it",
    ref="PS3.3 F.5",
    hint="leave it out, or write a profile without a DICOMDIR",
)
TWO_PATIENTS = Rule(
    id="MK-FST-003",
    severity=Severity.ERROR,
    title="study {study} is found under {count:Patient ID|Patient IDs}: {patient_ids}",
    ref="PS3.3 F.5.1",
    hint="find out whose study it is and correct the instances at their source",
)
TWO_STUDIES = Rule(
    id="MK-FST-004",
    severity=Severity.ERROR,
    title="series {series} is found in {count:study|studies}: {studies}",
    ref="PS3.3 F.5.3",
    hint="correct the instances at their source",
)
SAME_INSTANCE = Rule(
    id="MK-FST-005",
    severity=Severity.ERROR,
    title="SOP Instance UID {uid} comes {count:time|times}",
    ref="PS3.5 9",
    hint="keep the right one in the source",
)

OTHER_NAME = Rule(
    id="MK-FST-006",
    severity=Severity.ERROR,
    title="there is no Patient ID, and study {study} has instances of another Patient's Name (0010,0010)",
    ref="PS3.3 F.5.1",
    hint="find out whose study it is and correct the instances at their source",
)


class SeriesMembers(Struct, frozen=True, kw_only=True):
    """The instances of one series, by their index in the input, and what they stand under."""

    patient_id: bytes
    study: str
    series: str
    members: tuple[int, ...]


class Sorted(Struct, frozen=True, kw_only=True):
    """Every instance once: in a series, as a root object, or refused."""

    series: tuple[SeriesMembers, ...]
    roots: tuple[int, ...]
    refused: Mapping[int, Finding]


class _Bucket(Struct):
    """Instances with the same raw identity."""

    study: str
    series: str
    patient_id: bytes
    members: list[int]


def sort_out(
    instances: Sequence[Instance], supply: Supply, findings: list[Finding], unfit: Mapping[int, Finding]
) -> Sorted:
    """Assign every instance to a series or to the root, or refuse it; the `unfit` are refused already."""
    refused: dict[int, Finding] = {**_duplicates(instances), **unfit}
    buckets, roots = _buckets(instances, refused)
    for bucket, finding in _contradictions(buckets):
        _refuse(bucket, finding, instances, refused)
    buckets = [bucket for bucket in buckets if bucket.members[0] not in refused]
    _give_patient_ids(buckets, instances, supply, findings, refused)
    united: dict[tuple[bytes, str, str], list[int]] = {}
    for bucket in buckets:
        if bucket.members[0] not in refused:
            united.setdefault((bucket.patient_id, bucket.study, bucket.series), []).extend(bucket.members)
    series = tuple(
        SeriesMembers(patient_id=patient_id, study=study, series=uid, members=tuple(members))
        for (patient_id, study, uid), members in united.items()
    )
    return Sorted(series=series, roots=tuple(roots), refused=refused)


def _duplicates(instances: Sequence[Instance]) -> dict[int, Finding]:
    """Refuse every instance whose SOP Instance UID comes again: which one is right is not ours to say."""
    if len({instance.sop_instance for instance in instances}) == len(instances):
        return {}
    counts = Counter(instance.sop_instance for instance in instances)
    return {
        index: SAME_INSTANCE.at(
            Where(path=place_of(instance)), uid=instance.sop_instance, count=counts[instance.sop_instance]
        )
        for index, instance in enumerate(instances)
        if counts[instance.sop_instance] > 1
    }


def _buckets(instances: Sequence[Instance], refused: dict[int, Finding]) -> tuple[list[_Bucket], list[int]]:
    """Gather instances with equal raw identity, so that what follows costs by group and not by instance."""
    raw: dict[tuple[bytes | None, ...], list[int]] = {}
    roots: list[int] = []
    types = {uid: type_ for uid, type_ in RECORD_TYPE_OF.items() if type_ in KEYS}
    for index, instance in enumerate(instances):
        record_type = types.get(instance.sop_class)
        if index in refused:
            continue
        if record_type is None:
            where = Where(path=place_of(instance))
            refused[index] = NO_RECORD_TYPE.at(where, sop_class=instance.sop_class or "(none)")
        elif record_type in ROOT_TYPES:
            roots.append(index)
        else:
            identity = _identity(instance.header.values)
            raw.setdefault(identity, []).append(index)
    buckets = []
    for (study, series, _, _), members in raw.items():
        first = instances[members[0]]
        bucket = _Bucket(_uid(study), _uid(series), _patient_id(first), members)
        if bucket.study and bucket.series:
            buckets.append(bucket)
        else:
            tag = _SERIES_UID if bucket.study else _STUDY_UID
            _refuse(bucket, NO_UID.at(Where(tag=tag), key=key_text(tag)), instances, refused)
    return buckets, roots


def _uid(raw: bytes | None) -> str:
    return bare(raw or b"").decode("latin-1")


def _patient_id(instance: Instance) -> bytes:
    """Return what tells patients apart: the ID without padding, in UTF-8 when it is not plain ASCII."""
    raw = instance.patient_id
    if not text.needs_charset(raw):
        return raw
    return text.decode(raw, charset_of(instance), "LO").strip(" ").encode()


def _contradictions(buckets: Sequence[_Bucket]) -> Iterable[tuple[_Bucket, Finding]]:
    patients: dict[str, set[bytes]] = {}
    studies: dict[str, set[str]] = {}
    for bucket in buckets:
        studies.setdefault(bucket.series, set()).add(bucket.study)
        if bucket.patient_id:
            patients.setdefault(bucket.study, set()).add(bucket.patient_id)
    for bucket in buckets:
        ids, uids = patients.get(bucket.study, set()), studies[bucket.series]
        if len(ids) > 1:
            shown = ", ".join(f"`{each.decode()}`" for each in sorted(ids))
            where = Where(tag=PATIENT_ID)
            yield bucket, TWO_PATIENTS.at(where, study=bucket.study, count=len(ids), patient_ids=shown)
        elif len(uids) > 1:
            where = Where(tag=_SERIES_UID)
            shown = ", ".join(sorted(uids))
            yield bucket, TWO_STUDIES.at(where, series=bucket.series, count=len(uids), studies=shown)


def _give_patient_ids(
    buckets: Sequence[_Bucket],
    instances: Sequence[Instance],
    supply: Supply,
    findings: list[Finding],
    refused: dict[int, Finding],
) -> None:
    """Give instances without a Patient ID that of their study, or one that is made for the study."""
    taken = frozenset(bucket.patient_id for bucket in buckets if bucket.patient_id)
    known = {bucket.study: bucket.patient_id for bucket in buckets if bucket.patient_id}
    nameless: dict[str, list[_Bucket]] = {}
    for bucket in buckets:
        if not bucket.patient_id:
            nameless.setdefault(bucket.study, []).append(bucket)
    named = {"record": "PATIENT", "key": key_text(PATIENT_ID)}
    for study, orphans in nameless.items():
        if supply is Supply.NONE:
            for bucket in orphans:
                _refuse(bucket, MISSING.at(Where(tag=PATIENT_ID), **named), instances, refused)
            continue
        members = [instances[index] for bucket in orphans for index in bucket.members]
        first = min(members, key=lambda instance: instance.sop_instance)
        patient_id = known.get(study) or made_patient_id(first, study, taken)
        own = [bucket for bucket in buckets if bucket.patient_id == patient_id]
        names = _one_name(own, instances) or _one_name(orphans, instances)
        for bucket in orphans:
            strangers = (index for index in bucket.members if not _names_of(instances[index]) <= names)
            if names and next(strangers, None) is not None:
                shown = OTHER_NAME.at(Where(tag=_PATIENT_NAME), study=study)
                _refuse(bucket, shown, instances, refused)
                continue
            bucket.patient_id = patient_id
            for index in bucket.members:
                where = Where(path=place_of(instances[index]), tag=PATIENT_ID)
                findings.append(SUPPLIED.at(where, **named, value=patient_id.decode()))


def _one_name(buckets: Iterable[_Bucket], instances: Sequence[Instance]) -> set[str]:
    """Return the name that instances share, nothing when they have none; several are nobody's."""
    found = set().union(*(_names_of(instances[index]) for bucket in buckets for index in bucket.members))
    return found if len(found) < 2 else {""}


def _names_of(instance: Instance) -> set[str]:
    return {meaning(instance, _PATIENT_NAME)} - {""}


def _refuse(
    bucket: _Bucket, finding: Finding, instances: Sequence[Instance], refused: dict[int, Finding]
) -> None:
    for index in bucket.members:
        where = Where(path=place_of(instances[index]), tag=finding.where.tag)
        refused[index] = Finding(rule=finding.rule, where=where, detail=finding.detail)
