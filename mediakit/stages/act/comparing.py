"""Compare copies of a medium with the image that was made of them: where they differ, none is believed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mediakit.errors import SourceError
from mediakit.events import Advanced
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.readable import Extent, Gaps
from mediakit.formats.registry import open_tree
from mediakit.formats.rescue_map import BAD, GOOD, RescueMap
from mediakit.stages.act.salvaging import BLOCK, SECTOR, Blocks, Rescue

CONTRADICTION = Rule(
    id="MK-SAL-004",
    severity=Severity.ERROR,
    title="the copies differ in {count:byte|bytes} ({ranges}), which are of {files}",
    ref="PS3.12",
    hint="these bytes count as not read: find out which copy is right, and run it again with that copy alone",
)
_CHUNK = 16 * BLOCK
_MOST_EXACT = 1000  # ranges; from there on whole blocks are marked, so that the map stays small
_MOST_NAMED = 8  # ranges and files of a contradiction


@dataclass(slots=True)
class Comparison:
    """Where copies differ from an image; these bytes are marked in its map as not read.

    `found` says where, in the order in which it was found. `is_begun`: reading is over;
    `is_whole`: everything was compared.
    """

    rescue: Rescue
    found: list[Extent] = field(default_factory=list)
    is_begun: bool = False
    is_whole: bool = False

    def compare(self, blocks: Blocks, areas: RescueMap) -> None:
        """Compare a copy with the image where `areas` is good. Raises TimeIsUpError.

        What cannot be read of the copy now is left out, in blocks of 64 KiB.
        """
        for start, end, _ in areas.areas({GOOD}):
            for at in range(start, end, _CHUNK):
                self._compare(blocks, at, min(at + _CHUNK, end))

    def _compare(self, blocks: Blocks, start: int, end: int) -> None:
        self.rescue.check_time()
        try:
            theirs = blocks.read(start, end - start)
        except OSError:
            if end - start > BLOCK:
                for at in range(start, end, BLOCK):
                    self._compare(blocks, at, min(at + BLOCK, end))
            return
        self.rescue.tell(Advanced(len(theirs)))
        ours = self.rescue.held(start, len(theirs))
        if ours == theirs:
            return
        step = SECTOR if len(self.found) < _MOST_EXACT else BLOCK
        for at in range(0, len(theirs), step):
            if ours[at : at + step] != theirs[at : at + step]:
                self._mark(start + at, start + min(at + step, len(theirs)))

    def _mark(self, start: int, end: int) -> None:
        self.rescue.map.mark(start, end, BAD)
        first = start
        if self.found and sum(self.found[-1]) == start:
            first = self.found.pop()[0]
        self.found.append((first, end - first))


def contradiction(image: Path, compared: Comparison) -> Finding:
    """Return the finding on what differs between the copies, with the files that lie there."""
    known, differing = compared.rescue.map, Gaps(sorted(compared.found))
    files: list[str] = []
    with suppress(SourceError), closing(open_tree(image, gaps=known.missing(known.size))) as tree:
        for node in tree.walk():
            with suppress(SourceError):  # nobody knows where it lies, and its fate says so
                if any(differing.touching(*extent) for extent in tree.extents(node)):
                    files.append(node.path)
    ranges = [f"{start} to {start + size - 1}" for start, size in differing.extents]
    return CONTRADICTION.at(
        Where(path=str(image)),
        count=sum(size for _, size in differing.extents),
        ranges=_some(ranges, "ranges"),
        files=_some(files, "files") or "no file that is known",
    )


def _some(names: Sequence[str], of_what: str) -> str:
    more = f" and {len(names) - _MOST_NAMED} more {of_what}" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
