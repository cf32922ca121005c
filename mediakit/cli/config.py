"""The configuration: `--config FILE`, else `mediakit.toml` in the working folder, else the user's own file.

    profiles = ["/etc/mediakit/profiles", "our-profile.toml"]

Paths are taken relative to the file they stand in.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import typer

from mediakit.errors import UsageError

_KNOWN = frozenset({"profiles"})


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


def _from_config(config: Path | None) -> list[Path]:
    # A home that the system will not show has no configuration: `Path.is_file` would raise there.
    file = config or next((path for path in _places() if os.path.isfile(path)), None)  # noqa: PTH113
    if file is None:
        return []
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UsageError("the configuration cannot be read", where=str(file), why=str(exc)) from exc
    if unknown := sorted(values.keys() - _KNOWN):
        raise UsageError(
            f"unknown setting `{unknown[0]}`", where=str(file), hint=f"known: {', '.join(_KNOWN)}"
        )
    names = values.get("profiles", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError("`profiles` must be a list of paths", where=str(file))
    return [file.parent / Path(name).expanduser() for name in names]


def _places() -> tuple[Path, ...]:
    return (Path("mediakit.toml"), Path(typer.get_app_dir("mediakit")) / "config.toml")
