"""The manifest of a medium: the SHA-256 of its files as `sha256sum -c` reads it, and its signature.

Names, the codec of the lines, and values. Nothing is read or written here, and no signature is checked.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mediakit.fileset.for_people import VIEWER
from mediakit.limits import MAX_BAD_LINES

MANIFEST: Final = "MANIFEST.TXT"
SIGNATURE: Final = "MANIFEST.SIG"  # Ed25519 over the bytes of the manifest (RFC 8032): 64 bytes
PUBLIC_KEY: Final = "MANIFEST.PEM"  # the key that checks the signature
ABOUT: Final = "SIGNED.TXT"  # who signed and with what
FOR_PAGE: Final = f"{VIEWER}MANIFEST.BIN"  # the first three once more, for the page of the viewer

_UNLISTED = frozenset({MANIFEST, SIGNATURE, FOR_PAGE})
SIGNATURE_BYTES: Final = 64

HEX_DIGITS: Final = 64
_LINE = re.compile(rb"(\\?)([0-9A-Fa-f]{64}) [ *](.+)")
_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
_ESCAPED = re.compile(rb"\\[\\nr]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFact:
    """The manifest of a medium and what stands beside it; None is what is not there, or cannot be read.

    `for_page` is the copy for the page of the viewer. `path` is the manifest as it is named on the medium.
    """

    path: str
    content: bytes = field(repr=False)
    signature: bytes | None = field(default=None, repr=False)
    public_key: bytes | None = field(default=None, repr=False)
    for_page: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a manifest says: SHA-256 (hex) by path.

    `bad_lines` counts what is not a sum and a path, or lists a path again with another sum; `first_bad` is
    the number of the first such line, 0 without any.
    """

    sha256: Mapping[str, str] = field(repr=False)
    bad_lines: int = 0
    first_bad: int = 0


def line_of(sha256: str, path: str) -> bytes:
    """Return one line; names with a backslash or a line break are escaped, and the line says so."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != path else ""
    return f"{mark}{sha256}  {escaped}\n".encode("utf-8", "surrogateescape")


def listing_of(content: bytes) -> Listing:
    """Return what the lines of a manifest say; the form is that of `sha256sum`, lines may end with CR LF."""
    found: dict[str, str] = {}
    bad = first_bad = 0
    for number, line in enumerate(io.BytesIO(content), 1):
        path, sha256 = _read_line(line)
        if not sha256 or found.setdefault(path, sha256) != sha256:
            bad, first_bad = bad + 1, first_bad or number
            if bad == MAX_BAD_LINES:
                break
    return Listing(sha256=found, bad_lines=bad, first_bad=first_bad)


def is_listing(content: bytes) -> bool:
    """Return True for a file that begins with a line of this form."""
    return bool(_read_line(content.partition(b"\n")[0])[1])


def _read_line(line: bytes) -> tuple[str, str]:
    """Return path and sum of a line, two empty texts when it is none."""
    match = _LINE.fullmatch(line.removesuffix(b"\n").removesuffix(b"\r"))
    if match is None:
        return "", ""
    mark, sha256, name = match.groups()
    if mark:
        name = _ESCAPED.sub(lambda each: _ESCAPES[each[0]], name)
    return name.decode("utf-8", "surrogateescape").removeprefix("./"), sha256.decode("ascii").lower()


def for_page(content: bytes, signature: bytes, public_key: bytes) -> bytes:
    """Return the script that gives the page of the viewer a manifest; what is not there is empty.

    Its size depends on the sizes alone.
    """
    named = {"manifest": content, "signature": signature, "key": public_key}
    values = {name: base64.b64encode(value).decode("ascii") for name, value in named.items()}
    return f"mk.manifest({json.dumps(values, separators=(',', ':'))});\n".encode("ascii")


def matched(listed: Mapping[str, str], files: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Return the listed path of each file that is listed, by its own path. `files` have other names too.

    A path counts before another name (Joliet, Rock Ridge, long names of FAT). Where no file has a listed name
    exactly, case does not matter: Linux shows the names of ISO 9660 alone in lower case.
    """
    paths = [path for path, _ in files]
    found = {path: path for path in paths if path in listed}
    left = listed.keys() - found.keys()
    for path, also in files:
        other = next((name for name in also if name in left), None) if path not in found else None
        if other is not None:
            found[path] = other
            left.discard(other)
    by_name: dict[str, str] = {}
    for path in listed:
        if path in left:
            by_name.setdefault(path.casefold(), path)
    for path in paths:
        if path not in found and (name := by_name.pop(path.casefold(), None)) is not None:
            found[path] = name
    return found


def is_unlisted(path: str) -> bool:
    """Return True for a file that a manifest cannot list: it, and what is made of it."""
    return path.upper() in _UNLISTED
