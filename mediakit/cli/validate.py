"""`mediakit validate`: parse, run the journey, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli.config import profile_paths
from mediakit.cli.guard import guarded
from mediakit.cli.options import (
    Config,
    FailOn,
    Json,
    Medium,
    Profiles,
    Quiet,
    ShowProgress,
    Verbose,
    WithNames,
)
from mediakit.cli.progress import Progress, listener
from mediakit.cli.written import check_report, now, write_report
from mediakit.errors import UsageError, mapped
from mediakit.findings import Severity

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.rules.check import RuleSet
    from mediakit.rules.validation import Validation


def validate(
    src: Medium,
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Profile to judge by, or auto: the best fitting.")
    ] = "auto",
    rules: Annotated[str, typer.Option(help="Rule sets: ps3, pdi, drg, with commas between.")] = "ps3",
    fail_on: FailOn = Severity.ERROR,
    report: Annotated[
        list[Path] | None, typer.Option(help="Write a report: FILE.html, .json, .xml (JUnit) or .sarif.")
    ] = None,
    with_names: WithNames = False,
    profiles: Profiles = None,
    config: Config = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    progress: ShowProgress = Progress.AUTO,
) -> None:
    """Say exactly what is right and wrong with a medium, with rule ids and the section of the standard.

    Nothing is mounted, repaired or written. `mediakit explain RULE` tells more about a rule.
    """
    with guarded("validate", as_json=as_json, verbose=verbose):
        from mediakit.journeys.validate import ValidateOrder
        from mediakit.journeys.validate import validate as run_validate
        from mediakit.profile.load import load_catalogue, load_profile
        from mediakit.report.forms import form_of

        forms = [(path, form_of(path.name)) for path in report or ()]
        for path, _ in forms:
            with mapped({OSError: UsageError}, "the report cannot be written there", str(path)):
                check_report(path, src if src.is_dir() else None)
        own = profile_paths(profiles or [], config)
        is_auto = profile.lower() == "auto"
        order = ValidateOrder(
            profile=None if is_auto else load_profile(profile, own),
            catalogue=tuple(load_catalogue(own).profiles.values()) if is_auto else (),
            rule_sets=_rule_sets(rules),
            fail_on=fail_on,
        )
        with listener(progress, quiet=quiet or as_json) as tell:
            validation = run_validate(src, order, tell)
        made_at = f"{now():%Y-%m-%d %H:%M} UTC"
        for path, form in forms:
            write_report(path, form(validation, made_at, with_names=with_names))
        _print(validation, as_json=as_json, quiet=quiet, verbose=verbose, with_names=with_names)
        raise typer.Exit(int(validation.result.outcome))


def _rule_sets(text: str) -> frozenset[RuleSet]:
    from mediakit.rules.check import RuleSet

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(RuleSet)]
    if unknown or not names:
        raise UsageError(
            f"`{', '.join(unknown) or text}` is not a rule set", hint=f"there are {', '.join(RuleSet)}"
        )
    return frozenset(RuleSet(name) for name in names)


def _print(validation: Validation, *, as_json: bool, quiet: bool, verbose: int, with_names: bool) -> None:
    if as_json:
        from mediakit.report.forms import form_of

        sys.stdout.write(form_of(".json")(validation, with_names=with_names))
        return
    from mediakit.report.text import findings_text
    from mediakit.report.validation import validation_text

    least = Severity.NOTE if verbose else Severity.ERROR if quiet else Severity.WARNING
    for line in findings_text(validation.result.report, least=least):
        print(line, file=sys.stderr)
    if not quiet:
        sys.stdout.write(validation_text(validation, everything=verbose > 0))
