"""Who may open what is written, and what opens what is read: options and configuration.

A passphrase is read from a file or asked for on the terminal; it is never an argument, which others can see.

    [secure]
    recipients = ["radiology.pem"]
    sign-key = "our.key"
    sign-cert = "our.pem"
    key = "our.key"
    cert = "our.pem"
    passphrase-file = "/etc/mediakit/passphrase"
    trust = ["authority.pem"]

Options outweigh the configuration.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from mediakit.cli.config import tables
from mediakit.cli.helping import SECURE
from mediakit.errors import UsageError
from mediakit.findings import printable

if TYPE_CHECKING:  # the extra `secure` is loaded when something is encrypted
    from mediakit.journeys.burn_order import BurnOrder
    from mediakit.secure.keys import Keys
    from mediakit.secure.sealing import Sealer

Key = Annotated[
    list[Path] | None, typer.Option("--key", help="To open what is encrypted: private key (PEM, DER).")
]
Cert = Annotated[
    list[Path] | None, typer.Option("--cert", help="With --key: the certificate that it belongs to.")
]
MoreRecipients = Annotated[
    list[Path] | None,
    typer.Option(
        "--recipient",
        help="Encrypted medium: certificate (PEM) of who else can open what is new.",
        rich_help_panel=SECURE,
    ),
]
SignKey = Annotated[
    Path | None,
    typer.Option(
        "--sign-key", help="Secure profile: private key to sign each file with.", rich_help_panel=SECURE
    ),
]
SignCert = Annotated[
    Path | None,
    typer.Option(
        "--sign-cert", help="With --sign-key: its certificate, and those above it.", rich_help_panel=SECURE
    ),
]

_LISTS = frozenset({"recipients", "trust"})
_NAMES = frozenset({"sign-key", "sign-cert", "key", "cert", "passphrase-file"})


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The options that say what opens encrypted files."""

    heading: ClassVar[str] = SECURE

    key: Key = None
    cert: Cert = None
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="File with the passphrase of what is encrypted.")
    ] = None
    ask_passphrase: Annotated[
        bool, typer.Option("--ask-passphrase", help="Ask for the passphrase of what is encrypted.")
    ] = False
    trust: Annotated[
        list[Path] | None,
        typer.Option("--trust", help="Open only what is signed below an authority of this file (PEM)."),
    ] = None

    def keys(self, config: Path | None = None) -> Keys:
        """Return what opens encrypted files, by the options or the configuration. Raises UsageError."""
        return _keys_of(
            self.key, self.cert, self.passphrase_file, self.trust, asks=self.ask_passphrase, config=config
        )


@dataclass(frozen=True, kw_only=True)
class OpeningSource:
    """The options that say what opens an encrypted source, where others are for the medium to be written."""

    heading: ClassVar[str] = SECURE

    key: Key = None
    cert: Cert = None
    source_passphrase_file: Annotated[
        Path | None,
        typer.Option("--source-passphrase-file", help="File with the passphrase of an encrypted source."),
    ] = None

    def keys(self, config: Path | None) -> Keys:
        """Return what opens encrypted files, by the options or the configuration. Raises UsageError."""
        return _keys_of(self.key, self.cert, self.source_passphrase_file, config=config)


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """The options that say for whom a medium is encrypted, and who signs its files."""

    heading: ClassVar[str] = SECURE

    recipient: Annotated[
        list[Path] | None,
        typer.Option("--recipient", help="Secure profile: certificate (PEM) of who can open the medium."),
    ] = None
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file", help="Secure profile: file with a passphrase that opens the medium."
        ),
    ] = None
    ask_passphrase: Annotated[
        bool,
        typer.Option("--ask-passphrase", help="Secure profile: ask for a passphrase that opens the medium."),
    ] = False
    sign_cert: SignCert = None

    @property
    def is_asked(self) -> bool:
        """Return True when somebody is named who can open the medium."""
        return bool(self.recipient or self.passphrase_file or self.ask_passphrase)

    def sealer(self, sign_key: Path | None, config: Path | None, *, is_secure: bool) -> Sealer | None:
        """Return what seals files for the recipients, None without any; `sign_key` belongs to `sign_cert`.

        The configuration counts for a secure profile alone (`is_secure`). Raises UsageError.
        """
        set_ = _settings(config) if is_secure else {}
        recipients = self.recipient if self.is_asked else set_.get("recipients")
        if not (recipients or self.is_asked):
            if sign_key is not None or self.sign_cert is not None:
                hint = "choose a secure profile, and say who can open the medium: `--recipient CERT.pem`"
                raise UsageError("only encrypted files are signed", hint=hint)
            return None
        files = _signer_of((sign_key, self.sign_cert), set_)
        _check_installed()
        from mediakit.secure.sealer import sealer_for

        passphrases = [] if self.passphrase_file is None else [self.passphrase_file]
        asked = _asked_twice() if self.ask_passphrase else b""
        ask = ask_for_key if sys.stdin.isatty() else None
        return sealer_for(recipients or (), passphrases, asked, files, ask)


