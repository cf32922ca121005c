"""Receive: listen as a Storage SCP, take what comes into a folder, and burn it: at the end, or as it comes.

Runs until it is interrupted (KeyboardInterrupt), or until it has been idle after something came. Either way
open associations get some seconds to end.
"""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from time import monotonic

from mediakit.errors import UsageError, mapped
from mediakit.events import Listener, silence
from mediakit.findings import Report, Severity
from mediakit.journeys.burn import burn
from mediakit.journeys.burn_order import BurnOrder, Burnt
from mediakit.journeys.burn_received import MediaMaker, MediaOrder, check_media
from mediakit.outcome import Outcome
from mediakit.scp.events import MediumEnded, Received, Reception, ScpEvent
from mediakit.scp.instance_store import InstanceStore, instance_store
from mediakit.scp.requestor import Dial
from mediakit.scp.served import Served, Tally
from mediakit.scp.server import Listening
from mediakit.scp.storage import Offer, StorageScp
from mediakit.scp.users import Users
from mediakit.stages.plan.target import format_of

_TURN_S = 0.2
_LONGEST_TURN_S = 1.0  # between two looks at what is due, however much comes
_CAME = frozenset({Reception.STORED, Reception.SAME})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOrder:
    """Where to receive, as whom, and what to do with it.

    `idle_s` ends the journey when something came and no association has been open for so long; None: only
    an interruption ends it. `grace_s` is what open associations get at the end. `burn` is the order for what
    lies in the folder then, `media` that for media which are burnt meanwhile. Only `users` are let in (None:
    everybody). `keeps_all` keeps every instance for the report.
    """

    folder: Path
    listening: Listening
    ssl_context: ssl.SSLContext | None = None
    callers: Mapping[str, Dial] = field(default_factory=dict)
    idle_s: float | None = None
    grace_s: float = 5.0
    burn: BurnOrder | None = None
    media: MediaOrder | None = None
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


ReceiveEvent = Listens | Ending | MediumEnded | ScpEvent
Hear = Callable[[ReceiveEvent], None]


def receive(order: ReceiveOrder, hear: Hear, tell: Listener = silence) -> tuple[Served, Burnt | None]:
    """Receive until it ends; return what was done, and the burn when there was one.

    `hear` gets the events of the server, `tell` those of the burn; both in the calling thread. Raises
    UsageError before it listens: a folder that cannot be used, an address that is taken, a target of the burn
    that exists or does not suit the profile. What waits for a medium when it ends waits for the next run.
    """
    if order.burn is not None:
        _check_burn(order.burn, order.folder)
    if order.media is not None:
        check_media(order.media, order.folder)
    with instance_store(order.folder) as place:
        hearer = _Hearer(
            tally=Tally(keeps_all=order.keeps_all),
            hear=hear,
            tell=tell,
            maker=None if order.media is None else MediaMaker(order.folder, order.media),
        )
        address = _received(order, place, hearer)
        served = _served(order, hearer, address, None)
        if order.burn is None or not served.is_anything_here:
            return served, None
        burnt = burn([order.folder], order.burn, tell)
    return _served(order, hearer, address, burnt), burnt


@dataclass(slots=True, kw_only=True)
class _Hearer:
    """Passes on what a server tells, and burns media meanwhile when there is a maker."""

    tally: Tally
    hear: Hear
    tell: Listener
    maker: MediaMaker | None
    media: list[MediumEnded] = field(default_factory=list)

    def __call__(self, event: ScpEvent) -> None:
        if self.maker is not None and isinstance(event, Received) and event.reception is Reception.STORED:
            self.maker.came(event.path)
        self.hear(event)

    @property
    def has_come(self) -> bool:
        return any(self.tally.counts[reception] for reception in _CAME)

    @property
    def is_waiting(self) -> bool:
        return self.maker is not None and self.maker.is_waiting

    def burn_due(self, *, is_busy: bool) -> None:
        for ended in () if self.maker is None else self.maker.burn_due(self.tell, is_busy=is_busy):
            self.media.append(ended)
            self.hear(ended)


