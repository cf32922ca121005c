"""`mediakit validate`: parse, run the journey, print."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli import complete
from mediakit.cli.config import profile_paths
from mediakit.cli.grouped import grouped
from mediakit.cli.guard import say
from mediakit.cli.heeded import heeded_of
from mediakit.cli.keys import Opening
from mediakit.cli.options import (
    Config,
    FailOn,
    Media,
    Profiles,
    RescueMap,
    WithNames,
)
from mediakit.cli.output import Output
from mediakit.cli.terminal import print_findings, print_summary
from mediakit.cli.written import check_report, now, write_report
from mediakit.errors import MediakitError, UsageError
from mediakit.findings import Severity

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.journeys.validate import ValidateOrder
    from mediakit.report.forms import Form
    from mediakit.rules.check import RuleSet
    from mediakit.rules.validation import Validation


_Rules = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE",
        autocompletion=complete.rules,
        help="Rules that do not count: MK-HYG-002, or a group: MK-HYG.",
    ),
]


@grouped
def validate(
    src: Media,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            "-p",
            autocompletion=complete.profiles,
            help="Profile to judge by, or auto: the best fitting.",
        ),
    ] = "auto",
    rules: Annotated[
        str,
        typer.Option(
            metavar="SETS", help="Rule sets, with commas between: ps3 (DICOM), pdi (IHE), drg (Germany)."
        ),
    ] = "ps3",
    fail_on: FailOn = Severity.ERROR,
    ignore: _Rules = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            autocompletion=complete.rules,
            help="Only these rules count: MK-DIR-012, or a group: MK-DIR.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Findings in this JSON report of an earlier run do not count.")
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            help="Write a report: FILE.html, .json, .xml (JUnit) or .sarif; of several media: {name}.html."
        ),
    ] = None,
    *,
    opening: Opening,
    with_names: WithNames = False,
    rescue_map: RescueMap = None,
    profiles: Profiles = None,
    config: Config = None,
    output: Output,
) -> None:
    """Say exactly what is right and wrong with a medium, with rule ids and the section of the standard.

    Nothing is mounted, repaired or written. `mediakit explain RULE` tells more about a rule. Of several media
    each is judged by itself; the exit code is the highest one.
    """
    with output.guarded("validate"):
        from mediakit.journeys.validate import ValidateOrder
        from mediakit.profile.load import load_catalogue, load_profile

        reports = {source: _reports(report or (), source, is_one=len(src) == 1) for source in src}
        _check_names([path for forms in reports.values() for path, _ in forms])
        if rescue_map is not None and len(src) > 1:
            raise UsageError("`--rescue-map` goes with one medium")
        own = profile_paths(profiles or [], config)
        is_auto = profile.lower() == "auto"
        order = ValidateOrder(
            profile=None if is_auto else load_profile(profile, own),
            catalogue=tuple(load_catalogue(own).profiles.values()) if is_auto else (),
            rule_sets=_rule_sets(rules),
            fail_on=fail_on,
            heeded=heeded_of(ignore or (), select or (), baseline),
            keys=opening.keys(config),
            rescue_map=rescue_map,
        )
        if len(src) == 1:
            validation = _judged(src[0], order, reports[src[0]], output, with_names=with_names)
            _print(validation, output, with_names=with_names)
            raise typer.Exit(int(validation.result.outcome))
        raise typer.Exit(_each(src, order, reports, output, with_names=with_names))


def _judged(
    source: Path,
    order: ValidateOrder,
    reports: Sequence[tuple[Path, Form]],
    output: Output,
    *,
    with_names: bool,
) -> Validation:
    """Judge one medium, and write its reports."""
    from mediakit.journeys.validate import validate as run_validate

    with output.listener() as tell:
        validation = run_validate(source, order, tell)
    made_at = f"{now():%Y-%m-%d %H:%M} UTC"
    for path, form in reports:
        write_report(path, form(validation, made_at, with_names=with_names))
    return validation


def _each(
    sources: Sequence[Path],
    order: ValidateOrder,
    reports: Mapping[Path, Sequence[tuple[Path, Form]]],
    output: Output,
    *,
    with_names: bool,
) -> int:
    """Judge each of several media; what cannot be opened does not hold up the others."""
    from mediakit.report.json import error_doc, to_json
    from mediakit.report.validation import validation_doc, validations_doc

    docs, errors, codes = [], [], []
    for source in dict.fromkeys(sources):
        try:
            validation = _judged(source, order, reports[source], output, with_names=with_names)
        except MediakitError as exc:
            codes.append(exc.exit_code)
            errors.append(error_doc("validate", exc))
            say("validate", exc, as_json=False, verbose=output.verbose)
            continue
        codes.append(int(validation.result.outcome))
        if output.as_json:
            docs.append(validation_doc(validation, with_names=with_names))
        else:
            _print(validation, output, with_names=with_names)
    if output.as_json:
        sys.stdout.write(to_json(validations_doc(docs, errors)))
    return max(codes)


def _reports(paths: Sequence[Path], source: Path, *, is_one: bool) -> list[tuple[Path, Form]]:
    """Return the report files of one medium, with what writes them. Raises UsageError."""
    from mediakit.report.forms import form_of
    from mediakit.report.html_page import last_name

    forms = []
    for path in paths:
        if not is_one and "{name}" not in path.name:
            hint = "put {name} into it: it becomes the name of the medium"
            raise UsageError("one report cannot hold several media", where=str(path), hint=hint)
        named = path.with_name(path.name.replace("{name}", last_name(str(source.absolute())) or "medium"))
        check_report(named, source if source.is_dir() else None)
        forms.append((named, form_of(path.name)))
    return forms


def _check_names(paths: Sequence[Path]) -> None:
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        hint = "two media have the same name: validate them one after the other"
        raise UsageError("two reports would have one name", where=str(twice), hint=hint)


def _rule_sets(text: str) -> frozenset[RuleSet]:
    from mediakit.rules.check import RuleSet

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(RuleSet)]
    if unknown or not names:
        raise UsageError(
            f"`{', '.join(unknown) or text}` is not a rule set", hint=f"there are {', '.join(RuleSet)}"
        )
    return frozenset(RuleSet(name) for name in names)


def _print(validation: Validation, output: Output, *, with_names: bool) -> None:
    if output.as_json:
        from mediakit.report.forms import form_of

        sys.stdout.write(form_of(".json")(validation, with_names=with_names))
        return
    from mediakit.report.validation import validation_text

    print_findings(validation.result.report, quiet=output.quiet, verbose=output.verbose)
    if not output.quiet:
        print_summary(validation_text(validation, everything=output.verbose > 0))
