"""What is on a medium as people ask for it: patients, studies, series, instances, and what lies beside them.

Pure: a `Survey` in, `Contents` out. Instances are the union of the directory and of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

import msgspec
from msgspec import Struct

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.fileset.disc_kind import disc_kind
from mediakit.fileset.file_kinds import OtherKind, kind_of
from mediakit.fileset.record import Directory, DirectoryRecord
from mediakit.fileset.security import security_of
from mediakit.fileset.survey import (
    FileFact,
    FileKind,
    RecordLink,
    Survey,
    link_records,
    names_instance,
)


class Seen(StrEnum):
    """Where an instance was met."""

    DIRECTORY = "directory"  # a record references it, the file is missing or unreadable
    SCAN = "scan"  # a file that no record references
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFact:
    """One instance. `path` is "" when its file is missing; `number` is Instance Number as text.

    `file_id` is the File ID by which the directory names it, given for DIRECTORY only.
    """

    sop_instance: str
    sop_class: str
    transfer_syntax: str
    path: str
    size: int
    seen: Seen
    number: str = ""
    file_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFact:
    """One series."""

    uid: str
    modality: str = ""
    number: str = ""
    description: str = field(default="", repr=False)
    instances: tuple[InstanceFact, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFact:
    """One study."""

    uid: str
    date: str = ""
    description: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    series: tuple[SeriesFact, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFact:
    """One patient, by Patient ID. The name is decoded by its character set."""

    id: str = field(repr=False)
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    studies: tuple[StudyFact, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFact:
    """One file that holds no instance. `path` is the one that systems show."""

    path: str
    size: int
    kind: OtherKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is on a medium. `kind` is a sentence on the kind of disc ("ISO 9660 Level 1 with Joliet").

    `security` has a sentence for each kind of encryption and signature that its files have.
    """

    kind: str
    patients: tuple[PatientFact, ...] = field(default=(), repr=False)
    others: tuple[OtherFact, ...] = ()
    security: tuple[str, ...] = ()


_Tags = Mapping[str, tuple[Tag, str]]
_Reader = Callable[[Tag, str], str]  # tag and VR to a value as text

_PATIENT: Tag = 0x00100020
_PATIENT_NAME: Tag = 0x00100010
_STUDY: Tag = 0x0020000D
_SERIES: Tag = 0x0020000E
_NUMBER: Tag = 0x00200013
_OF_PATIENT: _Tags = {
    "name": (_PATIENT_NAME, "PN"),
    "birth_date": (0x00100030, "DA"),
    "sex": (0x00100040, "CS"),
}
_OF_STUDY: _Tags = {
    "date": (0x00080020, "DA"),
    "description": (0x00081030, "LO"),
    "accession": (0x00080050, "SH"),
}
_OF_SERIES: _Tags = {
    "modality": (0x00080060, "CS"),
    "number": (0x00200011, "IS"),
    "description": (0x0008103E, "LO"),
}
_LONGEST_NUMBER = 12  # characters of an Integer String (PS3.5 6.2)


def contents_of(survey: Survey) -> Contents:
    """Return the contents of a medium, sorted by Patient ID, study date, series and instance number.

    Values come from the first file of a patient, study or series that has them, else from the directory.
    Instances that belong to no patient (hanging protocols, implant templates) stand below one with id "".
    """
    listed = {link.reference.sop_instance for link in survey.all_links()}
    meant = {
        link.file.path
        for link in survey.all_links()
        if link.file is not None and not names_instance(link.reference)
    }
    builder = _Builder()
    for file, instance in survey.instances():
        is_listed = instance.sop_instance in listed or file.path in meant
        builder.add_file(file, instance, Seen.BOTH if is_listed else Seen.SCAN)
    missing = {id(link) for link in survey.missing()}
    for link in survey.all_links():
        if id(link) in missing:
            builder.add_missing(link)
        else:
            builder.complete(link.above)
    return Contents(
        kind=disc_kind(survey),
        patients=builder.patients(),
        others=_others(survey),
        security=security_of(survey),
    )


