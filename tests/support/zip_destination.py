"""A destination from outside of the package: a ZIP archive, by an entry point under the scheme `zip`."""

# ruff: noqa: ARG002 - a seam has arguments that one side of it does not need

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from mediakit.destinations.address import Proofs
from mediakit.destinations.base import Context, Destination, Lost, Meanwhile, Payload, Unreachable, nothing
from mediakit.destinations.options import Options, Setting
from mediakit.errors import UsageError
from mediakit.events import Listener
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.transfer.proof import Denied, Proof, Proven

_ONE_WRITES = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipAddress:
    """An archive that is made or added to: zip:PATH."""

    path: Path

    def __str__(self) -> str:
        return f"zip:{self.path}"

    @classmethod
    def parse(cls, text: str) -> Self:
        path = text.partition(":")[2]
        if not path:
            raise UsageError("`zip:` needs a file")
        return cls(path=Path(path))

    def taken_from(self, folder: Path) -> Self:
        return type(self)(path=folder.absolute() / self.path)

    def check(self, options: Options) -> None:
        options.check_only((), str(self), "an archive has no options")

    def settings(self, options: Options) -> Iterator[Setting]:
        yield "compression", "none"
        yield from options.settings()

    def destination(self, options: Options) -> Destination:
        return ZipDestination(self.path)

    def proofs(self, options: Options) -> Proofs:
        return Proofs(query=self._query)

    def _query(self, items: Sequence[Outgoing], tell: Listener) -> Proof:
        with zipfile.ZipFile(self.path) as archive:
            there = set(archive.namelist())
        uids = [item.sop_instance for item in items]
        return Proof(
            kind="query", answers={uid: Proven() if f"{uid}.dcm" in there else Denied() for uid in uids}
        )


class ZipDestination:
    """Adds each instance to the archive."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return f"zip:{self._path}"

    @property
    def most_contexts(self) -> int | None:
        return None

    def connect(self, contexts: Sequence[Context]) -> ZipSession:
        self.verify()
        return ZipSession(self._path)

    def verify(self) -> str:
        if not self._path.parent.is_dir():
            raise Unreachable("there is no such folder", where=self.name)
        return "can be written to"


class ZipSession:
    """For one thread; one at a time adds to the archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_open = True

    def takes(self, sop_class: str) -> frozenset[str] | None:
        return None

    def refusal(self, sop_class: str) -> str:
        return ""

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:
        if not self._is_open:
            raise Lost("the archive is closed")
        content = b"".join((payload.head, *payload.data_set()))
        name = f"{item.sop_instance}.dcm"
        with _ONE_WRITES, zipfile.ZipFile(self._path, "a") as archive:
            if name not in archive.namelist():
                archive.writestr(name, content)
                return Answer(kind=StatusClass.SUCCESS)
            is_same = archive.read(name) == content
        return Answer(kind=StatusClass.SUCCESS if is_same else StatusClass.ERROR, is_there=is_same)

    def close(self) -> None:
        self._is_open = False

    def abort(self) -> None:
        self.close()
