"""What the shell offers for a word that is begun, and the manual page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mediakit.cli import complete
from tests.support.cli import mediakit
from tests.support.peers import need
from tests.support.studies import CT_1

_RUN = "import sys; sys.argv[0] = 'mediakit'; from mediakit.cli.main import run; run()"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MEDIAKIT_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    text = '[destinations.pacs]\nurl = "PACS@10.0.0.1:104"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")


def offered(*words: str) -> list[str]:
    """Return what bash is offered for the last of some words."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        env={
            **os.environ,
            "_MEDIAKIT_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("mediakit", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.split()


def test_the_shell_is_offered_profiles_destinations_jobs_and_rules(tmp_path: Path) -> None:
    said = mediakit("import", CT_1, f"dir:{tmp_path / 'out'}", "--json")
    job = said.document["job"]
    assert "STD-GEN-CD" in offered("burn", "-p", "STD-GEN-C")
    assert offered("dest", "echo", "pa") == ["pacs"]
    assert offered("job", "show", job[:8]) == [job]
    assert offered("explain", "MK-DIR-01")[0].startswith("MK-DIR-01")


def test_case_does_not_matter_and_nothing_fits_nothing() -> None:
    assert "STD-GEN-CD" in complete.profiles("std-gen-c")
    assert complete.profiles("nonsense") == []
    assert complete.destinations("") == ["pacs"]
    assert complete.jobs("") == []


def test_what_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("destinations = 5", encoding="utf-8")
    assert complete.destinations("") == []


@pytest.mark.interop
def test_the_manual_page_is_one_that_man_formats_without_a_word_of_warning() -> None:
    need("groff")
    page = Path(__file__).parents[2] / "docs" / "mediakit.1"
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", page],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
