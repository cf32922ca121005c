"""Our own Storage SCP in this process, on a free port of this host."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.scp.creation_service import CreationService
from mediakit.scp.events import AssociationEnded, Received, ScpEvent
from mediakit.scp.instance_store import instance_store
from mediakit.scp.requestor import Dial
from mediakit.scp.server import Listening
from mediakit.scp.storage import Offer, StorageScp
from mediakit.scp.users import Users


@dataclass
class Running:
    """An SCP that runs, and what it has told so far."""

    folder: Path
    address: tuple[str, int] = ("", 0)
    told: list[ScpEvent] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def port(self) -> str:
        return str(self.address[1])

    def hear(self, event: ScpEvent) -> None:
        with self.changed:
            self.told.append(event)
            self.changed.notify_all()

    def received(self) -> list[Received]:
        return [event for event in self.told if isinstance(event, Received)]

    def wait_for_end(self, count: int = 1) -> AssociationEnded:
        """Return the last of some associations when it has ended."""

        def ended() -> list[AssociationEnded]:
            return [event for event in self.told if isinstance(event, AssociationEnded)]

        with self.changed:
            assert self.changed.wait_for(lambda: len(ended()) >= count, timeout=30)
            return ended()[count - 1]

    def files(self) -> list[str]:
        """Return all files in the folder, hidden ones too, with "/" between names."""
        return sorted(
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()
        )

    def instances(self) -> Mapping[str, tuple[Instance, Path]]:
        """Return what lies in the folder by SOP Instance UID."""
        found = {}
        for name in self.files():
            path = self.folder / name
            with path.open("rb") as stream:
                instance = Scanner().read(stream, path.stat().st_size, "", name)
            assert isinstance(instance, Instance), name
            found[instance.sop_instance] = (instance, path)
        return found


@contextmanager
def embedded_scp(
    folder: Path,
    *,
    listening: Callable[[], Listening] = lambda: Listening(ae_title="MEDIAKIT"),
    ssl_context: ssl.SSLContext | None = None,
    callers: Mapping[str, Dial] | None = None,
    users: Users | None = None,
    creation: CreationService | None = None,
) -> Iterator[Running]:
    """Run one until the block ends."""
    running = Running(folder)
    offer = Offer(callers=callers or {}, users=users, creation=creation)
    with (
        instance_store(folder) as place,
        StorageScp(place, listening(), running.hear, ssl_context, offer) as scp,
    ):
        running.address = scp.address
        yield running
