"""An archive on the DICOM network: asked by C-FIND, fetched from by C-GET, else by C-MOVE to our own SCP.

Loaded on use: pynetdicom, which asks, takes long to import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from mediakit.destinations.archive import (
    FoundInstance,
    FoundSeries,
    FoundStudy,
    Hear,
    Retrieved,
    StudyQuery,
    Wanted,
    count_of,
    joined,
)
from mediakit.destinations.base import Unreachable
from mediakit.destinations.dimse_get import NoGet, contexts_for, fits, get
from mediakit.destinations.dimse_move import MoveTarget, move
from mediakit.destinations.find import FindFailed, Limits
from mediakit.destinations.peer import Peer
from mediakit.destinations.query import (
    LEVEL,
    NUMBER_IN_SERIES,
    SERIES,
    SOP_INSTANCE,
    STUDY,
    SeriesQuery,
    is_of,
)
from mediakit.dicom.instance_names import is_name
from mediakit.scp.instance_store import InstanceStore

_SOP_CLASS: Final = 0x00080016
_STUDY_DATE, _STUDY_TIME, _ACCESSION = 0x00080020, 0x00080030, 0x00080050
_PATIENT_ID, _ISSUER = 0x00100020, 0x00100021
_MODALITY, _BODY_PART = 0x00080060, 0x00180015
_STUDIES: Final = Limits(matches=10_000, total_s=120.0)  # an archive that gives more did not read the query
_WILD: Final = frozenset("*?\\")
# Asked for where an archive does not say of which SOP Classes its instances are.
_USUAL: Final = (
    *(
        "1.2.840.10008.5.1.4.1.1." + each
        for each in ("1", "1.1", "1.2", "2", "2.1", "3.1", "4", "4.1", "6.1")
    ),
    *("1.2.840.10008.5.1.4.1.1." + each for each in ("7", "7.4", "9.1.1", "11.1", "12.1", "12.2", "13.1.3")),
    *(
        "1.2.840.10008.5.1.4.1.1." + each
        for each in ("20", "66.4", "77.1.1", "77.1.4", "104.1", "128", "130")
    ),
    *("1.2.840.10008.5.1.4.1.1.88." + each for each in ("11", "22", "33", "34", "59", "67")),
    *("1.2.840.10008.5.1.4.1.1.481." + each for each in ("1", "2", "3", "5")),
)


class DimseArchive:
    """An archive that answers queries. For one thread."""

    def __init__(self, peer: Peer, query: SeriesQuery, move_to: MoveTarget | None) -> None:
        self._peer = peer
        self._query = query
        self._move_to = move_to
        self._has_get = True

    def find_studies(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """Return the studies that match; what an archive gives beyond what was asked is left out."""
        keys = {
            LEVEL: "STUDY",
            STUDY: query.study,
            _PATIENT_ID: _literal(query.patient_id),
            _ACCESSION: _literal(query.accession),
            _STUDY_DATE: f"{query.since}-{query.until}" if query.since or query.until else "",
            _STUDY_TIME: "",
            _ISSUER: "",
        }
        matches = self._asked(keys, _ISSUER, _STUDIES)
        return tuple(study for study in map(_study, matches) if study.is_asked_for(query))

    def _asked(
        self, keys: Mapping[int, str], spared: int, limits: Limits | None = None
    ) -> Sequence[Mapping[int, object]]:
        """Return what matches; when that fails, what matches without asking for one of the keys.

        Some archives read what they do not index from their files, and fail over one that they cannot read.
        """
        try:
            return self._query.ask(keys, limits)
        except FindFailed:
            return self._query.ask({tag: key for tag, key in keys.items() if tag != spared}, limits)

    def find_series(self, study: str) -> Sequence[FoundSeries]:
        """Return the series of a study, with their instances where the archive tells them."""
        keys = {
            LEVEL: "SERIES",
            STUDY: study,
            SERIES: "",
            _MODALITY: "",
            _BODY_PART: "",
            NUMBER_IN_SERIES: "",
        }
        found = {}
        for match in self._query.ask(keys):
            uid = _text(match, SERIES)
            if is_name(uid) and is_of(match, study, uid):
                found[uid] = self._series(study, uid, match)
        return tuple(found.values())

    def _series(self, study: str, uid: str, match: Mapping[int, object]) -> FoundSeries:
        return FoundSeries(
            uid=uid,
            modality=_text(match, _MODALITY),
            body_part=_text(match, _BODY_PART),
            count=count_of(_text(match, NUMBER_IN_SERIES)),
            instances=self._instances(study, uid),
        )

    def _instances(self, study: str, series: str) -> tuple[FoundInstance, ...] | None:
        """Return the instances of a series; None where the archive cannot be asked for them."""
        keys = {LEVEL: "IMAGE", STUDY: study, SERIES: series, SOP_INSTANCE: "", _SOP_CLASS: ""}
        try:
            matches = self._asked(keys, _SOP_CLASS)
        except FindFailed:
            return None
        found = {
            uid: FoundInstance(uid=uid, sop_class=_text(match, _SOP_CLASS))
            for match in matches
            if is_of(match, study, series) and (uid := _text(match, SOP_INSTANCE))
        }
        return tuple(found.values())

    def retrieve(self, wanted: Wanted, store: InstanceStore, hear: Hear) -> Retrieved:
        """Fetch by C-GET, in as few associations as the contexts allow; by C-MOVE what did not come so."""
        ended = None
        if self._has_get:
            try:
                ended = self._by_get(wanted, store, hear)
            except NoGet:
                self._has_get = False
        if ended is not None and (self._move_to is None or not ended.failed):
            return ended
        if self._move_to is None:
            raise Unreachable(
                "the archive does not offer C-GET",
                where=str(self._peer),
                hint="with `--listen-port PORT` it can send by C-MOVE: it has to know our AE title there",
            )
        if ended is not None:
            wanted = _with_any(wanted, ended.failed)
        moved = move(self._peer, _requests(wanted), self._move_to, store, hear)
        return moved if ended is None else replace(moved, by=f"{ended.by}, {moved.by}")

    def _by_get(self, wanted: Wanted, store: InstanceStore, hear: Hear) -> Retrieved:
        groups = list(_groups(wanted.series))
        ends = []
        for group in groups:
            part = replace(wanted, series=group, is_whole=wanted.is_whole and len(groups) == 1)
            ends.append(get(self._peer, _requests(part), contexts_for(_classes(group)), store, hear))
        return joined("C-GET", ends)


@contextmanager
def dimse_archive(peer: Peer, move_to: MoveTarget | None = None) -> Iterator[DimseArchive]:
    """Give an archive; the association for questions is opened with the first and closed at the end."""
    with SeriesQuery(peer) as query:
        yield DimseArchive(peer, query, move_to)


def _requests(wanted: Wanted) -> Iterator[dict[int, str]]:
    """Yield what to ask for: a whole study at once, else each series, else each instance."""
    if wanted.is_whole:
        yield {LEVEL: "STUDY", STUDY: wanted.study}
        return
    for series in wanted.series:
        keys = {STUDY: wanted.study, SERIES: series.uid}
        if not wanted.single or series.instances is None:
            yield {LEVEL: "SERIES", **keys}
        else:
            yield from ({LEVEL: "IMAGE", **keys, SOP_INSTANCE: each.uid} for each in series.instances)


def _with_any(wanted: Wanted, failed: Collection[str]) -> Wanted:
    """Return the series that hold any of these instances, and those that do not tell."""
    there = {one.uid for each in wanted.series for one in each.instances or ()} - set(failed)
    return wanted.without(there)


def _groups(series: Sequence[FoundSeries]) -> Iterator[tuple[FoundSeries, ...]]:
    """Yield series whose SOP Classes have room on one association, as many as possible together."""
    group: tuple[FoundSeries, ...] = ()
    for each in series:
        if group and not fits(_classes((*group, each))):
            yield group
            group = ()
        group = (*group, each)
    yield group


def _classes(series: Sequence[FoundSeries]) -> tuple[str, ...]:
    """Return the SOP Classes of series; the usual ones where the archive does not say."""
    known = dict.fromkeys(one.sop_class for each in series for one in each.instances or ())
    says_all = "" not in known and all(each.instances is not None for each in series)
    return tuple(known) if says_all else tuple(dict.fromkeys((*filter(None, known), *_USUAL)))


def _literal(value: str) -> str:
    """Return a value that is matched as it is; a wild card in it becomes one sign that is compared later."""
    return "".join("?" if sign in _WILD else sign for sign in value)


def _study(match: Mapping[int, object]) -> FoundStudy:
    return FoundStudy(
        uid=_text(match, STUDY),
        patient_id=_text(match, _PATIENT_ID),
        issuer=_text(match, _ISSUER),
        accession=_text(match, _ACCESSION),
        date=_text(match, _STUDY_DATE),
        time=_text(match, _STUDY_TIME),
    )


def _text(match: Mapping[int, object], tag: int) -> str:
    value = match.get(tag)
    return value.strip(" \0") if isinstance(value, str) else ""
