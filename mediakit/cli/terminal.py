"""What people read: findings on standard error, summaries on standard output.

On a terminal what was found and how it ended has a colour, and long sentences are wrapped at its width. In a
pipe or a file nothing is changed; `NO_COLOR` (or TERM=dumb) turns the colours off.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TextIO

from mediakit.findings import Report, Severity

_RED, _YELLOW, _GREEN, _BOLD, _DIM = "31", "33", "32", "1", "2"
#: Beginnings of lines that are sentences, with their colours; the first that fits counts.
_STYLES = (
    ("error: ", _RED),
    ("warning: ", _YELLOW),
    ("note: ", _DIM),
    ("hint: ", ""),
    ("what to do: ", _BOLD),
    ("outcome: good", _GREEN),
    ("outcome: ", _RED),
    ("conforms to ", _GREEN),
    ("does not conform to ", _RED),
)
_INDENT = "    "
_NARROWEST = 40  # columns; below that nothing is wrapped


def print_findings(report: Report, *, quiet: bool = False, verbose: int = 0) -> None:
    """Print what was found on standard error: errors and warnings; with `verbose` notes, `quiet` errors."""
    from mediakit.report.text import findings_text

    least = Severity.NOTE if verbose else Severity.ERROR if quiet else Severity.WARNING
    for line in findings_text(report, least=least):
        sys.stderr.write(shown(line, sys.stderr) + "\n")


def print_summary(text: str) -> None:
    """Print a text on standard output."""
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    for line in text.splitlines():
        sys.stdout.write(shown(line, sys.stdout) + "\n")


def print_end(line: str) -> None:
    """Print on standard error how a command ended that prints nothing else."""
    sys.stderr.write(shown(line, sys.stderr) + "\n")


def answer_to(question: str, most: int = -1) -> str:
    """Ask on standard error; return the line of the answer, "" at the end of the input.

    `most` bounds its characters (-1: as long as it is).
    """
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(most)


def shown(line: str, stream: TextIO) -> str:
    """Return a line as this stream shows it."""
    if not stream.isatty():
        return line
    begins, style = next(((each, style) for each, style in _STYLES if line.startswith(each)), ("", ""))
    if not begins:
        return line
    width = shutil.get_terminal_size().columns
    lines = [line]
    if width >= _NARROWEST:
        lines = textwrap.wrap(
            line,
            width,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
            drop_whitespace=True,
        )
    if style and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        mark = begins.rstrip() if begins.endswith(": ") else lines[0]
        lines[0] = f"\033[{style}m{mark}\033[0m{lines[0][len(mark) :]}"
    return "\n".join(lines)
