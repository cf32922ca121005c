"""A media format from outside of the package, found by the entry points `mediakit.formats`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.cli import process
from tests.support.plugins import plugin_folder
from tests.support.studies import CT_1, CT_2

ROOT = Path(__file__).parents[2]
CD = ("-p", "STD-GEN-CD")
CDR = "tests.support.cdr_sink:CdrSink"


def path_with(plugin: Path) -> str:
    return os.pathsep.join((str(plugin), str(ROOT)))


def test_a_sink_of_another_package_is_chosen_by_its_suffix_and_read_back(tmp_path: Path) -> None:
    path = path_with(plugin_folder(tmp_path / "site", "mediakit.formats", cdr=CDR))
    out = tmp_path / "disc.cdr"
    said = process("burn", "--all-patients", CT_1, CT_2, *CD, "-o", out, "--json", PYTHONPATH=path)
    assert said.code == 0, said.err
    assert said.document["figures"]["format"] == "cdr"
    assert out.read_bytes()[0x8001:0x8006] == b"CD001"
    assert process("validate", out, *CD).code == 0


def test_a_sink_of_another_package_must_suit_the_medium_too(tmp_path: Path) -> None:
    path = path_with(plugin_folder(tmp_path / "site", "mediakit.formats", cdr=CDR))
    said = process(
        "burn", "--all-patients", CT_1, "-p", "STD-GEN-BD", "-o", tmp_path / "disc.cdr", PYTHONPATH=path
    )
    assert said.code == 2
    assert "`.cdr`" in said.err


@pytest.mark.parametrize("value", ["tests.support.no_such_module:CdrSink", "tests.support.cdr_sink:Nothing"])
def test_a_package_that_cannot_be_loaded_is_named_and_stops_only_what_may_need_it(
    value: str, tmp_path: Path
) -> None:
    path = path_with(plugin_folder(tmp_path / "site", "mediakit.formats", cdr=value))
    said = process("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "disc.cdr", PYTHONPATH=path)
    assert said.code == 2
    assert "`cdr`" in said.err
    assert value in said.err
    assert (
        process("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "disc.iso", PYTHONPATH=path).code == 0
    )


def test_without_the_package_the_name_is_that_of_a_folder(tmp_path: Path) -> None:
    assert process("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "disc.cdr").code == 0
    assert (tmp_path / "disc.cdr" / "DICOMDIR").is_file()
