"""`mediakit label`: parse, make the paper, print what has to be known of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.helping import PEOPLE
from mediakit.cli.keys import Opening
from mediakit.cli.options import MILLIMETRES, Config, Quiet, ShowProgress
from mediakit.cli.people import institution_of
from mediakit.cli.progress import Progress, listener
from mediakit.cli.terminal import print_findings, print_summary
from mediakit.errors import SourceError, UsageError

if TYPE_CHECKING:  # loaded when the command runs: `--help` stays fast
    from mediakit.extras.paper.facts import Paper
    from mediakit.journeys.burn_order import Burnt
    from mediakit.journeys.label import PaperOrder
    from mediakit.stages.act.pressing import Onto

_MOST_PLAN_BYTES = 256 << 20

LabelFile = Annotated[
    Path | None,
    typer.Option(
        "--label",
        metavar="FILE",
        help="Also make the label of the disc: FILE.pdf or FILE.png.",
        rich_help_panel=PEOPLE,
    ),
]
CoverFile = Annotated[
    Path | None,
    typer.Option(
        "--cover-sheet",
        metavar="FILE",
        help="Also make a sheet with the contents: FILE.pdf.",
        rich_help_panel=PEOPLE,
    ),
]


@grouped
def label(
    src: Annotated[
        Path, typer.Argument(metavar="SRC", help="A medium or image, or the JSON report of a burn.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The label: FILE.pdf, or FILE.png as a preview.")
    ] = None,
    cover_sheet: CoverFile = None,
    no_patient: Annotated[
        bool, typer.Option("--no-patient", help="A label without any patient data.")
    ] = False,
    disc: Annotated[
        str, typer.Option(help="Of several discs this one: 2; for a medium also 2/3, number and count.")
    ] = "",
    hub: Annotated[
        float | None,
        typer.Option(
            parser=MILLIMETRES,
            metavar="MM",
            help="Where printing begins, in mm of diameter; the template has 46.",
        ),
    ] = None,
    template: Annotated[
        list[Path] | None, typer.Option(help="Your own template (TOML) of the label or the cover sheet.")
    ] = None,
    font: Annotated[
        list[Path] | None, typer.Option(help="A font file to be used first: .ttf .otf .ttc.")
    ] = None,
    date: Annotated[
        str, typer.Option(help="The day it was written (2026-01-31), where the medium has none.")
    ] = "",
    *,
    opening: Opening,
    config: Config = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    quiet: Quiet = False,
    progress: ShowProgress = Progress.AUTO,
) -> None:
    """Make the label of a disc and a cover sheet as PDF: whose images, which disc, what seems missing.

    `burn -n --json --with-names` gives the report of a disc that is not written yet. The institution comes
    from the configuration. Names stand in the PDF alone.
    """
    with guarded("label"):
        from mediakit.journeys.label import PaperOrder

        order = PaperOrder(
            label=out,
            cover=cover_sheet,
            templates=tuple(template or ()),
            fonts=tuple(font or ()),
            hub=hub,
            with_patient=not no_patient,
            overwrite=force,
        )
        order.check()
        if date and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
            raise UsageError("`--date` is a day such as 2026-01-31", where=date)
        number = _number(disc)
        lines = institution_of(config)
        keys = opening.keys()
        plan = _plan_at(src)
        if plan is not None:
            paper = _of_plan(plan, str(src), lines, number, with_patient=not no_patient)
            paper = replace(paper, made=date or paper.made)
        else:
            from mediakit.journeys.label import look_at_medium
            from mediakit.report.paper import paper_of_medium

            with listener(progress, quiet=quiet) as tell:
                seen = look_at_medium(src, keys, tell)
            paper = paper_of_medium(seen, lines, (number[0], number[1] or number[0]), date)
        write_paper(paper, order, str(src), quiet=quiet)


def paper_order(label_file: Path | None, cover: Path | None, *, force: bool) -> PaperOrder | None:
    """Return what `burn` is to make besides the medium, None for nothing. Raises UsageError."""
    if label_file is None and cover is None:
        return None
    from mediakit.journeys.label import PaperOrder

    order = PaperOrder(label=label_file, cover=cover, overwrite=force)
    order.check()
    return order


def paper_of_burnt(burnt: Burnt, order: PaperOrder, config: Path | None, *, quiet: bool) -> None:
    """Make the paper of a burn, when it came about."""
    from mediakit.report.json import report_doc
    from mediakit.report.names import named_by_medium
    from mediakit.report.paper import paper_of_plan

    if not burnt.plans:
        return
    document = report_doc(burnt.result, named_by_medium(burnt.plans, burnt.descriptions), burnt.media)
    write_paper(paper_of_plan(document, "", institution_of(config)), order, "", quiet=quiet)


def drawn_for_robot(onto: Onto, config: Path | None, made: str) -> Onto:
    """Return a robot that is given the label of what it makes; any other drive as it is."""
    from mediakit.journeys.onto_robot import OntoRobot

    if not isinstance(onto, OntoRobot):
        return onto
    lines = institution_of(config)

    def draw(image: Path) -> bytes:
        from mediakit.journeys.label import label_picture, look_at_medium
        from mediakit.report.paper import paper_of_medium

        return label_picture(paper_of_medium(look_at_medium(image), lines, made=made))

    return replace(onto, draw=draw)


def write_paper(paper: Paper, order: PaperOrder, subject: str, *, quiet: bool) -> None:
    """Make label and cover sheet, and print what has to be known of them."""
    from mediakit.findings import Report
    from mediakit.journeys.label import make_paper

    findings = make_paper(paper, order)
    print_findings(Report.of(subject, findings), quiet=quiet, verbose=0)
    if not quiet:
        made = [(name, path) for name, path in (("label", order.label), ("cover sheet", order.cover)) if path]
        print_summary("".join(f"{name}: {path}\n" for name, path in made))


def _of_plan(
    content: bytes, where: str, lines: tuple[str, ...], number: tuple[int, int], *, with_patient: bool
) -> Paper:
    from mediakit.report.paper import paper_of_plan, read_plan

    paper = paper_of_plan(read_plan(content, where), where, lines, with_patient=with_patient)
    if number == (1, 0):
        return paper
    chosen = [one for one in paper.discs if one.number == number[0] and number[1] in {0, one.of}]
    if not chosen:
        raise UsageError(f"there is no such disc: the report is of {len(paper.discs)}", where=where)
    return replace(paper, discs=tuple(chosen))


def _plan_at(path: Path) -> bytes | None:
    """Return the content of a JSON file, None for anything else: no medium begins like one."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            if not stream.read(64).lstrip().startswith(b"{"):
                return None
            stream.seek(0)
            content = stream.read(_MOST_PLAN_BYTES + 1)
    except OSError as exc:
        raise SourceError("cannot be read", where=str(path), why=str(exc)) from exc
    if len(content) > _MOST_PLAN_BYTES:
        raise UsageError("this is too long for the report of a burn", where=str(path))
    return content


def _number(text: str) -> tuple[int, int]:
    """Return the number of a disc and of how many; 0 where that is not said. Raises UsageError."""
    if not text:
        return 1, 0
    match = re.fullmatch(r"([1-9][0-9]{0,2})(?:/([1-9][0-9]{0,2}))?", text)
    if match is None or (match[2] and int(match[2]) < int(match[1])):
        raise UsageError("`--disc` is a number such as 2, or 2/3", where=text)
    return int(match[1]), int(match[2] or 0)
