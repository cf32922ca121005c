"""The seam of destinations: a `Destination` is known, a `Session` with it is open. Protocols and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable

from mediakit.errors import DestinationError
from mediakit.errors import Lost as Lost  # noqa: PLC0414 - a word of this seam, raised below it
from mediakit.transfer.negotiate import Proposal
from mediakit.transfer.outgoing import Answer, Outgoing
from mediakit.transfer.probed import Negotiated

CHUNK_BYTES = 1 << 20
Chunk = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Context:
    """One presentation context to propose: a SOP Class and the transfer syntaxes, best first.

    The peer takes one of them or none. `wants_scp` proposes the role of the SCP beside that of the SCU, for
    the SOP Class. Source: PS3.8 7.1.1.13, PS3.7 D.3.3.4.
    """

    sop_class: str
    transfer_syntaxes: tuple[str, ...]
    wants_scp: bool = False


def contexts_of(proposals: Iterable[Proposal]) -> tuple[Context, ...]:
    """Return one context for each proposal: the peer says of each transfer syntax whether it takes it."""
    return tuple(Context(each.sop_class, (each.transfer_syntax,)) for each in proposals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The bytes of one instance, ready to be sent: the data set, and what belongs in front of it in a file.

    `head` is the preamble and the file meta information that belong in front of the data set when a file is
    wanted (as stored, or made where the file had none). The data set are the `data_set_bytes` from
    `data_set_at` of `stream` on, as stored. `in_memory` is the whole file where it has been read;
    its bytes are valid until the next but one instance is loaded.
    """

    head: bytes = field(repr=False)
    stream: BinaryIO = field(repr=False)
    data_set_at: int
    data_set_bytes: int
    transfer_syntax: str
    in_memory: memoryview | None = field(default=None, repr=False)

    def data_set(self) -> Iterator[Chunk]:
        """Yield the data set in chunks. Raises OSError or SourceError when it cannot be read to its end."""
        if self.in_memory is not None:
            end = self.data_set_at + self.data_set_bytes
            for start in range(self.data_set_at, end, CHUNK_BYTES):
                yield self.in_memory[start : min(start + CHUNK_BYTES, end)]
            return
        self.stream.seek(self.data_set_at)
        left = self.data_set_bytes
        while left:
            chunk = self.stream.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise OSError("the file ends early")
            left -= len(chunk)
            yield chunk


class Unreachable(DestinationError):  # noqa: N818 - reads as a sentence where it is raised
    """No connection or association: nothing was sent.

    `is_passing`: another try may succeed soon. `is_busy`: the peer itself says so.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        is_passing: bool = False,
        is_busy: bool = False,
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.is_passing = is_passing or is_busy
        self.is_busy = is_busy

    @property
    def reason(self) -> str:
        """Return what, why, and what to look at, without the place: for a finding that has it."""
        said = f"{self.what}: {self.why}" if self.why else self.what
        return f"{said} ({self.hint})" if self.hint else said


#: What is done while an answer is waited for.
Meanwhile = Callable[[], object]


def nothing() -> None:
    """Do nothing meanwhile."""


class Session(Protocol):
    """An open connection to a destination. For one thread."""

    def takes(self, sop_class: str) -> frozenset[str] | None:
        """Return the transfer syntaxes that the peer takes for a SOP Class; None when it takes any."""
        ...

    def refusal(self, sop_class: str) -> str:
        """Return why the peer takes a SOP Class in no transfer syntax; "" when it does not say."""
        ...

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:
        """Send one instance and return the answer.

        `meanwhile` is called at most once, when all has gone out and the answer is waited for: work for the
        next instance costs no time there.
        Raises Lost when the connection ends, OSError or SourceError when the payload cannot be read: then the
        peer has not got the instance, and the session may be over (the next `send` raises Lost). Unreachable
        when it shows only now that nobody is there who stores.
        """
        ...

    def close(self) -> None:
        """Close the connection as the protocol has it; never raises."""
        ...

    def abort(self) -> None:
        """End the connection at once, from any thread: a `send` under way raises Lost. Never raises."""
        ...


@runtime_checkable
class NegotiatedSession(Session, Protocol):
    """A session for which more was negotiated than what it takes."""

    def negotiated(self) -> Negotiated:
        """Return what was agreed on."""
        ...


@runtime_checkable
class WindowedSession(Session, Protocol):
    """A session on which several instances can be under way at once. For one thread."""

    @property
    def window(self) -> int:
        """Return how many instances may be under way: 1 or more."""
        ...

    def start(self, item: Outgoing, payload: Payload) -> None:
        """Send one instance whole.

        Raises as `send` does. When it was the payload that could not be read, nothing more can be started,
        and `answer` still gives the answers to what is under way.
        """
        ...

    def answer(self) -> tuple[Outgoing, Answer]:
        """Wait for the next answer, whichever instance it is to. Raises Lost."""
        ...

    def known(self) -> Sequence[tuple[Outgoing, Answer]]:
        """Return the answers that came before the session was lost."""
        ...


class Destination(Protocol):
    """Where instances go. Opens nothing until asked to.

    It may be asked for several sessions at once where the user says so; for one that can be without that, see
    `ParallelDestination`.
    """

    @property
    def name(self) -> str:
        """Return how reports name it, without secrets: "PACS@10.0.0.1:104"."""
        ...

    @property
    def most_contexts(self) -> int | None:
        """Return how many contexts one session can have; None when it does not negotiate."""
        ...

    def connect(self, contexts: Sequence[Context]) -> Session:
        """Open a session. Raises Unreachable."""
        ...

    def verify(self) -> str:
        """Ask whether it is there and willing (C-ECHO, a request, write access); return what it said.

        Raises Unreachable.
        """
        ...


@runtime_checkable
class ParallelDestination(Destination, Protocol):
    """A destination that several sessions at once may serve better than one."""

    @property
    def most_sessions(self) -> int | None:
        """Return how many it may have at once; None when nobody said."""
        ...
