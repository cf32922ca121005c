"""Without a profile the target or the medium decides which general purpose profile is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import mediakit
from tests.support.studies import CT_1, CT_2


@pytest.mark.parametrize(
    ("target", "options", "profile"),
    [
        ("a.iso", (), "STD-GEN-CD"),
        ("a.img", (), "STD-GEN-USB-JPEG"),
        ("a.zip", (), "STD-GEN-ZIP-MAIL"),
        ("a.udf", (), "STD-GEN-BD-JPEG"),
        ("a.iso", ("--medium", "bd"), "STD-GEN-BD-JPEG"),
        ("folder", ("--medium", "dvd"), "STD-GEN-DVD-JPEG"),
        ("a.iso", ("-p", "STD-GEN-DVD-J2K"), "STD-GEN-DVD-J2K"),
    ],
)
def test_the_profile_is_that_of_the_medium_that_is_meant(
    target: str, options: tuple[str, ...], profile: str, tmp_path: Path
) -> None:
    said = mediakit("burn", CT_1, CT_2, "-o", tmp_path / target, "--json", "-n", *options)
    assert said.code == 0, said.err
    assert said.document["figures"]["profile"] == profile


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("folder", (), "does not say which medium"),
        ("a.iso", ("--medium", "floppy"), "`floppy` is not a medium"),
        ("a.iso", ("--medium", "cd", "-p", "STD-GEN-CD"), "exclude each other"),
        ("a.zip", ("--medium", "cd"), "not in a `.zip` file"),
    ],
)
def test_what_leaves_the_medium_open_or_contradicts_it_is_a_wrong_call(
    target: str, options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    said = mediakit("burn", CT_1, "-o", tmp_path / target, *options)
    assert said.code == 2
    assert message in said.err
