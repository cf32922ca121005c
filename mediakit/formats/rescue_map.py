"""The map of a rescued image in the form of GNU ddrescue: which bytes were read, and which were not. Pure.

    0x00120000     ?               1
    0x00000000  0x00117000  +
    0x00117000  0x00000800  -

A status line (position, status, number of the pass), then areas without gaps (position, size, status).
Integers are decimal, hexadecimal (0x) or octal (0). Source: manual of GNU ddrescue 1.27, "Mapfile structure".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from io import BytesIO

from msgspec import Struct, field

from mediakit.errors import SourceError
from mediakit.formats.readable import Extent, Gaps

MAX_BYTES = 64 << 20  # of a map file

UNTRIED, UNTRIMMED, UNSCRAPED, BAD, GOOD = "?", "*", "/", "-", "+"
STATUSES = frozenset({UNTRIED, UNTRIMMED, UNSCRAPED, BAD, GOOD})
_LONGEST_LINE = 32 << 10  # bytes; the command line of ddrescue is a comment
_MOST_AREAS = 1_000_000
_END = 1 << 62  # bytes; no medium is larger
_STATES = STATUSES | {"F", "G"}
_INTEGER = re.compile(rb"0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19}", re.ASCII)


class RescueMap(Struct):
    """Areas from byte 0 to `size` without gaps, each with its status; neighbours differ."""

    starts: list[int] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    size: int = 0

    @classmethod
    def of(cls, size: int) -> RescueMap:
        """Return the map of an image of which nothing was tried."""
        return cls([0], [UNTRIED], size) if size else cls()

    def areas(self, statuses: Iterable[str] = STATUSES) -> Iterator[tuple[int, int, str]]:
        """Yield start, end and status of the areas that have one of some statuses, as they are now."""
        wanted = frozenset(statuses)
        ends = [*self.starts[1:], self.size][: len(self.starts)]
        yield from (
            (start, end, status)
            for start, end, status in zip(self.starts.copy(), ends, self.statuses.copy(), strict=True)
            if status in wanted
        )

    def mark(self, start: int, end: int, status: str) -> None:
        """Give bytes a status; the map grows when they lie beyond its end."""
        if start >= end:
            return
        if end > self.size:
            self._set(self.size, end, UNTRIED)
            self.size = end
        self._set(start, end, status)

    def _set(self, start: int, end: int, status: str) -> None:
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        after = end if last < 0 else (self.starts[last + 1] if last + 1 < len(self.starts) else self.size)
        pieces = [(start, status)]
        if first >= 0 and self.starts[first] < start:
            pieces.insert(0, (self.starts[first], self.statuses[first]))
        if last >= 0 and end < after:
            pieces.append((end, self.statuses[last]))
        low, high = max(first, 0), last + 1
        if low and self.statuses[low - 1] == pieces[0][1]:
            low -= 1
            pieces[0] = (self.starts[low], pieces[0][1])
        if high < len(self.starts) and self.statuses[high] == pieces[-1][1]:
            high += 1
        joined = [one for n, one in enumerate(pieces) if not n or pieces[n - 1][1] != one[1]]
        self.starts[low:high] = [at for at, _ in joined]
        self.statuses[low:high] = [each for _, each in joined]

    def missing(self, size: int) -> Gaps:
        """Return what was not read of an image of `size` bytes; what the map says nothing of is missing."""
        found: list[Extent] = []
        at = 0  # what lies before it and is not in `found` was read
        for start, end, _ in self.areas({GOOD}):
            if at < min(start, size):
                found.append((at, min(start, size) - at))
            at = end
        if at < size:
            found.append((at, size - at))
        return Gaps(found)

    def good_bytes(self) -> int:
        """Return how many bytes were read."""
        return sum(end - start for start, end, _ in self.areas({GOOD}))

    def text(self) -> str:
        """Return the map file."""
        rest = next((start for start, _, _ in self.areas(STATUSES - {GOOD})), None)
        state = "+" if rest is None else "?"
        lines = ["# Mapfile. Created by mediakit", "# current_pos  current_status  current_pass"]
        lines += [f"0x{rest or 0:08X}     {state}               1", "#      pos        size  status"]
        lines += [f"0x{start:08X}  0x{end - start:08X}  {status}" for start, end, status in self.areas()]
        return "\n".join([*lines, ""])


def parse_map(data: bytes, where: str = "") -> RescueMap:
    """Return a map. Raises SourceError for bytes that are none, with the line."""
    found = RescueMap()
    is_status_seen = False
    if len(data) > MAX_BYTES:
        raise _wrong(where, 1, f"the map has more than {MAX_BYTES >> 20} MiB")
    for number, line in enumerate(BytesIO(data), 1):
        if len(line) > _LONGEST_LINE:
            raise _wrong(where, number, "no line is so long")
        words = line.split(b"#", 1)[0].split()
        if not words:
            continue
        if not is_status_seen:
            is_status_seen = True
            is_right = len(words) in {2, 3} and words[1].decode("latin-1") in _STATES
            if not is_right or any(_INTEGER.fullmatch(word) is None for word in (words[0], *words[2:])):
                raise _wrong(where, number, "it should say position, status and pass")
            continue
        _append(found, words, where, number)
    if not found.starts:
        raise SourceError("is not a map of a rescued image", where=where, why="it has no areas")
    return found


def _append(found: RescueMap, words: list[bytes], where: str, number: int) -> None:
    status = words[-1].decode("latin-1")
    if len(words) != 3 or status not in STATUSES:
        raise _wrong(where, number, "it should say position, size and status (? * / - +)")
    start, size = (_integer(word, where, number) for word in words[:2])
    if not size or start + size > _END:
        raise _wrong(where, number, "no area can be of this size")
    if not found.starts and start:
        found.mark(0, start, UNTRIED)
    if start != found.size:
        raise _wrong(where, number, "the areas overlap, or leave something out")
    if len(found.starts) >= _MOST_AREAS:
        raise _wrong(where, number, f"there are more than {_MOST_AREAS:,} areas")
    if found.statuses and found.statuses[-1] == status:
        found.size = start + size
    else:
        found.starts.append(start)
        found.statuses.append(status)
        found.size = start + size


def _integer(word: bytes, where: str, number: int) -> int:
    if _INTEGER.fullmatch(word) is None:
        raise _wrong(where, number, "a number is decimal, 0x with hexadecimal or 0 with octal digits")
    if word[:2] in {b"0x", b"0X"}:
        return int(word, 16)
    return int(word, 8) if word[:1] == b"0" else int(word)


def _wrong(where: str, number: int, why: str) -> SourceError:
    hint = "give the map that ddrescue or `mediakit salvage` wrote for this image"
    return SourceError(f"is not a map of a rescued image, see line {number}", where=where, why=why, hint=hint)
