"""Studies of two patients and series in two studies: one UID that stands for two things. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mediakit.dicom.instance import Tag
from mediakit.fileset.survey import Survey

_PATIENT_ID: Tag = 0x00100020


class Owned(NamedTuple):
    """A UID with its owners: Patient IDs of a study, studies of a series. `path` is a file of the second."""

    uid: str
    owners: tuple[str, ...]
    path: str


def studies_of_several(survey: Survey) -> Iterator[Owned]:
    """Yield each study whose instances have several Patient IDs. An instance without one says nothing."""
    yield from _of_several(
        (instance.study, instance.header.text(_PATIENT_ID), file.path)
        for file, instance in survey.instances()
    )


def series_of_several(survey: Survey) -> Iterator[Owned]:
    """Yield each series whose instances have several Study Instance UIDs."""
    yield from _of_several(
        (instance.series, instance.study, file.path) for file, instance in survey.instances()
    )


def _of_several(said: Iterator[tuple[str, str, str]]) -> Iterator[Owned]:
    owners: dict[str, dict[str, str]] = {}
    for uid, owner, path in said:
        if uid and owner:
            owners.setdefault(uid, {}).setdefault(owner, path)
    for uid, found in owners.items():
        if len(found) > 1:
            yield Owned(uid, tuple(found), list(found.values())[1])
