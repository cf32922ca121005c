"""One moment in the spelling of each media format. Pure: the clock is read by whoever makes the `Order`."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from mediakit.errors import UsageError


def aware(when: datetime) -> datetime:
    """Return the moment with a time zone; one without is taken as UTC."""
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def epoch_ns(when: datetime) -> int:
    """Return nanoseconds since 1970, for file systems."""
    return int(aware(when).timestamp()) * 1_000_000_000


def iso_record(when: datetime) -> bytes:
    """Return the 7 bytes of a directory record's date. Source: ECMA-119 9.1.5."""
    if not 1900 <= when.year <= 2155:
        raise UsageError(
            "this time cannot be written on ISO 9660", why=f"year {when.year} is not 1900 to 2155"
        )
    return struct.pack(
        "6Bb", when.year - 1900, when.month, when.day, when.hour, when.minute, when.second, _quarters(when)
    )


def iso_volume(when: datetime) -> bytes:
    """Return the 17 bytes of a volume descriptor's date. Source: ECMA-119 8.4.26.1."""
    return when.strftime("%Y%m%d%H%M%S00").rjust(16, "0").encode("ascii") + struct.pack("b", _quarters(when))


def udf(when: datetime) -> bytes:
    """Return the 12 bytes of a UDF timestamp: local time and its offset. Source: ECMA-167 1/7.3."""
    kind_and_zone = 1 << 12 | (_minutes(when) & 0xFFF)
    return struct.pack(
        "<HH8B", kind_and_zone, when.year, when.month, when.day, when.hour, when.minute, when.second, 0, 0, 0
    )


def dos(when: datetime) -> tuple[int, int, int, int, int, int]:
    """Return the time as ZIP has it: no zone; what is outside 1980 to 2107 becomes the nearest end."""
    if when.year < 1980:
        return (1980, 1, 1, 0, 0, 0)
    if when.year > 2107:
        return (2107, 12, 31, 23, 59, 58)
    return (when.year, when.month, when.day, when.hour, when.minute, when.second)


def _minutes(when: datetime) -> int:
    offset = aware(when).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def _quarters(when: datetime) -> int:
    return _minutes(when) // 15