def patients_of(directory: Directory, known: Descriptions | None = None) -> tuple[PatientFact, ...]:
    """Return the patients of a directory alone, as `contents_of` does; the sizes of files are not known.

    `known` is what the instances say and no record does.
    """
    builder = _Builder()
    for link in link_records(directory, ()):
        builder.add_missing(link)
    patients = builder.patients()
    return patients if known is None else tuple(map(known.completed, patients))


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptions:
    """What people want to read, and directory records need not have.

    `births` are birth dates by Patient ID, `series` descriptions by Series Instance UID.
    """

    births: Mapping[str, str] = field(default_factory=dict, repr=False)
    series: Mapping[str, str] = field(default_factory=dict, repr=False)

    def completed(self, patient: PatientFact) -> PatientFact:
        """Return a patient with what is known of it."""
        studies = [
            replace(
                study,
                series=tuple(
                    replace(one, description=one.description or self.series.get(one.uid, ""))
                    for one in study.series
                ),
            )
            for study in patient.studies
        ]
        born = patient.birth_date or self.births.get(patient.id, "")
        return replace(patient, birth_date=born, studies=tuple(studies))


def descriptions_of(instances: Iterable[Instance]) -> Descriptions:
    """Return what the first instance of each patient and series says."""
    births: dict[str, str] = {}
    series: dict[str, str] = {}
    for instance in instances:
        if instance.series in series:
            continue
        values = instance.header.values
        read = partial(_text, values, values.get(SPECIFIC_CHARACTER_SET, b""))
        series[instance.series] = read(*_OF_SERIES["description"])
        if patient := read(_PATIENT, "LO"):
            births.setdefault(patient, read(*_OF_PATIENT["birth_date"]))
    return Descriptions(births=births, series=series)


class _Node(Struct):
    """A patient, study or series while it is collected."""

    uid: str
    values: dict[str, str] = msgspec.field(default_factory=dict)
    below: dict[str, _Node] = msgspec.field(default_factory=dict)
    instances: list[InstanceFact] = msgspec.field(default_factory=list)

    def under(self, uid: str) -> _Node:
        """Return the study or series with this UID, made when it is not there."""
        node = self.below.get(uid)
        if node is None:
            node = self.below[uid] = _Node(uid)
        return node

    def complete(self, tags: _Tags, read: _Reader) -> None:
        """Take the values that are not known yet."""
        for name, (tag, vr) in tags.items():
            if not self.values.get(name):
                self.values[name] = read(tag, vr)


class _Builder:
    """Collects instances below patients, studies and series. Files with equal raw keys are told at once."""

    def __init__(self) -> None:
        self._patients: dict[tuple[str, str], _Node] = {}
        self._known: dict[tuple[bytes, ...], list[InstanceFact]] = {}
        self._branches: dict[int, list[InstanceFact]] = {}  # by identity of the records above

    def add_file(self, file: FileFact, instance: Instance, seen: Seen) -> None:
        """Add the instance that a file holds."""
        values = instance.header.values
        patient = values.get(_PATIENT, b"")
        raw = (
            patient,
            b"" if patient else values.get(_PATIENT_NAME, b""),
            values.get(SPECIFIC_CHARACTER_SET, b""),
            values.get(_STUDY, b""),
            values.get(_SERIES, b""),
        )
        instances = self._known.get(raw)
        if instances is None:
            read = partial(_text, values, raw[2])
            instances = self._known[raw] = self._series((read, read, read))
        instances.append(
            InstanceFact(
                sop_instance=instance.sop_instance,
                sop_class=instance.sop_class,
                transfer_syntax=instance.transfer_syntax,
                path=file.path,
                size=file.size,
                seen=seen,
                number=instance.header.text(_NUMBER),
            )
        )

    def add_missing(self, link: RecordLink) -> None:
        """Add an instance that only a record tells of; its path is known when the file cannot be read."""
        file, reference = link.file, link.reference
        is_there = file is not None and file.kind not in {FileKind.INSTANCE, FileKind.DICOMDIR}
        number = link.record.key(_NUMBER)
        self.complete(link.above).append(
            InstanceFact(
                sop_instance=reference.sop_instance,
                sop_class=reference.sop_class,
                transfer_syntax=reference.transfer_syntax,
                path=file.path if file is not None and is_there else "",
                size=file.size if file is not None and is_there else 0,
                seen=Seen.DIRECTORY,
                number="" if number is None else number.value.decode("latin-1").strip(" \0"),
                file_id="" if reference.file_id is None else reference.file_id.path,
            )
        )

    def complete(self, above: tuple[DirectoryRecord, ...]) -> list[InstanceFact]:
        """Take what the records above an instance know and no file did; return the series they name."""
        instances = self._branches.get(id(above))
        if instances is None:
            instances = self._branches[id(above)] = self._series(_readers(above))
        return instances

    def _series(self, readers: tuple[_Reader, _Reader, _Reader]) -> list[InstanceFact]:
        of_patient, of_study, of_series = readers
        identity = of_patient(_PATIENT, "LO")
        # Nameless is nobody: without Patient ID, those of one name are taken for one patient.
        key = (identity, "" if identity else of_patient(_PATIENT_NAME, "PN"))
        patient = self._patients.get(key)
        if patient is None:
            patient = self._patients[key] = _Node(identity)
        study = patient.under(of_study(_STUDY, "UI"))
        series = study.under(of_series(_SERIES, "UI"))
        patient.complete(_OF_PATIENT, of_patient)
        study.complete(_OF_STUDY, of_study)
        series.complete(_OF_SERIES, of_series)
        return series.instances

    def patients(self) -> tuple[PatientFact, ...]:
        """Return what was collected, sorted; nodes without any instance are left out."""
        found = (_patient(node) for _, node in sorted(self._patients.items()))
        return tuple(patient for patient in found if patient.studies)


