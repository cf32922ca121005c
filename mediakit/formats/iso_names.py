"""The other names of an ISO 9660 volume: Rock Ridge in the system use of directory records. Bounded.

Source: SUSP (IEEE P1281) and RRIP (IEEE P1282): NM, SL, CE, CL, RE and SP are read, all others passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mediakit.formats.iso_records import Descriptor, IsoRecord
from mediakit.formats.readable import Readable

_MAX_AREAS = 32  # continuation areas of one record
_MAX_AREA_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RockRidge:
    """What Rock Ridge says of one record. `relocated` is the block of the folder that really is here."""

    name: str = ""
    is_link: bool = False
    is_moved_away: bool = False
    relocated: int | None = None


class RockRidgeReader:
    """Reads the system use areas of one volume."""

    def __init__(self, image: Readable, volume: Descriptor, skip: int) -> None:
        self._image = image
        self._volume = volume
        self._skip = skip

    def read(self, record: IsoRecord) -> RockRidge:
        """Return what Rock Ridge says of a record; nothing of it when there is none."""
        name = b""
        is_link = is_moved_away = False
        relocated: int | None = None
        for kind, content in self._entries(record.system_use[self._skip :]):
            if kind == b"NM" and content and not content[0] & 6:
                name = (name + content[1:])[:1024]
            elif kind == b"SL":
                is_link = True
            elif kind == b"RE":
                is_moved_away = True
            elif kind == b"CL" and len(content) >= 4:
                relocated = struct.unpack_from("<I", content)[0]
        text = name.decode("utf-8", "surrogateescape").replace("/", "\\")
        return RockRidge("" if text in {".", ".."} else text, is_link, is_moved_away, relocated)

    def _entries(self, area: bytes) -> Iterator[tuple[bytes, bytes]]:
        for _ in range(_MAX_AREAS):
            following = b""
            for kind, content in _fields(area):
                if kind == b"CE" and len(content) >= 24:
                    block, offset, size = struct.unpack_from("<I4xI4xI", content)
                    start = (block - self._volume.first_block) * self._volume.block_size + offset
                    if start >= 0:
                        following = self._image.read(start, min(size, _MAX_AREA_BYTES))
                else:
                    yield kind, content
            if not following:
                return
            area = following


def rock_ridge(image: Readable, volume: Descriptor, first: IsoRecord) -> RockRidgeReader | None:
    """Return a reader when the volume uses Rock Ridge; `first` is the "." of its root."""
    for kind, content in _fields(first.system_use):
        if kind == b"SP" and len(content) >= 3 and content[:2] == b"\xbe\xef":
            return RockRidgeReader(image, volume, content[2])
    return None


def _fields(area: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 4 <= len(area):
        size = area[at + 2]
        kind = area[at : at + 2]
        if size < 4 or at + size > len(area) or kind == b"ST":
            return
        yield kind, area[at + 4 : at + size]
        at += size
