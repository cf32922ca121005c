"""The workers of a migration on the machines of a Dask cluster. The only door to distributed.

A task is one disc, whichever comes next: the ledger says which, and what came of it. What Dask believes of
its tasks is never relied on, so that tasks may be lost, or run twice. It is sent the address of the ledger
and paths, no passwords.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import ssl
import time
from collections import deque
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, Final

from mediakit import __version__
from mediakit.errors import UsageError
from mediakit.events import Listener, Noted
from mediakit.journeys.migrate_unseen import Unseen
from mediakit.journeys.migrate_work import MigrateOrder, Said, error_of, work
from mediakit.ledger.migration import Migration
from mediakit.scp.wire import tls_reason

try:
    import distributed
    from distributed.comm.core import CommClosedError
except ImportError as exc:  # the extra is not installed
    raise UsageError(
        "a cluster needs the package distributed",
        hint="install it on each machine with `pip install 'dicom-mediakit[cluster]'`",
    ) from exc

_ANSWER_S: Final = 10  # a scheduler that says nothing for so long is away
_COUNT_S: Final = 2.0  # between two looks at who is there
_IDLE_S: Final = 5.0  # after which a task without a disc ends
_GRACE_S: Final = 30.0  # for discs that are under way when it ends
_MOST_CAUSES: Final = 10
_START_IT: Final = (
    "start it with `dask scheduler`, and `dask worker ADDRESS` on each machine; "
    "then run the same command again"
)
_WITH_TLS: Final = (
    "a scheduler with TLS has an address tls://HOST:PORT, and takes only certificates of its authority; "
    "one without TLS has tcp://HOST:PORT"
)
_LOST: Final = (OSError, TimeoutError, RuntimeError, ValueError, CancelledError)


class Cluster:
    """As many discs at a time as the cluster has threads, at most `order.workers` when that is not 0."""

    def __init__(self, address: str, tell: Listener, order: MigrateOrder, ledger: Migration) -> None:
        """Connect. Raises UsageError when nobody answers, or `ledger` is a file that others do not see."""
        self._address = address
        self._tell = tell
        self._order = order
        self._tasks: list[Any] = []
        self._room = 0
        self._count_at = 0.0
        self._away_since = 0.0
        self._topic = f"mediakit-{secrets.token_hex(8)}"  # under which workers report
        self._reports: deque[Unseen] = deque()  # filled by a thread of the client
        self.last_words = ""
        del ledger  # workers open it themselves; leases of those that are lost run out
        for name in ("distributed.client", "distributed.core", "distributed.batched"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what is lost is said once, by us
        try:
            self._client: Any = self._connected()
        except _LOST as exc:
            raise self._silent(exc) from exc

    def keep_at_work(self) -> int:
        """Give the cluster a task for each free thread; return how many tasks were lost.

        Raises what ended a task: a machine has no such destination, or cannot reach the ledger. Raises
        UsageError when the scheduler is away for too long.
        """
        lost = 0
        for task in [one for one in self._tasks if one.done()]:
            self._tasks.remove(task)
            lost += self._hear(task)
        try:
            if self._client is None:
                self._client = self._connected()
            self._count()
            for _ in range(self._room - len(self._tasks)):
                self._tasks.append(
                    self._client.submit(
                        work_there, self._order, __version__, self._topic, pure=False, retries=0
                    )
                )
        except _LOST as exc:
            self._lose(exc)
        else:
            if self._away_since:
                self._tell(Noted("the Dask scheduler answers again"))
            self._away_since = 0.0
        return lost

    def reports(self) -> list[Unseen]:
        """Return what workers have reported since the last call."""
        return [self._reports.popleft() for _ in range(len(self._reports))]

    def end(self) -> None:
        """Let the discs that are under way be finished, but do not wait for ever."""
        if self._client is None:
            return
        with suppress(*_LOST):
            if self._tasks:
                distributed.wait(self._tasks, timeout=_GRACE_S)  # type: ignore[no-untyped-call]
            self._client.cancel(self._tasks)
        self._drop_client()

    def _hear(self, task: Any) -> int:
        """Return 1 for a task that was lost. Raises what ended it."""
        if task.status == "finished":
            said: Said | None = None
            with suppress(
                *_LOST
            ):  # its worker or the scheduler was lost meanwhile: the ledger knows what it did
                said = task.result(timeout=_ANSWER_S)
            if said is not None:
                raise error_of(said)
            return 0
        if task.status == "error":
            with suppress(*_LOST):
                ended_by = task.exception(timeout=_ANSWER_S)
                self.last_words = f"{type(ended_by).__name__}: {ended_by}".splitlines()[0]
            return 1
        return 0  # cancelled: the scheduler was lost

    def _connected(self) -> Any:
        must_be_safe = True if self._address.startswith("tls:") else None
        safe: Any = distributed.Security(must_be_safe)  # type: ignore[no-untyped-call]
        if must_be_safe and not (safe.tls_ca_file and safe.tls_client_cert):
            raise UsageError(
                "TLS to a Dask scheduler needs a certificate of this machine, and the authority",
                where=self._address,
                hint="set `ca-file` and `client` of `distributed.comm.tls` in the configuration of Dask",
            )
        asyncio.run(_heard_from(self._address, safe))
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]
            self._address,
            timeout=_ANSWER_S,
            security=safe,
            set_as_default=False,
            name="mediakit-migrate",
        )
        client.subscribe_topic(self._topic, lambda event: self._reports.append(Unseen(*event[1])))
        return client

    def _count(self) -> None:
        """Find out how many threads there are: machines come and go."""
        if time.monotonic() < self._count_at:
            return
        there = sum(self._client.nthreads(callback_timeout=_ANSWER_S).values())
        if not there and (self._room or not self._count_at):
            self._tell(Noted("the Dask cluster has no workers: they are waited for"))
        self._room = min(there, self._order.workers) if self._order.workers else there
        self._count_at = time.monotonic() + _COUNT_S

    def _lose(self, exc: BaseException) -> None:
        self._drop_client()
        if not self._away_since:
            self._away_since = time.monotonic()
            self._tell(Noted("the Dask scheduler does not answer: it is waited for"))
        elif time.monotonic() - self._away_since > self._order.away_most_s:
            raise self._silent(exc) from exc

    def _drop_client(self) -> None:
        if self._client is not None:
            with suppress(*_LOST):
                self._client.close(timeout=1)
            self._client.status = "closed"  # else it tries once more for 20 s when it is forgotten
        self._client, self._tasks = None, []

    def _silent(self, exc: BaseException) -> UsageError:
        why = _closed(exc)
        return UsageError(
            "the Dask scheduler does not answer",
            where=self._address,
            why=why or (str(exc).splitlines()[0] if str(exc) else f"waited {_ANSWER_S} s"),
            hint=_WITH_TLS if why else _START_IT,
        )


def _closed(exc: BaseException) -> str:
    """Return why a connection that was there ended, "" when there was none: Dask names the call alone."""
    causes = [exc]
    while len(causes) < _MOST_CAUSES and (cause := causes[-1].__cause__ or causes[-1].__context__):
        causes.append(cause)
    failed = [one for one in causes if isinstance(one, ssl.SSLError) and not isinstance(one, ssl.SSLEOFError)]
    if failed:
        return f"no TLS connection ({tls_reason(failed[0])})"
    return "it ended the connection" if isinstance(exc, CommClosedError) else ""


async def _heard_from(address: str, safe: Any) -> None:
    """Raise TimeoutError for a scheduler that does not answer: a Client would wait for ever."""
    connection_args = safe.get_connection_args("client")
    async with asyncio.timeout(_ANSWER_S):
        async with distributed.rpc(address, connection_args=connection_args) as there:  # type: ignore[no-untyped-call]
            await there.identity(n_workers=0)


def work_there(order: MigrateOrder, version: str, topic: str) -> Said | None:
    """Work on one disc, or wait a little for one: a whole task. What ended it is returned.

    What the machine does not see is reported under `topic`. A machine with another version of mediakit does
    nothing: it may read the order and the ledger otherwise.
    """
    if version != __version__:
        why = f"{__version__} there, {version} here"
        hint = "install the same version on each machine of the cluster, and start its workers again"
        error = UsageError("a worker has another version of mediakit", why=why, hint=hint)
        return error.exit_code, error.what, socket.gethostname(), error.why, error.hint
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"
    here: Any = distributed.get_worker()
    said = work(
        order,
        owner,
        most_discs=1,
        most_s=_IDLE_S,
        report=lambda unseen: here.log_event(topic, list(unseen)),
    )
    if said is None:
        return None
    code, what, where, why, hint = said
    return code, what, f"{socket.gethostname()}: {where}" if where else socket.gethostname(), why, hint
