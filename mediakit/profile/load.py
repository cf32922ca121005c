"""Profiles from their files: the shipped ones, and those of the user. The only module here that reads.

Shipped files are found by their text, so that burning with one profile parses one file. User files are
always named by the caller; there is no place where mediakit looks for them by itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from mediakit import toml
from mediakit.errors import ProfileError
from mediakit.profile.document import Document, KeyRow, KeyTables, Media, NotAProfile, NotProfiles
from mediakit.profile.extend import extended
from mediakit.profile.flatten import Draft, Known, whole
from mediakit.profile.model import Kind, Medium, Profile
from mediakit.profile.rows import medium_of

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SUPPORT = frozenset({"media.toml", "key-tables.toml", "not-profiles.toml"})  # shipped, but no profiles
_MOST_BYTES = 1 << 20  # a profile file is a few thousand bytes
_ID_LINE = re.compile(r'^id = "([A-Z0-9_-]+)"', re.MULTILINE)  # how the shipped files write it
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All profiles at hand: the shipped ones in the order of PS3.11's annexes, then those of the user.

    `origins` tells for each identifier the file it came from.
    """

    profiles: Mapping[str, Profile]
    origins: Mapping[str, str]


def shipped() -> Traversable:
    """Return the folder of profiles that came with mediakit (wheel, zip or clone)."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_profiles", package.parent / "profiles"):
        if folder.is_dir():
            return folder
    # Slow to import, and needed only when mediakit runs from a zip.
    from importlib.resources import files  # noqa: PLC0415

    return files("mediakit") / "_profiles"


def load_profile(identifier: str, extra: Sequence[str | PathLike[str]] = ()) -> Profile:
    """Return one profile, standard or from the user's files and folders `extra`.

    The old spelling `APL-` of a standard identifier is taken (PS3.11 8). Raises ProfileError when there is
    no such profile, or when a file of the user has faults; the message holds all of them.
    """
    wanted = canonical(identifier)
    own = _user_profiles(extra)
    if wanted in own:
        return own[wanted][0]
    found = _standard(wanted)
    if found is None:
        raise _unknown(identifier, wanted, (*_shipped_ids(), *own))
    return found


def load_catalogue(extra: Sequence[str | PathLike[str]] = ()) -> Catalogue:
    """Return every profile. Raises ProfileError with all faults of the user's files."""
    profiles: dict[str, Profile] = {}
    origins: dict[str, str] = {}
    for name in _shipped_files():
        for profile in _flat(_shipped_document(name), name):
            profiles[profile.id] = profile
            origins[profile.id] = name
    for identifier, (profile, origin) in _user_profiles(extra).items():
        profiles[identifier] = profile
        origins[identifier] = origin
    return Catalogue(profiles=profiles, origins=origins)


def check_file(path: Path) -> tuple[str, ...]:
    """Return all faults of a user's profile file as sentences; empty when it is sound."""
    _, faults = _read_user_file(path)
    return tuple(faults)


def canonical(identifier: str) -> str:
    """Return an identifier as it is written in PS3.11: upper case, `STD-` for the old `APL-`."""
    upper = identifier.strip().upper()
    return f"STD-{upper[4:]}" if upper.startswith("APL-") else upper


# The shipped files.


@cache
def _shipped_text(name: str) -> str:
    return (shipped() / name).read_text(encoding="utf-8")


@cache
def _shipped_files() -> tuple[str, ...]:
    """Return the names of the shipped profile files, in the order of their annexes."""
    names = [
        one.name for one in shipped().iterdir() if one.name.endswith(".toml") and one.name not in _SUPPORT
    ]
    return tuple(sorted(names, key=lambda name: (_annex(name), name)))


def _annex(name: str) -> str:
    found = re.search(r'^source = "([^"]*)"', _shipped_text(name), re.MULTILINE)
    return found.group(1) if found else ""


def _shipped_ids() -> tuple[str, ...]:
    return tuple(one for name in _shipped_files() for one in _ID_LINE.findall(_shipped_text(name)))


