"""Make docs/mediakit.1, the manual page, and docs/commands.md from the commands: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from mediakit.cli.helping import HEADINGS, heading_of
from mediakit.cli.main import app
from mediakit.outcome import Outcome

PAGE = Path(__file__).parent / "mediakit.1"
COMMANDS = Path(__file__).parent / "commands.md"
_README = Path(__file__).parents[1] / "README.md"

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


def commands_page() -> str:
    """Return the same for the documentation site."""
    command: Any = typer.main.get_command(app)
    lines = [line for name, one in _commands(command) for line in _chapter(name, one)]
    codes = re.findall(r"^\| [0-9]+ \|.*$", _README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    end = "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *codes, ""])
    return "<!-- Made by `make docs` from the commands. -->\n\n# Commands\n\n" + "\n".join([*lines, end])


def _commands(command: Any, before: str = "mediakit") -> Iterator[tuple[str, Any]]:
    """Yield every command by its whole name, in the order of the help."""
    for name, one in command.commands.items():
        whole = f"{before} {name}"
        if hasattr(one, "commands"):
            yield from _commands(one, whole)
        else:
            yield whole, one


def _section(name: str, command: Any) -> Iterator[str]:
    shown = " ".join(_roff(_named(each)) for each in command.params if _is_argument(each))
    yield f".SS {_roff(name)} {shown}".rstrip()
    yield _roff(_summary(command))
    for heading, parameters in _groups(command):
        if heading not in {"Arguments", "Options"}:
            yield f".PP\n{_roff(heading)}:"
        for each in parameters:
            yield from _item(each)


def _item(parameter: Any) -> Iterator[str]:
    yield ".TP"
    if _is_argument(parameter):
        yield f"\\fI{_roff(_named(parameter))}\\fR"
    else:
        value = f" \\fI{_roff(_value(parameter))}\\fR" if _value(parameter) else ""
        yield ", ".join(f"\\fB{_roff(form)}\\fR" for form in _forms(parameter)) + value
    yield _roff(_said(parameter))


def _chapter(name: str, command: Any) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"{_plain(_summary(command))}\n"
    for heading, parameters in _groups(command):
        if heading not in {"Arguments", "Options"}:
            yield f"\n*{heading}*\n"
        if heading != "Options" or not _has_arguments(command):
            yield "| | |\n|---|---|"
        for each in parameters:
            words = [_named(each)] if _is_argument(each) else [", ".join(_forms(each)), _value(each)]
            yield f"| `{' '.join(filter(None, words)).replace('|', '/')}` | {_plain(_said(each))} |"
    yield ""


def _has_arguments(command: Any) -> bool:
    return any(_is_argument(each) for each in command.params)


def _groups(command: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield the headings of `--help` with their arguments and options, those that have any."""
    for heading in HEADINGS:
        if parameters := [each for each in command.params if heading_of(each) == heading]:
            yield heading, parameters


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _named(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _forms(option: Any) -> tuple[str, ...]:
    return (*option.opts, *option.secondary_opts)


def _summary(command: Any) -> str:
    return " ".join((command.help or "").split())


def _plain(text: str) -> str:
    """Return text for a cell of a table: no character of it is a mark of Markdown."""
    return re.sub(r"([\\|*_<\[])", r"\\\1", " ".join(text.split()))


def _value(option: Any) -> str:
    if option.is_flag or option.count:
        return ""
    choices = getattr(option.type, "choices", None)
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    return str(option.metavar or option.type.name.upper())


def _said(parameter: Any) -> str:
    """Return the help of a parameter, with its default where that is told in `--help` too."""
    text = " ".join((parameter.help or "").split())
    default = parameter.default
    is_told = not _is_argument(parameter) and parameter.show_default and not callable(default)
    if not is_told or default in (None, "", False, ()) or "[default" in text:
        return text
    if default is True:
        default = parameter.opts[0]
    return f"{text} [default: {getattr(default, 'value', default)}]"


def _roff(text: str) -> str:
    """Return text for a line of roff: no line of it is a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", plain)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    COMMANDS.write_text(commands_page(), encoding="utf-8")
