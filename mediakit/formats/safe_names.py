"""Names of a foreign medium as names that any computer can hold, and that lead nowhere else. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]|[\ud800-\udfff]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]')
#: A name that Windows takes for a device of DOS.
DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE | re.DOTALL)
_MAX_NAME_BYTES = 200  # file systems take 255; an ordinal may be added


def safe_paths(paths: Iterable[str]) -> dict[str, str]:
    """Return for every path a safe one; most are safe already and stay as they are.

    A safe path has "/" between names, none of which is empty, ".", "..", a device of DOS, too long, or holds
    characters that Windows, macOS or Linux refuse or that turn the direction of text. No two differ only by
    case, and none is both a file and a folder. Safe paths are given first: no other name takes theirs.
    """
    given = list(dict.fromkeys(paths))
    folders = {above for path in given for above in _above(_safe(path).casefold())}
    taken: set[str] = set()
    last: dict[str, int] = {}  # ordinal given last: a medium full of clashes takes linear time too
    safe: dict[str, str] = {}
    for path in sorted(given, key=lambda path: _safe(path) != path):  # stable: unchanged names first
        wanted = _safe(path)
        safe[path] = _free(wanted, taken, folders, last)
        taken.add(safe[path].casefold())
    return {path: safe[path] for path in given}


def _safe(path: str) -> str:
    return "/".join(_safe_name(part) for part in path.split("/") if part not in {"", "."}) or "_"


def _safe_name(name: str) -> str:
    name = _UNSAFE.sub("_", name)
    if name.endswith((".", " ")) or name == "..":
        name = name.rstrip(". ") + "_"
    if DEVICE.fullmatch(name):
        name = f"_{name}"
    return name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")


def _free(wanted: str, taken: set[str], folders: set[str], last: dict[str, int]) -> str:
    stem, dot, suffix = wanted.rpartition(".")
    if not stem or "/" in suffix:
        stem, dot, suffix = wanted, "", ""
    free, ordinal = wanted, last.get(wanted.casefold(), 1)
    while free.casefold() in taken or free.casefold() in folders:
        ordinal += 1
        free = f"{stem}_{ordinal}{dot}{suffix}"
    last[wanted.casefold()] = ordinal
    return free


def _above(path: str) -> Iterable[str]:
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)
