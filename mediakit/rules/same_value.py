"""Do two raw values say the same, one in a directory record, one in an instance. Pure.

Values that differ in padding, in the form of a number, date or time, in the character set, or in the case and
the empty components of a name say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mediakit.dicom.instance import Tag
from mediakit.dicom.text import decode, needs_charset
from mediakit.dicom.wanted import MOST, WANTED
from mediakit.fileset.key_values import bare, is_legal, why_illegal

_BINARY = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "OB", "OW", "UN", "AT"})
_TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_ONE_VALUE = frozenset({"LT", "ST", "UT"})
_OLD_DATE = re.compile(rb"(\d{4})\.(\d\d)\.(\d\d)")
_SPACES = re.compile(r"\s+")
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Said:
    """A raw value and the Specific Character Set that holds for it (raw, b"" when there is none)."""

    raw: bytes
    charset: bytes = b""


@dataclass(slots=True)
class Comparer:
    """Compares values of attributes; what comes again is compared once."""

    _known: dict[tuple[Tag, str, Said, Said], bool] = field(default_factory=dict)

    def is_same(self, tag: Tag, vr: str, one: Said, other: Said) -> bool:
        """Return True when both say the same. `vr` is that of the record, the dictionary's counts more.

        So does what `other`, that of the instance, may not say: a record cannot have it.
        """
        key = (tag, vr, one, other)
        known = self._known.get(key)
        if known is None:
            vr = WANTED.get(tag, vr)
            is_illegal = bool(why_illegal(other.raw, vr, other.charset, MOST.get(tag, 1)))
            known = is_illegal or says_the_same(vr, one, other)
            if len(self._known) < _REMEMBERED:
                self._known[key] = known
        return known


def says_the_same(vr: str, one: Said, other: Said) -> bool:
    """Return True when two values of a VR say the same.

    A value that is not legal for its VR is the same as anything: that it is illegal is said elsewhere, and a
    directory may have a repaired one.
    """
    if vr in _BINARY:
        return one.raw == other.raw
    if vr in _TEXT:
        return _same_text(vr, one, other)
    if bare(one.raw) == bare(other.raw):
        return True
    ours, theirs = ([bare(value) for value in said.raw.split(b"\\")] for said in (one, other))
    if len(ours) != len(theirs):
        return False
    return all(_same_value(vr, a, b) for a, b in zip(ours, theirs, strict=True))


def _same_value(vr: str, one: bytes, other: bytes) -> bool:
    plain = _PLAIN.get(vr)
    if one == other or plain is None or not one or not other:
        return one == other
    ours, theirs = plain(one), plain(other)
    return ours == theirs or ours is None or theirs is None


def _same_text(vr: str, one: Said, other: Said) -> bool:
    if bare(one.raw) == bare(other.raw) and (
        one.charset in {b"", other.charset} or not needs_charset(one.raw)  # no charset: `key_values` tells
    ):
        return True
    ours, theirs = decode(one.raw, one.charset, vr), decode(other.raw, other.charset, vr)
    if vr in _ONE_VALUE:
        return ours.strip() == theirs.strip()
    if vr == "PN":
        return _same_name(ours, theirs)
    return [value.strip() for value in ours.split("\\")] == [value.strip() for value in theirs.split("\\")]


def _same_name(one: str, other: str) -> bool:
    """Compare names group by group (alphabetic, ideographic, phonetic), those that both have."""
    ours, theirs = _groups(one), _groups(other)
    shared = [(a, b) for a, b in zip(ours, theirs, strict=False) if a and b]
    return all(a == b for a, b in shared) and (bool(shared) or ours == theirs)


def _groups(name: str) -> list[str]:
    groups = [
        "^".join(_SPACES.sub(" ", part).strip() for part in group.split("^")).rstrip("^").casefold()
        for group in name.strip(" \0").split("=")
    ]
    while groups and not groups[-1]:
        groups.pop()
    return groups


def _number(raw: bytes) -> float | None:
    try:
        return float(raw)
    except ValueError:
        return None


def _date(raw: bytes) -> bytes | None:
    match = _OLD_DATE.fullmatch(raw)
    date = b"".join(match.groups()) if match else raw
    return date if is_legal(date, "DA") else None


def _time(raw: bytes) -> bytes | None:
    """Return a time without what may be left out: separators of the old form, seconds and fractions of 0."""
    time = raw.replace(b":", b"")
    if not is_legal(time, "TM"):
        return None
    whole, _, fraction = time.partition(b".")
    return whole.ljust(6, b"0") + fraction.rstrip(b"0")


def _date_time(raw: bytes) -> bytes | None:
    """Return a date and time without zeros at the end of its fraction."""
    if not is_legal(raw, "DT"):
        return None
    whole, _, rest = raw.partition(b".")
    digits = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
    return whole + b"." + digits.rstrip(b"0") + rest[len(digits) :]


#: VR to what makes the one form of a value; None for what is not legal.
_PLAIN: Mapping[str, Callable[[bytes], object]] = {
    "IS": _number,
    "DS": _number,
    "DA": _date,
    "TM": _time,
    "DT": _date_time,
}
