"""TOML that a user wrote: what `tomllib` reads, within a bound of time."""

from __future__ import annotations

import tomllib
from typing import Any

#: Dots in one line. The reader takes time by the square of the parts of a dotted key: 10,000 take a second.
_MOST_DOTS = 2_000


def loads(text: str) -> dict[str, Any]:
    """Return what a TOML text holds. Raises ValueError, RecursionError when it is nested too deeply."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MOST_DOTS:
            raise ValueError(f"line {number} has more than {_MOST_DOTS:,} dots")
    return tomllib.loads(text)
