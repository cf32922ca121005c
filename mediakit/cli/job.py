"""`mediakit job`: imports that were begun, how they ended, and what is done with them afterwards."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli import complete
from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.helping import Group
from mediakit.cli.import_ import map_rows, rate_of
from mediakit.cli.imported import check_reports, print_imported
from mediakit.cli.keys import Opening
from mediakit.cli.login import AskPasscode, PasscodeFile, User, login_of
from mediakit.cli.options import (
    CommitPort,
    Config,
    FailOn,
    LimitRate,
    Quiet,
    SideBySide,
    Verbose,
    WithNames,
    side_by_side,
)
from mediakit.cli.output import Output
from mediakit.cli.state import StateFolder, jobs_of
from mediakit.cli.target import target_of
from mediakit.cli.written import now
from mediakit.errors import SourceError, UsageError, mapped
from mediakit.findings import Severity
from mediakit.transfer.proof import Verify

if TYPE_CHECKING:  # what a command needs is loaded when it runs
    from mediakit.ledger.values import JobFacts
    from mediakit.transfer.imported import Imported

app = typer.Typer(
    cls=Group, help="List imports, show them, and resume them.", no_args_is_help=True, rich_markup_mode=None
)

_Job = Annotated[
    str,
    typer.Argument(metavar="JOB", autocompletion=complete.jobs, help="The id of a job, or its beginning."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_Reports = Annotated[
    list[Path] | None, typer.Option("--report", metavar="FILE", help="Write a report: FILE.html or .json.")
]


@app.command("list")
def list_(state: StateFolder = None, as_json: _Json = False) -> None:
    """List all jobs, the newest first: when, from where to where, and how they stand."""
    with guarded("job list", as_json=as_json):
        from mediakit.report.jobs import jobs_doc, jobs_text

        summaries = jobs_of(state).summaries()
        _print(jobs_doc(summaries) if as_json else jobs_text(summaries), as_json=as_json)


@app.command("show")
def show(
    job: _Job,
    instance: Annotated[
        str, typer.Option(metavar="UID", help="Show what happened to one instance (a UID, or path:PATH).")
    ] = "",
    state: StateFolder = None,
    as_json: _Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show how a job stands and what needs attention; with -v every instance."""
    with guarded("job show", as_json=as_json, verbose=verbose):
        from mediakit.journeys.stored_report import recalled
        from mediakit.report.jobs import history_text, job_doc, job_text

        jobs = jobs_of(state)
        view = jobs.read(jobs.find(job))
        history = view.history(instance) if instance else ()
        if instance and not history:
            raise UsageError("the job has no such instance", where=instance, hint="`-v` lists all of them")
        everything = verbose > 0
        if as_json:
            _print(job_doc(view.summary, recalled(view), history, everything=everything), as_json=True)
        elif instance:
            _print(history_text(instance, history, view.facts.destination), as_json=False)
        else:
            _print(job_text(view.summary, recalled(view), everything=everything), as_json=False)


