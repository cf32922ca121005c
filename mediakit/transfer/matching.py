"""Whom of the local system does an identity of a medium mean? Candidates, scored, with words why. Pure.

A score is a help for a person: nothing is decided here. What contradicts weighs more than what agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mediakit.dicom.identifier import Value, Values
from mediakit.dicom.limits import why_unfit
from mediakit.dicom.person_name import Likeness, same_name, spellings
from mediakit.transfer.mapping import MapRow, Subject
from mediakit.transfer.patient_identity import Identity, plain_date

#: From here on a candidate counts as found, when no other comes near.
MATCH = 80
#: Candidates below are not worth a look.
LEAST = 40
#: Candidates within so much of the best are as good as it.
MARGIN = 5
_MOST_CANDIDATES = 10  # of one subject, in the review file

_PATIENT_NAME, _PATIENT_ID, _ISSUER = 0x00100010, 0x00100020, 0x00100021
_BIRTH_DATE, _SEX, _ACCESSION = 0x00100030, 0x00100040, 0x00080050
_STUDY_UID, _STEPS, _MODALITY, _START_DATE = 0x0020000D, 0x00400100, 0x00080060, 0x00400002
_LEVEL = 0x00080052


class Match(StrEnum):
    """Who is asked: the patients that an archive or register knows, or the orders of a worklist."""

    QUERY = "query"
    WORKLIST = "worklist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A subject that is looked for, and what a worklist may know of its study."""

    subject: Subject
    study_date: str = ""
    modalities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A person whom the local system knows; from a worklist also an order for them."""

    identity: Identity
    accession: str = field(default="", repr=False)
    study_uid: str = ""
    date: str = ""
    modalities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate and how sure it is, 0 to 100, with the reasons in words, which hold no value.

    `is_order`: it is an order that fits the study. Any other candidate stands for a person alone.
    `contradicts`: the name, the birth date or the sex is another one.
    """

    candidate: Candidate
    confidence: int
    why: tuple[str, ...]
    is_order: bool = False
    contradicts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The candidates for one subject, best first."""

    wanted: Wanted
    scored: tuple[Scored, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Return True when another candidate is as good as the best one."""
        return len(self.scored) > 1 and self.scored[0].confidence - self.scored[1].confidence <= MARGIN

    @property
    def is_match(self) -> bool:
        """Return True when there is one good candidate, and no other comes near."""
        return bool(self.scored) and self.scored[0].confidence >= MATCH and not self.is_ambiguous

    @property
    def is_known(self) -> bool:
        """Return True when the peer knows this very identity: same Patient ID, name and birth date."""
        return any(_is_same(self.wanted.subject.identity, each.candidate.identity) for each in self.scored)


