"""A destination that an installed package brings: nothing in mediakit knows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mediakit.destinations.registry import GROUP, parse_address
from mediakit.errors import UsageError
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import target_at
from mediakit.transfer.proof import Verify
from tests.support.plugins import plugin_folder
from tests.support.studies import CT_1, CT_FOLDER

ROOT = Path(__file__).parents[2]
ZIP = "tests.support.zip_destination:ZipAddress"


def _install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **entry_points: str) -> None:
    monkeypatch.syspath_prepend(str(plugin_folder(tmp_path / "site", GROUP, **entry_points)))


def _mediakit(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    site = tmp_path / "site"
    if not site.exists():
        plugin_folder(site, GROUP, zip=ZIP)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "home" / ".config"),
        "XDG_STATE_HOME": str(tmp_path / "home" / ".state"),
    }
    command = [sys.executable, "-m", "mediakit", *words]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_a_medium_is_imported_into_it_and_proven_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, monkeypatch, zip=ZIP)
    target = target_at(f"zip:{tmp_path / 'out.zip'}", verify=Verify.QUERY)
    done = import_medium(CT_FOLDER, target, Jobs(tmp_path / "jobs"), ImportOrder(verify=Verify.QUERY))
    assert done.result.outcome is Outcome.GOOD
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        stored = sorted(archive.read(name) for name in archive.namelist())
    assert stored == sorted(path.read_bytes() for path in CT_FOLDER.rglob("*") if path.is_file())


def test_the_command_line_keeps_asks_and_fills_it(tmp_path: Path) -> None:
    assert _mediakit(tmp_path, "dest", "add", "box", "zip:box.zip").returncode == 0
    listed = _mediakit(tmp_path, "dest", "list").stdout
    assert listed.split() == ["box", f"zip:{tmp_path / 'box.zip'}", "compression", "none"]
    assert "can be written to" in _mediakit(tmp_path, "dest", "echo", "box").stdout
    said = _mediakit(tmp_path, "import", str(CT_1), "box", "--verify", "query", "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["exit_code"] == 0
    with zipfile.ZipFile(tmp_path / "box.zip") as archive:
        assert [archive.read(name) for name in archive.namelist()] == [CT_1.read_bytes()]


def test_an_option_that_it_does_not_know_is_refused(tmp_path: Path) -> None:
    said = _mediakit(tmp_path, "dest", "add", "box", "zip:box.zip", "--token-file", "x")
    assert said.returncode == 2
    assert "`token-file` does not apply" in said.stderr


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:Kind", "ModuleNotFoundError"),
        ("tests.support.zip_destination:Missing", "AttributeError"),
        ("tests.support.plugins:plugin_folder", "has no parse, taken_from"),
    ],
)
def test_a_plug_in_that_is_broken_is_named_and_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    _install(tmp_path, monkeypatch, zip=value)
    with pytest.raises(UsageError, match="`zip` of another package cannot be used") as caught:
        parse_address("zip:x.zip")
    assert caught.value.where == value
    assert why in str(caught.value)


def test_a_broken_plug_in_does_no_harm_to_other_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, monkeypatch, zip="no_such_module:Kind", dir="no_such_module:Kind")
    for text in ("PACS@host:104", "dir:/in", "dicomweb+https://host/x"):
        assert parse_address(text)


def test_two_plug_ins_for_one_scheme_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path / "one", monkeypatch, zip=ZIP)
    other = plugin_folder(tmp_path / "two", GROUP, zip="tests.support.plugins:plugin_folder")
    (other / "mediakit_plugin-1.0.dist-info").rename(other / "another_plugin-1.0.dist-info")
    metadata = other / "another_plugin-1.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: another-plugin\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(other))
    with pytest.raises(UsageError, match="several packages bring `zip`"):
        parse_address("zip:x.zip")
