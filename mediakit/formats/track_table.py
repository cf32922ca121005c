"""The table of contents of a disc in a drive: where its data tracks begin, as Linux tells it.

Between the sessions of a CD lie thousands of sectors that no drive reads: with the table nobody looks there.
"""

from __future__ import annotations

import struct
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_HEADER, _ENTRY = 0x5305, 0x5306  # ioctls CDROMREADTOCHDR and CDROMREADTOCENTRY
_IN_BLOCKS = 1  # CDROM_LBA
_DATA_TRACK = 4
_MOST_TRACKS = 99  # of a CD


def data_tracks(fd: int) -> tuple[int, ...]:
    """Return the sectors at which data tracks begin, in order; none for what is no disc in a drive."""
    found = set()
    if fcntl is None:
        return ()
    with suppress(OSError):
        header = bytearray(2)
        fcntl.ioctl(fd, _HEADER, header)
        for track in range(header[0], min(header[1], _MOST_TRACKS) + 1):
            entry = bytearray(struct.pack("<BBBxiB3x", track, 0, _IN_BLOCKS, 0, 0))
            fcntl.ioctl(fd, _ENTRY, entry)
            begins = struct.unpack_from("=i", entry, 4)[0]
            if entry[1] >> 4 & _DATA_TRACK and begins >= 0:
                found.add(begins)
    return tuple(sorted(found))
