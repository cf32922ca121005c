"""Judge every instance against the profile, and convert those that the policy lets us convert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance, shown
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Finding, Rule, Severity
from mediakit.journeys.fates import Fates
from mediakit.journeys.scan import CANNOT_READ
from mediakit.journeys.sources import Sources
from mediakit.journeys.spool import SPOOL, Spool
from mediakit.outcome import State
from mediakit.profile.judge import Decision, Judge, Verdict
from mediakit.profile.policy import Convert

STILL_REFUSED = Rule(
    id="MK-CNV-101",
    severity=Severity.ERROR,
    title="converted to {syntax}, it still does not fit the profile",
    ref="PS3.11",
    hint="choose another profile: `mediakit profiles fit` shows which take it",
)


@dataclass(slots=True)
class Ready:
    """Instances that will go on the medium; `places` leads from SOP Instance UID to the source file."""

    instances: list[Instance] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    to_convert: list[tuple[Instance, Verdict]] = field(default_factory=list)
    converted: set[str] = field(default_factory=set)  # places


class Store:
    """Opens an instance wherever it lies: in its source, or in the spool when it was converted."""

    def __init__(self, sources: Sources, spool: Spool) -> None:
        self._sources = sources
        self._spool = spool

    def open(self, instance: Instance) -> BinaryIO:
        """Open the bytes of an instance. Raises SourceError, OSError."""
        return self._spool.open(instance) if instance.source == SPOOL else self._sources.open(instance)


def judge_all(instances: Sequence[Instance], judge: Judge, book: Fates, tell: Listener = silence) -> Ready:
    """Judge every instance; refused ones are settled in the book, the findings of the others kept."""
    ready = Ready()
    tell(PhaseStarted("judge", total=len(instances)))
    for instance in instances:
        verdict = judge(instance)
        if verdict.decision is Decision.ACCEPT and not verdict.findings:
            ready.instances.append(instance)
            ready.places[instance.sop_instance] = shown(instance.source, instance.path)
            continue
        place = shown(instance.source, instance.path)
        if verdict.decision is Decision.REFUSE:
            book.refuse(place, verdict.findings, sop_instance=instance.sop_instance)
            continue
        book.note(place, verdict.findings)
        ready.places[instance.sop_instance] = place
        if verdict.decision is Decision.CONVERT:
            ready.to_convert.append((instance, verdict))
        else:
            ready.instances.append(instance)
    tell(PhaseEnded("judge"))
    return ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """Re-encodes instances into the spool and has them judged again."""

    judge: Judge
    policy: Convert
    scanner: Scanner
    store: Store
    spool: Spool

    def convert_all(self, ready: Ready, book: Fates, tell: Listener = silence) -> None:
        """Convert what `ready` lists; each ends among its instances or is settled in the book."""
        tell(PhaseStarted("convert", total=len(ready.to_convert)))
        for instance, verdict in ready.to_convert:
            place = ready.places.pop(instance.sop_instance)
            made = self._convert(instance, verdict, place, book)
            if made is not None:
                ready.instances.append(made)
                ready.places[made.sop_instance] = place
                ready.converted.add(place)
            tell(Advanced())
        ready.to_convert.clear()
        tell(PhaseEnded("convert"))

    def _convert(self, instance: Instance, verdict: Verdict, place: str, book: Fates) -> Instance | None:
        from mediakit.dicom.transcode import (  # noqa: PLC0415 - most burns convert nothing
            Loss,
            NotConvertible,
            transcode,
        )

        loss = Loss.ALLOWED if self.policy is Convert.ANY else Loss.LOSSLESS
        uid = instance.sop_instance
        try:
            with self.store.open(instance) as stream:
                done = transcode(stream, verdict.to, loss)
        except (SourceError, OSError) as exc:
            why = exc.why if isinstance(exc, SourceError) else exc.strerror or ""
            book.settle(place, State.UNREADABLE, CANNOT_READ.at(why=why), sop_instance=uid)
            return None
        if isinstance(done, NotConvertible):
            book.refuse(place, (done.finding,), sop_instance=uid)
            return None
        made = self.scanner.read(BytesIO(done.data), len(done.data), SPOOL, self.spool.keep(done.data))
        findings: tuple[Finding, ...] = done.findings
        if not isinstance(made, Instance):
            book.refuse(place, (*findings, made.finding), sop_instance=uid)
            return None
        again = self.judge(made)
        if again.decision is not Decision.ACCEPT:
            still = STILL_REFUSED.at(syntax=verdict.to)
            book.refuse(place, (still, *findings, *again.findings), sop_instance=uid)
            return None
        book.note(place, (*findings, *again.findings))
        return made
