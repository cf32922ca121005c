"""What the values of text VRs may hold: length, characters, form (PS3.5 6.2). No message holds a value."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable, Mapping

from mediakit.dicom import text

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_CODE = re.compile(r"[A-Z0-9_ ]*")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_AGE = re.compile(r"\d{3}[DWMY]")
GROUPS = 3  # of a name: alphabetic, ideographic, phonetic
COMPONENTS = 5
#: Characters that one value of a text VR has at most; in a name, each group.
LONGEST: Mapping[str, int] = {"AE": 16, "CS": 16, "LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024}
#: VRs whose values hold lines, and for which a backslash is text.
LINES = frozenset({"LT", "ST", "UT"})
MAX_UNLIMITED = 2**32 - 2
_LAYOUT = frozenset("\t\n\f\r")


def why_unfit(vr: str, value: str) -> str:
    """Return why a single value cannot stand in an element of this VR, "" when it can.

    Judged are the VRs of text. Dates and times beyond DA, and Integer Strings, are judged as bytes.
    """
    check = _CHECKS.get(vr)
    return "" if check is None else check(value.strip(" "))


def is_control(char: str, vr: str) -> bool:
    """Return True for a control character that a value of this VR may not hold (PS3.5 6.1.3, 6.2)."""
    return unicodedata.category(char) == "Cc" and not (vr in LINES and char in _LAYOUT)


def conforms(vr: str, raw: bytes, charset: bytes) -> bool:
    """Return True when the raw bytes of a single value are as their VR and character set ask."""
    if text.is_default(charset) and text.needs_charset(raw):
        return False
    decoded = text.decode(raw, charset, vr)
    return text.is_complete(decoded) and not why_unfit(vr, decoded)


def _line(value: str, longest: int) -> str:
    if len(value) > longest:
        return f"it is longer than {longest} characters"
    if "\\" in value:
        return "it holds a backslash, which separates values"
    return "it holds a control character" if any(is_control(char, "LO") for char in value) else ""


def _lines(vr: str, value: str) -> str:
    longest = LONGEST.get(vr)
    if longest is not None and len(value) > longest:
        return f"it is longer than {longest} characters"
    return "it holds a control character" if any(is_control(char, vr) for char in value) else ""


def _name(value: str) -> str:
    groups = value.split("=")
    if len(groups) > GROUPS or any(len(group.split("^")) > COMPONENTS for group in groups):
        return "it has too many groups or components"
    return next((why for group in groups if (why := _line(group, 64))), "")


def _date(value: str) -> str:
    match = _DATE.fullmatch(value)
    if not value:
        return ""
    if match is None:
        return "it is not of the form YYYYMMDD"
    year, month, day = (int(part) for part in match.groups())
    is_day = year and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    return "" if is_day else "there is no such day"


def _code(value: str) -> str:
    if len(value) > 16:
        return "it is longer than 16 characters"
    return (
        "" if _CODE.fullmatch(value) else "it holds other than capital letters, digits, space and underscore"
    )


def _decimal(value: str) -> str:
    if len(value) > 16:
        return "it is longer than 16 characters"
    return "" if not value or (value.isascii() and _DECIMAL.fullmatch(value)) else "it is not a number"


def _age(value: str) -> str:
    return "" if not value or _AGE.fullmatch(value) else "it is not of the form nnnD, nnnW, nnnM or nnnY"


def _address(value: str) -> str:
    return "" if value.isascii() and value.isprintable() else "it holds other than printable ASCII"


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "AE": lambda value: _line(value, 16) or _address(value),
    "AS": _age,
    "CS": _code,
    "DA": _date,
    "DS": _decimal,
    "LO": lambda value: _line(value, 64),
    "LT": lambda value: _lines("LT", value),
    "PN": _name,
    "SH": lambda value: _line(value, 16),
    "ST": lambda value: _lines("ST", value),
    "UC": lambda value: _line(value, MAX_UNLIMITED),
    "UR": _address,
    "UT": lambda value: _lines("UT", value),
}