def _shipped_value(name: str, kind: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(tomllib.loads(_shipped_text(name)), kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ProfileError("a file that came with mediakit is damaged", where=name, why=str(exc)) from exc


@cache
def _shipped_document(name: str) -> Document:
    return _shipped_value(name, Document)


@cache
def _media() -> Mapping[str, Medium]:
    return {row.id: medium_of(row) for row in _shipped_value("media.toml", Media).medium}


@cache
def _key_tables() -> Mapping[str, tuple[KeyRow, ...]]:
    return _shipped_value("key-tables.toml", KeyTables).key_tables


@cache
def _standard(identifier: str) -> Profile | None:
    """Return a shipped profile, reading no more files than needed."""
    for name in _shipped_files():
        if f'"{identifier}"' in _shipped_text(name):
            for profile in _flat(_shipped_document(name), name, only=identifier):
                return profile
    return None


def _known() -> Known:
    return Known(media=_media(), key_tables=_key_tables, base=_standard)


def _flat(document: Document, name: str, only: str = "") -> tuple[Profile, ...]:
    profiles, faults = _flatten(document, only)
    if faults:
        raise _faulty(faults, name)
    return profiles


def _flatten(document: Document, only: str = "") -> tuple[tuple[Profile, ...], list[str]]:
    """Return the flat profiles of a document, and what stood in the way of the others."""
    profiles: list[Profile] = []
    faults: list[str] = []
    for row in document.profile:
        if only in {"", row.id}:
            draft = Draft(document=document, known=_known(), row=row)
            profile = whole(draft) if row.extends is None else extended(draft)
            faults += [f"{row.id}: {fault}" for fault in draft.faults]
            if profile is not None:
                profiles.append(profile)
    return tuple(profiles), faults


# The files of the user.


def _user_profiles(extra: Sequence[str | PathLike[str]]) -> dict[str, tuple[Profile, str]]:
    """Return the profiles of the user's files with the file of each."""
    found: dict[str, tuple[Profile, str]] = {}
    faults: list[str] = []
    for path in _user_files(extra, faults):
        profiles, here = _read_user_file(path)
        faults += [f"{path}: {fault}" for fault in here]
        for profile in profiles:
            if profile.id in found:
                faults.append(f"{path}: {profile.id} is defined in {found[profile.id][1]} already")
            else:
                found[profile.id] = (profile, str(path))
    if faults:
        raise _faulty(faults)
    return found


def _user_files(extra: Sequence[str | PathLike[str]], faults: list[str]) -> Iterator[Path]:
    """Yield each file once, and the `*.toml` files of each folder by name."""
    chosen: list[Path] = []
    for path in map(Path, extra):
        if path.is_dir():
            inside = sorted(one for one in path.glob("*.toml") if one.is_file())
            if not inside:
                faults.append(f"{path}: there is no .toml file in this folder")
            chosen += inside
        elif path.is_file():
            chosen.append(path)
        else:
            faults.append(f"{path}: there is no such file or folder")
    yield from {path.resolve(): path for path in chosen}.values()


def _read_user_file(path: Path) -> tuple[tuple[Profile, ...], list[str]]:
    """Return the sound profiles of a user's file, and all faults of the file."""
    document, faults = _user_document(path)
    if document is None:
        return (), faults
    # Only a user's file is looked through at run time; a test does it for the shipped ones.
    from mediakit.profile.sense import document_faults, profile_faults, user_faults  # noqa: PLC0415
    from mediakit.profile.superset import superset_faults  # noqa: PLC0415

    profiles, flat_faults = _flatten(document)
    faults = [*user_faults(document), *document_faults(document), *flat_faults]
    for profile in profiles:
        faults += profile_faults(profile)
        base = _standard(profile.base) if profile.kind is Kind.AUGMENTED else None
        if base is not None:
            faults += [f"{profile.id}: {fault}" for fault in superset_faults(base, profile)]
    return profiles, list(dict.fromkeys(faults))


def _user_document(path: Path) -> tuple[Document | None, list[str]]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            return None, [f"the file has more than {_MOST_BYTES} bytes: this is no profile file"]
        return parse(content.decode("utf-8"))
    except OSError as exc:
        return None, [f"cannot be read: {exc.strerror or exc}"]
    except UnicodeDecodeError as exc:
        return None, [f"is not UTF-8: byte {exc.start}"]


def parse(text: str) -> tuple[Document | None, list[str]]:
    """Return the document of a TOML text, or all faults of its shape."""
    try:
        raw = toml.loads(text)
        return msgspec.convert(raw, Document), []
    except RecursionError:
        return None, ["is nested too deeply for a profile file"]
    except msgspec.ValidationError as exc:
        from mediakit.profile.shape import shape_faults  # noqa: PLC0415 - only when something is wrong

        return None, list(shape_faults(raw, Document)) or [str(exc)]
    except ValueError as exc:  # TOML that is none, or a number too long to be one
        return None, [f"is not TOML: {exc}"]


# What to say when it goes wrong.


def _faulty(faults: Sequence[str], where: str = "") -> ProfileError:
    what = "1 fault in a profile file" if len(faults) == 1 else f"{len(faults)} faults in profile files"
    return ProfileError(
        what,
        where=where,
        why="; ".join(faults),
        hint="`mediakit profiles check FILE` shows the faults of a file",
    )


def _unknown(asked: str, wanted: str, known: Sequence[str]) -> ProfileError:
    """Return the error for an identifier that is not there, with what is there instead."""
    refused = _refused(wanted)
    if refused is not None:
        return ProfileError(
            f"{wanted} is not a current profile of PS3.11",
            why=refused.why,
            hint="there is " + ", ".join(refused.instead) if refused.instead else "",
        )
    import difflib  # noqa: PLC0415 - only when something is wrong

    close = difflib.get_close_matches(wanted, known, n=4, cutoff=0.7)
    hint = f"did you mean {' or '.join(close)}?" if close else "`mediakit profiles list` shows them all"
    return ProfileError(f"there is no profile `{asked}`", hint=hint)


def _refused(identifier: str) -> NotAProfile | None:
    rows = _shipped_value("not-profiles.toml", NotProfiles).not_profile
    return next((row for row in rows if fnmatchcase(identifier, row.id)), None)
