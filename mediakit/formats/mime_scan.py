"""Where the parts of a message lie: one pass over its delimiter lines, whatever is between them.

Only lines that begin with the boundary of a multipart that is open are looked at, so large bodies cost no
more than a search. Source: RFC 2046 5.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mediakit.errors import SourceError
from mediakit.formats.mime_head import MAIL, MAX_VALUE_BYTES, Head, read_head
from mediakit.formats.readable import Readable
from mediakit.limits import MAX_HEAD_BYTES, MAX_MULTIPARTS, MAX_PARTS
from mediakit.volume import Damage

_BLOCK = 4 * MAX_HEAD_BYTES
_MAX_BOUNDARY = 200  # the standard says 70
_MAX_DELIMITER = _MAX_BOUNDARY + 300
_MAX_DEPTH = 8
_PIECE = 16 * 1024  # that is read where a block cannot be
_BLANK = b" \t\r\n\0\x1a"
_NEXT_MAIL = b"From "  # that separates the mails of a mailbox (RFC 4155)
_MAILBOX_LINE = re.compile(rb"\n(From )([!-~]{1,200}) {1,4}[A-Z][a-z]{2} [^\n]{10,60}\n")
_ANOTHER = "another mail follows it, as in a mailbox; it was not read: save it as a file of its own"
_NO_END = "the message is cut off: the delimiter that ends it is missing"


@dataclass(frozen=True, slots=True)
class Part:
    """One part that is not made of parts: its head, where its body lies, and whether a delimiter ends it."""

    head: Head
    start: int
    end: int
    is_ended: bool


@dataclass(slots=True)
class Scan:
    """What is found beside the parts while they are read. `kind` is the media type of the whole message."""

    kind: str = ""
    damage: list[Damage] = field(default_factory=list)
    is_cut_off: bool = False

    def note(self, what: str) -> None:
        """Remember a sentence of damage once."""
        if all(one.what != what for one in self.damage):
            self.damage.append(Damage("", what))


class _Text:
    """The bytes of a message, a block at a time. What cannot be read is taken for NUL."""

    def __init__(self, image: Readable, scan: Scan) -> None:
        self._scan = scan
        self._image = image
        self.size = image.size
        self._start = 0
        self._block = b""

    def head(self, at: int, pattern: re.Pattern[bytes] | None = None) -> Head:
        """Return the head at a byte; a delimiter ends it too."""
        before = min(at, 1)
        block, inside = self._from(at - before, MAX_HEAD_BYTES + _MAX_DELIMITER)
        found = pattern.search(block, inside, inside + MAX_HEAD_BYTES) if pattern else None
        most = MAX_HEAD_BYTES if found is None else max(0, found.start() - inside)
        return read_head(block, inside + before, at - before - inside, most)

    def delimiter(self, pattern: re.Pattern[bytes], at: int) -> tuple[int, int, bytes, bool] | None:
        """Return the next delimiter line: where it begins and ends, its boundary, whether it is the last."""
        while at < self.size:
            block, inside = self._from(at, _MAX_DELIMITER)
            is_last = self._start + len(block) >= self.size
            found = pattern.search(block, inside)
            if found is not None and (is_last or found.end() < len(block)):
                return self._start + found.start(), self._start + found.end(), found[1], found[2] is not None
            if is_last:
                return None
            at = self._start + len(block) - _MAX_DELIMITER
            if found is not None:
                at = self._start + found.start()
        return None

    def ends_with_return(self, at: int) -> bool:
        """Return True when the byte before `at` is a carriage return."""
        block, inside = self._from(max(0, at - 1), 1)
        return block[inside : inside + 1] == b"\r"

    def first_words(self, at: int, end: int) -> bytes:
        """Return how the text between two bytes begins, b"" when all of it is blank."""
        while at < end:
            block, inside = self._from(at, len(_NEXT_MAIL))
            piece = block[inside : inside + end - at]
            if found := piece.lstrip(_BLANK):
                return found[: len(_NEXT_MAIL)]
            at += len(piece)
        return b""

    def _from(self, at: int, wanted: int) -> tuple[bytes, int]:
        """Return a block, and where in it the byte `at` is, with `wanted` bytes behind it if there are."""
        end = self._start + len(self._block)
        if not self._start <= at or (at + wanted >= end and end < self.size):
            self._start, self._block = at, self._read(at, max(_BLOCK, wanted))
        return self._block, at - self._start

    def _read(self, at: int, size: int) -> bytes:
        try:
            return self._image.read(at, size)
        except SourceError:
            self._scan.note("some of the message cannot be read; what begins there is missing")
        size = min(size, self.size - at)
        return b"".join(
            self._piece(first, min(_PIECE, at + size - first)) for first in range(at, at + size, _PIECE)
        )

    def _piece(self, at: int, size: int) -> bytes:
        try:
            return self._image.read(at, size)
        except SourceError:
            return bytes(size)


def parts_of(image: Readable, scan: Scan) -> Iterator[Part]:
    """Yield the parts of the message in their order; what is wrong with it goes into `scan`."""
    text = _Text(image, scan)
    state = _State(text, scan)
    leaf = state.enter(text.head(0), 0)
    while state.open:
        found = text.delimiter(state.pattern, state.at)
        if leaf is not None:
            yield state.ended(leaf, found)
        state.check_behind(text.size if found is None else found[0])
        if found is None:
            scan.is_cut_off = True
            scan.note(_NO_END)
            return
        leaf = state.step(found)
        if state.is_full:
            return
    state.check_behind(text.size)
    if leaf is not None:  # a message that is one file
        if text.delimiter(_MAILBOX_LINE, leaf.body) is not None:
            scan.note(_ANOTHER)
        yield Part(leaf, leaf.body, text.size, is_ended=True)


class _State:
    """The multiparts that are open, the outermost first, and how many parts there were."""

    def __init__(self, text: _Text, scan: Scan) -> None:
        self._text = text
        self._scan = scan
        self.open: list[bytes] = []
        self.at = 0
        self._behind: int | None = None  # where the text behind the delimiter that ends a multipart begins
        self.pattern = re.compile(b"")
        self._multiparts = self._parts = 0

    @property
    def is_full(self) -> bool:
        """Return True when the message has more parts than are read."""
        if self._parts <= MAX_PARTS:
            return False
        self._scan.note(f"it has more than {MAX_PARTS:,} parts; the rest was not read")
        return True

    def enter(self, head: Head, depth: int) -> Head | None:
        """Begin an entity; return its head when it is a file, None when parts follow."""
        while head.kind == MAIL and head.encoding in {"7bit", "8bit", "binary"} and depth < _MAX_DEPTH:
            head = self._text.head(head.body, self.pattern if self.open else None)
            depth += 1
        if not self._scan.kind:
            self._scan.kind = head.kind
        if not head.is_whole:
            self._scan.note(
                f"the head of a part is larger than {MAX_HEAD_BYTES:,} bytes, or one of its fields than"
                f" {MAX_VALUE_BYTES:,}; it was cut there"
            )
        self._parts += 1
        if not head.kind.startswith("multipart/"):
            return head
        boundary = head.parameters.get("boundary", "").encode("utf-8", "surrogateescape")
        if not 0 < len(boundary) <= _MAX_BOUNDARY:
            self._scan.note("a part says that it has several parts, and not what separates them")
            return head
        if len(self.open) >= _MAX_DEPTH or self._multiparts >= MAX_MULTIPARTS:
            self._scan.note("it has parts within parts beyond the limit; these were not taken apart")
            return head
        self._multiparts += 1
        self.open.append(boundary)
        self._compile()
        return None

    def step(self, found: tuple[int, int, bytes, bool]) -> Head | None:
        """Go beyond a delimiter; return the head of the file that begins there, if one does."""
        _, end, boundary, is_last = found
        level = len(self.open) - 1 - self.open[::-1].index(boundary)
        if level < len(self.open) - 1:
            self._scan.note("a part that has parts has no end; some of its parts may be missing")
        keep = level if is_last else level + 1
        if keep < len(self.open):
            del self.open[keep:]
            self._compile()
        self.at = end - 1  # the next delimiter may follow at once, or stand in a head that has no end
        self._behind = end if is_last else None
        return None if is_last else self.enter(self._text.head(end, self.pattern), len(self.open))

    def check_behind(self, end: int) -> None:
        """Note text from the delimiter that ended a multipart up to `end`, where no part is looked for."""
        if self._behind is None:
            return
        words, self._behind = self._text.first_words(self._behind, end), None
        if words == _NEXT_MAIL:
            self._scan.note(_ANOTHER)
        elif words:
            self._scan.note(
                "text follows the delimiter that ends it; it was left out, and files in it are missing"
            )

    def ended(self, head: Head, found: tuple[int, int, bytes, bool] | None) -> Part:
        """Return the part that ends before a delimiter, or with the message."""
        if found is None:
            return Part(head, head.body, self._text.size, is_ended=False)
        end = found[0]  # the line break before a delimiter belongs to it
        if end > head.body and self._text.ends_with_return(end):
            end -= 1
        return Part(head, head.body, max(end, head.body), is_ended=True)

    def _compile(self) -> None:
        names = b"|".join(re.escape(name) for name in sorted(set(self.open), key=len, reverse=True))
        self.pattern = re.compile(rb"\n--(" + names + rb")(--)?[ \t]{0,200}(?:\r?\n|\Z)")