@app.command("report")
def report(
    job: _Job,
    reports: _Reports = None,
    with_names: WithNames = False,
    state: StateFolder = None,
    as_json: _Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Make the report on an import again, as it ended or as it stands now."""
    output = Output(as_json=as_json, quiet=quiet, verbose=verbose)
    with output.guarded("job report"):
        from mediakit.journeys.stored_report import recalled

        check_reports(reports or ())
        jobs = jobs_of(state)
        imported = recalled(jobs.read(jobs.find(job)))
        _end(imported, reports, output, with_names=with_names)


@app.command("retry")
@grouped
def retry(
    job: _Job,
    source: Annotated[
        Path | None, typer.Option(metavar="SRC", help="Where the medium is now, or another copy of it.")
    ] = None,
    associations: SideBySide = "auto",
    map_: Annotated[
        Path | None, typer.Option("--map", help="The map that the job was begun with, when it had one.")
    ] = None,
    limit_rate: LimitRate = "",
    *,
    opening: Opening,
    commit_port: CommitPort = None,
    user: User = None,
    passcode_file: PasscodeFile = None,
    ask_passcode: AskPasscode = False,
    fail_on: FailOn = Severity.ERROR,
    reports: _Reports = None,
    with_names: WithNames = False,
    state: StateFolder = None,
    config: Config = None,
    output: Output,
) -> None:
    """Try again what was refused, failed, not taken, not readable or not confirmed."""
    with output.guarded("job retry"):
        check_reports(reports or (), source)
        from mediakit.journeys.import_ import retry_job
        from mediakit.stages.import_order import ImportOrder
        from mediakit.stages.look.inventory import Scope

        jobs = jobs_of(state)
        job_id = jobs.find(job)
        facts = jobs.read(job_id).facts
        said = facts.options
        with mapped({ValueError: SourceError}, "the ledger does not say how to go on", job_id):
            verify = Verify(said.get("verify", Verify.NONE))
            scope = Scope(said.get("scope", Scope.UNION))
        order = ImportOrder(
            scope=scope,
            verify=verify,
            associations=side_by_side(associations),
            rate=rate_of(limit_rate),
            fail_on=fail_on,
            mapping=() if map_ is None else map_rows(map_),
            keys=opening.keys(config),
        )
        dest = _destination_of(facts)
        login = login_of(user, passcode_file, asks=ask_passcode)
        target = target_of(dest, config, verify, commit_port=commit_port, login=login)
        with output.listener() as tell:
            imported = retry_job(source or Path(facts.source), target, jobs, job_id, order, tell)
        _end(imported, reports, output, with_names=with_names)


@app.command("verify")
@grouped
def verify(
    job: _Job,
    by: Annotated[
        Verify, typer.Option("--by", help="query (C-FIND, QIDO-RS) or commit (Storage Commitment).")
    ] = Verify.QUERY,
    commit_port: CommitPort = None,
    user: User = None,
    passcode_file: PasscodeFile = None,
    ask_passcode: AskPasscode = False,
    reports: _Reports = None,
    with_names: WithNames = False,
    state: StateFolder = None,
    config: Config = None,
    *,
    output: Output,
) -> None:
    """Ask the destination of a finished job again whether it has everything; nothing is sent."""
    with output.guarded("job verify"):
        check_reports(reports or ())
        from mediakit.journeys.verify_job import verify_job

        if by is Verify.NONE:
            raise UsageError("`--by none` verifies nothing", hint="`--by query` or `--by commit`")
        jobs = jobs_of(state)
        job_id = jobs.find(job)
        facts = jobs.read(job_id).facts
        dest = _destination_of(facts)
        login = login_of(user, passcode_file, asks=ask_passcode)
        prover = target_of(dest, config, by, commit_port=commit_port, login=login).verify
        if prover is None:
            raise UsageError("this destination cannot be asked", where=dest)
        with output.listener() as tell:
            imported = verify_job(jobs, job_id, prover, by, tell)
        _end(imported, reports, output, with_names=with_names)


@app.command("prune")
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Days, weeks or years: 90d, 12w, 2y.")
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Also jobs that are unfinished or did not end well.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="List them; remove nothing.")] = False,
    state: StateFolder = None,
    as_json: _Json = False,
) -> None:
    """Delete the ledgers of jobs that ended well and were not touched for so long."""
    with guarded("job prune", as_json=as_json):
        from mediakit.ledger.ledger import moment_text

        jobs = jobs_of(state)
        limit = moment_text(now() - _age(older_than))
        old = [
            each.job_id
            for each in jobs.summaries()
            if not (each.is_running or each.problem)
            and (everything or each.outcome == "good")
            and "" < (each.changed_at or each.facts.created_at) < limit
        ]
        for job_id in () if dry_run else old:
            jobs.remove(job_id)
        if as_json:
            document = {
                "removed": [] if dry_run else old,
                "would_be_removed": old if dry_run else [],
                "outcome": "good",
                "exit_code": 0,
                "schema": "mediakit/jobs-pruned/1",
            }
            _print(document, as_json=True)
        else:
            word = "would be removed" if dry_run else "removed"
            lines = [f"{word}: {job_id}" for job_id in old] or ["there are no such jobs"]
            _print("\n".join((*lines, "")), as_json=False)


def _destination_of(facts: JobFacts) -> str:
    """Return where a job goes, as the user wrote it; a folder from the root on."""
    written = facts.options.get("destination", facts.destination)
    return facts.destination if written[:4].lower() == "dir:" else written


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([dwy]?)", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"`{text}` is not a time", hint="for example `--older-than 90d`, 12w or 2y")
    return timedelta(days=int(found[1]) * {"": 1, "d": 1, "w": 7, "y": 366}[found[2]])


@app.command("remove")
def remove(job: _Job, state: StateFolder = None, as_json: _Json = False) -> None:
    """Delete the ledger of a job: what became of its instances is not known any more."""
    with guarded("job remove", as_json=as_json):
        jobs = jobs_of(state)
        job_id = jobs.find(job)
        jobs.remove(job_id)
        if as_json:
            document = {"job": job_id, "outcome": "good", "exit_code": 0, "schema": "mediakit/job-removed/1"}
            _print(document, as_json=True)
        else:
            _print(f"removed job {job_id}\n", as_json=False)


def _end(
    imported: Imported,
    reports: list[Path] | None,
    output: Output,
    *,
    with_names: bool,
) -> None:
    print_imported(imported, reports or (), output, with_names=with_names)
    raise typer.Exit(int(imported.result.outcome))


def _print(output: object, *, as_json: bool) -> None:
    if as_json:
        from mediakit.report.json import to_json

        sys.stdout.write(to_json(output))
    else:
        sys.stdout.write(str(output))
