"""Where received instances lie: FOLDER/study/series/instance.dcm, each whole or not at all.

An instance is written to a file without a name (or with a hidden one, see `part`), synced, and given its
name; a name is never given twice. A killed run leaves hidden files at most, which the next start takes away.
What is in a data set is judged in `receiver`; here are files. Names are made of UIDs (digits and dots), so
none leads out of the folder.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock

from mediakit.dicom.data_set import data_set_place
from mediakit.dicom.instance_names import SUFFIX, is_name, name_of
from mediakit.errors import SourceError, UsageError, mapped
from mediakit.open_folder import OpenFolder, sync_folder
from mediakit.scp.part import RANDOM_BYTES, Part, can_name_nameless

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PART = re.compile(rf"\.mediakit-[0-9a-f]{{{2 * RANDOM_BYTES}}}\.part")
_CHUNK_BYTES = 1 << 20
_MOST_OPEN = 16  # folders of series
_SYNCING = 8  # files at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """An instance that has been judged: what it is, and where its data set begins."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    study: str = ""
    series: str = ""
    patient_id: str = field(default="", repr=False)
    data_set_at: int


class Settled(StrEnum):
    """What became of a part."""

    STORED = "stored"  # it has its name now
    SAME = "same"  # the same bytes lie there already, once
    CONFLICT = "conflict"  # other bytes have the UID: they stay, and these are not taken


