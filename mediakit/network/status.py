"""What a status means: of C-STORE and C-ECHO its class and words, of C-GET and C-MOVE words. Total.

Source: PS3.4 B.2.3 and C.4, PS3.7 C.

Worth another try is only what says "out of resources". Servers answer that for faulty data too, so who tries
again must stop somewhere.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class StatusKind(StrEnum):
    """The classes of status, by what they mean for the instance."""

    SUCCESS = "success"
    WARNING = "warning"  # stored, with a remark
    REFUSED = "refused"  # not stored: another try may succeed
    ERROR = "error"  # not stored: another try would not help


_K = StatusKind
_KNOWN: Final = MappingProxyType(
    {
        0x0000: (_K.SUCCESS, "stored"),
        0x0001: (_K.WARNING, "stored, without some optional attributes"),
        0x0105: (_K.ERROR, "no such attribute"),
        0x0106: (_K.ERROR, "invalid attribute value"),
        0x0107: (_K.WARNING, "stored, but some attributes are not supported"),
        0x0110: (_K.ERROR, "processing failure"),
        0x0111: (_K.ERROR, "an instance with this UID is there already"),
        0x0112: (_K.ERROR, "no such SOP Instance"),
        0x0115: (_K.ERROR, "invalid argument"),
        0x0116: (_K.WARNING, "stored, but a value is out of range"),
        0x0117: (_K.ERROR, "invalid SOP Instance UID"),
        0x0118: (_K.ERROR, "no such SOP Class"),
        0x0119: (_K.ERROR, "SOP Class and SOP Instance do not go together"),
        0x0120: (_K.ERROR, "an attribute is missing"),
        0x0121: (_K.ERROR, "an attribute has no value"),
        0x0122: (_K.ERROR, "SOP Class not supported"),
        0x0124: (_K.ERROR, "not authorized"),
        0x0210: (_K.ERROR, "duplicate message"),
        0x0211: (_K.ERROR, "unknown operation"),
        0x0212: (_K.ERROR, "mistyped argument"),
        0x0213: (_K.ERROR, "resource limitation"),
        0xB000: (_K.WARNING, "stored, with coerced values"),
        0xB006: (_K.WARNING, "stored, without some elements"),
        0xB007: (_K.WARNING, "stored, but the data set does not match its SOP Class"),
    }
)
# By the first digits; the longer prefix is asked first.
_BY_BYTE: Final = MappingProxyType(
    {
        0xA7: (_K.REFUSED, "out of resources"),
        0xA9: (_K.ERROR, "the data set does not match its SOP Class"),
    }
)
_BY_DIGIT: Final = MappingProxyType(
    {
        0xB: (_K.WARNING, "stored, with a warning"),
        0xC: (_K.ERROR, "cannot be understood"),
    }
)


def meaning(status: int) -> tuple[StatusKind, str]:
    """Return the class of a status and what it means. What is not known counts as an error."""
    known = _KNOWN.get(status) or _BY_BYTE.get(status >> 8) or _BY_DIGIT.get(status >> 12)
    return known or (StatusKind.ERROR, "failed with an unknown status")


_PENDING: Final = frozenset({0xFF00, 0xFF01})
_RETRIEVING: Final = MappingProxyType(
    {
        0xA701: "out of resources: it cannot count what matches",
        0xA702: "out of resources: it cannot send",
        0xA801: "it does not know where to send to (the AE title is unknown to it)",
        0xA900: "the request does not match its information model",
        0xB000: "not all instances could be sent",
        0xFE00: "cancelled",
    }
)


def is_pending(status: int) -> bool:
    """Return True for an answer after which others follow. Source: PS3.7 C.1.3."""
    return status in _PENDING


def retrieve_words(status: int) -> str:
    """Return what the last status of a C-GET or C-MOVE means, "" for success. Source: PS3.4 C.4.2.1.5."""
    if not status:
        return ""
    words = _RETRIEVING.get(status) or ("cannot process it" if status >> 12 == 0xC else meaning(status)[1])
    return f"{words} (status {status:04X}H)"


def known_statuses() -> tuple[tuple[str, StatusKind, str], ...]:
    """Return every known status as the standard writes it ("0000", "A7xx", "Bxxx"), with its meaning."""
    rows = [(f"{code:04X}", *found) for code, found in _KNOWN.items()]
    rows += [(f"{byte:02X}xx", *found) for byte, found in _BY_BYTE.items()]
    return tuple(sorted([*rows, *((f"{digit:X}xxx", *found) for digit, found in _BY_DIGIT.items())]))