def _keys_of(
    key: list[Path] | None,
    cert: list[Path] | None,
    passphrase_file: Path | None,
    trust: list[Path] | None = None,
    *,
    asks: bool = False,
    config: Path | None,
) -> Keys:
    from mediakit.secure.keys import NO_KEYS

    set_ = _settings(config)
    if not (key or cert or passphrase_file or asks):
        key, cert = set_.get("key"), set_.get("cert")
        passphrase_file = next(iter(set_.get("passphrase-file", [])), None)
    trust = trust or set_.get("trust")
    if not (key or cert or passphrase_file or asks):
        if trust and "trust" not in set_:
            raise UsageError(
                "`--trust` needs something that opens the files", hint="add `--key` or a passphrase"
            )
        return NO_KEYS
    _check_installed()
    from mediakit.secure.certificates import read_keys, read_passphrase

    passphrases = () if passphrase_file is None else (read_passphrase(passphrase_file),)
    passphrases = (*passphrases, _asked("Passphrase of the medium: ")) if asks else passphrases
    ask = ask_for_key if sys.stdin.isatty() else None
    return replace(read_keys(key or (), cert or (), trust or (), ask), passphrases=passphrases)


def resealer_of(
    keys: Keys, recipients: list[Path] | None, signer: tuple[Path | None, Path | None], config: Path | None
) -> Sealer | None:
    """Return what seals the new files of an encrypted medium: for more recipients, or signed.

    None when nothing was said of that: then it is sealed for those who have the `keys`. Raises UsageError.
    """
    files = _signer_of(signer, _settings(config) if keys else {})
    if not recipients and files is None:
        return None
    if not keys:
        hint = "`--key` and `--cert`, or `--passphrase-file` or `--ask-passphrase`"
        raise UsageError("only on an encrypted medium is anything sealed: say what opens it", hint=hint)
    from mediakit.secure.sealer import sealer_for

    ask = ask_for_key if sys.stdin.isatty() else None
    return sealer_for(recipients or (), (), b"", files, ask, keys)


def _signer_of(
    given: tuple[Path | None, Path | None], set_: dict[str, list[Path]]
) -> tuple[Path, Path] | None:
    """Return the files of the key and the certificate to sign with: those given, else the configured ones."""
    key, cert = given
    if not any(given):
        key, cert = (next(iter(set_.get(name, [])), None) for name in ("sign-key", "sign-cert"))
    if bool(key) != bool(cert):
        raise UsageError("`--sign-key` and `--sign-cert` go together")
    return None if key is None or cert is None else (key, cert)


def sealed_by_configuration(order: BurnOrder, config: Path | None) -> BurnOrder:
    """Return an order with what the configuration seals a secure profile with. Raises UsageError without."""
    is_secure = order.profile.is_secure
    sealer = Sealing().sealer(None, config, is_secure=is_secure)
    if is_secure and sealer is None:
        hint = "name who can open the media: `recipients` in `[secure]` of the configuration"
        raise UsageError(f"{order.profile.id} asks for encrypted files (PS3.15 D.1)", hint=hint)
    return replace(order, envelope=sealer)


def _check_installed() -> None:
    from mediakit.secure.extra import check_installed

    check_installed()


def _settings(config: Path | None) -> dict[str, list[Path]]:
    """Return the settings of `[secure]`, each as paths; the user's own file outweighs the system's."""
    found: dict[str, list[Path]] = {}
    for file, table in tables(config, "secure", _LISTS | _NAMES):
        for name, value in table.items():
            found.setdefault(name, _paths(name, value, file))
    return found


def _paths(name: str, value: Any, file: Path) -> list[Path]:
    values: Iterable[Any] = value if name in _LISTS and isinstance(value, list) else [value]
    paths = [file.parent / Path(one).expanduser() for one in values if isinstance(one, str)]
    if not paths or len(paths) != len(list(values)):
        kind = "a list of paths" if name in _LISTS else "a path"
        raise UsageError(f"`secure.{name}` must be {kind}", where=str(file))
    return paths


def _asked_twice() -> bytes:
    first, second = _asked("Passphrase for the medium: "), _asked("Again: ")
    if first != second:
        raise UsageError("the two are not the same", hint="run the command again")
    return first


def _asked(prompt: str) -> bytes:
    from mediakit.secure.passwords import checked

    if not sys.stdin.isatty():
        hint = "without a terminal name a file: `--passphrase-file`"
        raise UsageError("the passphrase cannot be asked for", why="there is no terminal", hint=hint)
    return checked(getpass.getpass(prompt).encode("utf-8", "surrogateescape"))


def ask_for_key(file: str) -> bytes:
    """Ask for the passphrase of a private key on the terminal."""
    return getpass.getpass(f"Passphrase of the key {printable(file)}: ").encode("utf-8", "surrogateescape")
