"""What is on a medium as people ask for it: patients, studies, series, instances, and what lies beside them.

Pure: a `Survey` in, `Contents` out. Instances are the union of the directory and of the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mediakit.fileset.survey import Survey


class Seen(StrEnum):
    """Where an instance was met."""

    DIRECTORY = "directory"  # a record references it, the file is missing or unreadable
    SCAN = "scan"  # a file that no record references
    BOTH = "both"


class OtherKind(StrEnum):
    """What a file that holds no instance is."""

    DICOMDIR = "dicomdir"
    EXECUTABLE = "executable"  # programs, libraries, scripts, by content or by name
    AUTORUN = "autorun"
    WEB = "web"  # pages, style sheets, pictures for a browser
    TEXT = "text"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"  # DICOM that is broken, or a file that cannot be read
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFact:
    """One instance. `path` is "" when its file is missing; `number` is Instance Number as text."""

    sop_instance: str
    sop_class: str
    transfer_syntax: str
    path: str
    size: int
    seen: Seen
    number: str = ""


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
    """One file that holds no instance."""

    path: str
    size: int
    kind: OtherKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is on a medium. `kind` is a sentence on the kind of disc ("ISO 9660 Level 1 with Joliet")."""

    kind: str
    patients: tuple[PatientFact, ...] = field(default=(), repr=False)
    others: tuple[OtherFact, ...] = ()


def contents_of(survey: Survey) -> Contents:
    """Return the contents of a medium, sorted by Patient ID, study date, series and instance number."""
    return Contents(kind=survey.format)
