"""What a service is asked for and what it answers: values between the listener and the services.

A service is a function from an `Operation` to an `Answer`; an `OfferedClass` says which a SOP Class has.
C-STORE is not among them: its data set is taken in pieces, by a `Storing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mediakit.dicom.identifier import Unintelligible, read_data_set
from mediakit.network.agreement import AgreedContext
from mediakit.network.message import Request
from mediakit.network.pdu import Buffer

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation that a peer asks for, and the data set that came with it, as encoded."""

    request: Request
    transfer_syntax: str
    calling_ae: str
    encoded: bytes = field(default=b"", repr=False)

    def data_set(self) -> Dataset:
        """Return the data set. Raises Unintelligible, also when there is none."""
        if not self.request.has_data_set:
            raise Unintelligible("there is no data set")
        return read_data_set(self.encoded, self.transfer_syntax)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An N-EVENT-REPORT to be sent on the association; `delivered` hears whether the peer took it."""

    sop_instance: str
    event_type: int
    data_set: Dataset = field(repr=False)
    delivered: Callable[[bool], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered: a status, words for people, a data set. `sop_instance` is one that we have chosen.

    `after` is called when the answer has gone out; the report that it returns goes out on the association.
    """

    status: int
    words: str = ""
    data_set: Dataset | None = field(default=None, repr=False)
    sop_instance: str = ""
    after: Callable[[], Report | None] | None = None


Service = Callable[[Operation], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedClass:
    """The operations of a SOP Class by Command Field. `lets_scp`: the peer may be its SCP, who reports."""

    operations: Mapping[int, Service]
    lets_scp: bool = False


class Taking(Protocol):
    """One instance that arrives. Nothing raises for what a peer sends or for a full disk."""

    def write(self, fragment: Buffer, /) -> None:
        """Take the next piece of its data set."""
        ...

    def settled(self) -> tuple[int, str]:
        """Put it away when it is whole; return status and words of the answer."""
        ...

    def answered(self) -> None:
        """Do what could wait until the answer had gone out, or could not."""
        ...

    def discard(self) -> None:
        """Leave nothing of what has come: the association ends before it is whole."""
        ...


class Storing(Protocol):
    """What takes the instances of one association."""

    def begin(self, request: Request, context: AgreedContext, calling_ae: str) -> Taking:
        """Return what takes the instance of a C-STORE request."""
        ...

    def close(self) -> None:
        """Leave nothing open: the association is over."""
        ...
