"""The links of a web page, read without running anything. Pure and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

_MOST_LINKS = 5000
_LINKS = {"href", "src", "data", "background", "action"}


@dataclass(slots=True)
class Page:
    """What a page refers to. `local` are relative links, unquoted, without query and fragment, in their
    order.

    `remote` have a scheme or a server, or begin at the root of the site ("/x").
    """

    local: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    has_script: bool = False
    has_style: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        page = self.page
        page.has_script |= tag == "script"
        page.has_style |= tag == "style" or (tag == "link" and ("rel", "stylesheet") in attrs)
        for name, value in attrs:
            page.has_script |= name.startswith("on")
            page.has_style |= name == "style"
            if name in _LINKS and value and len(page.local) + len(page.remote) < _MOST_LINKS:
                self._link(value.strip())

    def _link(self, value: str) -> None:
        try:
            parts = urlsplit(value)
        except ValueError:
            self.page.remote.append(value)
            return
        if parts.scheme == "javascript":
            self.page.has_script = True
        elif parts.scheme or parts.netloc or value.startswith("/"):
            self.page.remote.append(value)
        elif parts.path:
            self.page.local.append(unquote(parts.path))


def read_page(content: bytes) -> Page:
    """Return what a page refers to. Raises nothing, whatever the bytes are."""
    reader = _Reader()
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        reader.feed(content.decode(encoding, "replace"))
        reader.close()
    except (AssertionError, ValueError):  # of broken markup: what was read until there counts
        pass
    return reader.page


def target_of(page_path: str, link: str) -> str | None:
    """Return the path on the medium that a local link leads to; None when it leads out of the medium."""
    folder = page_path.split("/")[:-1]
    for part in link.replace("\\", "/").split("/"):
        if part == "..":
            if not folder:
                return None
            folder.pop()
        elif part not in {"", "."}:
            folder.append(part)
    return "/".join(folder)
