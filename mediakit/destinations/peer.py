"""Whom we speak to: an application entity, or a DICOMweb service; how, and how long to wait. Values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mediakit.destinations.login import Login
from mediakit.errors import UsageError
from mediakit.findings import printable

DEFAULT_CALLING_AE = "MEDIAKIT"
DEFAULT_WINDOW: Final = 8  # C-STOREs under way at once, where the peer agrees
MOST_WINDOW: Final = 64
MOST_ASSOCIATIONS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS as BCP 195 asks for: 1.2 or newer, AEAD ciphers, the peer's certificate checked.

    `ca_file` holds the certificates to trust (PEM; None: those of the system). `certificate` and `key` are
    shown to a peer that asks. `check_host_name` off accepts a certificate for another host name.
    Source: PS3.15 B.12.
    """

    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    check_host_name: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds: for the connection, for the answer to an association, to an operation.

    `answer_s` also bounds every single send and receive while an instance is under way. `proof_s` is for the
    reports of Storage Commitment, which a peer may take its time over.
    """

    connect_s: float = 10.0
    association_s: float = 30.0
    answer_s: float = 120.0
    proof_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A remote SCP. `str` gives "CALLED@host:port", as reports name it.

    `login` says who we are there. So many operations as `window` are proposed to be under way at once (1: no
    window is proposed). `extends` off proposes no extended negotiation of SOP Classes. An import has at most
    `most_associations` with it at once, when that is said.
    """

    called_ae: str
    host: str
    port: int
    calling_ae: str = DEFAULT_CALLING_AE
    tls: Tls | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    login: Login | None = None
    window: int = DEFAULT_WINDOW
    extends: bool = True
    most_associations: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.called_ae}@{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebService:
    """A DICOMweb service by its base URL, "https://host/dicom-web", without a slash at the end."""

    url: str

    def __str__(self) -> str:
        return f"dicomweb+{self.url}"

    @property
    def is_tls(self) -> bool:
        """Return True for https."""
        return self.url.startswith("https:")


def check_ae_title(text: str) -> str:
    """Return an AE title without the spaces around it, which have no meaning. Raises UsageError.

    1 to 16 characters of the default repertoire, no backslash, no control characters. Source: PS3.5 6.2.
    """
    title = text.strip(" ")
    if not title:
        raise UsageError("an AE title has at least one character that is not a space")
    if len(title) > 16:
        raise UsageError("an AE title has at most 16 characters", where=printable(title[:40]))
    if "\\" in title or not title.isascii() or not title.isprintable():
        hint = "letters, digits, spaces and punctuation of ASCII are allowed, the backslash is not"
        raise UsageError("not an AE title", where=printable(title), hint=hint)
    return title