def _text(values: Mapping[Tag, bytes], charset: bytes, tag: Tag, vr: str) -> str:
    raw = values.get(tag)
    return text.decode(raw.strip(b" \0"), charset, vr).strip(" ") if raw else ""


def _readers(above: tuple[DirectoryRecord, ...]) -> tuple[_Reader, _Reader, _Reader]:
    """Return what reads the keys of the PATIENT, STUDY and SERIES records above an instance.

    A record without Specific Character Set is read in that of the record above it.
    """
    readers: dict[str, _Reader] = {}
    charset = b""
    for record in above:
        values = {key.tag: key.value for key in record.keys}
        charset = values.get(SPECIFIC_CHARACTER_SET) or charset
        readers.setdefault(record.type, partial(_text, values, charset))
    nothing = partial(_text, {}, b"")
    return readers.get("PATIENT", nothing), readers.get("STUDY", nothing), readers.get("SERIES", nothing)


def _patient(node: _Node) -> PatientFact:
    studies = sorted(map(_study, node.below.values()), key=lambda study: (study.date, study.uid))
    return PatientFact(id=node.uid, studies=tuple(study for study in studies if study.series), **node.values)


def _study(node: _Node) -> StudyFact:
    series = sorted(
        map(_series, filter(lambda below: below.instances, node.below.values())),
        key=lambda one: (_order(one.number), one.uid),
    )
    return StudyFact(uid=node.uid, series=tuple(series), **node.values)


def _series(node: _Node) -> SeriesFact:
    node.instances.sort(key=lambda one: (_order(one.number), one.sop_instance, one.path))
    return SeriesFact(uid=node.uid, instances=tuple(node.instances), **node.values)


def _order(number: str) -> tuple[int, int, str]:
    """Return where a number stands: by its value, what is no number behind, nothing last."""
    if len(number) <= _LONGEST_NUMBER and number.isascii() and number.lstrip("+-").isdecimal():
        with suppress(ValueError):
            return (0, int(number), "")
    return (1 if number else 2, 0, number)


def _others(survey: Survey) -> tuple[OtherFact, ...]:
    referenced = {
        link.file.path for link in survey.all_links() if link.file is not None and link.reference.sop_instance
    }
    found = (
        OtherFact(
            path=file.shown_path, size=file.size, kind=_other_kind(file, is_linked=file.path in referenced)
        )
        for file in survey.files
        if file.instance is None
    )
    return tuple(sorted(found, key=lambda other: other.path))


def _other_kind(file: FileFact, *, is_linked: bool) -> OtherKind:
    if file.kind is FileKind.DICOMDIR:
        return OtherKind.DICOMDIR
    if file.kind is FileKind.CLOSED:
        is_encrypted = file.seal is not None or (
            file.finding is not None and "encrypted" in file.finding.text
        )
        return OtherKind.ENCRYPTED if is_encrypted else OtherKind.DAMAGED
    if file.kind is FileKind.DAMAGED and (file.size or is_linked):
        return OtherKind.DAMAGED
    kind = kind_of(file.path, file.head, file.size)
    is_empty = kind is OtherKind.UNKNOWN and file.kind is FileKind.DAMAGED
    if kind is not OtherKind.ENCRYPTED and (is_linked or is_empty):
        return OtherKind.DAMAGED
    return kind
