"""The entries of a FAT folder: short names, long names and what stands beside them. Bytes in, values out.

Source: Microsoft FAT specification 1.03, sections 6 and 7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from msgspec import Struct

ENTRY_BYTES = 32
_CLUSTERS_AND_SIZE = struct.Struct("<H4xHI")  # from byte 20 on: high half, low half, size
_HIDDEN, _VOLUME, _FOLDER, _LONG = 0x02, 0x08, 0x10, 0x0F
_ATTRIBUTES, _NO_ATTRIBUTES = 0x3F, 0xC0
_LOWER_STEM, _LOWER_ENDING = 0x08, 0x10
_DELETED, _INSTEAD_OF_DELETED = 0xE5, 0x05
_LAST_PART = 0x40
_MAX_PARTS = 20  # of a long name, 13 characters each
_DOTS = frozenset({b".          ", b"..         "})


class FatEntry(Struct, frozen=True):
    """One name in a folder. `name` is the short one as stored, `shown` the one that systems show.

    `shown` is the long name where there is one (`is_long`), else the short one in the case that the flags of
    Windows NT ask for (`is_lower`).
    """

    name: str
    shown: str
    cluster: int
    size: int
    is_folder: bool
    is_hidden: bool
    is_long: bool
    is_lower: bool


class Margin(Struct):
    """What folders say beside their names: the volume label, and how many entries make no sense."""

    label: str = ""
    damaged: int = 0


def entries(found: bytes, margin: Margin, *, is_wide: bool) -> Iterator[FatEntry]:
    """Yield the names of a folder. Deleted entries, "." and ".." are left out.

    `is_wide` is for FAT32, where the first cluster has 32 bits. A long name counts only when all its parts
    are there, in order, with the checksum of the short name behind them.
    """
    parts: list[bytes] = []
    for at in range(0, len(found) - ENTRY_BYTES + 1, ENTRY_BYTES):
        first, flags = found[at], found[at + 11]
        if first == 0:
            return
        if first != _DELETED and flags & _ATTRIBUTES == _LONG:
            parts = [*parts[1 - _MAX_PARTS :], found[at : at + ENTRY_BYTES]]
            continue
        short = found[at : at + 11]
        if first == _DELETED or short in _DOTS:
            pass
        elif flags & _NO_ATTRIBUTES or not _is_name(short):
            margin.damaged += 1
        elif flags & _VOLUME:
            margin.label = margin.label or _text(short).rstrip()
        else:
            yield _entry(found[at : at + ENTRY_BYTES], _long_name(parts, short) if parts else "", is_wide)
        parts = []


def begins_like_a_folder(found: bytes) -> bool:
    """Return True when the first entry is "." as in every folder but the root."""
    return found[:11] in _DOTS and len(found) >= ENTRY_BYTES and bool(found[11] & _FOLDER)


def _entry(raw: bytes, long: str, is_wide: bool) -> FatEntry:
    high, low, size = _CLUSTERS_AND_SIZE.unpack_from(raw, 20)
    stem, ending = _text(raw[:8]).rstrip(" "), _text(raw[8:11]).rstrip(" ")
    name = shown = f"{stem}.{ending}" if ending else stem
    if case := raw[12] & (_LOWER_STEM | _LOWER_ENDING):
        stem = stem.lower() if case & _LOWER_STEM else stem
        ending = ending.lower() if case & _LOWER_ENDING else ending
        shown = f"{stem}.{ending}" if ending else stem
    is_long = bool(long) and long != name
    return FatEntry(
        name=name,
        shown=long if is_long else shown,
        cluster=(high << 16 if is_wide else 0) | low,
        size=size,
        is_folder=bool(raw[11] & _FOLDER),
        is_hidden=bool(raw[11] & _HIDDEN),
        is_long=is_long,
        is_lower=shown != name and not is_long,
    )


def _long_name(parts: Sequence[bytes], short: bytes) -> str:
    """Return the long name whose parts stand before a short one, the last part first; "" when it is none."""
    count = len(parts)
    while count > 1 and not parts[-count][0] & _LAST_PART:  # what stands before belongs to nothing
        count -= 1
    parts = parts[-count:]
    check = _checksum(short)
    expected = [_LAST_PART | count, *range(count - 1, 0, -1)]
    if [part[0] for part in parts] != expected or any(part[13] != check for part in parts):
        return ""
    units = b"".join(part[1:11] + part[14:26] + part[28:32] for part in reversed(parts))
    name = units.decode("utf-16-le", "replace").partition("\0")[0].replace("/", "\\")
    return "" if name in {".", ".."} else name


def _checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total


def _is_name(short: bytes) -> bool:
    """Return True for what can be a name: no control characters, and something before the dot."""
    return (short[0] > 0x20 or short[0] == _INSTEAD_OF_DELETED) and min(short[1:]) >= 0x20


def _text(stored: bytes) -> str:
    if stored[0] == _INSTEAD_OF_DELETED:
        stored = bytes((_DELETED,)) + stored[1:]
    return stored.decode("cp437").replace("/", "\\")
