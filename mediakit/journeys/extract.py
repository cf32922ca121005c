"""Extraction: the files of a medium into a folder, byte for byte, each with its SHA-256 and one fate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import shown
from mediakit.errors import SourceError, UsageError
from mediakit.events import FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.selection import EVERYTHING, Selection
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Rule, Severity, Where
from mediakit.formats.base import Entry, Node, Tree
from mediakit.formats.gapped import gaps_of
from mediakit.formats.registry import open_medium
from mediakit.formats.safe_names import safe_paths
from mediakit.formats.unpack import unpack
from mediakit.outcome import Fate, Figures, Outcome, Result, State
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.closed import CANNOT_READ
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import absent
from mediakit.stages.look.media import look
from mediakit.stages.look.selecting import NOT_CHOSEN, choose

RENAMED = Rule(
    id="MK-EXT-001",
    severity=Severity.WARNING,
    title="was written as {name}: its name on the medium is not possible on every computer",
    ref="PS3.10 8.2",
    hint="the bytes are the same; the report lists both names",
)
NOT_ASKED_FOR = Rule(
    id="MK-EXT-002",
    severity=Severity.NOTE,
    title="is left on the medium: only {only} files were asked for",
    ref="PS3.10 8.1",
    hint="`--only all` extracts every file",
)


class Only(StrEnum):
    """Which files to extract."""

    ALL = "all"
    DICOM = "dicom"  # instances, DICOMDIR, and DICOM files that are broken
    OTHER = "other"  # everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOrder:
    """Where to write, and which files; `selection` says which instances. `keys` open what is encrypted.

    `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is one.
    """

    out: Path
    only: Only = Only.ALL
    selection: Selection = EVERYTHING
    keys: Keys = NO_KEYS
    rescue_map: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractFigures(Figures):
    """From where to where, and what was asked for."""

    source: str
    target: str
    only: str


def extract(source: Path, order: ExtractOrder, tell: Listener = silence) -> Result:
    """Copy the files of a medium into a new folder, byte for byte.

    Names that cannot stand on every computer are changed, and the report says so. A file that cannot be read
    is left out and named. Raises SourceError when the medium cannot be opened, UsageError when the folder
    holds something, DoesNotFit when there is no room.
    """
    if source.is_dir() and order.out.resolve().is_relative_to(source.resolve()):
        raise UsageError("the target lies in the source", where=str(order.out), hint="name another folder")
    with open_medium(source, order.keys, gaps_of(source, order.rescue_map)) as tree:
        seen = look(tree, str(source), Scanner(), tell)
        fates = Fates((seen,))
        chosen = choose([seen], order.selection)
        chosen.settle(fates)
        (survey,) = chosen.surveys
        _check_is_medium(survey)
        fates.findings += absent(chosen.surveys)
        entries, places = _entries(tree, survey, order, fates)
        tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
        unpacked = unpack(entries, order.out, tell)
        tell(PhaseEnded("write"))
    for path, digest in unpacked.sha256.items():
        fates.record(Fate(source=places[path], state=State.WRITTEN, became=path, sha256=digest))
    for path, why in unpacked.failed.items():
        fates.settle(places[path], State.UNREADABLE, CANNOT_READ.at(why=why))
    figures = ExtractFigures(source=str(source), target=str(order.out), only=order.only.value)
    outcome = Outcome.IDENTITY if chosen.is_nothing else None
    result = fates.result("extract", str(source), figures, outcome=outcome)
    for fate in result.fates:
        tell(FileSettled(fate))
    return result


def _check_is_medium(survey: Survey) -> None:
    """Raise SourceError for a lone file that is neither an instance nor an image that can be read."""
    if survey.format == "file" and all(file.kind is FileKind.OTHER for file in survey.files):
        hint = "give a medium, an image of one, a ZIP file or a folder"
        raise SourceError("holds no file system that can be read", where=survey.subject, hint=hint)


def _entries(
    tree: Tree, survey: Survey, order: ExtractOrder, fates: Fates
) -> tuple[list[Entry], dict[str, str]]:
    """Return what is to be written, and for each path of the target the place it comes from."""
    taken = {file.path for file in survey.files}
    files = [(file, _name_of(file, survey, taken)) for file in _wanted(survey, order, fates)]
    names = safe_paths(name for _, name in files)
    entries: list[Entry] = []
    places: dict[str, str] = {}
    for file, name in files:
        place = shown(survey.subject, file.path)
        path = names[name]
        if path != (file.stored or name):
            fates.findings.append(RENAMED.at(Where(path=place), name=path))
        entries.append(Entry(path, file.size, partial(tree.open, Node(file.path, file.size))))
        places[path] = place
    return entries, places


def _name_of(file: FileFact, survey: Survey, taken: set[str]) -> str:
    """Return the name that a file is shown under, when no other has it; that is `taken` then."""
    name = file.shown_path
    if name == file.path or name in taken:
        return file.path or Path(survey.subject).name
    taken.add(name)
    return name


def _wanted(survey: Survey, order: ExtractOrder, fates: Fates) -> Iterator[FileFact]:
    only = order.only
    for file in survey.files:
        place = shown(survey.subject, file.path)
        if not fates.enter(place):
            continue
        if file.kind is FileKind.CLOSED:
            fates.settle(place, State.UNREADABLE, file.finding)
        elif file.kind is FileKind.DICOMDIR and order.selection:  # it names what was not asked for
            fates.settle(place, State.EXCLUDED, NOT_CHOSEN.at())
        elif only is Only.ALL or (file.kind is not FileKind.OTHER) is (only is Only.DICOM):
            yield file
        else:
            fates.settle(place, State.EXCLUDED, NOT_ASKED_FOR.at(only=only.value))
