"""How commands are shown and refused: `--help` in groups, usage lines, and what is wrong with a call."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from typer.core import TyperCommand, TyperGroup

from mediakit.cli.terminal import shown

#: The headings of the groups of options, in their order; what has none comes first.
TAKEN = "What to take"
REMOVED = "What to remove"
PATIENT = "Whose images they are"
DRIVES = "Discs, sticks and robots"
SECURE = "Encrypted and signed media"
PEOPLE = "Images, pages and labels for people"
WRAPPED = "Photos, scans and letters"
DEIDENTIFIED = "De-identification"
USER = "User identity"
OUTPUT = "What is printed and reported"
HEADINGS = (
    "Arguments",
    "Options",
    TAKEN,
    REMOVED,
    PATIENT,
    DRIVES,
    SECURE,
    PEOPLE,
    WRAPPED,
    DEIDENTIFIED,
    USER,
    OUTPUT,
)
_VALUES = {"path": "PATH", "str": "TEXT", "text": "TEXT", "float": "NUMBER", "float range": "NUMBER"}
_VALUES |= dict.fromkeys(("int", "integer", "int range", "integer range"), "N")


class Command(TyperCommand):
    """A command whose options stand in groups. A path that cannot be read is judged by the command itself."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for each in self.params:
            _make_plain(each)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line: `SRC`, not `{SRC}`, for what has to be given."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and each group of options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            if (record := each.get_help_record(ctx)) is not None:
                groups.setdefault(heading_of(each), []).append(record)
        for heading in HEADINGS:
            if heading in groups:
                with formatter.section(heading):
                    formatter.write_dl(groups[heading])


class Group(TyperGroup):
    """A family of commands, each shown with the whole first sentence of its help."""

    def sections(self) -> Mapping[str, Iterable[str]]:
        """Return the names of the commands by the heading that they stand under."""
        return {"Commands": self.commands}

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands; nothing is cut off."""
        for heading, names in self.sections().items():
            with formatter.section(heading):
                formatter.write_dl([(name, _sentence(self.get_command(ctx, name))) for name in names])


def grouped_by(commands: Iterable[Any]) -> None:
    """Make every command of a family one of this module."""
    for each in commands:
        each.cls = Command


def show_wrong_call(problem: Any) -> None:
    """Say on standard error what is wrong with a call, how it goes, and where all options are."""
    context = getattr(problem, "ctx", None)
    message = problem.format_message()
    if context is None or "\n" in message:  # the whole help, where nothing was asked for
        problem.show()
        return
    lines = [f"error: {message[:1].lower()}{message[1:].removesuffix('.')}"]
    lines += [context.get_usage(), f"hint: `{context.command_path} --help` shows how it is called"]
    for line in lines:
        sys.stderr.write(shown(line, sys.stderr) + "\n")


def heading_of(parameter: Any) -> str:
    """Return the heading that an argument or option stands under."""
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or "Options"


def _make_plain(parameter: Any) -> None:
    kind = parameter.type
    if hasattr(kind, "readable"):
        kind.readable = False
    if parameter.param_type_name == "argument":
        return
    if parameter.count:
        parameter.show_default = False
    elif not parameter.is_flag and parameter.metavar is None:
        parameter.metavar = _VALUES.get(str(kind.name).lower())
    if parameter.multiple and parameter.help:
        parameter.help = f"{parameter.help.removesuffix('.')}; may be repeated."


def _sentence(command: Any) -> str:
    """Return the first sentence of the help of a command."""
    words = " ".join((command.help or "").split())
    end = words.find(". ")
    return words if end < 0 else words[: end + 1]
