"""Comparison of two media: which instances only one of them has, and which have other bytes on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance, shown
from mediakit.errors import SourceError, UsageError
from mediakit.events import Advanced, FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.compare import header_difference, record_differences
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.formats.base import Tree
from mediakit.outcome import Figures, Result, State
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.closed import finding_on_failure
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.media import look, open_media, sha256_of

ONLY_HERE = Rule(
    id="MK-DIF-001",
    severity=Severity.ERROR,
    title="{other} does not have instance {uid}",
    ref="PS3.10 8.6",
    hint="when both should hold the same study, an image was lost: look for it before either is given away",
)
OTHER_BYTES = Rule(
    id="MK-DIF-002",
    severity=Severity.ERROR,
    title="instance {uid} on {other} has different bytes ({path}); what differs: {what}",
    ref="PS3.10 7",
    hint="one SOP Instance UID must stand for one instance: find out which of the two is the original",
)
OTHER_RECORD = Rule(
    id="MK-DIF-003",
    severity=Severity.WARNING,
    title="the directories describe instance {uid} differently: {what}",
    ref="PS3.3 F.5",
    hint="`mediakit validate` says which of them agrees with the files",
)
OTHER_CONTENT = Rule(
    id="MK-DIF-004",
    severity=Severity.NOTE,
    title="is not a DICOM file, and {other} has no identical file of this name",
    ref="PS3.10 8.1",
    hint="viewers and read-me files often differ; they hold no instance",
)
DIRECTORY = Rule(
    id="MK-DIF-005",
    severity=Severity.NOTE,
    title="is a directory: its records are compared, not its bytes",
    ref="PS3.10 8.6",
    hint="two directories can say the same with different bytes",
)

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffFigures(Figures):
    """The two media."""

    source: str
    target: str


def diff(
    one: Path,
    other: Path,
    fail_on: Severity = Severity.ERROR,
    tell: Listener = silence,
    keys: Keys = NO_KEYS,
) -> Result:
    """Compare two media by SOP Instance UID and by every byte; names and places of files do not matter.

    `keys` open what is encrypted. Every file of both ends in one state. Raises SourceError when one of them
    cannot be opened, UsageError when both are the same.
    """
    if one.resolve() == other.resolve():
        raise UsageError("a medium is compared with itself", where=str(one))
    with open_media((one, other), keys) as media:
        surveys = tuple(look(tree, name, Scanner(), tell) for name, tree in media.trees.items())
        fates = Fates(surveys)
        sides = [_Side(survey, media.trees[survey.subject]) for survey in surveys]
        _Comparison(*sides).settle(fates, tell)
    figures = DiffFigures(source=str(one), target=str(other))
    result = fates.result("diff", f"{one} | {other}", figures, fail_on)
    for fate in result.fates:
        tell(FileSettled(fate))
    return result


class _Side:
    """One of the two media: its name, what is on it, and its instances by SOP Instance UID."""

    def __init__(self, seen: Survey, tree: Tree) -> None:
        self.name = seen.subject
        self.tree = tree
        self.seen = seen
        self.by_path = {file.path: file for file in self.seen.files}
        self.by_uid: dict[str, list[FileFact]] = {}
        for file, instance in self.seen.instances():
            self.by_uid.setdefault(instance.sop_instance, []).append(file)

    def open(self, file: FileFact) -> BinaryIO:
        """Open a file again. Raises SourceError."""
        node = self.tree.find(file.path)
        if node is None:
            raise SourceError("cannot be found again", where=printable(file.path))
        return self.tree.open(node)


class _Comparison:
    """Two media side by side. No pair of files is read twice."""

    def __init__(self, one: _Side, other: _Side) -> None:
        self.one = one
        self.other = other
        self._equal: dict[tuple[str, str], bool] = {}

    def settle(self, fates: Fates, tell: Listener) -> None:
        """Give every file of both its fate."""
        tell(PhaseStarted("compare", total=len(self.one.seen.files) + len(self.other.seen.files)))
        for mine, its in ((self.one, self.other), (self.other, self.one)):
            for file in mine.seen.files:
                place = shown(mine.name, file.path)
                if fates.enter(place):
                    state, finding = self._fate(file, mine, its)
                    uid = "" if file.instance is None else file.instance.sop_instance
                    fates.settle(place, state, finding, sop_instance=uid)
                tell(Advanced())
        for uid, what in record_differences(self.one.seen, self.other.seen):
            fates.findings.append(OTHER_RECORD.at(Where(path=self.one.name), uid=uid, what=what))
        tell(PhaseEnded("compare"))

    def _fate(self, file: FileFact, mine: _Side, its: _Side) -> tuple[State, Finding | None]:
        if file.kind is FileKind.DICOMDIR:
            return State.EXCLUDED, DIRECTORY.at()
        if file.kind in {FileKind.DAMAGED, FileKind.CLOSED} or file.is_locked:
            return State.UNREADABLE, file.finding
        try:
            if file.instance is not None:
                return self._fate_of_instance(file, file.instance, mine, its)
            partner = its.by_path.get(file.path)
            if partner is not None and self._is_among(file, [partner], mine, its):
                return State.SAME, None
            return State.NOT_DICOM, OTHER_CONTENT.at(other=its.name)
        except (SourceError, OSError) as exc:
            return State.UNREADABLE, finding_on_failure(exc)

    def _fate_of_instance(
        self, file: FileFact, instance: Instance, mine: _Side, its: _Side
    ) -> tuple[State, Finding | None]:
        uid = instance.sop_instance
        partners = its.by_uid.get(uid)
        if not partners:
            return State.ALONE, ONLY_HERE.at(uid=uid, other=its.name)
        if self._is_among(file, partners, mine, its):
            return State.SAME, None
        theirs = partners[0].instance
        what = "" if theirs is None else header_difference(instance, theirs)
        return State.DIFFERS, OTHER_BYTES.at(uid=uid, other=its.name, path=partners[0].path, what=what)

    def _is_among(self, file: FileFact, partners: Sequence[FileFact], mine: _Side, its: _Side) -> bool:
        """Return True when one of the partners has the same bytes. Raises SourceError, OSError."""
        alike = [partner for partner in partners if partner.size == file.size]
        if len(alike) > 1:  # each is read once, however many there are
            return _digest(file, mine) in {_digest(partner, its) for partner in alike}
        return any(self._are_equal(file, partner, mine, its) for partner in alike)

    def _are_equal(self, file: FileFact, partner: FileFact, mine: _Side, its: _Side) -> bool:
        pair = (file.path, partner.path) if mine is self.one else (partner.path, file.path)
        if pair not in self._equal:
            with mine.open(file) as ours, its.open(partner) as theirs:
                self._equal[pair] = _have_same_bytes(ours, theirs)
        return self._equal[pair]


def _digest(file: FileFact, side: _Side) -> str:
    with side.open(file) as stream:
        return sha256_of(stream)


def _have_same_bytes(one: BinaryIO, other: BinaryIO) -> bool:
    while True:
        ours, theirs = _block(one), _block(other)
        if ours != theirs:
            return False
        if not ours:
            return True


def _block(stream: BinaryIO) -> bytes:
    """Return a whole block, less only at the end of the stream."""
    found = stream.read(_BLOCK)
    while 0 < len(found) < _BLOCK and (part := stream.read(_BLOCK - len(found))):
        found += part
    return found
