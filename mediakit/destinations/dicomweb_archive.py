"""An archive by DICOMweb: asked by QIDO-RS, fetched from by WADO-RS, study by study (PS3.18 10.4, 10.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final
from urllib.parse import urlencode

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
from mediakit.destinations.base import Lost
from mediakit.destinations.bounded_http import Streamed
from mediakit.destinations.dicomweb_query import DicomwebQuery, Row, text_in
from mediakit.destinations.multipart import NotMultipart, PartBegins, boundary_of, parts_of
from mediakit.destinations.options import Options
from mediakit.destinations.peer import WebService
from mediakit.destinations.stow import status_words
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance_names import is_name
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.receiver import ArrivingFile

# As stored: without the transfer syntax many servers convert to Explicit VR Little Endian (PS3.18 8.7.3.5.2).
_AS_STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_STUDY, _SERIES, _INSTANCE, _CLASS = "0020000D", "0020000E", "00080018", "00080016"
_DATE, _TIME, _ACCESSION, _PATIENT_ID, _ISSUER = "00080020", "00080030", "00080050", "00100020", "00100021"
_MODALITY, _BODY_PART, _NUMBER = "00080060", "00180015", "00201209"
_PARTIAL: Final = 206


class DicomwebArchive:
    """A DICOMweb server that answers searches. For one thread."""

    def __init__(self, service: WebService, query: DicomwebQuery) -> None:
        self._query = query
        self._name = str(service)
        self._scanner = Scanner()

    def find_studies(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """Return the studies that match; what a server gives beyond what was asked is left out."""
        asked = {_STUDY: query.study, _PATIENT_ID: query.patient_id, _ACCESSION: query.accession}
        asked = {tag: value for tag, value in asked.items() if value}
        if query.since or query.until:
            asked[_DATE] = f"{query.since}-{query.until}"
        fields = [("includefield", tag) for tag in (_ISSUER, _ACCESSION, _DATE, _TIME)]
        rows = self._query.rows(f"/studies?{urlencode([*asked.items(), *fields])}", _STUDY)
        return tuple(study for study in map(_study, rows.values()) if study.is_asked_for(query))

    def find_series(self, study: str) -> Sequence[FoundSeries]:
        """Return the series of a study, with their instances."""
        if not is_name(study):
            return ()
        fields = "&".join(f"includefield={tag}" for tag in (_MODALITY, _BODY_PART, _NUMBER))
        rows = self._query.rows(f"/studies/{study}/series?{fields}", _SERIES)
        return tuple(self._series(study, uid, row) for uid, row in rows.items() if is_name(uid))

    def _series(self, study: str, uid: str, row: Row) -> FoundSeries:
        path = f"/studies/{study}/series/{uid}/instances?includefield={_INSTANCE}&includefield={_CLASS}"
        rows = self._query.rows(path, _INSTANCE)
        return FoundSeries(
            uid=uid,
            modality=text_in(row, _MODALITY),
            body_part=text_in(row, _BODY_PART),
            count=count_of(text_in(row, _NUMBER)),
            instances=tuple(
                FoundInstance(uid=each, sop_class=text_in(found, _CLASS)) for each, found in rows.items()
            ),
        )

    def retrieve(self, wanted: Wanted, store: InstanceStore, hear: Hear) -> Retrieved:
        """Have a study sent as stored, or each series or instance of it."""
        ends = []
        for path in _paths(wanted):
            with self._query.client.stream(path, _AS_STORED) as answer:
                ends.append(Retrieved(by="WADO-RS", words=self._put_away(answer, store, hear)))
        return joined("WADO-RS", ends)

    def _put_away(self, answer: Streamed, store: InstanceStore, hear: Hear) -> str:
        """Put every instance of an answer away; return what there is to say of it. Raises Lost."""
        if answer.status not in {200, _PARTIAL}:
            return status_words(answer.status)
        arriving: ArrivingFile | None = None
        try:
            for event in parts_of(answer.chunks, boundary_of(answer.content_type)):
                if isinstance(event, PartBegins):
                    arriving = ArrivingFile(store)
                elif arriving is not None:
                    arriving.write(event.data)
                    if event.is_last:
                        hear(*arriving.put_away(self._scanner))
                        arriving = None
        except NotMultipart as exc:
            raise Lost("the server broke off its answer", where=self._name, why=str(exc)) from exc
        finally:
            if arriving is not None:
                arriving.discard()
        return "the server sent a part of it only (HTTP 206)" if answer.status == _PARTIAL else ""


@contextmanager
def dicomweb_archive(service: WebService, options: Options) -> Iterator[DicomwebArchive]:
    """Give an archive; its connection is opened with the first question and closed at the end."""
    with closing(DicomwebQuery(service, options)) as query:
        yield DicomwebArchive(service, query)


def _paths(wanted: Wanted) -> Iterator[str]:
    study = f"/studies/{wanted.study}"
    if wanted.is_whole:
        yield study
        return
    for series in wanted.series:
        path = f"{study}/series/{series.uid}"
        if not wanted.single or series.instances is None:
            yield path
        else:
            yield from (f"{path}/instances/{each.uid}" for each in series.instances if is_name(each.uid))


def _study(row: Row) -> FoundStudy:
    return FoundStudy(
        uid=text_in(row, _STUDY),
        patient_id=text_in(row, _PATIENT_ID),
        issuer=text_in(row, _ISSUER),
        accession=text_in(row, _ACCESSION),
        date=text_in(row, _DATE),
        time=text_in(row, _TIME),
    )
