"""Lay out a file-set: a File ID for every instance, from the counts of patients, studies and so on.

    DICOM/P0000001/S0000001/E0000001/I0000001      patients, studies, series (E), instances
    DICOM/ROOT/R0000001                            objects of the root directory entity

Names are numbers in the order of the directory, so the order of paths is the order of the DICOMDIR, and they
say nothing of the patient. A folder that would hold more than 1,000 entries gets folders of equal size (G)
between. File IDs have at most 8 components (PS3.10 8.2); four levels are fixed and one is the file, so three
levels of such folders fit. Where more are wanted, the levels nearest to the instances come first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mediakit.fileset.file_id import FileID
from mediakit.fileset.groups import Collated

FOLDER_LIMIT = 1000
_SPARE_LEVELS = 3  # 8 components, less top folder, patient, study, series and the file itself
_TOP = "DICOM"
_ROOTS = "ROOT"  # sorts behind P and G

Path = tuple[str, ...]
StudyShape = Sequence[int]  # the number of instances in each series
PatientShape = Sequence[StudyShape]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many of what: patients of studies of series, a series by its number of instances; root objects."""

    patients: Sequence[PatientShape]
    roots: int = 0


def shape_of(collated: Collated) -> Shape:
    """Return the counts of a collated set of instances."""
    patients = tuple(
        tuple(tuple(len(series.leaves) for series in study.series) for study in patient.studies)
        for patient in collated.patients
    )
    return Shape(patients, len(collated.roots))


def layout(shape: Shape, reserved: Iterable[str] = ()) -> Iterator[FileID]:
    """Yield a File ID for each instance, in the order of the directory.

    `reserved` are names that other content takes in the root of the medium, in any case; the top folder
    avoids them. The same shape gives the same File IDs. Source: PS3.10 8.2, 8.5.
    """
    top = (top_folder(reserved),)
    deepest = max((_levels_below_patient(patient) for patient in shape.patients), default=0)
    spare = max(_SPARE_LEVELS - deepest, 0)
    for patient, patient_path in zip(
        shape.patients, _folder(top, "P", len(shape.patients), spare), strict=True
    ):
        left = _SPARE_LEVELS - (len(patient_path) - 2)
        yield from _patient(patient, patient_path, left)
    for path in _folder((*top, _ROOTS), "R", shape.roots, _SPARE_LEVELS):
        yield FileID("/".join(path))


def top_folder(reserved: Iterable[str] = ()) -> str:
    """Return the name of the folder that holds the instances: DICOM, or DICOM1 and so on when it is taken."""
    taken = {name.upper() for name in reserved}
    number = 0
    while (name := f"{_TOP}{number or ''}") in taken:
        number += 1
    return name


def _patient(patient: PatientShape, path: Path, left: int) -> Iterator[FileID]:
    deepest = max((_levels_below_study(study) for study in patient), default=0)
    for study, study_path in zip(
        patient, _folder(path, "S", len(patient), max(left - deepest, 0)), strict=True
    ):
        left_here = left - (len(study_path) - len(path) - 1)
        most = max((levels(count) for count in study), default=0)
        folders = _folder(study_path, "E", len(study), max(left_here - most, 0))
        for count, series_path in zip(study, folders, strict=True):
            left_inside = left_here - (len(series_path) - len(study_path) - 1)
            for parts in _folder(series_path, "I", count, left_inside):
                yield FileID("/".join(parts))


def levels(count: int) -> int:
    """Return how many levels of folders must stand between a folder and so many entries."""
    needed = 0
    while count > FOLDER_LIMIT:
        count = -(-count // FOLDER_LIMIT)
        needed += 1
    return needed


def _levels_below_patient(patient: PatientShape) -> int:
    return levels(len(patient)) + max(map(_levels_below_study, patient), default=0)


def _levels_below_study(study: StudyShape) -> int:
    return levels(len(study)) + max(map(levels, study), default=0)


def _folder(parent: Path, letter: str, count: int, spare: int) -> Iterator[Path]:
    """Yield the paths of numbered entries of a folder, with at most `spare` levels of folders between.

    Entries are numbered through, so their names are unique below `parent`, not only in their folder.
    """
    needed = min(levels(count), spare)
    sizes: list[int] = []  # entries below one folder of each level between, outermost first
    size = count
    for level in range(needed, 0, -1):
        folders = -(-size // FOLDER_LIMIT**level)
        size = -(-size // folders)
        sizes.append(size)
    names = (sys.intern(f"{letter}{number:07d}") for number in range(1, count + 1))
    if not sizes:
        for name in names:
            yield (*parent, name)
        return
    for index, name in enumerate(names):
        within, between = index, []
        for size in sizes:
            between.append(f"G{within // size + 1:07d}")
            within %= size
        yield (*parent, *between, name)
