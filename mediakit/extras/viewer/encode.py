"""From the instances of a medium to rows and blobs: each is read once, each frame encoded as it comes.

Blobs wait in one file of the spool; at most a few frames are in memory at a time.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import numpy as np

from mediakit.dicom import part10
from mediakit.dicom.attributes import Attributes
from mediakit.dicom.frames import NoCodecs, NoDecoder, Undecodable
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.shown import Shown, has_pixels, shown_frames
from mediakit.errors import SourceError
from mediakit.extras.viewer.codec import TYPES, Plain, Values, deflated, escaped, packed, plain_form, reduced
from mediakit.extras.viewer.document import content_of, is_document, reason
from mediakit.extras.viewer.rows import ImageFacts, Row, Rows
from mediakit.limits import MAX_VIEWER_ROWS

STACK_SIDE = 320  # of a preview: the longest side of one of several images
SINGLE_SIDE = 1024
WORKERS = 2
#: What the index says of a patient, study or series, from the first instance that has it.
TEXTS = (
    "PatientBirthDate",
    "PatientSex",
    "StudyDescription",
    "SeriesDescription",
    "StudyTime",
    "StudyID",
    "ReferringPhysicianName",
    "IssuerOfPatientID",
    "BodyPartExamined",
    "Laterality",
    "ProtocolName",
    "SeriesDate",
    "SeriesTime",
)
_MOST_WAITING = 8  # frames that are deflated or wait for it
_JPEG = "jpeg"
_FAILURES = (Undecodable, ArithmeticError, ValueError, MemoryError)  # of one frame; the others are encoded
_PIXEL_GROUP = 0x7FE0
_SOP_CLASS = 0x00080016
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"  # each frame of it is a tile
_MOST_TILES = 64  # as the lowest magnifications have


class Sink(Protocol):
    """Where blobs are kept: gives back the place of each."""

    def write(self, data: bytes, /) -> int:
        """Append bytes."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob in the scratch file: where its escaped form begins, and its length escaped and plain."""

    begin: int
    stored: int
    length: int


