"""From a file on the medium to the bytes that go out: as stored, coerced, or converted without loss.

For one thread: a `Loader` has the medium open for itself.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from mediakit.destinations.base import Payload
from mediakit.dicom.data_set import FIRST_READ, data_set_place
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.instance_names import is_name
from mediakit.dicom.transcode import NotConvertible, transcode
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.errors import SourceError
from mediakit.findings import Finding, Rule, Severity, printable
from mediakit.formats.base import Node
from mediakit.sized_stream import SizedStream
from mediakit.stages.look.closed import finding_on_failure
from mediakit.transfer.negotiate import Route, Way, route
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.states import Happening

_CHANGED = "the file is not what it was"
HELD_BYTES = 32 << 20  # a file up to this size is read whole before its first byte goes out

NO_CONTEXT = Rule(
    id="MK-IMP-010",
    severity=Severity.ERROR,
    title="the destination takes {sop_class} neither in {syntax} nor in anything it can be converted to{why}",
    ref="PS3.8 9.3.3.2",
    hint="have the SOP Class and transfer syntax allowed there, then `mediakit job retry`",
)


def no_context(sop_class: str, syntax: str, refusal: str) -> Finding:
    """Return the finding for what the destination does not take, with what it says of it."""
    why = f": {refusal}" if refusal else ""
    return NO_CONTEXT.at(sop_class=class_name(sop_class), syntax=syntax_name(syntax), why=why)


BAD_UID = Rule(
    id="MK-IMP-042",
    severity=Severity.ERROR,
    title="cannot be sent: its SOP Instance UID is not a UID of at most 64 digits and dots",
    ref="PS3.5 9.1",
    hint="have the system that wrote it fixed; `dir:FOLDER` stores it under another name",
)


@dataclass(frozen=True, slots=True)
class Unsendable:
    """An instance that cannot be sent: what happened to it, and the finding that says why."""

    happening: Happening
    finding: Finding


@dataclass(frozen=True, slots=True)
class Loaded:
    """An instance ready to go out; `findings` tell what was changed in it."""

    payload: Payload
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """A whole Part 10 file with other values, and the transfer syntax it is in."""

    data: bytes = field(repr=False)
    transfer_syntax: str
    findings: tuple[Finding, ...] = ()


#: Changes the bytes of an instance, or says why it cannot; None leaves it as it is.
Change = Callable[[Outgoing, BinaryIO], "Changed | Unsendable | None"]


class Files(Protocol):
    """Where the instances of an import lie: the medium, or copies of what is on it."""

    def open(self, node: Node) -> BinaryIO:
        """Open a file for reading, seekable. Raises SourceError, OSError."""
        ...

    def close(self) -> None:
        """Release them."""
        ...


class Loader:
    """Loads instances from open files, which it closes at its end. Use as a context manager."""

    def __init__(self, files: Files, change: Change | None = None, *, may_convert: bool = True) -> None:
        self._files = files
        self._change = change
        self._may_convert = may_convert
        self._buffers = [bytearray(), bytearray()]
        self._streams: deque[BinaryIO] = deque()  # of large files: the one that goes out, and the next one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()
        self._files.close()

    def load(self, item: Outgoing, takes: frozenset[str] | None, refusal: str = "") -> Loaded | Unsendable:
        """Return an instance in a transfer syntax that the destination takes, or why it cannot go.

        `refusal` is why the destination takes its SOP Class in none, "" when it does not say.
        A small file is read whole; a large one is read while it goes out, and can still break then.
        """
        try:
            return self._load(item, takes, refusal)
        except (SourceError, OSError) as exc:
            return Unsendable(Happening.CANNOT_READ, finding_on_failure(exc))

    def _load(self, item: Outgoing, takes: frozenset[str] | None, refusal: str) -> Loaded | Unsendable:
        if takes is not None and not is_name(item.sop_instance):  # DIMSE cannot name it
            return Unsendable(Happening.ERROR, BAD_UID.at())
        stream, held = self._opened(item)
        changed = None if self._change is None else self._change(item, stream)
        if isinstance(changed, Unsendable):
            return changed
        syntax = item.transfer_syntax if changed is None else changed.transfer_syntax
        way = route(syntax, takes, may_convert=self._may_convert)
        if way.way is Way.NOT_AT_ALL:
            return Unsendable(Happening.NO_CONTEXT, no_context(item.sop_class, syntax, refusal))
        if changed is not None:
            stream, held = io.BytesIO(changed.data), None
        findings = () if changed is None else changed.findings
        if way.way is Way.CONVERTED:
            return self._converted(item, stream, way, findings)
        size = item.size if changed is None else len(changed.data)
        return Loaded(_payload(item, stream, size, syntax, held), findings)

    def opened(self, item: Outgoing) -> BinaryIO:
        """Open the file of an instance, to be read until the next but one is opened.

        Raises OSError, and SourceError when it is not what it was.
        """
        return self._opened(item)[0]

    def _converted(
        self, item: Outgoing, stream: BinaryIO, way: Route, findings: tuple[Finding, ...]
    ) -> Loaded | Unsendable:
        done = transcode(stream, way.transfer_syntax)
        if isinstance(done, NotConvertible):
            return Unsendable(Happening.ERROR, done.finding)
        payload = _payload(item, done.file.stream(), len(done.file), way.transfer_syntax)
        return Loaded(payload, (*findings, *done.findings))

    def _opened(self, item: Outgoing) -> tuple[BinaryIO, memoryview | None]:
        """Return a file as a stream, and its bytes when it is held whole."""
        node = Node(item.path, item.size)
        if item.size <= HELD_BYTES:
            held = self._whole(node)
            stream: BinaryIO = io.BufferedReader(_HeldFile(held), FIRST_READ)
            _check_same(item, stream)
            return stream, held
        opened = self._file(node)
        stream = io.BufferedReader(opened, 1 << 16) if isinstance(opened, io.FileIO) else opened
        while len(self._streams) > 1:
            self._streams.popleft().close()
        self._streams.append(stream)
        _check_same(item, stream)
        return stream, None

    def _file(self, node: Node) -> BinaryIO:
        """Open a file of the medium, which in a folder can have changed since it was scanned."""
        stream = self._files.open(node)
        if isinstance(stream, io.FileIO) and os.fstat(stream.fileno()).st_size != node.size:
            stream.close()
            raise SourceError(
                _CHANGED, where=printable(node.path), why="its size has changed since it was scanned"
            )
        return stream

    def _whole(self, node: Node) -> memoryview:
        """Read a file into one of two buffers, in turn: the other may hold what is still going out."""
        self._buffers.reverse()
        if len(self._buffers[0]) < node.size:
            self._buffers[0] = bytearray(node.size)
        held = memoryview(self._buffers[0])[: node.size]
        at = 0
        with self._file(node) as stream:
            while at < node.size:
                got = stream.readinto(held[at:])  # type: ignore[attr-defined]  # every stream of a tree has it
                if not got:
                    raise SourceError("the file ends early", where=printable(node.path))
                at += got
        return held


class _HeldFile(SizedStream):
    """A file in memory, as a stream, without a copy."""

    def __init__(self, held: memoryview) -> None:
        super().__init__(len(held))
        self.held = held

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Fill the buffer from the position."""
        part = self.held[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _check_same(item: Outgoing, stream: BinaryIO) -> None:
    """Raise SourceError when another instance lies there than when the medium was scanned.

    It may be another patient's, and would go out under this UID. The stream is at its start again.
    """
    stream.seek(0)
    if _sop_instance(stream.read(FIRST_READ)) != item.sop_instance.encode("latin-1"):
        stream.seek(0)
        found = Scanner().read(stream, item.size, "", item.path)  # big endian, deflated, otherwise uncommon
        if not isinstance(found, Instance) or found.sop_instance != item.sop_instance:
            raise SourceError(_CHANGED, where=printable(item.path), why="it is another one than was scanned")
    stream.seek(0)


def _sop_instance(head: bytes) -> bytes:
    """Return SOP Instance UID (0008,0018) where the common encodings have it, else b""."""
    at = head.find(b"\x08\x00\x18\x00")
    if at < 0:
        return b""
    is_explicit = head[at + 4 : at + 6] == b"UI"
    length = int.from_bytes(head[at + 6 : at + 8] if is_explicit else head[at + 4 : at + 8], "little")
    return head[at + 8 : at + 8 + length].strip(b" \0")


def _payload(
    item: Outgoing, stream: BinaryIO, size: int, syntax: str, held: memoryview | None = None
) -> Payload:
    place = data_set_place(stream, size, (item.sop_class, item.sop_instance), syntax)
    return Payload(
        head=place.head,
        stream=stream,
        data_set_at=place.at,
        data_set_bytes=size - place.at,
        transfer_syntax=syntax,
        in_memory=held,
    )
