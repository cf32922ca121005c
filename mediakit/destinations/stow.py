"""STOW-RS: the body of a request with one instance, and what a response says of it (PS3.18 10.5). No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from mediakit.destinations.base import Payload
from mediakit.destinations.bounded_http import Reply
from mediakit.destinations.server_words import reason_of, shown, xml_document
from mediakit.network.status import StatusKind, meaning
from mediakit.transfer.outgoing import Answer, StatusClass

ACCEPT: Final = "application/dicom+json"
JSON: Final = frozenset({"application/dicom+json", "application/json"})
XML: Final = frozenset({"application/dicom+xml", "application/xml", "text/xml"})
_REFERENCED, _FAILED = "00081199", "00081198"  # Referenced SOP Sequence, Failed SOP Sequence
_UID, _FAILURE, _WARNING = "00081155", "00081197", "00081196"
_ERROR_COMMENT = "00000902"
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
    500: "an error in the server",
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


def answer_of(reply: Reply, sop_instance: str) -> Answer | None:
    """Return what a response says of the instance; None when it did not come whole, or nobody gave it.

    A success must be said of this instance: a page of some other server with status 200 is none. Source:
    PS3.18 10.5.3.
    """
    status, content = reply.status, reply.body
    said = _said_of(sop_instance, reply)
    if said is not None and (said[0] == _FAILED or 200 <= status < 300):
        return _by_code(reply, *said)
    if 200 <= status < 300:
        return _unnamed(reply)
    if status in _UNKNOWN or status < 200:
        return None
    kind = StatusClass.REFUSED if status in _BUSY or status in {401, 407} else StatusClass.ERROR
    words = _with_reason(status_words(status), reason_of(reply.media_type, content, reply.warning))
    return Answer(kind=kind, code=status, words=words)


def _unnamed(reply: Reply) -> Answer | None:
    """Return the answer for a success that names no instance."""
    if reply.body is None:
        return None
    if reply.body == b"" and reply.status == 200:
        words = "the server answered 200 without a word on the instance"
        return Answer(kind=StatusClass.WARNING, code=reply.status, words=words)
    kind = reply.media_type or "no kind of content"
    is_ours = reply.media_type in JSON | XML
    words = (
        "the answer does not name the instance" if is_ours else f"the answer is {kind}, not one of STOW-RS"
    )
    words = _with_reason(words, reason_of(reply.media_type, reply.body, reply.warning))
    return Answer(kind=StatusClass.UNCLEAR, code=reply.status, words=words)


def denies_service(reply: Reply, sop_instance: str) -> bool:
    """Return True when a response may mean that there is no STOW-RS, and says nothing of the instance."""
    return reply.status in _NO_SERVICE and _said_of(sop_instance, reply) is None


def _with_reason(words: str, reason: str) -> str:
    return f"{words}: {reason}" if reason else words


def status_words(status: int) -> str:
    """Return what a status of HTTP means here."""
    if 300 <= status < 400:
        return f"HTTP {status}: the server sends us elsewhere"
    known = _WORDS.get(status)
    return f"HTTP {status}: {known}" if known else f"HTTP {status}"


def _by_code(reply: Reply, sequence: str, code: int | None, comment: str) -> Answer:
    """Return the answer for an instance in the Referenced or the Failed SOP Sequence."""
    status, reason = reply.status, comment or reason_of("", None, reply.warning)
    if sequence == _REFERENCED:
        if code is None:
            return Answer(kind=StatusClass.SUCCESS, code=status)
        words = _with_reason(f"warning {code:04X}H: {meaning(code)[1]}", reason)
        return Answer(kind=StatusClass.WARNING, code=status, words=words)
    if code is None:
        words = _with_reason("failed", reason) if reason else "failed without a reason"
        return Answer(kind=StatusClass.ERROR, code=status, words=words)
    kind, words = meaning(code)
    words = words if kind in {StatusKind.REFUSED, StatusKind.ERROR} else "failed"
    return Answer(
        kind=StatusClass.REFUSED if kind is StatusKind.REFUSED else StatusClass.ERROR,
        code=status,
        words=_with_reason(f"failure {code:04X}H: {words}", reason),
    )


def _said_of(sop_instance: str, reply: Reply) -> tuple[str, int | None, str] | None:
    """Return the sequence of the response that names the instance, the code there and the comment on it."""
    document = _document(reply)
    for sequence, reason in ((_FAILED, _FAILURE), (_REFERENCED, _WARNING)):
        for item in _values(document, sequence)[:_MOST_ITEMS]:
            if _text(item, _UID) == sop_instance:
                return sequence, _code(item, reason), _comment(item)
    return None


def _document(reply: Reply) -> object:
    """Return a response in the DICOM JSON Model; None for what is none."""
    if not reply.body:
        return None
    if reply.media_type in XML:
        return xml_document(reply.body)
    if reply.media_type not in JSON:
        return None
    try:
        document = msgspec.json.decode(reply.body)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    if isinstance(document, list) and len(document) == 1:  # as some servers send it
        return document[0]
    return document


def _comment(item: object) -> str:
    """Return the Error Comment on an instance: in its item, or in a sequence of that (PS3.18 10.5.3)."""
    if said := _text(item, _ERROR_COMMENT):
        return shown(said)
    below = (
        [one for tag in item for one in _values(item, tag)[:_MOST_ITEMS]] if isinstance(item, dict) else []
    )
    return next((shown(said) for one in below if (said := _text(one, _ERROR_COMMENT))), "")


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
