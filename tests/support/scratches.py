"""A scratched disc: reads of some bytes of an image fail, below our code, where the system is asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SECTOR = 2048


class Scratches:
    """Makes `os.pread` and `os.preadv` fail for sectors of one file; `reads` counts how often each was met.

    `heals_after` so many reads a sector can be read (None: never).
    """

    def __init__(self, patch: pytest.MonkeyPatch, image: Path, heals_after: int | None = None) -> None:
        self.reads: dict[int, int] = {}
        self._place = (image.stat().st_dev, image.stat().st_ino)
        self._heals_after = heals_after
        self._bad: set[int] = set()
        self._content = image.read_bytes()
        pread, preadv = os.pread, os.preadv

        def read(fd: int, size: int, offset: int) -> bytes:
            self._meet(fd, size, offset)
            return pread(fd, size, offset)

        def read_into(fd: int, buffers: Sequence[Any], offset: int) -> int:
            self._meet(fd, sum(len(buffer) for buffer in buffers), offset)
            return preadv(fd, buffers, offset)

        patch.setattr(os, "pread", read)
        patch.setattr(os, "preadv", read_into)

    def scratch(self, offset: int) -> None:
        """Make the sector of this byte bad."""
        self._bad.add(offset // SECTOR)

    def scratch_inside(self, content: bytes, at: int) -> None:
        """Make the sector bad that holds byte `at` of a file with this content, which lies in one piece."""
        start = self._content.index(content[:SECTOR])
        assert self._content[start : start + len(content)] == content
        self.scratch(start + at)

    def _meet(self, fd: int, size: int, offset: int) -> None:
        facts = os.fstat(fd)
        if (facts.st_dev, facts.st_ino) != self._place or not size:
            return
        for sector in range(offset // SECTOR, (offset + size - 1) // SECTOR + 1):
            if sector in self._bad:
                self.reads[sector] = met = self.reads.get(sector, 0) + 1
                if self._heals_after is None or met <= self._heals_after:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
