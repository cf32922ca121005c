"""Where a burn goes: the media format that the target's name asks for, if the profile's medium has it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mediakit.errors import UsageError
from mediakit.profile.model import Medium, Profile, Security

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(B|KB|MB|GB|KIB|MIB|GIB)?", re.IGNORECASE)
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SUFFIXES = {".iso": ("iso9660", "udf-2.60"), ".udf": ("udf-2.60",), ".zip": ("zip",)}


def format_of(profile: Profile, out: Path) -> str:
    """Return the media format to write: "folder", or the image format that suits suffix and medium.

    Raises UsageError when the profile's medium has no such image (PS3.12), or when the profile asks for
    secure files, which cannot be written yet.
    """
    if profile.security is Security.MEDIA:
        raise UsageError(
            f"{profile.id} asks for Secure DICOM Files (PS3.15 D.1), which mediakit cannot write yet",
            hint="use the profile without SEC, or wait for a later version",
        )
    suffix = out.suffix.lower()
    if suffix not in _SUFFIXES:
        if suffix in {".img", ".dmg", ".nrg", ".bin"}:
            raise UsageError(
                f"mediakit cannot write `{suffix}` images", where=str(out), hint="use .iso, .zip or a folder"
            )
        return "folder"
    fitting = [name for name in _SUFFIXES[suffix] if name in profile.medium.images]
    if not fitting:
        systems = " or ".join(profile.medium.file_systems)
        raise UsageError(
            f"{profile.id} is on {profile.medium.title} with {systems}, not in a `{suffix}` file",
            where=str(out),
            why=profile.medium.annex,
            hint=_other_way(profile),
        )
    return fitting[0]


def _other_way(profile: Profile) -> str:
    images = profile.medium.images
    suffix = ".zip" if "zip" in images else ".iso" if images else ""
    way = f"name a `{suffix}` file" if suffix else "name a folder and copy its content to the medium"
    return f"{way}, or choose another profile"


def remove_target(out: Path) -> None:
    """Remove a target that this burn made and nobody can vouch for."""
    if out.is_dir():
        shutil.rmtree(out, ignore_errors=True)
    else:
        out.unlink(missing_ok=True)


def capacity_of(medium: Medium, asked: str) -> int | None:
    """Return the capacity in bytes: a name of the medium ("cd74"), a size ("4GB"), or the medium's default.

    None when the medium has no limit of its own. Raises UsageError for an unknown name.
    """
    if not asked:
        return medium.capacities.get(medium.default_capacity)
    if asked.lower() in medium.capacities:
        return medium.capacities[asked.lower()]
    match = _SIZE.fullmatch(asked.strip())
    if match is None:
        names = ", ".join(medium.capacities) or "none"
        raise UsageError(
            f"`{asked}` is not a capacity of {medium.title}",
            hint=f"names: {names}; or a size such as 650MB, 4.7GB, 25GiB",
        )
    return int(float(match[1]) * _UNITS[(match[2] or "B").upper()])
