"""From encoded instances to the files of VIEWER (docs/viewer-format.md). Pure: blobs are named, not read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mediakit.extras.viewer.codec import escaped
from mediakit.extras.viewer.encode import Blob, Document, Encoded, Framed
from mediakit.extras.viewer.order import in_order
from mediakit.fileset.contents import PatientFact, SeriesFact, StudyFact
from mediakit.fileset.for_people import VIEWER, VIEWER_INDEX

CHUNK_BYTES = 1 << 20
_MOST_THUMBNAILS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A file of the viewer: `head`, then blobs out of the scratch file, then `tail`."""

    path: str
    head: bytes = field(repr=False)
    blobs: tuple[Blob, ...] = field(default=(), repr=False)
    tail: bytes = field(default=b"", repr=False)

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return len(self.head) + sum(blob.stored for blob in self.blobs) + len(self.tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series with its key, its rows in the order to show, and its documents."""

    key: str
    fact: SeriesFact
    framed: tuple[Framed, ...] = field(repr=False)
    rows: tuple[dict[str, Any], ...] = field(repr=False)
    tables: tuple[dict[str, Any], ...] = field(repr=False)
    encoded: tuple[Encoded, ...] = field(repr=False)

    @property
    def middle(self) -> dict[str, Any] | None:
        """Return the row in the middle, or None."""
        shown = [row for row in self.rows if "why" not in row]
        return shown[len(shown) // 2] if shown else None


def known(patients: Sequence[PatientFact], found: Mapping[str, Encoded]) -> tuple[PatientFact, ...]:
    """Return the patients of a directory with what its records need not have, from their instances."""
    return tuple(_known_patient(one, found) for one in patients)


def _known_patient(patient: PatientFact, found: Mapping[str, Encoded]) -> PatientFact:
    studies = tuple(_known_study(study, found) for study in patient.studies)
    every = [series for study in studies for series in study.series]
    return replace(
        patient,
        birth_date=patient.birth_date or _first_text(every, found, "PatientBirthDate"),
        sex=patient.sex or _first_text(every, found, "PatientSex"),
        studies=studies,
    )


def _known_study(study: StudyFact, found: Mapping[str, Encoded]) -> StudyFact:
    return replace(
        study,
        description=study.description or _first_text(study.series, found, "StudyDescription"),
        series=tuple(
            replace(one, description=one.description or _first_text([one], found, "SeriesDescription"))
            for one in study.series
        ),
    )


def _first_text(series: Sequence[SeriesFact], found: Mapping[str, Encoded], keyword: str) -> str:
    """Return the first value that an instance has; the first of each series is asked first."""
    for texts in (found[each.sop_instance].texts for one in series for each in one.instances):
        if text := texts.get(keyword):
            return text
    return ""


def series_of(patients: Sequence[PatientFact], found: Mapping[str, Encoded]) -> list[Series]:
    """Return every series of the medium with the order of its frames."""
    facts = [series for patient in patients for study in patient.studies for series in study.series]
    return [_series(f"S{number:04d}", fact, found) for number, fact in enumerate(facts, 1)]


def _series(key: str, fact: SeriesFact, found: Mapping[str, Encoded]) -> Series:
    encoded = [found[one.sop_instance] for one in fact.instances]
    tables: list[dict[str, Any]] = []
    framed: list[Framed] = []
    rows: list[dict[str, Any]] = []
    for instance, one in zip(fact.instances, encoded, strict=True):
        numbers = [_place_of(table, tables) for table in one.tables]
        for frame in one.frames:
            framed.append(frame)
            row = frame.row | {"file": instance.file_id or instance.path}
            if "voi_luts" in row:
                row["voi_luts"] = [numbers[index] for index in row["voi_luts"]]
            rows.append(row)
    order = in_order(rows)
    for index, stack in order:
        rows[index].pop("stack_id", None)
        if stack:
            rows[index]["stack"] = stack
    return Series(
        key=key,
        fact=fact,
        framed=tuple(framed[index] for index, _ in order),
        rows=tuple(rows[index] for index, _ in order),
        tables=tuple(tables),
        encoded=tuple(encoded),
    )


#: By (SOP Instance UID, frame): the [series key, row] of it; frame 0: those of all frames.
Places = Mapping[tuple[str, int], list[list[Any]]]


def places_of(series: Sequence[Series]) -> Places:
    """Return where every frame of the medium is shown."""
    found: dict[tuple[str, int], list[list[Any]]] = {}
    for one in series:
        for index, row in enumerate(one.rows):
            found[row["instance"], row["frame"]] = [[one.key, index]]
            found.setdefault((row["instance"], 0), []).append([one.key, index])
    return found


def key_rows(series: Sequence[Series], places: Places) -> dict[str, list[int]]:
    """Return the rows that Key Object Selections name, by the key of their series."""
    found: dict[str, set[int]] = {}
    documents = (encoded.document for one in series for encoded in one.encoded)
    for key in (key for document in documents if document is not None for key in document.keys):
        for name, row in places.get(key, ()):
            found.setdefault(name, set()).add(row)
    return {name: sorted(rows) for name, rows in found.items()}


def _place_of(table: dict[str, Any], tables: list[dict[str, Any]]) -> int:
    if table not in tables:
        tables.append(table)
    return tables.index(table)


def files_of(series: Series, tier: str) -> list[Made]:
    """Return META.BIN and the chunks of a series; nothing when it has no frames."""
    if not series.rows:
        return []
    chunks = _chunks(series)
    places: dict[int, list[int]] = {}
    made = []
    for number, blobs in enumerate(chunks):
        at = 0
        for blob in blobs:
            places[id(blob)] = [number, at, blob.length]
            at += blob.length
        head = f'mk.chunk("{series.key}",{number},"'.encode("ascii")
        path = f"{VIEWER}{series.key}/C{number:05d}.BIN"
        made.append(Made(path=path, head=head, blobs=tuple(blobs), tail=b'");\n'))
    rows = []
    for framed, row in zip(series.framed, series.rows, strict=True):
        whole = dict(row)
        if framed.blob is not None:
            whole["at"] = places[id(framed.blob)]
        if framed.overlays:
            planes = zip(row["overlays"], framed.overlays, strict=True)
            whole["overlays"] = [facts | {"at": places[id(blob)]} for facts, blob in planes]
        rows.append(whole)
    common = _common(rows)
    meta = {
        "key": series.key,
        "tier": tier,
        "first": 0,
        "common": common,
        "tables": list(series.tables),
        "rows": [{key: value for key, value in row.items() if key not in common} for row in rows],
    }
    head = b"mk.meta(" + _json(series.key) + b"," + _json(meta) + b");\n"
    return [Made(path=f"{VIEWER}{series.key}/META.BIN", head=head), *made]


def _chunks(series: Series) -> Iterator[list[Blob]]:
    """Yield the blobs of each chunk: those of the first row alone, then about `CHUNK_BYTES` each."""
    chunk: list[Blob] = []
    size = 0
    for number, framed in enumerate(series.framed):
        blobs = [*([framed.blob] if framed.blob is not None else []), *framed.overlays]
        length = sum(blob.stored for blob in blobs)
        if chunk and (number == 1 or size + length > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk += blobs
        size += length
    if chunk:
        yield chunk


def _common(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all rows say alike."""
    first = rows[0]
    return {key: value for key, value in first.items() if all(row.get(key) == value for row in rows)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disc:
    """What the viewer says of the whole medium."""

    made_by: str
    tier: str
    id: str
    uid: str
    made: str
    institution: str
    link_case: str
    has_manifest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the index says of series besides, by their keys.

    Documents, thumbnails, rows of key images; [key, document number] of the states and overlays that apply.
    """

    documents: Mapping[str, list[dict[str, Any]]]
    thumbnails: Mapping[str, str]
    keys: Mapping[str, list[int]]
    presentations: Mapping[str, list[list[Any]]]
    overlays: Mapping[str, list[list[Any]]]


def index_of(
    disc: Disc,
    patients: Sequence[PatientFact],
    series: Sequence[Series],
    shelf: Shelf,
) -> Made:
    """Return INDEX.BIN."""
    by_place = iter(series)
    told = [_patient(patient, by_place, shelf) for patient in patients]
    studies = [study for patient in patients for study in patient.studies]
    index = {
        "format": 1,
        "made_by": disc.made_by,
        "text": "x-user-defined",
        "tier": disc.tier,
        "disc": {
            "id": disc.id,
            "uid": disc.uid,
            "made": disc.made,
            "institution": disc.institution,
            "link_case": disc.link_case,
            "manifest": disc.has_manifest,
        },
        "counts": {
            "patients": len(patients),
            "studies": len(studies),
            "series": len(series),
            "instances": sum(len(one.fact.instances) for one in series),
        },
        "patients": told,
    }
    test = b'mk.test("' + escaped(bytes(range(256))) + b'");\n'
    return Made(path=VIEWER_INDEX, head=test + b"mk.index(" + _json(index) + b");\n")


def _patient(
    patient: PatientFact,
    series: Iterator[Series],
    shelf: Shelf,
) -> dict[str, Any]:
    groups = [*patient.name.split("="), "", ""]
    mine = [[next(series) for _ in study.series] for study in patient.studies]
    first = _texts([one for group in mine for one in group], ("IssuerOfPatientID",))
    return {
        "name": {"alphabetic": groups[0], "ideographic": groups[1], "phonetic": groups[2]},
        "id": patient.id,
        "issuer": first["IssuerOfPatientID"],
        "birth_date": patient.birth_date,
        "sex": patient.sex,
        "studies": [_study(*each, shelf) for each in zip(patient.studies, mine, strict=True)],
    }


def _study(study: StudyFact, mine: Sequence[Series], shelf: Shelf) -> dict[str, Any]:
    first = _texts(mine, ("StudyTime", "StudyID", "ReferringPhysicianName"))
    return {
        "uid": study.uid,
        "date": study.date,
        "time": first["StudyTime"],
        "description": study.description,
        "accession": study.accession,
        "id": first["StudyID"],
        "referrer": first["ReferringPhysicianName"],
        "series": [_one_series(one, shelf) for one in mine],
    }


def _one_series(series: Series, shelf: Shelf) -> dict[str, Any]:
    documents, keys = shelf.documents.get(series.key, []), shelf.keys.get(series.key, [])
    thumbnail = shelf.thumbnails.get(series.key, "")
    keywords = ("BodyPartExamined", "Laterality", "ProtocolName", "SeriesDate", "SeriesTime")
    first = _texts([series], keywords)
    number = series.fact.number.strip()
    return {
        "key": series.key,
        "uid": series.fact.uid,
        "modality": series.fact.modality,
        "description": series.fact.description,
        "number": int(number) if number.lstrip("+-").isdecimal() and len(number) <= 12 else None,
        "body_part": first["BodyPartExamined"],
        "laterality": first["Laterality"],
        "protocol": first["ProtocolName"],
        "date": first["SeriesDate"],
        "time": first["SeriesTime"],
        "instances": len(series.fact.instances),
        "frames": len(series.rows),
        "documents": documents,
        "thumbnail": thumbnail,
        "key_frames": keys,
        "presentations": shelf.presentations.get(series.key, []),
        "overlays": shelf.overlays.get(series.key, []),
    }


def _texts(series: Sequence[Series], keywords: Sequence[str]) -> dict[str, str]:
    """Return the first value that an instance of some series has for each keyword."""
    found = [encoded.texts for one in series for encoded in one.encoded[:1]]
    return {key: next((texts[key] for texts in found if texts.get(key)), "") for key in keywords}


#: Overlays that were laid on images, by SOP Instance UID, each with the keys of the series that it lies on.
Overlays = Mapping[str, tuple[Document, tuple[str, ...]]]


def lying_on(series: Sequence[Series], overlays: Overlays) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield (key of a series with images, kind, [key, document number]) of every overlay that lies on it."""
    for one in series:
        number = 0
        for fact, encoded in zip(one.fact.instances, one.encoded, strict=True):
            if encoded.frames:
                continue
            document, keys = overlays.get(fact.sop_instance, (None, ()))
            yield from ((key, document.kind, [one.key, number]) for key in keys if document is not None)
            number += 1


def documents_of(
    series: Series, places: Places, overlays: Overlays
) -> tuple[list[dict[str, Any]], list[Made]]:
    """Return the documents of a series for the index, and their files."""
    told: list[dict[str, Any]] = []
    made: list[Made] = []
    for fact, encoded in zip(series.fact.instances, series.encoded, strict=True):
        if encoded.frames:
            continue
        one = encoded.document or Document(kind="other", why=encoded.why)
        if fact.sop_instance in overlays:
            one, _ = overlays[fact.sop_instance]
        number, path = len(told), ""
        if one.body is not None:
            path = f"{series.key}/D{number:05d}.{one.suffix}"
            about: dict[str, Any] = {"kind": one.kind, "title": one.title, "instance": fact.sop_instance}
            if one.kind == "keys":
                frames = [place for key in one.keys for place in places.get(key, ())]
                missing = sum(key not in places for key in one.keys)
                about |= {"frames": frames, "missing": missing}
            made.append(_document(series.key, number, (about, VIEWER + path), one))
        told.append(
            {
                "number": number,
                "instance": fact.sop_instance,
                "file": fact.file_id or fact.path,
                "kind": one.kind,
                "title": one.title,
                "path": path,
                "why": one.why,
            }
        )
    return told, made


def _document(key: str, number: int, told: tuple[dict[str, Any], str], one: Document) -> Made:
    about, path = told
    blobs = () if one.body is None else (one.body,)
    if one.suffix != "BIN":
        return Made(path=path, head=b"", blobs=blobs)
    head = f'mk.document("{key}",{number},Object.assign('.encode("ascii") + _json(about) + b","
    return Made(path=path, head=head, blobs=blobs, tail=b"));\n")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii")
