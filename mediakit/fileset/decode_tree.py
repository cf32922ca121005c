"""Raw records to a tree: offsets followed, broken ones repaired, lost records put where they likely belong.

Every record is taken into the tree once, by whoever reaches it first; levels are taken from the root down, so
that a wrong offset deep in the tree cannot take away what the levels above hold together. Each repair is a
finding. No recursion: the depth is what the file says, and it is bounded.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from mediakit.fileset.decode_findings import FindingList
from mediakit.fileset.decode_items import RawRecord
from mediakit.fileset.record_types import CHILDREN, CURRENT_TYPES, ROOT_TYPES
from mediakit.findings import Rule, Severity

OFFSET_NOWHERE = Rule(
    id="MK-DIR-012",
    severity=Severity.ERROR,
    title="offset {offset} is not the start of a directory record; {repair}",
    ref="PS3.3 F.3.2.2",
    hint="readers stop there and miss images; `mediakit repair` rewrites the offsets",
)
OFFSETS_SHIFTED = Rule(
    id="MK-DIR-013",
    severity=Severity.ERROR,
    title="all offsets are wrong by {shift} bytes; they were read as if they were right",
    ref="PS3.3 F.3.2.2",
    hint="offsets count from the first byte of the file; a tool changed the file in front of the "
    "first record",
)
RING = Rule(
    id="MK-DIR-014",
    severity=Severity.ERROR,
    title="offset {offset} leads back to a record that leads here",
    ref="PS3.3 F.2.1",
    hint="readers may never finish or show images twice; `mediakit repair` rewrites the offsets",
)
REACHED_TWICE = Rule(
    id="MK-DIR-015",
    severity=Severity.ERROR,
    title="the record at {offset} already belongs to another directory entity",
    ref="PS3.3 F.2.1",
    hint="readers may show images twice or under another patient; `mediakit repair` rewrites the offsets",
)
UNREACHABLE = Rule(
    id="MK-DIR-016",
    severity=Severity.ERROR,
    title="no offset leads to this {type} record; it was placed below {parent} by its position in the file",
    ref="PS3.3 F.2.1",
    hint="whether it belongs there is a guess: the file that it references says which patient it belongs to",
)
LAST_ROOT = Rule(
    id="MK-DIR-017",
    severity=Severity.WARNING,
    title="the offset of the last root record is {offset}, but that record is at {true}",
    ref="PS3.3 F.3.2.2",
    hint="programs that add records need it, readers do not; `mediakit repair` rewrites it",
)
NO_FIRST_ROOT = Rule(
    id="MK-DIR-018",
    severity=Severity.ERROR,
    title="the directory says that its root is empty, but there are {count:record|records}",
    ref="PS3.3 F.3.2.2",
    hint="readers find nothing on the medium; `mediakit repair` rewrites the directory",
)
TOO_DEEP = Rule(
    id="MK-DIR-030",
    severity=Severity.ERROR,
    title="records are nested more than {limit} levels deep; what is below was placed elsewhere",
    ref="PS3.3 F.4",
    hint="no medium needs so many levels: it was written by a broken program, or as an attack",
)

#: The standard needs five levels; private records may go deeper.
MAX_DEPTH = 64

MRDR = "MRDR"  # a retired record outside the tree: other records reach a file through it
ROOT = -1
_FREE = -2

_PARENTS: dict[str, tuple[str, ...]] = {}
for _parent, _children in CHILDREN.items():
    if _parent not in {"", "PRIVATE"}:
        for _child in _children - {"PRIVATE"}:
            _PARENTS[_child] = (*_PARENTS.get(_child, ()), _parent)


class Linked(Struct):
    """The tree as indices: `order` has each record after its parent, `children` what is below (or ROOT)."""

    records: Sequence[RawRecord]
    starts: Mapping[int, int]
    shift: int = 0
    order: list[int] = field(default_factory=list)
    children: dict[int, list[int]] = field(default_factory=dict)

    def at(self, offset: int) -> RawRecord | None:
        """Return the record that an offset of the file means, or None."""
        index = self.starts.get(offset + self.shift)
        return None if index is None else self.records[index]


def link(records: Sequence[RawRecord], first: int, last: int, findings: FindingList) -> Linked:
    """Return the records linked by their offsets; `first` and `last` are those of the root level."""
    linker = _Linker(records, findings)
    linker.find_shift(first)
    linker.follow_roots(first)
    linker.adopt_lost()
    linker.check_last_root(last)
    return linker.linked


class _Step(Struct, frozen=True):
    """An offset to follow: the record that it stands in, and the one below which its target will stand."""

    parent: int
    source: int
    offset: int


class _Linker:
    def __init__(self, records: Sequence[RawRecord], findings: FindingList) -> None:
        starts = {record.start: index for index, record in enumerate(records)}
        self.linked = Linked(records, starts)
        self._records = records
        self._findings = findings
        self._next = [record.next or 0 for record in records]
        self._lower = [record.lower or 0 for record in records]
        self._parent = [_FREE] * len(records)
        self._depth = [0] * len(records)
        self._order_of_starts = [record.start for record in records]
        self._aimed_at: set[int] | None = None
        self._types = [record.type for record in records]
        self._doubtful: list[_Step] = []

    def find_shift(self, first: int) -> None:
        """Find out whether all offsets are wrong by the same number of bytes.

        It happens when a tool writes the file meta information anew, or counts from its end.
        """
        if not first or not self._records or first in self.linked.starts:
            return
        offsets = [offset for offset in (*self._next, *self._lower) if offset]
        shift = self._records[0].start - first
        starts = self.linked.starts
        if all(offset + shift in starts for offset in offsets):
            self.linked.shift = shift
            self._findings.add(OFFSETS_SHIFTED, shift=-shift)

    def follow_roots(self, first: int) -> None:
        """Follow the root level and all below it."""
        if first:
            self._follow(_Step(ROOT, ROOT, first))
        elif any(kind != MRDR for kind in self._types):
            self._findings.add(NO_FIRST_ROOT, count=len(self._records))

    def check_last_root(self, last: int) -> None:
        """Compare what is said of the last record of the root level with what is there."""
        roots = self.linked.children.get(ROOT, ())
        true = self._records[roots[-1]].start - self.linked.shift if roots else 0
        if last != true:
            self._findings.add(LAST_ROOT, offset=last, true=true)

    def adopt_lost(self) -> None:
        """Put the records that no offset led to below the nearest record before them that may have them.

        The head of a lost chain goes first and takes its chain and all below along. Then come the offsets
        that led to a type that cannot stand there: only now it is known that nobody else wants the record.
        What is left are rings of lost records: they are opened at their first record in the file.
        """
        lost = [i for i, kind in enumerate(self._types) if self._parent[i] == _FREE and kind != MRDR]
        if not lost:
            self._settle_doubtful()
            return
        guesses = self._guess_parents(set(lost))
        at = self._index_of
        led_to = {at(offset) for i in lost for offset in (self._next[i], self._lower[i]) if offset}
        led_to |= {at(step.offset) for step in self._doubtful}
        for index in lost:
            if index not in led_to:
                self._adopt(index, guesses[index])
        self._settle_doubtful()
        for index in lost:
            self._adopt(index, guesses[index])
            self._settle_doubtful()

    def _settle_doubtful(self) -> None:
        while self._doubtful:
            doubtful, self._doubtful = self._doubtful, []
            for step in doubtful:
                self._follow(step, is_settled=True)

    def _adopt(self, index: int, guess: int) -> None:
        if self._parent[index] != _FREE:
            return
        parent = guess
        if parent != ROOT and (self._parent[parent] == _FREE or self._depth[parent] >= MAX_DEPTH):
            parent = ROOT
        start, kind = self._records[index].start, self._types[index]
        name = "the root" if parent == ROOT else f"the record at {self._records[parent].start}"
        self._findings.add(UNREACHABLE, record=start, type=ascii(kind[:32]), parent=name)
        self._follow(_Step(parent, index, start - self.linked.shift), is_settled=True)

    def _guess_parents(self, lost: set[int]) -> dict[int, int]:
        """Return for each lost record the nearest one before it in the file that may stand above it."""
        nearest: dict[str, int] = {}
        guesses = {}
        for index, kind in enumerate(self._types):
            if index in lost:
                above = () if kind in ROOT_TYPES else _PARENTS.get(kind, ())
                guesses[index] = max((nearest.get(name, ROOT) for name in above), default=ROOT)
            nearest[kind] = index
        return guesses

    def _follow(self, first: _Step, *, is_settled: bool = False) -> None:
        """Take a directory entity and everything below it into the tree, level by level.

        `is_settled`: the first record is taken even when its type cannot stand there.
        """
        waiting = deque([first])
        while waiting:
            step = waiting.popleft()
            if step.parent != ROOT and self._depth[step.parent] >= MAX_DEPTH:
                self._findings.add(TOO_DEEP, record=self._records[step.parent].start, limit=MAX_DEPTH)
                continue
            waiting.extend(self._take_entity(step, is_settled=is_settled))
            is_settled = False

    def _take_entity(self, step: _Step, *, is_settled: bool) -> list[_Step]:
        """Take one chain of siblings; return what its records lead to below."""
        parent, source, offset = step.parent, step.source, step.offset
        depth = 1 if parent == ROOT else self._depth[parent] + 1
        allowed = CHILDREN.get("" if parent == ROOT else self._types[parent], CURRENT_TYPES)
        taken = self.linked.children.setdefault(parent, [])
        below: list[_Step] = []
        while offset:
            index = self._resolve(source, offset)
            if index is None:
                break
            if self._parent[index] != _FREE:
                self._report_taken(index, parent, source, offset)
                break
            kind = self._types[index]
            if kind in CURRENT_TYPES and kind not in allowed and not is_settled:
                self._doubtful.append(_Step(parent, source, offset))
                break
            is_settled = False
            self._parent[index] = parent
            self._depth[index] = depth
            self.linked.order.append(index)
            taken.append(index)
            if self._lower[index]:
                below.append(_Step(index, index, self._lower[index]))
            source, offset = index, self._next[index]
        return below

    def _report_taken(self, index: int, parent: int, source: int, offset: int) -> None:
        above = parent
        while above not in {ROOT, index}:  # bounded by MAX_DEPTH
            above = self._parent[above]
        rule = RING if above == index or self._parent[index] == parent else REACHED_TWICE
        self._findings.add(rule, record=self._start(source), offset=offset)

    def _index_of(self, offset: int) -> int | None:
        return self.linked.starts.get(offset + self.linked.shift)

    def _start(self, index: int) -> int | None:
        return None if index == ROOT else self._records[index].start

    def _resolve(self, source: int, offset: int) -> int | None:
        """Return the index of the record that an offset means.

        An offset that is no start of a record means the next record behind it, as long as no other offset
        means that one: the repair that fo-dicom makes, but told.
        """
        wanted = offset + self.linked.shift
        index = self.linked.starts.get(wanted)
        if index is not None:
            return index
        aimed_at = self._targets()
        at = bisect_right(self._order_of_starts, wanted)
        repair = "it was passed over"
        if at < len(self._records) and at not in aimed_at and self._parent[at] == _FREE:
            aimed_at.add(at)
            index = at
            repair = f"the record at {self._records[at].start} was taken instead"
        self._findings.add(OFFSET_NOWHERE, record=self._start(source), offset=offset, repair=repair)
        return index

    def _targets(self) -> set[int]:
        """Return the records that some offset means."""
        if self._aimed_at is None:
            found = (self._index_of(offset) for offset in (*self._next, *self._lower) if offset)
            self._aimed_at = {index for index in found if index is not None}
        return self._aimed_at
