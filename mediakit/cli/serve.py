"""`mediakit serve`: parse, listen until it ends, print."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.choices import Each, OnReject
from mediakit.cli.burnt import print_burnt
from mediakit.cli.config import profile_paths
from mediakit.cli.device import Robot, Wanted, made_for, onto_for
from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.helping import Group
from mediakit.cli.keys import sealed_by_configuration
from mediakit.cli.log_file import LogFile
from mediakit.cli.manifest import signed_by_configuration
from mediakit.cli.options import DAYS, SECONDS, Config, Profiles, Quiet
from mediakit.cli.output import Output
from mediakit.cli.state import StateFolder, state_folder
from mediakit.cli.terminal import print_findings, print_summary
from mediakit.cli.written import now
from mediakit.errors import UsageError, mapped
from mediakit.findings import printable

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    import ssl

    from mediakit.journeys.burn_order import BurnOrder, Burnt
    from mediakit.journeys.receive import ReceiveEvent
    from mediakit.scp.requestor import Dial
    from mediakit.scp.served import Served

_Dir = Annotated[Path, typer.Option("--dir", help="Folder to receive into; made when it is missing.")]
_Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]
_Aet = Annotated[str, typer.Option(metavar="AET", help="Our AE title.")]
_Bind = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for every one that this computer has."
    ),
]
_MaxAssociations = Annotated[int, typer.Option(help="Associations at the same time.", min=1, max=200)]
_TlsCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Serve TLS with this certificate (PEM, may hold the key).")
]
_TlsKey = Annotated[Path | None, typer.Option(help="The key of the certificate.")]
_TlsCa = Annotated[
    Path | None, typer.Option(help="Let in only clients with a certificate of these authorities.")
]
_Users = Annotated[
    Path | None, typer.Option(help="Let in only the users of this file; `serve user` makes its lines.")
]

app = typer.Typer(
    name="serve",
    cls=Group,
    help="Receive over the network: a Storage SCP, or one that makes media on request.",
    no_args_is_help=True,
)


@app.callback()
def _serve() -> None:
    """Receive over the network: a Storage SCP, or one that makes media on request."""


@app.command("scp")
@grouped
def scp(
    folder: _Dir,
    port: _Port = 11112,
    aet: _Aet = "MEDIAKIT",
    bind: _Bind = "127.0.0.1",
    peer: Annotated[
        list[str] | None,
        typer.Option(metavar="AET@HOST:PORT", help="Where a peer listens for reports of Storage Commitment."),
    ] = None,
    require_called_aet: Annotated[
        bool,
        typer.Option("--require-called-ae", help="Reject associations that call another AE title than ours."),
    ] = False,
    max_associations: _MaxAssociations = 10,
    tls_cert: _TlsCert = None,
    tls_key: _TlsKey = None,
    tls_ca: _TlsCa = None,
    users: _Users = None,
    then_burn: Annotated[
        str, typer.Option(metavar="PROFILE", help="When it ends: burn what lies in the folder.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="With --then-burn: OUT.iso, OUT.zip, a new folder; with --each media/{date}-{number}.iso.",
        ),
    ] = None,
    all_patients: Annotated[
        bool, typer.Option("--all-patients", help="With --then-burn: several patients on one medium.")
    ] = False,
    each: Annotated[
        Each | None,
        typer.Option(help="With --then-burn: a medium for each patient or study, while the server runs."),
    ] = None,
    quiet_for: Annotated[
        float | None,
        typer.Option(
            parser=SECONDS,
            metavar="SECONDS",
            help="With --each: begin a medium when nothing came for it for so long.  [default: 60]",
        ),
    ] = None,
    remove_burnt: Annotated[
        bool,
        typer.Option("--remove-burnt", help="With --each: remove from --dir what is on a proven medium."),
    ] = False,
    on_reject: Annotated[
        OnReject, typer.Option(help="With --then-burn: fail, or skip what the profile refuses.")
    ] = OnReject.FAIL,
    idle: Annotated[
        float | None,
        typer.Option(
            parser=SECONDS,
            metavar="SECONDS",
            help="End when something came and nobody has been connected for so long.",
        ),
    ] = None,
    log_file: Annotated[
        Path | None,
        typer.Option(help="Add every line to this file, with the time; `-vv` names each connection."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the first sender: --idle 0.")] = False,
    profiles: Profiles = None,
    config: Config = None,
    *,
    output: Output,
) -> None:
    """Receive instances into a folder: a Storage SCP, with Verification and Storage Commitment.

    Data sets are written as they come, each once. Ctrl-C shuts it down cleanly.
    """
    with output.guarded("serve scp"):
        warnings.simplefilter("ignore")  # of libraries: they may hold what a peer sent
        from mediakit.destinations.peer import check_ae_title
        from mediakit.journeys.burn_received import MediaOrder
        from mediakit.journeys.receive import ReceiveOrder, receive
        from mediakit.scp.server import Listening
        from mediakit.scp.users import load_users

        paths = profile_paths(profiles or [], config)
        order = ReceiveOrder(
            folder=folder,
            listening=Listening(
                ae_title=check_ae_title(aet),
                host=bind,
                port=port,
                requires_called_ae=require_called_aet,
                most_associations=max_associations,
            ),
            ssl_context=_server_tls(tls_cert, tls_key, tls_ca),
            callers=dict(_caller(each, (tls_cert, tls_key, tls_ca)) for each in peer or ()),
            idle_s=0.0 if once and idle is None else idle,
            users=None if users is None else load_users(users),
            keeps_all=output.as_json,
        )
        disc = _burn_order(then_burn, out, paths, all_patients=all_patients, on_reject=on_reject)
        disc = (
            None if disc is None else signed_by_configuration(sealed_by_configuration(disc, config), config)
        )
        if each is None:
            if remove_burnt or quiet_for is not None:
                raise UsageError("`--quiet-for` and `--remove-burnt` go with `--each`")
            order = replace(order, burn=disc)
        elif disc is None:
            raise UsageError("`--each` goes with `--then-burn PROFILE` and `-o OUT`")
        else:
            media = MediaOrder(
                burn=disc,
                pattern=str(out),
                each=each,
                quiet_s=60.0 if quiet_for is None else quiet_for,
                removes=remove_burnt,
            )
            order = replace(order, media=media)
        with output.listener() as tell:
            log = None if log_file is None else LogFile(log_file)
            hear = _printer(log, output, _warnings(tls_cert))
            served, burnt = receive(order, hear, tell)
        _print_served(served, burnt, output)
        raise typer.Exit(int(served.outcome))


@app.command("user")
def user(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that a sender gives.")],
    passcode_file: Annotated[
        Path | None, typer.Option(help="File with the passcode; without it the passcode is asked for.")
    ] = None,
) -> None:
    """Print the line of a user for the file of `serve scp --users`: the passcode stands there hashed."""
    with guarded("serve user"):
        from mediakit.cli.login import new_passcode
        from mediakit.scp.users import check_user_name, user_line

        check_user_name(name)
        sys.stdout.write(user_line(name, new_passcode(name, passcode_file)) + "\n")


def _server_tls(cert: Path | None, key: Path | None, ca: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None or ca is not None:
            raise UsageError("`--tls-key` and `--tls-ca` need `--tls-cert`")
        return None
    from mediakit.destinations.tls import server_context

    return server_context(cert, key, ca)


def _warnings(cert: Path | None) -> tuple[str, ...]:
    """Return what to say of the certificate of a server when it begins."""
    if cert is None:
        return ()
    from mediakit.destinations.tls import expiry_warning

    said = expiry_warning(cert, now())
    return (f"warning: {said}",) if said else ()


def _caller(text: str, tls: tuple[Path | None, Path | None, Path | None]) -> tuple[str, Dial]:
    from mediakit.destinations.dial import dial
    from mediakit.destinations.dicom_address import DicomAddress
    from mediakit.destinations.options import Options
    from mediakit.destinations.peer import Tls
    from mediakit.destinations.tls import client_context

    try:
        address = DicomAddress.parse(text)
    except UsageError as exc:
        raise UsageError("`--peer` takes AET@host:port", why=exc.what, hint=exc.hint) from exc
    certificate, key, ca = tls
    settings = Tls(ca_file=ca, certificate=certificate, key=key) if address.is_tls else None
    context = None if settings is None else client_context(settings)  # now: it may be that it cannot be made
    return address.called_ae, partial(dial, address.peer(Options(tls=settings)), context)


@app.command("creation")
def creation(
    folder: _Dir,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the media that are made.")],
    profile: Annotated[
        str, typer.Option("--profile", "-p", metavar="ID", help="Profile for requests that name none.")
    ] = "STD-GEN-CD",
    port: _Port = 11112,
    aet: _Aet = "MEDIAKIT",
    bind: _Bind = "127.0.0.1",
    robot: Robot = "",
    keep_days: Annotated[
        float, typer.Option(parser=DAYS, metavar="DAYS", help="Forget jobs so long after their end.")
    ] = 30.0,
    max_associations: _MaxAssociations = 10,
    tls_cert: _TlsCert = None,
    tls_key: _TlsKey = None,
    tls_ca: _TlsCa = None,
    users: _Users = None,
    log_file: Annotated[Path | None, typer.Option(help="Add every line to this file, with the time.")] = None,
    state: StateFolder = None,
    profiles: Profiles = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Make media on request: Media Creation Management (PS3.4 Annex S), with storage on the same port.

    Workstations store the instances, then ask for the medium and where it stands. Jobs outlive a restart.
    """
    with guarded("serve creation", as_json=False):
        warnings.simplefilter("ignore")  # of libraries: they may hold what a peer sent
        from mediakit.destinations.peer import check_ae_title
        from mediakit.journeys.burn_order import BurnOrder
        from mediakit.journeys.create_media import CreationOrder, create_media
        from mediakit.journeys.receive import Listens
        from mediakit.profile.load import load_catalogue, load_profile
        from mediakit.report.creation import job_text
        from mediakit.report.reception import association_text
        from mediakit.scp.creation_jobs import JobEnded
        from mediakit.scp.events import AssociationEnded
        from mediakit.scp.server import Listening
        from mediakit.scp.users import load_users

        paths = profile_paths(profiles or [], config)
        with mapped({OSError: UsageError}, "the folder for media cannot be used", str(out)):
            out.mkdir(parents=True, exist_ok=True)
        order = CreationOrder(
            folder=folder,
            out=out,
            jobs=state_folder(state) / "creation",
            listening=Listening(
                ae_title=check_ae_title(aet), host=bind, port=port, most_associations=max_associations
            ),
            burn=BurnOrder(profile=load_profile(profile, paths), out=out, when=now()),
            catalogue=load_catalogue(paths),
            keep_s=keep_days * 86400,
            ssl_context=_server_tls(tls_cert, tls_key, tls_ca),
            users=None if users is None else load_users(users),
            onto=_with_robot(robot, config) if robot else None,
        )
        log = None if log_file is None else LogFile(log_file)

        def hear(event: object) -> None:
            lines: tuple[str, ...] = ()
            if isinstance(event, Listens):
                listening = f"listening on {event.host}:{event.port} as {event.ae_title}"
                lines = (listening, *_warnings(tls_cert))
            elif isinstance(event, JobEnded):
                lines = (job_text(event.job),)
            elif isinstance(event, AssociationEnded) and (event.counts or event.words):
                lines = (association_text(event),)
            for line in lines:
                if log is not None:
                    log.write(line)
                if not quiet:
                    print(printable(line), flush=True)

        create_media(order, hear)


