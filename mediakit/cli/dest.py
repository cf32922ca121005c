"""`mediakit dest add | list | remove | echo | probe`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli import complete
from mediakit.cli.guard import guarded
from mediakit.cli.helping import USER, Group
from mediakit.cli.login import AskPasscode, PasscodeFile, User, as_user, login_of
from mediakit.cli.options import SECONDS, CommitPort, Config, Json

app = typer.Typer(
    cls=Group,
    help="Keep destinations under names, and ask whether they answer and what they take.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Dest = Annotated[
    str,
    typer.Argument(
        metavar="DEST",
        autocompletion=complete.destinations,
        help="AET@host:port, dicom+tls://..., dicomweb+https://..., or a name.",
    ),
]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, hyphens, underscores.")]


@app.command("add")
def add(
    name: _Name,
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="AET@host:port, dicom+tls://..., dicomweb+https://..., dir:PATH."),
    ],
    calling_ae: Annotated[
        str | None, typer.Option(metavar="AET", help="Our AE title there.  [default: MEDIAKIT]")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust (PEM).")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Our certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key (PEM).")] = None,
    check_host_name: Annotated[
        bool,
        typer.Option(
            "--check-host-name/--no-check-host-name",
            help="Whether the certificate of the peer must name this host.",
        ),
    ] = True,
    connect_timeout: Annotated[
        float | None,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="How long to wait for a connection."),
    ] = None,
    association_timeout: Annotated[
        float | None,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="How long to wait for an association."),
    ] = None,
    answer_timeout: Annotated[
        float | None,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="How long to wait for the answer to a request."),
    ] = None,
    proof_timeout: Annotated[
        float | None,
        typer.Option(
            parser=SECONDS, metavar="SECONDS", help="How long to wait for a report of Storage Commitment."
        ),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="DICOMweb: file with a bearer token.")] = None,
    token_variable: Annotated[
        str | None, typer.Option(metavar="NAME", help="DICOMweb: environment variable with a bearer token.")
    ] = None,
    header_file: Annotated[Path | None, typer.Option(help='DICOMweb: file of lines "Name: value".')] = None,
    commit_port: CommitPort = None,
    commit_host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The address of ours that --commit-port listens on.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="The user that we are there (user identity).", rich_help_panel=USER)
    ] = None,
    passcode_file: Annotated[
        Path | None, typer.Option(help="File with the passcode of the user.", rich_help_panel=USER)
    ] = None,
    passcode_variable: Annotated[
        str | None, typer.Option(help="Environment variable with the passcode.", rich_help_panel=USER)
    ] = None,
    ask_passcode: Annotated[
        bool, typer.Option("--ask-passcode", help="Ask for the passcode each time.", rich_help_panel=USER)
    ] = False,
    kerberos_file: Annotated[
        Path | None, typer.Option(help="File with a Kerberos service ticket.", rich_help_panel=USER)
    ] = None,
    saml_file: Annotated[
        Path | None, typer.Option(help="File with a SAML assertion.", rich_help_panel=USER)
    ] = None,
    jwt_file: Annotated[
        Path | None, typer.Option(help="File with a JSON web token.", rich_help_panel=USER)
    ] = None,
    jwt_variable: Annotated[
        str | None, typer.Option(help="Environment variable with a JSON web token.", rich_help_panel=USER)
    ] = None,
    identity_response: Annotated[
        bool,
        typer.Option(
            "--identity-response/--no-identity-response",
            help="Whether the peer must confirm the identity.",
            rich_help_panel=USER,
        ),
    ] = True,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="C-STOREs under way at once on an association (asynchronous operations window); "
            "1: no window is proposed.",
        ),
    ] = None,
    max_associations: Annotated[
        int | None, typer.Option(min=1, max=32, help="Associations that an import may have at the same time.")
    ] = None,
    extended_negotiation: Annotated[
        bool,
        typer.Option(
            "--extended-negotiation/--no-extended-negotiation",
            help="Propose SOP Class Extended and Common Extended Negotiation.",
        ),
    ] = True,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Keep a destination under a name, in the user's own configuration."""
    with guarded("dest add", as_json=as_json):
        from mediakit.cli.destination_rows import DestinationRow, IdentityRow, TimeoutRow
        from mediakit.cli.named import add_destination
        from mediakit.destinations.registry import parse_address
        from mediakit.report.destinations import list_doc, list_text

        address = parse_address(url).taken_from(Path())
        timeouts = TimeoutRow(
            connect=connect_timeout,
            association=association_timeout,
            answer=answer_timeout,
            proof=proof_timeout,
        )
        identity = IdentityRow(
            user=user,
            passcode_file=_absolute(passcode_file),
            passcode_variable=passcode_variable,
            ask_passcode=ask_passcode or None,
            kerberos_file=_absolute(kerberos_file),
            saml_file=_absolute(saml_file),
            jwt_file=_absolute(jwt_file),
            jwt_variable=jwt_variable,
            response=None if identity_response else False,
        )
        row = DestinationRow(
            url=str(address),
            calling_ae=calling_ae,
            ca_file=_absolute(ca_file),
            certificate=_absolute(certificate),
            key=_absolute(key),
            check_host_name=None if check_host_name else False,
            timeouts=None if timeouts == TimeoutRow() else timeouts,
            token_file=_absolute(token_file),
            token_variable=token_variable,
            header_file=_absolute(header_file),
            commit_port=commit_port,
            commit_host=commit_host,
            identity=None if identity == IdentityRow() else identity,
            window=window,
            extended_negotiation=None if extended_negotiation else False,
            max_associations=max_associations,
        )
        one = add_destination(name, row, config)
        _print(list_doc([one]) if as_json else list_text([one], one.origin), as_json=as_json)


