"""The key that signs the manifest of a medium, and the keys that are known: options and configuration.

    [manifest]
    sign-key = "our.key"
    sign-passphrase-file = "/etc/mediakit/sign-passphrase"
    trust = ["partner.pem", "0b3f...64 hex digits"]

An option outweighs the configuration. A passphrase is read from a file or asked for, never an argument.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediakit.cli.config import tables
from mediakit.cli.helping import SECURE
from mediakit.cli.keys import ask_for_key
from mediakit.errors import UsageError

if TYPE_CHECKING:  # loaded when something is signed or checked
    from mediakit.journeys.burn_order import BurnOrder
    from mediakit.secure.ed25519 import KnownKeys, SigningKey

SignKey = Annotated[
    Path | None,
    typer.Option(
        "--sign-key",
        help="Ed25519 key to sign the manifest with (implies --manifest); with --sign-cert the RSA key that "
        "signs each encrypted file.",
        rich_help_panel=SECURE,
    ),
]
SignPassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--sign-passphrase-file",
        help="File with the passphrase of --sign-key; else it is asked for.",
        rich_help_panel=SECURE,
    ),
]
PublicKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key",
        metavar="FILE|FINGERPRINT",
        help="Ed25519 key (PEM) that must have signed the medium, or the SHA-256 of it.",
    ),
]
_KNOWN = frozenset({"sign-key", "sign-passphrase-file", "trust"})


def signer_of(
    sign_key: Path | None, passphrase_file: Path | None, *, config: Path | None = None
) -> SigningKey | None:
    """Return the key that signs manifests: as the option says, else the configuration. Raises UsageError."""
    set_ = _settings(config)
    if sign_key is None:
        sign_key = next(iter(_paths(set_, "sign-key")), None)
    if passphrase_file is None:
        passphrase_file = next(iter(_paths(set_, "sign-passphrase-file")), None)
    elif sign_key is None:
        raise UsageError("`--sign-passphrase-file` goes with `--sign-key`")
    if sign_key is None:
        return None
    from mediakit.secure.given import read_signing_key

    return read_signing_key(sign_key, passphrase_file, ask_for_key if sys.stdin.isatty() else None)


def signed_by_configuration(order: BurnOrder, config: Path | None) -> BurnOrder:
    """Return an order with the key of the configuration, if it names one. Raises UsageError."""
    return replace(order, signer=signer_of(None, None, config=config))


def known_keys(public_keys: list[str] | None, *, config: Path | None = None) -> KnownKeys:
    """Return whose signature is expected (the option), or known (the configuration). Raises UsageError."""
    from mediakit.secure.ed25519 import KnownKeys, known_key

    if public_keys:
        return KnownKeys(keys=tuple(known_key(one) for one in public_keys), is_required=True)
    named = _settings(config).get("trust", (Path(), []))
    return KnownKeys(keys=tuple(known_key(one, named[0]) for one in named[1]))


_Settings = dict[str, tuple[Path, list[str]]]  # the folder that paths are relative to, and the values


def _settings(config: Path | None) -> _Settings:
    found: _Settings = {}
    for file, table in tables(config, "manifest", _KNOWN):
        for name, value in table.items():
            found.setdefault(name, (file.parent, _texts(name, value, file)))
    return found


def _texts(name: str, value: Any, file: Path) -> list[str]:
    values = value if name == "trust" and isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) and one for one in values):
        kind = "a list of files and fingerprints" if name == "trust" else "a path"
        raise UsageError(f"`manifest.{name}` must be {kind}", where=str(file))
    return values


def _paths(set_: _Settings, name: str) -> list[Path]:
    folder, values = set_.get(name, (Path(), []))
    return [folder / Path(one).expanduser() for one in values]
