"""The transfer encodings of MIME undone in bounded pieces: base64 and quoted-printable. Source: RFC 2045 6.

The size of a body is known after one pass (`measured`); the stream that gives its bytes is the same pass
again, so it never gives more or fewer.
"""

from __future__ import annotations

import binascii
import errno
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple

from mediakit.formats.readable import Extent, Image, stream_of
from mediakit.sized_stream import SizedStream

_PIECE = 96 * 1024  # of text; a piece of base64 is unpacked to three quarters
_BUFFER = 32 * 1024
_SPACE = b" \t\r\n\x0b\x0c"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MAX_LINE = 4096  # of quoted-printable, which has 76; longer lines are taken in pieces

PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
KNOWN: Final = PLAIN | {"base64", "quoted-printable"}


class Measured(NamedTuple):
    """What one pass says of a body: its size in bytes unpacked, its first bytes, what is wrong with it.

    `is_complete` when its text itself says where it ends. `why` says why it is not what was sent, `rest` that
    text follows which was left out.
    """

    size: int
    start: bytes = b""
    is_complete: bool = False
    why: str = ""
    rest: str = ""


def measured(image: Image, extent: Extent, encoding: str) -> Measured:
    """Return the size and the first bytes of a body. Raises OSError when it cannot be read."""
    if encoding in PLAIN:
        return Measured(extent[1], image.read(extent[0], min(_HEAD, extent[1])))
    with stream_of(image, [extent]) as text:
        return _measured_64(text) if encoding == "base64" else _measured_qp(text)


def decoded_stream(image: Image, extent: Extent, encoding: str, size: int) -> BinaryIO:
    """Return a body of `size` bytes as a stream that can go back; going back unpacks it again."""
    if encoding in PLAIN:
        return stream_of(image, [extent])
    unpack = _unpacked_64 if encoding == "base64" else _unpacked_qp
    return io.BufferedReader(_Unpacked(lambda: stream_of(image, [extent]), unpack, size), _BUFFER)


_HEAD = 132  # the preamble and prefix of a DICOM file


def _measured_64(text: BinaryIO) -> Measured:
    count = foreign = 0
    start, rest = b"", b""
    padding = False
    while piece := text.read(_PIECE):
        clean = piece.translate(None, _SPACE)
        if padding:
            rest = rest or clean.strip(b"=")
            continue
        body, mark, behind = clean.partition(b"=")
        padding, rest = bool(mark), behind.strip(b"=")
        if len(start) < _HEAD:
            start += body[: _HEAD * 2]
        good = len(body) - len(body.translate(None, _ALPHABET))
        foreign += len(body) - good
        count += good
    whole, left = divmod(count, 4)
    why = f"{foreign:,} of its characters are not base64" if foreign else ""
    if left == 1 and not why:
        why = "its base64 text ends within a byte"
    return Measured(
        size=whole * 3 + (0, 0, 1, 2)[left],
        start=_from_64(start.translate(None, _OTHERS))[:_HEAD],
        is_complete=padding,
        why=why,
        rest="text follows the end of its base64; it was left out" if rest else "",
    )


_OTHERS = bytes(set(range(256)) - set(_ALPHABET))


def _from_64(text: bytes) -> bytes:
    """Unpack text of the alphabet alone; a character that stands alone at the end says nothing."""
    if len(text) % 4 == 1:
        text = text[:-1]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _unpacked_64(text: BinaryIO) -> Iterator[bytes]:
    left = b""
    while piece := text.read(_PIECE):
        body, mark, _ = piece.translate(None, _SPACE).partition(b"=")
        body = left + body.translate(None, _OTHERS)
        if mark:
            left = body
            break
        whole = len(body) - len(body) % 4
        left = body[whole:]
        if whole:
            yield binascii.a2b_base64(body[:whole])
    if left:
        yield _from_64(left)


def _measured_qp(text: BinaryIO) -> Measured:
    size, start = 0, b""
    for piece in _unpacked_qp(text):
        if len(start) < _HEAD:
            start += piece[:_HEAD]
        size += len(piece)
    return Measured(size, start[:_HEAD])


def _unpacked_qp(text: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of quoted-printable text. Its soft line breaks and escapes are never cut."""
    left = b""
    while piece := text.read(_PIECE):
        body = left + piece
        whole = body.rfind(b"\n") + 1
        if not whole and len(body) > _MAX_LINE:
            escape = body.rfind(b"=", len(body) - 3)
            whole = len(body) if escape < 0 else escape
        left = body[whole:]
        if whole:
            yield binascii.a2b_qp(body[:whole])
    if left:
        yield binascii.a2b_qp(left)


class _Unpacked(SizedStream):
    """A body that is unpacked while it is read."""

    def __init__(
        self, begin: Callable[[], BinaryIO], unpack: Callable[[BinaryIO], Iterator[bytes]], size: int
    ) -> None:
        super().__init__(size)
        self._begin, self._unpack = begin, unpack
        self._piece, self._start = b"", 0  # what was unpacked last, and where in the body it begins
        self._text = begin()
        self._pieces = unpack(self._text)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read what the body holds and no more."""
        if self._at >= self._size or not len(buffer):
            return 0
        if self._at < self._start:
            self._restart()
        while self._at >= self._start + len(self._piece):
            self._start += len(self._piece)
            self._piece = next(self._pieces, b"")
            if not self._piece:
                raise OSError(errno.EIO, "the message is damaged: a part ends early")
        inside = self._at - self._start
        found = self._piece[inside : inside + len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        """Release the text."""
        self._text.close()
        super().close()

    def _restart(self) -> None:
        self._text.close()
        self._text = self._begin()
        self._pieces = self._unpack(self._text)
        self._piece, self._start = b"", 0
