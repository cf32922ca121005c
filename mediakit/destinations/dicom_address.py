"""The address of a DICOM application entity on the network, and what can be asked of it.

    AET@host:port                   port 104 when none is given, IPv6 as [::1]
    dicom://AET@host:port           the same; the AE title may be percent-encoded
    dicom+tls://AET@host:port       over TLS; port 2762 when none is given

What speaks on the network is loaded when it is used: pynetdicom takes long to import.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, unquote

from mediakit.destinations.address import ADDRESS_HINT, Address, Proofs, check_text, host_and_port
from mediakit.destinations.archive import Archive
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options, Setting
from mediakit.destinations.peer import Peer, Tls, check_ae_title
from mediakit.errors import UsageError
from mediakit.events import Listener, Noted
from mediakit.findings import printable
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Proof

DEFAULT_PORT: Final = 104  # "acr-nema" of the registered ports (PS3.8 9.1.1)
DEFAULT_TLS_PORT: Final = 2762  # "dicom-tls" (PS3.15 B.1)

_FITTING: Final = frozenset(
    {"calling-ae", "commit-port", "commit-host", "ca-file", "timeouts", "identity", "window"}
    | {"extended-negotiation", "max-associations"}
)
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - the archive calls from another machine
_COLON_HINT = "no password has a place here; an AE title with a colon is written dicom://A%3AB@host:port"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomAddress:
    """An application entity on the network. Usage: `DicomAddress.parse("PACS@10.0.0.1:104")`."""

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

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `AET@host:port` or its form as a URL means. Raises UsageError."""
        check_text(text)
        scheme, is_url, rest = text.partition("://")
        if is_url and scheme.lower() in {"dicom", "dicom+tls"}:
            return cls._of_url(rest, is_tls=scheme.lower() == "dicom+tls")
        return cls._of_plain(text)

    def taken_from(self, folder: Path) -> Self:  # noqa: ARG002 - it has no path
        """Return the same."""
        return self

    def check(self, options: Options) -> None:
        """Raise UsageError for an option that would have no effect here."""
        options.check_tls(self)
        options.check_only(_FITTING, str(self), "tokens and headers are for DICOMweb")

    def settings(self, options: Options) -> Iterator[Setting]:
        """Yield our AE title, and what else is set."""
        yield "calling-ae", options.calling_ae
        yield from options.settings()

    def destination(self, options: Options) -> Destination:
        """Return the Storage SCP."""
        from mediakit.destinations.dimse import DimseDestination  # noqa: PLC0415 - loaded on use

        return DimseDestination(self.peer(options))

    def proofs(self, options: Options) -> Proofs:
        """Return C-FIND and Storage Commitment."""
        peer = self.peer(options)
        return Proofs(query=partial(_find, peer), commit=partial(_commit, peer, options))

    def archive(self, options: Options) -> AbstractContextManager[Archive]:
        """Return what answers C-FIND and sends by C-GET or C-MOVE."""
        from mediakit.destinations.dimse_archive import dimse_archive  # noqa: PLC0415 - loaded on use
        from mediakit.destinations.dimse_move import MoveTarget  # noqa: PLC0415

        peer = self.peer(options)
        move_to = None
        if options.commit_port is not None:  # where we listen: for reports, and for what C-MOVE sends
            move_to = MoveTarget(host=options.commit_host or _EVERYWHERE, port=options.commit_port)
        return dimse_archive(peer, move_to)

    def peer(self, options: Options) -> Peer:
        """Return the remote application entity. Raises UsageError for options that do not fit."""
        self.check(options)
        return Peer(
            called_ae=self.called_ae,
            host=self.host,
            port=self.port,
            calling_ae=check_ae_title(options.calling_ae),
            tls=(options.tls or Tls()) if self.is_tls else None,
            timeouts=options.timeouts,
            login=options.login,
            window=options.window,
            extends=options.extends,
            most_associations=options.most_associations,
        )

    @classmethod
    def _of_plain(cls, text: str) -> Self:
        title, at, place = text.rpartition("@")
        if not at:
            raise _without_title(text)
        if ":" in title:
            raise UsageError("a colon stands before the @", hint=_COLON_HINT)
        host, port = host_and_port(place, DEFAULT_PORT)
        return cls(called_ae=check_ae_title(title), host=host, port=port)

    @classmethod
    def _of_url(cls, rest: str, *, is_tls: bool) -> Self:
        title, at, place = rest.rpartition("@")
        if not at:
            raise UsageError("the AE title is missing", hint="write dicom://AET@host:port")
        if ":" in title:
            raise UsageError("a colon stands before the @", hint=_COLON_HINT)
        try:
            called = unquote(title, errors="strict")
        except UnicodeDecodeError as exc:
            raise UsageError("the AE title is not ASCII", hint=ADDRESS_HINT) from exc
        host, port = host_and_port(place.removesuffix("/"), DEFAULT_TLS_PORT if is_tls else DEFAULT_PORT)
        return cls(called_ae=check_ae_title(called), host=host, port=port, is_tls=is_tls)


def peer_of(address: Address, options: Options) -> Peer:
    """Return the application entity at an address. Raises UsageError when it is of another kind."""
    if not isinstance(address, DicomAddress):
        hint = "name one as AET@host:port, or dicom+tls://AET@host:port"
        raise UsageError("only an SCP of the DICOM network can be asked", where=str(address), hint=hint)
    return address.peer(options)


def _without_title(text: str) -> UsageError:
    if not text.strip():
        return UsageError("the destination is empty", hint=ADDRESS_HINT)
    if text.startswith((".", "/", "~")) or "\\" in text:
        return UsageError("a path alone is not a destination", hint="write dir:PATH to store into a folder")
    if ":" in text:
        return UsageError("the AE title is missing", hint="write AET@host:port; ask who runs the archive")
    return UsageError(
        f"`{printable(text)}` is neither an address nor the name of a destination", hint=ADDRESS_HINT
    )


def _find(peer: Peer, items: Sequence[Outgoing], tell: Listener) -> Proof:
    from mediakit.destinations.query import prove_by_query  # noqa: PLC0415 - loaded on use

    return prove_by_query(peer, items, tell)


def _commit(peer: Peer, options: Options, items: Sequence[Outgoing], tell: Listener) -> Proof:
    from mediakit.destinations.commit import CommitOptions, prove_by_commit  # noqa: PLC0415 - loaded on use

    how = CommitOptions(
        listen_host=options.commit_host or CommitOptions().listen_host,
        listen_port=options.commit_port,
        wait_s=options.timeouts.proof_s,
        ssl_context=_reports_by_tls(peer, tell),
    )
    pairs = [(item.sop_class, item.sop_instance) for item in items]
    return prove_by_commit(peer, pairs, how, tell)


def _reports_by_tls(peer: Peer, tell: Listener) -> ssl.SSLContext | None:
    """Return how reports come over TLS: as the requests go, when we have a certificate to show.

    It is told that this certificate is about to expire.
    """
    from mediakit.destinations.tls import expiry_warning, server_context  # noqa: PLC0415 - loaded on use

    if peer.tls is None or peer.tls.certificate is None:
        return None
    context = server_context(peer.tls.certificate, peer.tls.key, peer.tls.ca_file)
    if said := expiry_warning(peer.tls.certificate, datetime.now(UTC)):
        tell(Noted(said))
    return context
