"""From a report of a burn, or from what was seen of a medium, to what stands on its label. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from mediakit.errors import UsageError
from mediakit.extras.paper.facts import Paper, PaperDisc, PaperPatient, PaperSeries, PaperStudy
from mediakit.outcome import Outcome
from mediakit.report.inspection import date_text, name_writings
from mediakit.report.json import FindingDoc, MediumDoc, ReportDoc, finding_doc
from mediakit.report.names import NamedStudyDoc, named_studies

if TYPE_CHECKING:
    from mediakit.journeys.label import SeenMedium

_MISSING = frozenset({"MK-CMP-001", "MK-CMP-004", "MK-CMP-005", "MK-CMP-006", "MK-CMP-007", "MK-CMP-008"})
_NOT_IN_SOURCE = "MK-SRC-107"
_BURNS = frozenset({"burn", "repair"})
_CAME_ABOUT = frozenset({int(Outcome.GOOD), int(Outcome.FINDINGS)})
_HOW = "make it with `mediakit burn SRC -o OUT.iso -n --json --with-names > plan.json`"


def read_plan(content: bytes, where: str) -> ReportDoc:
    """Return the report of a burn or of its rehearsal. Raises UsageError for anything else."""
    try:
        document = msgspec.json.decode(content, type=ReportDoc)
    except (ValueError, RecursionError) as exc:
        raise UsageError("this is not the report of a burn", where=where, why=str(exc), hint=_HOW) from exc
    if document.journey not in _BURNS:
        raise UsageError(f"this is the report of `{document.journey}`, not of a burn", where=where, hint=_HOW)
    if document.exit_code not in _CAME_ABOUT:
        why = f"the burn ended so: {document.outcome}"
        raise UsageError("there is no disc to make a label for", where=where, why=why)
    return document


def paper_of_plan(
    plan: ReportDoc, where: str, institution: Sequence[str] = (), *, with_patient: bool = True
) -> Paper:
    """Return what stands on the paper of a planned or written burn. Raises UsageError without names."""
    if with_patient and not plan.studies:
        hint = "make it with `--with-names`, or ask for a label without patient data (`--no-patient`)"
        raise UsageError("the report names no patients", where=where, hint=hint)
    figures = plan.figures
    media = plan.media or [_only(figures)]
    discs = [
        PaperDisc(
            number=number,
            of=len(media),
            label=medium.file_set_id,
            uid=medium.file_set_uid,
            sha256=medium.checksum or "",
            content=medium.content,
            has_viewer=medium.has_viewer,
            patients=_patients(row for row in plan.studies if row.medium in {0, number}),
        )
        for number, medium in enumerate(media, 1)
    ]
    return Paper(
        discs=tuple(discs),
        institution=tuple(institution),
        made=str(figures.get("made", "")),
        signs=signs_of(plan.findings, plan.studies),
    )


def paper_of_medium(
    seen: SeenMedium, institution: Sequence[str] = (), disc: tuple[int, int] = (1, 1), made: str = ""
) -> Paper:
    """Return what stands on the paper of a medium, which is one of several (`disc`: number, of how many)."""
    studies = named_studies(seen.patients)
    signs = signs_of([finding_doc(one) for one in seen.signs], studies)
    only = PaperDisc(
        number=disc[0],
        of=disc[1],
        label=seen.label,
        uid=seen.file_set_uid,
        sha256=seen.sha256,
        content=seen.content,
        has_viewer=seen.has_viewer,
        patients=_patients(studies),
    )
    return Paper(
        discs=(only,),
        institution=tuple(institution),
        made=made or date_text(seen.made),
        signs=(*_absent(seen.missing), *signs),
    )


def signs_of(findings: Iterable[FindingDoc], studies: Sequence[NamedStudyDoc]) -> tuple[str, ...]:
    """Return what seems to be missing as sentences in which series have numbers instead of UIDs."""
    findings = list(findings)
    names = {
        series.series_instance_uid: " ".join(
            part for part in (series.number, series.modality, series.description) if part
        )
        for study in studies
        for series in study.series
    }
    lost = sum(one.rule == _NOT_IN_SOURCE for one in findings)
    signs = [_named(one.text, names) for one in findings if one.rule in _MISSING]
    return (*_absent(lost), *dict.fromkeys(signs))


def _absent(count: int) -> tuple[str, ...]:
    objects = "object is" if count == 1 else "objects are"
    return (f"{count:,} {objects} named by the directory and not on the disc",) if count else ()


def _named(text: str, names: Mapping[str, str]) -> str:
    """Return a sentence with names in place of the UIDs of series."""
    words = []
    for word in text.split(" "):
        uid = word.rstrip(":,")
        words.append(f"{names[uid]}{word[len(uid) :]}" if names.get(uid) else word)
    return " ".join(words)


def _only(figures: Mapping[str, str | int | float]) -> MediumDoc:
    return MediumDoc(
        target=str(figures.get("target", "")),
        file_set_id=str(figures.get("file_set_id", "")),
        file_set_uid=str(figures.get("file_set_uid", "")),
        patients=0,
        instances=0,
        needs_bytes=0,
        written_bytes=None,
        checksum=str(figures.get("checksum", "")),
        content=str(figures.get("content", "DICOM ONLY")),
        has_viewer=figures.get("viewer", "none") != "none",
    )


def _patients(rows: Iterable[NamedStudyDoc]) -> tuple[PaperPatient, ...]:
    def key(row: NamedStudyDoc) -> tuple[str, str, str]:
        return row.patient_id, row.patient_name, row.birth_date

    return tuple(
        PaperPatient(
            writings=name_writings(name),
            id=number,
            birth_date=date_text(born),
            studies=tuple(map(_study, found)),
        )
        for (number, name, born), found in groupby(rows, key=key)
    )


def _study(row: NamedStudyDoc) -> PaperStudy:
    return PaperStudy(
        date=date_text(row.study_date),
        description=row.description,
        accession=row.accession_number,
        modalities=tuple(row.modalities),
        instances=row.instances,
        series=tuple(
            PaperSeries(
                number=one.number, modality=one.modality, description=one.description, instances=one.instances
            )
            for one in row.series
        ),
    )
