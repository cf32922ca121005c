"""`mediakit repair`: parse, run the journey, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediakit.choices import Convert, OnReject
from mediakit.cli import complete
from mediakit.cli.burnt import check_burn_reports, depth_of, print_burnt
from mediakit.cli.config import profile_paths
from mediakit.cli.grouped import grouped
from mediakit.cli.keys import OpeningSource, Sealing, SignKey
from mediakit.cli.options import (
    BurnReports,
    Config,
    FailOn,
    Medium,
    Profiles,
    WithNames,
)
from mediakit.cli.output import Output
from mediakit.cli.written import now
from mediakit.findings import Severity


@grouped
def repair(
    src: Medium,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="OUT.iso, OUT.img, OUT.zip, OUT.eml, or a new folder.")
    ],
    profile: Annotated[
        str,
        typer.Option(
            "--profile", "-p", autocompletion=complete.profiles, help="Profile, or auto: the best fitting."
        ),
    ] = "auto",
    on_reject: Annotated[
        OnReject, typer.Option(help="skip: leave out damaged instances and list them; fail: write nothing.")
    ] = OnReject.SKIP,
    convert: Annotated[Convert, typer.Option(help="What may be converted to fit.")] = Convert.LOSSLESS,
    *,
    sealing: Sealing,
    sign_key: SignKey = None,
    opening: OpeningSource,
    add: Annotated[list[Path] | None, typer.Option(help="Folder with other content for the medium.")] = None,
    profiles: Profiles = None,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Plan and print; write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing target.")] = False,
    fail_on: FailOn = Severity.ERROR,
    report: BurnReports = None,
    with_names: WithNames = False,
    output: Output,
) -> None:
    """Write a sound file-set from a broken medium: new directory, new names, the same instances.

    The source is not changed. Viewers and read-me files are left behind and named: `mediakit extract --only
    other` and `--add` carry them over.
    """
    with output.guarded("repair"):
        from mediakit.journeys.repair import RepairOrder
        from mediakit.journeys.repair import repair as run_repair
        from mediakit.profile.load import load_catalogue, load_profile

        check_burn_reports(report or (), out)
        own = profile_paths(profiles or [], config)
        named = None if profile == "auto" else load_profile(profile, own)
        order = RepairOrder(
            out=out,
            when=now(),
            profile=named,
            catalogue=tuple(load_catalogue(own).profiles.values()),
            on_reject=on_reject,
            convert=convert,
            add=tuple(add or ()),
            overwrite=force,
            depth=depth_of(is_rehearsal=dry_run, proof=True, has_report=bool(report) or output.as_json),
            fail_on=fail_on,
            keys=opening.keys(config),
            envelope=sealing.sealer(sign_key, config, is_secure=named is not None and named.is_secure),
        )
        with output.listener() as tell:
            burnt = run_repair(src, order, tell)
        print_burnt(burnt, report or (), output, with_names=with_names)
        raise typer.Exit(int(burnt.result.outcome))
