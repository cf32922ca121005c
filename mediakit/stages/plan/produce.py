"""Producers: further content of a medium that is made from its layout, before sizes and capacity count.

A producer is a function from the layout (every File ID is assigned) to entries. Their sizes must be true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mediakit.fileset.plan import ExtraFile, FileSetLayout
from mediakit.formats.base import Entry

Producer = Callable[[FileSetLayout], Sequence[Entry]]


def produced(laid_out: FileSetLayout, producers: Sequence[Producer]) -> tuple[Entry, ...]:
    """Return what the producers make, each knowing what those before it made."""
    made: list[Entry] = []
    for produce in producers:
        seen = (*laid_out.extra, *(ExtraFile(entry.path, entry.size) for entry in made))
        made += produce(replace(laid_out, extra=seen))
    return tuple(made)
