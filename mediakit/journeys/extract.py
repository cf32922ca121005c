"""Extraction: the files of a medium into a folder, byte for byte, each with its SHA-256 and one fate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance, shown
from mediakit.errors import SourceError, UsageError
from mediakit.events import Advanced, FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Report, Rule, Severity, Where
from mediakit.formats.base import Entry, Node, NodeKind, Tree
from mediakit.formats.registry import open_tree
from mediakit.formats.safe_names import safe_paths
from mediakit.formats.unpack import unpack
from mediakit.journeys.fates import Fates
from mediakit.journeys.scan import CANNOT_READ, finding_on_closed
from mediakit.journeys.sources import named
from mediakit.outcome import Fate, Result, State, outcome_of

RENAMED = Rule(
    id="MK-EXT-001",
    severity=Severity.WARNING,
    title="is written as {name}: the name on the medium cannot stand on every computer",
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
    """Where to write, and which files."""

    out: Path
    only: Only = Only.ALL


def extract(source: Path, order: ExtractOrder, tell: Listener = silence) -> Result:
    """Copy the files of a medium into a new folder, byte for byte.

    Names that cannot stand on every computer are changed, and the report says so. A file that cannot be read
    is left out and named. Raises SourceError when the medium cannot be opened, UsageError when the folder
    holds something, DoesNotFit when there is no room.
    """
    if source.is_dir() and order.out.resolve().is_relative_to(source.resolve()):
        raise UsageError("the target lies in the source", where=str(order.out), hint="name another folder")
    book = Fates()
    tree = named(open_tree(source))
    try:
        entries, places = _entries(tree, str(source), order.only, book, tell)
        tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
        unpacked = unpack(entries, order.out, tell)
        tell(PhaseEnded("write"))
    finally:
        tree.close()
    for path, digest in unpacked.sha256.items():
        book.record(Fate(source=places[path], state=State.WRITTEN, became=path, sha256=digest))
    for path, why in unpacked.failed.items():
        book.settle(places[path], State.UNREADABLE, CANNOT_READ.at(why=why))
    return _result(source, order, book, tell)


def _entries(
    tree: Tree, source: str, only: Only, book: Fates, tell: Listener
) -> tuple[list[Entry], dict[str, str]]:
    """Return what is to be written, and for each path of the target the place it comes from."""
    tell(PhaseStarted("scan"))
    nodes = list(_wanted(tree, source, only, book, tell))
    tell(PhaseEnded("scan"))
    names = safe_paths(node.path or Path(source).name for node in nodes)
    entries: list[Entry] = []
    places: dict[str, str] = {}
    for node in nodes:
        place = shown(source, node.path)
        path = names[node.path or Path(source).name]
        if path != (node.path or Path(source).name):
            book.findings.append(RENAMED.at(Where(path=place), name=path))
        entries.append(Entry(path, node.size, partial(tree.open, node)))
        places[path] = place
    return entries, places


def _wanted(tree: Tree, source: str, only: Only, book: Fates, tell: Listener) -> Iterator[Node]:
    scanner = Scanner()
    for node in tree.walk():
        place = shown(source, node.path)
        if not book.enter(place):
            continue
        tell(Advanced())
        if node.kind is not NodeKind.FILE:
            book.settle(place, State.UNREADABLE, finding_on_closed(node))
        elif only is Only.ALL or _is_dicom(tree, node, scanner) is (only is Only.DICOM):
            yield node
        else:
            book.settle(place, State.EXCLUDED, NOT_ASKED_FOR.at(only=only.value))


def _is_dicom(tree: Tree, node: Node, scanner: Scanner) -> bool:
    """Return True for an instance, a DICOMDIR, or what is broken: it may have been an instance."""
    try:
        with tree.open(node) as stream:
            found = scanner.read(stream, node.size, "", node.path)
    except (SourceError, OSError):
        return True  # it is tried again, and named, when it is written
    return isinstance(found, Instance) or found.state is not State.NOT_DICOM


def _result(source: Path, order: ExtractOrder, book: Fates, tell: Listener) -> Result:
    fates = book.fates()
    for fate in fates:
        tell(FileSettled(fate))
    report = Report.of(str(source), book.findings)
    return Result(
        journey="extract",
        fates=fates,
        report=report,
        outcome=outcome_of(fates, report),
        figures={"source": str(source), "target": str(order.out), "only": order.only.value},
    )
