"""`mediakit import`: parse, run the journey, print."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.choices import APPROVE_ABOVE, Convert, bytes_of
from mediakit.cli import complete
from mediakit.cli.confirming import can_ask, confirm_patient, named_patient, offer
from mediakit.cli.deidentify import Deidentifying
from mediakit.cli.grouped import grouped
from mediakit.cli.helping import OUTPUT, PATIENT, TAKEN
from mediakit.cli.imported import check_reports, print_imported
from mediakit.cli.keys import Opening
from mediakit.cli.login import AskPasscode, PasscodeFile, User, login_of
from mediakit.cli.options import (
    CommitPort,
    Config,
    FailOn,
    LimitRate,
    Medium,
    RescueMapOfImport,
    SideBySide,
    WithNames,
    side_by_side,
)
from mediakit.cli.output import Output
from mediakit.cli.selecting import AllPatients, Selecting, day_of
from mediakit.cli.state import StateFolder, jobs_of
from mediakit.cli.target import match_of, peer_named, show_target, target_of
from mediakit.errors import UsageError, mapped
from mediakit.findings import Severity
from mediakit.transfer.proof import Verify

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.stages.look.inventory import Scope
    from mediakit.transfer.mapping import MapRow


@grouped
def import_(
    src: Medium,
    dest: Annotated[
        str,
        typer.Argument(
            metavar="DEST",
            autocompletion=complete.destinations,
            help="AET@host:port, dicom+tls://..., dicomweb+https://..., dir:PATH, or a name.",
        ),
    ],
    only_directory: Annotated[
        bool, typer.Option("--only-directory", help="Only what the DICOMDIR names.", rich_help_panel=TAKEN)
    ] = False,
    ignore_directory: Annotated[
        bool,
        typer.Option(
            "--ignore-directory",
            help="Only the files that are there, whatever the DICOMDIR says.",
            rich_help_panel=TAKEN,
        ),
    ] = False,
    jobs: SideBySide = "auto",
    convert: Annotated[
        Convert,
        typer.Option(
            help="lossless: decompress or re-encode what the destination does not take as it is; none: never."
        ),
    ] = Convert.LOSSLESS,
    verify: Annotated[
        Verify, typer.Option(help="Proof of storage: commit (Storage Commitment), query (C-FIND, QIDO).")
    ] = Verify.NONE,
    commit_port: CommitPort = None,
    user: User = None,
    passcode_file: PasscodeFile = None,
    ask_passcode: AskPasscode = False,
    ask_first: Annotated[
        bool, typer.Option("--ask-first", help="Query first; do not send what is there already.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an earlier import of these instances.")
    ] = False,
    *,
    selecting: Selecting,
    all_patients: AllPatients = False,
    expect_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Refuse any other Patient ID.", rich_help_panel=PATIENT)
    ] = None,
    expect_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Refuse any other name.", rich_help_panel=PATIENT)
    ] = None,
    expect_birth_date: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Refuse any other birth date (YYYYMMDD).", rich_help_panel=PATIENT),
    ] = None,
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map", help="CSV file of local values in place of foreign ones.", rich_help_panel=PATIENT
        ),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            metavar="query|worklist",
            help="Look up local values among patients or orders; only sure matches are applied.",
            rich_help_panel=PATIENT,
        ),
    ] = None,
    match_dest: Annotated[
        str,
        typer.Option(metavar="DEST", help="Where to look them up, if not at DEST.", rich_help_panel=PATIENT),
    ] = "",
    as_patient: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Import as this local patient: looked up, shown and confirmed.",
            rich_help_panel=PATIENT,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Confirm --as-patient when nothing contradicts; ask nothing.",
            rich_help_panel=PATIENT,
        ),
    ] = False,
    keep_id: Annotated[
        bool,
        typer.Option(
            "--keep-id",
            help="Import under the Patient IDs of the medium; ask nothing.",
            rich_help_panel=PATIENT,
        ),
    ] = False,
    approve_above: Annotated[
        int,
        typer.Option(
            min=0, max=100, help="Confidence that a match must exceed to be sure.", rich_help_panel=PATIENT
        ),
    ] = APPROVE_ABOVE,
    deidentifying: Deidentifying,
    opening: Opening,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Read and plan; send nothing.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="With --dry-run: ask the peer what it would take.")
    ] = False,
    limit_rate: LimitRate = "",
    rescue_map: RescueMapOfImport = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write a report: FILE.html or FILE.json.", rich_help_panel=OUTPUT),
    ] = None,
    with_names: WithNames = False,
    state: StateFolder = None,
    config: Config = None,
    fail_on: FailOn = Severity.ERROR,
    output: Output,
) -> None:
    """Send everything on a disc to a PACS, and report what happened to each file.

    Exit code 0 only when the destination says that it has every instance of the medium. What was done is
    kept in a job: `--resume` goes on after anything and sends nothing again that was stored, `--verify` asks
    what is there, `mediakit job` shows it.
    """
    with output.guarded("import"):
        from mediakit.journeys.import_ import import_medium
        from mediakit.stages.import_order import ImportDepth, ImportOrder, Matching
        from mediakit.transfer.patient_identity import Expectation, Mixed

        if probe and not dry_run:
            raise UsageError("`--probe` goes with `--dry-run`")
        if convert is Convert.ANY:
            raise UsageError("an import never uses lossy compression", hint="`--convert lossless` or `none`")
        _check_one_way(map_, match, as_patient, deidentifying.deidentify, keep_id=keep_id)
        check_reports(report or (), src)
        order = ImportOrder(
            scope=scope_of(only_directory=only_directory, ignore_directory=ignore_directory),
            associations=side_by_side(jobs),
            may_convert=convert is Convert.LOSSLESS,
            verify=verify,
            depth=(ImportDepth.PROBE if probe else ImportDepth.PLAN) if dry_run else ImportDepth.SEND,
            resume=resume,
            rate=rate_of(limit_rate),
            ask_first=ask_first,
            selection=selecting.selection(),
            expectation=Expectation(
                patient_id=expect_id or "",
                name=expect_name or "",
                birth_date=day_of("--expect-birth-date", expect_birth_date),
                mixed=Mixed.ALLOW if all_patients or len(selecting.patient or ()) > 1 else Mixed.REFUSE,
            ),
            fail_on=fail_on,
            keys=opening.keys(config),
            rescue_map=rescue_map,
            deidentify=deidentifying.wanted(),
        )
        if map_ is not None:
            order = replace(order, mapping=map_rows(map_))
        login = login_of(user, passcode_file, asks=ask_passcode)
        matching, asked = None, match_dest or dest
        may_ask = can_ask() and not (yes or output.is_silent or dry_run)
        own_login = None if match_dest else login
        if match is not None:
            how = match_of(match)
            peer = peer_named(asked, config, own_login)
            matching = Matching(peer=peer, match=how, approve_above=approve_above)
            if may_ask:
                matching = replace(matching, confirm=confirm_patient)
        elif as_patient is not None:
            matching = named_patient(as_patient, peer_named(asked, config, own_login), yes=yes)
        elif may_ask and not (keep_id or deidentifying.deidentify is not None) and map_ is None:
            matching = offer(asked, config, own_login)
        target = target_of(dest, config, verify, ask_first=ask_first, commit_port=commit_port, login=login)
        if not output.is_silent:
            show_target(dest, config, verify, commit_port)
        with output.listener() as tell:
            imported = import_medium(src, target, jobs_of(state), order, tell, matching)
        print_imported(imported, report or (), output, with_names=with_names)
        raise typer.Exit(int(imported.result.outcome))


def _check_one_way(
    map_: Path | None, match: str | None, as_patient: str | None, deidentify: str | None, *, keep_id: bool
) -> None:
    """Raise UsageError when several options say under which Patient ID things go in."""
    ways = {
        "--map": map_ is not None,
        "--match": match is not None,
        "--as-patient": as_patient is not None,
        "--keep-id": keep_id,
        "--deidentify": deidentify is not None,
    }
    given = [way for way, is_given in ways.items() if is_given]
    if len(given) > 1:
        hint = "each says under which Patient ID it goes in: give one of them"
        raise UsageError(f"`{given[0]}` and `{given[1]}` exclude each other", hint=hint)


def map_rows(path: Path) -> tuple[MapRow, ...]:
    """Return the rows of a map. Raises UsageError."""
    from mediakit.transfer.mapping import MAX_BYTES, parse_map

    with mapped({OSError: UsageError}, "the map cannot be read", str(path)), path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    return parse_map(raw, str(path))


def rate_of(text: str) -> int:
    """Return bytes per second: "10MB" is 10,000,000; "" is no limit (0). Raises UsageError."""
    if not text:
        return 0
    size = bytes_of(re.sub(r"(?i)/s$", "", text.strip()))
    if not size:
        raise UsageError("not a rate", where=text, hint="for example `--limit-rate 10MB` for 10 MB a second")
    return size


def scope_of(*, only_directory: bool, ignore_directory: bool) -> Scope:
    """Return which instances are wanted. Raises UsageError when the options exclude each other."""
    from mediakit.stages.look.inventory import Scope

    if only_directory and ignore_directory:
        raise UsageError("`--only-directory` and `--ignore-directory` exclude each other")
    if only_directory:
        return Scope.DIRECTORY
    return Scope.FILES if ignore_directory else Scope.UNION
