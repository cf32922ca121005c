"""Values whose encoding or VR is not the one that `Header` promises: turned around, or dropped. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

# Bytes of one number, by VR: what a change of byte order has to turn around.
WIDTHS: Mapping[bytes, int] = {
    b"AT": 2,
    b"OW": 2,
    b"SS": 2,
    b"US": 2,
    b"FL": 4,
    b"OF": 4,
    b"OL": 4,
    b"SL": 4,
    b"UL": 4,
    b"FD": 8,
    b"OD": 8,
    b"OV": 8,
    b"SV": 8,
    b"UV": 8,
}
_TYPECODES = {2: "H", 4: "I", 8: "Q"}
TEXT_VRS = frozenset(b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())
#: Those that the Specific Character Set rules (PS3.5 6.1.2.2).
CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
TEXT_VR_NAMES = frozenset(code.decode("ascii") for code in TEXT_VRS)
_UNSIGNED = {b"US": 2, b"UL": 4, b"UV": 8}
_SIGNED = {b"SS": 2, b"SL": 4, b"SV": 8}


def swapped(value: bytes, vr: bytes) -> bytes:
    """Return a value with the bytes of each of its numbers turned around; bytes that make no number stay."""
    width = WIDTHS.get(vr, 1)
    if width == 1:
        return value
    whole = len(value) - len(value) % width
    numbers = array(_TYPECODES[width], value[:whole])
    numbers.byteswap()
    return numbers.tobytes() + value[whole:]


def converted(value: bytes, vr: bytes, expected: bytes) -> bytes | None:
    """Return a little endian value of one VR as a value of another; None when it cannot be one.

    UN holds the value of whatever the VR should be (PS3.5 6.2.2), and text is text in any VR.
    """
    if vr == b"UN" or (vr in TEXT_VRS and expected in TEXT_VRS):
        return value
    numbers = _numbers(value, vr)
    if numbers is None:
        return None
    if expected in _UNSIGNED:
        width = _UNSIGNED[expected]
        if any(not 0 <= number < 1 << 8 * width for number in numbers):
            return None
        return b"".join(number.to_bytes(width, "little") for number in numbers)
    if expected in TEXT_VRS:
        text = b"\\".join(b"%d" % number for number in numbers)
        return text + b" " * (len(text) % 2)
    return None


def _numbers(value: bytes, vr: bytes) -> list[int] | None:
    """Return the whole numbers that a value holds, or None when it holds something else."""
    if vr in _UNSIGNED or vr in _SIGNED:
        width = _UNSIGNED.get(vr) or _SIGNED[vr]
        starts = range(0, len(value) - width + 1, width)
        return [int.from_bytes(value[i : i + width], "little", signed=vr in _SIGNED) for i in starts]
    if vr not in {b"IS", b"DS"} or len(value) > 1024:
        return None
    try:
        return [int(part) for part in value.strip(b" \0").split(b"\\") if part.strip()]
    except ValueError:
        return None
