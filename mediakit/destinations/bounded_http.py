"""HTTP/1.1 to one server, with a bound on every wait and on every answer. The only module with httpcore.

What httpcore does not do is as wanted: no redirect is followed, no cookie kept, no proxy, password file or
other setting of the environment used, no content decoded. So what is secret goes to this server alone.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from mediakit import __version__
from mediakit.destinations.base import Lost, Unreachable
from mediakit.destinations.peer import Timeouts
from mediakit.destinations.tls import refused_handshake
from mediakit.errors import UsageError

try:
    import httpcore
except ImportError as exc:
    raise UsageError(
        "DICOMweb needs the library httpcore", hint="`pip install 'dicom-mediakit[web]'` brings it"
    ) from exc

MOST_BYTES: Final = 1 << 20  # of the answer to one instance
_KEEP_ALIVE_S: Final = 30.0
_SLOWEST_BYTES_S: Final = 4096  # of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. `body` is None when it did not come whole: cut off, or longer than allowed."""

    status: int
    media_type: str  # "application/dicom+json", lower case, without parameters
    location: str = ""  # host of the place that a redirect names, or ""
    warning: str = ""  # the Warning header (RFC 7234 5.5), bounded
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server: base URL, headers for every request (secrets among them), TLS and timeouts."""

    url: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    tls: ssl.SSLContext | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """An answer of any length, while it comes. `chunks` raises Lost when it is cut off."""

    status: int
    content_type: str  # with its parameters
    location: str
    chunks: Iterator[bytes] = field(repr=False)


class HttpClient:
    """A connection to a server, opened with the first request and kept. For one thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pool = httpcore.ConnectionPool(
            ssl_context=server.tls,
            max_connections=1,
            keepalive_expiry=_KEEP_ALIVE_S,
            network_backend=_Backend(server.timeouts.answer_s),
        )
        self._timeouts = {
            "connect": server.timeouts.connect_s,
            "read": server.timeouts.answer_s,
            "write": server.timeouts.answer_s,
            "pool": server.timeouts.connect_s,
        }

    def get(self, path: str, *, method: str = "GET", most_bytes: int = MOST_BYTES) -> Reply:
        """Ask for a resource below the base URL. Raises Unreachable and Lost."""
        return self._ask(method, path, {"Accept": "application/dicom+json"}, None, most_bytes)

    def post(
        self, path: str, content_type: str, body: Iterable[bytes], size_bytes: int, accept: str
    ) -> Reply:
        """Send a body of `size_bytes`, without holding it in memory.

        Raises Unreachable when there is no connection, Lost when it ends or nothing comes any more. What the
        body raises passes through; the server then sees that it is cut off.
        """
        headers = {"Accept": accept, "Content-Type": content_type, "Content-Length": str(size_bytes)}
        return self._ask("POST", path, headers, body, MOST_BYTES)

    @contextmanager
    def stream(self, path: str, accept: str) -> Iterator[Streamed]:
        """Ask for a resource that may be of any length. Raises Unreachable and Lost."""
        with closing(self._response("GET", path, {"Accept": accept}, None)) as response:
            yield Streamed(
                status=response.status,
                content_type=_header(response, b"content-type"),
                location=_host(_header(response, b"location")),
                chunks=self._chunks(response),
            )

    def _chunks(self, response: httpcore.Response) -> Iterator[bytes]:
        with self._mapped():
            yield from response.iter_stream()

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: Iterable[bytes] | None, most: int
    ) -> Reply:
        with closing(self._response(method, path, headers, body)) as response:
            return Reply(
                status=response.status,
                media_type=_header(response, b"content-type").partition(";")[0].strip().lower(),
                location=_host(_header(response, b"location")),
                warning=_header(response, b"warning")[:1000],
                body=_bounded(response, most),
            )

    def _response(
        self, method: str, path: str, headers: Mapping[str, str], body: Iterable[bytes] | None
    ) -> httpcore.Response:
        everything = {
            "Host": urlsplit(self._server.url).netloc,
            "User-Agent": f"mediakit/{__version__}",
            **headers,
            **self._server.headers,
        }
        request = httpcore.Request(
            method,
            self._server.url + path,
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in everything.items()],
            content=() if body is None else body,
            extensions={"timeout": self._timeouts},
        )
        with self._mapped():
            return self._pool.handle_request(request)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn what httpcore raises into our errors."""
        where = self._server.url
        try:
            yield
        except httpcore.ConnectTimeout as exc:
            raise Unreachable("the server does not answer", where=where, is_passing=True) from exc
        except httpcore.ConnectError as exc:
            raise _unreachable(exc, where) from exc
        except httpcore.TimeoutException as exc:
            raise Lost("nothing came in time", where=where, why=_why(exc)) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
            raise Lost("the connection ended", where=where, why=_why(exc)) from exc


class _Backend(httpcore.NetworkBackend):
    """Connects as httpcore does, and puts a bound on the answer as a whole."""

    def __init__(self, answer_s: float) -> None:
        self._inner = httpcore.SyncBackend()
        self._answer_s = answer_s

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._answer_s)


class _Stream(httpcore.NetworkStream):
    """A connection where an answer must be whole so long after the last byte that we sent.

    What comes gives it more time, at the slowest rate that is taken. Without it a server that sends a byte
    now and then would keep us waiting without end.
    """

    def __init__(self, inner: httpcore.NetworkStream, answer_s: float) -> None:
        self._inner = inner
        self._answer_s = answer_s
        self._until = time.monotonic() + answer_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer came too slowly")
        data = self._inner.read(max_bytes, left if timeout is None else min(left, timeout))
        self._until += len(data) / _SLOWEST_BYTES_S
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)
        self._until = time.monotonic() + self._answer_s

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._answer_s)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _bounded(response: httpcore.Response, most: int) -> bytes | None:
    parts = []
    left = most
    try:
        for part in response.iter_stream():
            left -= len(part)
            if left < 0:
                return None
            parts.append(part)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        return None
    return b"".join(parts)


def _header(response: httpcore.Response, wanted: bytes) -> str:
    for name, value in response.headers:
        if name.lower() == wanted:
            return value.decode("latin-1")
    return ""


def _host(location: str) -> str:
    """Return the host that a redirect names: the rest of it may hold secrets."""
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        return ""
    return host if len(host) <= 253 and host.isascii() and host.isprintable() else ""


def _unreachable(exc: Exception, where: str) -> Unreachable:
    cause = exc.args[0] if exc.args else None  # httpcore keeps it there, and hides it as a cause
    if isinstance(cause, ssl.SSLError):
        return refused_handshake(cause, where)
    why = (cause.strerror if isinstance(cause, OSError) else "") or _why(exc)
    return Unreachable(
        "no connection to the server", where=where, why=why, hint="is the address right?", is_passing=True
    )


def _why(exc: Exception) -> str:
    return str(exc) or type(exc).__name__
