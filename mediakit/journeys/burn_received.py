"""Burn what a server receives: one medium for each patient or study, again and again.

A medium holds whole studies: those of which something came that is on no medium yet. A file in the folder
lists what is on one, so that a restart goes on. A medium is listed when it has its name: a run that is killed
between burns it a second time, and never leaves anything out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from mediakit.choices import Each
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.durable import write_all
from mediakit.errors import MediakitError, UsageError
from mediakit.events import Listener
from mediakit.findings import Severity
from mediakit.journeys.burn import burn
from mediakit.journeys.burn_order import BurnOrder
from mediakit.outcome import Outcome, State
from mediakit.scp.events import MediumEnded
from mediakit.scp.instance_store import folders_in, instances_of
from mediakit.stages.plan.target import format_of

_FIELDS = frozenset({"number", "date", "time", "study", "patient"})
_FIELD = re.compile(r"\{([^{}]*)\}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_LONGEST = 64
_KEPT = ".mediakit-burnt"
_MOST_KEPT_BYTES = 1 << 30
_PATIENCE = 10  # an association that stays open holds a medium up for so many times the quiet
_LONGEST_PAUSE_S = 6 * 3600.0
_PATIENT_ID, _ISSUER = 0x00100020, 0x00100021
_ON_MEDIUM = frozenset({State.WRITTEN, State.CONVERTED, State.DEIDENTIFIED, State.DUPLICATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOrder:
    """How to burn what comes. Of `burn` the target and the time are those of each medium.

    `pattern` is the path of a medium with `{number}`, and `{date}`, `{time}`, `{study}` and `{patient}` where
    they are wanted. A medium is begun when nothing of its patient or study came for `quiet_s`. `removes`:
    what is on a proven medium is taken out of the folder.
    """

    burn: BurnOrder
    pattern: str
    each: Each
    quiet_s: float = 60.0
    removes: bool = False


@dataclass(slots=True)
class _Waiting:
    """A study of which something is on no medium. Times are those of the monotonic clock."""

    last: float
    not_before: float = 0.0
    pause_s: float = 0.0
    patient: str | None = None  # by ID and issuer, once it was read


@dataclass(slots=True)
class MediaMaker:
    """Knows what waits in a folder, and burns what is due. For one thread."""

    folder: Path
    order: MediaOrder
    now: Callable[[], float] = monotonic
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _burnt: set[str] = field(default_factory=set)
    _scanner: Scanner = field(default_factory=Scanner)

    def begin(self) -> None:
        """Find what came before and is on no medium. Raises OSError."""
        self._burnt = set(_kept(self.folder / _KEPT))
        for study in sorted(folder.name for folder in folders_in(self.folder)):
            if self._open(study):
                self._waiting[study] = _Waiting(last=self.now())

    @property
    def is_waiting(self) -> bool:
        """Return True when something is to be burnt that was not tried yet."""
        return any(not each.pause_s for each in self._waiting.values())

    def came(self, path: str) -> None:
        """Take note of an instance that was stored at a path below the folder."""
        study = path.split("/", 1)[0]
        known = self._waiting.setdefault(study, _Waiting(last=0.0))
        known.last, known.not_before, known.pause_s = self.now(), 0.0, 0.0

    def burn_due(self, tell: Listener, *, is_busy: bool) -> Iterator[MediumEnded]:
        """Burn what is due, one medium after the other, and yield what came of each. Raises OSError."""
        for studies in self._due(is_busy=is_busy):
            yield self._burn(studies, tell)

    def _due(self, *, is_busy: bool) -> list[tuple[str, ...]]:
        units: dict[str, list[str]] = {}
        for study, waiting in self._waiting.items():
            if self.order.each is Each.PATIENT and waiting.patient is None:
                waiting.patient = self._patient_of(study) or study
            unit = study if self.order.each is Each.STUDY else waiting.patient or study
            units.setdefault(unit, []).append(study)
        quiet_s = self.order.quiet_s * (_PATIENCE if is_busy else 1)
        at = self.now()
        return [
            tuple(studies)
            for studies in units.values()
            if all(
                at - self._waiting[study].last >= quiet_s and at >= self._waiting[study].not_before
                for study in studies
            )
        ]

    def _burn(self, studies: Sequence[str], tell: Listener) -> MediumEnded:
        here = {uid: path for study in studies for uid, path in self._in(study)}
        when = datetime.now(UTC)
        try:
            out = self._name(studies, when)
            order = replace(self.order.burn, out=out, when=when)
            result = burn([self.folder / study for study in studies], order, tell).result
        except MediakitError as exc:
            ended = MediumEnded(out="", outcome=Outcome(exc.exit_code), instances=0, why=str(exc))
            return self._again(studies, ended)
        on_medium = {fate.sop_instance for fate in result.fates if fate.state in _ON_MEDIUM}
        errors = [each for each in result.report.findings if each.severity is Severity.ERROR]
        ended = MediumEnded(
            out=str(out),
            outcome=result.outcome,
            instances=len(on_medium),
            why=f"{errors[0].rule.id} {errors[0].rule.heading}" if errors else "",
        )
        if not on_medium:
            return self._again(studies, ended)
        self._keep(out, when, on_medium, here)
        for study in studies:
            if self._open(study):
                self._waiting[study].patient = None  # more came meanwhile
            else:
                del self._waiting[study]
        return ended

    def _again(self, studies: Sequence[str], ended: MediumEnded) -> MediumEnded:
        """Let the studies wait, longer each time; what comes anew ends the wait."""
        pause_s = 0.0
        for study in studies:
            waiting = self._waiting[study]
            waiting.pause_s = min(max(60.0, 2 * waiting.pause_s), _LONGEST_PAUSE_S)
            waiting.not_before = self.now() + waiting.pause_s
            pause_s = max(pause_s, waiting.pause_s)
        return replace(ended, retry_s=pause_s)

    def _keep(self, out: Path, when: datetime, on_medium: set[str], here: Mapping[str, Path]) -> None:
        """Write down what is on a medium, and what it could not take; take away what need not stay."""
        removed = on_medium & here.keys() if self.order.removes else set()
        kept = sorted(here.keys() - removed)
        self._burnt |= set(kept)
        line = json.dumps({"medium": str(out), "at": when.isoformat(timespec="seconds"), "instances": kept})
        fd = os.open(self.folder / _KEPT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            write_all(fd, f"{line}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        for uid in removed:
            here[uid].unlink(missing_ok=True)
        for place in {here[uid].parent for uid in removed}:
            for each in (place, place.parent):
                with suppress(OSError):  # something else is in it
                    each.rmdir()

    def _name(self, studies: Sequence[str], when: datetime) -> Path:
        """Return the path of the next medium: nothing is there yet."""
        patient = self._patient_of(studies[0])
        values = {
            "date": f"{when:%Y%m%d}",
            "time": f"{when:%H%M%S}",
            "study": studies[0],
            "patient": _UNSAFE.sub("_", (patient or "").split("\\")[0])[:_LONGEST] or "none",
        }
        number = 1
        while True:
            values["number"] = f"{number:04d}"
            out = Path(_FIELD.sub(lambda found: values[found[1]], self.order.pattern))
            if not os.path.lexists(out):
                return out
            number += 1

    def _patient_of(self, study: str) -> str | None:
        """Return Patient ID and issuer of the first instance that can be read; None when none can."""
        for _, path in self._in(study):
            try:
                with path.open("rb") as stream:
                    found = self._scanner.read(stream, path.stat().st_size, "", "")
            except OSError:
                continue
            if isinstance(found, Instance):
                return f"{found.header.text(_PATIENT_ID)}\\{found.header.text(_ISSUER)}"
        return None

    def _in(self, study: str) -> list[tuple[str, Path]]:
        """Return the instances of a study by name; none when its folder went with the last of them."""
        folder = self.folder / study
        return sorted(instances_of(folder)) if folder.is_dir() else []

    def _open(self, study: str) -> bool:
        """Return True when an instance of a study is on no medium."""
        return any(uid not in self._burnt for uid, _ in self._in(study))


def check_media(order: MediaOrder, folder: Path) -> None:
    """Raise UsageError for a pattern that cannot name media of the profile outside the folder."""
    names = _FIELD.findall(order.pattern)
    hint = f"for example `-o media/{{date}}-{{number}}.iso`; there are {', '.join(sorted(_FIELDS))}"
    if unknown := sorted(set(names) - _FIELDS):
        raise UsageError(f"`{{{unknown[0]}}}` is no part of a name", where=order.pattern, hint=hint)
    if "number" not in names:
        raise UsageError("the name of the media needs `{number}`", where=order.pattern, hint=hint)
    sample = Path(_FIELD.sub("1", order.pattern))
    format_of(order.burn.profile, sample)
    if not sample.parent.is_dir():
        raise UsageError(
            "the folder of the media does not exist", where=str(sample.parent), hint="make it first"
        )
    inside, out = os.path.realpath(folder), os.path.realpath(sample)
    if out == inside or out.startswith(inside + os.sep):
        hint = "name a place outside the folder that is received into"
        raise UsageError("the media and the folder lie in each other", where=order.pattern, hint=hint)


def _kept(file: Path) -> Iterator[str]:
    """Yield what is on media. A line that cannot be read is passed over: that medium is burnt again."""
    try:
        stream = file.open("rb")
    except FileNotFoundError:
        return
    with stream:
        for line in stream.read(_MOST_KEPT_BYTES).splitlines():
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                yield from (str(uid) for uid in json.loads(line)["instances"])
