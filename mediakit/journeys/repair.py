"""Repair: a sound file-set from a broken one, through the burn. The source is never changed.

What the instances say is the truth: the old directory gives only its File-set ID. So a repair mends whatever
is wrong with directory, names and layout, and with the file meta information when the policy lets files be
rewritten; an instance that is itself broken is left out and named, as is what the old directory names and no
file holds: the new directory knows nothing of it any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.errors import SourceError
from mediakit.events import Listener, silence
from mediakit.fileset.contents import contents_of
from mediakit.fileset.file_id import is_file_set_id
from mediakit.fileset.inspection import counts_of
from mediakit.fileset.policy import OnReject
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Report, Severity
from mediakit.formats.registry import open_tree
from mediakit.journeys.absent import ABSENT
from mediakit.journeys.burn import BurnOrder, Burnt, Depth, burn
from mediakit.journeys.survey import survey
from mediakit.outcome import Outcome, Result, outcome_of
from mediakit.profile.choose import candidates_for, choose
from mediakit.profile.judge import judged_tags
from mediakit.profile.model import Profile
from mediakit.profile.policy import Convert
from mediakit.rules import consistency
from mediakit.rules.consistency import check_files
from mediakit.volume import file_system

_DEFAULT_ID = "DICOM"
_LOST = (consistency.MISSING_FILE, consistency.ALL_MISSING, consistency.NOT_DICOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOrder:
    """What to make of the broken medium. `profile` None takes the best fitting one that suits `out`."""

    out: Path
    when: datetime
    profile: Profile | None = None
    catalogue: Sequence[Profile] = ()
    on_reject: OnReject = OnReject.SKIP
    convert: Convert = Convert.LOSSLESS
    add: tuple[Path, ...] = ()
    overwrite: bool = False
    depth: Depth = Depth.PROVE
    fail_on: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class _Known:
    """What the old medium tells: what the new one keeps, and what the new one cannot have."""

    file_set_id: str
    profile: Profile | None
    lost: tuple[Finding, ...]


def repair(source: Path, order: RepairOrder, tell: Listener = silence) -> Burnt:
    """Write a sound file-set with every instance that a medium still holds.

    Gives one fate for every file of the source. Raises MediakitError as `burn` does, and SourceError when
    the medium holds no instance or cannot be opened.
    """
    known = _look(source, order, tell)
    if known.profile is None:
        raise SourceError("no DICOM instance found", where=str(source))
    burnt = burn(
        (source,),
        BurnOrder(
            profile=known.profile,
            out=order.out,
            when=order.when,
            on_reject=order.on_reject,
            convert=order.convert,
            file_set_id=known.file_set_id,
            add=order.add,
            overwrite=order.overwrite,
            depth=order.depth,
            fail_on=order.fail_on,
        ),
        tell,
    )
    return replace(burnt, result=_told(source, burnt.result, known.lost, order.fail_on))


def _told(source: Path, result: Result, lost: tuple[Finding, ...], fail_on: Severity) -> Result:
    """Return the result of the burn as that of the repair: it is not good when instances are lost."""
    records = {finding.where.record for finding in lost}  # None when it is one finding for all of them
    besides = (
        finding
        for finding in result.report.findings
        if finding.rule is not ABSENT or not records & {None, finding.where.record}
    )
    report = Report.of(result.report.subject, (*besides, *lost))
    return replace(
        result,
        journey="repair",
        figures={"source": str(source), **result.figures},
        report=report,
        outcome=outcome_of(result.fates, report, fail_on)
        if result.outcome is Outcome.GOOD
        else result.outcome,
    )


def _look(source: Path, order: RepairOrder, tell: Listener) -> _Known:
    tree = open_tree(source)
    try:
        system = _file_system_for(order.out, file_system(tree.facts.volume))
        candidates = candidates_for(order.catalogue, system, tree.facts.size_bytes)
        tags = {tag for profile in candidates for tag in judged_tags(profile)}
        seen = survey(tree, str(source), Scanner(tags), tell)
    finally:
        tree.close()
    old = "" if seen.directory is None else seen.directory.file_set_id
    file_set_id = old if old and is_file_set_id(old) else _DEFAULT_ID
    profile = order.profile or choose([instance for _, instance in seen.instances()], candidates).profile
    return _Known(file_set_id, profile, tuple(_lost(seen)))


def _lost(seen: Survey) -> Iterator[Finding]:
    """Yield what the directory names and no file of the medium holds; damaged files have a fate."""
    counts = counts_of(contents_of(seen).patients)
    if counts.missing or counts.unreadable:
        yield from (finding for finding in check_files(seen, None) if finding.rule in _LOST)


def _file_system_for(out: Path, old: str) -> str:
    """Return the file system that the target will have; a folder is taken for the medium that it was."""
    suffix = out.suffix.lower()
    if suffix == ".zip":
        return "ZIP"
    if suffix == ".udf":
        return "UDF 2.6"
    if suffix == ".iso":
        return old if old.startswith(("ISO 9660 Level 1", "UDF 2.6")) else "ISO 9660 Level 1"
    return "" if old == "ZIP" else old
