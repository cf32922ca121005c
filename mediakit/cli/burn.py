"""`mediakit burn`: parse, run the journey, print."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.choices import Convert, OnReject, Supply, Viewer
from mediakit.cli import complete
from mediakit.cli.burnt import check_burn_reports, depth_of, print_burnt
from mediakit.cli.config import profile_paths
from mediakit.cli.deidentify import Deidentifying
from mediakit.cli.device import (
    Copies,
    Devices,
    LeaveOpen,
    Robot,
    Simulate,
    Speed,
    Wanted,
    YesErase,
    made_for,
    onto_for,
    profiles_onto,
)
from mediakit.cli.fetch import From, ListenPort, Priors, into_workplace
from mediakit.cli.grouped import grouped
from mediakit.cli.keys import OpeningSource, Sealing
from mediakit.cli.label import CoverFile, LabelFile, drawn_for_robot, paper_of_burnt, paper_order
from mediakit.cli.manifest import SignKey, SignPassphraseFile, signer_of
from mediakit.cli.options import BurnReports, Config, FailOn, Profiles, WithNames
from mediakit.cli.output import Output
from mediakit.cli.people import Pages
from mediakit.cli.selecting import AllPatients, Selecting
from mediakit.cli.wrap import Wrapping
from mediakit.cli.written import now
from mediakit.errors import UsageError
from mediakit.findings import Severity
from mediakit.outcome import Outcome

if TYPE_CHECKING:  # profiles are loaded when the command runs: `--help` stays fast
    from mediakit.profile.model import Profile
    from mediakit.stages.act.pressing import Onto


@grouped
def burn(
    src: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SRC...", help="Folders, files, images, ZIP archives, mail; or --from."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="OUT.iso, OUT.img (stick), OUT.zip, OUT.eml, or a new folder."),
    ] = None,
    device: Devices = None,
    robot: Robot = "",
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            "-p",
            autocompletion=complete.profiles,
            metavar="ID",
            help="Profile, for example STD-GEN-CD. Default: the general purpose profile of the target.",
        ),
    ] = "",
    medium: Annotated[
        str,
        typer.Option(
            metavar="KIND", help="cd, dvd, bd, usb, zip or mime: the general purpose profile of it that fits."
        ),
    ] = "",
    from_: From = "",
    priors: Priors = 0,
    listen_port: ListenPort = None,
    *,
    selecting: Selecting,
    all_patients: AllPatients = False,
    sealing: Sealing,
    sign_key: SignKey = None,
    sign_passphrase_file: SignPassphraseFile = None,
    opening: OpeningSource,
    on_reject: Annotated[
        OnReject, typer.Option(help="fail: write nothing if a file is refused; skip: leave it out.")
    ] = OnReject.FAIL,
    convert: Annotated[
        Convert, typer.Option(help="What may be converted to fit. `any` allows lossy compression.")
    ] = Convert.LOSSLESS,
    supply: Annotated[
        Supply, typer.Option(help="Missing mandatory keys: supplied in the DICOMDIR only, or refused.")
    ] = Supply.DIRECTORY,
    capacity: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="What a medium holds: cd74, cd80, dvd5, dvd9, bd25, bd50, or a size such as 4GB.",
        ),
    ] = "",
    wrapping: Wrapping,
    pages: Pages,
    deidentifying: Deidentifying,
    span: Annotated[
        bool, typer.Option("--span", help="Write several media (OUT-1of3.iso ...) where one is too small.")
    ] = False,
    file_set_id: Annotated[
        str, typer.Option(help="File-set ID and volume label: A-Z 0-9 _, at most 16.")
    ] = "",
    add: Annotated[
        list[Path] | None, typer.Option(help="Folder whose content goes to the root of the medium.")
    ] = None,
    profiles: Profiles = None,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Plan and print; write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing target.")] = False,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Add MANIFEST.TXT, which `sha256sum -c` reads.")
    ] = False,
    media_format: Annotated[
        str, typer.Option("--format", help="Media format where several suit, for example udf-2.50 for BD-RE.")
    ] = "",
    unpartitioned: Annotated[
        bool, typer.Option("--unpartitioned", help="FAT image without a partition table.")
    ] = False,
    joliet: Annotated[
        bool | None,
        typer.Option(
            "--joliet/--no-joliet",
            help="ISO 9660: names as they are on every system; the default with pages, --manifest, --add.",
        ),
    ] = None,
    proof: Annotated[bool, typer.Option(help="Read the image back and compare every byte.")] = True,
    copies: Copies = 1,
    speed: Speed = 0,
    simulate: Simulate = False,
    leave_open: LeaveOpen = False,
    yes_erase: YesErase = False,
    fail_on: FailOn = Severity.ERROR,
    label: LabelFile = None,
    cover_sheet: CoverFile = None,
    report: BurnReports = None,
    with_names: WithNames = False,
    output: Output,
) -> None:
    """Write a file-set that conforms to a profile: a disc, a stick, an image, a ZIP file or a folder.

    Every input file ends in one state; nothing is written when a file cannot go (see --on-reject).
    """
    with output.guarded("burn"):
        if not src and not from_:
            hint = "name folders, files or images, or fetch from an archive with `--from DEST`"
            raise UsageError("nothing to burn is named", hint=hint)
        from mediakit.journeys.burn import burn_fitting
        from mediakit.journeys.burn_order import BurnOrder
        from mediakit.stages.plan.people import usual_viewer

        if src and from_:
            raise UsageError("a source and `--from` exclude each other")
        if profile and medium:
            raise UsageError("`--profile` and `--medium` exclude each other")
        wanted = Wanted(
            device=device[0] if device else "",
            others=tuple(device or ())[1:],
            span=span,
            robot=robot,
            copies=copies,
            speed=speed,
            simulate=simulate,
            leave_open=leave_open,
            yes_erase=yes_erase,
        )
        target = wanted.target(out)
        check_burn_reports(report or (), target)
        paper = paper_order(label, cover_sheet, force=force)
        depth = depth_of(is_rehearsal=dry_run, proof=proof, has_report=bool(report) or output.as_json)
        onto = onto_for(wanted, config, is_rehearsal=dry_run)
        if label is not None and onto is not None:
            onto = drawn_for_robot(onto, config, f"{now():%Y-%m-%d}")
        paths = profile_paths(profiles or [], config)
        candidates = _candidates(profile, medium, onto or target, paths, is_secure=sealing.is_asked)
        usual = Viewer.NONE if robot else usual_viewer(candidates[0])
        order = BurnOrder(
            profile=candidates[0],
            out=target,
            when=now(),
            on_reject=on_reject,
            convert=convert,
            supply=supply,
            capacity=capacity,
            span=span,
            file_set_id=file_set_id or "DICOM",
            add=tuple(add or ()),
            overwrite=force,
            depth=depth,
            fail_on=fail_on,
            format=media_format,
            manifest=manifest,
            signer=signer_of(None if sealing.sign_cert else sign_key, sign_passphrase_file, config=config),
            unpartitioned=unpartitioned,
            joliet=joliet,
            wrap=wrapping.wanted(),
            selection=selecting.selection(),
            all_patients=all_patients,
            people=pages.wanted(usual, config),
            deidentify=deidentifying.wanted(),
            keys=opening.keys(config),
            envelope=sealing.sealer(
                sign_key if sealing.sign_cert else None, config, is_secure=candidates[0].is_secure
            ),
        )
        with (
            made_for(order, onto) if onto else nullcontext(order) as order,
            output.listener() as tell,
        ):
            if from_:
                from mediakit.journeys.burn_fetched import burn_fetched

                with into_workplace(from_, order.selection, config, priors, listen_port) as request:
                    burnt = burn_fetched(request, candidates, order, tell)
            else:
                burnt = burn_fitting(src or [], candidates, order, tell)
        print_burnt(burnt, report or (), output, with_names=with_names)
        if paper is not None and burnt.result.outcome in {Outcome.GOOD, Outcome.FINDINGS}:
            paper_of_burnt(burnt, paper, config, quiet=output.is_silent)
        raise typer.Exit(int(burnt.result.outcome))


def _candidates(
    name: str, medium: str, target: Path | Onto, paths: tuple[Path, ...], *, is_secure: bool
) -> tuple[Profile, ...]:
    """Return the profile that is named, else the general purpose ones of the medium. Raises UsageError."""
    from mediakit.profile.load import load_catalogue, load_profile
    from mediakit.stages.plan.target import profiles_for

    if name:
        found: tuple[Profile, ...] = (load_profile(name, paths),)
    elif isinstance(target, Path):
        found = profiles_for(load_catalogue(paths), target, medium, is_secure=is_secure)
    else:
        found = profiles_onto(target, load_catalogue(paths), medium, is_secure=is_secure)
    if not isinstance(target, Path):
        target.check(found[0])
    return found
