"""An SCP of pynetdicom on a free port of this host, which ends as soon as the test does."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE
from pynetdicom.transport import ThreadedAssociationServer

_TURN_S = 0.02  # how often it looks for its end; half a second when pynetdicom starts it


@contextmanager
def listening(
    entity: AE, handlers: Sequence[tuple[Any, Callable[..., Any]]] = (), tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Let an application entity listen; give its port."""
    server = entity.make_server(
        ("127.0.0.1", 0),
        ssl_context=tls,
        evt_handlers=list(handlers),
        server_class=ThreadedAssociationServer,
    )
    entity._servers.append(server)  # as `start_server` does: `shutdown` takes it out again
    thread = threading.Thread(target=server.serve_forever, args=(_TURN_S,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join(10)
