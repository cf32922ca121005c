"""`mediakit update`: parse, run the journey, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.choices import Convert, OnReject, Viewer
from mediakit.cli import complete
from mediakit.cli.burnt import check_burn_reports, print_burnt
from mediakit.cli.config import profile_paths
from mediakit.cli.device import LeaveOpen, Simulate, Speed
from mediakit.cli.grouped import grouped
from mediakit.cli.helping import REMOVED
from mediakit.cli.keys import MoreRecipients, Opening, SignCert, resealer_of
from mediakit.cli.manifest import SignKey, SignPassphraseFile, signer_of
from mediakit.cli.options import (
    BurnReports,
    Config,
    FailOn,
    Profiles,
    WithNames,
)
from mediakit.cli.output import Output
from mediakit.cli.people import institution_of
from mediakit.cli.selecting import AllPatients
from mediakit.cli.state import StateFolder, state_folder
from mediakit.cli.written import now
from mediakit.findings import Severity

if TYPE_CHECKING:  # the core is loaded when the command runs: `--help` stays fast
    from mediakit.fileset.plan import FileSetPlan
    from mediakit.fileset.removal import Removal

_Gone = list[str] | None


@grouped
def update(
    medium: Annotated[
        Path, typer.Argument(metavar="MEDIUM", help="Image, archive, folder, mounted stick, /dev/sr0.")
    ],
    add: Annotated[
        list[Path] | None, typer.Option(help="Folder, file or image with instances to add.")
    ] = None,
    remove: Annotated[
        _Gone,
        typer.Option(
            "--remove", metavar="UID", help="Remove this SOP Instance UID.", rich_help_panel=REMOVED
        ),
    ] = None,
    patient: Annotated[
        _Gone, typer.Option(metavar="ID", help="Remove this Patient ID.", rich_help_panel=REMOVED)
    ] = None,
    study: Annotated[
        _Gone, typer.Option(metavar="UID", help="Remove this Study Instance UID.", rich_help_panel=REMOVED)
    ] = None,
    series: Annotated[
        _Gone, typer.Option(metavar="UID", help="Remove this Series Instance UID.", rich_help_panel=REMOVED)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Leave MEDIUM alone and write the result here.")
    ] = None,
    session: Annotated[
        bool,
        typer.Option("--session", help="Append a session to an ISO image or an open disc (/dev/sr0)."),
    ] = False,
    speed: Speed = 0,
    simulate: Simulate = False,
    leave_open: LeaveOpen = False,
    profile: Annotated[
        str,
        typer.Option(
            "--profile", "-p", autocompletion=complete.profiles, help="Profile, or auto: the best fitting."
        ),
    ] = "auto",
    all_patients: AllPatients = False,
    on_reject: Annotated[
        OnReject, typer.Option(help="fail: change nothing if a file is refused; skip: leave it out.")
    ] = OnReject.FAIL,
    convert: Annotated[Convert, typer.Option(help="What may be converted to fit.")] = Convert.LOSSLESS,
    *,
    opening: Opening,
    recipient: MoreRecipients = None,
    sign_key: SignKey = None,
    sign_cert: SignCert = None,
    sign_passphrase_file: SignPassphraseFile = None,
    viewer: Annotated[
        Viewer | None,
        typer.Option(
            help="Images for browsers: full, preview, auto, none. Default: as the medium has them.",
            show_default=False,
        ),
    ] = None,
    capacity: Annotated[str, typer.Option(help="What the medium holds: cd74, dvd5, or a size.")] = "",
    profiles: Profiles = None,
    config: Config = None,
    state: StateFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Plan and print; change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing target of `-o`.")] = False,
    fail_on: FailOn = Severity.ERROR,
    report: BurnReports = None,
    with_names: WithNames = False,
    output: Output,
) -> None:
    """Add instances to a medium and remove others; all else on it stays as it is, byte for byte.

    What mediakit made of the instances is made again: viewer, pages of IHE PDI, manifest. An image is
    written anew and replaced when it is proven, a folder or stick is changed in place. Killed at any moment,
    the medium holds the old file-set or the new one.
    """
    with output.guarded("update"):
        from mediakit.journeys.burn_order import Depth
        from mediakit.journeys.update import update as run_update
        from mediakit.journeys.update_order import UpdateOrder
        from mediakit.profile.load import load_catalogue, load_profile

        check_burn_reports(report or (), out or medium)
        own = profile_paths(profiles or [], config)
        keys = opening.keys(config)
        seals = bool(keys) or sign_cert is not None  # then the key is of the envelopes
        order = UpdateOrder(
            when=now(),
            add=tuple(add or ()),
            removal=_removal(remove, patient, study, series),
            profile=None if profile == "auto" else load_profile(profile, own),
            catalogue=tuple(load_catalogue(own).profiles.values()),
            out=out,
            overwrite=force,
            session=session,
            speed=speed,
            simulate=simulate,
            leave_open=leave_open,
            on_reject=on_reject,
            convert=convert,
            capacity=capacity,
            depth=Depth.PLAN if dry_run else Depth.PROVE,
            fail_on=fail_on,
            all_patients=all_patients,
            state=state_folder(state) / "updates",
            keys=keys,
            envelope=resealer_of(keys, recipient, (sign_key if seals else None, sign_cert), config),
            viewer=viewer,
            institution=institution_of(config),
            signer=signer_of(None if seals else sign_key, sign_passphrase_file, config=config),
        )
        is_shown = not output.is_silent

        def show(plan: FileSetPlan, removed: tuple[str, ...]) -> None:
            from mediakit.report.burnt import update_plan_text

            if is_shown:
                sys.stdout.write(update_plan_text(plan, removed, everything=output.verbose > 0 or dry_run))
                sys.stdout.flush()

        with output.listener() as tell:
            updated = run_update(medium, order, tell, show)
        print_burnt(updated, report or (), output, with_names=with_names)
        raise typer.Exit(int(updated.result.outcome))


def _removal(remove: _Gone, patient: _Gone, study: _Gone, series: _Gone) -> Removal:
    from mediakit.fileset.removal import Removal

    return Removal(
        instances=frozenset(remove or ()),
        patients=frozenset(patient or ()),
        studies=frozenset(study or ()),
        series=frozenset(series or ()),
    )
