r"""Where the ledgers of imports are kept: `--state DIR`, else `MEDIAKIT_STATE`, else the user's own folder.

The user's own folder is `$XDG_STATE_HOME/mediakit`, by default `~/.local/state/mediakit`, and
`%LOCALAPPDATA%\mediakit` on Windows. The jobs lie in `jobs` there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.errors import UsageError

if TYPE_CHECKING:  # SQLite is loaded when a command needs it
    from mediakit.ledger.jobs import Jobs

StateFolder = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Where the ledgers of imports are kept.")
]


def jobs_of(option: Path | None) -> Jobs:
    """Return the folder of jobs. Raises UsageError when there is no home to keep it in."""
    from mediakit.ledger.jobs import Jobs

    return Jobs(state_folder(option) / "jobs")


def state_folder(option: Path | None) -> Path:
    """Return the folder that is meant. Raises UsageError when there is no home to keep it in."""
    named = os.environ.get("MEDIAKIT_STATE", "")
    if option is not None:
        return option
    if named:
        return Path(named)
    return _users_own(windows=sys.platform == "win32") / "mediakit"


def _users_own(*, windows: bool) -> Path:
    said = Path(os.environ.get("LOCALAPPDATA" if windows else "XDG_STATE_HOME", ""))
    if said.is_absolute():  # the XDG specification has relative ones passed over
        return said
    try:
        home = Path.home()
    except RuntimeError as exc:
        raise UsageError(
            "there is no home to keep the ledger in", hint="name a folder with `--state`"
        ) from exc
    return home / "AppData" / "Local" if windows else home / ".local" / "state"
