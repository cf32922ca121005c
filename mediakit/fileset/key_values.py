"""Raw key values: are they legal for their VR, what did an old or careless sender mean, padding.

Text is never judged here: over-long or oddly spelled text is kept as it stands in the instance.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping

NEUTRAL_PADDING = b" \0"
IS_MAX = 2**31 - 1
_SURELY_SMALL = 9  # digits that cannot pass the limit of an Integer String

_DATE = re.compile(rb"(\d{4})(\d\d)(\d\d)")
_OLD_DATE = re.compile(rb"(\d{4})\.(\d\d)\.(\d\d)")
_TIME = re.compile(rb"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?")
_FRACTION_TIME = re.compile(rb"([01]\d|2[0-3])[0-5]\d([0-5]\d|60)\.\d{1,6}")
_OLD_TIME = re.compile(rb"(\d\d):(\d\d):(\d\d)(\.\d{1,6})?")
_DATE_TIME = re.compile(rb"\d{4}(\d\d){0,5}(\.\d{1,6})?([+-]\d{4})?")
_INTEGER = re.compile(rb"[+-]?\d{1,12}")
_WHOLE_DECIMAL = re.compile(rb"([+-]?\d{1,10})\.0*")
_WIDTH = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8}


def bare(raw: bytes) -> bytes:
    """Return a text value without padding."""
    return raw.strip(NEUTRAL_PADDING)


def has_value(raw: bytes, vr: str) -> bool:
    """Return True when the value holds more than padding; in a binary VR every byte counts."""
    return bool(raw if vr in _WIDTH or vr == "SQ" else bare(raw))


def is_plain_number(raw: bytes) -> bool:
    """Return True for what nearly every Integer String is: a few digits. A quick answer, no more."""
    return len(raw) <= _SURELY_SMALL and raw.strip(NEUTRAL_PADDING).isdigit()


def is_legal(raw: bytes, vr: str) -> bool:
    """Return True when each value may stand in its VR; judged are dates, times and numbers (PS3.5 6.2)."""
    width = _WIDTH.get(vr)
    if width is not None:
        return len(raw) % width == 0
    check = _CHECKS.get(vr)
    return check is None or all(check(bare(value)) for value in raw.split(b"\\"))


def repaired(raw: bytes, vr: str) -> bytes | None:
    """Return what an illegal value can only mean, or None.

    Known are the forms of ACR-NEMA ("1994.05.31", "10:20:30") and whole numbers with a decimal point.
    """
    value = bare(raw)
    candidate: bytes | None = None
    if vr == "DA" and (match := _OLD_DATE.fullmatch(value)):
        candidate = b"".join(match.groups())
    elif vr == "TM" and (match := _OLD_TIME.fullmatch(value)):
        candidate = b"".join(group or b"" for group in match.groups())
    elif vr == "IS" and (match := _WHOLE_DECIMAL.fullmatch(value)):
        candidate = match.group(1)
    return candidate if candidate is not None and is_legal(candidate, vr) else None


def padded(raw: bytes, vr: str) -> bytes:
    """Return the value with an even number of bytes (PS3.5 7.1.1)."""
    if len(raw) % 2 == 0:
        return raw
    return raw + (b"\0" if vr in {"UI", "OB", "UN"} else b" ")


def number(raw: bytes) -> int | None:
    """Return the first value of an Integer String, or None when it is none."""
    if is_plain_number(raw):
        return int(raw.strip(NEUTRAL_PADDING))
    value = bare(raw.split(b"\\", 1)[0])
    return int(value) if _is_integer(value) else None


def _is_date(value: bytes) -> bool:
    match = _DATE.fullmatch(value)
    if not match:
        return not value
    year, month, day = (int(group) for group in match.groups())
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _is_time(value: bytes) -> bool:
    return not value or bool(_TIME.fullmatch(value) or _FRACTION_TIME.fullmatch(value))


def _is_date_time(value: bytes) -> bool:
    return not value or bool(_DATE_TIME.fullmatch(value))


def _is_integer(value: bytes) -> bool:
    return bool(_INTEGER.fullmatch(value)) and -IS_MAX - 1 <= int(value) <= IS_MAX


_CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "DA": _is_date,
    "TM": _is_time,
    "DT": _is_date_time,
    "IS": lambda value: not value or _is_integer(value),
}
