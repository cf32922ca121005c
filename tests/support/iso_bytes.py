"""The bytes of an image in memory, and its first volume: what tests of ISO 9660 look into."""

from __future__ import annotations

from mediakit.formats.iso_records import Descriptor, read_session
from mediakit.formats.readable import Readable


class Memory:
    """Bytes in memory, read like an image."""

    def __init__(self, held: bytes | bytearray) -> None:
        self._held = memoryview(held)
        self.size = len(held)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`."""
        return bytes(self._held[offset : offset + size])


def read_volume(image: Readable) -> Descriptor | None:
    """Return the primary volume of the first session, or None when there is none. Source: ECMA-119 8.4."""
    session = read_session(image, 0)
    return None if session is None else session.primary
