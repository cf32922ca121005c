"""What an inspection gives: what is on a medium, what is missing and what is damaged. Values only.

Nothing here judges: `rules.validation` is for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mediakit.fileset.contents import Contents, InstanceFact, PatientFact, Seen
from mediakit.fileset.file_kinds import OtherKind
from mediakit.findings import Report
from mediakit.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much there is. `instances` and `size_bytes` are of files that hold one.

    `missing` instances are named by the directory alone; the file of `unreadable` ones is there, but broken.
    `unlisted` ones are known to no directory record.
    """

    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    size_bytes: int = 0
    missing: int = 0
    unreadable: int = 0
    unlisted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is on a medium. `source` is its name as the user gave it, `files` how many files there are.

    `directory` is the path of the DICOMDIR, "" when there is none; `is_directory_readable` is True when it
    could be read, whole or in part. `report` holds what is damaged or missing, and nothing else.
    """

    source: str
    format: str
    contents: Contents
    report: Report
    outcome: Outcome
    label: str = ""
    size_bytes: int = 0
    files: int = 0
    directory: str = ""
    is_directory_readable: bool = False
    counts: Counts = field(default_factory=Counts)

    @property
    def damaged(self) -> int:
        """Return how many files are broken or cannot be read."""
        return sum(other.kind is OtherKind.DAMAGED for other in self.contents.others)


def counts_of(patients: Iterable[PatientFact]) -> Counts:
    """Count patients, or some of them."""
    patients = tuple(patients)
    studies = [study for patient in patients for study in patient.studies]
    series = [one for study in studies for one in study.series]
    instances = [instance for one in series for instance in one.instances]
    lost = [instance for instance in instances if instance.seen is Seen.DIRECTORY]
    return Counts(
        patients=len(patients),
        studies=len(studies),
        series=len(series),
        instances=len(instances) - len(lost),
        size_bytes=size_of(instances),
        missing=sum(not instance.path for instance in lost),
        unreadable=sum(bool(instance.path) for instance in lost),
        unlisted=sum(instance.seen is Seen.SCAN for instance in instances),
    )


def size_of(instances: Iterable[InstanceFact]) -> int:
    """Return the size in bytes of the files that hold these instances."""
    return sum(instance.size for instance in instances if instance.seen is not Seen.DIRECTORY)
