"""`mediakit disc list | burn | eject`: drives, what is in them, and images that go onto it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli.config import profile_paths
from mediakit.cli.device import Copies, Device, LeaveOpen, Robot, Simulate, Speed, Wanted, YesErase, onto_for
from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.helping import Group
from mediakit.cli.keys import Opening
from mediakit.cli.options import Config, Json, Profiles
from mediakit.cli.output import Output
from mediakit.cli.terminal import print_findings, print_summary

app = typer.Typer(
    cls=Group,
    help="Show drives, and put images on discs and sticks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show disc drives and sticks, and what is in them: kind, state, capacity, free space."""
    with guarded("disc list", as_json=as_json):
        from mediakit.drives.block import removable_sticks
        from mediakit.drives.xorriso import all_drives
        from mediakit.report.discs import drives_doc, drives_text
        from mediakit.report.json import to_json

        discs, sticks = all_drives(), removable_sticks()
        sys.stdout.write(to_json(drives_doc(discs, sticks)) if as_json else drives_text(discs, sticks))


@app.command("burn")
@grouped
def burn(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="ISO, UDF or FAT image.")],
    device: Device = "",
    robot: Robot = "",
    copies: Copies = 1,
    speed: Speed = 0,
    simulate: Simulate = False,
    leave_open: LeaveOpen = False,
    yes_erase: YesErase = False,
    any_image: Annotated[
        bool, typer.Option("--any-image", help="Take an image that does not conform to a profile.")
    ] = False,
    proof: Annotated[bool, typer.Option(help="Read the medium back and compare every byte.")] = True,
    *,
    opening: Opening,
    profiles: Profiles = None,
    config: Config = None,
    output: Output,
) -> None:
    """Put an image that conforms to a profile on a disc or stick, read it back and compare every byte."""
    with output.guarded("disc burn"):
        from mediakit.journeys.burn_image import ImageOrder, burn_image
        from mediakit.profile.load import load_catalogue
        from mediakit.report.burnt import image_text
        from mediakit.report.json import report_doc, to_json

        wanted = Wanted(
            device=device,
            robot=robot,
            copies=copies,
            speed=speed,
            simulate=simulate,
            leave_open=leave_open,
            yes_erase=yes_erase,
        )
        wanted.target(None)
        onto = onto_for(wanted, config)
        assert onto is not None  # noqa: S101 - of `target`
        own = profile_paths(profiles or [], config)
        order = ImageOrder(
            image=image,
            onto=onto,
            keys=opening.keys(config),
            catalogue=tuple(load_catalogue(own).profiles.values()),
            any_image=any_image,
            is_proven=proof,
        )
        with output.listener() as tell:
            result = burn_image(order, tell)
        if output.as_json:
            sys.stdout.write(to_json(report_doc(result)))
        else:
            print_findings(result.report, quiet=output.quiet, verbose=output.verbose)
            if not output.quiet:
                print_summary(image_text(result))
        raise typer.Exit(int(result.outcome))


@app.command("eject")
def eject(device: Annotated[str, typer.Argument(metavar="DEV", help="For example /dev/sr0.")]) -> None:
    """Open the tray of a drive."""
    with guarded("disc eject"):
        from mediakit.drives.xorriso import eject as eject_disc

        eject_disc(device)
