"""Reads what `burn --viewer` wrote, as its page does: scripts, chunks, residuals (docs/viewer-format.md)."""

from __future__ import annotations

import json
import re
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from mediakit.extras.viewer.encode import Encoded, Encoder, Source

Values = NDArray[Any]

_UNESCAPED = {b"n": b"\n", b"r": b"\r", b'"': b'"', b"\\": b"\\"}


class ViewerFolder:
    """The folder VIEWER of a medium that is a folder."""

    def __init__(self, medium: Path) -> None:
        self.folder = medium / "VIEWER"
        test, index = (self.folder / "INDEX.BIN").read_bytes().split(b"\nmk.index(", 1)
        assert unescaped(test[len(b'mk.test("') : -len(b'");')]) == bytes(range(256))
        self.index: dict[str, Any] = json.loads(index.removesuffix(b");\n"))
        self._chunks: dict[tuple[str, int], bytes] = {}

    def series(self) -> list[dict[str, Any]]:
        """Return every series of the index."""
        studies = [study for patient in self.index["patients"] for study in patient["studies"]]
        return [series for study in studies for series in study["series"]]

    def meta(self, key: str) -> dict[str, Any]:
        """Return META.BIN of a series."""
        content = (self.folder / key / "META.BIN").read_bytes()
        head = f'mk.meta("{key}",'.encode()
        assert content.startswith(head)
        found: dict[str, Any] = json.loads(content.removeprefix(head).removesuffix(b");\n"))
        return found

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return the rows of a series, whole."""
        meta = self.meta(key)
        return [meta["common"] | row for row in meta["rows"]]

    def blob(self, key: str, at: list[int]) -> bytes:
        """Return the bytes at a place of a chunk."""
        number, begin, length = at
        if (key, number) not in self._chunks:
            content = (self.folder / key / f"C{number:05d}.BIN").read_bytes()
            head = f'mk.chunk("{key}",{number},"'.encode()
            assert content.startswith(head)
            assert content.endswith(b'");\n')
            self._chunks[key, number] = unescaped(content[len(head) : -4])
        return self._chunks[key, number][begin : begin + length]

    def values(self, key: str, row: dict[str, Any]) -> Values:
        """Return the values of a row."""
        factor = row.get("reduced", 1)
        rows, columns = -(-row["rows"] // factor), -(-row["columns"] // factor)
        return decoded(self.blob(key, row["at"]), row["type"], rows, columns)

    def document(self, key: str, number: int) -> dict[str, Any]:
        """Return a document of a series."""
        content = (self.folder / key / f"D{number:05d}.BIN").read_bytes()
        found = re.fullmatch(rb'mk\.document\("S\d+",\d+,Object\.assign\((\{.*?\}),(\{.*\})\)\);\n', content)
        assert found is not None, content[:200]
        return json.loads(found[1]) | json.loads(found[2])  # type: ignore[no-any-return]


def unescaped(data: bytes) -> bytes:
    """Return what a browser makes of the inside of a string."""
    return re.sub(rb'\\([nr"\\])', lambda match: _UNESCAPED[match[1]], data)


def decoded(blob: bytes, kind: str, rows: int, columns: int) -> Values:
    """Return the frame of a blob, pixel by pixel as a browser does: slow, for proofs and tests."""
    plain = zlib.decompress(blob)
    if kind in {"f32", "f64"}:
        return np.frombuffer(plain, f"<f{int(kind[1:]) // 8}").reshape(rows, columns)
    if kind == "rgb8":
        third = rows * columns
        parts = [
            _undone(plain[at : at + third], np.dtype("u1"), rows, columns) for at in (0, third, 2 * third)
        ]
        return np.stack(parts, axis=-1)
    return _undone(plain, np.dtype(f"{kind[0]}{int(kind[1:]) // 8}"), rows, columns)


def _undone(plain: bytes, kind: np.dtype[Any], rows: int, columns: int) -> Values:
    width = kind.itemsize
    planes = np.frombuffer(plain, np.uint8).reshape(width, rows * columns)
    zigzag = np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(rows, columns).astype(np.int64)
    residual = ((zigzag >> 1) ^ -(zigzag & 1)).tolist()
    low = int(np.iinfo(kind).min)
    mask = (1 << 8 * width) - 1
    out: list[list[int]] = []
    for row, line in enumerate(residual):
        done: list[int] = []
        above = out[-1] if row else []
        for column, value in enumerate(line):
            if row and column:
                west, north, corner = done[-1], above[column], above[column - 1]
                guess = min(west, north) if corner >= max(west, north) else west + north - corner
                guess = max(west, north) if corner <= min(west, north) else guess
            else:
                guess = above[0] if row else (done[-1] if column else 0)
            done.append(((guess + value - low) & mask) + low)
        out.append(done)
    return np.array(out, dtype=kind)


class Kept:
    """A scratch file in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)


def shown_by_pydicom(file: Path) -> np.ndarray[Any, Any] | None:
    """Return all frames as the viewer is to have them; None when pydicom has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = pydicom.dcmread(file, force=True)
            values = found.pixel_array
        except Exception:  # noqa: BLE001 - whatever pydicom cannot read is not compared
            return None
        frames = int(found.get("NumberOfFrames", 1) or 1)
        values = values if frames > 1 else values[None]
        if found.PhotometricInterpretation == "PALETTE COLOR":
            return (apply_color_lut(values, found) >> 8).astype(np.uint8)
        if found.get("SamplesPerPixel", 1) == 3:
            is_compressed = found.file_meta.TransferSyntaxUID.is_compressed
            if found.PhotometricInterpretation == "YBR_FULL" and not is_compressed:
                values = convert_color_space(values, "YBR_FULL", "RGB")  # pydicom did so for 4:2:2
            values = (values >> (found.BitsStored - 8)).astype(np.uint8)
        frames_shown: np.ndarray[Any, Any] = values
        return frames_shown


def encoded_alone(file: Path) -> tuple[Encoded, bytes]:
    kept = Kept()
    encoder = Encoder(kept, is_preview=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = encoder.encode(
            Source(
                open=lambda: file.open("rb"), size=file.stat().st_size, sop_instance="1.2", is_single=True
            ),
            range(3),
        )
    encoder.settle()
    encoder.close()
    return made, bytes(kept.data)
