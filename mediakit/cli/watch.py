"""`mediakit watch`: parse, handle what comes until it ends, print one line for each medium."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediakit.cli.config import profile_paths, tables
from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.keys import Opening
from mediakit.cli.log_file import LogFile
from mediakit.cli.options import SECONDS, Config, Profiles, Quiet, WithNames
from mediakit.cli.state import StateFolder, jobs_of, state_folder
from mediakit.cli.target import unattended
from mediakit.cli.written import now, write_report
from mediakit.errors import UsageError, mapped
from mediakit.transfer.proof import Verify

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.journeys.watch import Handled, ImportRules
    from mediakit.secure.keys import Keys

_MOST_KEPT_BYTES = 64 << 20
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "import": str,
    "verify": str,
    "match": str,
    "reports": str,
    "log-file": str,
    "ask-first": bool,
    "all-patients": bool,
    "only-valid": bool,
    "eject": bool,
    "settle": (int, float),
}


@grouped
def watch(
    place: Annotated[
        Path, typer.Argument(metavar="DRIVE|FOLDER", help="A drive, or a folder that images are copied into.")
    ],
    import_: Annotated[
        str | None, typer.Option("--import", metavar="DEST", help="Import what comes to this destination.")
    ] = None,
    verify: Annotated[
        Verify | None,
        typer.Option(help="Proof of storage: commit (Storage Commitment), query (C-FIND, QIDO-RS)."),
    ] = None,
    ask_first: Annotated[
        bool | None, typer.Option("--ask-first/--no-ask-first", help="Do not send what is there already.")
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            metavar="query|worklist", help="Ask for local Patient IDs; only sure matches are applied."
        ),
    ] = None,
    all_patients: Annotated[
        bool | None, typer.Option("--all-patients/--one-patient", help="Take media with several patients.")
    ] = None,
    only_valid: Annotated[
        bool | None,
        typer.Option(
            "--only-valid/--also-faulty",
            help="Import only media in which no error was found; --also-faulty: every one.",
        ),
    ] = None,
    reports: Annotated[
        Path | None, typer.Option(help="Folder for an HTML report of each validation and each import.")
    ] = None,
    eject: Annotated[
        bool | None, typer.Option("--eject/--no-eject", help="Open the drive afterwards.")
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(
            parser=SECONDS,
            metavar="SECONDS",
            help="How long a copied medium must stay unchanged before it is handled.  [default: 10]",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Handle what is there now, and end.")] = False,
    log_file: Annotated[Path | None, typer.Option(help="Add every line to this file, with the time.")] = None,
    *,
    opening: Opening,
    with_names: WithNames = False,
    profiles: Profiles = None,
    state: StateFolder = None,
    config: Config = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document for each medium, on one line.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Validate every medium that appears in a drive or folder, and import it where that is asked for.

    One line and one report for each. What is asked for may also stand under `[watch]` in the configuration.
    Ctrl-C ends it; what was handled is not handled again after a restart.
    """
    with guarded("watch", as_json=as_json):
        from mediakit.journeys.validate import ValidateOrder
        from mediakit.journeys.watch import Watched, WatchOrder
        from mediakit.journeys.watch import watch as run_watch
        from mediakit.profile.load import load_catalogue

        said = {
            "import": import_,
            "verify": verify,
            "match": match,
            "reports": None if reports is None else str(reports),
            "log-file": None if log_file is None else str(log_file),
            "ask-first": ask_first,
            "all-patients": all_patients,
            "only-valid": only_valid,
            "eject": eject,
            "settle": settle,
        }
        rules = {**_configured(config), **{name: value for name, value in said.items() if value is not None}}
        keys = opening.keys(config)
        order = WatchOrder(
            place=place,
            validation=ValidateOrder(
                catalogue=tuple(load_catalogue(profile_paths(profiles or [], config)).profiles.values()),
                keys=keys,
            ),
            imports=_import_rules(rules, keys, state, config),
            settle_s=float(rules.get("settle", 10)),
            once=once,
            eject=_opener(place) if rules.get("eject") else None,
        )
        kept = _Kept.at(place, state_folder(state) / "watch")
        teller = _Teller(_folder(rules.get("reports")), with_names=with_names, as_json=as_json, quiet=quiet)
        watched = Watched()
        ended_well: dict[str, str] = {}
        log = LogFile(Path(rules["log-file"])) if rules.get("log-file") else None

        def hear(handled: Handled) -> None:
            line = teller.tell(handled)
            if log is not None:
                log.write(line)
            name = _name(place, handled.medium)
            if handled.is_final:
                ended_well[name] = handled.stamp
            else:
                ended_well.pop(name, None)
            kept.write(
                {each: stamp for each, stamp in ended_well.items() if each in {name, *watched.handled}}
            )

        with kept.locked(place):
            ended_well.update(kept.read())
            watched.handled.update(ended_well)
            run_watch(order, watched, hear)
        raise typer.Exit(int(watched.worst) if once else 0)


