"""Which presentation contexts to propose for some instances, and in which transfer syntax each may go.

Over a network two application entities negotiate; what is proposed follows from the headers alone: for each
SOP Class the transfer syntaxes in which its instances are stored, one context each, so that the peer says of
each whether it takes it; and behind them those that an instance could be converted to without loss.
Source: PS3.8 7.1.1.13, PS3.5 10.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, SYNTAXES
from mediakit.transfer.outgoing import Outgoing

#: What a conversion may lead to, best first. Every SCP of a SOP Class must take the last (PS3.5 10.1).
FALLBACKS = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context: a SOP Class and the one transfer syntax that it stands for."""

    sop_class: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes over one association: instances in their order, and the contexts they need."""

    proposals: tuple[Proposal, ...]
    items: tuple[Outgoing, ...]


class Way(StrEnum):
    """How an instance goes to a peer."""

    AS_IS = "as-is"
    CONVERTED = "converted"
    NOT_AT_ALL = "not-at-all"


@dataclass(frozen=True, slots=True)
class Route:
    """How one instance goes, and the transfer syntax it goes in ("" when it cannot go)."""

    way: Way
    transfer_syntax: str = ""


def batches(items: Iterable[Outgoing], most_contexts: int | None, *, may_convert: bool) -> tuple[Batch, ...]:
    """Group instances into associations of at most so many contexts, each SOP Class whole in one of them.

    The order of the instances is kept inside a batch. `most_contexts` None puts all into one batch. Only a
    SOP Class in more transfer syntaxes than one association can hold is divided.
    """
    held = list(items)
    by_class: dict[str, dict[str, None]] = {}
    for item in held:
        by_class.setdefault(item.sop_class, {})[item.transfer_syntax] = None
    groups: list[list[Proposal]] = []
    group_of: dict[Proposal, int] = {}
    for sop_class, stored in by_class.items():
        for part in _parts(list(stored), most_contexts):
            proposals = _proposals(sop_class, part, may_convert=may_convert)
            if not groups or (most_contexts is not None and len(groups[-1]) + len(proposals) > most_contexts):
                groups.append([])
            groups[-1] += proposals
            group_of.update((Proposal(sop_class, syntax), len(groups) - 1) for syntax in part)
    members: list[list[Outgoing]] = [[] for _ in groups]
    for item in held:
        members[group_of[Proposal(item.sop_class, item.transfer_syntax)]].append(item)
    return tuple(Batch(tuple(group), tuple(some)) for group, some in zip(groups, members, strict=True))


def _parts(stored: Sequence[str], most: int | None) -> list[Sequence[str]]:
    room = len(stored) if most is None else most - len(FALLBACKS)
    return [stored[start : start + room] for start in range(0, len(stored), room)]


def _proposals(sop_class: str, stored: Sequence[str], *, may_convert: bool) -> list[Proposal]:
    more: Sequence[str] = ()
    if may_convert and any(is_convertible(syntax) for syntax in stored):
        more = [syntax for syntax in FALLBACKS if syntax not in stored]
    return [Proposal(sop_class, syntax) for syntax in (*stored, *more)]


def is_convertible(transfer_syntax: str) -> bool:
    """Return True when an instance in this transfer syntax can be written in one of `FALLBACKS`."""
    known = SYNTAXES.get(transfer_syntax)
    return known is not None and known.can_decode


def route(stored_in: str, takes: frozenset[str] | None, *, may_convert: bool) -> Route:
    """Return how an instance goes to a peer that takes these transfer syntaxes for its class (None: any)."""
    if takes is None or stored_in in takes:
        return Route(Way.AS_IS, stored_in)
    if may_convert and is_convertible(stored_in):
        for syntax in FALLBACKS:
            if syntax in takes:
                return Route(Way.CONVERTED, syntax)
    return Route(Way.NOT_AT_ALL)