def _is_same(there: Identity, here: Identity) -> bool:
    return (
        bool(there.patient_id)
        and there.patient_id == here.patient_id
        and there.issuer in {"", here.issuer}
        and same_name(there.name, here.name) is Likeness.SAME
        and plain_date(there.birth_date) == plain_date(here.birth_date)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Whom a person took for a subject: a candidate, or (None) nobody, so that its Patient ID is kept."""

    scored: Scored | None = None


#: Lets a person decide on a subject. The text says why there is no candidate, when nobody could be asked.
#: Returns None when nothing is to be imported.
Confirm = Callable[[Ranking, str], Chosen | None]


def rank(wanted: Wanted, candidates: Iterable[Candidate]) -> Ranking:
    """Score candidates against a subject; those below `LEAST` are left out.

    Of the orders of one person, those that do not fit the study count only when none does, and then for the
    person alone: their Accession Numbers are not those of the study.
    """
    scored = [score(wanted, candidate) for candidate in dict.fromkeys(candidates)]
    fitting = {_person(each) for each in scored if each.is_order}
    people: dict[Candidate, Scored] = {}
    for each in scored:
        if each.is_order or _person(each) not in fitting:
            known = people.setdefault(each.candidate, each)
            if each.confidence > known.confidence:
                people[each.candidate] = each
    good = [each for each in people.values() if each.confidence >= LEAST]
    good.sort(
        key=lambda each: (-each.confidence, each.candidate.identity.patient_id, each.candidate.accession)
    )
    return Ranking(wanted=wanted, scored=tuple(good[:_MOST_CANDIDATES]))


@dataclass(slots=True)
class _Tally:
    """Collects points and the most that is possible after a contradiction."""

    points: int = 0
    most: int = 100
    why: list[str] = field(default_factory=list)

    def add(self, points: int, why: str) -> None:
        self.points += points
        self.why.append(why)

    def contradict(self, most: int, why: str) -> None:
        self.most = min(self.most, most)
        self.why.append(why)


_NAME_POINTS: Mapping[Likeness, tuple[int, str]] = {
    Likeness.SAME: (40, "same name"),
    Likeness.SIMILAR: (22, "similar name"),
}


def score(wanted: Wanted, candidate: Candidate) -> Scored:
    """Return how sure it is that a candidate is the subject.

    An order that does not fit the study is scored by the person alone, without its Accession Number.
    """
    tally = _Tally()
    _score_person(wanted.subject.identity, candidate.identity, tally)
    is_order = _fits(wanted, candidate, tally)
    if is_order:
        _score_order(wanted, candidate, tally)
    return Scored(
        candidate=candidate if is_order else Candidate(identity=candidate.identity),
        confidence=max(0, min(tally.points, tally.most)),
        why=tuple(tally.why),
        is_order=is_order,
        contradicts=tally.most < 100,
    )


def _score_person(there: Identity, here: Identity, tally: _Tally) -> None:
    likeness = same_name(there.name, here.name)
    if likeness in _NAME_POINTS:
        tally.add(*_NAME_POINTS[likeness])
    elif likeness is Likeness.DIFFERENT:
        tally.contradict(25, "other name")
    ours, theirs = plain_date(here.birth_date), plain_date(there.birth_date)
    if ours and theirs:
        if ours == theirs:
            tally.add(35, "same birth date")
        else:
            tally.contradict(30, "other birth date")
    if here.sex == there.sex and here.sex:
        tally.add(5, "same sex")
    elif {here.sex, there.sex} == {"M", "F"}:
        tally.contradict(60, "other sex")
    _score_id(there, here, tally)


def _score_id(there: Identity, here: Identity, tally: _Tally) -> None:
    if not there.patient_id or there.patient_id != here.patient_id:
        return
    if there.issuer and there.issuer == here.issuer:
        tally.add(45, "same Patient ID and issuer")
    elif there.issuer and here.issuer:
        tally.why.append("same Patient ID of another issuer")
    else:
        tally.add(20, "same Patient ID")


def _person(scored: Scored) -> tuple[str, str]:
    return scored.candidate.identity.patient_id, scored.candidate.identity.issuer


def _fits(wanted: Wanted, candidate: Candidate, tally: _Tally) -> bool:
    """Return True for an order of this study: its UID says so, or both modality and date are those of it."""
    if not candidate.accession and not candidate.study_uid:
        return False
    if wanted.subject.study_uid and wanted.subject.study_uid == candidate.study_uid:
        return True
    others = [
        name
        for name, is_same in (
            ("modality", bool(wanted.modalities & candidate.modalities)),
            ("date", _is_same_date(wanted.study_date, candidate.date)),
        )
        if not is_same
    ]
    if others:
        tally.why.append(
            f"{' and '.join(others)} of the order not those of the study: Accession Number not taken"
        )
    return not others


def _is_same_date(one: str, other: str) -> bool:
    return bool(one) and plain_date(one) == plain_date(other)


def _score_order(wanted: Wanted, candidate: Candidate, tally: _Tally) -> None:
    subject = wanted.subject
    if subject.study_uid and subject.study_uid == candidate.study_uid:
        tally.add(40, "same Study Instance UID")
    if subject.accession and subject.accession == candidate.accession:
        tally.add(30, "same Accession Number")
    if wanted.modalities & candidate.modalities:
        tally.add(3, "same modality")
    if _is_same_date(wanted.study_date, candidate.date):
        tally.add(5, "same date")


def rows_of(ranking: Ranking, source: str, approve_above: int | None = None) -> Iterator[MapRow]:
    """Yield a row for each candidate, for a person to look at; one without target when there is none.

    Approved is the best one alone, when it is a match with a confidence above `approve_above`.
    """
    if not ranking.scored:
        yield replace(_row_for(ranking.wanted.subject), source=f"{source}: nobody found")
    for place, each in enumerate(ranking.scored):
        is_sure = place == 0 and ranking.is_match and approve_above is not None
        is_approved = is_sure and each.confidence > (approve_above or 0)
        yield replace(_row_to(ranking.wanted.subject, each, source), approved=is_approved)


def chosen_row(wanted: Wanted, chosen: Chosen, source: str) -> MapRow:
    """Return the approved row of what a person decided."""
    subject = wanted.subject
    row = _row_for(subject) if chosen.scored is None else _row_to(subject, chosen.scored, source)
    return replace(row, approved=True)


def known_row(wanted: Wanted) -> MapRow:
    """Return the approved row of an identity that is local as it is: nothing of it changes."""
    subject = wanted.subject
    return replace(_row_for(subject), to_patient_id=subject.identity.patient_id, approved=True)


def _row_for(subject: Subject) -> MapRow:
    return MapRow(
        from_patient_id=subject.identity.patient_id,
        from_issuer=subject.identity.issuer,
        from_name=subject.identity.name,
        from_birth_date=subject.identity.birth_date,
        from_study_uid=subject.study_uid,
        from_accession=subject.accession,
    )


def _row_to(subject: Subject, scored: Scored, source: str) -> MapRow:
    here = scored.candidate.identity
    return replace(
        _row_for(subject),
        to_patient_id=here.patient_id,
        to_issuer=here.issuer,
        to_name=here.name,
        to_birth_date=here.birth_date,
        to_sex=here.sex,
        to_accession=scored.candidate.accession,
        confidence=scored.confidence,
        source=f"{source}: {', '.join(scored.why)}",
    )


def candidates_of(answers: Iterable[Values]) -> Iterator[Candidate]:
    """Yield what a peer answered to a query for patients or for its worklist.

    Left out are answers without Patient ID, and with values that cannot stand in their attribute.
    """
    for answer in answers:
        identity = Identity(
            patient_id=_text(answer, _PATIENT_ID),
            issuer=_fit("LO", _text(answer, _ISSUER)),
            name=_fit("PN", _text(answer, _PATIENT_NAME)),
            birth_date=_fit("DA", plain_date(_text(answer, _BIRTH_DATE))),
            sex=_fit("CS", _text(answer, _SEX)),
        )
        if not identity.patient_id or why_unfit("LO", identity.patient_id):
            continue
        steps = answer.get(_STEPS, ())
        step: Values = steps[0] if steps and not isinstance(steps, str) else {}
        yield Candidate(
            identity=identity,
            accession=_fit("SH", _text(answer, _ACCESSION)),
            study_uid=_text(answer, _STUDY_UID),
            date=_text(step, _START_DATE),
            modalities=frozenset({_text(step, _MODALITY)} - {""}),
        )


def _text(values: Values, tag: int) -> str:
    value = values.get(tag, "")
    return value.strip() if isinstance(value, str) else ""


def _fit(vr: str, value: str) -> str:
    return "" if why_unfit(vr, value) else value


def patient_requests(identity: Identity) -> Iterator[dict[int, Value]]:
    """Yield the queries at PATIENT level that may find a person: by ID, by birth date, else by name."""
    for matching in _person_matchings(identity, by_birth_date=True):
        yield _patient_request(matching)


def id_requests(patient_id: str) -> Iterator[dict[int, Value]]:
    """Yield the query at PATIENT level for one Patient ID; none for one that would be a pattern or a list."""
    if literal := _literal(patient_id):
        yield _patient_request({_PATIENT_ID: literal})


def _patient_request(matching: Mapping[int, str]) -> dict[int, Value]:
    asked: dict[int, Value] = dict.fromkeys((_PATIENT_NAME, _PATIENT_ID, _ISSUER, _BIRTH_DATE, _SEX), "")
    return {**asked, _LEVEL: "PATIENT", **matching}


def worklist_requests(subject: Subject) -> Iterator[dict[int, Value]]:
    """Yield the queries of a worklist that may find an order: by Accession Number, ID and name."""
    step: dict[int, Value] = {_MODALITY: "", _START_DATE: ""}
    tags = (_PATIENT_NAME, _PATIENT_ID, _ISSUER, _BIRTH_DATE, _SEX, _ACCESSION, _STUDY_UID)
    asked: dict[int, Value] = {**dict.fromkeys(tags, ""), _STEPS: (step,)}
    accession = _literal(subject.accession)
    if accession:
        yield {**asked, _ACCESSION: accession}
    for matching in _person_matchings(subject.identity, by_birth_date=False):
        yield {**asked, **matching}


def _person_matchings(identity: Identity, *, by_birth_date: bool) -> Iterator[dict[int, str]]:
    patient_id = _literal(identity.patient_id)
    if patient_id:
        yield {_PATIENT_ID: patient_id}
    birth_date = plain_date(identity.birth_date)
    if by_birth_date and birth_date and not why_unfit("DA", birth_date):
        yield {_BIRTH_DATE: birth_date}
        return
    for family in spellings(identity.name):
        yield {_PATIENT_NAME: f"{family}*"}


def _literal(value: str) -> str:
    """Return a value that a query takes for itself; "" when it would be a pattern or a list."""
    return "" if any(char in value for char in "*?\\") or not value.isprintable() else value


def match_words(rankings: Sequence[Ranking]) -> Mapping[str, int]:
    """Count how many subjects have a match, several good candidates, a weak one, or none."""
    words = [
        "none"
        if not each.scored
        else "several"
        if each.is_ambiguous
        else "matched"
        if each.is_match
        else "weak"
        for each in rankings
    ]
    return {word: words.count(word) for word in ("matched", "several", "weak", "none")}
