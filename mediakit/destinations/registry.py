"""From an address to a destination. The modules behind are loaded when they are asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from mediakit.destinations.address import (
    Address,
    DicomAddress,
    DicomwebAddress,
    FolderAddress,
    check_ae_title,
)
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Peer, Tls
from mediakit.errors import UsageError

DESTINATIONS: Final = {
    DicomAddress: "mediakit.destinations.dimse:DimseDestination",
    DicomwebAddress: "mediakit.destinations.dicomweb:DicomwebDestination",
    FolderAddress: "mediakit.destinations.folder:FolderDestination",
}
_SENSE: Final = {
    DicomAddress: "tokens and headers are for DICOMweb",
    DicomwebAddress: "Storage Commitment and AE titles are for the DICOM network",
    FolderAddress: "a folder has no options",
}
_NO_OPTIONS: Final = Options()


def destination_of(address: Address, options: Options = _NO_OPTIONS) -> Destination:
    """Return the destination of an address; nothing is opened.

    Raises UsageError when an option has no sense for it (TLS settings without TLS), or a library is missing.
    """
    check_options(address, options)
    where = DESTINATIONS[type(address)]
    made: Destination
    if isinstance(address, DicomAddress):
        made = _load(where)(peer_of(address, options))
    elif isinstance(address, DicomwebAddress):
        made = _load(where)(address, options)
    else:
        made = _load(where)(_whole(address.path))
    return made


def peer_of(address: DicomAddress, options: Options = _NO_OPTIONS) -> Peer:
    """Return the remote SCP of an address. Raises UsageError as `destination_of` does."""
    check_options(address, options)
    return Peer(
        called_ae=address.called_ae,
        host=address.host,
        port=address.port,
        calling_ae=check_ae_title(options.calling_ae),
        tls=(options.tls or Tls()) if address.is_tls else None,
        timeouts=options.timeouts,
    )


def check_options(address: Address, options: Options) -> None:
    """Raise UsageError for an option that would have no effect: the user counts on it."""
    if not isinstance(address, FolderAddress) and options.tls is not None and not address.is_tls:
        hint = "write dicom+tls://AET@host:port or dicomweb+https://... for TLS"
        raise UsageError("TLS settings for a destination without TLS", where=str(address), hint=hint)
    for name in _unfit(address, options):
        raise UsageError(
            f"`{name}` has no sense for this destination", where=str(address), hint=_SENSE[type(address)]
        )


def _unfit(address: Address, options: Options) -> list[str]:
    """Return the names of the options that are set and mean nothing for this kind of address."""
    web = {
        "token-file": options.token_file,
        "token-variable": options.token_variable,
        "header-file": options.header_file,
    }
    network = {
        "calling-ae": options.calling_ae != _NO_OPTIONS.calling_ae,
        "commit-port": options.commit_port,
        "commit-host": options.commit_host,
    }
    every = {"ca-file": options.tls, "timeouts": options.timeouts != _NO_OPTIONS.timeouts}
    if isinstance(address, DicomAddress):
        checked: dict[str, object] = {**web}
    elif isinstance(address, DicomwebAddress):
        checked = {**network}
    else:
        checked = {**web, **network, **every}
    return [name for name, value in checked.items() if value]


def _whole(path: Path) -> Path:
    """Return the path from the root on, `~` replaced. Raises UsageError for a user that is not known."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as exc:
        raise UsageError("the home folder is not known", where=str(path)) from exc


def _load(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