def _check_burn(order: BurnOrder, folder: Path) -> None:
    format_of(order.profile, order.out)
    inside, out = os.path.realpath(folder), os.path.realpath(order.out)
    if out == inside or out.startswith(inside + os.sep) or inside.startswith(out + os.sep):
        hint = "name a target outside the folder that is received into"
        raise UsageError("the target of the burn and the folder lie in each other", where=out, hint=hint)
    if os.path.lexists(order.out):
        raise UsageError("the target exists", where=str(order.out), hint="name a new one")


def _received(order: ReceiveOrder, place: InstanceStore, hearer: _Hearer) -> tuple[str, int]:
    """Serve until it ends; return the address."""
    events = _Events(hearer.tally)
    offer = Offer(callers=order.callers, users=order.users)
    scp = StorageScp(place, order.listening, events.put, order.ssl_context, offer)
    scp.grace_s = order.grace_s
    if hearer.maker is not None:
        with mapped({OSError: UsageError}, "what was received before cannot be read", str(order.folder)):
            hearer.maker.begin()
    try:
        scp.start()
        hearer.hear(Listens(ae_title=order.listening.ae_title, host=scp.address[0], port=scp.address[1]))
        _serve(order, scp, events, hearer)
    except KeyboardInterrupt:
        hearer.hear(Ending())
    finally:
        scp.stop()
    while events.pass_on(hearer, 0.0):
        pass
    return scp.address


class _Events:
    """What the server told and nobody has heard yet.

    A signal may end the hearing at any moment: what is counted is counted in the thread that tells, and what
    was being heard then is heard once more, rather than never.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._waiting: deque[ScpEvent] = deque()
        self._changed = Condition()

    def put(self, event: ScpEvent) -> None:
        """Count an event and keep it. For any thread."""
        with self._changed:
            self._tally.hear(event)
            self._waiting.append(event)
            if not isinstance(event, Received):  # these come in thousands: they are heard some times a second
                self._changed.notify()

    def pass_on(self, hear: Callable[[ScpEvent], None], patience_s: float) -> bool:
        """Let the next event be heard; False when none comes in time."""
        if not self._waiting:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting), patience_s)
        if not self._waiting:
            return False
        hear(self._waiting[0])
        self._waiting.popleft()
        return True

    @property
    def is_empty(self) -> bool:
        """Return True when nothing waits."""
        return not self._waiting


def _serve(order: ReceiveOrder, scp: StorageScp, events: _Events, hearer: _Hearer) -> None:
    """Hear what happens, and burn what is due; return when it has been idle for long enough."""
    quiet_since = last_turn = monotonic()
    while True:
        if events.pass_on(hearer, _TURN_S):
            quiet_since = monotonic()
        else:
            last_turn = 0.0
        if monotonic() - last_turn < _LONGEST_TURN_S:
            continue
        hearer.burn_due(is_busy=scp.is_busy)
        last_turn = monotonic()
        if scp.is_busy or not hearer.has_come or hearer.is_waiting or not events.is_empty:
            quiet_since = monotonic()
        elif order.idle_s is not None and monotonic() - quiet_since >= order.idle_s:
            return


def _served(order: ReceiveOrder, hearer: _Hearer, address: tuple[str, int], burnt: Burnt | None) -> Served:
    tally = hearer.tally
    report = Report.of(str(order.folder), tally.findings())
    outcome = Outcome.PARTLY_STORED if report.worst() is Severity.ERROR else Outcome.GOOD
    if outcome is Outcome.GOOD and burnt is not None:
        outcome = burnt.result.outcome
    if outcome is Outcome.GOOD:
        outcome = next((each.outcome for each in hearer.media if each.outcome is not Outcome.GOOD), outcome)
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
        media=tuple(hearer.media),
    )
