"""Receive: listen as a Storage SCP, take what comes into a folder, and burn it at the end if that is asked.

Runs until it is interrupted (KeyboardInterrupt), or until it has been idle after something came. Either way
open associations get some seconds to end.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from mediakit.errors import UsageError
from mediakit.events import Listener, silence
from mediakit.findings import Report, Severity
from mediakit.journeys.burn import burn
from mediakit.journeys.burn_order import BurnOrder, Burnt
from mediakit.outcome import Outcome
from mediakit.scp.events import Reception, ScpEvent
from mediakit.scp.instance_store import InstanceStore, instance_store
from mediakit.scp.requestor import Dial
from mediakit.scp.served import Served, Tally
from mediakit.scp.server import Listening
from mediakit.scp.storage import StorageScp
from mediakit.scp.users import Users
from mediakit.stages.plan.target import format_of

_TURN_S = 0.2
_CAME = frozenset({Reception.STORED, Reception.SAME})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOrder:
    """Where to receive, as whom, and what to do with it.

    `idle_s` ends the journey when something came and no association has been open for so long; None: only
    an interruption ends it. `grace_s` is what open associations get at the end. `burn` is the order for what
    lies in the folder then. Only `users` are let in (None: everybody). `keeps_all` keeps every
    instance for the report.
    """

    folder: Path
    listening: Listening
    ssl_context: ssl.SSLContext | None = None
    callers: Mapping[str, Dial] = field(default_factory=dict)
    idle_s: float | None = None
    grace_s: float = 5.0
    burn: BurnOrder | None = None
    users: Users | None = None
    keeps_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listens:
    """The server listens. `port` is the real one."""

    ae_title: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The server takes no more associations, and waits for those that are open."""


ReceiveEvent = Listens | Ending | ScpEvent
Hear = Callable[[ReceiveEvent], None]


def receive(order: ReceiveOrder, hear: Hear, tell: Listener = silence) -> tuple[Served, Burnt | None]:
    """Receive until it ends; return what was done, and the burn when there was one.

    `hear` gets the events of the server, `tell` those of the burn; both in the calling thread. Raises
    UsageError before it listens: a folder that cannot be used, an address that is taken, a target of the burn
    that exists or does not suit the profile.
    """
    if order.burn is not None:
        _check_burn(order.burn, order.folder)
    with instance_store(order.folder) as place:
        tally, address = _received(order, place, hear)
        served = _served(order, tally, address, None)
        if order.burn is None or not served.is_anything_here:
            return served, None
        burnt = burn([order.folder], order.burn, tell)
    return _served(order, tally, address, burnt), burnt


def _check_burn(order: BurnOrder, folder: Path) -> None:
    format_of(order.profile, order.out)
    inside, out = os.path.realpath(folder), os.path.realpath(order.out)
    if out == inside or out.startswith(inside + os.sep) or inside.startswith(out + os.sep):
        hint = "name a target outside the folder that is received into"
        raise UsageError("the target of the burn and the folder lie in each other", where=out, hint=hint)
    if os.path.lexists(order.out):
        raise UsageError("the target exists", where=str(order.out), hint="name a new one")


def _received(order: ReceiveOrder, place: InstanceStore, hear: Hear) -> tuple[Tally, tuple[str, int]]:
    """Serve until it ends."""
    tally = Tally(keeps_all=order.keeps_all)
    events: SimpleQueue[ScpEvent] = SimpleQueue()
    scp = StorageScp(place, order.listening, events.put, order.ssl_context, order.callers, order.users)
    scp.grace_s = order.grace_s
    try:
        scp.start()
        hear(Listens(ae_title=order.listening.ae_title, host=scp.address[0], port=scp.address[1]))
        _serve(order, scp, events, tally, hear)
    except KeyboardInterrupt:
        hear(Ending())
    finally:
        scp.stop()
    while not events.empty():
        _hear(events.get(), tally, hear)
    return tally, scp.address


def _serve(
    order: ReceiveOrder, scp: StorageScp, events: SimpleQueue[ScpEvent], tally: Tally, hear: Hear
) -> None:
    """Hear what happens; return when it has been idle for long enough."""
    quiet_since = monotonic()
    while True:
        try:
            _hear(events.get(timeout=_TURN_S), tally, hear)
        except Empty:
            came = any(tally.counts[reception] for reception in _CAME)
            if scp.is_busy or not came:
                quiet_since = monotonic()
            elif order.idle_s is not None and monotonic() - quiet_since >= order.idle_s:
                return
        else:
            quiet_since = monotonic()


def _hear(event: ScpEvent, tally: Tally, hear: Hear) -> None:
    tally.hear(event)
    hear(event)


def _served(order: ReceiveOrder, tally: Tally, address: tuple[str, int], burnt: Burnt | None) -> Served:
    report = Report.of(str(order.folder), tally.findings())
    outcome = Outcome.PARTLY_STORED if report.worst() is Severity.ERROR else Outcome.GOOD
    if outcome is Outcome.GOOD and burnt is not None:
        outcome = burnt.result.outcome
    return Served(
        ae_title=order.listening.ae_title,
        host=address[0],
        port=address[1],
        folder=str(order.folder),
        associations=tally.associations,
        counts=dict(tally.counts),
        report=report,
        outcome=outcome,
        received=tuple(tally.received),
        burn=None if burnt is None else burnt.result,
    )
