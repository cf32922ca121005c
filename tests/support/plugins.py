"""A distribution as an installer leaves it on the path: metadata with entry points, and nothing else."""

from __future__ import annotations

from pathlib import Path


def plugin_folder(folder: Path, group: str, **entry_points: str) -> Path:
    """Return a folder for `sys.path` in which a distribution has these entry points of a group."""
    info = folder / "mediakit_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mediakit-plugin\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    return folder
