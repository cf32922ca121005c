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

from mediakit.choices import Convert, OnReject
from mediakit.dicom.instance import Instance
from mediakit.errors import SourceError
from mediakit.events import Listener, silence
from mediakit.fileset.file_id import is_file_set_id
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Report, Severity
from mediakit.formats.envelope import Envelope
from mediakit.journeys.burn import burn_looked_at
from mediakit.journeys.burn_order import BurnOrder, Burnt, Depth
from mediakit.outcome import Outcome, Result, outcome_of
from mediakit.profile.choose import candidates_for, choose
from mediakit.profile.model import Profile
from mediakit.rules import consistency
from mediakit.rules.consistency import check_files
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.closed import check_opened
from mediakit.stages.look.instances import ABSENT
from mediakit.stages.look.media import look_at_all, open_media, scanner_for
from mediakit.stages.plan.target import check_target, file_system_of
from mediakit.volume import file_system

_DEFAULT_ID = "DICOM"
_LOST = (consistency.MISSING_FILE, consistency.ALL_MISSING, consistency.NOT_DICOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOrder:
    """What to make of the broken medium. `profile` None takes the best fitting one that suits `out`.

    `keys` open what is encrypted there, `envelope` seals what is written.
    """

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
    keys: Keys = NO_KEYS
    envelope: Envelope | None = None


def repair(source: Path, order: RepairOrder, tell: Listener = silence) -> Burnt:
    """Write a sound file-set with every instance that a medium still holds.

    Gives one fate for every file of the source. Raises MediakitError as `burn` does, and SourceError when
    the medium holds no instance or cannot be opened.
    """
    check_target(order.out, (source, *order.add), overwrite=order.overwrite)
    with open_media((source,), order.keys) as media:
        (tree,) = media.trees.values()
        system = file_system_of(order.out, file_system(tree.facts.volume))
        size_bytes = tree.facts.size_bytes
        candidates, secure = (
            candidates_for(order.catalogue, system, size_bytes, is_secure=is_secure)
            for is_secure in (False, True)
        )
        profiles = (*candidates, *(secure if order.keys else ()))
        profiles = profiles if order.profile is None else (*profiles, order.profile)
        surveys = list(look_at_all(media, scanner_for(*profiles), tell))
        candidates = secure if surveys[0].is_secure else candidates
        known = _Known.of(surveys[0], order, candidates)
        burnt = burn_looked_at(surveys, media, _burn_order(order, known), tell)
    return replace(burnt, result=_repaired(source, burnt.result, known.lost, order.fail_on))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the old medium tells: what the new one keeps, and what the new one cannot have."""

    file_set_id: str
    profile: Profile
    lost: tuple[Finding, ...]

    @classmethod
    def of(cls, seen: Survey, order: RepairOrder, candidates: Sequence[Profile]) -> _Known:
        """Raise SourceError when the medium holds no instance."""
        old = "" if seen.directory is None else seen.directory.file_set_id
        file_set_id = old if old and is_file_set_id(old) else _DEFAULT_ID
        instances = [instance for _, instance in seen.instances()]
        profile = order.profile or _best_of(instances, candidates, order)
        if profile is None:
            check_opened(seen)
            raise SourceError("no DICOM instance found", where=seen.subject)
        return cls(file_set_id, profile, tuple(_lost(seen)))


def _best_of(
    instances: Sequence[Instance], candidates: Sequence[Profile], order: RepairOrder
) -> Profile | None:
    """Return the best fitting profile: of its medium, else of any when a folder is written."""
    chosen = choose(instances, candidates)
    if chosen.takes_all or order.out.suffix:
        return chosen.profile
    is_secure = any(one.is_secure for one in candidates)
    other = choose(instances, candidates_for(order.catalogue, "", 0, is_secure=is_secure))
    return other.profile if other.takes_all else chosen.profile


def _burn_order(order: RepairOrder, known: _Known) -> BurnOrder:
    return BurnOrder(
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
        envelope=order.envelope,
        all_patients=True,  # a repaired medium holds what the broken one held
    )


def _repaired(source: Path, result: Result, lost: tuple[Finding, ...], fail_on: Severity) -> Result:
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


def _lost(seen: Survey) -> Iterator[Finding]:
    """Yield what the directory names and no file of the medium holds; damaged files have a fate."""
    if next(seen.missing(), None) is not None:
        yield from (finding for finding in check_files(seen, None) if finding.rule in _LOST)
