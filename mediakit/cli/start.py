"""The start of the command `mediakit`: signals are taken before anything else is loaded."""

from __future__ import annotations

import sys

from mediakit.cli.signals import heed_no_signals, take_signals


def run() -> None:
    """Load the command line and run it; see `mediakit.cli.main.run`."""
    try:
        take_signals()
        from mediakit.cli.main import run as run_command  # takes longer than the start of Python

        run_command()
    except KeyboardInterrupt:
        heed_no_signals()
        sys.exit(130)
