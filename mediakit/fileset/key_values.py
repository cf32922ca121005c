"""Raw key values: are they legal for their VR, what did an old or careless sender mean, padding."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from contextlib import suppress

from mediakit.dicom import limits, text
from mediakit.dicom.scanned import is_sound_uid
from mediakit.dicom.values import CHARSET_VRS, TEXT_VR_NAMES

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
_LONGEST_DECIMAL = 16  # characters of a Decimal String
_FITTED = frozenset({"CS", "DS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_FORMS = {
    "DA": "a date of the form YYYYMMDD",
    "DT": "a date and time of the form YYYYMMDDHHMMSS.FFFFFF",
    "IS": "a whole number of at most 12 characters",
    "TM": "a time of the form HHMMSS.FFFFFF",
}
_WIDTH = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8}


def bare(raw: bytes) -> bytes:
    """Return a text value without padding."""
    return raw.strip(NEUTRAL_PADDING)


def is_padded_with_nul(raw: bytes, vr: str) -> bool:
    """Return True for text that ends in a NUL, which is the padding of UIDs alone (PS3.5 6.2)."""
    return b"\0" in raw[-2:] and vr in TEXT_VR_NAMES and vr != "UI" and raw.rstrip(b" ").endswith(b"\0")


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


def why_illegal(raw: bytes, vr: str, charset: bytes = b"", most: int = 1) -> str:
    """Return why an element of this VR may not hold these bytes, "" when it may (PS3.5 6.2, 6.4).

    `charset` is the Specific Character Set that holds, `most` how many values there may be (0: any number).
    Bytes that are not of their character set are no matter of this: see `text.is_readable`.
    """
    width = _WIDTH.get(vr)
    if width is not None:
        count = len(raw) // width
        return f"its length is not a multiple of {width}" if len(raw) % width else _too_many(count, most)
    if vr not in TEXT_VR_NAMES or not bare(raw):
        return ""
    if vr == "UI" and b" " in raw:
        return "it is padded with a space"
    values = _values(raw, vr, charset)
    return _too_many(len(values), most) or next((why for one in values if (why := _why_unfit(one, vr))), "")


def _too_many(count: int, most: int) -> str:
    return f"it has {count} values, and may have {most}" if most and count > most else ""


def _values(raw: bytes, vr: str, charset: bytes) -> list[str]:
    said = text.decode(raw, charset if vr in CHARSET_VRS else b"", vr)
    return [said] if vr in limits.LINES or vr == "UR" else said.split("\\")


def _why_unfit(value: str, vr: str) -> str:
    if vr in _CHECKS and not is_legal(value.encode("ascii", "replace"), vr):
        return f"it is not {_FORMS[vr]}"
    if vr == "UI":
        return "" if not value or is_sound_uid(value.encode("ascii", "replace")) else "it is not a UID"
    return limits.why_unfit(vr, value)


def mended(raw: bytes, vr: str, charset: bytes = b"", most: int = 1) -> bytes | None:
    """Return the legal value that comes nearest to an illegal one, or None.

    Beside what `repaired` knows, text is cut to its length, control characters become spaces, codes become
    capital letters, and what is left out is the padding of UIDs, and values and groups of a name that are
    too many.
    """
    candidate = b"\\".join(map(bare, raw.split(b"\\"))) if vr == "UI" else repaired(raw, vr)
    if vr == "UI":
        return None if why_illegal(candidate or b"", vr, most=most) else candidate
    if candidate is not None or vr not in _FITTED:
        return candidate
    values = [_fitted(value, vr) for value in _values(raw, vr, charset)]
    if most:
        values = [value for value in values if value][:most]
    try:
        candidate = text.encode("\\".join(values), charset.strip(NEUTRAL_PADDING).decode("latin-1"))
    except ValueError:
        return None
    return candidate if bare(candidate) and not why_illegal(candidate, vr, charset, most) else None


def _fitted(value: str, vr: str) -> str:
    value = "".join(" " if limits.is_control(char, vr) else char for char in value).strip(" ")
    if vr == "CS":
        return value.upper()
    if vr == "DS":
        with suppress(ValueError):
            return value if len(value) <= _LONGEST_DECIMAL else f"{float(value):.9g}"
        return value
    if vr == "PN":
        groups = (group.split("^")[: limits.COMPONENTS] for group in value.split("=")[: limits.GROUPS])
        return "=".join("^".join(group)[: limits.LONGEST["PN"]].rstrip("^ ") for group in groups).rstrip("=")
    return value[: limits.LONGEST.get(vr)].rstrip(" ") if vr in limits.LONGEST else value


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
