"""Source folders made of real files: the committed samples, and the test files that pydicom ships."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset

from mediakit.events import Event, Listener, PhaseStarted, silence
from mediakit.journeys.burn import burn
from mediakit.journeys.burn_order import BurnOrder, Burnt
from mediakit.outcome import Fate, State
from mediakit.profile.load import load_profile

SAMPLES = Path(__file__).parents[2] / "samples" / "studies"
PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
DICOMDIR_TESTS = PYDICOM_FILES / "dicomdirtests"

CT_FOLDER = SAMPLES / "mueller_joerg" / "20240312_CT" / "CT_AXIAL"
CT_1 = CT_FOLDER / "IM-0002-0001.dcm"
CT_2 = CT_FOLDER / "IM-0002-0002.dcm"
CT_3 = CT_FOLDER / "IM-0002-0003.dcm"
CT_THIN = SAMPLES / "mueller_joerg" / "20240312_CT" / "CT_THIN"
CR = SAMPLES / "mueller_joerg" / "20240311_CR" / "thorax_pa.DCM"
XA_FOLDER = SAMPLES / "mueller_joerg" / "20240314_XA" / "XA Cine"
MR = SAMPLES / "paradeigma_eleni" / "20240520_MR" / "SE000001" / "MR000001"
MR_FOLDER = MR.parent
NOTES = SAMPLES / "mueller_joerg" / "notes.txt"

# Pieces of the names of the samples' patients, as people and as bytes would show them.
NAMES = ("Beispiel", "Jörg", "Shiken", "Hanako", "試験", "花子", "しけん", "Παράδειγμα", "Ελένη", "MKS-000")

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

CARRIED = frozenset({State.WRITTEN, State.CONVERTED})


def folder_of(root: Path, files: Mapping[str, Path | bytes]) -> Path:
    """Make a folder: each name holds a copy of a file, or these bytes."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(content, path)
    return root


def altered(source: Path, target: Path, **values: object) -> Path:
    """Write a copy of an instance with other attribute values (by keyword; None deletes one)."""
    dataset: FileDataset = pydicom.dcmread(source)
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    target.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(target, enforce_file_format=True)
    return target


def burnt_to(
    out: Path,
    *sources: Path,
    profile: str = "STD-GEN-CD",
    tell: Listener = silence,
    own: Sequence[Path] = (),
    **changes: object,
) -> Burnt:
    """Burn with one time for all; `changes` are fields of BurnOrder."""
    settings = {"profile": load_profile(profile, own), "out": out, "when": WHEN, **changes}
    settings = {"all_patients": True, **settings}
    return burn(sources, BurnOrder(**settings), tell)  # type: ignore[arg-type]  # each test passes its fields


def states(burnt: Burnt) -> dict[str, State]:
    """Return the state of every file by its name (tests give each file a name of its own)."""
    return {Path(fate.source).name: fate.state for fate in burnt.result.fates}


def fate_of(burnt: Burnt, name: str) -> Fate:
    """Return the fate of the file with this name."""
    (fate,) = (fate for fate in burnt.result.fates if Path(fate.source).name == name)
    return fate


def files_in(*folders: Path) -> list[Path]:
    """Return every file below some folders."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, by the standard library alone."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_in(folder: Path) -> list[str]:
    """Return every name in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def when(wanted: Callable[[Event], bool], act: Callable[[], object]) -> Listener:
    """Return a listener that acts once, at the first event that is wanted."""
    todo: Iterator[Callable[[], object]] = iter((act,))

    def tell(event: Event) -> None:
        if wanted(event):
            next(todo, lambda: None)()

    return tell


def at(phase: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """Return a listener that acts when a phase begins."""
    return when(lambda event: isinstance(event, PhaseStarted) and event.phase == phase, act)
