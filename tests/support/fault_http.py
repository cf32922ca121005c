"""A small DICOMweb server (STOW-RS, QIDO-RS for instances) that can misbehave on order.

It keeps what it gets in memory. `faults` are taken one for each POST (`get_faults`: GET and OPTIONS); without
one it does its work. Waits end when the server is stopped.
"""

from __future__ import annotations

import email.parser
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pydicom

Fault = Callable[["Handler"], None]


@dataclass
class FaultServer:
    """What the server holds and what it was asked."""

    stored: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    get_faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    series_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    page: int = 2
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    address: str = ""  # "127.0.0.1:port"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    state: FaultServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: clients that go away are what is tested."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Http
    timeout = 30  # seconds without a byte from the client

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    @property
    def state(self) -> FaultServer:
        return self.server.state

    def do_GET(self) -> None:
        self._note()
        if self.state.get_faults:
            self.state.get_faults.pop(0)(self)
            return
        url = urlsplit(self.path)
        parts = url.path.split("/")
        query = parse_qs(url.query)
        if parts[-1] != "instances":
            self.answer(204)
            return
        series = (parts[-4], parts[-2])
        with self.state.lock:
            uids = sorted(uid for uid in self.state.stored if self.state.series_of[uid] == series)
        offset = int(query["offset"][0])
        rows = [{"00080018": {"vr": "UI", "Value": [uid]}} for uid in uids[offset : offset + self.state.page]]
        self.answer(200, json.dumps(rows).encode())

    def do_OPTIONS(self) -> None:
        self._note()
        if self.state.get_faults:
            self.state.get_faults.pop(0)(self)
        else:
            self.answer(204)

    def do_POST(self) -> None:
        self._note()
        if self.state.faults:
            self.state.faults.pop(0)(self)
        else:
            self.store()

    def store(self) -> None:
        content = self.read_body()
        if content is None:
            self.close_connection = True
            return
        part = _only_part(self.headers["Content-Type"], content)
        dataset = pydicom.dcmread(BytesIO(part), stop_before_pixels=True)
        uid = str(dataset.SOPInstanceUID)
        with self.state.lock:
            is_new = self.state.stored.setdefault(uid, part) == part
            self.state.series_of[uid] = (str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID))
        if is_new:
            self.answer(200, stow_response(uid))
        else:
            self.answer(409, stow_response(uid, failure=0x0111))

    def read_body(self) -> bytes | None:
        """Return the body of the request; None when the client went away in it."""
        size = int(self.headers["Content-Length"])
        content = self.rfile.read(size)
        return content if len(content) == size else None

    def answer(
        self, status: int, content: bytes = b"", media_type: str = "application/dicom+json", **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if content:
            self.send_header("Content-Type", media_type)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _note(self) -> None:
        with self.state.lock:
            self.state.requests.append((self.command, self.path, dict(self.headers)))


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """Run the server on a free port of this machine."""
    http = _Http(("127.0.0.1", 0), Handler)
    if context is not None:
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    http.state = FaultServer(address=f"127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield http.state
    finally:
        http.state.stopping.set()
        http.shutdown()
        http.server_close()
        thread.join(10)


def stow_response(
    uid: str, *, warning: int | None = None, failure: int | None = None, sequence: str = ""
) -> bytes:
    """Return a response as PS3.18 10.5.3 has it, for one instance."""
    item = {"00081155": {"vr": "UI", "Value": [uid]}}
    if warning is not None:
        item["00081196"] = {"vr": "US", "Value": [warning]}  # type: ignore[list-item]  # numbers too
    if failure is not None:
        item["00081197"] = {"vr": "US", "Value": [failure]}  # type: ignore[list-item]
    tag = sequence or ("00081199" if failure is None else "00081198")
    return json.dumps({tag: {"vr": "SQ", "Value": [item]}}).encode()


def replies(
    status: int, content: bytes = b"", media_type: str = "application/dicom+json", **headers: str
) -> Fault:
    """Read the request whole and answer this, whatever it was."""

    def fault(handler: Handler) -> None:
        if handler.command == "POST":
            handler.read_body()
        handler.answer(status, content, media_type, **headers)

    return fault


def drops_in_body(handler: Handler) -> None:
    """Read a little of the request and hang up."""
    handler.rfile.read(100)
    handler.close_connection = True


def drops_before_answer(handler: Handler) -> None:
    """Read the request whole and hang up."""
    handler.read_body()
    handler.close_connection = True


def drops_in_answer(handler: Handler) -> None:
    """Hang up in the middle of an answer that promised more."""
    handler.read_body()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/dicom+json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"00081199":')
    handler.close_connection = True


def stalls(handler: Handler) -> None:
    """Never answer."""
    if handler.command == "POST":
        handler.read_body()
    handler.state.stopping.wait(30)
    handler.close_connection = True


def stalls_in_body(handler: Handler) -> None:
    """Stop reading in the middle of the request, and never go on."""
    handler.rfile.read(10)
    handler.state.stopping.wait(30)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """Send an answer that never ends, a byte now and then."""
    if handler.command == "POST":
        handler.read_body()
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not handler.state.stopping.wait(0.02):
            handler.wfile.write(b"a")
    handler.close_connection = True


def floods(status: int) -> Fault:
    """Send an answer without end, as fast as it is taken."""

    def fault(handler: Handler) -> None:
        if handler.command == "POST":
            handler.read_body()
        with suppress(OSError):
            handler.wfile.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/dicom+json\r\n\r\n".encode()
            )
            while not handler.state.stopping.is_set():
                handler.wfile.write(b"[" * 65536)
        handler.close_connection = True

    return fault


def talks_garbage(handler: Handler) -> None:
    """Answer with what is no HTTP."""
    handler.read_body()
    handler.wfile.write(b"\x00\x01\x02 no HTTP at all\r\n\r\n")
    handler.close_connection = True


def _only_part(content_type: str, content: bytes) -> bytes:
    """Return the one part of a multipart body, strictly as RFC 2046 has it."""
    header = email.parser.Parser().parsestr(f"Content-Type: {content_type}\n\n")
    assert header.get_content_type() == "multipart/related"
    assert header.get_param("type") == "application/dicom"
    boundary = str(header.get_param("boundary")).encode()
    start, end = b"--" + boundary + b"\r\n", b"\r\n--" + boundary + b"--"
    assert content.startswith(start)
    assert content.removesuffix(b"\r\n").endswith(end)
    head, _, part = content[len(start) :].removesuffix(b"\r\n").removesuffix(end).partition(b"\r\n\r\n")
    assert head.lower() == b"content-type: application/dicom"
    return part
