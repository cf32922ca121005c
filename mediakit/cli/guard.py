"""Around every command: errors become messages and exit codes, in text or as the one JSON document."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

import typer

from mediakit.cli.signals import signals_as_interrupts
from mediakit.cli.terminal import shown
from mediakit.errors import MediakitError
from mediakit.findings import printable
from mediakit.outcome import Outcome


@contextmanager
def guarded(command: str, *, as_json: bool = False, verbose: int = 0) -> Iterator[None]:
    """Run a command body; end the process with the exit code that is true of how it went."""
    _make_printable(as_json=as_json)
    try:
        with signals_as_interrupts():
            yield
    except MediakitError as exc:
        say(command, exc, as_json=as_json, verbose=verbose)
        raise typer.Exit(exc.exit_code) from exc
    except KeyboardInterrupt as exc:
        traceback.clear_frames(exc.__traceback__)  # ends what a signal left half entered, which cleans up
        hint = (
            "; ".join(getattr(exc, "__notes__", ()))
            or "nothing unfinished was left; run the same command again"
        )
        error = MediakitError("interrupted", hint=hint)
        error.exit_code = int(Outcome.INTERRUPTED)
        say(command, error, as_json=as_json, verbose=0)
        raise typer.Exit(int(Outcome.INTERRUPTED)) from exc
    except (typer.Exit, typer.Abort):
        raise
    except Exception as exc:
        error = MediakitError(
            "an error in mediakit",
            why=type(exc).__name__,
            hint="please report it; `-v` shows where it happened (look for patient data before you share it)",
        )
        say(command, error, as_json=as_json, verbose=0)
        if verbose:
            traceback.print_exc(file=sys.stderr)
        raise typer.Exit(int(Outcome.FAULT)) from exc


def _make_printable(*, as_json: bool) -> None:
    """Let no name of a file end the process: JSON is UTF-8, other text has escapes where it must."""
    if as_json and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(command: str, exc: MediakitError, *, as_json: bool, verbose: int) -> None:
    """Print an error with its findings and hint; as JSON the document as well."""
    if as_json:
        from mediakit.report.json import error_doc, to_json

        sys.stdout.write(to_json(error_doc(command, exc)))
    from mediakit.report.text import finding_line

    print(shown(f"error: {printable(str(exc))}", sys.stderr), file=sys.stderr)
    for finding in exc.findings:
        print(f"  {finding_line(finding)}", file=sys.stderr)
    if exc.hint and exc.hint not in str(exc):  # some say it in their sentence
        print(shown(f"hint: {exc.hint}", sys.stderr), file=sys.stderr)
    if verbose > 1:
        traceback.print_exception(exc, file=sys.stderr)
