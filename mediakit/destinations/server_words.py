"""What a server says in its own words: in a header, JSON, XML, a page or plain text. Pure, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Final
from xml.parsers import expat

import msgspec

MOST: Final = 200  # characters of a reason
_MOST_BYTES: Final = 1 << 20  # looked at of a body
_MOST_ITEMS: Final = 10_000
_MOST_DEPTH: Final = 8
_JSON: Final = ("application/json", "application/dicom+json", "application/problem+json")
_XML: Final = ("application/xml", "text/xml", "application/dicom+xml")
#: Keys under which servers put a reason in JSON, or elements in XML; the telling ones first.
_KEYS: Final = (
    "message",
    "detail",
    "details",
    "errormessage",
    "description",
    "reason",
    "title",
    "error",
    "text",
)
_WARNING = re.compile(r'[0-9]{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"')


def reason_of(media_type: str, content: bytes | None, warning: str = "") -> str:
    """Return a reason in the server's own words, "" when it gives none. `warning` is the Warning header."""
    header = " ".join(_WARNING.findall(warning)) or warning
    body = (content or b"")[:_MOST_BYTES]
    if media_type in _JSON:
        said = _of_json(body)
    elif media_type in _XML:
        said = _of_xml(body)
    elif media_type in {"text/html", "application/xhtml+xml"}:
        said = _of_page(body)
    elif media_type == "text/plain":
        said = body.decode("utf-8", "replace")
    else:
        said = ""
    return shown(header) or shown(said)


def shown(text: str) -> str:
    """Return a foreign text on one line, printable and not too long."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * MOST]).split())
    return words if len(words) <= MOST else f"{words[:MOST]}..."


def xml_document(content: bytes) -> dict[str, Any] | None:
    """Return the Native DICOM Model as the DICOM JSON Model has it; None for what is not one (PS3.19 A.1).

    No document type is taken, so no entity can be defined.
    """
    reader = _NativeModel()
    if not _parsed(content, reader.start, reader.end, reader.text):
        return None
    return reader.root if reader.is_model else None


class _NativeModel:
    """Collects attributes, items and values while an XML document is read."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.is_model = False
        self._items: list[dict[str, Any]] = [self.root]
        self._values: list[list[Any]] = []
        self._text: list[str] | None = None
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self._count += 1
        if self._count > _MOST_ITEMS or len(self._items) > _MOST_DEPTH:
            raise ValueError("too much")
        if name == "NativeDicomModel":
            self.is_model = True
        elif name == "DicomAttribute":
            values: list[Any] = []
            self._items[-1][attributes.get("tag", "").upper()] = {"Value": values}
            self._values.append(values)
        elif name == "Item" and self._values:
            item: dict[str, Any] = {}
            self._values[-1].append(item)
            self._items.append(item)
        elif name == "Value":
            self._text = []

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name == "DicomAttribute" and self._values:
            self._values.pop()
        elif name == "Item" and len(self._items) > 1:
            self._items.pop()
        elif name == "Value" and self._text is not None:
            if self._values:
                self._values[-1].append("".join(self._text))
            self._text = None

    def text(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


def _parsed(content: bytes, start: Any, end: Any, text: Any) -> bool:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError):
        return False
    return True


def _refuse(*_declaration: object) -> None:
    raise ValueError("a document type")


def _of_json(body: bytes) -> str:
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return ""
    return document if isinstance(document, str) else _under_key(document)


def _under_key(document: object) -> str:
    """Return the text under the most telling key, breadth first."""
    level, seen = [document], 0
    for _ in range(_MOST_DEPTH):
        found: dict[str, str] = {}
        below: list[object] = []
        for value in level:
            for key, held in _pairs(value):
                seen += 1
                if seen > _MOST_ITEMS:
                    return ""
                if isinstance(held, str) and held.strip():
                    found.setdefault(key.lower(), held)
                elif isinstance(held, dict | list):
                    below.append(held)
        for key in _KEYS:
            if key in found:
                return found[key]
        level = below
    return ""


def _pairs(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((str(key), held) for key, held in value.items())
    elif isinstance(value, list):
        yield from (("", held) for held in value)


def _of_xml(body: bytes) -> str:
    found: dict[str, str] = {}
    names: list[str] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        names.append(name.rpartition(":")[2].lower())

    def end(_name: str) -> None:
        names.pop()

    def text(data: str) -> None:
        if names and data.strip():
            found.setdefault(names[-1], data)

    if not _parsed(body, start, end, text):
        return ""
    return next((found[key] for key in _KEYS if key in found), "")


class _Page(HTMLParser):
    """Collects the title of a page and the first of its text."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.words: list[str] = []
        self._in: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - of HTMLParser
        if tag in {"title", "script", "style"}:
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._in and self._in[-1] == tag:
            self._in.pop()

    def handle_data(self, data: str) -> None:
        if self._in[-1:] == ["title"]:
            self.title.append(data)
        elif not self._in and len(self.words) < MOST:
            self.words.append(data)


def _of_page(body: bytes) -> str:
    page = _Page()
    page.feed(body[: 64 * 1024].decode("utf-8", "replace"))
    title = " ".join("".join(page.title).split())
    return title or " ".join(page.words)
