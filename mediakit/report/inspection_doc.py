"""An inspection as one JSON document, `"schema": "mediakit/inspection/1"`. Its shape is the structs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from mediakit.fileset.contents import InstanceFact, PatientFact, SeriesFact, StudyFact
from mediakit.fileset.inspection import Inspection
from mediakit.report.json import FindingDoc, finding_doc


class SeriesDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One series. Its instances are in `instances` of the document."""

    series_instance_uid: str
    modality: str
    number: str
    description: str
    instances: int


class StudyDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One study."""

    study_instance_uid: str
    date: str
    description: str
    accession_number: str
    series: list[SeriesDoc]


class PatientDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One patient, with all writings of the name."""

    patient_id: str
    name: str
    birth_date: str
    sex: str
    studies: list[StudyDoc]


class InstanceDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One instance. `path` is "" when its file is missing; then `file_id` is where it should be."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    size: int
    source: Literal["directory", "scan", "both"]
    file_id: str
    number: str
    series_instance_uid: str
    study_instance_uid: str
    patient_id: str


class OtherDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One file that holds no instance."""

    path: str
    size: int
    kind: str


class InspectionDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer on one medium."""

    source: str
    outcome: str
    exit_code: int
    format: str
    kind: str
    label: str
    size_bytes: int
    directory: str
    directory_readable: bool
    counts: dict[str, int]
    findings: list[FindingDoc]
    patients: list[PatientDoc]
    instances: list[InstanceDoc]
    others: list[OtherDoc]
    security: list[str] = []
    schema: Literal["mediakit/inspection/1"] = "mediakit/inspection/1"


def inspection_doc(inspection: Inspection) -> InspectionDoc:
    """Return an inspection as the value that is written as JSON."""
    contents = inspection.contents
    return InspectionDoc(
        source=inspection.source,
        outcome=inspection.outcome.word,
        exit_code=int(inspection.outcome),
        format=inspection.format,
        kind=contents.kind,
        label=inspection.label,
        size_bytes=inspection.size_bytes,
        directory=inspection.directory,
        directory_readable=inspection.is_directory_readable,
        counts=_counts(inspection),
        findings=[finding_doc(finding) for finding in inspection.report.findings],
        patients=[_patient_doc(patient) for patient in contents.patients],
        instances=list(_instances(inspection)),
        security=list(contents.security),
        others=[
            OtherDoc(path=other.path, size=other.size, kind=other.kind.value) for other in contents.others
        ],
    )


def inspection_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(InspectionDoc)


def _counts(inspection: Inspection) -> dict[str, int]:
    counts = inspection.counts
    return {
        "files": inspection.files,
        "patients": counts.patients,
        "studies": counts.studies,
        "series": counts.series,
        "instances": counts.instances,
        "missing": counts.missing,
        "unreadable": counts.unreadable,
        "not_in_directory": counts.unlisted,
        "damaged": inspection.damaged,
        "others": len(inspection.contents.others),
    }


def _patient_doc(patient: PatientFact) -> PatientDoc:
    return PatientDoc(
        patient_id=patient.id,
        name=patient.name,
        birth_date=patient.birth_date,
        sex=patient.sex,
        studies=[_study_doc(study) for study in patient.studies],
    )


def _study_doc(study: StudyFact) -> StudyDoc:
    return StudyDoc(
        study_instance_uid=study.uid,
        date=study.date,
        description=study.description,
        accession_number=study.accession,
        series=[_series_doc(series) for series in study.series],
    )


def _series_doc(series: SeriesFact) -> SeriesDoc:
    return SeriesDoc(
        series_instance_uid=series.uid,
        modality=series.modality,
        number=series.number,
        description=series.description,
        instances=len(series.instances),
    )


def _instances(inspection: Inspection) -> Iterator[InstanceDoc]:
    for patient in inspection.contents.patients:
        for study in patient.studies:
            for series in study.series:
                for instance in series.instances:
                    yield _instance_doc(patient.id, study.uid, series.uid, instance)


def _instance_doc(patient: str, study: str, series: str, instance: InstanceFact) -> InstanceDoc:
    return InstanceDoc(
        sop_instance_uid=instance.sop_instance,
        sop_class_uid=instance.sop_class,
        transfer_syntax_uid=instance.transfer_syntax,
        path=instance.path,
        size=instance.size,
        source=instance.seen.value,
        file_id=instance.file_id,
        number=instance.number,
        series_instance_uid=series,
        study_instance_uid=study,
        patient_id=patient,
    )
