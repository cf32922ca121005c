"""The other names of an ISO 9660 volume: Rock Ridge in the system use of directory records. Bounded.

Source: SUSP (IEEE P1281) and RRIP (IEEE P1282): NM, SL, CE, CL, RE and SP are read, all others passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from mediakit.errors import SourceError
from mediakit.formats.iso_records import Descriptor, IsoRecord
from mediakit.formats.readable import Readable, holds
from mediakit.volume import Damage

_MAX_AREAS = 32  # continuation areas of one record
_MAX_AREA_BYTES = 64 * 1024


class RockRidge(Struct, frozen=True):
    """What Rock Ridge says of one record. `relocated` is the block of the folder that really is here."""

    name: str = ""
    is_link: bool = False
    is_moved_away: bool = False
    relocated: int | None = None


class RockRidgeReader:
    """Reads the system use areas of one volume. What cannot be followed is said in `damage`."""

    def __init__(self, image: Readable, volume: Descriptor, skip: int, damage: list[Damage]) -> None:
        self._image = image
        self._volume = volume
        self._skip = skip
        self._damage = damage

    def read(self, record: IsoRecord) -> RockRidge:
        """Return what Rock Ridge says of a record; nothing of it when there is none."""
        name = b""
        is_link = is_moved_away = False
        relocated: int | None = None
        for kind, content in self._entries(record):
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

    def _entries(self, record: IsoRecord) -> Iterator[tuple[bytes, bytes]]:
        area = record.system_use[self._skip :]
        for _ in range(_MAX_AREAS):
            following = b""
            for kind, content in _fields(area):
                if kind == b"CE" and len(content) >= 24:
                    block, offset, size = struct.unpack_from("<I4xI4xI", content)
                    start = (block - self._volume.first_block) * self._volume.block_size + offset
                    following = self._continuation(record, start, size)
                else:
                    yield kind, content
            if not following:
                return
            area = following
        self._say(record, "leads in a circle or too far")

    def _continuation(self, record: IsoRecord, start: int, size: int) -> bytes:
        if size > _MAX_AREA_BYTES or not holds(self._image, [(start, size)]):
            self._say(record, "lies outside the image or is too large")
            return b""
        try:
            return self._image.read(start, size)
        except SourceError as exc:
            self._say(record, f"cannot be read: {exc.why}")
            return b""

    def _say(self, record: IsoRecord, why: str) -> None:
        """Note it as made good: the file has its name of ECMA-119."""
        what = f"what Rock Ridge says of it {why}; its name of ISO 9660 was taken"
        self._damage.append(Damage(record.path, what, is_made_good=True))


def rock_ridge(
    image: Readable, volume: Descriptor, first: IsoRecord, damage: list[Damage]
) -> RockRidgeReader | None:
    """Return a reader when the volume uses Rock Ridge; `first` is the "." of its root."""
    for kind, content in _fields(first.system_use):
        if kind == b"SP" and len(content) >= 3 and content[:2] == b"\xbe\xef":
            return RockRidgeReader(image, volume, content[2], damage)
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
