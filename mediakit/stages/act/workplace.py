"""Where an image lies while it is made for a drive: a folder for this user alone, removed in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mediakit.errors import UsageError
from mediakit.private_folder import PrivateFolder, remove_left_behind

_PREFIX = "making-"


def clear(folder: Path) -> None:
    """Remove what runs that were killed left below a folder: it holds patient data."""
    remove_left_behind(folder, _PREFIX)


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Give a new folder below `folder`, which is made when it is missing; both are for this user alone.

    What an earlier run left that was killed is removed first: it holds patient data. Raises UsageError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        clear(folder)
        made = PrivateFolder(folder, _PREFIX)
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise UsageError("no image can be made there", where=str(folder), why=why) from exc
    with closing(made):
        yield made.path
