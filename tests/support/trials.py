"""Trials by seed: many of them in a row, each can be done once more alone; what was found goes into a page.

A trial is named by a seed and its number: `choice(seed, number)` gives all that is random in it, so that a
run can be cut off and gone on with, and a trial can be repeated alone.
"""

from __future__ import annotations

import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial that was done: of what kind, what came of it, and what was wrong (empty: nothing)."""

    number: int
    kind: str
    ended: str = ""
    wrong: str = ""


def choice(seed: int, number: int) -> random.Random:
    """Return what chooses in one trial."""
    return random.Random(f"{seed}/{number}")  # noqa: S311 - not a secret


def tried(number: int, run: Callable[[int], Trial]) -> Trial:
    """Do one trial; what it raises is what was wrong."""
    try:
        return run(number)
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        return Trial(number=number, kind="?", wrong=traceback.format_exc(limit=-6))


def done_in(notes: Path) -> list[Trial]:
    """Return the trials that an earlier run wrote down."""
    if not notes.exists():
        return []
    return [Trial(**json.loads(line)) for line in notes.read_text(encoding="utf-8").splitlines()]


def go_on(
    notes: Path, numbers: Iterable[int], run: Callable[[int], Trial], seconds: float = 0
) -> list[Trial]:
    """Do the trials that are not done yet, write each down, and return all; stop after so long (0: never)."""
    known = done_in(notes)
    seen = {one.number for one in known}
    end = time.monotonic() + seconds
    notes.parent.mkdir(parents=True, exist_ok=True)
    with notes.open("a", encoding="utf-8") as stream:
        for number in numbers:
            if number in seen:
                continue
            if seconds and time.monotonic() > end:
                break
            one = tried(number, run)
            stream.write(json.dumps(asdict(one)) + "\n")
            stream.flush()
            known.append(one)
    return known


def table_of(trials: Sequence[Trial], first: str) -> Iterator[str]:
    """Yield the lines of a table: kinds of trials, how often each was done, how it ended, what was wrong."""
    yield f"| {first} | trials | ended | wrong |"
    yield "|---|---|---|---|"
    for kind in sorted({one.kind for one in trials}):
        these = [one for one in trials if one.kind == kind]
        ended = Counter(one.ended for one in these if one.ended)
        words = ", ".join(f"{count} {how}" for how, count in sorted(ended.items()))
        yield f"| {kind} | {len(these):,} | {words} | {sum(bool(one.wrong) for one in these)} |"
    yield f"| all | {len(trials):,} | | {sum(bool(one.wrong) for one in trials)} |"


def write_section(name: str, lines: Iterable[str]) -> None:
    """Put lines between the markers of a section of the page."""
    start, end = f"<!-- {name}: made by the script -->", f"<!-- {name}: end -->"
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.index(start) + len(start), text.index(end)
    PAGE.write_text("\n".join((text[:before], "", *lines, "", text[after:])), encoding="utf-8")
