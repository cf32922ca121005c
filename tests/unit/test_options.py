"""The numbers of options, of every command: each within bounds, and what is no number is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mediakit.cli.main import app
from mediakit.cli.options import SECONDS
from tests.support.cli import mediakit


def options(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every option with the words that stand before it."""
    for option in command.params:
        yield f"{name} {option.opts[0]}".strip(), option
    for word, below in getattr(command, "commands", {}).items():
        yield from options(below, f"{name} {word}".strip())


OPTIONS = dict(options(typer.main.get_command(app)))


def takes(option: Any, text: str) -> bool:
    try:
        return isinstance(option.type.convert(text, option, None), (int, float))
    except typer.BadParameter:
        return False


NUMBERS = {
    name: option
    for name, option in OPTIONS.items()
    if not (getattr(option, "count", False) or getattr(option, "is_flag", False)) and takes(option, "20")
}


def test_the_options_with_numbers_are_found() -> None:
    assert {"serve scp --idle", "watch --settle", "burn --copies", "migrate run --wait"} <= NUMBERS.keys()


@pytest.mark.parametrize("name", NUMBERS)
def test_an_option_takes_no_number_without_sense(name: str) -> None:
    for text in ("nan", "inf", "-inf", "-1", "1e300", "9" * 40, "", "x"):
        assert not takes(NUMBERS[name], text), text


def test_what_is_refused_is_said_with_the_bounds() -> None:
    said = mediakit("serve", "scp", "--idle", "nan")
    assert said.code == 2
    assert "nan is not a number of seconds from 0 to 31,536,000" in " ".join(said.err.split())
    assert SECONDS("0.5") == 0.5


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e300"])
def test_the_configuration_of_a_watch_takes_no_time_without_sense(value: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"[watch]\nsettle = {value}\n")
    said = mediakit("watch", tmp_path, "--once", "--config", config)
    assert said.code == 2
    assert "`watch.settle` is wrong" in said.err


def test_a_parser_of_numbers_has_the_name_that_older_versions_of_click_ask_for() -> None:
    assert SECONDS.__name__ == "seconds"
