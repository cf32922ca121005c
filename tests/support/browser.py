"""Debian's Chromium, driven by its own protocol over two pipes: no package, no port, no network."""

from __future__ import annotations

import base64
import json
import os
import select
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.peers import need

#: A browser that shows nothing on a screen and asks the network for nothing.
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

_CODES = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36}
_CODES |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46}


class Page:
    """One tab: open an address, evaluate an expression, press keys, take a picture."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self.context = context
        self.requests: list[str] = []
        self.log: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Send one command and return its result; what happens meanwhile is noted."""
        return self._browser.call(method, params, self)

    @property
    def session(self) -> str:
        """The protocol's name of this tab."""
        return self._session

    def note(self, event: dict[str, Any]) -> None:
        """Keep each request, each line of the console, and each exception."""
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            self.log.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif event["method"] == "Runtime.exceptionThrown":
            self.log.append(json.dumps(params["exceptionDetails"])[:2000])
        elif event["method"] == "Runtime.consoleAPICalled":
            self.log.append(json.dumps(params["args"])[:2000])

    def close(self) -> None:
        """Close the tab, and forget what its page kept."""
        self._browser.close(self)

    def open(self, path: Path, query: str = "") -> None:
        """Open a file in this tab."""
        self.call("Page.navigate", url=path.as_uri() + query)

    def eval(self, expression: str) -> Any:
        """Return what an expression, or the promise that it is, comes to."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression[:200]}: {json.dumps(answer['exceptionDetails'])[:1500]}")
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 20) -> Any:
        """Wait until an expression is true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                value = self.eval(expression)
            except AssertionError:
                value = None  # the page is not there yet
            if value:
                return value
            time.sleep(0.03)
        raise AssertionError(f"never true: {expression}; the page said {self.log[-5:]}")

    def until_text(self, text: str, seconds: float = 20) -> str:
        """Wait for a text in a page whose scripts do not run, and return its markup."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                root = self.call("DOM.getDocument", depth=0)["root"]["nodeId"]
                markup: str = self.call("DOM.getOuterHTML", nodeId=root)["outerHTML"]
            except AssertionError:  # another document has taken its place meanwhile
                continue
            if text in markup:
                return markup
            time.sleep(0.05)
        raise AssertionError(f"never shown: {text}")

    def key(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key; modifiers: 1 Alt, 2 Control, 8 Shift."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        one: dict[str, object] = {
            "key": key,
            "modifiers": modifiers,
            "windowsVirtualKeyCode": _CODES.get(key, 0),
        }
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **one)
        self.call("Input.dispatchKeyEvent", type="keyUp", **one)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send a mouse event: mousePressed, mouseMoved, mouseReleased, mouseWheel."""
        if kind != "mouseWheel":
            more = {"button": "left", "clickCount": 1, **more}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        """Press at a point, move to another in steps, release."""
        held: dict[str, Any] = {"button": button, "buttons": {"left": 1, "right": 2, "middle": 4}[button]}
        self.mouse("mousePressed", *start, **held)
        for step in (0.3, 0.7, 1):
            at = (start[0] + (end[0] - start[0]) * step, start[1] + (end[1] - start[1]) * step)
            self.mouse("mouseMoved", *at, **held)
        self.mouse("mouseReleased", *end, button=button)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Set the size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def picture(self, file: Path | None = None) -> bytes:
        """Return the window as PNG, and write it to a file."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if file is not None:
            file.write_bytes(data)
        return data


class Browser:
    """A running Chromium without a history."""

    def __init__(self, to: int, back: int) -> None:
        self._to = to
        self._back = back
        self._buffer = b""
        self._last = 0
        self._pages: dict[str, Page] = {}

    def page(self, *, scripts: bool = True) -> Page:
        """Open a tab of its own."""
        context = self.call("Target.createBrowserContext", {})["browserContextId"]
        made = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})
        attached = self.call("Target.attachToTarget", {"targetId": made["targetId"], "flatten": True})
        page = Page(self, attached["sessionId"], context)
        self._pages[page.session] = page
        if not scripts:
            page.call("Emulation.setScriptExecutionDisabled", value=True)
        return page

    def close(self, page: Page) -> None:
        """Close a tab that this browser opened."""
        self.call("Target.disposeBrowserContext", {"browserContextId": page.context})
        del self._pages[page.session]

    def call(self, method: str, params: dict[str, Any], page: Page | None = None) -> dict[str, Any]:
        """Send a command, and wait for its answer."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if page is not None:
            message["sessionId"] = page.session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("sessionId") in self._pages and "method" in answer:
                self._pages[answer["sessionId"]].note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._back], [], [], 60)
            more = os.read(self._back, 1 << 20) if ready else b""
            if not more:
                raise AssertionError("the browser does not answer")
            self._buffer += more
        line, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Start Chromium with an empty profile, and end it with the block."""
    need("chromium")
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = (
            *CHROMIUM_FLAGS,
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            *more,
            "about:blank",
        )
        script = f"exec chromium {shlex.join(flags)} 3<&{their_in} 4>&{their_out}"
        process = subprocess.Popen(
            ["bash", "-c", script],
            pass_fds=(their_in, their_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        browser = Browser(our_out, our_in)
        try:
            yield browser
            browser.call("Browser.close", {})
        finally:
            os.close(our_out)
            os.close(our_in)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
