"""Seekable streams over streams: octets in pieces, and octets decrypted in CBC mode.

No more than a block is held.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, BinaryIO

from mediakit.secure.algorithms import Cipher
from mediakit.secure.ber import Malformed, Spans
from mediakit.sized_stream import SizedStream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 256 * 1024  # a multiple of every cipher's block


class View(SizedStream):
    """A seekable stream of known size over another one. Subclasses say what is at a place.

    Closing it closes `owned`, nothing else.
    """

    def __init__(self, stream: BinaryIO, size: int, owned: BinaryIO | None = None) -> None:
        super().__init__(size)
        self._stream = stream
        self._owned = owned

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read at most so many bytes as the buffer has; 0 at the end. Raises what the stream below raises."""
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not view:
            return 0
        found = self.piece(self._at, min(len(view), self._size - self._at))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)

    def piece(self, at: int, most: int) -> bytes | memoryview:
        """Return at least one of the bytes at a place, and at most so many."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it, and what it owns."""
        if not self.closed and self._owned is not None:
            self._owned.close()
        super().close()


class Pieces(View):
    """The octets of a string that lies in pieces."""

    def __init__(self, stream: BinaryIO, spans: Spans, owned: BinaryIO | None = None) -> None:
        super().__init__(stream, spans.size, owned)
        self._spans = spans

    def piece(self, at: int, most: int) -> bytes:
        """Return octets of one piece."""
        spans = self._spans
        number = bisect_right(spans.ends, at)
        first = spans.ends[number - 1] if number else 0
        self._stream.seek(spans.starts[number] + at - first)
        found = self._stream.read(min(most, spans.ends[number] - at))
        if not found:
            raise OSError("the file ends early")
        return found


class Decrypted(View):
    """What a cipher in CBC mode hides, without its padding.

    Each block of it can be decrypted by itself, given the one before it, so any place can be read.
    """

    def __init__(self, stream: BinaryIO, size: int, cipher: Cipher, key: bytes) -> None:
        """Raise Malformed when the last block is not padded: the key is wrong, or the file is damaged."""
        if size < cipher.block or size % cipher.block:
            raise Malformed("the encrypted content does not consist of whole blocks")
        self._cipher, self._key, self._sealed = cipher, key, size
        self._held, self._number = memoryview(b""), -1
        super().__init__(stream, size)
        last = self._decrypted(size - cipher.block, cipher.block)
        padding = last[-1]
        if not 1 <= padding <= cipher.block or last[-padding:] != bytes([padding]) * padding:
            raise Malformed("the padding is wrong")
        self._size = size - padding

    def piece(self, at: int, most: int) -> memoryview:
        """Return octets of one block of ours."""
        number, first = divmod(at, _BLOCK)
        if number != self._number:
            start = number * _BLOCK
            self._held = memoryview(self._decrypted(start, min(_BLOCK, self._sealed - start)))
            self._number = number
        return self._held[first : first + most]

    def _decrypted(self, at: int, size: int) -> bytes:
        before = min(at, self._cipher.block)
        self._stream.seek(at - before)
        data = _exactly(self._stream, before + size)
        iv = data[:before] or None
        return self._cipher.decrypt(self._key, data[before:], iv)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
    while len(found) < size:
        more = stream.read(size - len(found))
        if not more:
            raise OSError("the file ends early")
        found += more
    return found