class InstanceStore:
    """A folder of received instances, locked by one process. For several threads."""

    def __init__(self, folder: Path, opened: OpenFolder, *, syncs_each: bool = True) -> None:
        """Know what lies in the folder. Use `instance_store`, which makes and locks it."""
        self.folder = folder
        self._opened = opened
        self._has_nameless = can_name_nameless(opened)
        self._syncs_each = syncs_each
        self._to_sync: list[str] = []
        self._lock = Lock()
        self._series: dict[tuple[str, str], OpenFolder] = {}  # that instances went into last
        self._places = {  # below the folder, with "/" between names
            uid: f"{study.name}/{path.parent.name}/{path.name}"
            for study in folders_in(folder)
            for uid, path in instances_of(study)
        }

    def part(self) -> Part:
        """Return what takes the bytes of an instance."""
        return Part(self._opened, is_nameless=self._has_nameless)

    def settle(self, part: Part, arrived: Arrived) -> tuple[Settled, str]:
        """Give what has arrived the name that it must have, or discard it.

        Return its place below the folder, with "/" between names, or that of the first with this UID. When
        this returns, bytes and name are on the disk, unless `sync` is to see to that. Raises OSError: `part`
        is still there then.
        """
        uid = arrived.sop_instance
        known = self.find(uid)
        if known is None:
            part.put_down(syncs=self._syncs_each)
            names = (name_of(arrived.study), name_of(arrived.series), f"{name_of(uid)}{SUFFIX}")
            known = self._give_name(part, uid, names)
            if known is None:
                return Settled.STORED, "/".join(names)
        is_same = _is_same(part, known, arrived)
        part.discard()
        if is_same and self._syncs_each:
            sync_folder(known.parent)  # the one who named it may not have come so far
        return (Settled.SAME if is_same else Settled.CONFLICT), known.relative_to(self.folder).as_posix()

    def close(self) -> None:
        """Close the folders of series that are open."""
        with self._lock:
            while self._series:
                self._series.popitem()[1].close()

    def _give_name(self, part: Part, uid: str, names: tuple[str, str, str]) -> Path | None:
        """Rename what was put down, and make the name durable where that is asked for.

        Never replaces a file. Return the place of another instance with the UID when one came first.
        """
        study, series, name = names
        with self._lock:
            known = self.find(uid)
            if known is not None:
                return known
            folder = self._series_folder(study, series)
            if not part.take_name(folder, name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            self._places[uid] = "/".join(names)
            if not self._syncs_each:
                self._to_sync.append(self._places[uid])
                return None
            folder = folder.again()  # others may close ours meanwhile
        with closing(folder):
            folder.sync()  # side by side with others: a journal takes many at the price of one
        return None

    def _series_folder(self, study: str, series: str) -> OpenFolder:
        """Return the open folder of a series; its name is durable where that is asked for."""
        known = self._series.pop((study, series), None)
        if known is not None and not known.is_there():
            known.close()
            known = None
        if known is None:
            with closing(self._opened.inside(study)) as in_study:
                known = in_study.inside(series)
                for above in (in_study, self._opened) if self._syncs_each else ():
                    above.sync()  # also where a run that was killed made them
        self._series[study, series] = known
        if len(self._series) > _MOST_OPEN:
            self._series.pop(next(iter(self._series))).close()
        return known

    def sync(self) -> None:
        """Make durable what was put away without that. Raises OSError."""
        with self._lock:
            places, self._to_sync = [self.folder / each for each in self._to_sync], []
        with ThreadPoolExecutor(_SYNCING) as pool:
            list(pool.map(_sync_file, places))
        series = {place.parent for place in places}
        for folder in (*series, *{each.parent for each in series}, self.folder):
            sync_folder(folder)

    def find(self, sop_instance: str) -> Path | None:
        """Return where an instance lies; None when it does not, or no longer."""
        name = self._places.get(sop_instance)
        if name is None:
            return None
        place = self.folder / name
        return place if place.is_file() else None


@contextmanager
def instance_store(folder: Path, *, syncs_each: bool = True) -> Iterator[InstanceStore]:
    """Give a folder to receive into; make it when it is not there, take what a killed run left away.

    `syncs_each`: each instance is on the disk before anybody hears that it is stored; without it,
    `InstanceStore.sync` is to be called before anybody hears it of all of them.
    Raises UsageError when it cannot be used, or another process receives into it.
    """
    what = "nothing can be received into the folder"
    with ExitStack() as stack:
        with mapped({OSError: UsageError}, what, str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(folder))
            _sweep(folder)
            opened = stack.enter_context(closing(OpenFolder.at(folder)))
            ready = stack.enter_context(closing(InstanceStore(folder, opened, syncs_each=syncs_each)))
        yield ready


def instances_of(study: Path) -> Iterator[tuple[str, Path]]:
    """Yield every instance that lies in the folder of a study, by the names that are given here."""
    for series in folders_in(study):
        for entry in os.scandir(series):
            uid = entry.name.removesuffix(SUFFIX)
            if uid != entry.name and is_name(uid) and entry.is_file(follow_symlinks=False):
                yield uid, Path(entry.path)


def folders_in(folder: Path) -> Iterator[Path]:
    """Yield the folders of studies in the folder that is received into, or of series in that of a study."""
    for entry in os.scandir(folder):
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)


def _sweep(folder: Path) -> None:
    for entry in os.scandir(folder):
        if _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            Path(entry.path).unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from receiving into a folder, where the system can lock one."""
    if fcntl is None:
        yield
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            hint = "stop the other one, or name another folder"
            raise UsageError(
                "another process receives into the folder", where=str(folder), hint=hint
            ) from exc
        except OSError as exc:
            if exc.errno not in {errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}:  # some network file systems
                raise
        yield
    finally:
        os.close(fd)


def _sync_file(place: Path) -> None:
    fd = os.open(place, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_same(part: Part, known: Path, arrived: Arrived) -> bool:
    """Return True when a file holds the same data set in the same encoding, whatever its head says."""
    with known.open("rb") as there:
        size = os.fstat(there.fileno()).st_size
        uids = (arrived.sop_class, arrived.sop_instance)
        try:
            place = data_set_place(there, size, uids, arrived.transfer_syntax)
        except SourceError:
            return False
        arrived_bytes = part.size - arrived.data_set_at
        there.seek(0)
        if there.read(place.at) != place.head or size - place.at != arrived_bytes:
            return False  # another transfer syntax, or other bytes
        part.stream.seek(arrived.data_set_at)
        while chunk := part.stream.read(_CHUNK_BYTES):
            if there.read(len(chunk)) != chunk:
                return False
    return True
