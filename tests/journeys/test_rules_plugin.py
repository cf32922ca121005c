"""Checks that an installed package brings: nothing in mediakit knows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.cli import process
from tests.support.plugins import plugin_folder
from tests.support.studies import CT_1

ROOT = Path(__file__).parents[2]


def path_with(tmp_path: Path, name: str) -> str:
    site = plugin_folder(tmp_path, "mediakit.rules", ward=f"tests.support.ward_rules:{name}")
    return os.pathsep.join((str(site), str(ROOT)))


def test_a_medium_is_judged_by_them_too(tmp_path: Path) -> None:
    path = path_with(tmp_path, "CHECKS")
    said = process("validate", CT_1.parent, "-p", "STD-GEN-CD", "--json", PYTHONPATH=path)
    assert "WARD-001" in said.out
    assert "WARD-001" not in process("validate", CT_1.parent, "-p", "STD-GEN-CD", "--json").out


def test_their_rules_are_explained(tmp_path: Path) -> None:
    path = path_with(tmp_path, "CHECKS")
    said = process("explain", "WARD-001", PYTHONPATH=path)
    assert (said.code, "house rule 7" in said.out) == (0, True)
    assert "WARD-001" in process("explain", PYTHONPATH=path).out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("TAKEN", "is the id of another rule"),
        ("NO_CHECKS", "not a sequence of checks"),
        ("NONE", "AttributeError"),
        ("FAULTY", "the ward's own fault"),
    ],
)
def test_checks_that_cannot_be_used_are_named_and_are_no_crash(tmp_path: Path, name: str, why: str) -> None:
    said = process("validate", CT_1.parent, PYTHONPATH=path_with(tmp_path, name))
    assert said.code == 2
    assert f"ward_rules:{name}" in said.err
    assert why in said.err
