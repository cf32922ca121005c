"""Make docs/mediakit.1, the manual page, from the commands: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from mediakit.cli.main import app
from mediakit.outcome import Outcome

PAGE = Path(__file__).parent / "mediakit.1"

_HEAD = """.\\" Made by `make docs` from the commands.
.TH MEDIAKIT 1
.SH NAME
mediakit \\- write, validate and import DICOM interchange media
.SH SYNOPSIS
.B mediakit
.I COMMAND
[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...
.SH DESCRIPTION
Every input file ends in one named state, and the exit code says how the command ended.
.SH COMMANDS
"""
_TAIL = """.SH FILES
.TP
.I ~/.config/mediakit/config.toml
The user's own configuration, read together with
.IR /etc/mediakit/config.toml ;
.B \\-\\-config
or
.B MEDIAKIT_CONFIG
take the place of both. None is read from the working folder.
.TP
.I ~/.local/state/mediakit/jobs
The ledgers of imports;
.B \\-\\-state
or
.B MEDIAKIT_STATE
name another folder.
.SH ENVIRONMENT
.TP
.B MEDIAKIT_PROFILES
Files and folders of your own profiles.
.TP
.B SOURCE_DATE_EPOCH
The time that is written instead of now.
"""


def page() -> str:
    """Return the page as it must be now."""
    command: Any = typer.main.get_command(app)
    lines = [line for name, one in _commands(command) for line in _section(name, one)]
    codes = [f".TP\n.B {int(one)}\n{_roff(one.line.rpartition(' (')[0])}" for one in Outcome]
    return _HEAD + "\n".join(lines) + "\n.SH EXIT STATUS\n" + "\n".join(codes) + "\n" + _TAIL


def _commands(command: Any, before: str = "mediakit") -> Iterator[tuple[str, Any]]:
    """Yield every command by its whole name, in the order of the help."""
    for name, one in command.commands.items():
        whole = f"{before} {name}"
        if hasattr(one, "commands"):
            yield from _commands(one, whole)
        else:
            yield whole, one


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    shown = " ".join(_roff(each.metavar or each.name.upper()) for each in arguments)
    yield f".SS {_roff(name)} {shown}".rstrip()
    yield _roff(" ".join((command.help or "").split()))
    for each in (*arguments, *options):
        if each in options:
            forms = ", ".join(f"\\fB{_roff(form)}\\fR" for form in (*each.opts, *each.secondary_opts))
            value = "" if each.is_flag or each.count else f" \\fI{_roff(_value(each))}\\fR"
            head = f"{forms}{value}"
        else:
            head = f"\\fI{_roff(each.metavar or each.name.upper())}\\fR"
        yield ".TP"
        yield head
        yield _roff(each.help or "")


def _value(option: Any) -> str:
    choices = getattr(option.type, "choices", None)
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    return str(option.metavar or option.type.name.upper())


def _roff(text: str) -> str:
    """Return text for a line of roff: no line of it is a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", plain)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
