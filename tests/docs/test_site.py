"""The documentation site: each page has its place, links lead somewhere, the developer's tutorial runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.cli import process
from tests.support.plugins import distribution_folder

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = tuple(path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md")))


def test_the_navigation_of_the_site_names_every_page_once() -> None:
    named = re.findall(
        r"^ +- .*: ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.MULTILINE
    )
    assert sorted(named) == sorted(PAGES), "put the page into `nav` of mkdocs.yml"


def test_every_link_of_a_page_leads_to_a_file_of_the_site() -> None:
    """Links to headings and the rest of what a browser would meet are checked by `make site`."""
    dead = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", _prose(page))
        if not (DOCS / page).parent.joinpath(link).is_file()
    ]
    assert dead == []


def test_the_page_of_commands_is_made_from_the_code() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import make_man; print(make_man.commands_page(), end='')"],
        cwd=DOCS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(DOCS)))},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert (DOCS / "commands.md").read_text("utf-8") == made.stdout.decode(), "run `make docs`"


@pytest.mark.takes_long
def test_the_tutorial_of_developers_runs_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    text = (DOCS / "developer.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    files = {head[1]: code for code in blocks if (head := re.match(r"# (ward/\w+\.py)\n", code))}
    script = "\n".join(code for code in blocks if code not in files.values())
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert {"good 0", "conforms to STD-GEN-CD", "good"} <= set(done.stdout.splitlines())
    assert done.stdout.endswith("(is the server running, and is the port right?)\n")

    (project,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    site = distribution_folder(tmp_path / "site", tomllib.loads(project)["project"]["entry-points"])
    (site / "ward").mkdir()
    for name, code in files.items():
        (site / name).write_text(code)
    environment = {
        "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
        "MEDIAKIT_STATE": str(tmp_path / "state"),
    }
    (block,) = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "wards").mkdir()
    said = {
        words: process(*words.split(), cwd=tmp_path, **environment)
        for words in re.findall(r"^\$ mediakit ([^#\n]*)", block, flags=re.MULTILINE)
    }
    assert [one.code for one in said.values()] == [0, 1, 0], [one.err for one in said.values()]
    assert all("WARD-001" in one.out + one.err for words, one in said.items() if "validate" in words)
    assert len([*(tmp_path / "wards" / "north").rglob("*.dcm")]) > 5


def _prose(page: str) -> str:
    """Return a page without its blocks and spans of code."""
    text = re.sub(r"```.*?```", "", (DOCS / page).read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)
