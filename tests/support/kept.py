"""What foreign SCPs keep of what was imported, to be compared with the files on the medium."""

from __future__ import annotations

import io
import json
import urllib.request
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset

from tests.support.network_peers import Listening, Received
from tests.support.pydicom_media import data_set_of, syntax_of

DEFLATED = "1.2.840.10008.1.2.1.99"
_LOSSY = frozenset(
    {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One instance at a peer: how it is encoded, its data set, and the whole file."""

    syntax: str
    data_set: bytes = field(repr=False)
    file: bytes = field(repr=False)


def kept_in(folder: Path) -> dict[str, Kept]:
    """Return by SOP Instance UID what lies in a folder as Part 10 files."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "index.dat":
            meta = pydicom.filereader.read_file_meta_info(path)
            uid = str(meta.MediaStorageSOPInstanceUID)
            found[uid] = Kept(str(meta.TransferSyntaxUID), data_set_of(path), path.read_bytes())
    return found


def kept_by_pynetdicom(scp: Received) -> dict[str, Kept]:
    """Return by SOP Instance UID what came last."""
    return {uid: Kept(syntax, content, b"") for uid, syntax, content in scp.instances}


def asked(peer: Listening, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
    """Ask Orthanc's REST interface."""
    request = urllib.request.Request(f"http://127.0.0.1:{peer.http_port}{path}", body, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def ids_at_orthanc(peer: Listening) -> dict[str, str]:
    """Return Orthanc's own identifiers by SOP Instance UID."""
    rows = json.loads(asked(peer, "/instances?expand"))
    return {row["MainDicomTags"]["SOPInstanceUID"]: row["ID"] for row in rows}


def kept_at_orthanc(peer: Listening) -> dict[str, Kept]:
    """Return by SOP Instance UID the files that Orthanc has."""
    found = {}
    for uid, identifier in ids_at_orthanc(peer).items():
        file = asked(peer, f"/instances/{identifier}/file")
        found[uid] = Kept(str(_read(file).file_meta.TransferSyntaxUID), b"", file)
    return found


def is_same_data_set(kept: Kept, source: Path) -> bool:
    """Return True when the data set arrived byte for byte; a deflated one is made even (PS3.5 A.5)."""
    stored = data_set_of(source)
    padded = stored + b"\0" * (len(stored) % 2) if syntax_of(source) == DEFLATED else stored
    return kept.data_set in {stored, padded}


def is_same_image(kept: Kept, source: Path) -> bool:
    """Return True when the pixels are the same: as bytes, or decoded when the transfer syntax changed.

    Of a picture that was compressed with loss each decoder makes something else: only the size is compared.
    """
    here, there = _read(source.read_bytes()), _read(kept.file)
    if "PixelData" not in here:
        return "PixelData" not in there
    was, now = str(here.file_meta.get("TransferSyntaxUID", "")), kept.syntax
    if was == now:
        return bytes(here.PixelData) == bytes(there.PixelData)
    if was in _LOSSY:
        return len(there.PixelData) == _native_bytes(there)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool((here.pixel_array == there.pixel_array).all())


def _native_bytes(dataset: FileDataset) -> int:
    samples = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * int(dataset.get("NumberOfFrames", 1))
    size = samples * dataset.BitsAllocated // 8
    return int(size + size % 2)


def _read(file: bytes) -> FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(file), force=True)
