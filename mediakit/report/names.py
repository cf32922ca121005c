"""Whose images a report is about: in a file only when names were asked for (`--with-names`). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # errors are printed with the documents, and must not wait for the whole core
    from mediakit.fileset.contents import PatientFact


class NamedStudyDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One study with its patient. These are patient data."""

    patient_name: str
    patient_id: str
    birth_date: str
    study_date: str
    description: str
    modalities: list[str]
    accession_number: str
    study_instance_uid: str
    instances: int


def named_studies(patients: Sequence[PatientFact]) -> list[NamedStudyDoc]:
    """Return every study of some patients, with names."""
    return [
        NamedStudyDoc(
            patient_name=patient.name,
            patient_id=patient.id,
            birth_date=patient.birth_date,
            study_date=study.date,
            description=study.description,
            modalities=sorted({series.modality for series in study.series if series.modality}),
            accession_number=study.accession,
            study_instance_uid=study.uid,
            instances=sum(len(series.instances) for series in study.series),
        )
        for patient in patients
        for study in patient.studies
    ]
