"""Changed bytes by seed, for every reader: `make fuzz`.

    python -m tests.fuzz.mutations --count 2000 --seed 13 [--table] [TARGET...]

Each input has `CPU_S` seconds of CPU time, and the process `MORE_BYTES` of memory beyond what it begins with.
An input that fails is kept in `build/fuzz/` as TARGET-SEED-NUMBER, and named.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.fuzz.targets import TARGETS, seeds
from tests.support.trials import Trial, choice, table_of, write_section

CPU_S = 10.0
MORE_BYTES = 1 << 30
KEPT = Path("build/fuzz")
_EXTREMES = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0\0\0\x80",
    b"\xff" * 8,
    b"\0" * 8,
)
_WORDS = (
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"=",
    b"\n",
    b".",
    b"-",
    b"0",
    b"9" * 5000,
    b"nan",
    b"inf",
    b"1e999",
    b"\xc3",
    b"%s",
    b"{x.y[z]}",
)


class TooSlowError(BaseException):
    """An input took more than its time; nothing may catch it."""


def mutated(content: bytes, choose: random.Random) -> bytes:
    """Return it with one to four changes."""
    held = bytearray(content)
    for _ in range(choose.choice((1, 1, 2, 4))):
        if not held:
            break
        at = _place(held, choose)
        _CHANGES[choose.randrange(len(_CHANGES))](held, at, choose)
    return bytes(held)


def _place(held: bytearray, choose: random.Random) -> int:
    """Return where to change: rather where something stands, and rather near the beginning."""
    for _ in range(20):
        at = int(len(held) * choose.random() ** choose.choice((1, 3)))
        if held[at]:
            return at
    return choose.randrange(len(held))


def _flip(held: bytearray, at: int, choose: random.Random) -> None:
    held[at] ^= 1 << choose.randrange(8)


def _set(held: bytearray, at: int, choose: random.Random) -> None:
    held[at] = choose.randrange(256)


def _extreme(held: bytearray, at: int, choose: random.Random) -> None:
    value = choose.choice(_EXTREMES)
    held[at : at + len(value)] = value


def _insert(held: bytearray, at: int, choose: random.Random) -> None:
    held[at:at] = choose.choice((choose.choice(_WORDS), choose.randbytes(choose.randrange(1, 40))))


def _nest(held: bytearray, at: int, choose: random.Random) -> None:
    held[at:at] = choose.choice(_WORDS[:4]) * choose.choice((3, 100, 5000))


def _remove(held: bytearray, at: int, choose: random.Random) -> None:
    del held[at : at + choose.choice((1, 2, 4, 16, 200))]


def _cut(held: bytearray, at: int, choose: random.Random) -> None:
    del held[choose.randrange(at, len(held)) :]


def _copy(held: bytearray, at: int, choose: random.Random) -> None:
    source, size = _place(held, choose), choose.choice((2, 4, 8, 32, 2048))
    held[at : at + size] = held[source : source + size]


def _repeat(held: bytearray, at: int, choose: random.Random) -> None:
    piece = held[at : at + choose.choice((1, 8, 60, 500))]
    held[at:at] = piece * choose.choice((1, 2, 30))


def _value(held: bytearray, at: int, choose: random.Random) -> None:
    """Give a setting a value that no reader of numbers or lists expects."""
    found = held.find(b"=", at)
    size = choose.choice((10, 5000, 100_000))
    held[found + 1 : found + 1] = choose.choice((b"9", b"[", b"{a=", b"1.", b'"')) * size


_CHANGES: Sequence[Callable[[bytearray, int, random.Random], None]] = (
    _flip, _set, _extreme, _extreme, _insert, _nest, _remove, _cut, _copy, _repeat, _value,
)  # fmt: skip


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in what takes more CPU time."""

    def too_slow(*_: object) -> None:
        raise TooSlowError(f"more than {seconds} s of CPU time")

    before = signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory() -> None:
    """Let the process have so much memory more, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGESIZE") + MORE_BYTES, hard))


def fuzz_one(target: str, seed: int, number: int, kept: Path) -> Trial:
    """Change one good input of a target and read it; keep it when that fails."""
    choose = choice(seed, number)
    content = mutated(choose.choice(seeds(target)), choose)
    try:
        with _bounded(CPU_S):
            TARGETS[target](content)
    except (Exception, TooSlowError) as exc:  # noqa: BLE001 - whatever it is, it is a finding
        kept.mkdir(parents=True, exist_ok=True)
        place = kept / f"{target}-{seed}-{number}"
        place.write_bytes(content)
        return Trial(number=number, kind=target, wrong=f"{place}: {exc!r}"[:500])
    return Trial(number=number, kind=target)


def main() -> int:
    """Do what is asked for; return 1 when something was wrong."""
    ask = argparse.ArgumentParser(description=__doc__)
    number = partial(ask.add_argument, type=int)
    number("--count", default=2000, help="inputs for each target")
    number("--first", default=0, help="the number of the first input")
    number("--seed", default=13)
    ask.add_argument("--kept", type=Path, default=KEPT)
    ask.add_argument("--table", action="store_true", help="write docs/reliability.md")
    ask.add_argument("targets", nargs="*", default=[])
    asked = ask.parse_args()
    targets = asked.targets or list(TARGETS)
    for target in targets:
        seeds(target)
    bound_memory()
    numbers = range(asked.first, asked.first + asked.count)
    done = [fuzz_one(target, asked.seed, one, asked.kept) for target in targets for one in numbers]
    wrong = [one for one in done if one.wrong]
    for one in wrong:
        print(one.wrong)  # noqa: T201 - a script
    lines = [
        f"Seed {asked.seed}, {asked.count:,} changed inputs for each reader:",
        "",
        *table_of(done, "reader"),
    ]
    print("\n".join(lines))  # noqa: T201
    if asked.table:
        write_section("fuzz", lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
