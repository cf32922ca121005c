"""The head of a message or of one part of it: the fields that say what the body is. Bounded and pure.

Source: RFC 5322 2.2, RFC 2045 5 and 6, RFC 2231, RFC 2047, RFC 2183, RFC 3240.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct, field

from mediakit.formats.readable import Readable
from mediakit.limits import MAX_HEAD_BYTES

#: One part of a message that was sent in several, and a message that is encrypted or signed as a whole.
PARTIAL: Final = "message/partial"
MAIL: Final = "message/rfc822"
SMIME: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})

_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]{0,20}:")
_WANTED = re.compile(
    rb"\n(content-(?:type|transfer-encoding|disposition|location))[ \t]{0,20}:", re.IGNORECASE
)
_MIME = re.compile(rb"(?:\A|\n)MIME-Version[ \t]{0,20}:", re.IGNORECASE)
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_MAX_FIELDS = 50  # that are looked at
_WHOLE_MESSAGES = frozenset({
    "application/dicom", MAIL, PARTIAL, "application/zip", "application/x-zip-compressed", *SMIME,
})  # fmt: skip
MAX_VALUE_BYTES = 8192
_MAX_PARAMETERS = 50
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:")
_SECTION = re.compile(r"(.{1,60}?)\*([0-9]{1,2})(\*?)\Z")
_ENCODED_WORD = "=?"


class Head(Struct, frozen=True, kw_only=True):
    """What a head says, and the byte at which the body begins.

    `kind` is the media type in lower case ("application/dicom"; "text/plain" when it names none), `encoding`
    the transfer encoding in lower case. `parameters` are those of the media type, by name in lower case.
    `filename` is that of the disposition, `location` the Content-Location when it is relative. `is_whole` is
    False when the head is larger than the limits.
    """

    body: int
    kind: str = "text/plain"
    parameters: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "7bit"
    filename: str = ""
    location: str = ""
    is_whole: bool = True

    @property
    def path(self) -> str:
        """Return the path that the head names, with "/" between components; "" when it names none.

        The `id` is the File ID (PS3.12 K, RFC 3240); files of other kinds have their place as location.
        """
        named = (self.parameters.get("id"), self.location, self.filename, self.parameters.get("name"))
        return next((name for name in map(_usable, named) if name), "")


def is_message(image: Readable) -> bool:
    """Return True for a message that brings files: it begins with a head, which says so.

    Mail of nothing but text is a text.
    """
    if not image.read(0, 256).startswith(b"From ") and _FIELD.match(image.read(0, 256)) is None:
        return False
    text = image.read(0, MAX_HEAD_BYTES + 1)
    head = read_head(text, 0)
    if not head.is_whole and _MIME.search(text):
        return True
    return head.kind.startswith("multipart/") or head.kind in _WHOLE_MESSAGES


def read_head(text: bytes, at: int, origin: int = 0, most: int = MAX_HEAD_BYTES) -> Head:
    """Return the head that begins at `at` and has `most` bytes, up to an empty line.

    `origin` is where the text begins in the message: `body` is counted from there.
    """
    end = min(len(text), at + most)
    if text.startswith((b"\n", b"\r\n"), at):
        return _made({}, origin + text.index(b"\n", at) + 1)
    found = _EMPTY_LINE.search(text, at, end)
    body = end if found is None else found.end()
    fields: dict[str, str] = {}
    is_whole = found is not None or end == len(text) or most < MAX_HEAD_BYTES
    for field_ in islice(_WANTED.finditer(b"\n" + text[at:body]), _MAX_FIELDS):
        name = field_[1].decode("ascii").lower()
        if name not in fields:
            value = _value(text, at + field_.end() - 1, body)
            is_whole = is_whole and len(value) <= MAX_VALUE_BYTES
            fields[name] = value[:MAX_VALUE_BYTES].decode("utf-8", "surrogateescape")
    return _made(fields, origin + body, is_whole=is_whole)


def parameters_of(value: str) -> tuple[str, dict[str, str]]:
    """Return the value of a field in lower case, and its parameters by name in lower case, decoded."""
    first, _, rest = value.partition(";")
    raw: dict[str, str] = {}
    at = 0
    for _ in range(_MAX_PARAMETERS):
        equals, semicolon = rest.find("=", at), rest.find(";", at)
        if equals < 0:
            break
        if 0 <= semicolon < equals:
            at = semicolon + 1
            continue
        name = rest[at:equals].strip().lower()
        text, at = _parameter(rest, equals + 1)
        raw.setdefault(name, text)
    return first.strip().lower(), _joined(raw)


def _value(text: bytes, at: int, end: int) -> bytes:
    """Return the value of a field that begins at `at`, its lines joined (RFC 5322 2.2.3), up to the limit.

    One that is longer than the limit is cut behind it.
    """
    lines: list[bytes] = []
    size = 0
    while at < end and size <= MAX_VALUE_BYTES + 1:
        stop = text.find(b"\n", at, end)
        line = text[at : end if stop < 0 else stop].strip()
        lines.append(line)
        size += len(line) + 1
        at = end if stop < 0 else stop + 1
        if text[at : at + 1] not in {b" ", b"\t"}:
            break
    return b" ".join(lines)


def _made(text: Mapping[str, str], body: int, *, is_whole: bool = True) -> Head:
    kind, parameters = parameters_of(text.get("content-type", ""))
    _, disposition = parameters_of(text.get("content-disposition", ""))
    encoding = text.get("content-transfer-encoding", "").partition(";")[0].partition("(")[0].strip().lower()
    return Head(
        body=body,
        kind=kind if "/" in kind else "text/plain",
        parameters=parameters,
        encoding=encoding or "7bit",
        filename=disposition.get("filename", ""),
        location=_relative(text.get("content-location", "")),
        is_whole=is_whole,
    )


def _parameter(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins at `at`, without quotes, and where the next parameter begins."""
    while text[at : at + 1].isspace():
        at += 1
    if text[at : at + 1] != '"':
        end = text.find(";", at)
        return (text[at:].strip(), len(text)) if end < 0 else (text[at:end].strip(), end + 1)
    parts: list[str] = []
    at += 1
    while True:
        quote, escape = text.find('"', at), text.find("\\", at)
        if quote < 0:
            return "".join((*parts, text[at:])), len(text)
        if escape < 0 or escape > quote:
            parts.append(text[at:quote])
            end = text.find(";", quote)
            return "".join(parts), len(text) if end < 0 else end + 1
        parts.append(text[at:escape] + text[escape + 1 : escape + 2])
        at = escape + 2


