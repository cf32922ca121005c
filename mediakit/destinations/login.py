"""Who we are at a peer of the DICOM network: the user identity, and where its secret stands (PS3.7 D.3.3.7).

A secret is read from its file or variable for each association, as tokens are renewed; no message, no `repr`
and no report repeats it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mediakit.errors import UsageError
from mediakit.network.user_items import Identity, IdentityKind

MOST_BYTES: Final = 48 << 10  # of a secret; all items of a request together have 65535

#: What the configuration calls a file or variable that holds the secret of each kind.
_KEYS: Final = {
    IdentityKind.PASSCODE: "passcode",
    IdentityKind.KERBEROS: "kerberos",
    IdentityKind.SAML: "saml",
    IdentityKind.JWT: "jwt",
}
_NAMES: Final = {
    IdentityKind.USER_NAME: "user name",
    IdentityKind.PASSCODE: "user name and passcode",
    IdentityKind.KERBEROS: "Kerberos ticket",
    IdentityKind.SAML: "SAML assertion",
    IdentityKind.JWT: "JSON web token",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user identity. The secret stands in `file`, in the environment `variable`, or is asked for (`asks`).

    `user` is for a user name with or without a passcode. `secret` is what was asked for, once it was.
    `wants_response`: a peer that does not confirm the identity is not sent anything.
    """

    kind: IdentityKind
    user: str = ""
    file: Path | None = None
    variable: str = ""
    asks: bool = False
    wants_response: bool = True
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError for what makes no identity."""
        has_user = self.kind in {IdentityKind.USER_NAME, IdentityKind.PASSCODE}
        if has_user and not self.user.strip():
            raise UsageError("a user identity needs a user name", hint="write user = NAME")
        if len(self.user.encode("utf-8", "replace")) > 1024 or not self.user.isprintable():
            raise UsageError("the user name cannot be used", why="it is too long or not printable")
        sources = (self.file is not None) + bool(self.variable) + self.asks
        wanted = 0 if self.kind is IdentityKind.USER_NAME else 1
        if sources != wanted:
            raise UsageError(
                "a secret stands in one place",
                why="a file, a variable and a prompt exclude each other",
                hint="give one of them",
            )

    def identity(self) -> Identity:
        """Return what is sent. Raises UsageError when the secret cannot be read, or is none."""
        if self.kind is IdentityKind.USER_NAME:
            primary, secondary = self.user.encode(), b""
        elif self.kind is IdentityKind.PASSCODE:
            primary, secondary = self.user.encode(), self._secret()
        else:
            primary, secondary = self._secret(), b""
        return Identity(
            kind=self.kind, primary=primary, secondary=secondary, wants_response=self.wants_response
        )

    def settings(self) -> Iterator[tuple[str, str | bool]]:
        """Yield what is set, by the keys of the configuration; never a secret."""
        if self.user:
            yield "user", self.user
        key = _KEYS.get(self.kind, "")
        if self.file is not None:
            yield f"{key}-file", str(self.file)
        if self.variable:
            yield f"{key}-variable", self.variable
        if self.asks:
            yield f"ask-{key}", True
        if not self.wants_response:
            yield "identity-response", False

    def _secret(self) -> bytes:
        what = f"holds no {'passcode' if self.kind is IdentityKind.PASSCODE else kind_name(self.kind)}"
        if self.secret is not None:
            raw, where = self.secret.encode("utf-8", "surrogateescape"), "what was typed"
        elif self.variable:
            raw, where = (
                os.fsencode(os.environ.get(self.variable, "")),
                f"environment variable {self.variable}",
            )
        elif self.file is not None:
            raw, where = read_secret(self.file), str(self.file)
        else:
            raise UsageError("the passcode was not asked for", hint="only the command line can ask")
        if self.kind is not IdentityKind.KERBEROS:  # a ticket is no text
            raw = (
                raw.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n") if self._is_token else raw.rstrip(b"\r\n")
            )
        if not raw or (self.kind is IdentityKind.JWT and not _is_one_word(raw)):
            raise UsageError(what, where=where)
        return raw

    @property
    def _is_token(self) -> bool:
        return self.kind is not IdentityKind.PASSCODE  # the spaces of a passcode are its own


def kind_name(kind: IdentityKind) -> str:
    """Return what kind of identity it is, in words."""
    return _NAMES[kind]


def read_secret(path: Path) -> bytes:
    """Return the content of a small file. Raises UsageError."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = (exc.strerror or "") if isinstance(exc, OSError) else ""
        raise UsageError("cannot be read", where=str(path), why=why) from exc
    if len(content) > MOST_BYTES:
        raise UsageError(f"more than {MOST_BYTES} bytes: too long for a user identity", where=str(path))
    return content


def _is_one_word(raw: bytes) -> bool:
    return all(0x21 <= byte < 0x7F for byte in raw)
