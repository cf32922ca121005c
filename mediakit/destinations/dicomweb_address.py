"""The address of a DICOMweb service: dicomweb+https://host/path, the base URL of STOW-RS and QIDO-RS.

dicomweb+http as well. What speaks HTTP is loaded when it is used: its library is an extra.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from mediakit.destinations.address import Proofs, check_text, host_and_port
from mediakit.destinations.archive import Archive
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options, Setting
from mediakit.destinations.peer import WebService
from mediakit.errors import UsageError
from mediakit.events import Listener
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Proof

_FITTING: Final = frozenset(
    {"token-file", "token-variable", "header-file", "ca-file", "timeouts", "max-associations"}
)
_EXAMPLE: Final = "for example dicomweb+https://host/dicom-web"
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)


class DicomwebAddress(WebService):
    """The base URL of a DICOMweb service, and all that it can be used for."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `dicomweb+https://host/path` means. Raises UsageError."""
        check_text(text)
        scheme, is_url, rest = text.partition("://")
        if not is_url:
            raise UsageError("not a URL", hint=_EXAMPLE)
        return cls(url=_base_url(f"{scheme.lower().removeprefix('dicomweb+')}://{rest}"))

    def taken_from(self, folder: Path) -> Self:  # noqa: ARG002 - it has no path of this machine
        """Return the same."""
        return self

    def check(self, options: Options) -> None:
        """Raise UsageError for an option that would have no effect here."""
        options.check_tls(self)
        hint = "Storage Commitment, AE titles and user identities are for the DICOM network"
        options.check_only(_FITTING, str(self), hint)

    def settings(self, options: Options) -> Iterator[Setting]:
        """Yield what is set."""
        return options.settings()

    def destination(self, options: Options) -> Destination:
        """Return the STOW-RS service. Raises UsageError without the library for it."""
        from mediakit.destinations.dicomweb import DicomwebDestination  # noqa: PLC0415 - loaded on use

        return DicomwebDestination(self, options)

    def proofs(self, options: Options) -> Proofs:
        """Return QIDO-RS."""
        return Proofs(query=partial(_qido, self, options))

    def archive(self, options: Options) -> AbstractContextManager[Archive]:
        """Return what answers QIDO-RS and WADO-RS. Raises UsageError without the library for it."""
        from mediakit.destinations.dicomweb_archive import dicomweb_archive  # noqa: PLC0415 - loaded on use

        return dicomweb_archive(self, options)


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as exc:  # what it says may repeat a password
        raise UsageError("not a URL", hint=_EXAMPLE) from exc
    if "@" in parts.netloc:
        hint = "put it into a file and name that in the configuration: header-file or token-file"
        raise UsageError("an address must not contain a user or password", hint=hint)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        hint = "give the base URL of the service; a key belongs into a header-file or token-file"
        raise UsageError("a base URL has no query and no fragment", hint=hint)
    if not _PATH.fullmatch(parts.path):
        raise UsageError("the path of the URL has characters that must be percent-encoded")
    default = 443 if parts.scheme == "https" else 80
    host, port = host_and_port(parts.netloc, default)
    shown = f"[{host}]" if ":" in host else host
    place = shown if port == default else f"{shown}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def _qido(address: DicomwebAddress, options: Options, items: Sequence[Outgoing], tell: Listener) -> Proof:
    from mediakit.destinations.dicomweb_query import DicomwebQuery  # noqa: PLC0415 - loaded on use
    from mediakit.destinations.query import proof_of  # noqa: PLC0415

    with closing(DicomwebQuery(address, options)) as query:
        return proof_of(query.find_instances, items, tell=tell)
