"""Whose images a report is about: in a file only when names were asked for (`--with-names`). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # errors are printed with the documents, and must not wait for the whole core
    from mediakit.fileset.contents import Descriptions, PatientFact, SeriesFact
    from mediakit.fileset.plan import FileSetPlan


class NamedSeriesDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a study."""

    number: str
    modality: str
    description: str
    series_instance_uid: str
    instances: int


class NamedStudyDoc(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One study with its patient. These are patient data. `medium` is its number when there are several."""

    patient_name: str
    patient_id: str
    birth_date: str
    study_date: str
    description: str
    modalities: list[str]
    accession_number: str
    study_instance_uid: str
    instances: int
    series: list[NamedSeriesDoc] = []
    medium: int = 0


def named_studies(patients: Sequence[PatientFact], medium: int = 0) -> list[NamedStudyDoc]:
    """Return every study of some patients, with names, and the number of the medium that it is on."""
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
            series=[_named_series(series) for series in study.series],
            medium=medium,
        )
        for patient in patients
        for study in patient.studies
    ]


def named_by_medium(
    plans: Sequence[FileSetPlan], descriptions: Descriptions | None = None
) -> list[NamedStudyDoc]:
    """Return every study of the media of a burn; `descriptions` is what the directories do not say."""
    from mediakit.fileset.contents import patients_of  # noqa: PLC0415 - errors must not wait for it

    is_one = len(plans) == 1
    return [
        row
        for number, plan in enumerate(plans, 1)
        for row in named_studies(patients_of(plan.directory, descriptions), 0 if is_one else number)
    ]


def _named_series(series: SeriesFact) -> NamedSeriesDoc:
    return NamedSeriesDoc(
        number=series.number,
        modality=series.modality,
        description=series.description,
        series_instance_uid=series.uid,
        instances=len(series.instances),
    )
