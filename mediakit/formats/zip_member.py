"""The bytes of one member of a ZIP archive, unpacked in bounded pieces, never more than it declares.

Deflated and stored members are read by `zipfile`, which takes output in pieces. It does not for bzip2 and
LZMA, where few bytes can become gigabytes at once: these are unpacked here. Damage is an OSError, as in any
other file.
"""

from __future__ import annotations

import bz2
import errno
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from mediakit.limits import MAX_DICTIONARY_BYTES

_PIECE = 1 << 16  # bytes that are unpacked at a time
_LZMA_HEAD = 9  # version, length of the properties, properties (APPNOTE 5.8.8)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def member_stream(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> io.RawIOBase:
    """Return a member as a stream that can go back. Raises what `ZipFile.open` does."""
    if member.compress_type in {zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}:
        return _Unpacked(archive, member)
    return _Plain(archive.open(member))


class _Plain(io.RawIOBase):
    """A member that `zipfile` reads."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self._inner = inner

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes; going back unpacks the member again."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        with _damage_as_os_error():
            return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._inner.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read what the member declares and no more."""
        with _damage_as_os_error():
            found = self._inner.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Close the member, not the archive."""
        self._inner.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """A member compressed by bzip2 or LZMA."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        super().__init__()
        self._archive = archive
        self._member = member
        self._packed: IO[bytes] | None = None
        self._begin()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes; going back unpacks the member again."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position, by unpacking what lies between."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._member.file_size}[whence]
        wanted = min(max(0, base + offset), self._member.file_size)
        if wanted < self._at:
            self._begin()
        while self._at < wanted and self._piece(wanted - self._at):
            pass
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read what the member declares and no more."""
        found = self._piece(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Close the member, not the archive."""
        if self._packed is not None:
            self._packed.close()
        super().close()

    def _begin(self) -> None:
        if self._packed is not None:
            self._packed.close()
        packed = zipfile.ZipInfo(self._member.filename)  # as it lies there: `zipfile` unpacks nothing
        packed.orig_filename = self._member.orig_filename
        packed.flag_bits = self._member.flag_bits
        packed.header_offset = self._member.header_offset
        packed.compress_size = packed.file_size = self._member.compress_size
        self._packed = self._archive.open(packed)
        self._at = self._sum = 0
        self._decompressor = self._made(self._packed)

    def _made(self, packed: IO[bytes]) -> _Decompressor:
        if self._member.compress_type == zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor()
        head = packed.read(_LZMA_HEAD)
        size = int.from_bytes(head[5:9], "little")
        if len(head) < _LZMA_HEAD or head[2:4] != b"\5\0" or head[4] >= 9 * 5 * 5:
            raise OSError(errno.EIO, "the archive is damaged: no properties of LZMA")
        if size > MAX_DICTIONARY_BYTES:
            raise OSError(errno.EIO, f"it asks for {size} bytes of memory, more than {MAX_DICTIONARY_BYTES}")
        lc, rest = head[4] % 9, head[4] // 9
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": size, "lc": lc, "lp": rest % 5, "pb": rest // 5}]
        with _damage_as_os_error():
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)

    def _piece(self, size: int) -> bytes:
        """Return the next bytes, b"" at the end. Raises OSError for damage and a wrong CRC."""
        left = self._member.file_size - self._at
        found = b""
        with _damage_as_os_error():
            while not found and left > 0 and not self._decompressor.eof:
                data = self._more() if self._decompressor.needs_input else b""
                found = self._decompressor.decompress(data, min(size, left, _PIECE))
        if not found and left > 0:
            raise OSError(errno.EIO, "the archive is damaged: a member ends early")
        self._at += len(found)
        self._sum = zlib.crc32(found, self._sum)
        if found and self._at == self._member.file_size and self._sum != self._member.CRC:
            raise OSError(errno.EIO, "the archive is damaged: a checksum is wrong")
        return found

    def _more(self) -> bytes:
        data = b"" if self._packed is None else self._packed.read(_PIECE)
        if not data:
            raise EOFError("a member ends early")
        return data


@contextmanager
def _damage_as_os_error() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as exc:
        raise OSError(errno.EIO, f"the archive is damaged: {exc}") from exc
