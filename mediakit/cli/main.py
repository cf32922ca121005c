"""The `mediakit` command. Each sub-command is a file beside this one and loads its journey when it runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer

from mediakit import __version__
from mediakit.cli.helping import Command, Group, grouped_by, show_wrong_call
from mediakit.cli.signals import heed_no_signals, take_signals
from mediakit.cli.streams import let_readers_leave

# A scan keeps hundreds of thousands of values that form no circles. Looking for some every 700 allocations,
# as Python does, takes a sixth of its time.
ALLOCATIONS = 200_000

# Every command below its heading, and the module that has it: as a function of its name, or as an `app`
# with commands below it.
_SECTIONS = {
    "Make media": {
        "burn": "burn",
        "update": "update",
        "repair": "repair",
        "label": "label",
        "disc": "disc",
        "robot": "robots",
    },
    "Look at media and check them": {
        "inspect": "inspect",
        "validate": "validate",
        "verify": "verify",
        "diff": "diff",
        "extract": "extract",
        "salvage": "salvage",
    },
    "Bring media into a PACS": {
        "import": "import_",
        "reconcile": "reconcile",
        "job": "job",
        "migrate": "migrate",
        "watch": "watch",
        "dest": "dest",
    },
    "Take from a PACS, scanners and workstations": {"fetch": "fetch", "serve": "serve"},
    "Look up": {
        "profiles": "profiles",
        "explain": "explain",
        "conformance": "conformance",
        "schema": "schema",
    },
}
_MODULES = {name: module for section in _SECTIONS.values() for name, module in section.items()}


class _Commands(Mapping[str, Any]):
    """The commands by name, each made when it is looked up: to make all takes longer than a short journey."""

    def __getitem__(self, name: str) -> Any:
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


class _Group(Group):
    """The command line, which loads what was asked for alone."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - of the group
        """Return the names in the order of the help; no command is made for that."""
        return list(_MODULES)

    def sections(self) -> Mapping[str, Iterable[str]]:
        """Return the names by the heading of the help."""
        return _SECTIONS

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse an empty argument: no guard is off because a variable of a script is empty."""
        if (empty := _empty_argument(args)) and not ctx.resilient_parsing:
            ctx.fail(empty)
        return super().parse_args(ctx, args)


def _empty_argument(args: Sequence[str]) -> str:
    """Return what to say of the first argument without a value, "" when each has one."""
    for before, argument in zip(("", *args), args, strict=False):
        option, is_joined, value = argument.partition("=")
        if option.startswith("--") and is_joined and not value.strip():
            return f"`{option}` is empty: give a value, or leave it out"
        if not argument.strip():
            where = f"`{before}`" if before.startswith("-") else "an argument"
            return f"{where} is empty: give a value, or leave it out"
    return ""


app = typer.Typer(
    name="mediakit",
    cls=_Group,
    help="Write, validate and import DICOM interchange media.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What the parser raises for a call that is wrong, wherever this version of typer keeps it.
_CallError: Any = typer.BadParameter.__base__


def _version(asked: bool) -> None:
    if asked:
        print(f"mediakit {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Write, validate and import DICOM interchange media."""


def run() -> None:
    """Run the command line and end the process with its exit code, whatever signal comes meanwhile."""
    try:
        take_signals()
        gc.set_threshold(ALLOCATIONS)
        let_readers_leave()
        code = _code_of_call()
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    heed_no_signals()
    gc.freeze()  # a last search for circles takes a seventh of a short run, and the memory goes anyhow
    sys.exit(code)


@cache
def _command(name: str) -> Any:
    """Return a command, with its module loaded."""
    module = import_module(f"mediakit.cli.{_MODULES[name]}")
    holder = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        grouped_by(module.app.registered_commands)
        holder.add_typer(module.app, name=name)
    else:
        holder.command(name, cls=Command)(getattr(module, _MODULES[name]))
    return typer.main.get_group(holder).commands[name]


def _code_of_call() -> Any:
    try:
        return app(standalone_mode=False)
    except _CallError as exc:
        show_wrong_call(exc)
        if "--json" in sys.argv:
            from mediakit.errors import UsageError
            from mediakit.report.json import error_doc, to_json

            sys.stdout.write(to_json(error_doc("mediakit", UsageError(exc.format_message()))))
        return exc.exit_code
