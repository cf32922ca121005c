"""Where a burn goes: the media format that the target's name asks for, if the profile's medium has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mediakit.choices import bytes_of
from mediakit.durable import check_regular
from mediakit.errors import UsageError, mapped
from mediakit.formats.gapped import map_beside
from mediakit.formats.registry import SINKS, format_named, sink, sink_names
from mediakit.profile.load import Catalogue
from mediakit.profile.model import Medium, Profile, Security

_FOLDER = "folder"
_SECURE_MAIL = (
    "its files are plain, and the e-mail is encrypted as a whole (S/MIME): leave the recipients out"
)
_FOREIGN_SUFFIXES = frozenset({".dmg", ".nrg", ".bin", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"})


def format_of(profile: Profile, out: Path, asked: str = "", largest_bytes: int = 0) -> str:
    """Return the name of the media format to write: the one that suits the target's suffix and the medium.

    `asked` names one of several that suit ("udf-2.50"); else it is the first that can hold a file of
    `largest_bytes`. Raises UsageError when the profile's medium has no such format (PS3.12).
    """
    suffix = out.suffix.lower()
    named = _formats_of(suffix)
    if not named and suffix in _FOREIGN_SUFFIXES:
        raise UsageError(
            f"mediakit cannot write `{suffix}` images",
            where=str(out),
            hint="use .iso, .img, .zip, .eml or a folder",
        )
    if asked and asked not in named:
        raise UsageError(
            f"`{asked}` is not a format of {f'`{suffix}` files' if named else 'a folder'}",
            where=str(out),
            hint=f"formats: {', '.join(named)}" if named else "name a file such as OUT.iso",
        )
    fitting = [name for name in named if suits(name, profile.medium) and asked in {"", name}]
    if not fitting:
        systems = " or ".join(profile.medium.file_systems)
        raise UsageError(
            f"{profile.id} is on {profile.medium.title} with {systems}, not in "
            + (f"the format `{asked}`" if asked else f"a `{suffix}` file"),
            where=str(out),
            why=profile.medium.annex,
            hint=_other_way(profile),
        )
    limits = ((name, sink(name).max_file_bytes) for name in fitting)
    return next((name for name, most in limits if most is None or largest_bytes <= most), fitting[0])


def check_security(profile: Profile, *, is_sealed: bool) -> None:
    """Raise UsageError when files would be written encrypted against the profile, or plain against it."""
    if profile.is_secure and not is_sealed:
        hint = "`--recipient CERT.pem` (again for each), `--passphrase-file FILE` or `--ask-passphrase`"
        raise UsageError(
            f"{profile.id} asks for encrypted files (PS3.15 D.1): say who can open them", hint=hint
        )
    if is_sealed and not profile.is_secure:
        raise UsageError(
            f"{profile.id} has no encrypted files, and recipients are given",
            hint=_SECURE_MAIL
            if profile.security is Security.EMAIL
            else "`mediakit profiles list` shows the secure ones (SEC)",
        )


def profiles_for(
    catalogue: Catalogue, out: Path, medium: str, *, is_secure: bool = False
) -> tuple[Profile, ...]:
    """Return the general purpose profiles for a target when none was named, the preferred one first.

    `is_secure`: those whose files are encrypted. `medium` is what `--medium` calls it ("dvd"), "" when the
    suffix of the target decides. Raises UsageError.
    """
    media = {one.medium.name: one.medium for one in catalogue.profiles.values() if one.medium.name}
    if medium and medium not in media:
        raise UsageError(f"`{medium}` is not a medium", hint=f"there are {', '.join(sorted(media))}")
    suffix = out.suffix.lower()
    meant = [media[medium]] if medium else [one for one in media.values() if suffix in one.suffixes]
    if not meant:
        known = " ".join(sorted({suffix for one in media.values() for suffix in one.suffixes}))
        hint = (
            f"end its name with one of {known}, or give `--medium {'|'.join(sorted(media))}` or `-p PROFILE`"
        )
        raise UsageError("the name of the target does not say which medium is meant", hint=hint)
    names = meant[0].secure if is_secure else meant[0].general
    if not names:
        is_mail = meant[0].file_systems in {("ZIP",), ("MIME",)}
        hint = _SECURE_MAIL if is_mail else "choose another medium"
        raise UsageError(f"no profile has encrypted files on {meant[0].title}", hint=hint)
    return tuple(catalogue.profiles[name] for name in names)


def check_target(out: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Raise UsageError when nothing may be written there: it is a source, or lies in one, or is taken."""
    with mapped({OSError: UsageError}, "the target cannot be used", str(out)):
        check_regular(out)
        for path in sources:
            if os.path.realpath(out) == os.path.realpath(path):
                raise UsageError("the target is a source", where=str(out), hint="name another file or folder")
            if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
                hint = "name a file or folder outside of it"
                raise UsageError("the target lies in the source", where=str(out), hint=hint)
        if not out.absolute().parent.is_dir():
            raise UsageError("the folder of the target does not exist", where=str(out))
        if out.is_dir() and any(out.iterdir()):
            raise UsageError("the target is a folder with content", where=str(out), hint="name a new folder")
        if os.path.lexists(out) and not out.is_dir() and not overwrite:
            raise UsageError("the target exists", where=str(out), hint="`--force` replaces it")
    if not out.is_dir() and (left := map_beside(out)) is not None:
        hint = "name another file, or move that one away"
        raise UsageError(
            "beside the target lies what would be its map of a rescued image", where=str(left), hint=hint
        )


def file_system_of(out: Path, old: str) -> str:
    """Return the file system that the target will have, as PS3.12 names it; `old` is that of the source.

    A folder is taken for the medium that it was.
    """
    systems = [each for name in _formats_of(out.suffix.lower()) for each in format_named(name).file_systems]
    if not systems:
        return "" if old == "ZIP" else old
    return next((each for each in systems if old.startswith(each)), systems[0])


def _formats_of(suffix: str) -> list[str]:
    """Return the formats that a suffix asks for; a folder has no suffix of its own."""
    ours = [name for name in SINKS if suffix in format_named(name).suffixes]
    if ours or not suffix:
        return ours or [_FOLDER]
    others = [name for name in sink_names() if name not in SINKS and suffix in format_named(name).suffixes]
    return others or ([] if suffix in _FOREIGN_SUFFIXES else [_FOLDER])


def suits(name: str, medium: Medium) -> bool:
    """Return True when a medium can be written in this media format; a folder can be any medium's content."""
    systems = format_named(name).file_systems
    return not systems or bool(set(systems) & set(medium.file_systems))


def _other_way(profile: Profile) -> str:
    suffixes = [
        suffix for name in SINKS if suits(name, profile.medium) for suffix in format_named(name).suffixes
    ]
    way = f"name a `{suffixes[0]}` file" if suffixes else "name a folder and copy its content to the medium"
    return f"{way}, or choose another profile"


def capacity_of(medium: Medium, asked: str) -> int | None:
    """Return the capacity in bytes: a name of the medium ("cd74"), a size ("4GB"), or the medium's default.

    None when the medium has no limit of its own. Raises UsageError for an unknown name.
    """
    if not asked:
        return medium.capacities.get(medium.default_capacity)
    if asked.lower() in medium.capacities:
        return medium.capacities[asked.lower()]
    size = bytes_of(asked)
    if size is None:
        names = ", ".join(medium.capacities) or "none"
        raise UsageError(
            f"`{asked}` is not a capacity of {medium.title}",
            hint=f"names: {names}; or a size such as 650MB, 4.7GB, 25GiB",
        )
    return size
