"""The names that an ISO 9660 volume gives to its files: short ones, and real ones beside them. Pure.

What has a name of Level 1 keeps it. Anything else, which is never a file of the file-set, gets a short name
that nothing else in its folder has, and its real name in the Joliet tree (Windows) and in Rock Ridge (Linux,
macOS). Short names depend on the names alone, not on their order.
Source: ECMA-119 7.5, 7.6; Joliet Specification (1995); RRIP 4.1.4; PS3.10 8.2 note 4; PS3.12 F.1.2.1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mediakit.errors import DoesNotFit
from mediakit.findings import printable
from mediakit.formats.base import NO_OTHER_NAMES, Entry
from mediakit.formats.legal import SHORT_NAME
from mediakit.formats.safe_names import DEVICE

SHORT_FOLDER = re.compile(r"[A-Z0-9_]{1,8}")
_SHORT_PATH = re.compile(rf"(?:{SHORT_FOLDER.pattern}/)*{SHORT_NAME.pattern}")
_MOST_CHARACTERS = 103  # Joliet says 64; all systems read as many as a record has room for
_MOST_BYTES = 253  # of a name in UTF-8: Linux cuts longer ones
_MOST_OF_PATH = 240  # characters: Windows has 260 with the drive
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f*:;?\\"<>|]')
_NO_TEXT = re.compile("[\ud800-\udfff]")  # how Python holds bytes of a name that are not UTF-8
_LAST_OF_UCS_2 = "\uffff"
_NOT_SHORT = re.compile(r"[^A-Z0-9_]")
_STEM, _EXTENSION = 8, 3
_HINT = "rename it, or choose a medium with UDF"


class Names(NamedTuple):
    """The path of every entry in each tree. `joliet` and `rock_ridge` are None when there is none.

    `rock_ridge` has the name of a file or folder by its path in the primary tree, where it differs.
    """

    primary: Sequence[str]
    joliet: Sequence[str] | None
    rock_ridge: Mapping[str, str] | None


def names_of(entries: Sequence[Entry], *, joliet: bool, rock_ridge: bool) -> Names:
    """Return the names of entries, whose paths `check_paths` found to be sound.

    With `joliet` they may have any name that Windows, Linux and macOS can show; then there is Rock Ridge too.
    Without it all have to have names of Level 1, which is not checked here. Entries that bring their names
    along (`Entry.other`) keep them. Raises DoesNotFit for a name that one of the trees cannot hold.
    """
    paths = [entry.path for entry in entries]
    if any(entry.other is not None for entry in entries):
        return _kept(entries, joliet=joliet, rock_ridge=rock_ridge)
    if not joliet or all(map(_SHORT_PATH.fullmatch, paths)):
        return Names(paths, paths if joliet else None, {} if rock_ridge else None)
    _check_shown(paths)
    primary = _short_paths(paths)
    return Names(primary, paths, _rock_ridge(primary, paths))


def _kept(entries: Sequence[Entry], *, joliet: bool, rock_ridge: bool) -> Names:
    """Return the names that files had on the medium they come from."""
    primary = [entry.path for entry in entries]
    others = [entry.other or NO_OTHER_NAMES for entry in entries]
    in_joliet = [other.joliet or path for path, other in zip(primary, others, strict=True)]
    in_rock = [other.rock_ridge or path for path, other in zip(primary, others, strict=True)]
    for tree, paths in (("Joliet", in_joliet), ("Rock Ridge", in_rock)):
        if len(set(paths)) < len(paths):
            doubled = next(path for path in paths if paths.count(path) > 1)
            raise DoesNotFit(f"two files have this name in the {tree} tree", where=printable(doubled))
    return Names(
        primary, in_joliet if joliet else None, _rock_ridge(primary, in_rock) if rock_ridge else None
    )


def _rock_ridge(primary: Sequence[str], shown: Sequence[str]) -> dict[str, str]:
    """Return the name that Rock Ridge gives each path and each folder above, where it is another one."""
    names: dict[str, str] = {}
    for path, other in zip(primary, shown, strict=True):
        short, real = path.split("/"), other.split("/")
        if len(short) != len(real):
            why = f"it is {other!a} by Rock Ridge, in other folders"
            raise DoesNotFit("Rock Ridge has no such name for this file", where=printable(path), why=why)
        for depth, name in enumerate(real, 1):
            at = "/".join(short[:depth])
            if names.setdefault(at, name) != name:
                raise DoesNotFit("a folder has two names by Rock Ridge", where=printable(at))
    return {path: name for path, name in names.items() if name != path.rpartition("/")[2]}


def _check_shown(paths: Iterable[str]) -> None:
    """Raise DoesNotFit for a path that Windows, Linux or macOS would not show, or not open."""
    spelled: dict[str, str] = {}  # by the path that Windows takes for the same
    for path in paths:
        for at in (*(match.start() for match in re.finditer("/", path)), len(path)):
            part = path[:at]
            folded = part.upper()
            if folded not in spelled:
                why = _why_not(part.rpartition("/")[2])
                if len(part) > _MOST_OF_PATH:
                    why = f"the path has more than {_MOST_OF_PATH} characters"
                if why:
                    raise _not_nameable(part, why)
            if (known := spelled.setdefault(folded, part)) != part:
                raise _not_nameable(
                    part, f"{known!a} differs from it in case alone, and Windows opens one of them only"
                )


def _why_not(name: str) -> str:
    """Return why a name cannot be recorded and read everywhere; "" when it can."""
    size = len(name.encode(errors="surrogatepass"))
    reasons = (
        (bool(_NO_TEXT.search(name)), "its bytes are not UTF-8"),
        (max(name) > _LAST_OF_UCS_2, "Joliet has no characters beyond U+FFFF, such as emoji"),
        (bool(_FORBIDDEN.search(name)), 'Windows has no names with * : ; ? \\ " < > | or control characters'),
        (bool(DEVICE.fullmatch(name)), "Windows takes it for a device"),
        (name[-1] in ". ", "Windows opens no names that end with a dot or a space"),
        (
            len(name) > _MOST_CHARACTERS,
            f"the name has {len(name)} characters, and Joliet has room for {_MOST_CHARACTERS}",
        ),
        (size > _MOST_BYTES, f"the name has {size} bytes in UTF-8, and Linux reads {_MOST_BYTES}"),
    )
    return next((why for is_so, why in reasons if is_so), "")


def _not_nameable(path: str, why: str) -> DoesNotFit:
    return DoesNotFit("this name cannot stand on ISO 9660", where=printable(path), why=why, hint=_HINT)


def _short_paths(paths: Sequence[str]) -> list[str]:
    """Return a path of Level 1 for each path: its own, or one that nothing else has."""
    files = set(paths)
    below: dict[str, set[str]] = {"": set()}
    for path in paths:
        child = path
        while child:
            parent, _, name = child.rpartition("/")
            is_new = parent not in below
            below.setdefault(parent, set()).add(name)
            child = parent if is_new else ""
    short: dict[str, str] = {"": ""}
    for folder in sorted(below, key=lambda path: (path.count("/") + bool(path), path)):
        prefix = f"{folder}/" if folder else ""
        above = f"{short[folder]}/" if folder else ""
        for name, other in _short_names(
            below[folder], {one for one in below[folder] if prefix + one in files}
        ):
            short[prefix + name] = above + other
    return [short[path] for path in paths]


def _short_names(names: Iterable[str], files: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the names in one folder, each with its short name."""
    odd: list[str] = []
    taken: set[str] = set()
    for name in sorted(names):
        if (SHORT_NAME if name in files else SHORT_FOLDER).fullmatch(name):
            taken.add(name)
            yield name, name
        else:
            odd.append(name)
    numbers: dict[str, int] = {}
    for name in odd:
        stem, extension = _parts(name) if name in files else (_plain(name), "")
        short = stem[:_STEM] + extension
        number = numbers.get(short, 0)
        while (one := _numbered(stem, number) + extension) in taken:
            number += 1
        numbers[short] = number
        taken.add(one)
        yield name, one


def _parts(name: str) -> tuple[str, str]:
    """Return the plain stem of a file name, and its extension with the dot ("" for none)."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        return _plain(name), ""
    return _plain(stem), f"{dot}{_plain(extension)[:_EXTENSION]}"


def _plain(name: str) -> str:
    """Return a name in the characters of Level 1: letters without accents, and "_" for all that is left."""
    bare = "".join(
        one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one)
    ).upper()
    return _NOT_SHORT.sub("_", bare) or "_"


def _numbered(stem: str, number: int) -> str:
    tail = f"_{number}" if number else ""
    return stem[: _STEM - len(tail)] + tail
