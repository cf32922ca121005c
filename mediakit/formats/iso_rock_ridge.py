"""Rock Ridge in the system use of directory records, as it is written: names and permissions. Pure.

Everybody may read and run, nobody may write. What has no room in a record goes into a continuation area,
which never lies in two sectors: Linux reads no other.
Source: SUSP 1.10 (SP, CE, ER) and RRIP 1.10 (NM, PX); `iso_names` reads it.
"""

from __future__ import annotations

from typing import NamedTuple

from mediakit.formats.iso_records import SECTOR

_FOLDER_MODE, _FILE_MODE = 0o040555, 0o100555  # what Linux shows without Rock Ridge: programs can be run
_BEGINS = b"SP\7\1\xbe\xef\0"  # no bytes are skipped
_MOST_OF_NAME = 250  # bytes in one NM field of at most 255
_GOES_ON = 1  # the flag of a name that continues in the next field
_CONTINUED_BYTES = 28  # of a CE field
_ID = b"RRIP_1991A"
_WHAT = b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS"
_SOURCE = (
    b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME "
    b"DESCRIPTOR FOR CONTACT INFORMATION."
)
_EXTENSION = b"".join(
    (
        b"ER",
        bytes((8 + len(_ID) + len(_WHAT) + len(_SOURCE), 1, len(_ID), len(_WHAT), len(_SOURCE), 1)),
        _ID,
        _WHAT,
        _SOURCE,
    )
)


class SystemUse(NamedTuple):
    """What follows the identifier of a record; `size` bytes more begin at `offset` of the continuations."""

    fields: bytes = b""
    offset: int = 0
    size: int = 0

    @property
    def length(self) -> int:
        """Return the bytes in the record."""
        return len(self.fields) + (_CONTINUED_BYTES if self.size else 0)

    def recorded(self, first_block: int) -> bytes:
        """Return the bytes in the record, for continuations that begin at a block."""
        if not self.size:
            return self.fields
        block, offset = divmod(self.offset, SECTOR)
        return self.fields + b"CE\x1c\1" + both(first_block + block) + both(offset) + both(self.size)


NOTHING = SystemUse()


class RockRidgeArea:
    """Makes the system use of the records of a tree, and collects what their continuations hold."""

    def __init__(self) -> None:
        """Begin with no continuation."""
        self.content = bytearray()

    @property
    def blocks(self) -> int:
        """Return how many blocks the continuations take."""
        return -(-len(self.content) // SECTOR)

    def of_root(self, folders: int) -> SystemUse:
        """Return what the root says of itself; `folders` are those in it. It declares Rock Ridge."""
        return self._continued(_BEGINS + _permissions(_FOLDER_MODE, 2 + folders), _EXTENSION)

    def of_folder(self, folders: int) -> SystemUse:
        """Return what a folder says of itself, or of its parent; `folders` are those in it."""
        return SystemUse(_permissions(_FOLDER_MODE, 2 + folders))

    def of_name(self, name: bytes, room: int, folders: int | None) -> SystemUse:
        """Return what a record with `room` bytes left says of a name; `folders` None: it is a file."""
        mode = _permissions(_FILE_MODE, 1) if folders is None else _permissions(_FOLDER_MODE, 2 + folders)
        named = _name(name)
        if len(mode) + len(named) <= room:
            return SystemUse(mode + named)
        return self._continued(mode, named)

    def _continued(self, fields: bytes, behind: bytes) -> SystemUse:
        at = len(self.content)
        if at % SECTOR + len(behind) > SECTOR:
            at += SECTOR - at % SECTOR
            self.content.extend(bytes(at - len(self.content)))
        self.content.extend(behind)
        return SystemUse(fields, at, len(behind))


def both(number: int) -> bytes:
    """Return a number of 32 bits in both orders (ECMA-119 7.3.3)."""
    return number.to_bytes(4, "little") + number.to_bytes(4, "big")


def _permissions(mode: int, links: int) -> bytes:
    return b"PX\x24\1" + both(mode) + both(links) + both(0) + both(0)


def _name(name: bytes) -> bytes:
    pieces = [name[at : at + _MOST_OF_NAME] for at in range(0, len(name), _MOST_OF_NAME)]
    last = len(pieces) - 1
    return b"".join(
        b"NM" + bytes((5 + len(piece), 1, _GOES_ON if number < last else 0)) + piece
        for number, piece in enumerate(pieces)
    )
