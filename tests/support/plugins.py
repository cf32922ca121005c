"""A distribution as an installer leaves it on the path: metadata with entry points, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def plugin_folder(folder: Path, group: str, **entry_points: str) -> Path:
    """Return a folder for `sys.path` in which a distribution has these entry points of a group."""
    return distribution_folder(folder, {group: entry_points})


def distribution_folder(folder: Path, groups: Mapping[str, Mapping[str, str]]) -> Path:
    """Return a folder for `sys.path` in which a distribution has these entry points, by group."""
    info = folder / "mediakit_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mediakit-plugin\nVersion: 1.0\n")
    lines = [
        line
        for group, names in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in names.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
