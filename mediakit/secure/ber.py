"""BER as a stream, and DER to be written: no more of it than CMS needs (ITU-T X.690).

Nothing here trusts a length: every element must end where the one around it does, and what is read whole has
a bound. There is no recursion.
"""

from __future__ import annotations

from array import array
from typing import BinaryIO, Final

INTEGER, OCTETS, OID, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
CONTEXT, CONSTRUCTED = 0x80, 0x20
END = -1  # what `peek` gives behind the last element

MOST_BYTES: Final = 64 * 1024  # of an element that is read whole
_MOST_DEPTH = 32
_MOST_PIECES = 4_000_000  # OpenSSL makes one of 4096 bytes each: 16 GB
_WINDOW = 4096
_MOST_HEAD = 10


class Malformed(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The bytes are not what CMS has at this place."""


class Spans:
    """Where the octets of a string lie in a stream: the start and the length of each piece, in bytes."""

    def __init__(self) -> None:
        self.starts = array("Q")
        self.ends = array("Q")  # offsets in the string behind each piece

    def add(self, start: int, length: int) -> None:
        """Add a piece. Raises Malformed when there are too many."""
        if not length:
            return
        if len(self.starts) >= _MOST_PIECES:
            raise Malformed("the content is in too many pieces")
        self.starts.append(start)
        self.ends.append(self.size + length)

    @property
    def size(self) -> int:
        """Return the number of octets."""
        return self.ends[-1] if self.ends else 0


class Cursor:
    """Goes through the elements of a stream of `size` bytes, into some and past others."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._at = 0
        self._ends: list[int | None] = [
            size
        ]  # of the elements that it is in; None: an end-of-contents follows
        self._limits = [size]  # where the innermost element of known length ends
        self._window, self._window_at = b"", 0

    def peek(self) -> int:
        """Return the tag of the next element (its first octet), END when there is none. Raises Malformed."""
        if self._at >= self._limits[-1]:
            return END
        tag = self._octets(self._at, 1)[0]
        return END if tag == 0 and self._ends[-1] is None else tag

    def enter(self, tag: int) -> None:
        """Go into the next element, which must have this tag. Raises Malformed."""
        length = self._head(tag)
        if len(self._ends) > _MOST_DEPTH:
            raise Malformed("elements are nested too deeply")
        self._ends.append(None if length is None else self._at + length)
        self._limits.append(self._limits[-1] if length is None else self._at + length)

    def leave(self) -> None:
        """Go behind the element that it is in. Raises Malformed."""
        end = self._ends.pop()
        self._limits.pop()
        if end is not None:
            self._at = end
            return
        self._skip_end()

    def whole(self, tag: int, most: int = MOST_BYTES) -> bytes:
        """Return the next element with its head, and go behind it. Raises Malformed."""
        start = self._at
        self._pass(tag, start + most)
        if self._at - start > most:
            raise Malformed("an element is too long")
        return self._octets(start, self._at - start)

    def spans(self, tag: int) -> Spans:
        """Return where the octets of the next string lie, and go behind it; it may be in pieces.

        `tag` is that of a string in one piece. Raises Malformed.
        """
        found = Spans()
        if self.peek() == tag:
            length = self._head(tag) or 0
            found.add(self._at, length)
            self._at += length
            return found
        depth = len(self._ends)
        self.enter(tag | CONSTRUCTED)
        while len(self._ends) > depth:
            inside = self.peek()
            if inside == END:
                self.leave()
            elif inside == OCTETS:
                length = self._head(OCTETS) or 0
                found.add(self._at, length)
                self._at += length
            else:
                self.enter(OCTETS | CONSTRUCTED)
        return found

    def _pass(self, tag: int, most: int) -> None:
        length = self._head(tag)
        if length is not None:
            self._at += length
            return
        open_ends = 1
        while open_ends:
            if self._at > most:
                raise Malformed("an element is too long")
            if self._octets(self._at, 2) == b"\0\0":
                self._at += 2
                open_ends -= 1
                continue
            length = self._head(self._octets(self._at, 1)[0])
            if length is None:
                open_ends += 1
            else:
                self._at += length

    def _head(self, tag: int) -> int | None:
        """Read the head of the next element; return its length in bytes, None when that is not said."""
        limit = self._limits[-1]
        head = self._octets(self._at, min(_MOST_HEAD, limit - self._at))
        if len(head) < 2 or head[0] != tag:
            raise Malformed("an element is missing or another one")
        first = head[1]
        if first == 0x80:
            if not tag & CONSTRUCTED:
                raise Malformed("a length is wrong")
            self._at += 2
            return None
        count = first & 0x7F if first & 0x80 else 0
        if count > 8 or len(head) < 2 + count:
            raise Malformed("a length is wrong")
        length = int.from_bytes(head[2 : 2 + count], "big") if count else first
        if length > limit - self._at - 2 - count:
            raise Malformed("an element ends behind the one around it")
        self._at += 2 + count
        return length

    def _skip_end(self) -> None:
        if self._octets(self._at, 2) != b"\0\0":
            raise Malformed("an element does not end")
        self._at += 2

    def _octets(self, at: int, count: int) -> bytes:
        if count <= 0 or at + count > self._limits[0]:
            raise Malformed("it ends early")
        first = at - self._window_at
        if first < 0 or first + count > len(self._window):
            self._stream.seek(at)
            self._window = self._stream.read(min(max(count, _WINDOW), self._limits[0] - at))
            self._window_at, first = at, 0
        found = self._window[first : first + count]
        if len(found) < count:
            raise Malformed("it ends early")
        return found


def head(tag: int, length: int) -> bytes:
    """Return tag and length of an element in DER."""
    if length < 0x80:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def element(tag: int, *parts: bytes) -> bytes:
    """Return an element in DER with these contents."""
    contents = b"".join(parts)
    return head(tag, len(contents)) + contents


def integer(value: int) -> bytes:
    """Return an INTEGER, not negative, in DER."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER in DER."""
    first, second, *rest = map(int, dotted.split("."))
    contents = bytearray([first * 40 + second])
    for arc in rest:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        contents += bytes(reversed(septets))
    return element(OID, bytes(contents))


def algorithm(dotted: str, *parameters: bytes) -> bytes:
    """Return an AlgorithmIdentifier in DER."""
    return element(SEQUENCE, oid(dotted), *parameters)


def set_of(members: list[bytes]) -> bytes:
    """Return a SET OF in DER, whose members are sorted."""
    return element(SET, *sorted(members))
