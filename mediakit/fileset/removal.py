"""What is to be removed from a file-set: instances, patients, studies, series. Pure.

The records say what an instance belongs to, and where they say nothing, the instance itself. What is not
known is never removed; identifiers must be equal in every character.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mediakit.dicom.instance import Instance
from mediakit.fileset.record import DirectoryRecord
from mediakit.fileset.selection import said_by_instance, said_by_records
from mediakit.fileset.survey import RecordLink

_LEVELS = (("patients", 0x00100020, "LO"), ("studies", 0x0020000D, "UI"), ("series", 0x0020000E, "UI"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is to be removed: whatever meets one of these. `instances`, `studies`, `series` are UIDs."""

    instances: frozenset[str] = frozenset()
    patients: frozenset[str] = field(default=frozenset(), repr=False)
    studies: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Return True when anything is to be removed."""
        return bool(self.instances or self.patients or self.studies or self.series)


NOTHING = Removal()


class Asked(NamedTuple):
    """One thing that is to be removed: the field of `Removal`, and the UID or Patient ID."""

    level: str
    value: str

    @property
    def key(self) -> str:
        """Return its SHA-256 (hex): to remember what was asked for without naming a patient."""
        return hashlib.sha256(f"{self.level}\n{self.value.strip()}".encode()).hexdigest()


class Completed(NamedTuple):
    """What an interrupted update had taken out of the directory.

    `keys` are those of what was asked for then, `left` the paths of its files that are still to be deleted.
    """

    keys: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


def asked_of(removal: Removal) -> list[Asked]:
    """Return everything that is to be removed, one by one."""
    return [Asked(level, value) for level, values in _asked(removal) for value in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The records to take away, and what was asked for and is not there."""

    links: tuple[RecordLink, ...]
    unmet: tuple[Asked, ...]

    def records(self) -> frozenset[int]:
        """Return the identities (`id`) of the records, with those below them."""
        found: set[int] = set()
        stack: list[DirectoryRecord] = [link.record for link in self.links]
        while stack:
            record = stack.pop()
            found.add(id(record))
            stack.extend(record.children)
        return frozenset(found)


def removed_of(links: Iterable[RecordLink], removal: Removal) -> Removed:
    """Return which records that reference a file are to be removed."""
    wanted = {(asked.level, asked.value.strip()): asked for asked in asked_of(removal)}
    met: set[tuple[str, str]] = set()
    taken: list[RecordLink] = []
    for link in links:
        found = wanted.keys() & set(_said(link))
        if found:
            met |= found
            taken.append(link)
    unmet = tuple(asked for key, asked in wanted.items() if key not in met)
    return Removed(links=tuple(taken), unmet=unmet)


def is_wanted(instance: Instance, removal: Removal) -> bool:
    """Return True for an instance that no record names, and that itself says that it is to be removed."""
    said = [("instances", instance.sop_instance)]
    said += [(level, said_by_instance(instance, tag, vr) or "") for level, tag, vr in _LEVELS]
    wanted = {(asked.level, asked.value.strip()) for asked in asked_of(removal)}
    return any((level, value.strip()) in wanted for level, value in said if value)


def _asked(removal: Removal) -> Iterator[tuple[str, list[str]]]:
    yield "instances", sorted(removal.instances)
    for level, _, _ in _LEVELS:
        yield level, sorted(getattr(removal, level))


def _said(link: RecordLink) -> Iterator[tuple[str, str]]:
    yield "instances", link.reference.sop_instance
    for level, tag, vr in _LEVELS:
        value = said_by_records((*link.above, link.record), tag, vr)
        if value is None and link.file is not None and link.file.instance is not None:
            value = said_by_instance(link.file.instance, tag, vr)
        if value:
            yield level, value.strip()
