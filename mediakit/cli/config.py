"""The configuration: `--config FILE`, else `MEDIAKIT_CONFIG`, else the user's own file and the system's.

Never is one read from the working folder: a command may be run inside a medium that somebody else wrote.

    profiles = ["/etc/mediakit/profiles", "our-profile.toml"]

    [destinations.pacs]
    url = "PACS@10.0.0.1:104"

    institution = ["St. Elsewhere Hospital, Radiology", "Tel. 555-0100"]

Destinations are read by `named`, `[secure]` by `keys`, `[manifest]` by `manifest`, `institution` by `people`,
`[watch]` by `watch`.
Paths are taken relative to the file they stand in.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import typer

from mediakit import toml
from mediakit.errors import UsageError
from mediakit.findings import printable

_KNOWN = frozenset({"profiles", "destinations", "institution", "manifest", "robot", "secure", "watch"})
_MOST_BYTES = 1 << 20
_SYSTEM = Path("/etc/mediakit/config.toml")


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


def settings(config: Path | None) -> tuple[tuple[Path, dict[str, Any]], ...]:
    """Return the configuration files in use, each with what stands in it; the user's own one comes first.

    Raises UsageError for one that cannot be read, or has a setting that is not known.
    """
    found = []
    for file in _places(config):
        values = read_toml(file)
        if unknown := sorted(values.keys() - _KNOWN):
            hint = f"known: {', '.join(sorted(_KNOWN))}"
            raise UsageError(f"unknown setting `{unknown[0]}`", where=str(file), hint=hint)
        found.append((file, values))
    return tuple(found)


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file of ours holds. Raises UsageError."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UsageError("the configuration is too long to be one", where=str(file))
        return toml.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:  # a number can be too long to be one
        why = exc.strerror if isinstance(exc, OSError) else ""
        raise UsageError("the configuration cannot be read", where=str(file), why=why or str(exc)) from exc


def own_folder() -> Path:
    """Return the folder of the user's own configuration, as the system has it."""
    return Path(typer.get_app_dir("mediakit"))


def tables(config: Path | None, name: str, known: Collection[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the table of that name of each configuration file that has one, the user's own file first.

    Raises UsageError for one that is no table, or has a setting that is not `known`.
    """
    for file, values in settings(config):
        table = values.get(name)
        if table is None:
            continue
        if not isinstance(table, dict):
            raise UsageError(f"`{name}` must be a table", where=str(file))
        for each in table:
            if each not in known:
                hint = f"known: {', '.join(sorted(known))}"
                raise UsageError(f"unknown setting `{name}.{printable(each)}`", where=str(file), hint=hint)
        yield file, table


def _from_config(config: Path | None) -> list[Path]:
    paths: list[Path] = []
    for file, values in settings(config):
        names = values.get("profiles", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError("`profiles` must be a list of paths", where=str(file))
        paths += [file.parent / Path(name).expanduser() for name in names]
    return paths


def _places(config: Path | None) -> list[Path]:
    if config is not None:
        return [config]
    if named := os.environ.get("MEDIAKIT_CONFIG", ""):
        return [Path(named)]
    places = [own_folder() / "config.toml", *([] if os.name == "nt" else [_SYSTEM])]
    # A home that the system will not show has no configuration: `Path.is_file` would raise there.
    return [path for path in places if os.path.isfile(path)]  # noqa: PTH113
