"""The documentation says what the code does: generated pages are fresh, README runs, commands are named."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import typer

from mediakit.cli.main import app
from mediakit.findings import Report
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.report.json import json_schema, report_doc, to_json
from tests.support.cli import mediakit, process
from tests.support.each import each


def _commands(family: Any) -> Iterator[str]:
    """Return every command that a group has, as it is called: "burn", "profiles list"."""
    for name, one in family.commands.items():
        yield from (f"{name} {below}" for below in _commands(one)) if hasattr(one, "commands") else (name,)


ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_MAKERS = {"api.md": "api", "json.md": "json", "mediakit.1": "man"}
COMMANDS = tuple(_commands(typer.main.get_command(app)))
PAGES = "\n".join(path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("name", ["api.md", "json.md", "mediakit.1"])
def test_a_page_that_is_made_from_the_code_is_fresh(name: str) -> None:
    made = runpy.run_path(str(ROOT / "docs" / f"make_{_MAKERS[name]}.py"))["page"]()
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_schemas_that_are_shipped_are_fresh_and_name_themselves() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_json.py"))["schema_files"]()
    folder = ROOT / "mediakit" / "report" / "schemas"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == made, (
        "run `make docs`"
    )
    documents = [json.loads(text) for text in made.values()]
    assert len({document["$id"] for document in documents}) == len(made)
    for document in documents:
        jsonschema.Draft202012Validator.check_schema(document)


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


def test_the_commands_of_the_readme_run_in_their_order(tmp_path: Path) -> None:
    """Each ends with 0, or with the exit code that its comment names."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    lines = re.findall(r"^\$ (mediakit [^#\n]*)(.*)$", README, flags=re.MULTILINE)
    assert len(lines) > 7
    for words, comment in lines:
        said = process(*words.split()[1:], cwd=tmp_path, MEDIAKIT_STATE=str(tmp_path / "state"))
        promised = re.search(r"exit code (\d+)", comment)
        assert said.code == (int(promised[1]) if promised else 0), f"{words}: {said.err}"
    assert {path.name for path in tmp_path.iterdir()} == {
        "samples",
        "study.iso",
        "study.json",
        "old.json",
        "study.html",
        "state",
        "received",
        "import.html",
    }


@each("command", COMMANDS)
def test_every_command_of_the_app_is_documented(command: str) -> None:
    assert f"mediakit {command}" in PAGES, f"say in README or docs what `mediakit {command}` does"


@each("command", COMMANDS)
def test_every_command_has_a_help_that_begins_with_a_sentence(command: str) -> None:
    said = mediakit(*command.split(), "--help")
    assert said.code == 0
    sentence = said.out.split("\n\n")[1].strip()
    assert sentence[0].isupper(), sentence
    assert sentence.rstrip().endswith("."), sentence


def test_no_command_is_documented_that_does_not_exist() -> None:
    named = set(re.findall(r"`mediakit ([a-z]+(?: [a-z]+)?)", PAGES))
    families = {command.split()[0] for command in COMMANDS}
    assert {words for words in named if words.split()[0] not in families} == set()


@pytest.mark.parametrize(("section", "command"), [("Burn", "burn"), ("Validate", "validate")])
def test_every_option_that_the_section_of_a_command_names_exists(section: str, command: str) -> None:
    (text,) = re.findall(rf"^## {section}\n(.*?)^## ", README, flags=re.MULTILINE | re.DOTALL)
    shown = "\n".join(
        mediakit(*name.split(), "--help").out for name in COMMANDS if f"mediakit {name}" in text
    )
    named = set(re.findall(r"(?<![\w-])(?:--[a-z][a-z-]+|-[a-z])(?![\w])", text))
    assert named
    assert f"mediakit {command}" in text
    assert {option for option in named if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown)} == set()


def test_every_relative_link_and_page_named_in_the_readme_exists() -> None:
    for name in re.findall(r"`((?:docs/)?[A-Za-z_]+\.md)`", README):
        assert (ROOT / name).is_file(), name
