"""Small discs for the viewer, written from docs/viewer-format.md, not by the code that writes real ones."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.support.viewer import unescaped

PAGE = Path(__file__).parents[2] / "mediakit" / "extras" / "viewer" / "viewer.htm"
# True when the active view shows an image and waits for none.
SHOWN = "window.viewer && viewer.active?.decoded && !viewer.active.pending"
TYPES = {"u1": "u8", "i1": "i8", "u2": "u16", "i2": "i16", "u4": "u32", "i4": "i32", "f4": "f32", "f8": "f64"}

Values = npt.NDArray[Any]
Json = dict[str, Any]


def residuals(values: Values) -> bytes:
    """Return the planes of the residuals of one grey frame."""
    wide, bits = values.astype(np.int64), values.dtype.itemsize * 8
    west, north, corner = np.zeros_like(wide), np.zeros_like(wide), np.zeros_like(wide)
    west[:, 1:], north[1:], corner[1:, 1:] = wide[:, :-1], wide[:-1], wide[:-1, :-1]
    low, high = np.minimum(west, north), np.maximum(west, north)
    guess = np.where(corner >= high, low, np.where(corner <= low, high, west + north - corner))
    guess[0], guess[1:, 0] = west[0], north[1:, 0]
    rest = (wide - guess + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
    zigzag = np.where(rest >= 0, 2 * rest, -2 * rest - 1).astype(np.uint64)
    return b"".join((zigzag >> np.uint64(shift)).astype(np.uint8).tobytes() for shift in range(0, bits, 8))


def blob(values: Values) -> tuple[str, bytes]:
    """Return the type and the bytes of a frame: grey (rows, columns) or colour (rows, columns, 3)."""
    if values.ndim == 3:
        planes = b"".join(residuals(np.ascontiguousarray(values[:, :, plane])) for plane in range(3))
        return "rgb8", zlib.compress(planes)
    kind = TYPES[values.dtype.str[1:]]
    if kind[0] == "f":
        return kind, zlib.compress(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return kind, zlib.compress(residuals(values))


def as_string(data: bytes) -> bytes:
    """Return bytes as the string of a script that is read as x-user-defined."""
    for plain, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r")):
        data = data.replace(plain, escaped)
    return b'"' + data + b'"'


def call(name: str, *values: object) -> bytes:
    """Return the statement that hands over JSON."""
    return f"mk.{name}({','.join(json.dumps(value) for value in values)});\n".encode("ascii")


def chunk(key: str, number: int, blobs: Sequence[bytes]) -> bytes:
    """Return the script of a chunk."""
    return b'mk.chunk("%s",%d,%s);\n' % (key.encode(), number, as_string(b"".join(blobs)))


class Disc:
    """A disc that is being made: patients with studies with series of frames or documents."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "VIEWER"
        self.folder.mkdir(parents=True)
        shutil.copyfile(PAGE, self.folder / "VIEWER.HTM")
        (root / "INDEX.HTM").write_text("<p>static</p>")
        self.page = self.folder / "VIEWER.HTM"
        self.patients: list[Json] = []
        self._series = 0

    def patient(self, name: str = "Muster^Eva", **more: object) -> Json:
        """Add a patient with one study; series are added to the last one."""
        study: Json = {"uid": "1.2", "date": "20240311", "description": "CT Abdomen", "series": []}
        one = {
            "name": {"alphabetic": name},
            "id": "P1",
            "birth_date": "19700102",
            "sex": "F",
            "studies": [study],
        }
        self.patients.append(one | more)
        return self.patients[-1]

    def series(self, frames: Sequence[Values], *, meta: Json | None = None, **more: object) -> str:
        """Add a series: rows of META, the first frame alone in chunk 0, the others in chunk 1."""
        key = self._new(len(frames), more)
        first = len(frames) // 2
        blobs = [blob(values) for values in frames]
        extra = (meta or {}).pop("each", [{}] * len(frames)) if meta else [{}] * len(frames)
        rows, at = [], 0
        for number, (kind, data) in enumerate(blobs):
            place = [0, 0, len(data)] if number == first else [1, at, len(data)]
            at += 0 if number == first else len(data)
            rows.append(
                {"instance": f"1.2.{key[1:]}.{number}", "frame": 1, "type": kind, "at": place} | extra[number]
            )
        common: Json = {"rows": frames[0].shape[0], "columns": frames[0].shape[1], "file": "DICOM/A"}
        value: Json = {
            "key": key,
            "tier": "full",
            "first": first,
            "common": common | (meta or {}),
            "rows": rows,
        }
        value["tables"] = value["common"].pop("tables", [])
        self.write(f"{key}/META.BIN", call("meta", key, value))
        self.write(f"{key}/C00000.BIN", chunk(key, 0, [blobs[first][1]]))
        rest = [data for number, (_, data) in enumerate(blobs) if number != first]
        self.write(f"{key}/C00001.BIN", chunk(key, 1, rest))
        return key

    def encoded(self, rows: Sequence[Json], escaped: Sequence[bytes]) -> str:
        """Add a series whose blobs, with their escapes, were made by the burn: each in a chunk of its own."""
        key = self._new(len(rows), {})
        placed = []
        for number, (row, data) in enumerate(zip(rows, escaped, strict=True)):
            self.write(
                f"{key}/C{number:05d}.BIN", b'mk.chunk("%s",%d,"%s");\n' % (key.encode(), number, data)
            )
            placed.append(row | {"at": [number, 0, len(unescaped(data))], "overlays": []})
        self.write(
            f"{key}/META.BIN",
            call("meta", key, {"key": key, "first": 0, "common": {}, "tables": [], "rows": placed}),
        )
        return key

    def document(self, value: Json, *, beside: str = "", **more: object) -> str:
        """Add a document as a series of its own."""
        key = self._new(0, more)
        document = {
            "number": 0,
            "instance": f"1.3.{key[1:]}",
            "file": "DICOM/B",
            "kind": value["kind"],
            "title": value.get("title", ""),
        }
        document |= {"path": beside or f"{key}/D00000.BIN", "why": value.get("why")}
        self.patients[-1]["studies"][-1]["series"][-1]["documents"] = [document]
        if not beside and not value.get("why"):
            self.write(f"{key}/D00000.BIN", call("document", key, 0, {"instance": f"1.3.{key[1:]}"} | value))
        return key

    def write(self, path: str, data: bytes) -> None:
        """Write a file of the folder."""
        file = self.folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)

    def finish(self) -> Path:
        """Write the index, and return the page."""
        every = [series for one in self.patients for study in one["studies"] for series in study["series"]]
        counts = {
            "patients": len(self.patients),
            "studies": len(self.patients),
            "series": len(every),
            "instances": len(every),
        }
        index = {
            "format": 1,
            "made_by": "test",
            "text": "x-user-defined",
            "tier": "full",
            "disc": {},
            "counts": counts,
            "patients": self.patients,
        }
        test = b"mk.test(" + as_string(bytes(range(256))) + b");\n"
        self.write("INDEX.BIN", test + call("index", index))
        return self.page

    def _new(self, frames: int, more: dict[str, object]) -> str:
        self._series += 1
        key = f"S{self._series:04d}"
        picture = io.BytesIO()
        Image.new("L", (96, 96), 40 * self._series % 255).save(picture, "JPEG")
        base: Json = {
            "key": key,
            "uid": f"1.2.{self._series}",
            "modality": "CT",
            "number": self._series,
            "description": f"Series {self._series}",
        }
        base |= {
            "instances": max(frames, 1),
            "frames": frames,
            "documents": [],
            "thumbnail": base64.b64encode(picture.getvalue()).decode(),
        }
        self.patients[-1]["studies"][-1]["series"].append(base | more)
        return key


def axial(count: int, *, size: int = 64, gap: float = 2.0) -> Json:
    """Return META of an even axial stack, with HU."""
    return {
        "slope": 1, "intercept": -1024, "unit": "HU", "windows": [[40, 400, "soft"], [-600, 1500, "lung"]],
        "spacing": [0.5, 0.5], "spacing_kind": "patient",
        "orientation": [1, 0, 0, 0, 1, 0], "frame_of_reference": "1.9",
        "each": [{"position": [-size / 4, -size / 4, gap * n]} for n in range(count)],
    }  # fmt: skip


def phantom(count: int, size: int = 64) -> list[Values]:
    """Return a stack whose values tell where they stand."""
    y, x = np.mgrid[:size, :size]
    inside = (x - size / 2) ** 2 + (y - size / 2) ** 2 < (size * 0.4) ** 2
    return [np.where(inside, 1024 + 4 * z + (x + y) % 50, 24).astype(np.uint16) for z in range(count)]


def stack(root: Path, count: int = 12) -> Path:
    """Write a disc of one patient with a stack and a short second series, and return its page."""
    disc = Disc(root)
    disc.patient()
    disc.series(phantom(count), meta=axial(count))
    disc.series(phantom(3), meta=axial(3))
    return disc.finish()