def _with_robot(
    robot: str, config: Path | None
) -> Callable[[BurnOrder, int], AbstractContextManager[BurnOrder]]:
    """Return what gives the order that has a robot make so many copies. Raises UsageError for no robot."""

    def onto(order: BurnOrder, copies: int) -> AbstractContextManager[BurnOrder]:
        there = onto_for(Wanted(robot=robot, copies=copies), config)
        return made_for(order, there) if there is not None else nullcontext(order)

    onto_for(Wanted(robot=robot), config)
    return onto


def _burn_order(
    profile: str, out: Path | None, paths: tuple[Path, ...], *, all_patients: bool, on_reject: OnReject
) -> BurnOrder | None:
    if not profile and out is None:
        if all_patients or on_reject is not OnReject.FAIL:
            raise UsageError("`--all-patients` and `--on-reject` go with `--then-burn PROFILE` and `-o OUT`")
        return None
    if not profile or out is None:
        raise UsageError("`--then-burn PROFILE` and `-o OUT` go together")
    from mediakit.journeys.burn_order import BurnOrder
    from mediakit.profile.load import load_profile

    return BurnOrder(
        profile=load_profile(profile, paths),
        out=out,
        when=now(),
        all_patients=all_patients,
        on_reject=on_reject,
    )


def _printer(
    log: LogFile | None, output: Output, at_start: tuple[str, ...]
) -> Callable[[ReceiveEvent], None]:
    """Return what prints a line for an event: on standard output, with `--json` on standard error.

    The lines `at_start` follow when the server listens.
    """
    from mediakit.journeys.receive import Listens

    stream = sys.stderr if output.as_json else sys.stdout

    def hear(event: ReceiveEvent) -> None:
        line = _line(event, verbose=output.verbose)
        for each in (line, *at_start) if isinstance(event, Listens) else (line,):
            if each and log is not None:
                log.write(each)
            if each and not output.quiet:
                print(printable(each), file=stream, flush=True)

    return hear


