"""Watch a folder or a drive: every medium that comes is validated and, where that is asked for, imported.

Runs until it is interrupted (KeyboardInterrupt), or with `once` until all that is there was handled. What
cannot be opened or imported is told and does not hold up what comes next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep

from mediakit.drives.arrivals import Arrivals, Stamp
from mediakit.drives.block import is_block_device
from mediakit.errors import MediakitError, SourceError, UsageError, mapped
from mediakit.events import Listener, silence
from mediakit.findings import Severity
from mediakit.journeys.import_ import import_medium
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.same_destination import identity_of
from mediakit.outcome import Outcome
from mediakit.rules.validation import Validation
from mediakit.stages.import_order import ImportOrder, Matching
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported

_TURN_S = 1.0
_LEFT_OFF = frozenset({"", "interrupted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRules:
    """Where what comes is imported to, and how. `only_valid`: not when the medium has an error."""

    target: Target
    jobs: Jobs
    order: ImportOrder
    matching: Matching | None = None
    only_valid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOrder:
    """What to watch, and what to do with a medium.

    `place` is a folder whose entries are media (images, archives, folders), or a drive. `settle_s`: an entry
    is a medium when nothing of it changed for so long. `retry_s`: when a medium is tried again whose
    destination was not there. `eject` opens a drive when its medium was handled.
    """

    place: Path
    validation: ValidateOrder
    imports: ImportRules | None = None
    settle_s: float = 10.0
    retry_s: float = 60.0
    once: bool = False
    eject: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A medium was handled: what is right and wrong with it, and what became of its import.

    `error` is what ended it, None when nothing did. `stamp` tells that it is still the same medium.
    """

    medium: Path
    stamp: Stamp
    validation: Validation | None = None
    imported: Imported | None = None
    error: MediakitError | None = None
    is_held_back: bool = False

    @property
    def outcome(self) -> Outcome:
        """Return how it ended: the import, else the validation."""
        if self.error is not None:
            return Outcome(self.error.exit_code)
        if self.imported is not None:
            return self.imported.result.outcome
        return Outcome.FINDINGS if self.validation is None else self.validation.result.outcome

    @property
    def is_passing(self) -> bool:
        """Return True when it may end otherwise soon: it was interrupted, or nobody answered."""
        return self.outcome in {Outcome.INTERRUPTED, Outcome.NO_ASSOCIATION}

    @property
    def is_final(self) -> bool:
        """Return False when the medium is tried again at the next start: its import did not end well."""
        is_judged = self.error is None and self.imported is None and not self.is_held_back
        return is_judged or self.outcome is Outcome.GOOD


#: Hears of every medium when it was handled; what it raises ends the watching.
Hear = Callable[[Handled], None]


@dataclass(slots=True)
class Watched:
    """What was handled, by name: given at the start to go on with, and kept up to date."""

    handled: dict[str, Stamp] = field(default_factory=dict)
    worst: Outcome = Outcome.GOOD


def watch(order: WatchOrder, watched: Watched, hear: Hear, tell: Listener = silence) -> None:
    """Handle what comes until it ends. Raises UsageError when the place cannot be watched.

    A medium is handled again when it changes, and when it was taken away and came back.
    """
    if not order.place.exists():
        raise UsageError("there is no such drive or folder", where=str(order.place))
    arrivals = Arrivals(order.place, 0.0 if order.once else order.settle_s, watched.handled)
    again: dict[Path, float] = {}  # media whose destination was away, and when they are tried again
    try:
        while True:
            with mapped({OSError: UsageError}, "the place cannot be watched", str(order.place)):
                due = [each for each in arrivals.due() if again.get(each[0], 0.0) <= monotonic()]
            for medium, stamp in due:
                handled = _handle(medium, stamp, order, tell)
                watched.worst = max(watched.worst, handled.outcome)
                hear(handled)
                if handled.outcome is Outcome.INTERRUPTED:
                    return
                if handled.is_passing and not order.once:
                    again[medium] = monotonic() + order.retry_s
                    continue
                arrivals.done(medium, stamp)
                if order.eject is not None:
                    order.eject()
            if order.once and not due:
                return
            if not due:
                sleep(_TURN_S)
    except KeyboardInterrupt:
        return


def _handle(medium: Path, stamp: Stamp, order: WatchOrder, tell: Listener) -> Handled:
    """Judge a medium, then import it where its findings allow that."""
    validation: Validation | None = None
    try:
        if not (medium.is_file() or medium.is_dir() or is_block_device(medium)) or medium.is_symlink():
            raise SourceError(
                "is neither a file nor a folder", where=str(medium), hint="links are not followed"
            )
        validation = validate(medium, order.validation, tell)
        rules = order.imports
        if rules is None:
            return Handled(medium=medium, stamp=stamp, validation=validation)
        if rules.only_valid and validation.result.report.worst() is Severity.ERROR:
            return Handled(medium=medium, stamp=stamp, validation=validation, is_held_back=True)
        going_on = replace(rules.order, resume=_was_left_off(medium, rules))
        imported = import_medium(medium, rules.target, rules.jobs, going_on, tell, rules.matching)
    except MediakitError as exc:
        return Handled(medium=medium, stamp=stamp, validation=validation, error=exc)
    return Handled(medium=medium, stamp=stamp, validation=validation, imported=imported)


def _was_left_off(medium: Path, rules: ImportRules) -> bool:
    """Return True when an import of this place was killed or interrupted: a job without an end goes on.

    Not with a map of patients, which may be another one by now: that is a job of its own.
    """
    there = identity_of(rules.target.destination.name)
    return rules.matching is None and any(
        one.outcome in _LEFT_OFF
        and not (one.problem or one.is_running)
        and not (one.facts.options.get("map") or one.facts.options.get("deidentify"))
        and one.facts.source == str(medium.absolute())
        and identity_of(one.facts.destination) == there
        for one in rules.jobs.summaries()
    )
