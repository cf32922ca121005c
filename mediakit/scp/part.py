"""The bytes of one instance as they come: in memory while they are few, else in a hidden file.

What is small is judged where it lies and written with one call; what is large is on its way to the disk while
the rest still comes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO, Final

from mediakit.durable import write_all
from mediakit.network.pdu import Buffer
from mediakit.open_folder import OpenFolder
from mediakit.unfinished import hidden_name

HELD_BYTES: Final = 1 << 18  # at most in memory, of each association
RANDOM_BYTES: Final = 8  # of our hidden names: twice those of anybody else, who may write there meanwhile
_BUFFER_BYTES: Final = 1 << 16  # larger fragments go to the file without a copy


class Part:
    """An instance that arrives. Whoever has it calls `InstanceStore.settle` or `discard`.

    `stream` is for reading, from any place. Every method but `discard` raises OSError.
    """

    def __init__(self, folder: OpenFolder) -> None:
        """Have no bytes yet; the hidden file, when there is one, lies in `folder`."""
        self.stream: BinaryIO = BytesIO()
        self.size = 0
        self._folder = folder
        self._name = ""  # of the hidden file, "" while there is none

    def write(self, data: Buffer) -> None:
        """Take the next bytes."""
        self.size += len(data)
        if self.size > HELD_BYTES and not self._name:
            held = self.stream
            self.stream = os.fdopen(self._new_file(), "w+b", buffering=_BUFFER_BYTES)
            assert isinstance(held, BytesIO)  # noqa: S101 - there was no file
            self.stream.write(held.getbuffer())
        self.stream.write(data)

    def put_down(self, *, syncs: bool) -> None:
        """Have every byte in the hidden file, on the disk where that is asked for."""
        if isinstance(self.stream, BytesIO):
            fd = self._new_file()
            try:
                write_all(fd, self.stream.getbuffer())
                if syncs:
                    os.fsync(fd)
            finally:
                os.close(fd)
            return
        self.stream.flush()
        if syncs:
            os.fsync(self.stream.fileno())

    def take_name(self, folder: OpenFolder, name: str) -> bool:
        """Give what was put down its name; return False when the name is taken."""
        if not self._folder.take_name(self._name, folder, name):
            return False
        self._name = ""
        self.stream.close()
        return True

    def discard(self) -> None:
        """Leave nothing of it, unless it has its name. Does no harm when that has happened."""
        with suppress(OSError):
            self.stream.close()
        if self._name:
            with suppress(OSError):
                self._folder.remove(self._name)

    def _new_file(self) -> int:
        name = hidden_name(RANDOM_BYTES)
        fd = self._folder.create(name)
        self._name = name
        return fd
