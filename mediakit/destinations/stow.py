"""STOW-RS: the body of a request with one instance, and what a response says of it (PS3.18 10.5). No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from mediakit.destinations.base import Payload
from mediakit.network.status import StatusKind, meaning
from mediakit.transfer.outgoing import Answer, StatusClass

ACCEPT: Final = "application/dicom+json"
JSON: Final = frozenset({"application/dicom+json", "application/json"})
_REFERENCED, _FAILED = "00081199", "00081198"  # Referenced SOP Sequence, Failed SOP Sequence
_UID, _FAILURE, _WARNING = "00081155", "00081197", "00081196"
_MOST_ITEMS: Final = 10_000
# The instance is not stored, and another try may succeed.
_BUSY: Final = frozenset({408, 425, 429, 503, 507})
# Somebody on the way gave up: what became of the instance is not known.
_UNKNOWN: Final = frozenset({502, 504})
# What stands where somebody expects a service and there is none.
_NO_SERVICE: Final = frozenset({404, 405, 410, 501})
_WORDS: Final = {
    400: "the server does not understand the request",
    401: "the server asks for a login, or the token is no longer valid",
    403: "not allowed",
    404: "there is no STOW-RS service at this address",
    405: "there is no STOW-RS service at this address",
    409: "the server does not take the instance",
    410: "there is no STOW-RS service at this address any more",
    413: "larger than the server takes",
    415: "the server does not take this transfer syntax or kind of content",
    429: "too many requests",
    500: "a fault in the server",
    501: "the server has no STOW-RS",
    503: "the server is busy",
    507: "the server has no room",
}


def content_type(boundary: str) -> str:
    """Return the media type of a body made by `body`. Source: PS3.18 8.7.3.5."""
    return f'multipart/related; type="application/dicom"; boundary={boundary}'


def body(payload: Payload, boundary: str) -> tuple[int, Iterator[bytes]]:
    """Return the size in bytes and the chunks of a body with one instance, as stored."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")
    tail = f"\r\n--{boundary}--\r\n".encode("ascii")
    size = len(head) + len(payload.head) + payload.data_set_bytes + len(tail)
    return size, _chunks(head + payload.head, payload, tail)


def answer_of(status: int, media_type: str, content: bytes | None, sop_instance: str) -> Answer | None:
    """Return what a response says of the instance; None when it leaves open what became of it.

    A success must be said of this instance: a page of some other server with status 200 is none. Source:
    PS3.18 10.5.3.
    """
    said = _said_of(sop_instance, media_type, content)
    if said is not None and (said[0] == _FAILED or 200 <= status < 300):
        return _by_code(status, *said)
    if 200 <= status < 300:
        if content != b"" or status != 200:
            return None
        words = "the server answered 200 without a word on the instance"
        return Answer(kind=StatusClass.WARNING, code=status, words=words)
    if status in _UNKNOWN or status < 200:
        return None
    kind = StatusClass.REFUSED if status in _BUSY or status in {401, 407} else StatusClass.ERROR
    return Answer(kind=kind, code=status, words=status_words(status))


def denies_service(status: int, media_type: str, content: bytes | None, sop_instance: str) -> bool:
    """Return True when a response may mean that there is no STOW-RS, and says nothing of the instance."""
    return status in _NO_SERVICE and _said_of(sop_instance, media_type, content) is None


def status_words(status: int) -> str:
    """Return what a status of HTTP means here."""
    if 300 <= status < 400:
        return f"HTTP {status}: the server sends us elsewhere"
    known = _WORDS.get(status)
    return f"HTTP {status}: {known}" if known else f"HTTP {status}"


def _by_code(status: int, sequence: str, code: int | None) -> Answer:
    """Return the answer for an instance in the Referenced or the Failed SOP Sequence."""
    if sequence == _REFERENCED:
        if code is None:
            return Answer(kind=StatusClass.SUCCESS, code=status)
        words = f"warning {code:04X}H: {meaning(code)[1]}"
        return Answer(kind=StatusClass.WARNING, code=status, words=words)
    if code is None:
        return Answer(kind=StatusClass.ERROR, code=status, words="failed without a reason")
    kind, words = meaning(code)
    refused = kind is StatusKind.REFUSED
    return Answer(
        kind=StatusClass.REFUSED if refused else StatusClass.ERROR,
        code=status,
        words=f"failure {code:04X}H: {words if kind in {StatusKind.REFUSED, StatusKind.ERROR} else 'failed'}",
    )


def _said_of(sop_instance: str, media_type: str, content: bytes | None) -> tuple[str, int | None] | None:
    """Return the sequence of the response that names the instance, and the code there."""
    if not content or media_type not in JSON:
        return None
    try:
        document = msgspec.json.decode(content)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    if isinstance(document, list) and len(document) == 1:  # as some servers send it
        document = document[0]
    for sequence, reason in ((_FAILED, _FAILURE), (_REFERENCED, _WARNING)):
        for item in _values(document, sequence)[:_MOST_ITEMS]:
            if _text(item, _UID) == sop_instance:
                return sequence, _code(item, reason)
    return None


def _values(item: object, tag: str) -> list[Any]:
    """Return the values of an attribute in the DICOM JSON Model; none when it is not of that form."""
    attribute = item.get(tag) if isinstance(item, dict) else None
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values if isinstance(values, list) else []


def _text(item: object, tag: str) -> str:
    values = _values(item, tag)
    return values[0].strip(" \0") if values and isinstance(values[0], str) else ""


def _code(item: object, tag: str) -> int | None:
    """Return a value of VR US; some servers send it as text."""
    values = _values(item, tag)
    if not values or isinstance(values[0], bool):
        return None
    try:
        code = int(str(values[0])[:8])
    except ValueError:
        return None
    return code if 0 <= code <= 0xFFFF else None


def _chunks(head: bytes, payload: Payload, tail: bytes) -> Iterator[bytes]:
    yield head
    yield from map(bytes, payload.data_set())
    yield tail
