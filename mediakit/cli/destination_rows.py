"""A destination as a table of TOML: its shape, what it means, and how it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import msgspec

from mediakit.destinations.address import Named
from mediakit.destinations.login import Login
from mediakit.destinations.options import Options
from mediakit.destinations.peer import (
    DEFAULT_CALLING_AE,
    DEFAULT_WINDOW,
    MOST_ASSOCIATIONS,
    MOST_WINDOW,
    Timeouts,
    Tls,
    check_ae_title,
)
from mediakit.destinations.registry import parse_address
from mediakit.errors import UsageError
from mediakit.network.user_items import IdentityKind
from mediakit.profile.shape import shape_faults

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_Seconds = Annotated[
    float, msgspec.Meta(gt=0, le=86400, description="seconds, more than 0 and at most a day")
]
_Window = Annotated[
    int, msgspec.Meta(ge=1, le=MOST_WINDOW, description=f"a number of operations from 1 to {MOST_WINDOW}")
]
_Associations = Annotated[
    int,
    msgspec.Meta(
        ge=1, le=MOST_ASSOCIATIONS, description=f"a number of associations from 1 to {MOST_ASSOCIATIONS}"
    ),
]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535, description="a port from 1 to 65535")]


class TimeoutRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long to wait, in seconds; see `Timeouts`."""

    connect: _Seconds | None = None
    association: _Seconds | None = None
    answer: _Seconds | None = None
    proof: _Seconds | None = None


class IdentityRow(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True
):
    """Who we are; see `Login`. Where a secret stands, never the secret."""

    user: str | None = None
    passcode_file: str | None = None
    passcode_variable: str | None = None
    ask_passcode: bool | None = None
    kerberos_file: str | None = None
    saml_file: str | None = None
    jwt_file: str | None = None
    jwt_variable: str | None = None
    response: bool | None = None


class DestinationRow(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True
):
    """The keys of `[destinations.NAME]`; see `Options` for what they mean."""

    url: str
    calling_ae: str | None = None
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    check_host_name: bool | None = None
    timeouts: TimeoutRow | None = None
    token_file: str | None = None
    token_variable: str | None = None
    header_file: str | None = None
    commit_port: _Port | None = None
    commit_host: str | None = None
    identity: IdentityRow | None = None
    window: _Window | None = None
    extended_negotiation: bool | None = None
    max_associations: _Associations | None = None
    require_local_id: bool | None = None


def named_of(name: str, raw: object, file: Path, where: str | None = None) -> Named:
    """Return the destination that a table means; paths are relative to its file, which errors name.

    Raises UsageError with every fault of its shape, or the first of its sense.
    """
    if where is None:
        where = f"{file}, [destinations.{name}]"
    check_name(name, where)
    try:
        row = msgspec.convert(raw, DestinationRow)
    except msgspec.ValidationError as exc:
        faults = [fault.removeprefix("$: ").removeprefix("$.") for fault in shape_faults(raw, DestinationRow)]
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(DestinationRow))
        why = "; ".join(faults) or str(exc)
        raise UsageError(
            "the destination is wrong", where=where, why=why, hint=f"known keys: {known}"
        ) from exc
    try:
        return _meant(name, row, file)
    except UsageError as exc:
        raise UsageError(exc.what, where=where, why=exc.why, hint=exc.hint) from exc


def check_name(name: str, where: str = "") -> None:
    """Raise UsageError for a name that could be taken for an address, or is no bare key of TOML."""
    if not _NAME.fullmatch(name):
        hint = "1 to 64 letters, digits, hyphens and underscores of ASCII"
        raise UsageError(f"`{name}` is not a valid name for a destination", where=where, hint=hint)


def to_toml(rows: Mapping[str, DestinationRow]) -> str:
    """Return tables `[destinations.NAME]` as TOML, sorted by name."""
    return "".join(f"\n[destinations.{name}]\n{''.join(_lines(rows[name]))}" for name in sorted(rows))


