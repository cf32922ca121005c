"""The seam of addresses: what a user writes for a destination, as a typed value that knows its kind.

A kind of destination is one class that does what `Address` says; `registry` finds it by the scheme of a text.
Nothing is looked up, opened or expanded here. An address never holds a secret, and no message repeats a part
of a text that may be one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options, Setting
from mediakit.errors import UsageError
from mediakit.findings import printable
from mediakit.transfer.proof import Prover

FORMS: Final = "AET@host:port, dicom+tls://AET@host:port, dicomweb+https://host/path or dir:PATH"
ADDRESS_HINT: Final = (
    f"a destination is {FORMS}, or a name (`mediakit dest list` shows them, `mediakit dest add` makes one)"
)

_MOST_CHARACTERS = 2048
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proofs:
    """How a destination can prove what it was sent: each None where it cannot.

    `query` asks what it has (C-FIND, QIDO-RS), `commit` asks it to commit to it (Storage Commitment).
    """

    query: Prover | None = None
    commit: Prover | None = None


class Address(Protocol):
    """Where instances go, of one kind: a frozen value. `str` gives what `parse` reads."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that a text means, scheme included. Raises UsageError."""
        ...

    def taken_from(self, folder: Path) -> Self:
        """Return the address with a relative path taken from a folder; the same where it has no path."""
        ...

    def check(self, options: Options) -> None:
        """Raise UsageError for an option that would have no effect here: the user counts on it."""
        ...

    def settings(self, options: Options) -> Iterator[Setting]:
        """Yield what is worth telling beside the address, by the keys of the configuration."""
        ...

    def destination(self, options: Options) -> Destination:
        """Return the destination, with options that `check` lets pass; nothing is opened.

        Raises UsageError when a library is missing, or what the options name cannot be used.
        """
        ...

    def proofs(self, options: Options) -> Proofs:
        """Return how it proves storage; nothing is opened."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A destination as a configuration has it. `name` is "" for an address given as such.

    `origin` is the file that it stands in, or "".
    """

    name: str
    address: Address
    options: Options
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.address})" if self.name else str(self.address)


def check_text(text: str) -> None:
    """Raise UsageError for a text that is no address of the network, whatever its kind."""
    if len(text) > _MOST_CHARACTERS:
        raise UsageError("the destination is too long to be an address", hint=ADDRESS_HINT)
    if not text.isprintable():  # before anything else: parsers of URLs take some of these away
        raise UsageError("a destination must not contain control characters", hint=ADDRESS_HINT)


def host_and_port(text: str, default: int) -> tuple[str, int]:
    """Return host (without brackets, in lower case) and port of `host`, `host:port` or `[IPv6]:port`."""
    if text.startswith("["):
        host, closed, tail = text[1:].partition("]")
        if not closed or not (tail == "" or tail.startswith(":")):
            raise UsageError("an IPv6 address stands in brackets", hint="for example PACS@[fd00::5]:104")
        return _ipv6(host), _port(tail[1:] if tail else None, default)
    if text.count(":") > 1:
        raise UsageError("an IPv6 address stands in brackets", hint="for example PACS@[fd00::5]:104")
    host, colon, port = text.partition(":")
    if not host:
        raise UsageError("the host is missing", hint=ADDRESS_HINT)
    if not _HOST.fullmatch(host):
        hint = "letters, digits, dots and hyphens; other letters as xn--..."
        raise UsageError("not the name of a host or an IPv4 address", where=printable(host[:60]), hint=hint)
    return host.lower(), _port(port if colon else None, default)


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError as exc:
        raise UsageError("not an IPv6 address", where=printable(text[:60])) from exc


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise UsageError("a port is a number from 1 to 65535", where=printable(text[:20]))
    return int(text)
