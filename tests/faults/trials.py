"""Faulted imports, burns and updates by seed: `make faults`.

    python -m tests.faults.trials --imports 1000 --changes 200 --seed 13 --table

What is done is written to `build/faults/`: a run that was cut off goes on there. `--table` writes what was
seen into docs/reliability.md. What a trial left when something was wrong stays beside the notes.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from tests.faults.faulted_changes import faulted_change
from tests.faults.faulted_imports import faulted_import, media_in
from tests.support.trials import Trial, choice, go_on, table_of, write_section


def trials(imports: range, changes: range, seed: int, notes: Path, seconds: float = 0) -> list[list[Trial]]:
    """Do the trials that are not in the notes yet, for about so long each (0: all); return them by sort."""
    left = notes / f"left-{seed}"

    def one_import(number: int) -> Trial:
        return faulted_import(number, choice(seed, number), media, left)

    def one_change(number: int) -> Trial:
        return faulted_change(number, choice(seed, number), left)

    with tempfile.TemporaryDirectory() as folder, media_in(Path(folder) / "media") as media:
        return [
            go_on(notes / f"imports-{seed}.jsonl", imports, one_import, seconds),
            go_on(notes / f"changes-{seed}.jsonl", changes, one_change, seconds),
        ]


def main() -> int:
    """Do what is asked for; return 1 when something was wrong."""
    ask = argparse.ArgumentParser(description=__doc__)
    number = partial(ask.add_argument, type=int)
    number("--imports", default=1000)
    number("--changes", default=200)
    number("--first", default=0, help="the number of the first trial")
    number("--seed", default=13)
    number("--seconds", default=0, help="stop after so long in each sort")
    ask.add_argument("--notes", type=Path, default=Path("build/faults"))
    ask.add_argument("--table", action="store_true", help="write docs/reliability.md")
    asked = ask.parse_args()
    imports, changes = (range(asked.first, asked.first + count) for count in (asked.imports, asked.changes))
    done = trials(imports, changes, asked.seed, asked.notes, asked.seconds)
    wrong = [one for sort in done for one in sort if one.wrong]
    for one in wrong:
        print(f"trial {one.number} ({one.kind}): {one.wrong}")  # noqa: T201 - a script
    names = ("faulted imports", "faulted burns and updates")
    lines = [
        line
        for name, sort in zip(names, done, strict=True)
        for line in (f"Seed {asked.seed}, {len(sort):,} {name}:", "", *table_of(sort, name), "")
    ]
    print("\n".join(lines))  # noqa: T201
    if asked.table:
        write_section("faults", lines[:-1])
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
