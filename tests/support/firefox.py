"""Firefox, driven by Marionette over a socket of this machine: no package, no network."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.peers import need

#: As people have it: a page of a file may not read other files; and nothing is asked of a network.
_PREFERENCES: dict[str, object] = {
    "security.fileuri.strict_origin_policy": True,
    "marionette.port": 0,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
_PATIENCE_S = 60.0


class Firefox:
    """A running Firefox with one tab."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._last = 0
        self._message()  # its greeting
        self._call("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
        self._call("WebDriver:SetTimeouts", script=60_000, pageLoad=60_000)

    def open(self, path: Path, query: str = "") -> None:
        """Open a file."""
        self._call("WebDriver:Navigate", url=path.as_uri() + query)

    def eval(self, body: str) -> Any:
        """Return what an asynchronous function with this body comes to, in the page."""
        script = (
            "const done = arguments[arguments.length - 1];"
            f"(async () => {{ {body} }})().then(done, (fault) => done('fault: ' + fault));"
        )
        return self._call("WebDriver:ExecuteAsyncScript", script=script, args=[])["value"]

    def until(self, expression: str, seconds: float = 30) -> Any:
        """Wait until an expression is true, and return it."""
        end = time.monotonic() + seconds
        value = None
        while time.monotonic() < end:
            value = self.eval(f"return {expression};")
            if value and not str(value).startswith("fault: "):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}: {value}")

    def _call(self, command: str, **parameters: object) -> dict[str, Any]:
        self._last += 1
        data = json.dumps([0, self._last, command, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(data), data))
        _, _, error, result = self._message()
        if error:
            raise AssertionError(f"{command}: {error}")
        return result if isinstance(result, dict) else {"value": result}

    def _message(self) -> Any:
        while b":" not in self._buffer:
            self._read()
        length, _, self._buffer = self._buffer.partition(b":")
        while len(self._buffer) < int(length):
            self._read()
        message, self._buffer = self._buffer[: int(length)], self._buffer[int(length) :]
        return json.loads(message)

    def _read(self) -> None:
        data = self._connection.recv(1 << 20)
        if not data:
            raise AssertionError("Firefox has gone")
        self._buffer += data


@contextmanager
def firefox() -> Iterator[Firefox]:
    """Start Firefox with an empty profile, and end it with the block."""
    need("firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        profile = Path(name)
        lines = (
            f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in _PREFERENCES.items()
        )
        (profile / "user.js").write_text("".join(lines))
        process = subprocess.Popen(
            ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with socket.create_connection(
                ("127.0.0.1", _port_of(profile)), timeout=_PATIENCE_S
            ) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port_of(profile: Path) -> int:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        file = profile / "MarionetteActivePort"
        if file.exists() and (text := file.read_text().strip()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError("Firefox does not start")