def _joined(raw: Mapping[str, str]) -> dict[str, str]:
    """Undo RFC 2231 (character sets, values in several sections) and RFC 2047 (which mailers use as well)."""
    made = {name: _words(text) for name, text in raw.items() if "*" not in name}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, text in raw.items():
        if found := _SECTION.fullmatch(name):
            sections.setdefault(found[1], {})[int(found[2])] = text, bool(found[3])
        elif name.endswith("*"):
            sections.setdefault(name[:-1], {})[0] = text, True
    for name, by_number in sections.items():
        charset, pieces = "", []
        for number in range(len(by_number)):
            if number not in by_number:
                break
            text, is_encoded = by_number[number]
            if number == 0 and is_encoded and text.count("'") >= 2:
                charset, _, text = text.split("'", 2)
            data = text.encode("utf-8", "surrogateescape")
            pieces.append(unquote_to_bytes(data) if is_encoded else data)
        made[name] = _decoded(b"".join(pieces), charset)
    return made


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset or "utf-8")
    except (LookupError, ValueError):
        return data.decode("utf-8", "surrogateescape")


def _words(text: str) -> str:
    """Decode encoded words; text that holds none, or broken ones, stays as it is."""
    if _ENCODED_WORD not in text:
        return text
    from email.header import decode_header, make_header  # noqa: PLC0415 - few mails need it

    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError):
        return text


def _relative(location: str) -> str:
    """Return the path of a Content-Location; "" for one that leads out of the message (RFC 2557)."""
    if not location or _SCHEME.match(location):
        return ""
    return unquote_to_bytes(location.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _usable(name: str | None) -> str:
    """Return a name up to a NUL, without the "./" of a location; "" for one that only names a folder."""
    name = (name or "").partition("\0")[0]
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return "" if not name or name.endswith("/") else name
