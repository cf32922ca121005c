"""The label of a disc: boxes on a ring, a page for each disc (PS3.12 F; IHE RAD TF-3 4.47)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mediakit.extras.paper.canvas import Box, Canvas
from mediakit.extras.paper.facts import Paper, PaperDisc, PaperPatient, PaperStudy
from mediakit.extras.paper.template import NAMING, Field, LabelTemplate, line_height
from mediakit.findings import Finding

_WORDS = {
    "patient": "the name of the patient",
    "patient_id": "the Patient ID",
    "details": "the Patient ID",
    "studies": "the list of studies",
    "institution": "the institution",
    "place": "the address of the institution",
}


def draw_label(
    paper: Paper, template: LabelTemplate, fonts: Sequence[Path] = (), *, with_patient: bool = True
) -> tuple[bytes, tuple[Finding, ...]]:
    """Return the labels as PDF, with a page for each disc, and what is to be known of it."""
    size = template.diameter
    characters = characters_of(paper, *(one.text for one in template.field))
    with closing(Canvas("label", (size, size), characters, fonts)) as canvas:
        for disc in paper.discs:
            canvas.new_page()
            _draw(canvas, paper, disc, template, with_patient=with_patient)
        return canvas.finished("Label of a disc", paper.made), canvas.findings


def characters_of(paper: Paper, *texts: str) -> frozenset[str]:
    """Return every character that may stand on paper."""
    found = set().union(*texts, *paper.institution, *paper.signs, paper.made, _ALWAYS)
    for disc in paper.discs:
        found.update(disc.label, disc.uid, disc.content)
        for patient in disc.patients:
            found.update(patient.id, patient.birth_date, *patient.writings)
        for study in disc.studies:
            found.update(study.date, study.description, study.accession, *study.modalities)
            for series in study.series:
                found.update(series.number, series.modality, series.description)
    return frozenset(found)


_ALWAYS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;-+()/\u00b7\u2026"


def qr_text(disc: PaperDisc) -> str:
    """Return what the QR code says: the identifier of the disc and its checksum, no patient data."""
    number = f" DISC:{disc.number}/{disc.of}" if disc.of > 1 else ""
    checksum = f" SHA256:{disc.sha256.upper()}" if disc.sha256 else ""
    return f"FILESET:{disc.uid or 'UNKNOWN'}{number}{checksum}"  # of characters that QR codes hold tightly


def _draw(
    canvas: Canvas, paper: Paper, disc: PaperDisc, template: LabelTemplate, *, with_patient: bool
) -> None:
    centre = template.diameter / 2
    if template.outline:
        canvas.circle(centre, centre, template.diameter - 0.2)
        canvas.circle(centre, centre, template.hub)
    if template.qr is not None:
        canvas.qr(centre + template.qr.x, centre + template.qr.y, template.qr.size, qr_text(disc))
    values = _values(canvas, paper, disc, with_patient=with_patient)
    for field in template.field:
        if "studies" in field.names:
            _draw_studies(canvas, disc.studies if with_patient else (), field, centre)
        else:
            shown = field.text.format_map(values)
            box = Box(centre + field.x, centre + field.y, field.width, field.height)
            _draw_field(canvas, box, shown, field)


def _draw_field(canvas: Canvas, box: Box, shown: str, field: Field) -> None:
    what = next((_WORDS[name] for name in sorted(field.names) if name in _WORDS), f'"{field.text}"')
    canvas.text(box, shown, field.size, what=what, bold=field.bold, align=field.align)


def _values(canvas: Canvas, paper: Paper, disc: PaperDisc, *, with_patient: bool) -> dict[str, str]:
    """Return what fields name; nothing of a patient without `with_patient`."""
    values = dict.fromkeys(NAMING, "")
    values |= {
        "institution": paper.institution[0] if paper.institution else "",
        "place": " \u00b7 ".join(paper.institution[1:]),
        "content": disc.content,
        "disc": f"Disc {disc.number} of {disc.of}",
        "label": disc.label,
        "made": paper.made,
        "counts": counts_text(disc),
        "uid": disc.uid,
    }
    if with_patient:
        values |= _of_patients(canvas, disc.patients)
    return values


def _of_patients(canvas: Canvas, patients: Sequence[PaperPatient]) -> dict[str, str]:
    named = [one for one in patients if one.writings or one.id]
    if len(named) > 1:
        return {"patient": f"{len(named)} patients"}
    values = {}
    for patient in named:
        number = f"ID {patient.id}" if patient.id else ""
        born = f"born {patient.birth_date}" if patient.birth_date else ""
        values = {
            "patient": canvas.name(patient.writings) or "(no name)",
            "patient_id": patient.id,
            "birth_date": patient.birth_date,
            "details": " \u00b7 ".join(part for part in (born, number) if part),  # the end is cut
        }
    return values


def _draw_studies(canvas: Canvas, studies: Sequence[PaperStudy], field: Field, centre: float) -> None:
    """Draw a line for each study; the last line says how many more there are."""
    room = field.lines
    shown = list(studies if len(studies) <= room else studies[: room - 1])
    rows = [study_text(study) for study in shown]
    if left := len(studies) - len(shown):
        canvas.note_shortened(_WORDS["studies"])
        rows.append(f"+ {left} more {'study' if left == 1 else 'studies'}")
    height = line_height(field.size)
    for number, row in enumerate(rows):
        box = Box(centre + field.x, centre + field.y + number * height, field.width, height)
        canvas.text(box, row, field.size, what=_WORDS["studies"], bold=field.bold, align=field.align)


def study_text(study: PaperStudy) -> str:
    """Return a study on one line: date, kind, description."""
    parts = (study.date, "/".join(study.modalities), study.description)
    return " \u00b7 ".join(part for part in parts if part) or "a study"


def counts_text(disc: PaperDisc) -> str:
    """Return how much is on a disc: "1 patient, 2 studies, 31 objects"."""
    studies, patients = len(disc.studies), len(disc.patients)
    parts = [f"{patients} patients"] if patients > 1 else []
    parts += [
        f"{studies} {'study' if studies == 1 else 'studies'}",
        f"{disc.instances:,} {'object' if disc.instances == 1 else 'objects'}",
    ]
    return ", ".join(parts)
