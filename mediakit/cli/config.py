"""The configuration: `--config FILE`, else `mediakit.toml` in the working folder, else the user's own file.

    profiles = ["/etc/mediakit/profiles", "our-profile.toml"]

    [destinations.pacs]
    url = "PACS@10.0.0.1:104"

Destinations are read by `named`. Paths are taken relative to the file they stand in.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import typer

from mediakit.errors import UsageError

_KNOWN = frozenset({"profiles", "destinations"})
_MOST_BYTES = 1 << 20


def profile_paths(given: list[Path], config: Path | None) -> tuple[Path, ...]:
    """Return the user's profile files and folders: `--profiles`, `MEDIAKIT_PROFILES`, the configuration.

    Raises UsageError when one of them does not exist or the configuration is wrong.
    """
    paths = list(given)
    paths += [Path(name) for name in os.environ.get("MEDIAKIT_PROFILES", "").split(os.pathsep) if name]
    paths += _from_config(config)
    for path in paths:
        if not os.path.exists(path):  # noqa: PTH110 - False too where the system will not say
            raise UsageError("no such file or folder of profiles", where=str(path))
    return tuple(dict.fromkeys(path.resolve() for path in paths))


def settings(config: Path | None) -> tuple[Path, dict[str, Any]] | None:
    """Return the configuration file and what stands in it; None when there is none.

    Raises UsageError for one that cannot be read, or has a setting that is not known.
    """
    # A home that the system will not show has no configuration: `Path.is_file` would raise there.
    file = config or next((path for path in _places() if os.path.isfile(path)), None)  # noqa: PTH113
    if file is None:
        return None
    values = read_toml(file)
    if unknown := sorted(values.keys() - _KNOWN):
        hint = f"known: {', '.join(sorted(_KNOWN))}"
        raise UsageError(f"unknown setting `{unknown[0]}`", where=str(file), hint=hint)
    return file, values


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file of ours holds. Raises UsageError."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UsageError("the configuration is too long to be one", where=str(file))
        return tomllib.loads(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise UsageError("the configuration cannot be read", where=str(file), why=str(exc)) from exc


def own_folder() -> Path:
    """Return the folder of the user's own configuration, as the system has it."""
    return Path(typer.get_app_dir("mediakit"))


def _from_config(config: Path | None) -> list[Path]:
    found = settings(config)
    if found is None:
        return []
    file, values = found
    names = values.get("profiles", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError("`profiles` must be a list of paths", where=str(file))
    return [file.parent / Path(name).expanduser() for name in names]


def _places() -> tuple[Path, ...]:
    return (Path("mediakit.toml"), own_folder() / "config.toml")
