"""From what a user writes to a destination, over every kind: ours, and those of installed plug-ins.

A kind is a class that does what `Address` says. A plug-in names its class in the entry point group
`mediakit.destinations`, under its scheme; it is loaded when an address has that scheme, and ours go first:

    [project.entry-points."mediakit.destinations"]
    zip = "our_package.zip_destination:ZipAddress"
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Final, cast

from mediakit.destinations.address import ADDRESS_HINT, Address, check_text
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options
from mediakit.errors import UsageError
from mediakit.plug_ins import code_of, plug_in

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
    plugin = plug_in(GROUP, scheme) if scheme else None
    if plugin is not None:
        with code_of(plugin):
            return _checked(plugin).parse(text)
    check_text(text)
    if found is None or found.group(2) is None:  # a colon alone stands in `host:port` too
        return _loaded(next(iter(KINDS))).parse(text)
    meant = _MEANT.get(scheme)
    raise UsageError(
        f"`{scheme}` is not a kind of destination", hint=f"did you mean {meant}?" if meant else ADDRESS_HINT
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


def _checked(plugin: EntryPoint) -> type[Address]:
    kind = plugin.load()
    missing = [name for name in _MEMBERS if not callable(getattr(kind, name, None))]
    if missing:
        raise TypeError(f"{plugin.value} has no {', '.join(missing)}")
    return cast("type[Address]", kind)