def _lines(row: DestinationRow) -> Iterator[str]:
    for key, value in msgspec.to_builtins(row).items():
        if isinstance(value, dict):
            inside = ", ".join(f"{name} = {_value(each)}" for name, each in value.items())
            yield f"{key} = {{ {inside} }}\n"
        else:
            yield f"{key} = {_value(value)}\n"


def _value(value: object) -> str:
    """Return a value of TOML. Its basic strings are those of JSON, but for DEL, which needs an escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _meant(name: str, row: DestinationRow, file: Path) -> Named:
    folder = file.parent
    address = parse_address(row.url).taken_from(folder)
    options = Options(
        calling_ae=check_ae_title(DEFAULT_CALLING_AE if row.calling_ae is None else row.calling_ae),
        tls=_tls(row, folder),
        timeouts=_timeouts(row.timeouts),
        token_file=None if row.token_file is None else _path(row.token_file, folder),
        token_variable=row.token_variable or "",
        header_file=None if row.header_file is None else _path(row.header_file, folder),
        commit_port=row.commit_port,
        commit_host=row.commit_host or "",
        login=_login(row.identity, folder),
        window=DEFAULT_WINDOW if row.window is None else row.window,
        extends=row.extended_negotiation is not False,
        most_associations=row.max_associations,
        requires_local_id=row.require_local_id is True,
    )
    address.check(options)
    return Named(name=name, address=address, options=options, origin=str(file))


def _tls(row: DestinationRow, folder: Path) -> Tls | None:
    if all(each is None for each in (row.ca_file, row.certificate, row.key, row.check_host_name)):
        return None
    if row.key is not None and row.certificate is None:
        raise UsageError("a key needs its certificate", hint="add `certificate`")
    return Tls(
        ca_file=None if row.ca_file is None else _path(row.ca_file, folder),
        certificate=None if row.certificate is None else _path(row.certificate, folder),
        key=None if row.key is None else _path(row.key, folder),
        check_host_name=row.check_host_name is not False,
    )


def _login(row: IdentityRow | None, folder: Path) -> Login | None:
    """Return who we are. Raises UsageError for none, or more than one at once."""
    if row is None:
        return None
    files = {
        IdentityKind.PASSCODE: (row.passcode_file, row.passcode_variable, row.ask_passcode),
        IdentityKind.KERBEROS: (row.kerberos_file, None, None),
        IdentityKind.SAML: (row.saml_file, None, None),
        IdentityKind.JWT: (row.jwt_file, row.jwt_variable, None),
    }
    kinds = [kind for kind, places in files.items() if any(places)]
    if not kinds and row.user is not None:
        kinds, files[IdentityKind.USER_NAME] = [IdentityKind.USER_NAME], (None, None, None)
    if len(kinds) != 1 or (row.user is not None and kinds[0] > IdentityKind.PASSCODE):
        hint = "a user with or without a passcode, a Kerberos ticket, a SAML assertion, or a JSON web token"
        raise UsageError("`identity` says nothing, or several things at once", hint=f"give one: {hint}")
    file, variable, asks = files[kinds[0]]
    return Login(
        kind=kinds[0],
        user=row.user or "",
        file=None if file is None else _path(file, folder),
        variable=variable or "",
        asks=bool(asks),
        wants_response=row.response is not False,
    )


def _timeouts(row: TimeoutRow | None) -> Timeouts:
    if row is None:
        return Timeouts()
    given = {f"{key}_s": value for key, value in msgspec.to_builtins(row).items()}
    usual: dict[str, Any] = {field.name: getattr(Timeouts(), field.name) for field in fields(Timeouts)}
    return Timeouts(**{**usual, **given})


def _path(text: str, folder: Path) -> Path:
    if not text or "\0" in text:
        raise UsageError("a path is empty or has a NUL")
    try:
        return folder.absolute() / Path(text).expanduser()
    except RuntimeError as exc:
        raise UsageError("the home folder is not known", why=text) from exc
