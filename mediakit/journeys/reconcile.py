"""Reconciliation: medium -> identities -> questions to a peer -> candidates -> rows for a person to review.

Nothing is decided here and nothing is sent but queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mediakit.destinations.association import association
from mediakit.destinations.base import Unreachable
from mediakit.destinations.find import FindFailed, FindModel, Limits, contexts_of, find_on
from mediakit.destinations.peer import Peer
from mediakit.dicom.header import Scanner
from mediakit.dicom.identifier import Value, Values
from mediakit.errors import IdentityError, SourceError
from mediakit.events import Advanced, FoundSomething, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Report, Rule, Severity, Where
from mediakit.formats.registry import open_medium
from mediakit.outcome import Outcome
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.import_order import Matching
from mediakit.stages.look.media import look
from mediakit.transfer.mapping import MapRow, Reconciled, Subject, Subjects
from mediakit.transfer.matching import (
    MATCH,
    Candidate,
    Match,
    Ranking,
    Wanted,
    candidates_of,
    chosen_row,
    id_requests,
    known_row,
    match_words,
    patient_requests,
    rank,
    rows_of,
    score,
    worklist_requests,
)
from mediakit.transfer.patient_identity import Mixed, shown_id

NOBODY = Rule(
    id="MK-IDN-040",
    severity=Severity.WARNING,
    title="Patient ID `{patient_id}`: no matching patient found at the destination",
    ref="IHE RAD TF-3 4.61",
    hint="fill in `to_patient_id` by hand, or have the patient registered first",
)
WEAK = Rule(
    id="MK-IDN-041",
    severity=Severity.WARNING,
    title="Patient ID `{patient_id}`: the best match scores only {confidence}; {least} is needed",
    ref="IHE RAD TF-3 4.61",
    hint="look at the row before you approve it",
)
SEVERAL = Rule(
    id="MK-IDN-042",
    severity=Severity.WARNING,
    title="Patient ID `{patient_id}`: {count:candidate|candidates} match equally well",
    ref="IHE RAD TF-3 4.61",
    hint="approve one of the rows and leave the others",
)

NOT_READ = Rule(
    id="MK-IDN-043",
    severity=Severity.WARNING,
    title="nobody of this disc was asked for: {why}",
    ref="IHE RAD TF-3 4.61",
    hint="rescue the disc into an image, and reconcile again",
)

_LIMITS = Limits(matches=5_000, total_bytes=32 << 20, total_s=120.0)
_STUDY_DATE, _MODALITY = 0x00080020, 0x00080060


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOrder:
    """How to reconcile. `approve_above`: matches with a higher confidence need no person (None: all do).

    `keys` open what is encrypted. `discs` are the media of an archive, in place of one medium.
    """

    match: Match = Match.QUERY
    approve_above: int | None = None
    keys: Keys = NO_KEYS
    discs: tuple[Path, ...] = ()


def reconcile(source: Path, peer: Peer, order: ReconcileOrder, tell: Listener = silence) -> Reconciled:
    """Ask a peer for each identity of a medium, or of all `order.discs`, whom it may mean.

    The outcome is good when there is one good candidate for each. Raises SourceError when the medium cannot
    be opened or holds no instance, Unreachable and FindFailed when the peer does not answer. A disc of many
    that cannot be opened is a finding, and the outcome is not good.
    """
    findings: list[Finding] = []
    if order.discs:
        wanted = _wanted_of(order, findings, tell)
    else:
        with open_medium(source, order.keys) as tree:
            wanted = _wanted(look(tree, str(source), Scanner(), tell), order.match)
    is_whole = not findings
    rankings = _rankings(wanted, peer, order.match, tell)
    findings += [finding for ranking in rankings for finding in _doubts(ranking)]
    for finding in findings:
        tell(FoundSomething(finding))
    rows = (row for ranking in rankings for row in rows_of(ranking, order.match.value, order.approve_above))
    is_clear = is_whole and all(ranking.is_match for ranking in rankings)
    return Reconciled(
        source=str(source),
        peer=str(peer),
        rows=tuple(replace(row, line=line) for line, row in enumerate(rows, start=2)),  # 1 is the head
        counts=match_words(rankings),
        report=Report.of(str(source), findings),
        outcome=Outcome.GOOD if is_clear else Outcome.IDENTITY,
    )


def matched_rows(
    seen: Survey, matching: Matching, mixed: Mixed = Mixed.REFUSE, tell: Listener = silence
) -> tuple[MapRow, ...]:
    """Return a map of what a peer knows of the patients of a medium; what is not sure is not approved.

    With `matching.confirm` a person decides. Nobody is asked where no answer would make one patient of the
    medium and several are refused (`mixed`): then the map is empty, and the guard says it. Raises
    IdentityError when that is a no, or when there is not one local patient of the ID that was given, and as
    `reconcile` does.
    """
    if matching.is_offer and next(iter(seen.instances()), None) is None:
        return ()  # nobody to ask about: the import says what became of each file
    wanted = _wanted(seen, matching.match)
    rankings, why = _offered(wanted, matching, tell)
    if matching.confirm is not None:
        if mixed is Mixed.REFUSE and not _may_be_one(rankings):
            return ()
        tell(PhaseStarted("confirm", len(wanted)))
        rows = tuple(_confirmed(rankings, why, matching))
        tell(PhaseEnded("confirm"))
        return rows
    above = matching.approve_above  # the rows are of no file: they have no lines
    return tuple(row for ranking in rankings for row in rows_of(ranking, matching.match.value, above))


def _offered(wanted: Sequence[Wanted], matching: Matching, tell: Listener) -> tuple[Sequence[Ranking], str]:
    """Return the candidates for each, and why there are none when the peer could not be asked."""
    nobody = tuple(Ranking(wanted=each, scored=()) for each in wanted)
    if matching.peer is None:
        return nobody, "the destination cannot be asked for its patients"
    if matching.patient_id:
        return (_of_patient(wanted, matching.peer, matching.patient_id, tell),), ""
    try:
        return _rankings(wanted, matching.peer, matching.match, tell), ""
    except (FindFailed, Unreachable) as exc:
        if not matching.is_offer:
            raise
        return nobody, f"the destination could not be asked for its patients: {exc.what}"


def _may_be_one(rankings: Sequence[Ranking]) -> bool:
    """Return True when all may be one patient: there is an ID that each has, here or as a candidate."""
    ids = [
        {
            ranking.wanted.subject.identity.patient_id,
            *(one.candidate.identity.patient_id for one in ranking.scored),
        }
        for ranking in rankings
    ]
    return bool(set.intersection(*ids)) if ids else True


def _of_patient(wanted: Sequence[Wanted], peer: Peer, patient_id: str, tell: Listener) -> Ranking:
    """Return the local patient with an ID as the only candidate. Raises IdentityError."""
    if len(wanted) > 1:
        hint = "choose one with `--patient`, or let `mediakit reconcile` write a map"
        raise IdentityError(f"the medium holds {len(wanted)} identities, not one", where=str(peer), hint=hint)
    tell(PhaseStarted("query", 1))
    model = FindModel.PATIENT_ROOT
    with association(peer, contexts_of(model)) as link:
        answers = [
            one for keys in id_requests(patient_id) for one in find_on(link, peer, model, keys, _LIMITS)
        ]
    tell(PhaseEnded("query"))
    found = {one for one in candidates_of(answers) if one.identity.patient_id == patient_id}
    if not found:
        hint = "compare the ID character by character, or have the patient registered first"
        raise IdentityError("no patient has this ID there", where=str(peer), hint=hint)
    if len(found) > 1:
        hint = "`mediakit reconcile` writes them into a map, of which one row is approved"
        raise IdentityError(f"{len(found)} patients have this ID there", where=str(peer), hint=hint)
    return Ranking(wanted=wanted[0], scored=(score(wanted[0], found.pop()),))


def _confirmed(rankings: Sequence[Ranking], why: str, matching: Matching) -> Iterator[MapRow]:
    """Yield what a person decides on each, unless the peer knows this very identity. Raises IdentityError."""
    for ranking in rankings:
        if matching.is_offer and ranking.is_known:
            yield known_row(ranking.wanted)
            continue
        chosen = None if matching.confirm is None else matching.confirm(ranking, why)
        if chosen is None:
            hint = "`--as-patient ID` names the local patient; `--keep-id` imports under the ID of the medium"
            raise IdentityError("nobody confirmed whose images these are: nothing was sent", hint=hint)
        yield chosen_row(ranking.wanted, chosen, matching.match.value)


def _wanted_of(order: ReconcileOrder, findings: list[Finding], tell: Listener) -> tuple[Wanted, ...]:
    """Return who is to be looked for, of many discs, each identity once. Raises SourceError for nobody."""
    found: dict[Subject, _Collected] = {}
    tell(PhaseStarted("scan", len(order.discs), "discs"))
    for disc in order.discs:
        try:
            with open_medium(disc, order.keys) as tree:
                _collect(found, look(tree, str(disc), Scanner()), order.match)
        except SourceError as exc:
            findings.append(NOT_READ.at(Where(path=str(disc)), why=exc.reason))
        tell(Advanced())
    tell(PhaseEnded("scan"))
    if not found:
        raise SourceError("there is no instance on any disc", where=str(order.discs[0].parent))
    return tuple(_whom(found))


@dataclass(slots=True)
class _Collected:
    study_date: str = ""
    modalities: set[str] = field(default_factory=set)


def _wanted(seen: Survey, match: Match) -> tuple[Wanted, ...]:
    """Return who is to be looked for: each identity, and for a worklist each study of it.

    Raises SourceError when nobody is on the medium.
    """
    found: dict[Subject, _Collected] = {}
    _collect(found, seen, match)
    return tuple(_whom(found))


def _collect(found: dict[Subject, _Collected], seen: Survey, match: Match) -> None:
    """Take in who is on a medium. Raises SourceError when nobody is."""
    subjects = Subjects()
    is_empty = True
    for _, instance in seen.instances():
        subject = subjects.of(instance)
        whom = subject if match is Match.WORKLIST else Subject(identity=subject.identity)
        collected = found.setdefault(whom, _Collected())
        collected.study_date = collected.study_date or instance.header.text(_STUDY_DATE)
        collected.modalities.add(instance.header.text(_MODALITY))
        is_empty = False
    if is_empty:
        raise SourceError("there is no instance on the medium", where=seen.subject)


def _whom(found: dict[Subject, _Collected]) -> Iterator[Wanted]:
    for subject, each in found.items():
        yield Wanted(
            subject=subject, study_date=each.study_date, modalities=frozenset(each.modalities - {""})
        )


def _rankings(wanted: Sequence[Wanted], peer: Peer, match: Match, tell: Listener) -> tuple[Ranking, ...]:
    model = FindModel.PATIENT_ROOT if match is Match.QUERY else FindModel.WORKLIST
    asked: dict[str, tuple[Candidate, ...]] = {}
    rankings: list[Ranking] = []
    tell(PhaseStarted("query", len(wanted)))
    with association(peer, contexts_of(model)) as link:

        def ask(keys: Values) -> tuple[Candidate, ...]:
            known = repr(sorted(keys.items()))
            if known not in asked:
                asked[known] = tuple(candidates_of(find_on(link, peer, model, keys, _LIMITS)))
            return asked[known]

        for each in wanted:
            candidates = [found for keys in _requests(each, match) for found in ask(keys)]
            rankings.append(rank(each, candidates))
            tell(Advanced())
    tell(PhaseEnded("query"))
    return tuple(rankings)


def _requests(wanted: Wanted, match: Match) -> Iterator[dict[int, Value]]:
    if match is Match.QUERY:
        return patient_requests(wanted.subject.identity)
    return worklist_requests(wanted.subject)


def _doubts(ranking: Ranking) -> Iterator[Finding]:
    patient_id = shown_id(ranking.wanted.subject.identity.patient_id)
    if not ranking.scored:
        yield NOBODY.at(patient_id=patient_id)
    elif ranking.is_ambiguous:
        yield SEVERAL.at(patient_id=patient_id, count=len(ranking.scored))
    elif not ranking.is_match:
        yield WEAK.at(patient_id=patient_id, confidence=ranking.scored[0].confidence, least=MATCH)
