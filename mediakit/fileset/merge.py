"""An old directory without what is removed and with what is added: records that stay keep their bytes. Pure.

A PATIENT, STUDY or SERIES record that is there already takes what is added below it, behind what it has, and
stays as it is (PS3.3 F.5: one Patient ID, one record; the same for the UIDs of studies and series).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from mediakit.dicom.instance import Tag
from mediakit.fileset.charset import place_of
from mediakit.fileset.groups import Collated, Leaf
from mediakit.fileset.hierarchy import TWO_PATIENTS, TWO_STUDIES
from mediakit.fileset.record import Directory, DirectoryRecord
from mediakit.fileset.selection import said_by_records
from mediakit.findings import Finding, Rule, Where

_IDENTITY: Mapping[str, tuple[Tag, str]] = {
    "PATIENT": (0x00100020, "LO"),
    "STUDY": (0x0020000D, "UI"),
    "SERIES": (0x0020000E, "UI"),
}


def pruned(directory: Directory, gone: frozenset[int]) -> Directory:
    """Return a directory without these records (by `id`) and those above them that are empty now."""
    if not gone:
        return directory
    made: dict[int, DirectoryRecord | None] = {}
    for record in reversed(list(directory.walk())):  # what is below comes first
        below = [made.pop(id(child)) for child in record.children]
        children = tuple(child for child in below if child is not None)
        is_emptied = bool(below) and not children and record.reference is None
        is_gone = id(record) in gone or is_emptied
        made[id(record)] = None if is_gone else _with(record, children)
    roots = (made[id(root)] for root in directory.roots)
    return replace(directory, roots=tuple(root for root in roots if root is not None))


def merged(old: Directory, new: Directory) -> Directory:
    """Return the old directory with the records of the new one in their places."""
    return replace(old, roots=_united(old.roots, new.roots, _patient))


def contradictions(old: Directory, collated: Collated) -> Iterator[tuple[Leaf, Finding]]:
    """Yield the leaves that would stand elsewhere than their study or series stands already."""
    known = _Places.of(old)
    for patient in collated.patients:
        for study in patient.studies:
            ids = known.patients.get(study.uid, set()) | {patient.patient_id.decode()}
            if len(ids) > 1:
                leaves = [leaf for series in study.series for leaf in series.leaves]
                shown = ", ".join(f"`{each}`" for each in sorted(ids))
                yield from _told(leaves, TWO_PATIENTS, study=study.uid, count=len(ids), patient_ids=shown)
                continue
            for series in study.series:
                uids = known.studies.get(series.uid, set()) | {study.uid}
                if len(uids) > 1:
                    shown = ", ".join(sorted(uids))
                    yield from _told(
                        series.leaves, TWO_STUDIES, series=series.uid, count=len(uids), studies=shown
                    )


def identity_of(record: DirectoryRecord) -> tuple[str, str] | None:
    """Return what makes a PATIENT, STUDY or SERIES record the only one of its type; None for all others."""
    tag, vr = _IDENTITY.get(record.type, (0, ""))
    return (record.type, said_by_records((record,), tag, vr) or "") if tag else None


@dataclass(frozen=True, slots=True)
class _Places:
    """The Patient IDs that each study of a directory stands below, and the studies of each series."""

    patients: dict[str, set[str]]
    studies: dict[str, set[str]]

    @classmethod
    def of(cls, directory: Directory) -> _Places:
        places = cls({}, {})
        for patient in directory.roots:
            for study in patient.children:
                if patient.type == "PATIENT" and study.type == "STUDY":
                    places.patients.setdefault(_uid(study), set()).add(_uid(patient))
                for series in study.children:
                    if study.type == "STUDY" and series.type == "SERIES":
                        places.studies.setdefault(_uid(series), set()).add(_uid(study))
        return places


def _uid(record: DirectoryRecord) -> str:
    found = identity_of(record)
    return found[1] if found else ""


def _told(leaves: Iterable[Leaf], rule: Rule, **detail: str | int) -> Iterator[tuple[Leaf, Finding]]:
    for leaf in leaves:
        yield leaf, rule.at(Where(path=place_of(leaf.instance)), **detail)


_Unite = Callable[[DirectoryRecord, DirectoryRecord], DirectoryRecord]


def _united(
    old: Sequence[DirectoryRecord], new: Sequence[DirectoryRecord], unite: _Unite
) -> tuple[DirectoryRecord, ...]:
    """Return the old records, each united with the new one of its identity, and then the other new ones."""
    united = list(old)
    places = {identity: index for index, record in enumerate(old) if (identity := identity_of(record))}
    for record in new:
        identity = identity_of(record)
        index = None if identity is None else places.get(identity)
        if index is None:
            united.append(record)
        else:
            united[index] = unite(united[index], record)
    return tuple(united)


def _patient(old: DirectoryRecord, new: DirectoryRecord) -> DirectoryRecord:
    return _with(old, _united(old.children, new.children, _study))


def _study(old: DirectoryRecord, new: DirectoryRecord) -> DirectoryRecord:
    return _with(old, _united(old.children, new.children, _series))


def _series(old: DirectoryRecord, new: DirectoryRecord) -> DirectoryRecord:
    return _with(old, (*old.children, *new.children))


def _with(record: DirectoryRecord, children: tuple[DirectoryRecord, ...]) -> DirectoryRecord:
    return structs.replace(record, children=children)