@dataclass(slots=True)
class Framed:
    """One row with its blobs; `values` are those of its overlays, in the order of `row["overlays"]`."""

    row: Row
    blob: Blob | None = None
    overlays: list[Blob] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one instance is in the viewer when it is no image.

    `body` is what its file holds: JSON where `suffix` is BIN, else what was taken out of the instance.
    """

    kind: str
    title: str = ""
    why: dict[str, str] | None = None
    body: Blob | None = None
    suffix: str = "BIN"
    keys: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Encoded:
    """What the viewer has of one instance. `why` is the reason when it is no image or cannot be read."""

    frames: list[Framed] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] | None = None
    document: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One instance that goes on the medium: how it is opened."""

    open: Callable[[], BinaryIO] = field(repr=False)
    size: int
    sop_instance: str
    is_single: bool  # the only image of its series

    def read(self) -> DicomFile:
        """Return its file. Raises SourceError, OSError, part10.Unreadable."""
        with self.open() as stream:
            return part10.read(stream, self.size)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A frame and its overlays before they are deflated; a JPEG stays as it is."""

    form: Plain
    kind: str
    factor: int
    range: list[Any] | None
    overlays: list[bytes]

    def deflated(self) -> tuple[bytes, list[bytes]]:
        """Return the blob of the frame and those of its overlays: this runs in a worker."""
        blob = bytes(self.form) if self.kind == _JPEG else deflated(self.form)
        return blob, [packed(one) for one in self.overlays]


def reason_of(exc: Exception) -> dict[str, str]:
    """Return the reason that an exception stands for."""
    if isinstance(exc, NoCodecs | NoDecoder):
        return reason("no_codec", str(exc))
    if isinstance(exc, SourceError | OSError | part10.Unreadable):
        return reason("unreadable", f"the file cannot be read: {exc}")
    return reason("too_large" if "more than" in str(exc) else "undecodable", str(exc))


class Encoder:
    """Encodes instances one after another; the frames of one tier.

    Two workers deflate. The residuals are not theirs: numpy lets the interpreter go at each step, and threads
    that wait for it again and again cost more than they bring.
    """

    def __init__(self, sink: Sink, *, is_preview: bool) -> None:
        self._sink = sink
        self._is_preview = is_preview
        self._at = 0
        self._rows_left = MAX_VIEWER_ROWS
        self._waiting: deque[tuple[Framed, Row, Future[tuple[bytes, list[bytes]]]]] = deque()
        self._pool = ThreadPoolExecutor(WORKERS)

    def close(self) -> None:
        """Let go of the workers."""
        self._pool.shutdown(cancel_futures=True)

    def encode(self, source: Source, wanted: Container[int] | None = None) -> Encoded:
        """Encode the frames of an instance; its blobs are whole after `settle`. Raises what the sink does."""
        try:
            file = source.read()
        except (SourceError, OSError, part10.Unreadable) as exc:
            return Encoded(why=reason_of(exc))
        attributes = Attributes.of(file)
        made = Encoded(texts={key: attributes.text(key) for key in TEXTS})
        if is_document(file, has_pixels=has_pixels(file)):
            self._document(made, file, attributes)
            return made
        self._image(made, source, (file, attributes), wanted)
        return made

    def _image(
        self,
        made: Encoded,
        source: Source,
        opened: tuple[DicomFile, Attributes],
        wanted: Container[int] | None,
    ) -> None:
        file, attributes = opened
        count = attributes.whole("NumberOfFrames") or 1
        if why := self._why_too_many(count, file):
            made.why = why
            return
        facts = ImageFacts(attributes=attributes, sop_instance=source.sop_instance, frames=count)
        rows = Rows(facts)
        made.tables = rows.tables
        task = _Task(attributes, is_preview=self._is_preview, is_single=source.is_single and count == 1)
        left = (index for index in range(count) if wanted is None or index in wanted)
        try:
            for index, frame in shown_frames(file, attributes, wanted):
                next(left, None)
                made.frames.append(framed := Framed(rows.row(index)))
                if isinstance(frame, Undecodable):
                    framed.row["why"] = reason_of(frame)
                    continue
                self._submit(framed, task, frame, index)
        except Undecodable as exc:
            why = reason_of(exc)
            made.frames += (Framed(rows.row(index) | {"why": why}) for index in left)

    def _why_too_many(self, count: int, file: DicomFile) -> dict[str, str] | None:
        """Return why frames are not taken: a small file can claim a million, and each is a row."""
        pixels = sum(len(one.value) for one in file.elements if one.tag >> 16 == _PIXEL_GROUP)
        if count < 1 or count > 1 + 8 * pixels:
            return reason("undecodable", "Number of Frames is not a possible number")
        if count > _MOST_TILES and file.text(_SOP_CLASS) == _WHOLE_SLIDE:
            return reason("too_large", "it is a whole slide at a magnification that is not shown here")
        if count > self._rows_left:
            return reason("too_large", "it has more frames than are shown here")
        self._rows_left -= count
        return None

    def _document(self, made: Encoded, file: DicomFile, attributes: Attributes) -> None:
        """Make what is shown of an instance without pixels."""
        content = content_of(file, attributes)
        body = None
        if content.data is not None:
            body = self.keep(content.data)
        elif content.file:
            body = self._kept(content.file)
        made.document = Document(
            kind=content.kind,
            title=content.title,
            why=content.why,
            body=body,
            suffix=content.suffix,
            keys=content.keys,
        )

    def settle(self, most: int = 0) -> None:
        """Write the blobs of frames until at most `most` are waiting."""
        while len(self._waiting) > most:
            framed, told, future = self._waiting.popleft()
            try:
                blob, overlays = future.result()
            except _FAILURES as exc:
                framed.row |= _failed(exc)
                continue
            framed.row |= told
            framed.blob = self._kept(escaped(blob), len(blob))
            framed.overlays = [self._kept(escaped(one), len(one)) for one in overlays]

    def _submit(self, framed: Framed, task: _Task, frame: Shown, index: int) -> None:
        row = framed.row
        row["rows"], row["columns"] = map(int, frame.values.shape[:2])
        padding = row.get("padding")
        if frame.values.ndim == 3:
            for key in ("padding", "windows", "slope", "intercept", "unit", "invert", "voi_luts"):
                row.pop(key, None)
        try:
            planes = task.planes(frame, index)
            plain = task.plain(frame, padding, [plane for _, plane in planes])
        except _FAILURES as exc:
            row |= _failed(exc)
            return
        told = {
            "overlays": [facts for facts, _ in planes] or None,
            "type": plain.kind,
            "reduced": plain.factor if plain.factor > 1 else None,
            "range": plain.range,
        }
        told = {key: value for key, value in told.items() if value is not None}
        self._waiting.append((framed, told, self._pool.submit(plain.deflated)))
        self.settle(_MOST_WAITING)

    def keep(self, content: Mapping[str, Any]) -> Blob:
        """Write what a document holds, as JSON. Raises what the sink does."""
        return self._kept(
            json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii")
        )

    def _kept(self, data: bytes, length: int = 0) -> Blob:
        self._sink.write(data)
        begin, self._at = self._at, self._at + len(data)
        return Blob(begin, len(data), length)


class _Task:
    """What is done with every frame of one image."""

    def __init__(self, attributes: Attributes, *, is_preview: bool, is_single: bool) -> None:
        self._overlays = Overlays(attributes)
        self._side = (SINGLE_SIDE if is_single else STACK_SIDE) if is_preview else 0

    def planes(self, frame: Shown, index: int) -> list[tuple[Row, Values]]:
        """Return the overlays of a frame: their facts and bits."""
        return list(self._overlays.of(frame, index))

    def plain(self, frame: Shown, padding: list[Any] | None, planes: list[Values]) -> _Plain:
        """Return the plain form of a frame and of its overlays."""
        values = frame.values
        factor = max(1, -(-max(values.shape[:2]) // self._side)) if self._side else 1
        overlays = [np.packbits(plane.ravel(), bitorder="little").tobytes() for plane in planes]
        if frame.jpeg and factor == 1:
            return _Plain(frame.jpeg, _JPEG, 1, None, overlays)
        limits = None if padding is None else (padding[0], padding[1])
        smaller = reduced(values, factor, limits)
        kind = "rgb8" if values.ndim == 3 else TYPES[values.dtype.name]
        found = None if values.ndim == 3 else _range(smaller, limits)
        return _Plain(plain_form(smaller), kind, factor, found, overlays)


def _failed(exc: Exception) -> Row:
    return {"why": reason("undecodable", f"it cannot be encoded ({type(exc).__name__})")}


def _range(values: Values, padding: tuple[float, float] | None) -> list[Any] | None:
    """Return the smallest and the largest value that is no padding and finite."""
    counted = values
    if padding is not None:
        counted = values[(values < padding[0]) | (values > padding[1])]
    if counted.dtype.kind == "f":
        counted = counted[np.isfinite(counted)]
    return [counted.min().item(), counted.max().item()] if counted.size else None


class Overlays:
    """The overlay planes of an image (PS3.3 C.9.2): their own data, or a bit of the pixels."""

    def __init__(self, attributes: Attributes) -> None:
        self._found = [(base, attributes) for base in range(0x60000000, 0x60200000, 0x20000)]
        self._found = [one for one in self._found if attributes.tag(one[0] | 0x100) is not None]

    def of(self, frame: Shown, index: int) -> Iterator[tuple[Row, Values]]:
        """Yield the planes that lie over a frame."""
        for base, attributes in self._found:
            rows, columns = (_whole(attributes.tag(base | tag)) for tag in (0x10, 0x11))
            bits = self._bits(base, attributes, frame, index, (rows, columns))
            if bits is None or not bits.any():
                continue
            origin = attributes.tag(base | 0x50)
            top, left = (int(one) for one in origin) if _is_pair(origin) else (1, 1)
            yield (
                {
                    "label": str(attributes.tag(base | 0x1500) or attributes.tag(base | 0x22) or "")[:64],
                    "rows": int(bits.shape[0]),
                    "columns": int(bits.shape[1]),
                    "x": left - 1,
                    "y": top - 1,
                },
                bits,
            )

    @staticmethod
    def _bits(
        base: int, attributes: Attributes, frame: Shown, index: int, size: tuple[int, int]
    ) -> Values | None:
        data = attributes.raw(base | 0x3000)
        if not data:
            position = _whole(attributes.tag(base | 0x102))
            if frame.stored is None or not 0 < position < 8 * frame.stored.dtype.itemsize:
                return None
            bits: Values = ((frame.stored >> position) & 1).astype(np.uint8)
            return bits
        first = _whole(attributes.tag(base | 0x51)) or 1
        count = _whole(attributes.tag(base | 0x15)) or 1
        number = index + 1 - first
        if not 0 <= number < count:
            return None
        length = size[0] * size[1]
        begin = number * length
        if not length or begin + length > 8 * len(data):
            return None
        part = np.frombuffer(data, np.uint8)[begin // 8 : -(-(begin + length) // 8)]
        return np.unpackbits(part, bitorder="little")[begin % 8 :][:length].reshape(size)


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _is_pair(value: Any) -> bool:
    return hasattr(value, "__len__") and len(value) == 2
