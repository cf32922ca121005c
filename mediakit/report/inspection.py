"""An inspection as text for a terminal. Patients are named: who looks into a disc asks for that.

Pure. The same as one JSON document is in `inspection_doc`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final

from mediakit.dicom.uids import class_name, syntax_name
from mediakit.fileset.contents import OtherFact, PatientFact, Seen, SeriesFact, StudyFact
from mediakit.fileset.file_kinds import OtherKind
from mediakit.fileset.inspection import Inspection, size_of
from mediakit.findings import printable
from mediakit.report.text import many, size_text

#: What files without an instance are called, in the order shown; a DICOMDIR has a line of its own.
KINDS: Final[Mapping[OtherKind, str]] = MappingProxyType(
    {
        OtherKind.EXECUTABLE: "programs",
        OtherKind.AUTORUN: "autorun files",
        OtherKind.WEB: "web pages and pictures",
        OtherKind.TEXT: "texts",
        OtherKind.DOCUMENT: "documents",
        OtherKind.ARCHIVE: "archives (not opened)",
        OtherKind.ENCRYPTED: "encrypted files",
        OtherKind.DAMAGED: "damaged files",
        OtherKind.UNKNOWN: "other files",
    }
)

_SERIES_LISTED = 40  # of the whole medium; `-v` lists all
_PATHS_LISTED = 3  # of one kind of other files
_VALUES_LISTED = 5  # SOP Classes or transfer syntaxes of one series, modalities of one study
_LONGEST = 64  # characters of one value, which is what a Long String may have (PS3.5 6.2)

_Branch = tuple[PatientFact, StudyFact, SeriesFact]


def inspection_text(inspection: Inspection, *, everything: bool = False) -> str:
    """Return what is on a medium: its kind, the tree of patients, studies and series, and what else."""
    lines = [*_head(inspection)]
    branches = list(_branches(inspection.contents.patients))
    listed = branches if everything else branches[:_SERIES_LISTED]
    if branches:
        lines += ["", *_tree(listed)]
        lines += _rest(branches[len(listed) :])
    others = list(_others(inspection.contents.others, everything=everything))
    if others:
        lines += ["", "other content", *others]
    lines += _how_to_choose(inspection)
    lines += ["", inspection.outcome.line]
    return "\n".join(lines) + "\n"


def _how_to_choose(inspection: Inspection) -> Iterator[str]:
    """Say how one of several patients is taken."""
    patients = [patient for patient in inspection.contents.patients if patient.id]
    if len(inspection.contents.patients) < 2 or not patients:
        return
    command = shlex.join(("mediakit", "burn", inspection.source, "--patient", _shown(patients[0].id)))
    yield ""
    yield f"to take one patient: {printable(command)} -o OUT.iso (or `extract`, `import`; or `--study UID`)"


def _head(inspection: Inspection) -> Iterator[str]:
    counts = inspection.counts
    yield _shown(inspection.source, longest=0)
    yield f"  kind       {_shown(inspection.contents.kind, longest=0)}"
    yield f"  label      {_shown(inspection.label) or '(none)'}"
    yield f"  size       {size_text(inspection.size_bytes)}, {many(inspection.files, 'file', 'files')}"
    parts = (
        many(counts.patients, "patient", "patients"),
        many(counts.studies, "study", "studies"),
        many(counts.series, "series", "series"),
        f"{many(counts.instances, 'instance', 'instances')} ({size_text(counts.size_bytes)})",
    )
    yield f"  holds      {', '.join(parts) if counts.patients else 'no DICOM instance'}"
    yield f"  directory  {_directory(inspection)}"
    for sentence in inspection.contents.security:
        yield f"  security   {_shown(sentence, longest=0)}"
    if counts.missing:
        yield f"  missing    {many(counts.missing, 'instance', 'instances')} that the directory names"
    if inspection.damaged:
        yield f"  damaged    {many(inspection.damaged, 'file', 'files')} that cannot be read"


def _directory(inspection: Inspection) -> str:
    counts = inspection.counts
    if not inspection.is_directory_readable:
        state = "cannot be read" if inspection.directory else "none"
        return f"{state}; the files themselves were read" if counts.instances else state
    if counts.unlisted:
        return f"{many(counts.unlisted, 'instance is', 'instances are')} not in it"
    return "names every instance on the medium" if counts.instances else "names no instance that is there"


def _branches(patients: Iterable[PatientFact]) -> Iterator[_Branch]:
    for patient in patients:
        for study in patient.studies:
            for series in study.series:
                yield patient, study, series


def _tree(branches: Iterable[_Branch]) -> Iterator[str]:
    """Yield a line for every series, and one above the first of each patient and study."""
    patient, study = None, None
    for branch in branches:
        if branch[0] is not patient:
            patient = branch[0]
            yield _patient_line(patient)
        if branch[1] is not study:
            study = branch[1]
            yield _study_line(study)
        yield _series_line(branch[2])


def _rest(branches: Sequence[_Branch]) -> Iterator[str]:
    """Say how much the list leaves out. What is begun in the list and goes on beyond it counts here."""
    if not branches:
        return
    patients = len({id(patient) for patient, _, _ in branches})
    studies = len({id(study) for _, study, _ in branches})
    parts = (
        f"{len(branches):,} more series",
        many(studies, "study", "studies"),
        many(patients, "patient", "patients"),
    )
    yield f"... and {' of '.join(parts)} (`-v` shows all, `--json` every instance)"


def _patient_line(patient: PatientFact) -> str:
    parts = [f"ID {_shown(patient.id)}" if patient.id else "no Patient ID"]
    if patient.birth_date:
        parts.append(f"born {date_text(patient.birth_date)}")
    if patient.sex:
        parts.append(_shown(patient.sex))
    return f"{name_text(patient.name) or '(no name)'}  {', '.join(parts)}"


def name_text(name: str) -> str:
    """Return a person name as people write it: "Family, Given", each writing of it (PS3.5 6.2.1.2)."""
    return _shown(" = ".join(name_writings(name)))


def name_writings(name: str) -> tuple[str, ...]:
    """Return the groups of a person name that have a value, each as people write it."""
    writings = (writing.strip(" ^") for writing in name.split("="))
    written = (" ".join(writing.replace("^", ", ", 1).replace("^", " ").split()) for writing in writings)
    return tuple(one for one in written if one)


def _study_line(study: StudyFact) -> str:
    series = study.series
    there = [one for below in series for one in below.instances if one.seen is not Seen.DIRECTORY]
    parts = [date_text(study.date) if study.date else "no date"]
    if study.description:
        parts.append(_shown(study.description))
    if study.accession:
        parts.append(f"accession {_shown(study.accession)}")
    parts.append(_several(one.modality or "no modality" for one in series))
    parts.append(
        f"{many(len(series), 'series', 'series')}, {many(len(there), 'instance', 'instances')}, "
        f"{size_text(size_of(there))}"
    )
    return f"  {'  '.join(parts)}"


def _series_line(series: SeriesFact) -> str:
    there = [instance for instance in series.instances if instance.seen is not Seen.DIRECTORY]
    lost = len(series.instances) - len(there)
    parts = [
        f"    {_shown(series.modality) or '-':<9} {_shown(series.number) or '-':>4}",
        f"{many(len(there), 'instance', 'instances'):>14} {size_text(size_of(there)):>9}",
        _several(class_name(instance.sop_class) for instance in series.instances),
        _several(syntax_name(instance.transfer_syntax) for instance in series.instances),
    ]
    if series.description:
        parts.append(f'"{_shown(series.description)}"')
    if lost:
        parts.append(f"{lost:,} missing or damaged")
    return "  ".join(part for part in parts if part)


def _several(values: Iterable[str]) -> str:
    """Return each value once, in the order they come, the first few of them."""
    known = list(dict.fromkeys(value for value in values if value))
    text = ", ".join(_shown(value) for value in known[:_VALUES_LISTED])
    return text if len(known) <= _VALUES_LISTED else f"{text} and {len(known) - _VALUES_LISTED} more"


def _others(others: Iterable[OtherFact], *, everything: bool) -> Iterator[str]:
    by_kind: dict[OtherKind, list[OtherFact]] = {}
    for other in others:
        by_kind.setdefault(other.kind, []).append(other)
    for kind, word in KINDS.items():
        group = by_kind.get(kind, [])
        if not group:
            continue
        size = size_text(sum(other.size for other in group))
        yield f"  {word:<22}  {many(len(group), 'file', 'files'):>10} {size:>9}"
        listed = group if everything else list(islice(group, _PATHS_LISTED))
        yield from (f"    {_shown(other.path, longest=0)}  {size_text(other.size)}" for other in listed)
        if len(listed) < len(group):
            yield f"    ... and {len(group) - len(listed):,} more"


def date_text(date: str) -> str:
    """Return a date as people write it: 2026-01-31; what is no date stays as it is."""
    if len(date) == 8 and date.isascii() and date.isdecimal():
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return _shown(date)


def _shown(text: str, *, longest: int = _LONGEST) -> str:
    """Return a value that is safe to print on one line, cut when it is longer than `longest` (0: never)."""
    if longest and len(text) > longest:
        text = text[:longest] + "..."
    return printable(text)
