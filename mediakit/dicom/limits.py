"""What the values of text VRs may hold: length, characters, form (PS3.5 6.2). No message holds a value."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping

from mediakit.dicom import text

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_CODE = re.compile(r"[A-Z0-9_ ]*")
_GROUPS = 3
_COMPONENTS = 5


def why_unfit(vr: str, value: str) -> str:
    """Return why a single value cannot stand in an element of this VR, "" when it can.

    Judged are CS, DA, LO, PN and SH.
    """
    check = _CHECKS.get(vr)
    return "" if check is None else check(value.strip(" "))


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
    return (
        ""
        if all(char.isprintable() or char == "\u3000" for char in value)
        else "it holds a control character"
    )


def _name(value: str) -> str:
    groups = value.split("=")
    if len(groups) > _GROUPS or any(len(group.split("^")) > _COMPONENTS for group in groups):
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


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "CS": _code,
    "DA": _date,
    "LO": lambda value: _line(value, 64),
    "PN": _name,
    "SH": lambda value: _line(value, 16),
}
