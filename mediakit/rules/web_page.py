"""The links and the make of one web page, read without running anything. Pure, linear and bounded.

The page is fed to the parser once and never closed: a construct that does not end hides what is behind it,
and is not looked at again from each of its characters. Nothing is loaded that the page refers to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

_MOST_LINKS = 5000
_MOST_OPEN = 500  # elements that are open at a time
_LONGEST_TAG = 4096
_LINKS = frozenset({"href", "src", "data", "background", "action"})
_NO_PLACE = frozenset({"mailto", "tel", "data", "about"})  # schemes that name no place on a medium or server
_HERE = frozenset({"file"})  # schemes that name a place on one computer
_EMPTY = frozenset(
    {"area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param"}
)


@dataclass(slots=True)
class Page:
    """What a page refers to and how it is made.

    `local` are relative links, unquoted, without query and fragment, in their order. `remote` lead to a
    server. `fixed` name a place on one computer: a drive, the root ("/x"), backslashes, `<base>`.
    `script_types` are the types of its scripts in lower case, "" for the usual one. `fault` is the first
    thing that keeps it from being well-formed XHTML, "" when none was met.
    """

    local: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    script_types: set[str] = field(default_factory=set)
    has_style: bool = False
    fault: str = ""

    @property
    def has_script(self) -> bool:
        """Return True when the page has scripts, event handlers among them."""
        return bool(self.script_types)


def read_page(content: bytes, *, is_cut: bool = False) -> Page:
    """Return what a page refers to. Raises nothing, whatever the bytes are.

    `is_cut` says that the content is the beginning of a longer page: then an open end is no fault.
    """
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = content.decode(encoding, "replace").removeprefix("\ufeff")
    end = _readable(text)
    reader = _Reader()
    try:
        reader.feed(text[:end])
    except (AssertionError, ValueError):
        reader.note("the markup is broken")
    if is_cut:
        return reader.page
    if end < len(text) or "<" in reader.rawdata:
        reader.note("a tag or comment does not end")
    elif reader.open:
        reader.note(f"<{reader.open[-1][:20]}> is not closed")
    return reader.page


def target_of(page_path: str, link: str) -> str | None:
    """Return the path on the medium that a local link leads to; None when it leads out of the medium."""
    folder = page_path.split("/")[:-1]
    for part in link.split("/"):
        if part == "..":
            if not folder:
                return None
            folder.pop()
        elif part not in {"", "."}:
            folder.append(part)
    return "/".join(folder)


def _readable(text: str) -> int:
    """Return where the part ends whose tags all end soon: the parser takes long over others."""
    at = text.find("<")
    while at >= 0:
        if text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            if end < 0:
                return at
        else:
            end = text.find(">", at, at + _LONGEST_TAG)
            if end < 0:
                return at
        at = text.find("<", end)
    return len(text)


class _Reader(HTMLParser):
    """Collects links, and keeps the elements that are open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.open: list[str] = []
        self._has_base = False

    def note(self, fault: str) -> None:
        """Keep the first fault."""
        self.page.fault = self.page.fault or fault

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read an opening tag."""
        self._read(tag, attrs)
        if tag in _EMPTY:
            self.note(f"<{tag}> is not closed")
        elif len(self.open) < _MOST_OPEN:
            self.open.append(tag)
        else:
            self.note("elements are nested too deep")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read a tag that closes itself."""
        self._read(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Read a closing tag."""
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.note(f"</{tag[:20]}> closes nothing")

    def _read(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        page = self.page
        raw = self.get_starttag_text() or ""
        if not raw.startswith(tag, 1):
            self.note("names of elements are not in lower case")
        held = {name: value or "" for name, value in attrs}
        if tag == "script":
            page.script_types.add((held.get("type") or held.get("language") or "").strip().lower()[:60])
        page.has_style |= tag == "style" or "style" in held
        page.has_style |= tag == "link" and "stylesheet" in held.get("rel", "").lower()
        for name, value in held.items():
            if name.startswith("on"):
                page.script_types.add("")
            elif name in _LINKS and len(page.local) + len(page.remote) + len(page.fixed) < _MOST_LINKS:
                self._link(tag, value.strip())

    def _link(self, tag: str, value: str) -> None:
        page = self.page
        if tag == "base":
            self._has_base = True
            page.fixed.append(value)
            return
        try:
            parts = urlsplit(value)
        except ValueError:
            page.remote.append(value)
            return
        if parts.scheme == "javascript":
            page.script_types.add("")
        elif value.startswith("\\") or "\\" in parts.path or len(parts.scheme) == 1 or parts.scheme in _HERE:
            page.fixed.append(value)
        elif parts.scheme or parts.netloc:
            if parts.scheme not in _NO_PLACE:
                page.remote.append(value)
        elif parts.path.startswith("/"):
            page.fixed.append(value)
        elif parts.path and not self._has_base:
            page.local.append(unquote(parts.path))
