"""The bytes of one instance as they come: in memory while they are few, else in a file without a name.

What is small is judged where it lies and written with one call; what is large is on its way to the disk while
the rest still comes. Where the system has no files without a name, the file has a hidden one.
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

    `stream` is for reading, from any place. Every method but `prepare` and `discard` raises OSError.
    """

    def __init__(self, folder: OpenFolder, *, is_nameless: bool = True) -> None:
        """Have no bytes yet; the file, when there is one, is made in `folder`, if possible without a name."""
        self.stream: BinaryIO = BytesIO()
        self.size = 0
        self._folder = folder
        self._is_nameless = is_nameless
        self._fd: int | None = None  # of the file, when there is one and `stream` is not that
        self._name = ""  # that it has until it gets its own, where none without a name can be made

    def prepare(self) -> None:
        """Make the file while nothing else is to be done, where that leaves no trace."""
        if self._is_nameless and self._fd is None and isinstance(self.stream, BytesIO):
            self._fd = self._folder.create_nameless()

    def write(self, data: Buffer) -> None:
        """Take the next bytes."""
        self.size += len(data)
        if self.size > HELD_BYTES and isinstance(held := self.stream, BytesIO):
            fd, self._fd = self._file(), None
            self.stream = os.fdopen(fd, "w+b", buffering=_BUFFER_BYTES)
            self.stream.write(held.getbuffer())
        self.stream.write(data)

    def put_down(self, *, syncs: bool) -> None:
        """Have every byte in the file, on the disk where that is asked for."""
        if isinstance(self.stream, BytesIO):
            self._fd = fd = self._file()
            write_all(fd, self.stream.getbuffer())
        else:
            self.stream.flush()
            fd = self.stream.fileno()
        if syncs:
            os.fsync(fd)

    def take_name(self, folder: OpenFolder, name: str) -> bool:
        """Give what was put down its name, and close it; return False when the name is taken."""
        if not self._name:
            fd = self.stream.fileno() if self._fd is None else self._fd
            is_named = folder.name_nameless(fd, name)
            self._close()
            return is_named
        self._close()  # not every system renames an open file
        if not self._folder.take_name(self._name, folder, name):
            return False
        self._name = ""
        return True

    def discard(self) -> None:
        """Close it, and leave nothing of it unless it has its name. Does no harm when that has happened."""
        self._close()
        name, self._name = self._name, ""
        if name:
            with suppress(OSError):
                self._folder.remove(name)

    def _close(self) -> None:
        with suppress(OSError):
            self.stream.close()
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                os.close(fd)

    def _file(self) -> int:
        """Return the descriptor of the file, which is made when it is not there."""
        if self._fd is not None:
            return self._fd
        fd = self._folder.create_nameless() if self._is_nameless else None
        if fd is None:
            name = hidden_name(RANDOM_BYTES)
            fd = self._folder.create(name)
            self._name = name
        return fd


def can_name_nameless(folder: OpenFolder) -> bool:
    """Return True when a file without a name can get one here: some systems make it and refuse hard links."""
    fd = folder.create_nameless()
    if fd is None:
        return False
    name = hidden_name(RANDOM_BYTES)
    try:
        folder.name_nameless(fd, name)
        folder.remove(name)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
