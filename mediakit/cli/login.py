"""Who we are at a destination: the options of the command line for it, and the question for a passcode."""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli.helping import USER
from mediakit.errors import UsageError
from mediakit.findings import printable

if TYPE_CHECKING:  # destinations are loaded when a command speaks to one
    from mediakit.destinations.address import Named
    from mediakit.destinations.login import Login

User = Annotated[
    str | None,
    typer.Option("--user", help="The user that we are for DEST (user identity).", rich_help_panel=USER),
]
PasscodeFile = Annotated[
    Path | None,
    typer.Option("--passcode-file", help="With --user: file with the passcode.", rich_help_panel=USER),
]
AskPasscode = Annotated[
    bool,
    typer.Option(
        "--ask-passcode", help="With --user: ask for the passcode on the terminal.", rich_help_panel=USER
    ),
]


def login_of(user: str | None, passcode_file: Path | None, *, asks: bool) -> Login | None:
    """Return the identity that the options mean, None when there is none. Raises UsageError."""
    if user is None:
        if passcode_file is not None or asks:
            raise UsageError("a passcode needs its user", hint="add `--user NAME`")
        return None
    from mediakit.destinations.login import Login
    from mediakit.network.user_items import IdentityKind

    is_alone = passcode_file is None and not asks
    kind = IdentityKind.USER_NAME if is_alone else IdentityKind.PASSCODE
    return Login(kind=kind, user=user, file=passcode_file, asks=asks)


def as_user(named: Named, login: Login | None = None) -> Named:
    """Return a destination with the identity of the command line, which outweighs that of the configuration.

    A passcode that is to be asked for is asked for now. Raises UsageError.
    """
    login = login or named.options.login
    if login is None:
        return named
    if login.asks and login.secret is None:
        login = replace(login, secret=_asked(login.user, str(named.address)))
    return replace(named, options=replace(named.options, login=login))


def new_passcode(user: str, file: Path | None) -> str:
    """Return the passcode that a user is to have, from a file or asked for twice. Raises UsageError."""
    from mediakit.destinations.login import read_secret

    if file is not None:
        return read_secret(file).rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    _check_terminal()
    first, second = getpass.getpass(f"Passcode of {printable(user)}: "), getpass.getpass("Again: ")
    if first != second:
        raise UsageError("the two are not the same", hint="run the command again")
    return first


@cache
def _asked(user: str, where: str) -> str:
    """Ask once for each user and destination."""
    _check_terminal()
    return getpass.getpass(f"Passcode of {printable(user)} for {printable(where)}: ")


def _check_terminal() -> None:
    if not sys.stdin.isatty():
        hint = "without a terminal name a file: `--passcode-file`, or `passcode-file` of the destination"
        raise UsageError("the passcode cannot be asked for", why="there is no terminal", hint=hint)
