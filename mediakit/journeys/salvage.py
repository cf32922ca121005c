"""Salvage: an image of a damaged medium, from a drive or from several damaged copies, with a map of its gaps.

The directories come first, then the rest; what fails is halved and read again last. Bytes that could not be
read are named by the map and by every file that they touch; the map goes with the image, and every journey
that reads the image leaves them alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mediakit.dicom.instance import shown
from mediakit.durable import check_regular, check_room, write_error
from mediakit.errors import SourceError, UsageError, mapped
from mediakit.events import FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Rule, Severity, Where
from mediakit.formats.base import NodeKind
from mediakit.formats.gapped import gaps_of
from mediakit.formats.readable import Extent, Gaps, Image
from mediakit.formats.registry import open_tree
from mediakit.formats.rescue_map import (
    BAD,
    GOOD,
    MAX_BYTES,
    UNSCRAPED,
    UNTRIED,
    UNTRIMMED,
    RescueMap,
    parse_map,
)
from mediakit.formats.same_disc import deciding
from mediakit.outcome import Figures, Outcome, Result, State
from mediakit.rules.instances import NOT_WHOLE
from mediakit.stages.act.comparing import Comparison, contradiction
from mediakit.stages.act.salvaging import BLOCK, Drive, Reader, Rescue, TimeIsUpError, write_map
from mediakit.stages.look.closed import CANNOT_READ
from mediakit.stages.look.fates import Fates

LEFT_OVER = Rule(
    id="MK-SAL-001",
    severity=Severity.WARNING,
    title="{count:byte|bytes} could not be read; no file lies there",
    ref="PS3.12",
    hint="nothing is lost that the directories name; another copy of the medium may fill the gap",
)
STOPPED = Rule(
    id="MK-SAL-002",
    severity=Severity.ERROR,
    title="stopped {why} before everything was tried: {count:byte is|bytes are} left",
    ref="PS3.12",
    hint="run the same command again: it goes on where it stopped",
)
NO_FILES = Rule(
    id="MK-SAL-003",
    severity=Severity.ERROR,
    title="the directories cannot be read, so nobody knows which files are whole: {why}",
    ref="PS3.12",
    hint="run it again with another drive, or give another copy of the same medium as well",
)
NOT_COMPARED = Rule(
    id="MK-SAL-005",
    severity=Severity.ERROR,
    title="stopped {why} before the copies were compared with one another",
    ref="PS3.12",
    hint="run the same command again: until then the image may hold bytes that the copies do not agree on",
)

_HEAD = (0, 304 * 2048)  # descriptors of all formats, and mostly the first folders
_TAIL_BYTES = 512 * 1024  # UDF has anchors there
_MOST_ROUNDS = 64  # levels of folders


@dataclass(frozen=True, slots=True, kw_only=True)
class SalvageOrder:
    """Where the image goes and its map (None: beside it, "disc.iso.map").

    Sectors that fail are read again `retries` times. `limit_s`: stop after so many seconds.
    """

    out: Path
    rescue_map: Path | None = None
    retries: int = 1
    limit_s: float | None = None
    now: Callable[[], float] = time.monotonic

    @property
    def map_path(self) -> Path:
        """Return where the map is."""
        return self.rescue_map or self.out.with_name(f"{self.out.name}.map")


@dataclass(frozen=True, slots=True, kw_only=True)
class SalvageFigures(Figures):
    """What was read. Sizes are in bytes."""

    source: str
    target: str
    map: str
    size_bytes: int
    read_bytes: int
    missing_bytes: int
    damaged_files: int


def salvage(sources: Sequence[Path], order: SalvageOrder, tell: Listener = silence) -> Result:
    """Read what can be read of one medium, from a drive, an image, or several damaged copies of it.

    An image and map that are there are gone on with. Returns one fate for every file that the directories
    name, also when it was stopped. Several copies are compared, and bytes in which they differ count as not
    read. Raises SourceError when a source cannot be opened or is no copy of the
    same medium, UsageError for a target that cannot be, DoesNotFit and IntegrityError when it cannot be
    written.
    """
    with _opened(sources, order) as copies:
        known = _known(order)
        _check_same(copies, order, known)
        size = max([known.size, *(copy.image.size for copy in copies)])
        if size > known.size:
            known.mark(known.size, size, UNTRIED)
        tell(PhaseStarted("salvage", total=size - known.good_bytes(), unit="bytes"))
        with _rescue(order, known, size, tell) as rescue:
            readers: list[Reader] = []
            why = _read(rescue, copies, readers, order)
            tell(PhaseEnded("salvage"))
            compared = Comparison(rescue)
            why = why or _compare(compared, copies, readers)
    return _result(sources, order, compared, why, tell)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy of the medium: a drive, or an image with what was not read of it."""

    path: Path
    image: Image
    drive: Drive
    gaps: Gaps

    def rest(self, known: RescueMap, *, is_first: bool) -> RescueMap:
        """Return what is to be tried on this copy."""
        rest = RescueMap.of(known.size)
        for start, end, status in known.areas():
            rest.mark(start, end, status if is_first or status == GOOD else UNTRIED)
        for start, size in (*self.gaps.extents, (self.image.size, known.size - self.image.size)):
            rest.mark(start, start + size, GOOD)  # nothing to try: this copy has it not
        return rest

    def comparable(self, known: RescueMap, rest: RescueMap) -> RescueMap:
        """Return as good what is in the image and can be read of this copy; `rest` says what failed."""
        both = RescueMap.of(known.size)
        for start, end, _ in known.areas({GOOD}):
            both.mark(start, end, GOOD)
        for start, size in (*self.gaps.extents, (self.image.size, known.size - self.image.size)):
            both.mark(start, start + size, UNTRIED)
        for start, end, _ in rest.areas({UNTRIMMED, UNSCRAPED, BAD}):
            both.mark(start, end, UNTRIED)
        return both

    def sector(self, offset: int, size: int) -> bytes | None:
        """Return bytes for the comparison of copies; None when they cannot be read."""
        try:
            data = self.image.read(offset, size)
        except SourceError:
            return None
        return data if len(data) == size else None


