"""One dataclass in the signature of a command stands for a group of options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from mediakit.cli.grouped import grouped


@dataclass(frozen=True, kw_only=True)
class _Lamp:
    colour: Annotated[str, typer.Option("--colour", "-c", help="Its colour.")] = "white"
    many: Annotated[list[int] | None, typer.Option(help="Which ones.")] = None


def test_the_fields_of_a_dataclass_are_options_and_arrive_as_its_value() -> None:
    met: list[object] = []

    @grouped
    def light(room: str, *, lamp: _Lamp, is_quiet: Annotated[bool, typer.Option("--quiet")] = False) -> None:
        """Light a room."""
        met.append((room, lamp, is_quiet))

    app = typer.Typer()
    app.command()(light)
    for words in (["hall"], ["hall", "-c", "red", "--many", "1", "--many", "2", "--quiet"]):
        assert CliRunner().invoke(app, words).exit_code == 0
    assert met == [
        ("hall", _Lamp(), False),
        ("hall", _Lamp(colour="red", many=[1, 2]), True),
    ]
    assert CliRunner().invoke(app, ["hall", "--lamp", "x"]).exit_code == 2
