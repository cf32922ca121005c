"""Validation: medium -> survey -> rules -> one verdict for each rule set. Repairs nothing, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mediakit.events import FileSettled, FoundSomething, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.contents import Contents, contents_of
from mediakit.fileset.inspection import counts_of
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Finding, Report, Severity
from mediakit.formats.base import TreeFacts
from mediakit.formats.gapped import gaps_of
from mediakit.formats.registry import open_decrypted
from mediakit.named_together import names_missing
from mediakit.outcome import Fate, Figures, Result, State, outcome_of
from mediakit.profile.choose import Choice, candidates_for, choose
from mediakit.profile.model import Profile
from mediakit.rules.check import RuleSet
from mediakit.rules.every import judge_medium
from mediakit.rules.heeded import EVERY_FINDING, Heeded
from mediakit.rules.validation import Conformance, Validation, conformance_of
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.media import look, scanner_for
from mediakit.volume import file_system

_CLAIMS = {RuleSet.PDI: "IHE PDI", RuleSet.DRG: "the German catalogue of 2006"}
_STATES = {
    FileKind.INSTANCE: State.VALID,
    FileKind.DICOMDIR: State.VALID,
    FileKind.OTHER: State.NOT_DICOM,
    FileKind.DAMAGED: State.UNREADABLE,
    FileKind.CLOSED: State.UNREADABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOrder:
    """What to judge a medium by.

    `profile` is None to take the best fitting of `catalogue`. Findings from `fail_on` on give exit code 1.
    What `heeded` leaves out is counted, and not among the findings. `keys` open what is encrypted.
    `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is one.
    """

    profile: Profile | None = None
    catalogue: Sequence[Profile] = ()
    rule_sets: frozenset[RuleSet] = frozenset({RuleSet.PS3})
    fail_on: Severity = Severity.ERROR
    heeded: Heeded = EVERY_FINDING
    keys: Keys = NO_KEYS
    rescue_map: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateFigures(Figures):
    """The figures of a validation. Sizes are in bytes."""

    source: str
    format: str
    kind: str
    label: str
    size_bytes: int
    files: int
    instances: int
    missing: int
    unreferenced: int
    profile: str
    profile_source: str
    rules: str


def validate(source: Path, order: ValidateOrder, tell: Listener = silence) -> Validation:
    """Judge a medium: an image, a device, an archive or a folder.

    Returns verdicts, findings and one fate for every file. Raises SourceError when it cannot be opened.
    """
    gaps = gaps_of(source, order.rescue_map)
    with closing(open_decrypted(source, order.keys, gaps=gaps)) as tree:  # a lone file keeps its name
        candidates = _candidates(tree.facts, order)
        seen = look(tree, str(source), scanner_for(*candidates), tell)
    instances = [instance for _, instance in seen.instances()]
    if order.profile is None:
        candidates = _of_security(candidates, is_secure=seen.is_secure)
    choice = Choice(order.profile) if order.profile is not None else choose(instances, candidates)
    tell(PhaseStarted("judge", total=len(seen.files)))
    judged = list(judge_medium(seen, choice.profile, order.rule_sets))
    if RuleSet.PS3 in order.rule_sets:
        judged.extend((RuleSet.PS3, finding) for finding in names_missing(source))
    found = [each for each in judged if order.heeded.counts(each[1])]
    tell(PhaseEnded("judge"))
    for _, finding in found:
        tell(FoundSomething(finding))
    ignored = Counter(owner for owner, finding in judged if not order.heeded.counts(finding))
    validation = _validation(seen, choice, order, found, ignored)
    for fate in validation.result.fates:
        tell(FileSettled(fate))
    return validation


def _candidates(facts: TreeFacts, order: ValidateOrder) -> tuple[Profile, ...]:
    if order.profile is not None:
        return (order.profile,)
    system = file_system(facts.volume)
    plain = candidates_for(order.catalogue, system, facts.size_bytes)
    if not order.keys:
        return plain
    return (*plain, *candidates_for(order.catalogue, system, facts.size_bytes, is_secure=True))


def _of_security(candidates: Sequence[Profile], *, is_secure: bool) -> tuple[Profile, ...]:
    return tuple(one for one in candidates if one.is_secure is is_secure)


def _validation(
    seen: Survey,
    choice: Choice,
    order: ValidateOrder,
    found: Sequence[tuple[RuleSet, Finding]],
    ignored: Mapping[RuleSet, int],
) -> Validation:
    contents = contents_of(seen)
    report = Report.of(seen.subject, (finding for _, finding in found))
    fates = _fates(seen, report)
    result = Result(
        journey="validate",
        fates=fates,
        report=report,
        outcome=outcome_of(fates, report, order.fail_on),
        figures={
            **_figures(seen, choice, contents, order).as_mapping(),
            **({"ignored": sum(ignored.values())} if ignored else {}),
        },
    )
    return Validation(
        result=result,
        verdicts=tuple(_verdicts(choice, order, found, ignored)),
        contents=contents,
        profile_id="" if choice.profile is None else choice.profile.id,
        is_chosen=order.profile is not None,
        also_fits=choice.also_fits,
        unconfirmed=() if choice.profile is None else choice.profile.unconfirmed,
    )


def _verdicts(
    choice: Choice,
    order: ValidateOrder,
    found: Sequence[tuple[RuleSet, Finding]],
    ignored: Mapping[RuleSet, int],
) -> Iterable[Conformance]:
    for rule_set in RuleSet:
        if rule_set not in order.rule_sets:
            continue
        claim = _CLAIMS.get(rule_set) or ("any profile" if choice.profile is None else choice.profile.id)
        findings = (finding for owner, finding in found if owner is rule_set)
        yield conformance_of(rule_set, claim, findings, ignored.get(rule_set, 0))


def _fates(seen: Survey, report: Report) -> tuple[Fate, ...]:
    errors: dict[str, Finding] = {}
    for finding in report.findings:
        if finding.severity is Severity.ERROR:
            errors.setdefault(finding.where.path, finding)
    return tuple(_fate(file, errors.get(file.shown_path)) for file in seen.files)


def _fate(file: FileFact, error: Finding | None) -> Fate:
    state = State.UNREADABLE if file.is_locked else _STATES[file.kind]
    if error is not None and state is State.VALID:
        state = State.FAULTY
    uid = "" if file.instance is None else file.instance.sop_instance
    because = error or (None if file.finding is None else file.finding.moved(file.shown_path))
    return Fate(source=file.shown_path, state=state, because=because, sop_instance=uid)


def _figures(seen: Survey, choice: Choice, contents: Contents, order: ValidateOrder) -> ValidateFigures:
    counts = counts_of(contents.patients)
    profile = choice.profile
    return ValidateFigures(
        source=seen.subject,
        format=seen.format,
        kind=contents.kind,
        label=seen.label,
        size_bytes=seen.size_bytes or sum(file.size for file in seen.files),
        files=len(seen.files),
        instances=sum(1 for _ in seen.instances()),
        missing=counts.missing,
        unreferenced=counts.unlisted,
        profile="" if profile is None else profile.id,
        profile_source="" if profile is None else profile.source,
        rules=",".join(sorted(order.rule_sets)),
    )
