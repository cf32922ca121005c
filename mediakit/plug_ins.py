"""What installed packages add to mediakit, by entry points: destinations, media formats and rules.

A package that cannot be used is an error that names it, never a crash, and stops only what needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mediakit.errors import MediakitError, UsageError

if TYPE_CHECKING:  # most runs look for none, and it takes as long as 20 of our modules
    from importlib.metadata import EntryPoint


def plug_ins(group: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of a group, by name; loads none of them."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - see above

    return {one.name: one for one in entry_points(group=group)}


def plug_in(group: str, name: str) -> EntryPoint | None:
    """Return the entry point of a name. Raises UsageError when packages disagree on what it is."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - see above

    found = {one.value: one for one in entry_points(group=group, name=name)}
    if len(found) > 1:
        hint = "remove one of them: which one is meant cannot be known"
        why = ", ".join(sorted(found))
        raise UsageError(f"several packages bring `{name}`", where=group, why=why, hint=hint)
    return next(iter(found.values()), None)


@contextmanager
def code_of(plugin: EntryPoint) -> Iterator[None]:
    """Turn what the code of another package raises into an error that names it."""
    try:
        yield
    except MediakitError:
        raise
    except Exception as exc:  # the code of others may raise anything
        raise UsageError(
            f"`{plugin.name}` of another package cannot be used",
            where=plugin.value,
            why=f"{type(exc).__name__}: {exc}",
            hint="update, repair or remove that package",
        ) from exc