def _configured(config: Path | None) -> dict[str, Any]:
    """Return what stands under `[watch]`. Raises UsageError."""
    for file, table in tables(config, "watch", _KINDS):
        for name, value in table.items():
            kind = _KINDS[name]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise UsageError(f"`watch.{name}` has a value of the wrong kind", where=str(file))
        found = dict(table)
        with mapped({typer.BadParameter: UsageError}, "`watch.settle` is wrong", str(file)):
            SECONDS(found.get("settle", 0))
        for name in ("reports", "log-file"):
            if name in found:
                found[name] = str(file.parent / Path(found[name]).expanduser())
        return found
    return {}


def _import_rules(
    rules: dict[str, Any], keys: Keys, state: Path | None, config: Path | None
) -> ImportRules | None:
    """Return where what comes is imported to, and how; None when it is not. Raises UsageError."""
    from mediakit.journeys.watch import ImportRules

    dest = rules.get("import", "")
    if not dest:
        for name in ("verify", "match", "ask-first", "all-patients", "only-valid"):
            if rules.get(name):
                raise UsageError(f"`{name}` is for what is imported", hint="say where to: `--import DEST`")
        return None
    named = str(rules.get("verify", Verify.NONE))
    if named not in set(Verify):
        raise UsageError(f"`{named}` is no proof of storage", hint=f"there are {', '.join(Verify)}")
    target, order, matching = unattended(
        dest,
        config,
        verify=Verify(named),
        ask_first=bool(rules.get("ask-first")),
        match=str(rules.get("match", "")),
        all_patients=bool(rules.get("all-patients")),
    )
    return ImportRules(
        target=target,
        jobs=jobs_of(state),
        order=replace(order, keys=keys),
        matching=matching,
        only_valid=bool(rules.get("only-valid")),
    )


def _opener(place: Path) -> Callable[[], None]:
    """Return what opens a drive. Raises UsageError when the place is none."""
    from mediakit.drives.block import is_block_device
    from mediakit.drives.xorriso import eject

    if not is_block_device(place):
        raise UsageError("`--eject` is for a drive", where=str(place))
    return partial(eject, str(place))


def _folder(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = Path(name)
    if not folder.is_dir():
        raise UsageError(
            "there is no such folder for reports",
            where=name,
            hint="make it first; what is in it is patient data",
        )
    return folder


def _name(place: Path, medium: Path) -> str:
    return "" if medium == place else medium.name


class _Kept:
    """What was handled at a place, in a file of the state folder, so that a restart goes on."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def at(cls, place: Path, folder: Path) -> _Kept:
        """Return the file for a place; the folder is made. Raises UsageError."""
        name = hashlib.sha256(str(place.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        with mapped({OSError: UsageError}, "nothing can be kept there", str(folder)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder / f"{name}.json")

    @contextmanager
    def locked(self, place: Path) -> Iterator[None]:
        """Keep other processes from watching the same place meanwhile. Raises UsageError."""
        from mediakit.ledger.lock import Lock

        with mapped({OSError: UsageError}, "another process watches it", str(place)):
            lock = Lock(self._file.with_suffix(".lock"))
        try:
            yield
        finally:
            lock.release()

    def read(self) -> dict[str, str]:
        """Return the stamps by name; none when there is no file, or none of ours."""
        try:
            with self._file.open("rb") as stream:
                found = json.loads(stream.read(_MOST_KEPT_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return {str(name): str(stamp) for name, stamp in found.items()} if isinstance(found, dict) else {}

    def write(self, handled: Mapping[str, str]) -> None:
        """Keep the stamps. Raises UsageError."""
        write_report(self._file, json.dumps(handled))


class _Teller:
    """Writes the reports of a medium and prints its line."""

    def __init__(self, reports: Path | None, *, with_names: bool, as_json: bool, quiet: bool) -> None:
        self._reports = reports
        self._with_names = with_names
        self._as_json = as_json
        self._quiet = quiet

    def tell(self, handled: Handled) -> str:
        """Write and print what there is to say of a medium; return the line."""
        from mediakit.report.json import to_line
        from mediakit.report.watched import watched_doc, watched_line

        written = () if self._reports is None else tuple(self._written(handled, self._reports))
        done = watched_doc(handled, f"{now():%Y-%m-%dT%H:%M:%SZ}", written)
        line = watched_line(done)
        if self._as_json:
            print(to_line(done), flush=True)
        elif not (self._quiet and handled.outcome == 0):
            print(line, flush=True)
        return line

    def _written(self, handled: Handled, folder: Path) -> Iterator[str]:
        from mediakit.report.forms import form_of, import_form_of

        made_at = f"{now():%Y-%m-%d %H:%M} UTC"
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", handled.medium.name).strip("._")[:64] or "medium"
        stem = f"{now():%Y%m%d-%H%M%S}-{name}"
        pages = ((handled.validation, "validation", form_of), (handled.imported, "import", import_form_of))
        for value, kind, form in pages:
            if value is not None:
                path = folder / f"{stem}-{kind}.html"
                write_report(path, form(path.name)(value, made_at, with_names=self._with_names))
                yield str(path)
