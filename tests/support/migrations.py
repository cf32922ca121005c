"""Migrations for tests: an archive of small discs, and an SCP that counts its stores and answers C-FIND."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from mediakit.journeys.migrate_disc import DiscOrder
from mediakit.stages.import_order import ImportOrder, Patience
from mediakit.stages.plan.import_target import target_at
from mediakit.transfer.patient_identity import Expectation, Mixed
from tests.support.dicom_bytes import CT
from tests.support.importing import data_set, small, uid

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PIXELS = 200


@dataclass(frozen=True, slots=True)
class Made:
    """Makes the order for a disc in each worker: what is at `address`, without waits between tries."""

    address: str
    is_inventory: bool = False
    jobs: Path | None = None

    def __call__(self) -> DiscOrder:
        return DiscOrder(
            target=target_at(self.address),
            order=ImportOrder(
                expectation=Expectation(mixed=Mixed.ALLOW),
                patience=Patience(refusals=(0.0,), connections=(0.05,), grace_s=2.0),
            ),
            is_inventory=self.is_inventory,
            jobs=self.jobs,
        )


@dataclass(frozen=True, slots=True)
class Archive:
    """Discs with overlaps; `wanted` has by UID the SHA-256 of pixels of which one must arrive."""

    folder: Path
    wanted: dict[str, set[str]]
    needed: set[str]
    files: int


def archive_of(folder: Path, discs: int, seed: int) -> Archive:
    """Make discs of which neighbours share instances; some files are cut off, some have other bytes."""
    choose = random.Random(seed)  # noqa: S311 - not a secret
    wanted: dict[str, set[str]] = {}
    cut: set[int] = set()
    files = 0
    for disc in range(discs):
        place = folder / f"disc{disc:04}"
        place.mkdir(parents=True)
        (place / "README.TXT").write_text("the viewer is gone")
        for number in range(disc * 3, disc * 3 + 5):  # two of five are on the next disc as well
            whole = small(number, PIXELS)
            (place / f"IM{number}").write_bytes(whole)
            wanted.setdefault(uid(number), set()).add(_digest(number))
        files += 6
    for disc in choose.sample(range(1, discs - 1), discs // 10):
        number = disc * 3 + choose.randrange(2)  # the disc before has it too
        cut.add(number)
        whole = small(number, PIXELS)
        (folder / f"disc{disc:04}" / f"IM{number}").write_bytes(whole[: len(whole) - PIXELS - 4])
    needed = {disc * 3 + 2 for disc in choose.sample(range(discs), 2)}  # no other disc has it
    for number in needed:
        whole = small(number, PIXELS)
        (folder / f"disc{number // 3:04}" / f"IM{number}").write_bytes(whole[: len(whole) - PIXELS - 4])
        del wanted[uid(number)]
    for disc in choose.sample(range(1, discs - 1), discs // 10):
        number = disc * 3 + 3
        if number in cut:
            continue
        other = bytearray(small(number, PIXELS))
        other[-1] ^= 1
        (folder / f"disc{disc:04}" / f"IM{number}").write_bytes(other)
        wanted[uid(number)].add(hashlib.sha256(bytes(other)[-PIXELS:]).hexdigest())
    return Archive(folder, wanted, {uid(number) for number in needed}, files)


def _digest(number: int) -> str:
    return hashlib.sha256(data_set(number, PIXELS)[-PIXELS:]).hexdigest()


class CountingScp(AbstractContextManager["CountingScp"]):
    """Stores CT, counts every store by UID, answers C-FIND of what it has; can be away and come back."""

    def __init__(self, on_store: Callable[[int], None] = lambda _count: None) -> None:
        """`on_store` is told how many stores there were, before each is answered."""
        self.on_store = on_store
        self.stores: Counter[str] = Counter()
        self.pixels: dict[str, str] = {}
        self._held: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._server: ThreadedAssociationServer | None = None
        self._thread: threading.Thread | None = None
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])

    @property
    def address(self) -> str:
        return f"COUNT@127.0.0.1:{self.port}"

    def __enter__(self) -> CountingScp:
        self.come()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def come(self) -> None:
        """Listen."""
        entity = AE(ae_title="COUNT")
        entity.maximum_associations = 50
        for context in (CT, FIND):
            entity.add_supported_context(context, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
        self._server = entity.make_server(
            ("127.0.0.1", self.port),
            evt_handlers=[(evt.EVT_C_STORE, self._store), (evt.EVT_C_FIND, self._find)],
            server_class=ThreadedAssociationServer,
        )
        entity._servers.append(self._server)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Listen no more, and end every association."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)
            self._server = None

    def _store(self, event: Any) -> int:
        found = event.dataset
        with self._lock:
            self.stores[str(found.SOPInstanceUID)] += 1
            self.pixels[str(found.SOPInstanceUID)] = hashlib.sha256(found.PixelData).hexdigest()
            self._held[str(found.SOPInstanceUID)] = (
                str(found.StudyInstanceUID),
                str(found.SeriesInstanceUID),
            )
            count = sum(self.stores.values())
        self.on_store(count)
        return 0x0000

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset]]:
        asked = event.identifier
        with self._lock:
            held = dict(self._held)
        for sop, (study, series) in held.items():
            wanted = {
                "StudyInstanceUID": study,
                "SeriesInstanceUID": series,
                "SOPInstanceUID": sop,
            }
            given = {name: asked.get(name) for name in wanted}
            if all(not value or wanted[name] in _listed(value) for name, value in given.items()):
                answer = Dataset()
                for name, value in wanted.items():
                    setattr(answer, name, value)
                answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
                yield 0xFF00, answer


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value]
