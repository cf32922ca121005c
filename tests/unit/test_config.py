"""Where the user's profiles come from: options, the environment, the configuration file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediakit.cli.config import profile_paths
from mediakit.errors import UsageError


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, as a user without any configuration."""
    monkeypatch.delenv("MEDIAKIT_PROFILES", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()


def test_nobody_who_says_nothing_gets_anything() -> None:
    assert profile_paths([], None) == ()


def test_options_come_first_then_the_environment_then_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAKIT_PROFILES", str(tmp_path / "two"))
    config = tmp_path / "config.toml"
    config.write_text('profiles = ["three"]')
    monkeypatch.setenv("MEDIAKIT_CONFIG", str(config))
    assert profile_paths([Path("one")], None) == tuple(tmp_path / name for name in ("one", "two", "three"))


def test_the_environment_names_several_places_as_a_path_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAKIT_PROFILES", os.pathsep.join(["one", "", "two"]))
    assert profile_paths([], None) == (tmp_path / "one", tmp_path / "two")


def test_a_place_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    assert profile_paths([Path("one"), tmp_path / "one", Path("two/../one")], None) == (tmp_path / "one",)


def test_paths_of_a_configuration_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "own").mkdir()
    config = tmp_path / "etc" / "config.toml"
    config.write_text(f'profiles = ["own", "{(tmp_path / "two").as_posix()}"]')
    assert profile_paths([], config) == (tmp_path / "etc" / "own", tmp_path / "two")


def test_a_named_configuration_stands_for_every_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "home" / ".config" / "mediakit"
    place.mkdir(parents=True)
    (place / "config.toml").write_text('profiles = ["one"]')
    (tmp_path / "named.toml").write_text('profiles = ["three"]')
    monkeypatch.setenv("MEDIAKIT_CONFIG", str(tmp_path / "named.toml"))
    assert profile_paths([], None) == (tmp_path / "three",)
    (tmp_path / "other.toml").write_text('profiles = ["two"]')
    assert profile_paths([], Path("other.toml")) == (tmp_path / "two",)


def test_no_configuration_is_read_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "mediakit.toml").write_text('profiles = ["one"]')
    (tmp_path / "config.toml").write_text("nonsense")
    assert profile_paths([], None) == ()


def test_a_configuration_that_is_named_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_CONFIG", "nowhere.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        profile_paths([], None)


def test_the_users_own_configuration_is_read_beside_that_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    system = tmp_path / "etc" / "config.toml"
    system.write_text('profiles = ["../three"]')
    monkeypatch.setattr("mediakit.cli.config._SYSTEM", system)
    place = tmp_path / "home" / ".config" / "mediakit"
    (place / "mine").mkdir(parents=True)
    (place / "config.toml").write_text('profiles = ["mine"]')
    assert profile_paths([], None) == (place / "mine", tmp_path / "three")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profiles = [", "cannot be read"),
        ("profile = []", "unknown setting `profile`"),
        ('profiles = "one"', "must be a list"),
        ("profiles = [1]", "must be a list"),
        ('profiles = ["nowhere"]', "no such file or folder"),
        ("profiles = " + "9" * 5000, "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "mediakit.toml"
    config.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        profile_paths([], config)
    assert caught.value.where


def test_a_configuration_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        profile_paths([], tmp_path / "nowhere.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        profile_paths([], tmp_path / "bytes.toml")


def test_a_place_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder") as caught:
        profile_paths([Path("nowhere")], None)
    assert caught.value.where == "nowhere"
