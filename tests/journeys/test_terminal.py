"""What a terminal shows: colours and wrapped sentences, and nothing of both in a pipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.cli import raw
from tests.support.studies import CT_1, folder_of
from tests.support.terminal import on_terminal


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "bare", {"IM1": CT_1})


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_terminal_shows_colours_and_wraps_sentences_at_its_width(bare: Path) -> None:
    shown = on_terminal(60, "validate", bare, "-p", "STD-GEN-CD")
    assert "\x1b[31merror:\x1b[0m" in shown
    assert "\x1b[31mdoes not conform to STD-GEN-CD" in shown
    sentences = [
        line for line in plain(shown).splitlines() if re.match("error: |hint: |what to do: |    ", line)
    ]
    assert sentences
    assert all(len(line) <= 60 or " " not in line.strip() for line in sentences)


def test_every_word_is_there_however_narrow_the_terminal_is(bare: Path) -> None:
    piped = raw("validate", bare, "-p", "STD-GEN-CD")
    words = (piped.stderr + piped.stdout).decode().split()
    for columns in (20, 41, 60, 500):
        assert plain(on_terminal(columns, "validate", bare, "-p", "STD-GEN-CD")).split() == words, columns


def test_colours_can_be_turned_off(bare: Path) -> None:
    for how in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[3" not in on_terminal(60, "validate", bare, "-p", "STD-GEN-CD", **how), how


def test_a_pipe_gets_neither(bare: Path) -> None:
    piped = raw("validate", bare, "-p", "STD-GEN-CD", COLUMNS="40", TERM="xterm")
    assert b"\x1b" not in piped.stdout + piped.stderr
    assert any(len(line) > 60 for line in piped.stderr.splitlines())


def test_what_a_name_holds_does_not_reach_the_terminal(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"\x1b[2Jgone": CT_1.read_bytes()[:900]})
    shown = on_terminal(80, "burn", source, "-p", "STD-GEN-CD", "-o", tmp_path / "a.iso")
    assert "\x1b[2J" not in shown
    assert r"\x1b[2Jgone" in plain(shown)
