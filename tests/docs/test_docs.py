"""The documentation says what the code does: generated pages are fresh, README runs, commands are named."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

from mediakit.findings import Report
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.report.json import json_schema, report_doc, to_json

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = "\n".join(path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_the_page_of_the_json_report_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_json.py"))["page"]()
    assert (ROOT / "docs" / "json.md").read_text(encoding="utf-8") == made, "run `make docs`"


def test_a_report_obeys_its_own_schema() -> None:
    result = Result(
        journey="burn",
        fates=(Fate(source="a", state=State.NOT_DICOM),),
        report=Report.of("STD-GEN-CD", ()),
        outcome=Outcome.SOURCE,
        figures={"needs_bytes": 1},
    )
    document = msgspec.json.decode(to_json(report_doc(result)))
    jsonschema.validate(document, json_schema())
    del document["files"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


def test_the_library_example_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("written") == 34
    assert (tmp_path / "study.iso").is_file()


@pytest.mark.parametrize(
    "words", [line[2:] for line in re.findall(r"^\$ mediakit .*$", README, flags=re.MULTILINE)]
)
def test_the_commands_of_the_readme_run(words: str, tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    command = [sys.executable, "-m", *words.split("  #", maxsplit=1)[0].split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", ["burn", "profiles list", "profiles show", "profiles fit", "profiles check"]
)
def test_every_command_exists_and_is_documented(command: str) -> None:
    asked = [sys.executable, "-m", "mediakit", *command.split(), "--help"]
    assert subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode == 0
    assert f"mediakit {command}" in PAGES


def test_every_option_of_burn_that_the_readme_names_exists() -> None:
    asked = [sys.executable, "-m", "mediakit", "burn", "--help"]
    text = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60).stdout
    named = set(re.findall(r"--[a-z][a-z-]+", README.split("## Burn")[1].split("## More")[0]))
    assert named
    assert all(option in text for option in named)


def test_every_relative_link_and_page_named_in_the_readme_exists() -> None:
    for name in re.findall(r"`((?:docs/)?[A-Za-z_]+\.md)`", README):
        assert (ROOT / name).is_file(), name
