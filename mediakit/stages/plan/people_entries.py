"""The entries of a medium for people: the viewer's files out of the spool, README.TXT, INDEX.HTM, IHE_PDI."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files as package_files
from io import BytesIO
from itertools import count
from typing import Any, BinaryIO

from mediakit import __version__
from mediakit.choices import ForPeople, LinkCase, Viewer
from mediakit.extras.viewer import pages
from mediakit.extras.viewer.assemble import (
    Disc,
    Made,
    Overlays,
    Series,
    Shelf,
    documents_of,
    files_of,
    index_of,
    key_rows,
    known,
    lying_on,
    places_of,
    series_of,
)
from mediakit.extras.viewer.atlas import Atlas
from mediakit.extras.viewer.document import OVERLAYS
from mediakit.extras.viewer.encode import Source
from mediakit.extras.viewer.render import PAGE_SIDE, THUMBNAIL_SIDE, ecg_pictures, jpegs
from mediakit.fileset.contents import PatientFact, patients_of
from mediakit.fileset.for_people import INDEX, LICENSE, README, VIEWER_PAGE, WEB
from mediakit.fileset.plan import FileSetLayout
from mediakit.formats.base import Entry
from mediakit.stages.plan.people_encoding import PAGE_PICTURES, ViewerEncoder, by_series

_MOST_THUMBNAILS = 5000
_PROGRAM = f"mediakit {__version__}"


@dataclass(slots=True, kw_only=True)
class Making:
    """Makes the entries of one layout. `made` is the date of the medium, YYYYMMDD.

    With `has_manifest` the medium has a manifest, and its page offers to check the files.
    """

    wish: ForPeople
    made: str
    has_manifest: bool
    encoder: ViewerEncoder
    laid_out: FileSetLayout
    tier: Viewer
    jpegs: dict[tuple[str, int, int], bytes] = field(repr=False)
    _sources: dict[str, Source] = field(default_factory=dict)

    def entries(self) -> Iterator[Entry]:
        """Yield every entry whose name is not taken yet."""
        taken = {extra.path.upper() for extra in self.laid_out.extra}
        for made in self._files():
            if made.path not in taken:
                yield Entry(made.path, made.size, partial(self._open, made))

    def _open(self, made: Made) -> BinaryIO:
        pieces = self.encoder.read(self.tier, made.blobs) if made.blobs else ()
        return BytesIO(b"".join((made.head, *pieces, made.tail)))

    def _files(self) -> Iterator[Made]:
        files, directory = self.laid_out.files, self.laid_out.directory
        self._sources = {
            one.instance.sop_instance: self.encoder.source(one, is_single=len(series) == 1)
            for series in by_series(files)
            for one in series
        }
        has_viewer = self.tier is not Viewer.NONE
        others = sorted({extra.path.split("/")[0] for extra in self.laid_out.extra})
        site = pages.Site(
            institution=self.wish.institution,
            program=_PROGRAM,
            made=self.made,
            has_viewer=has_viewer,
            has_web=self.wish.pdi,
            is_lower=self.wish.link_case is LinkCase.LOWER,
            others=tuple(name for name in others if name not in {README, INDEX}),
        )
        yield Made(path=README, head=pages.readme(site))
        patients = patients_of(directory)
        if not has_viewer and not self.wish.pdi:
            yield Made(path=INDEX, head=pages.index(site, patients))
            return
        found = self.encoder.encoded(files, self.tier if has_viewer else Viewer.PREVIEW)
        patients = known(patients, found)
        yield Made(path=INDEX, head=pages.index(site, patients))
        series = series_of(patients, found)
        if has_viewer:
            yield from self._viewer(patients, series)
        if self.wish.pdi:
            yield from self._web(site, patients, series)

    def _viewer(self, patients: Sequence[PatientFact], series: Sequence[Series]) -> Iterator[Made]:
        folder = package_files("mediakit.extras.viewer")
        yield Made(path=VIEWER_PAGE, head=(folder / "viewer.htm").read_bytes())
        places = places_of(series)
        overlays = self._overlays(patients, series)
        documents: dict[str, list[dict[str, Any]]] = {}
        content: list[Made] = []
        for one in series:
            documents[one.key], made = documents_of(one, places, overlays)
            content += (*files_of(one, self.tier.value), *made)
        thumbnails = {one.key: self._thumbnail(one) for one in series[:_MOST_THUMBNAILS]}
        disc = Disc(
            made_by=_PROGRAM,
            tier=self.tier.value,
            id=self.laid_out.directory.file_set_id,
            uid=self.laid_out.directory.file_set_uid,
            made=self.made,
            institution=", ".join(self.wish.institution),
            link_case=self.wish.link_case.value,
            has_manifest=self.has_manifest,
        )
        lying: dict[bool, dict[str, list[list[Any]]]] = {True: {}, False: {}}
        for key, kind, document in lying_on(series, overlays):
            lying[kind == "presentation"].setdefault(key, []).append(document)
        shelf = Shelf(
            documents=documents,
            thumbnails=thumbnails,
            keys=key_rows(series, places),
            presentations=lying[True],
            overlays=lying[False],
        )
        yield index_of(disc, patients, series, shelf)
        yield from content
        yield Made(path=LICENSE, head=(folder / "license.txt").read_bytes())

    def _overlays(self, patients: Sequence[PatientFact], series: Sequence[Series]) -> Overlays:
        """Lay presentation states, segmentations and structure sets on the images of their patients."""
        files = {one.instance.sop_instance: one for one in self.laid_out.files}
        left = iter(series)
        found = {}
        for patient in patients:
            mine = [next(left) for study in patient.studies for _ in study.series]
            atlas = Atlas({one.key: one.rows for one in mine})
            for one in mine:
                for fact, encoded in zip(one.fact.instances, one.encoded, strict=True):
                    kind = "" if encoded.document is None else encoded.document.kind
                    if kind in OVERLAYS.values():
                        file = files[fact.sop_instance]
                        found[fact.sop_instance] = self.encoder.lay(self.tier, file, kind, atlas)
        return found

    def _thumbnail(self, series: Series) -> str:
        row = series.middle
        if row is None:
            return ""
        found = self._pictures(series, [row], THUMBNAIL_SIDE)
        return b64encode(found[0]).decode("ascii") if 0 in found else ""

    def _web(
        self, site: pages.Site, patients: Sequence[PatientFact], series: Sequence[Series]
    ) -> Iterator[Made]:
        yield Made(path=WEB + INDEX, head=pages.web_index(site, patients, series))
        names = (f"I{number:07d}.JPG" for number in count(1))
        whose = [
            pages.whose(patient, study)
            for patient in patients
            for study in patient.studies
            for _ in study.series
        ]
        for one, words in zip(series, whose, strict=True):
            rows = [one.rows[index] for index in pages.chosen(len(one.rows), PAGE_PICTURES)]
            found = self._pictures(one, rows, PAGE_SIDE)
            pictures = []
            for index, content in sorted(found.items()):
                name = next(names)
                pictures.append(pages.Picture(name=name, caption=_caption(rows[index])))
                yield Made(path=WEB + name, head=content)
            texts = []
            for text, drawn in self._documents(site, one, names):
                texts.append(text)
                yield from drawn
            page = pages.series_page(site, one, words, pictures, texts)
            yield Made(path=f"{WEB}{one.key}.HTM", head=page)

    def _documents(
        self, site: pages.Site, series: Series, names: Iterator[str]
    ) -> Iterator[tuple[str, Sequence[Made]]]:
        """Yield the documents of a series as they stand on a static page, each with the pictures in it."""
        tier = Viewer.PREVIEW if self.tier is Viewer.NONE else self.tier
        for fact, encoded in zip(series.fact.instances, series.encoded, strict=True):
            one = encoded.document
            if one is None:
                if not encoded.frames:
                    yield pages.not_shown("a file that cannot be read"), ()
                continue
            told: dict[str, Any] = {}
            if one.body is not None and one.suffix == "BIN":
                told = json.loads(b"".join(self.encoder.read(tier, [one.body])))
            drawn = ecg_pictures(self._sources[fact.sop_instance]) if one.kind == "ecg" else ()
            if drawn:
                shown = [
                    pages.Picture(
                        name=next(names),
                        caption=pages.ecg_caption(one.title, each.leads, each.shown_s, each.seconds),
                    )
                    for each in drawn
                ]
                made = [
                    Made(path=WEB + picture.name, head=each.content)
                    for picture, each in zip(shown, drawn, strict=True)
                ]
                yield "".join(pages.shown_picture(site, picture) for picture in shown), made
            else:
                yield pages.document(told) if "html" in told else pages.not_shown(one.title or one.kind), ()

    def _pictures(self, series: Series, rows: Sequence[Mapping[str, Any]], side: int) -> dict[int, bytes]:
        """Return JPEGs by index of `rows`; what was made once is kept."""
        found: dict[int, bytes] = {}
        missing: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            known = self.jpegs.get((row["instance"], row["frame"], side))
            if known is not None:
                found[index] = known
            elif "why" not in row:
                missing.setdefault(row["instance"], []).append(index)
        for instance, indices in missing.items():
            some = [rows[index] for index in indices]
            for at, content in jpegs(self._sources[instance], some, series.tables, side):
                found[indices[at]] = content
                self.jpegs[instance, some[at]["frame"], side] = content
        return found


def _caption(row: Mapping[str, Any]) -> str:
    number = row.get("number")
    frame = f", frame {row['frame']}" if row["frame"] > 1 else ""
    return f"Image {number if number is not None else '?'}{frame}"