@contextmanager
def _opened(sources: Sequence[Path], order: SalvageOrder) -> Iterator[list[_Copy]]:
    """Open the copies. Raises SourceError, UsageError."""
    with ExitStack() as stack:
        copies = []
        for path in sources:
            if os.path.realpath(path) in {os.path.realpath(order.out), os.path.realpath(order.map_path)}:
                raise UsageError("the target is a source", where=str(order.out), hint="name another file")
            if path.is_dir():
                hint = "give the drive, for example /dev/sr0, or an image of it"
                raise SourceError("is a folder, and not a medium", where=str(path), hint=hint)
            gaps = gaps_of(path)
            image = stack.enter_context(closing(Image(path, gaps)))
            with mapped({OSError: SourceError}, "cannot be opened", str(path)):
                drive = stack.enter_context(closing(Drive(path, image.size)))
            if not image.size:
                hint = "give a drive with a medium in it, or an image"
                raise SourceError("there is nothing to read", where=str(path), hint=hint)
            copies.append(_Copy(path, image, drive, gaps))
        yield copies


def _known(order: SalvageOrder) -> RescueMap:
    """Return what an earlier run read. Raises UsageError when image and map do not go together."""
    out, path = order.out, order.map_path
    with mapped({OSError: UsageError}, "the target cannot be used", str(out)):
        for each in (out, path):
            check_regular(each)
            if each.is_dir() or not each.absolute().parent.is_dir():
                raise UsageError("choose a file name in a folder that exists", where=str(each))
        has_image, has_map = out.exists(), path.exists()
        if has_image and not has_map:
            hint = "name another file, or the map that goes with it (`--map FILE`)"
            raise UsageError("the target exists, and has no map to go on with", where=str(out), hint=hint)
        if not has_map:
            return RescueMap()
        with path.open("rb") as stream:
            known = parse_map(stream.read(MAX_BYTES + 1), str(path))
        if known.good_bytes() and not has_image:
            raise UsageError("the map is there and its image is not", where=str(path), hint="remove the map")
        if has_image and out.stat().st_size < max((end for _, end, _ in known.areas({GOOD})), default=0):
            raise UsageError("the map goes with a larger image", where=str(path))
    return known


def _check_same(copies: Sequence[_Copy], order: SalvageOrder, known: RescueMap) -> None:
    """Raise SourceError unless all copies, and what was read before, are of one medium."""
    seen = [(str(copy.path), deciding(copy.sector)) for copy in copies]
    if known.good_bytes():
        with closing(Image(order.out, known.missing(known.size))) as image:
            before = _Copy(order.out, image, copies[0].drive, Gaps())
            seen.insert(0, (str(order.out), deciding(before.sector)))
            if not seen[0][1]:  # nothing that decides was read yet
                del seen[0]
    (first, wanted), *others = seen
    for where, found in others:
        common = wanted.keys() & found.keys()
        if any(wanted[at] != found[at] for at in common):
            raise SourceError(
                f"is not a copy of the same medium as {first}",
                where=where,
                why="their volume descriptors differ",
                hint="give copies of one medium alone",
            )
        if not common:
            raise SourceError(
                f"it is impossible to know whether this is a copy of the same medium as {first}",
                where=where,
                why="no volume descriptor can be read of both",
            )
        wanted = wanted | found


@contextmanager
def _rescue(order: SalvageOrder, known: RescueMap, size: int, tell: Listener) -> Iterator[Rescue]:
    """Give the rescue; whatever ends the block, map and image are saved. Raises as `write_error` says."""
    deadline = None if order.limit_s is None else order.now() + order.limit_s
    try:
        check_room(order.out, size - known.good_bytes())
        write_map(order.map_path, known)  # from here on the image is known to have gaps
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        fd = os.open(order.out, flags, 0o666)
        try:
            rescue = Rescue(fd, order.out, order.map_path, known, order.now, deadline, tell)
            os.ftruncate(fd, size)
            try:
                yield rescue
            finally:
                rescue.save()
        finally:
            os.close(fd)
    except OSError as exc:
        error = write_error(exc, order.out)
        hint = "see that there is room, and run the same command again: it goes on where it stopped"
        raise type(error)(error.what, where=error.where, why=error.why, hint=hint) from exc


