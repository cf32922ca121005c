"""C-FIND as an SCU, by pynetdicom: ask a peer for patients, studies, series, instances or worklist entries.

Loaded on use: pynetdicom takes long to import. What a peer sends is bounded in number, size and time, and its
text never goes to a log.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

from mediakit.destinations.association import association, no_context
from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.peer import Peer
from mediakit.dicom.identifier import Unintelligible, Value, Values, identifier_of, size_of, values_of
from mediakit.errors import DestinationError
from mediakit.scp.contexts import MESSAGE_SYNTAXES

if TYPE_CHECKING:
    from pydicom import Dataset
    from pynetdicom.association import Association

_PENDING = frozenset({0xFF00, 0xFF01})
_CANCELLED = 0xFE00


class FindModel(StrEnum):
    """The information models that are asked; the values are their SOP Classes. Source: PS3.4 C.6, K.6."""

    PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1.1"
    STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
    WORKLIST = "1.2.840.10008.5.1.4.31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer may answer to one request: number of matches, bytes of all together, seconds in all."""

    matches: int = 100_000
    total_bytes: int = 256 << 20
    total_s: float = 600.0


class FindFailed(DestinationError):  # noqa: N818 - reads as a sentence where it is raised
    """The peer took the request and answered a failure, or more than may be taken. See PS3.4 C.4.1.1.4."""

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "", code: int = 0) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.code = code


def find(
    peer: Peer, model: FindModel, keys: Values, limits: Limits | None = None
) -> tuple[dict[int, Value], ...]:
    """Ask a peer, on an association of its own, and return all matches in the order of the answers.

    `keys` are text by tag, with Query/Retrieve Level (0008,0052) among them for the root models: "" asks for
    a value, anything else is to be matched (PS3.4 C.2.2.2); sequences are tuples of items.
    Raises Unreachable without an association, without a context for the model, or when an answer does not
    come in time; FindFailed when the peer answers a failure, or more or other than can be taken.
    """
    with association(peer, contexts_of(model)) as link:
        return find_on(link, peer, model, keys, limits)


def contexts_of(*models: FindModel) -> tuple[Context, ...]:
    """Return the presentation contexts of an `association` on which `find_on` asks these models."""
    return tuple(Context(model.value, MESSAGE_SYNTAXES) for model in models)


def find_on(
    link: Association, peer: Peer, model: FindModel, keys: Values, limits: Limits | None = None
) -> tuple[dict[int, Value], ...]:
    """Ask on an association that is open; as `find`. Raises Unreachable when the association ends."""
    if all(context.abstract_syntax != model.value for context in link.accepted_contexts):
        raise no_context(peer)
    bounds = limits or Limits()
    until = monotonic() + bounds.total_s
    found: list[dict[int, Value]] = []
    size = 0
    for code, match in _answers(link, peer, model, keys):
        if code not in _PENDING:
            _judge(code, peer)
            return tuple(found)
        if match is None:
            raise FindFailed("an answer of the peer cannot be read", where=str(peer))
        found.append(match)
        size += size_of(match)
        if len(found) > bounds.matches or size > bounds.total_bytes or monotonic() > until:
            raise FindFailed(
                f"the peer goes on answering after {len(found)} matches",
                where=str(peer),
                hint="ask for less: by Patient ID, or for a shorter time",
            )
    raise Unreachable("the peer ended its answer without a status", where=str(peer), is_passing=True)


def _answers(
    link: Association, peer: Peer, model: FindModel, keys: Values
) -> Iterator[tuple[int, dict[int, Value] | None]]:
    """Yield status and match, as they come; None for a match that cannot be read."""
    if not link.is_established:
        raise _lost(peer)
    with _quiet():
        answers = iter(link.send_c_find(identifier_of(keys), model.value))
    while True:
        with _quiet():
            status, identifier = next(answers, (None, None))
        if status is None:
            return
        if "Status" not in status:
            raise _lost(peer)
        yield int(status.Status), None if identifier is None else _read(identifier)


def _read(identifier: Dataset) -> dict[int, Value] | None:
    try:
        return values_of(identifier)
    except Unintelligible:
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Let pydicom warn of nothing, since warnings can hold values; an answer that is cut off is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".* in file ")
        yield


def _judge(code: int, peer: Peer) -> None:
    if code == 0:
        return
    why = "it cancelled the query" if code == _CANCELLED else f"status {code:04X}"
    raise FindFailed("the peer could not answer the query", where=str(peer), why=why, code=code)


def _lost(peer: Peer) -> Unreachable:
    return Unreachable(
        "the peer did not answer the query",
        where=str(peer),
        why=f"the association ended, or nothing came for {peer.timeouts.answer_s:g} s",
        is_passing=True,
    )
