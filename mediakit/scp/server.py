"""A server of associations that no peer can hold up, on our own upper layer.

Connections are counted before a thread is given to one, and the oldest of those that have asked for
nothing makes room for the next one, so that whoever connects and waits keeps nobody out. TLS handshakes
do not hold up the others. What happens on a connection is in `link`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread

from mediakit.errors import UsageError
from mediakit.scp.link import Link, Patience, Visit
from mediakit.scp.negotiation import Policy
from mediakit.scp.operation import Storing

_TURN_S = 0.2
_END_S = 10.0  # for aborted associations
_WAITING = 128  # connections that the system keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where and as whom to listen, and for how many at once. Port 0 takes a free one."""

    ae_title: str
    host: str = "127.0.0.1"
    port: int = 0
    requires_called_ae: bool = False
    most_associations: int = 10
    network_timeout_s: float = 60.0
    association_timeout_s: float = 30.0


#: What takes the instances of an association that begins; None where none are stored.
NewStoring = Callable[[], Storing | None]


def _no_storing() -> None:
    return None


def _nothing(_visit: Visit, _storing: Storing | None) -> None:
    pass


class Server:
    """Listens in threads of its own from `start` to `stop`."""

    def __init__(
        self,
        listening: Listening,
        policy: Policy,
        ssl_context: ssl.SSLContext | None = None,
        storing: NewStoring = _no_storing,
    ) -> None:
        """Serve what `policy` offers; `storing` is called for each connection."""
        self._listening = listening
        self._policy = policy
        self._ssl_context = ssl_context
        self._new_storing = storing
        self._patience = Patience(
            association_s=listening.association_timeout_s, network_s=listening.network_timeout_s
        )
        self._most_in_use = 2 * listening.most_associations + 10
        self._changed = Condition()
        self._links: list[Link] = []  # the oldest first
        self._listener: socket.socket | None = None
        self._thread: Thread | None = None
        self._is_stopping = False
        self.ended: Callable[[Visit, Storing | None], None] = _nothing  # a connection has ended

    def start(self) -> tuple[str, int]:
        """Listen; return the address. Raises UsageError when that is not possible."""
        where = (self._listening.host, self._listening.port)
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen(_WAITING)
            listener.settimeout(_TURN_S)
        except (OSError, OverflowError) as exc:
            listener.close()
            why = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
            hint = "choose another port or address; port 0 is a free one"
            place = f"{where[0]}:{where[1]}"
            raise UsageError("cannot listen there", where=place, why=why, hint=hint) from exc
        self._listener = listener
        self._thread = Thread(target=self._listen, args=(listener,), name="mediakit-scp", daemon=True)
        self._thread.start()
        host, port = listener.getsockname()[:2]
        return str(host), int(port)

    def stop(self, grace_s: float) -> None:
        """Take no more connections, let open associations go on for a while, abort the rest."""
        if self._listener is None or self._thread is None:
            return
        self._is_stopping = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or it would wait for its turn to end
        self._thread.join()
        self._listener.close()
        for link in self._there():
            if not link.is_asked:
                link.stop()
        self._wait(grace_s)
        for link in self._there():
            link.stop()
        self._wait(_END_S)
        for link in self._there():
            link.cut()
        self._listener = None

    @property
    def is_busy(self) -> bool:
        """Return True while there are connections whose association is not over."""
        return any(not link.is_over for link in self._there())

    def _there(self) -> list[Link]:
        with self._changed:
            return list(self._links)

    def _wait(self, patience_s: float) -> None:
        """Wait until every association is over, for so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: all(link.is_over for link in self._links), patience_s)

    def _listen(self, listener: socket.socket) -> None:
        while not self._is_stopping:
            try:
                plain, address = listener.accept()
            except TimeoutError:
                continue
            except OSError:  # of a connection that is gone, or too many files are open
                if not self._is_stopping:
                    self._pause()
                continue
            link = Link(plain, str(address[0]), self._policy, self._patience)
            if not self._takes(link):
                plain.close()
                continue
            try:
                Thread(target=self._serve, args=(link,), name="mediakit-scp", daemon=True).start()
            except RuntimeError:  # no more threads
                self._over(link)
                plain.close()

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait(_TURN_S)

    def _takes(self, link: Link) -> bool:
        """Return False when there are too many connections already, and all of them are in use."""
        with self._changed:
            if len(self._links) >= 2 * self._most_in_use:
                return False
            in_use = [each for each in self._links if not (each.is_over or each.is_given_up)]
            if len(in_use) >= self._most_in_use:
                oldest = next((each for each in in_use if not each.is_asked), None)
                if oldest is None:
                    return False
                oldest.is_given_up = True
                oldest.cut()
            self._links.append(link)
        return True

    def _has_room(self, link: Link) -> bool:
        """Give a link one of the places of associations; return False when all are taken."""
        with self._changed:
            taken = sum(each.is_asked and each.is_standing for each in self._links)
            link.is_asked = taken < self._listening.most_associations
            return link.is_asked

    def _serve(self, link: Link) -> None:
        storing = self._new_storing()
        wire = None
        try:
            wire = link.run(self._ssl_context, storing, lambda: self._has_room(link))
            self.ended(link.visit, storing)
            with self._changed:
                link.is_over = True
                self._changed.notify_all()
            if wire is not None:
                link.see_off(wire)
        finally:
            link.close()
            self._over(link)

    def _over(self, link: Link) -> None:
        with self._changed:
            link.is_over = True
            with suppress(ValueError):
                self._links.remove(link)
            self._changed.notify_all()
