"""The images of a medium for browsers, encoded into the spool: each instance once, for any layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from mediakit.choices import Viewer
from mediakit.dicom.uids import is_image
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted
from mediakit.extras.viewer.atlas import Atlas
from mediakit.extras.viewer.encode import Blob, Document, Encoded, Encoder, Source
from mediakit.extras.viewer.overlays import laid
from mediakit.fileset.plan import PlannedFile
from mediakit.stages.judge.prepare import Store
from mediakit.stages.judge.spool import Scratch

_SAMPLED = 50  # of so many images or frames one is encoded for an estimate
_NUMBER_OF_FRAMES = 0x00280008
_MODALITY = 0x00080060
_PROGRAM_BYTES = 150_000  # the page and what surrounds it
_ROW_BYTES = 400  # of an image, in META.BIN
_SERIES_BYTES = 5_000  # in INDEX.BIN, most of it the thumbnail
PAGE_PICTURES = 24  # of a series, in IHE_PDI
_PAGE_PICTURE_BYTES = 30_000


@dataclass(slots=True)
class _Tier:
    scratch: Scratch
    encoder: Encoder
    found: dict[str, Encoded] = field(default_factory=dict)
    laid: dict[bytes, Blob] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


class ViewerEncoder:
    """Encodes the instances of layouts for the tiers that are asked for."""

    def __init__(self, store: Store, tell: Listener) -> None:
        self._store = store
        self._tell = tell
        self._tiers: dict[Viewer, _Tier] = {}
        self._ratios: dict[tuple[tuple[str, bool], Viewer], float] = {}  # bytes for each byte of the files

    def encoded(self, files: Sequence[PlannedFile], viewer: Viewer) -> Mapping[str, Encoded]:
        """Return what was encoded, by SOP Instance UID. Raises DoesNotFit when the spool has no room."""
        tier = self._tiers.get(viewer) or self._begun(viewer)
        missing = [
            (one, len(series) == 1)
            for series in by_series(files)
            for one in series
            if one.instance.sop_instance not in tier.found
        ]
        if missing:
            self._tell(PhaseStarted("viewer", total=len(missing)))
            for one, is_single in missing:
                source = self.source(one, is_single=is_single)
                tier.found[one.instance.sop_instance] = tier.encoder.encode(source)
                self._tell(Advanced())
            tier.encoder.settle()
            self._tell(PhaseEnded("viewer"))
        return tier.found

    def lay(
        self, viewer: Viewer, file: PlannedFile, kind: str, atlas: Atlas
    ) -> tuple[Document, tuple[str, ...]]:
        """Return an overlay of a kind on the images of a layout, and the keys of their series.

        Another layout can have the images elsewhere: what is alike is kept once. Raises DoesNotFit when
        the spool has no room.
        """
        tier = self._tiers[viewer]
        one = laid(self.source(file, is_single=True), kind, atlas)
        if one.why is not None and one.why["code"] != "not_on_disc":
            tier.refused[file.instance.sop_instance] = one.why["text"]
        body = None
        if one.data is not None:
            digest = hashlib.sha256(json.dumps(one.data).encode()).digest()
            body = tier.laid.get(digest) or tier.encoder.keep(one.data)
            tier.laid[digest] = body
        return Document(kind=kind, title=one.title, why=one.why, body=body), one.keys

    def refused(self, viewer: Viewer) -> Mapping[str, str]:
        """Return why overlays cannot be shown, by SOP Instance UID; not those that only lack their images."""
        return self._tiers[viewer].refused

    def read(self, viewer: Viewer, blobs: Sequence[Blob]) -> Iterator[bytes]:
        """Yield the escaped bytes of blobs."""
        return self._tiers[viewer].scratch.read((blob.begin, blob.stored) for blob in blobs)

    def estimate(self, files: Sequence[PlannedFile], viewer: Viewer) -> int:
        """Return about how many bytes a tier takes: one of some images is encoded, and not kept.

        What was found of images once is taken for all of their kind, so that further layouts cost nothing.
        """
        total = _PROGRAM_BYTES + _ROW_BYTES * len(files) + _SERIES_BYTES * len(by_series(files))
        for kind, images in _alike(files).items():
            if (kind, viewer) not in self._ratios:
                sample = images[::_SAMPLED]
                taken = sum(self._sampled(one, viewer, is_single=kind[1]) for one in sample)
                self._ratios[kind, viewer] = taken / max(1, sum(one.size for one in sample))
            total += int(self._ratios[kind, viewer] * sum(one.size for one in images))
        return total

    def pages_bytes(self, files: Sequence[PlannedFile]) -> int:
        """Return about how many bytes the pages of IHE PDI take."""
        return sum(min(PAGE_PICTURES, len(series)) * _PAGE_PICTURE_BYTES for series in by_series(files))

    def source(self, file: PlannedFile, *, is_single: bool) -> Source:
        """Return how an instance is opened; `is_single`: it is alone in its series."""
        return Source(
            open=partial(self._store.open, file.instance),
            size=file.instance.size,
            sop_instance=file.instance.sop_instance,
            is_single=is_single,
        )

    def _begun(self, viewer: Viewer) -> _Tier:
        scratch = self._store.spool.scratch()
        tier = _Tier(scratch, Encoder(scratch, is_preview=viewer is Viewer.PREVIEW))
        self._tiers[viewer] = tier
        return tier

    def _sampled(self, file: PlannedFile, viewer: Viewer, *, is_single: bool) -> int:
        counter = _Counter()
        frames = max(1, file.instance.header.number(_NUMBER_OF_FRAMES) or 1)
        wanted = range(0, frames, _SAMPLED)
        encoder = Encoder(counter, is_preview=viewer is Viewer.PREVIEW)
        encoder.encode(self.source(file, is_single=is_single), wanted)
        encoder.settle()
        encoder.close()
        return counter.bytes * frames // len(wanted)


class _Counter:
    """Counts what is written."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes, /) -> int:
        """Count bytes."""
        self.bytes += len(data)
        return len(data)


def _alike(files: Sequence[PlannedFile]) -> dict[tuple[str, bool], list[PlannedFile]]:
    """Return the images by modality, those that are alone in their series apart: they are larger."""
    found: dict[tuple[str, bool], list[PlannedFile]] = {}
    for series in by_series(files):
        for one in series:
            if is_image(one.instance.sop_class):
                kind = one.instance.header.text(_MODALITY), len(series) == 1
                found.setdefault(kind, []).append(one)
    return found


def by_series(files: Sequence[PlannedFile]) -> list[list[PlannedFile]]:
    """Return files by series; they are in the order of the directory."""
    keys = groupby(files, key=lambda one: (one.instance.patient_id, one.instance.study, one.instance.series))
    return [list(group) for _, group in keys]
