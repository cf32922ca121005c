"""What stands on paper: the discs of a set, and whose images they hold. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSeries:
    """One series, in the words of people."""

    number: str = ""
    modality: str = ""
    description: str = ""
    instances: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperStudy:
    """One study. `date` is as people write it."""

    date: str = ""
    description: str = ""
    accession: str = ""
    modalities: tuple[str, ...] = ()
    instances: int = 0
    series: tuple[PaperSeries, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPatient:
    """One patient. `writings` are the groups of the name that have a value, the alphabetic one first."""

    writings: tuple[str, ...] = field(default=(), repr=False)
    id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    studies: tuple[PaperStudy, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperDisc:
    """One disc of a set. `uid` is its File-set UID, `sha256` that of its manifest, else of its DICOMDIR.

    `content` is "DICOM ONLY" or "DICOM PLUS WEB" (IHE RAD TF-3 4.47).
    """

    number: int = 1
    of: int = 1
    label: str = ""
    uid: str = ""
    sha256: str = ""
    content: str = "DICOM ONLY"
    has_viewer: bool = False
    patients: tuple[PaperPatient, ...] = ()

    @property
    def studies(self) -> tuple[PaperStudy, ...]:
        """Return the studies of all its patients."""
        return tuple(study for patient in self.patients for study in patient.studies)

    @property
    def instances(self) -> int:
        """Return how many instances it holds."""
        return sum(study.instances for study in self.studies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a label and a cover sheet tell.

    `made` is the date of the medium ("2026-01-31"), "" where it is not known. `signs` are sentences on what
    seems to be missing.
    """

    discs: tuple[PaperDisc, ...]
    institution: tuple[str, ...] = ()
    made: str = ""
    signs: tuple[str, ...] = ()
