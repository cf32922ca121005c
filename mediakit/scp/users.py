"""Who may open an association with our SCP: users with hashed passcodes, from a file (PS3.7 D.3.3.7).

One user a line, `NAME:scrypt:N:R:P:SALT:HASH`, as `mediakit serve user NAME` prints it; a name alone needs no
passcode. Empty lines, and those that begin with "#", say nothing. Only user names, with or without a
passcode, can be checked: tickets, assertions and tokens are not.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mediakit.errors import UsageError
from mediakit.network.user_items import IdentityKind

_MOST_BYTES: Final = 4 << 20
_LONGEST_NAME: Final = 1024  # bytes
_MOST_MEMORY: Final = 128 << 20  # bytes, for one passcode
_HASH_BYTES: Final = 32
_FORM: Final = "NAME:scrypt:N:R:P:SALT:HASH, as `mediakit serve user NAME` prints it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passcode:
    """A passcode as its hash, and how that is made (RFC 7914)."""

    n: int = 1 << 14
    r: int = 8
    p: int = 1
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def fits(self, passcode: bytes) -> bool:
        """Return True for the passcode that it was made of."""
        return hmac.compare_digest(_digest(passcode, self), self.digest)

    def __str__(self) -> str:
        salt, digest = (b64encode(part).decode("ascii") for part in (self.salt, self.digest))
        return f"scrypt:{self.n}:{self.r}:{self.p}:{salt}:{digest}"


@dataclass(frozen=True, slots=True)
class Users:
    """The users by name; None is for one without a passcode."""

    by_name: Mapping[str, Passcode | None] = field(repr=False)

    def objection(self, kind: int, primary: bytes, secondary: bytes) -> str:
        """Return why somebody with this identity is not let in, "" when he is."""
        if kind not in {IdentityKind.USER_NAME, IdentityKind.PASSCODE}:
            return "only a user name, with or without a passcode, can be checked here"
        try:
            name = primary.decode("utf-8")
        except UnicodeDecodeError:
            name = "\0"  # of nobody
        known = self.by_name.get(name, _NOBODY)
        if known is None:
            return ""
        if kind == IdentityKind.USER_NAME:
            return "the user needs a passcode, or is not known"
        return "" if known.fits(secondary) and known is not _NOBODY else "user and passcode do not fit"


def hashed(passcode: str) -> Passcode:
    """Return the hash of a passcode, with a salt of its own."""
    bare = Passcode(salt=os.urandom(16), digest=b"")
    return Passcode(salt=bare.salt, digest=_digest(passcode.encode("utf-8", "surrogateescape"), bare))


def user_line(name: str, passcode: str) -> str:
    """Return the line of a user. Raises UsageError for a name that cannot have one."""
    check_user_name(name)
    if not passcode:
        raise UsageError("the passcode is empty")
    return f"{name}:{hashed(passcode)}"


def check_user_name(name: str, where: str = "") -> None:
    """Raise UsageError for a name that cannot stand in a file of users."""
    is_long = len(name.encode("utf-8", "replace")) > _LONGEST_NAME
    if not name.strip() or not name.isprintable() or ":" in name or name.startswith("#") or is_long:
        hint = "it is printable, has no colon, and does not begin with #"
        raise UsageError("not a user name", where=where, hint=hint)


def load_users(path: Path) -> Users:
    """Return the users of a file. Raises UsageError, which repeats nothing of a line."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UsageError(f"more than {_MOST_BYTES} bytes: this is no file of users", where=str(path))
        lines = content.decode("utf-8-sig").splitlines()
    except OSError as exc:
        raise UsageError("the users cannot be read", where=str(path), why=exc.strerror or "") from exc
    except UnicodeDecodeError as exc:
        raise UsageError("the users are not text in UTF-8", where=str(path)) from exc
    found: dict[str, Passcode | None] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, rest = line.partition(":")
        where = f"{path}, line {number}"
        check_user_name(name, where)
        if name in found:
            raise UsageError("the user stands there twice", where=where)
        found[name] = _passcode(rest, where) if colon else None
    if not found:
        raise UsageError("there are no users: nobody would be let in", where=str(path))
    return Users(found)


def _passcode(text: str, where: str) -> Passcode:
    scheme, *rest = text.strip().split(":")
    try:
        n, r, p = (int(number) for number in rest[:3])
        salt, digest = (b64decode(part, validate=True) for part in rest[3:])
    except (ValueError, Error) as exc:
        raise UsageError("not the line of a user", where=where, hint=_FORM) from exc
    is_power = n > 1 and n & (n - 1) == 0
    is_bounded = r > 0 and 0 < p <= 16 and 128 * n * r <= _MOST_MEMORY
    if scheme != "scrypt" or not is_power or not is_bounded or len(salt) < 8 or len(digest) != _HASH_BYTES:
        raise UsageError("not the line of a user", where=where, hint=_FORM)
    return Passcode(n=n, r=r, p=p, salt=salt, digest=digest)


def _digest(passcode: bytes, how: Passcode) -> bytes:
    most = 128 * how.n * how.r + 128 * how.r * (how.p + 2) + (1 << 20)
    return hashlib.scrypt(passcode, salt=how.salt, n=how.n, r=how.r, p=how.p, maxmem=most, dklen=_HASH_BYTES)


#: Compared for a name that nobody has, so that it takes as long as a wrong passcode.
_NOBODY: Final = Passcode(salt=bytes(16), digest=bytes(_HASH_BYTES))
