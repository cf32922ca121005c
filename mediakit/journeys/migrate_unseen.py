"""What machines do not see of what a migration needs, as its workers report it, and what is said of it.

A worker of another machine may lack the discs, or the way to the database of the ledger. Each machine is
named once; when nobody works on a disc because of it, that is said after a while, and waited for as long as
for the destination. No clock and no connection here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from mediakit.errors import UsageError

DISCS: Final = "discs"
DATABASE: Final = "database"
_LATE_S: Final = 10.0  # that a report may take beyond the pause of a worker
_MOST_NAMED: Final = 5
_HINT: Final = (
    "mount the discs under the same path on each machine that is to work, and let it reach the database; "
    "`--workers` and `dask worker` belong on such machines only"
)


class Unseen(NamedTuple):
    """A machine does not see something: `kind` is DISCS or DATABASE. `words` are "" when it sees it again."""

    machine: str
    kind: str
    words: str


#: Told of what the machine of a worker does not see.
Reported = Callable[[Unseen], None]


@dataclass(slots=True)
class _Lack:
    """What a machine has not seen since, and when that was last reported, in seconds."""

    words: str
    since: float
    last: float


class Lacks:
    """What machines lack at the moment. Times are seconds of any clock that does not go back.

    Workers that lack a disc try another one after each `away_s`. A whole migration that waits because of it
    ends after `away_most_s`.
    """

    def __init__(self, away_s: float, away_most_s: float) -> None:
        self._away_s = away_s
        self._away_most_s = away_most_s
        self._lacks: dict[tuple[str, str], _Lack] = {}
        self._named: set[tuple[str, str]] = set()
        self._waiting_since: float | None = None
        self._is_said = False

    def note(self, report: Unseen, now: float) -> None:
        """Note what a worker reports."""
        name = (report.machine, report.kind)
        if not report.words:
            self._lacks.pop(name, None)
            return
        lack = self._lacks.setdefault(name, _Lack(report.words, now, now))
        lack.words, lack.last = report.words, now

    def note_progress(self) -> None:
        """Note that a disc has ended: somebody may be at work."""
        self._waiting_since = None

    def to_say(self, now: float, is_worked_on: Callable[[], bool]) -> Iterator[str]:
        """Yield what a person should know now, and has not been told.

        Raises UsageError when nobody has been at work for `away_most_s`, and `away_s`.
        """
        longest_s = 3 * self._away_s + _LATE_S
        for name, lack in tuple(self._lacks.items()):
            if name[1] == DISCS and now - lack.last > longest_s:
                del self._lacks[name]  # nothing is begun at the moment, or its workers have ended
            elif name not in self._named and (name[1] == DISCS or now - lack.since >= self._away_s):
                self._named.add(name)  # a database that restarts is away for all, and soon back
                yield f"{name[0]}: {lack.words}"
        if not self._lacks or is_worked_on():
            self._waiting_since, self._is_said = None, False
            return
        if self._waiting_since is None:
            self._waiting_since = now
        waited_s = now - self._waiting_since
        if waited_s > max(self._away_most_s, self._away_s):
            raise UsageError("no worker sees what it needs", why="; ".join(self._each()), hint=_HINT)
        if waited_s >= self._away_s and not self._is_said:
            self._is_said = True
            said = (
                "nobody works on a disc, because no worker sees what it needs:",
                *(f"  {one}" for one in self._each()),
                f"it is waited for, {self._away_most_s / 60:.0f} min at most",
                _HINT,
            )
            yield "\n".join(said)

    def _each(self) -> list[str]:
        every = [f"{machine}: {lack.words}" for (machine, _), lack in sorted(self._lacks.items())]
        more = [f"and {len(every) - _MOST_NAMED} more"] if len(every) > _MOST_NAMED else []
        return every[:_MOST_NAMED] + more
