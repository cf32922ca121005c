"""The table of patients and studies of an HTML report; only when names were asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediakit.fileset.contents import PatientFact
from mediakit.report.html_page import as_text
from mediakit.report.inspection import date_text, name_text
from mediakit.report.names import named_studies

_LISTED = 2_000


def names_part(patients: Sequence[PatientFact]) -> Iterator[str]:
    """Yield a table of patients and studies for an HTML report; nothing without patients."""
    studies = named_studies(patients)
    if not studies:
        return
    yield "<h2>Patients and studies</h2>"
    yield "<p>This list holds patient data.</p>"
    heads = ("Patient", "Patient ID", "Born", "Date", "Description", "Modality", "Accession Number")
    yield "<table><thead><tr>"
    yield from (f'<th scope="col">{head}</th>' for head in heads)
    yield '<th scope="col" class="number">Images</th></tr></thead><tbody>'
    for study in studies[:_LISTED]:
        values = (
            name_text(study.patient_name),
            study.patient_id,
            date_text(study.birth_date),
            date_text(study.study_date),
            study.description,
            ", ".join(study.modalities),
            study.accession_number,
        )
        yield "<tr>"
        yield from (f"<td>{as_text(value)}</td>" for value in values)
        yield f'<td class="number">{study.instances:,}</td></tr>'
    yield "</tbody></table>"
    if len(studies) > _LISTED:
        yield f"<p>{len(studies) - _LISTED:,} more are in the JSON report.</p>"
