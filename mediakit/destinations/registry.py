"""From what a user writes to a destination, over every kind: ours, and those of installed plug-ins.

A kind is a class that does what `Address` says. A plug-in names its class in the entry point group
`mediakit.destinations`, under its scheme; it is loaded when an address has that scheme, and ours go first:

    [project.entry-points."mediakit.destinations"]
    zip = "our_package.zip_destination:ZipAddress"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from mediakit.destinations.address import ADDRESS_HINT, Address, check_text
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options
from mediakit.errors import MediakitError, UsageError

GROUP: Final = "mediakit.destinations"
#: Each kind of ours with its schemes; a text without a scheme is of the first.
KINDS: Final = {
    "mediakit.destinations.dicom_address:DicomAddress": ("dicom", "dicom+tls"),
    "mediakit.destinations.dicomweb_address:DicomwebAddress": ("dicomweb+http", "dicomweb+https"),
    "mediakit.destinations.folder:FolderAddress": ("dir",),
}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?", re.ASCII)
_NO_OPTIONS: Final = Options()
_MEMBERS: Final = ("parse", "taken_from", "check", "settings", "destination", "proofs")
# What users write in place of a scheme.
_MEANT: Final = {
    "http": "dicomweb+http://",
    "https": "dicomweb+https://",
    "dicomweb": "dicomweb+https://",
    "dicoms": "dicom+tls://",
    "dicom-tls": "dicom+tls://",
    "file": "dir:PATH, without //",
}


def parse_address(text: str) -> Address:
    """Return the address that a text means. Raises UsageError, which repeats no password."""
    found = _SCHEME.match(text)
    scheme = "" if found is None else found.group(1).lower()
    for where, schemes in KINDS.items():
        if scheme in schemes:
            return _loaded(where).parse(text)
    plugin = _plugin(scheme) if scheme else None
    if plugin is not None:
        with _code_of(plugin):
            return _checked(plugin).parse(text)
    check_text(text)
    if found is None or found.group(2) is None:  # a colon alone stands in `host:port` too
        return _loaded(next(iter(KINDS))).parse(text)
    meant = _MEANT.get(scheme)
    raise UsageError(
        f"`{scheme}` is no kind of destination", hint=f"did you mean {meant}?" if meant else ADDRESS_HINT
    )


def destination_of(address: Address, options: Options = _NO_OPTIONS) -> Destination:
    """Return the destination of an address; nothing is opened.

    Raises UsageError when an option has no sense for it (TLS settings without TLS), or a library is missing.
    """
    address.check(options)
    return address.destination(options)


def _loaded(where: str) -> type[Address]:
    module, _, name = where.partition(":")
    return cast("type[Address]", getattr(import_module(module), name))  # the contract suite checks each


def _plugin(scheme: str) -> EntryPoint | None:
    """Return the plug-in for a scheme. Raises UsageError when there are several."""
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=scheme)}
    if len(found) > 1:
        hint = "remove one of them: instances would go one way or the other"
        raise UsageError(f"several plug-ins take `{scheme}:`", why=", ".join(sorted(found)), hint=hint)
    return next(iter(found.values()), None)


def _checked(plugin: EntryPoint) -> type[Address]:
    kind = plugin.load()
    missing = [name for name in _MEMBERS if not callable(getattr(kind, name, None))]
    if missing:
        raise TypeError(f"{plugin.value} has no {', '.join(missing)}")
    return cast("type[Address]", kind)


@contextmanager
def _code_of(plugin: EntryPoint) -> Iterator[None]:
    """Turn what the code of a plug-in raises into an error that names it."""
    try:
        yield
    except MediakitError:
        raise
    except Exception as exc:
        raise UsageError(
            f"the plug-in for `{plugin.name}:` cannot be used",
            where=plugin.value,
            why=f"{type(exc).__name__}: {exc}",
            hint="update or remove the package that brings it",
        ) from exc