@app.command("list")
def list_(config: Config = None, as_json: Json = False) -> None:
    """List the destinations that have a name."""
    with guarded("dest list", as_json=as_json):
        from mediakit.cli.named import named_destinations, own_file
        from mediakit.report.destinations import list_doc, list_text

        known = tuple(named_destinations(config).values())
        _print(list_doc(known) if as_json else list_text(known, str(own_file())), as_json=as_json)


@app.command("remove")
def remove(name: _Name, config: Config = None, as_json: Json = False) -> None:
    """Forget a destination that `dest add` keeps."""
    with guarded("dest remove", as_json=as_json):
        from mediakit.cli.named import own_file, remove_destination

        remove_destination(name, config)
        document = {"schema": "mediakit/destinations/1", "removed": name, "file": str(own_file())}
        _print(document if as_json else f"{name} is forgotten\n", as_json=as_json)


@app.command("echo")
def echo(
    dest: _Dest,
    user: User = None,
    passcode_file: PasscodeFile = None,
    ask_passcode: AskPasscode = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Ask whether a destination is there and willing: C-ECHO, a search, or a try to write."""
    with guarded("dest echo", as_json=as_json):
        from mediakit.cli.named import destination_named
        from mediakit.destinations.registry import destination_of
        from mediakit.report.destinations import echo_doc, echo_text

        login = login_of(user, passcode_file, asks=ask_passcode)
        one = as_user(destination_named(dest, config), login)
        said = destination_of(one.address, one.options).verify()
        _print(echo_doc(one, said) if as_json else echo_text(one, said), as_json=as_json)


@app.command("probe")
def probe(
    dest: _Dest,
    user: User = None,
    passcode_file: PasscodeFile = None,
    ask_passcode: AskPasscode = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Ask which Storage SOP Classes a destination takes, in which transfer syntaxes. Nothing is sent."""
    with guarded("dest probe", as_json=as_json):
        from mediakit.cli.named import destination_named
        from mediakit.destinations.registry import destination_of
        from mediakit.journeys.probe import probe as run_probe
        from mediakit.report.destinations import probe_doc, probe_text

        login = login_of(user, passcode_file, asks=ask_passcode)
        one = as_user(destination_named(dest, config), login)
        found = run_probe(destination_of(one.address, one.options))
        _print(probe_doc(found) if as_json else probe_text(found), as_json=as_json)


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _print(output: object, *, as_json: bool) -> None:
    if as_json:
        from mediakit.report.json import to_json

        sys.stdout.write(to_json(output))
    else:
        sys.stdout.write(str(output))
