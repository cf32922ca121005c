"""Fetch: ask an archive which instances it has of what is wanted, have them sent, and compare by UID.

What the archive lists and did not send is missing, and named: nobody makes a disc of half a study unawares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from msgspec import structs

from mediakit.destinations.address import Address
from mediakit.destinations.archive import (
    Archive,
    ArchiveAddress,
    FoundSeries,
    FoundStudy,
    Hear,
    Retrieved,
    StudyQuery,
    Wanted,
)
from mediakit.destinations.base import Lost, Unreachable
from mediakit.destinations.options import Options
from mediakit.dicom.instance_names import is_name
from mediakit.errors import SourceError, UsageError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.selection import Selection
from mediakit.findings import Finding, Report, Rule, Severity, Where, printable
from mediakit.outcome import Fate, Figures, Outcome, Result, State
from mediakit.scp.events import Reception
from mediakit.scp.instance_store import InstanceStore, instance_store
from mediakit.scp.receiver import OUT_OF_RESOURCES, PROCESSING_FAILURE, StoreAnswer

_TRIES = 3  # for what does not come at once
_MOST_SINGLE = 1000  # instances that are asked for one by one

NOT_SENT = Rule(
    id="MK-FET-001",
    severity=Severity.ERROR,
    title="the archive lists the instance and did not send it",
    ref="PS3.4 C.4.3",
    hint="fetch again; else ask whoever runs the archive what became of these instances",
)
NOT_TAKEN = Rule(
    id="MK-FET-002",
    severity=Severity.ERROR,
    title="the archive sent the instance, and it cannot be kept: {words}",
    ref="PS3.4 B.2.3",
    hint="the archive got an error status for it: ask whoever runs the archive why the instance is wrong",
)
OTHER_BYTES = Rule(
    id="MK-FET-003",
    severity=Severity.ERROR,
    title="another instance with the same UID lies in the folder already",
    ref="PS3.5 9",
    hint="fetch into an empty folder, and compare the two",
)
TOO_FEW = Rule(
    id="MK-FET-004",
    severity=Severity.ERROR,
    title="{came} of {count} instances of the series came, and the archive does not tell which there are",
    ref="PS3.4 C.6.2.1",
    hint="fetch again; else ask whoever runs the archive",
)
NOT_COMPARED = Rule(
    id="MK-FET-005",
    severity=Severity.WARNING,
    title="whether all instances of the series came is not known: the archive does not tell which there are",
    ref="PS3.4 C.6.2.1",
    hint="compare their number with what the archive shows",
)
NOT_LISTED = Rule(
    id="MK-FET-006",
    severity=Severity.NOTE,
    title="came although the archive did not list it",
    ref="PS3.4 C.4.3",
)
OF_ANOTHER = Rule(
    id="MK-FET-008",
    severity=Severity.ERROR,
    title="the instance came as one of another {what} than the archive lists it under",
    ref="PS3.4 C.4.3",
    hint="it is in the folder under its own UIDs; ask whoever runs the archive which is right",
)
NO_ROOM = Rule(
    id="MK-FET-009",
    severity=Severity.ERROR,
    title="the instance came and could not be written: {words}",
    ref="PS3.4 B.2.3",
    hint="check that the folder has room and can be written, and fetch again",
)
ENDED_BADLY = Rule(
    id="MK-FET-007",
    severity=Severity.WARNING,
    title="the archive ended {service} with a remark: {words}",
    ref="PS3.4 C.4.3.1.4",
    hint="what is missing is named above",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOrder:
    """What to fetch from where, and the folder for it.

    `selection` names patients, studies or accession numbers. `priors` is how many earlier studies of the same
    patients come along, the newest first. Series that the selection leaves out are not fetched.
    """

    address: Address
    options: Options
    folder: Path
    selection: Selection = field(repr=False)
    priors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFigures(Figures):
    """What a fetch counted. `service` says how the instances came."""

    source: str
    target: str
    studies: int
    series: int
    listed: int
    came: int
    service: str


def fetch(order: FetchOrder, tell: Listener = silence) -> Result:
    """Fetch, and return what became of every instance that the archive lists.

    Raises UsageError, Unreachable, FindFailed, and SourceError when the archive has nothing of it. What came
    before an end lies in the folder, each instance whole.
    """
    if not isinstance(order.address, ArchiveAddress):
        hint = "name an archive as AET@host:port, or dicomweb+https://..."
        raise UsageError("nothing can be fetched from this destination", where=str(order.address), hint=hint)
    if not (order.selection.patients or order.selection.studies or order.selection.accessions):
        raise UsageError("say what to fetch: `--study`, `--patient` or `--accession`")
    for uid in (*order.selection.studies, *order.selection.series):
        if not is_name(uid):
            raise UsageError("not the UID of a study or series", where=printable(uid[:70]))
    with order.address.archive(order.options) as archive:
        wanted = _listed(archive, order, tell)
        with instance_store(order.folder, syncs_each=False) as store:
            came, ends = _retrieved(archive, wanted, store, tell)
            store.sync()
    return _result(order, wanted, came, ends)


def _listed(archive: Archive, order: FetchOrder, tell: Listener) -> tuple[Wanted, ...]:
    """Ask the archive what it has of what is wanted, and of earlier studies. SourceError for nothing."""
    tell(PhaseStarted("asking what the archive has", unit="studies"))
    selection = order.selection
    studies = _studies(archive, selection)
    wanted = [one for study in studies if (one := _wanted(archive, study, selection)) is not None]
    for study in _earlier(archive, studies) if order.priors else ():
        if len(wanted) >= len(studies) + order.priors:
            break
        one = _wanted(archive, study, selection)
        if one is not None:
            wanted.append(one)
    tell(PhaseEnded("asking what the archive has"))
    if not wanted:
        raise SourceError(
            "the archive has nothing that matches",
            where=str(order.address),
            hint="compare the ID or UID character by character",
        )
    return tuple(wanted)


def _studies(archive: Archive, selection: Selection) -> tuple[FoundStudy, ...]:
    named = product(selection.studies or ("",), selection.patients or ("",), selection.accessions or ("",))
    found: dict[str, FoundStudy] = {}
    for study, patient, accession in sorted(named):
        query = StudyQuery(
            study=study,
            patient_id=patient,
            accession=accession,
            since=selection.since,
            until=selection.until,
        )
        found |= {each.uid: each for each in archive.find_studies(query)}
    return tuple(found.values())


def _earlier(archive: Archive, studies: Sequence[FoundStudy]) -> Iterator[FoundStudy]:
    """Yield the earlier studies of the same patients, the newest first."""
    known = {study.uid for study in studies}
    latest = max(((study.date, study.time) for study in studies), default=("", ""))
    found: dict[str, FoundStudy] = {}
    for patient_id, issuer in sorted({(study.patient_id, study.issuer) for study in studies}):
        if patient_id:
            others = archive.find_studies(StudyQuery(patient_id=patient_id))
            found |= {each.uid: each for each in others if each.issuer == issuer and each.uid not in known}
    past = (each for each in found.values() if (each.date, each.time) <= latest)
    yield from sorted(past, key=lambda each: (each.date, each.time, each.uid), reverse=True)


def _wanted(archive: Archive, study: FoundStudy, selection: Selection) -> Wanted | None:
    """Return what is wanted of a study; None for nothing. A series that says nothing of itself is wanted."""
    series = archive.find_series(study.uid)
    chosen = tuple(each for each in series if _is_chosen(each, selection))
    if not chosen:
        return None
    return Wanted(
        study=study.uid,
        series=chosen,
        is_whole=len(chosen) == len(series),
        patient_id=study.patient_id,
    )


def _is_chosen(series: FoundSeries, selection: Selection) -> bool:
    return (
        (not selection.series or series.uid in selection.series)
        and (not selection.modalities or series.modality in {"", *selection.modalities})
        and (not selection.body_parts or series.body_part in {"", *selection.body_parts})
    )


def _retrieved(
    archive: Archive, wanted: Sequence[Wanted], store: InstanceStore, tell: Listener
) -> tuple[dict[str, StoreAnswer], list[Retrieved]]:
    """Have everything sent; return the answer to each instance that came, and how each sending ended."""
    came: dict[str, StoreAnswer] = {}

    def hear(uid: str, answer: StoreAnswer) -> None:
        before = came.get(uid)
        is_worse = answer.reception is Reception.CONFLICT  # another version of what came before
        if before is None or is_worse or before.reception not in _FINAL:
            came[uid] = answer
        tell(Advanced())

    total = sum(len(each.instances or ()) or each.count or 0 for one in wanted for each in one.series)
    tell(PhaseStarted("fetching", total=total, unit="instances"))
    ends = [_sent(archive, one, store, hear, came) for one in wanted]
    tell(PhaseEnded("fetching"))
    return came, ends


def _sent(
    archive: Archive, wanted: Wanted, store: InstanceStore, hear: Hear, came: dict[str, StoreAnswer]
) -> Retrieved:
    """Have a study sent. What did not come is asked for again: by series, at last one by one."""
    ended = Retrieved(by="the transfer")
    for attempt in range(_TRIES):
        try:
            ended = archive.retrieve(wanted, store, hear)
        except Lost as exc:
            ended = Retrieved(by=ended.by, words=exc.reason)
        except Unreachable as exc:
            if not attempt or not exc.is_passing:
                raise
        left = wanted.without(came)
        missing = sum(len(each.instances or ()) for each in left.series)
        if not missing:
            break
        wanted = replace(left, single=attempt > 0 and missing <= _MOST_SINGLE)
    return ended


_FINAL = frozenset({Reception.STORED, Reception.SAME, Reception.CONFLICT})
_KEPT = {Reception.STORED: State.FETCHED, Reception.SAME: State.ALREADY_THERE}


def _result(
    order: FetchOrder, wanted: Sequence[Wanted], came: dict[str, StoreAnswer], ends: Sequence[Retrieved]
) -> Result:
    """Compare what was listed with what came."""
    fates: list[Fate] = []
    findings: list[Finding] = []
    left = dict(came)
    for study in wanted:
        for series in study.series:
            place = f"{study.study}/{series.uid}"
            for each in series.instances or ():
                fate = _fate(f"{place}/{each.uid}", each.uid, left.get(each.uid))
                fates.append(_checked(fate, left.pop(each.uid, None), study))
    untold = [(study, series) for study in wanted for series in study.series if series.instances is None]
    for study, series in untold:
        place = f"{study.study}/{series.uid}/"
        here = [uid for uid, answer in left.items() if answer.path.startswith(place)]
        findings.append(_counted(place, series, len(here)))
        fates += (_checked(_fate(f"{place}{uid}", uid, left[uid]), left.pop(uid), study) for uid in here)
    for uid, answer in left.items():
        fate = _fate(answer.path.removesuffix(".dcm") or uid, uid, answer)
        fates.append(fate)
        if fate.because is None:
            findings.append(NOT_LISTED.at(Where(path=fate.source)))
    remarks = {(end.by, end.words): None for end in ends if end.words}
    findings += (ENDED_BADLY.at(service=by, words=words) for by, words in remarks)
    findings += (fate.because for fate in fates if fate.because is not None)
    report = Report.of("", findings)
    figures = FetchFigures(
        source=str(order.address),
        target=str(order.folder),
        studies=len(wanted),
        series=sum(len(study.series) for study in wanted),
        listed=sum(len(each.instances or ()) for study in wanted for each in study.series),
        came=sum(answer.reception in _KEPT for answer in came.values()),
        service=", ".join(dict.fromkeys(end.by for end in ends)),
    )
    worst = report.worst()
    return Result(
        journey="fetch",
        fates=tuple(fates),
        report=report,
        outcome=Outcome.PARTLY_STORED if worst is Severity.ERROR else Outcome.GOOD,
        figures=figures.as_mapping(),
    )


def _fate(source: str, uid: str, answer: StoreAnswer | None) -> Fate:
    where = Where(path=source)
    if answer is None:
        return Fate(source=source, state=State.MISSING, because=NOT_SENT.at(where), sop_instance=uid)
    if answer.reception in _KEPT:
        state = _KEPT[answer.reception]
        return Fate(source=source, state=state, became=answer.path, sop_instance=uid)
    if answer.reception is Reception.CONFLICT:
        return Fate(source=source, state=State.CONFLICT, because=OTHER_BYTES.at(where), sop_instance=uid)
    is_ours = answer.status in {OUT_OF_RESOURCES, PROCESSING_FAILURE}
    because = (NO_ROOM if is_ours else NOT_TAKEN).at(where, words=answer.words)
    return Fate(source=source, state=State.REFUSED, because=because, sop_instance=uid)


def _checked(fate: Fate, answer: StoreAnswer | None, study: Wanted) -> Fate:
    """Return the fate of an instance that was kept, refused when it is not of what it was listed under."""
    if answer is None or answer.reception not in _KEPT:
        return fate
    listed, _, _ = fate.source.rpartition("/")
    if answer.path.rpartition("/")[0] != listed:
        what = "study or series"
    elif study.patient_id and answer.patient_id != study.patient_id:
        what = "patient"
    else:
        return fate
    because = OF_ANOTHER.at(Where(path=fate.source), what=what)
    return structs.replace(fate, state=State.REFUSED, because=because)


def _counted(place: str, series: FoundSeries, came: int) -> Finding:
    """Return what the number of instances says where the archive does not tell which there are."""
    where = Where(path=place.removesuffix("/"))
    if series.count is not None and came < series.count:
        return TOO_FEW.at(where, came=came, count=series.count)
    return NOT_COMPARED.at(where)
