"""Progress goes to standard error, and only when somebody may want it."""

from __future__ import annotations

import io
import sys

import pytest

from mediakit.cli.progress import Progress, counted, listener
from mediakit.events import Advanced, Event, FileSettled, PhaseEnded, PhaseStarted
from mediakit.outcome import Fate, State

COURSE: tuple[Event, ...] = (
    PhaseStarted("scan"),
    Advanced(),
    Advanced(),
    PhaseEnded("scan"),
    PhaseStarted("write", total=3_000_000, unit="bytes"),
    Advanced(1_000_000),
    FileSettled(Fate(source="in/MKS-0001", state=State.WRITTEN)),
    Advanced(2_000_000),
    PhaseEnded("write"),
    PhaseStarted("a phase of tomorrow"),
)


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def said(progress: Progress, *, quiet: bool, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with listener(progress, quiet=quiet) as tell:
        for event in COURSE:
            tell(event)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("progress", "quiet"), [(Progress.NEVER, False), (Progress.AUTO, False), (Progress.ALWAYS, True)]
)
def test_nothing_is_said_when_nobody_asked(
    progress: Progress, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(progress, quiet=quiet, stream=io.StringIO(), monkeypatch=monkeypatch) == ""


def test_a_quiet_terminal_stays_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(Progress.AUTO, quiet=True, stream=Terminal(), monkeypatch=monkeypatch) == ""
    assert said(Progress.NEVER, quiet=False, stream=Terminal(), monkeypatch=monkeypatch) == ""


def test_plain_lines_name_each_phase_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(Progress.ALWAYS, quiet=False, stream=io.StringIO(), monkeypatch=monkeypatch)
    assert text.splitlines() == ["reading headers ...", "writing ...", "a phase of tomorrow ..."]


def test_a_terminal_gets_a_bar_that_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = said(Progress.AUTO, quiet=False, stream=Terminal(), monkeypatch=monkeypatch)
    assert "MKS-0001" not in text


def test_a_bar_that_hears_more_than_was_announced_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with listener(Progress.AUTO, quiet=False) as tell:
        tell(Advanced())
        tell(PhaseEnded("scan"))
        tell(PhaseStarted("scan", total=1))
        for _ in range(5):
            tell(Advanced())
        tell(PhaseStarted("write", total=1, unit="bytes"))


def test_a_bar_counts_what_the_phase_counts_one_or_many() -> None:
    assert counted(1, "files") == "1 file"
    assert counted(2000, "discs") == "2,000 discs"
    assert counted(1_500_000, "bytes") == "1.5 MB"
