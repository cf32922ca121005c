"""What a stranger sees of the commands: their help in groups, and what is wrong with a call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import mediakit, process
from tests.support.each import each
from tests.support.studies import CT_1, CT_2, burnt_to, files_in, folder_of


def in_80_columns(*words: str) -> str:
    environment = {**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "mediakit", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment,
    )
    return done.stdout


def test_every_command_is_shown_with_its_whole_sentence_below_a_heading() -> None:
    said = in_80_columns("--help")
    assert "..." not in said.partition("\n")[2]
    headings = [line for line in said.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[:2] == ["Options:", "Make media:"]
    assert len(headings) == 6
    for command in ("burn", "robot", "salvage", "import", "serve", "schema"):
        assert f"\n  {command} " in said


def test_the_options_of_a_command_stand_in_groups_and_say_what_they_take() -> None:
    said = in_80_columns("burn", "--help")
    assert "SRC..." in said.splitlines()[0]
    for line in (
        "What to take:",
        "Discs, sticks and robots:",
        "Encrypted and signed media:",
        "  --patient ID        Only this Patient ID; may be repeated.",
        "  -v, --verbose                   Print everything.\n",
    ):
        assert line in said
    for word in ("<str>", "range>", "default: 0]", "<path>"):
        assert word not in said
    assert said.index("What to take:") < said.index("What is printed and reported:")


@each(
    "words",
    [("inspect",), ("nonsense",), ("job", "nonsense"), ("burn", "--nonsense"), ("burn", "--copies", "x")],
)
def test_a_wrong_call_says_what_is_wrong_how_it_goes_and_where_the_help_is(words: tuple[str, ...]) -> None:
    said = process(*words)
    assert said.code == 2
    error, usage, hint = said.err.splitlines()
    assert error.startswith("error: ")
    assert not error.endswith(".")
    assert usage.startswith("Usage: ")
    assert "{" not in usage
    assert hint.startswith("hint: `")
    assert hint.endswith("--help` shows how it is called")


def test_a_call_with_nothing_to_burn_says_what_can_be_named() -> None:
    said = mediakit("burn", "-o", "x.iso")
    assert said.code == 2
    assert said.err == (
        "error: nothing to burn is named\n"
        "hint: name folders, files or images, or fetch from an archive with `--from DEST`\n"
    )


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs a user who may not read everything"
)
def test_a_source_that_may_not_be_read_is_answered_as_any_other(tmp_path: Path) -> None:
    closed = tmp_path / "closed.iso"
    closed.write_bytes(bytes(40_000))
    closed.chmod(0)
    said = mediakit("inspect", closed)
    assert said.code == 3
    assert said.err.startswith(f"error: {closed}: ")
    assert "Permission denied" in said.err


def test_a_configuration_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    said = mediakit("dest", "list", "--config", tmp_path / "none.toml")
    assert said.code == 2
    assert said.err.count("none.toml") == 1
    assert "Errno" not in said.err


def test_a_name_that_no_destination_has_is_shown_as_it_was_written(tmp_path: Path) -> None:
    said = mediakit("import", tmp_path, "röntgen")
    assert said.code == 2
    assert said.err.startswith("error: `röntgen` is neither an address nor the name of a destination\n")
    assert "`mediakit dest add` makes one" in said.err


def test_a_command_that_reports_as_json_alone_refuses_another_kind_of_file(tmp_path: Path) -> None:
    for words in (
        ("extract", tmp_path, "-o", tmp_path / "out"),
        ("salvage", tmp_path / "a.iso", "-o", tmp_path / "b.iso"),
        ("verify", tmp_path / "a.iso"),
        ("diff", tmp_path / "a.iso", tmp_path / "b.iso"),
        ("fetch", "A@127.0.0.1:1", "--study", "1.2", "-o", tmp_path / "in"),
    ):
        said = mediakit(*words, "--report", tmp_path / "report.html")
        assert said.code == 2
        assert "this kind of report is not known" in said.err


def test_a_quiet_command_that_did_not_end_well_says_so_in_a_line(tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    burnt_to(disc, folder_of(tmp_path / "in", {"A": CT_1, "B": CT_2}))
    said = mediakit("import", disc, f"dir:{tmp_path / 'whole'}", "--state", tmp_path / "state", "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    next(path for path in files_in(disc) if path.name != "DICOMDIR").unlink()
    said = mediakit("import", disc, f"dir:{tmp_path / 'part'}", "--state", tmp_path / "state", "--quiet")
    assert (said.code, said.out) == (6, "")
    assert said.err == "outcome: not everything was stored (exit code 6)\n"
    (tmp_path / "empty").mkdir()
    said = mediakit("inspect", tmp_path / "empty", "--quiet")
    assert (said.code, said.out, said.err) == (3, "", "outcome: nothing to read here (exit code 3)\n")
