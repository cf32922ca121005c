"""How rows and fates of an import belong together, and what to do about each state. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from mediakit.dicom.instance import shown
from mediakit.findings import Finding, Report
from mediakit.outcome import Fate, State
from mediakit.stages.look.closed import LOCKED_DIRECTORY
from mediakit.stages.look.inventory_rules import DAMAGED_DIRECTORY, DIRECTORY
from mediakit.transfer.imported import Imported
from mediakit.transfer.row import Row

#: What to do about an instance, by the state that it ended in. "RESUME" stands for the command.
TO_DO: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.STORED_WITH_WARNING: "compare what the destination shows with the medium",
        State.UNCONFIRMED: "keep the medium; look at the destination, then `mediakit job retry JOB`",
        State.UNCERTAIN: "it may be there or not; RESUME sends it again, which does no harm",
        State.UNSENT: "RESUME sends it",
        State.REFUSED: "look for room and limits at the destination, then `mediakit job retry JOB`",
        State.FAILED: "the log of the destination tells why; then `mediakit job retry JOB`",
        State.NOT_NEGOTIATED: "have it allowed at the destination, then `mediakit job retry JOB`",
        State.UNREADABLE: "try another drive, or a new copy from the sender; RESUME fills the gap",
        State.MISSING: "ask the sender for a new copy; RESUME with it fills the gap",
        State.CONFLICT: "find out which of the two is right before one is replaced",
        State.WITHHELD: "find out whose images these are before anything is imported",
    }
)
_DIRECTORIES: Final = frozenset({DIRECTORY.id, DAMAGED_DIRECTORY.id, LOCKED_DIRECTORY.id})
_WORST_FIRST: Final = (
    State.UNCONFIRMED,
    State.CONFLICT,
    State.UNCERTAIN,
    State.FAILED,
    State.NOT_NEGOTIATED,
    State.REFUSED,
    State.UNREADABLE,
    State.MISSING,
    State.UNSENT,
    State.WITHHELD,
    State.STORED_WITH_WARNING,
)


class Ended(Struct, frozen=True):
    """One instance and how it ended."""

    row: Row
    fate: Fate

    @property
    def state(self) -> State:
        """Return the state in which it ended."""
        return self.fate.state

    @property
    def why(self) -> str:
        """Return what is known of the reason: the finding, else the words of the last answer."""
        because = self.fate.because
        return self.row.words if because is None else because.text

    def to_do(self, job: str) -> str:
        """Return what to do about it."""
        because = self.fate.because
        hint = because.rule.hint if because is not None and because.rule.hint else TO_DO.get(self.state, "")
        return hint.replace("RESUME", "the same command with `--resume`").replace("retry JOB", f"retry {job}")


def side_by_side(imported: Imported) -> str:
    """Return how many associations were open at once, to be added to a speed; "" for one."""
    most = int(imported.result.figures.get("associations", 1))
    return f", up to {most} associations at once" if most > 1 else ""


def place_of(imported: Imported, row: Row) -> str:
    """Return where an instance lies, as the fates and findings have it."""
    return shown(imported.source, row.place)


def _places(imported: Imported, row: Row) -> tuple[str, str]:
    """Return under which names the fate of a row may stand: with its key when others share its place."""
    place = place_of(imported, row)
    return place, f"{place} ({row.key})"


def ended(imported: Imported) -> tuple[Ended, ...]:
    """Return every instance with its fate, in physical order."""
    fates = {fate.source: fate for fate in imported.result.fates}
    return tuple(_ended(imported, row, fates) for row in imported.rows)


def _ended(imported: Imported, row: Row, fates: Mapping[str, Fate]) -> Ended:
    uid = row.item.sop_instance
    for place in _places(imported, row):
        known = fates.get(place)
        if known is not None and known.sop_instance in ("", uid):
            return Ended(row, known)
    return Ended(row, Fate(source=place_of(imported, row), state=row.state.fate, sop_instance=uid))


def other_files(imported: Imported) -> Iterator[Fate]:
    """Yield the fates of the files that hold no instance of the import."""
    places = {place for row in imported.rows for place in _places(imported, row)}
    return (fate for fate in imported.result.fates if fate.source not in places)


def is_directory(fate: Fate) -> bool:
    """Return True for the directory of the medium, which is left out without being asked to be."""
    return fate.because is not None and fate.because.rule.id in _DIRECTORIES


def needing_attention(imported: Imported) -> Iterator[tuple[State, list[Ended]]]:
    """Yield the instances that somebody has to look at, by state, the worst first."""
    by_state: dict[State, list[Ended]] = {}
    for each in ended(imported):
        by_state.setdefault(each.state, []).append(each)
    for state in _WORST_FIRST:
        if state in by_state:
            yield state, by_state[state]


def findings_besides(imported: Imported) -> tuple[Finding, ...]:
    """Return the findings that are not listed with the instances that need attention."""
    places = {each.fate.source for _, group in needing_attention(imported) for each in group}
    return tuple(finding for finding in imported.result.report.findings if finding.where.path not in places)


def report_besides(imported: Imported) -> Report:
    """Return the report without the findings that are told with the instances."""
    return Report(subject=imported.result.report.subject, findings=findings_besides(imported))
