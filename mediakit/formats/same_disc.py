"""Are two images copies of one medium? Their volume descriptors say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_SECTOR = 2048
_DESCRIPTORS = range(16, 32)
_ANCHOR = 256
_MOST_UDF = 32  # sectors of a volume descriptor sequence
_PRIMARY, _ANCHOR_TAG, _LOGICAL = 1, 2, 6  # UDF tags, ECMA-167 3/7.2.1

Read = Callable[[int, int], bytes | None]
"""Bytes at an offset, or None when they cannot be read."""


def deciding(read: Read) -> dict[int, bytes]:
    """Return what tells one medium from another, by the byte where it stands; only what can be read.

    These are the volume descriptors of ISO 9660 (with their times), those of UDF, and the first sector of a
    FAT volume or of a partitioned disk (with its serial number).
    """
    return dict(_found(read))


def _found(read: Read) -> Iterator[tuple[int, bytes]]:
    first = read(0, 512)
    if first is not None and first[510:512] == b"\x55\xaa":
        yield 0, first
        start = int.from_bytes(first[454:458], "little") * 512
        boot = read(start, 512) if start else None
        if boot is not None and boot[510:512] == b"\x55\xaa":
            yield start, boot
    for number in _DESCRIPTORS:
        sector = read(number * _SECTOR, _SECTOR)
        if sector is not None and sector[1:6] == b"CD001" and sector[0] in {1, 2}:
            yield number * _SECTOR, sector
    anchor = read(_ANCHOR * _SECTOR, _SECTOR)
    if anchor is None or int.from_bytes(anchor[:2], "little") != _ANCHOR_TAG:
        return
    yield _ANCHOR * _SECTOR, anchor
    size, place = (int.from_bytes(anchor[at : at + 4], "little") for at in (16, 20))
    for number in range(place, place + min(size // _SECTOR, _MOST_UDF)):
        sector = read(number * _SECTOR, _SECTOR)
        if sector is not None and int.from_bytes(sector[:2], "little") in {_PRIMARY, _LOGICAL}:
            yield number * _SECTOR, sector
