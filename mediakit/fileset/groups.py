"""Instances in the order and with the keys of the directory to be: values between `collate` and `build`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from mediakit.dicom.instance import Instance
from mediakit.fileset.record import Key
from mediakit.findings import Finding


class Leaf(NamedTuple):
    """An instance with the type and the keys of the record that will reference it."""

    instance: Instance
    type: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class SeriesGroup:
    """A SERIES record to be: its UID, keys, and the leaves in order."""

    uid: str
    keys: tuple[Key, ...] = field(repr=False)
    leaves: tuple[Leaf, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StudyGroup:
    """A STUDY record to be."""

    uid: str
    keys: tuple[Key, ...] = field(repr=False)
    series: tuple[SeriesGroup, ...]


@dataclass(frozen=True, slots=True)
class PatientGroup:
    """A PATIENT record to be. `patient_id` is without padding, in UTF-8 when it is not plain ASCII."""

    patient_id: bytes
    keys: tuple[Key, ...] = field(repr=False)
    studies: tuple[StudyGroup, ...]


class Collated(Struct, frozen=True, kw_only=True):
    """Everything that goes into the directory, in its order, and what does not.

    `refused` maps the index of an input instance to the finding that decided; `findings` holds the rest:
    every value supplied, dropped, converted or merged.
    """

    patients: tuple[PatientGroup, ...]
    roots: tuple[Leaf, ...]
    refused: Mapping[int, Finding]
    findings: tuple[Finding, ...]

    def leaves(self) -> Iterator[Leaf]:
        """Yield every leaf in the order of the directory."""
        for patient in self.patients:
            for study in patient.studies:
                for series in study.series:
                    yield from series.leaves
        yield from self.roots
