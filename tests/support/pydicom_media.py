"""pydicom's test files as media that can be imported.

They hold many people and many instances of one UID with other bytes, as no medium does. So they are dealt out
into folders: in each an SOP Instance UID stands once and a Patient ID means one person.
"""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset

from tests.support.studies import PYDICOM_FILES

#: Files that no import sends, since they are damaged or do not say which instance they are.
UNREADABLE = frozenset(
    {
        "MR_truncated.dcm",
        "SC_rgb_jpeg.dcm",
        "empty_charset_LEI.dcm",
        "meta_missing_tsyntax.dcm",
        "nested_priv_SQ.dcm",
        "rtplan_truncated.dcm",
    }
)


@dataclass(frozen=True, slots=True)
class PydicomMedia:
    """`media` can be imported; `without_id` holds what has no Patient ID, which no import takes."""

    media: tuple[Path, ...]
    without_id: Path


def pydicom_media(root: Path) -> PydicomMedia:
    """Deal out the files into folders below a root, each under its own name."""
    folders: list[_Folder] = []
    without_id = root / "without_id"
    without_id.mkdir(parents=True)
    for path in sorted(PYDICOM_FILES.glob("*.dcm")):
        dataset = _read(path)
        if not _identity(dataset)[0] and path.name not in UNREADABLE:
            shutil.copyfile(path, without_id / path.name)
            continue
        folder = next((one for one in folders if one.has_room_for(dataset)), None)
        if folder is None:
            folder = _Folder(root / f"medium{len(folders)}")
            folders.append(folder)
        folder.take(path, dataset)
    return PydicomMedia(tuple(folder.path for folder in folders), without_id)


def data_set_of(path: Path) -> bytes:
    """Return what stands behind the file meta information, by pydicom's account of where that ends."""
    with warnings.catch_warnings(), path.open("rb") as stream:
        warnings.simplefilter("ignore")
        pydicom.filereader.read_preamble(stream, force=True)
        pydicom.filereader._read_file_meta_info(stream)
        return stream.read()


def uid_of(path: Path) -> str:
    """Return the SOP Instance UID."""
    return str(_read(path).get("SOPInstanceUID", ""))


def syntax_of(path: Path) -> str:
    """Return the transfer syntax that the file says it has."""
    return str(_read(path).file_meta.get("TransferSyntaxUID", ""))


def _read(path: Path) -> FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)


class _Folder:
    """One medium in the making."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._uids: set[str] = set()
        self._people: dict[str, tuple[str, str]] = {}

    def has_room_for(self, dataset: FileDataset) -> bool:
        """Return True when nothing there clashes with it."""
        patient, person = _identity(dataset)
        is_same = self._people.get(patient, person) == person
        return is_same and str(dataset.get("SOPInstanceUID", "")) not in self._uids

    def take(self, path: Path, dataset: FileDataset) -> None:
        """Copy a file there."""
        self.path.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.path / path.name)
        patient, person = _identity(dataset)
        self._people[patient] = person
        self._uids.add(str(dataset.get("SOPInstanceUID", "")))


def _identity(dataset: FileDataset) -> tuple[str, tuple[str, str]]:
    person = (str(dataset.get("PatientName", "")), str(dataset.get("PatientBirthDate", "")))
    return str(dataset.get("PatientID", "") or ""), person