def _line(event: ReceiveEvent, *, verbose: int) -> str:
    from mediakit.journeys.receive import Ending, Listens
    from mediakit.report.reception import association_text, commitment_text, medium_text
    from mediakit.scp.events import AssociationEnded, CommitmentAnswered, MediumEnded

    if isinstance(event, Listens):
        return f"listening on {event.host}:{event.port} as {event.ae_title}"
    if isinstance(event, Ending):
        return "ending"
    line = ""
    if isinstance(event, MediumEnded):
        line = medium_text(event)
    elif isinstance(event, AssociationEnded):
        line = association_text(event) if event.calling_ae or event.words or verbose > 1 else ""
    elif isinstance(event, CommitmentAnswered):
        line = commitment_text(event)
    elif verbose:
        line = f"  {event.reception.value:<14} {event.sop_instance}  {event.path or event.words}"
    return line


def _print_served(served: Served, burnt: Burnt | None, output: Output) -> None:
    from mediakit.report.reception import reception_doc, served_text

    if output.as_json:
        from mediakit.report.json import to_json

        sys.stdout.write(to_json(reception_doc(served)))
        return
    print_findings(served.report)
    if not output.quiet:
        print_summary(served_text(served))
    if burnt is not None:
        print_burnt(burnt, (), output, with_names=False)