def _read(rescue: Rescue, copies: Sequence[_Copy], readers: list[Reader], order: SalvageOrder) -> str:
    """Read from each copy what the ones before it did not give; return why it was stopped, or "".

    `readers` is filled, with one for each copy that was begun with.
    """
    try:
        for number, copy in enumerate(copies):
            reader = Reader(rescue, copy.drive, copy.rest(rescue.map, is_first=not number))
            readers.append(reader)
            _read_directories(rescue, reader)
            everything = ((0, rescue.map.size),)
            reader.sweep(everything, is_skipping=True)
            reader.sweep(everything)
        for reader in readers:
            reader.without_good()
            reader.scrape()
        for _ in range(order.retries):
            for reader in readers:
                reader.without_good()
                reader.retry()
    except TimeIsUpError:
        return "at the time limit"
    except KeyboardInterrupt:
        return "by a signal"
    return ""


def _compare(compared: Comparison, copies: Sequence[_Copy], readers: Sequence[Reader]) -> str:
    """Compare each of several copies with the image; return why it was stopped, or ""."""
    if len(copies) > 1:
        compared.is_begun = True
        known, tell = compared.rescue.map, compared.rescue.tell
        tell(PhaseStarted("compare", total=len(copies) * known.good_bytes(), unit="bytes"))
        try:
            for copy, reader in zip(copies, readers, strict=True):
                compared.compare(copy.drive, copy.comparable(known, reader.rest))
        except TimeIsUpError:
            return "at the time limit"
        except KeyboardInterrupt:
            return "by a signal"
        tell(PhaseEnded("compare"))
    compared.is_whole = True
    return ""


def _read_directories(rescue: Rescue, reader: Reader) -> None:
    """Read what the file system is described by: what is asked for to open it, level by level."""
    size = rescue.map.size
    reader.sweep([_HEAD, (max(0, size - _TAIL_BYTES), _TAIL_BYTES)])
    for _ in range(_MOST_ROUNDS):
        before = rescue.map.good_bytes()
        wanted = {_whole_blocks(extent) for extent in _wanted(rescue.image, rescue.map, size)}
        reader.sweep(sorted(wanted))
        if rescue.map.good_bytes() == before:
            return


def _wanted(image: Path, known: RescueMap, size: int) -> list[Extent]:
    """Return what a reader of the file system asks for and does not find, and where the DICOMDIR lies."""
    gaps = known.missing(size)
    try:
        with closing(open_tree(image, gaps=gaps)) as tree:
            node = tree.find("DICOMDIR")
            extents = () if node is None else tree.extents(node)
            return [*gaps.missed, *(part for each in extents for part in gaps.touching(*each))]
    except SourceError:
        return gaps.missed


def _whole_blocks(extent: Extent) -> Extent:
    start = extent[0] - extent[0] % BLOCK
    end = extent[0] + extent[1]
    return start, end + -end % BLOCK - start


def _result(
    sources: Sequence[Path], order: SalvageOrder, compared: Comparison, why: str, tell: Listener
) -> Result:
    """Return a fate for every file of the image, what is missing, and where the copies differ."""
    fates = Fates(())
    known = compared.rescue.map
    subject = str(order.out)
    if compared.found:
        fates.findings.append(contradiction(order.out, compared))
    missing = known.size - known.good_bytes()
    damaged = 0
    try:
        with closing(open_tree(order.out, gaps=known.missing(known.size))) as tree:
            for damage in tree.facts.damage:
                fates.findings.append(NOT_WHOLE.at(Where(path=shown(subject, damage.path)), what=damage.what))
            for node in tree.walk():
                place = shown(subject, node.path)
                if not fates.enter(place):
                    continue
                if node.kind is NodeKind.UNREADABLE:
                    damaged += 1
                    fates.settle(place, State.UNREADABLE, CANNOT_READ.at(why=node.why))
                else:
                    fates.settle(place, State.WRITTEN)
    except SourceError as exc:
        damaged += 1
        fates.settle(subject, State.UNREADABLE, NO_FILES.at(why=exc.reason))
    is_unread = why and missing and not compared.is_begun
    is_stopped = is_unread or (why and len(sources) > 1 and not compared.is_whole)
    if is_stopped:
        fates.findings.append(STOPPED.at(why=why, count=missing) if is_unread else NOT_COMPARED.at(why=why))
    elif missing and not damaged and not fates.findings:
        fates.findings.append(LEFT_OVER.at(count=missing))
    figures = SalvageFigures(
        source=", ".join(map(str, sources)),
        target=subject,
        map=str(order.map_path),
        size_bytes=known.size,
        read_bytes=known.good_bytes(),
        missing_bytes=missing,
        damaged_files=damaged,
    )
    outcome = Outcome.INTERRUPTED if is_stopped and why == "by a signal" else None
    result = fates.result("salvage", subject, figures, outcome=outcome)
    for fate in result.fates:
        tell(FileSettled(fate))
    return result
