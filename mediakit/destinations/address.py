"""What a user writes for a destination, as a typed address. Pure: nothing is looked up, opened or expanded.

    AET@host:port                   DICOM network; port 104 when none is given, IPv6 as [::1]
    dicom://AET@host:port           the same; the AE title may be percent-encoded
    dicom+tls://AET@host:port       DICOM network over TLS; port 2762 when none is given
    dicomweb+https://host/path      base URL of a STOW-RS service; dicomweb+http as well
    dir:PATH                        a folder

An address never holds a secret, and no message here repeats a part of a text that may be one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from mediakit.errors import UsageError

DEFAULT_PORT: Final = 104  # "acr-nema" of the registered ports (PS3.8 9.1.1)
DEFAULT_TLS_PORT: Final = 2762  # "dicom-tls" (PS3.15 B.1)
FORMS: Final = "AET@host:port, dicom+tls://AET@host:port, dicomweb+https://host/path or dir:PATH"

_MOST_CHARACTERS = 2048
_HINT = f"a destination is {FORMS}, or a name from `mediakit dest list`"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_COLON_HINT = "no password has a place here; an AE title with a colon is written dicom://A%3AB@host:port"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomAddress:
    """An application entity on the network. `str` gives what `parse_address` reads."""

    called_ae: str
    host: str  # without brackets
    port: int
    is_tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.is_tls or ":" in self.called_ae or "%" in self.called_ae:
            scheme = "dicom+tls" if self.is_tls else "dicom"
            return f"{scheme}://{quote(self.called_ae, safe='')}@{host}:{self.port}"
        return f"{self.called_ae}@{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomwebAddress:
    """A DICOMweb service by its base URL, "https://host/dicom-web", without a slash at the end."""

    url: str

    @property
    def is_tls(self) -> bool:
        """Return True for https."""
        return self.url.startswith("https:")

    def __str__(self) -> str:
        return f"dicomweb+{self.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderAddress:
    """A folder, as written."""

    path: Path

    def __str__(self) -> str:
        return f"dir:{self.path}"


Address = DicomAddress | DicomwebAddress | FolderAddress


def parse_address(text: str) -> Address:
    """Return the address that a text means. Raises UsageError, which repeats no password."""
    if text[:4].lower() == "dir:":
        return _folder(text[4:])
    if len(text) > _MOST_CHARACTERS:
        raise UsageError("the destination is too long to be an address", hint=_HINT)
    if not text.isprintable():  # before anything else: parsers of URLs take some of these away
        raise UsageError("a destination has no control characters", hint=_HINT)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _plain(text)
    kind, rest = scheme.group(1).lower(), text[scheme.end() :]
    if kind in {"dicom", "dicom+tls"}:
        return _dicom_url(rest, is_tls=kind == "dicom+tls")
    if kind in {"dicomweb+http", "dicomweb+https"}:
        return _dicomweb(f"{kind.removeprefix('dicomweb+')}://{rest}")
    known = {"http": "dicomweb+http", "https": "dicomweb+https", "dicomweb": "dicomweb+https"}
    known |= {"dicoms": "dicom+tls", "dicom-tls": "dicom+tls", "file": "dir:PATH, without //"}
    meant = known.get(kind)
    hint = _HINT if meant is None else f"did you mean {meant}{'' if ':' in meant else '://'}?"
    raise UsageError(f"`{kind}` is no kind of destination", hint=hint)


def check_ae_title(text: str) -> str:
    """Return an AE title without the spaces around it, which have no meaning. Raises UsageError.

    1 to 16 characters of the default repertoire, no backslash, no control characters. Source: PS3.5 6.2.
    """
    title = text.strip(" ")
    if not title:
        raise UsageError("an AE title has at least one character that is no space")
    if len(title) > 16:
        raise UsageError("an AE title has at most 16 characters", where=ascii(title[:40]))
    if "\\" in title or not title.isascii() or not title.isprintable():
        hint = "letters, digits, spaces and punctuation of ASCII are allowed, the backslash is not"
        raise UsageError("not an AE title", where=ascii(title), hint=hint)
    return title


def _folder(text: str) -> FolderAddress:
    if not text or "\0" in text:
        raise UsageError("`dir:` needs a folder", hint="for example dir:/srv/dicom/incoming")
    return FolderAddress(path=Path(text))


def _plain(text: str) -> DicomAddress:
    """Return what `AET@host:port` means."""
    title, at, place = text.rpartition("@")
    if not at:
        if not text.strip():
            raise UsageError("the destination is empty", hint=_HINT)
        if text.startswith((".", "/", "~")) or "\\" in text:
            raise UsageError("a path alone is no destination", hint="write dir:PATH to store into a folder")
        if ":" in text:
            raise UsageError("the AE title is missing", hint="write AET@host:port; ask who runs the archive")
        raise UsageError("is neither an address nor the name of a destination", where=ascii(text), hint=_HINT)
    if ":" in title:
        raise UsageError("a colon stands before the @", hint=_COLON_HINT)
    host, port = _host_and_port(place, DEFAULT_PORT)
    return DicomAddress(called_ae=check_ae_title(title), host=host, port=port)


def _dicom_url(rest: str, *, is_tls: bool) -> DicomAddress:
    title, at, place = rest.rpartition("@")
    if not at:
        raise UsageError("the AE title is missing", hint="write dicom://AET@host:port")
    if ":" in title:
        raise UsageError("a colon stands before the @", hint=_COLON_HINT)
    try:
        called = unquote(title, errors="strict")
    except UnicodeDecodeError as exc:
        raise UsageError("the AE title is not ASCII", hint=_HINT) from exc
    host, port = _host_and_port(place.removesuffix("/"), DEFAULT_TLS_PORT if is_tls else DEFAULT_PORT)
    return DicomAddress(called_ae=check_ae_title(called), host=host, port=port, is_tls=is_tls)


def _dicomweb(url: str) -> DicomwebAddress:
    try:
        parts = urlsplit(url)
    except ValueError as exc:  # what it says may repeat a password
        raise UsageError("not a URL", hint="for example dicomweb+https://host/dicom-web") from exc
    if "@" in parts.netloc:
        hint = "put it into a file and name that in the configuration: header-file or token-file"
        raise UsageError("no user or password has a place in an address", hint=hint)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        hint = "give the base URL of the service; a key belongs into a header-file or token-file"
        raise UsageError("a base URL has no query and no fragment", hint=hint)
    if not _PATH.fullmatch(parts.path):
        raise UsageError("the path of the URL has characters that must be percent-encoded")
    default = 443 if parts.scheme == "https" else 80
    host, port = _host_and_port(parts.netloc, default)
    shown = f"[{host}]" if ":" in host else host.lower()
    place = shown if port == default else f"{shown}:{port}"
    return DicomwebAddress(url=f"{parts.scheme}://{place}{parts.path.rstrip('/')}")


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    """Return host (without brackets) and port of `host`, `host:port` or `[IPv6]:port`."""
    if text.startswith("["):
        host, closed, tail = text[1:].partition("]")
        if not closed or not (tail == "" or tail.startswith(":")):
            raise UsageError("an IPv6 address stands in brackets", hint="for example PACS@[fd00::5]:104")
        return _ipv6(host), _port(tail[1:] if tail else None, default)
    if text.count(":") > 1:
        raise UsageError("an IPv6 address stands in brackets", hint="for example PACS@[fd00::5]:104")
    host, colon, port = text.partition(":")
    if not host:
        raise UsageError("the host is missing", hint=_HINT)
    if not _HOST.fullmatch(host):
        hint = "letters, digits, dots and hyphens; other letters as xn--..."
        raise UsageError("not the name of a host or an IPv4 address", where=ascii(host[:60]), hint=hint)
    return host, _port(port if colon else None, default)


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError as exc:
        raise UsageError("not an IPv6 address", where=ascii(text[:60])) from exc


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise UsageError("a port is a number from 1 to 65535", where=ascii(text[:20]))
    return int(text)
