"""Judge instances against the profile, and convert those that the policy lets us convert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from msgspec import Struct, field

from mediakit.choices import Convert, OnReject, Supply
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.uids import syntax_name
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.charset import place_of
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.base import Node
from mediakit.outcome import State
from mediakit.profile.judge import Decision, Judge, Verdict
from mediakit.profile.model import Profile
from mediakit.stages.judge.spool import SPOOL, Spool
from mediakit.stages.look.closed import finding_on_failure
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.media import Media, scanner_for

STILL_REFUSED = Rule(
    id="MK-CNV-101",
    severity=Severity.ERROR,
    title="converted to {syntax}, it still does not fit the profile",
    ref="PS3.11",
    hint="choose another profile: `mediakit profiles fit` shows which take it",
)


class Terms(Struct, frozen=True, kw_only=True):
    """On what terms instances go on a medium: its profile, and what is done with those that do not fit."""

    profile: Profile
    convert: Convert = Convert.LOSSLESS
    supply: Supply = Supply.DIRECTORY
    on_reject: OnReject = OnReject.FAIL

    def stop(self, fates: Fates) -> bool:
        """Return True when nothing may be written because of what cannot go."""
        return self.on_reject is OnReject.FAIL and (fates.is_damaged or fates.is_bad)


class Judged(Struct, frozen=True, kw_only=True):
    """What the profile takes as it is, and what it would take converted, each with its verdict."""

    accepted: tuple[Instance, ...]
    to_convert: tuple[tuple[Instance, Verdict], ...]


class Prepared(Struct, frozen=True, kw_only=True):
    """Instances that go on the medium. `places` leads from the UID of one in the spool to its source file."""

    instances: tuple[Instance, ...]
    places: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, instance: Instance) -> str:
        """Return the place of the source file that an instance comes from."""
        return self.places.get(instance.sop_instance) or place_of(instance)

    def without(self, refused: Mapping[int, object]) -> Prepared:
        """Return what is left when the instances with these indices are taken out."""
        if not refused:
            return self
        left = tuple(one for index, one in enumerate(self.instances) if index not in refused)
        return Prepared(instances=left, places=self.places)


class Store:
    """Opens an instance wherever it is: in its source, or in the spool when it was made for the medium."""

    def __init__(self, media: Media, spool: Spool) -> None:
        self._media = media
        self.spool = spool

    def open_file(self, source: str, path: str, size: int) -> BinaryIO:
        """Open any file of a source. Raises SourceError, OSError."""
        return self._media.trees[source].open(Node(path, size))

    def open(self, instance: Instance) -> BinaryIO:
        """Open the bytes of an instance. Raises SourceError, OSError."""
        return self.spool.open(instance.path) if instance.source == SPOOL else self._media.open(instance)


def prepare(
    taken: Prepared, terms: Terms, store: Store, fates: Fates, tell: Listener = silence
) -> Prepared | None:
    """Judge and convert; None when nothing may be written because of what cannot go."""
    judge = Judge(terms.profile, terms.convert)
    judged = judge_all(taken, judge, fates, tell)
    if terms.stop(fates):
        return None
    converter = Converter(
        judge=judge,
        policy=terms.convert,
        scanner=scanner_for(terms.profile),
        store=store,
        spool=store.spool,
    )
    prepared = converter.convert_all(judged, taken, fates, tell)
    return None if not prepared.instances or terms.stop(fates) else prepared


def judge_all(taken: Prepared, judge: Judge, fates: Fates, tell: Listener = silence) -> Judged:
    """Judge every instance; refused ones are settled in `fates`, the findings of the others kept."""
    accepted: list[Instance] = []
    to_convert: list[tuple[Instance, Verdict]] = []
    tell(PhaseStarted("judge", total=len(taken.instances)))
    for instance in taken.instances:
        verdict = judge(instance)
        if verdict.decision is Decision.ACCEPT and not verdict.findings:
            accepted.append(instance)
            continue
        place = taken.place_of(instance)
        if verdict.decision is Decision.REFUSE:
            fates.refuse(place, verdict.findings, sop_instance=instance.sop_instance)
            continue
        fates.note(place, verdict.findings)
        if verdict.decision is Decision.CONVERT:
            to_convert.append((instance, verdict))
        else:
            accepted.append(instance)
    tell(PhaseEnded("judge"))
    return Judged(accepted=tuple(accepted), to_convert=tuple(to_convert))


class Converter(Struct, frozen=True, kw_only=True):
    """Re-encodes instances into the spool and has them judged again."""

    judge: Judge
    policy: Convert
    scanner: Scanner
    store: Store
    spool: Spool

    def convert_all(
        self, judged: Judged, taken: Prepared, fates: Fates, tell: Listener = silence
    ) -> Prepared:
        """Convert what `judged` lists. An instance that cannot be converted is settled in `fates`."""
        if not judged.to_convert:
            return Prepared(instances=judged.accepted, places=taken.places)
        places = dict(taken.places)
        converted: list[Instance] = []
        tell(PhaseStarted("convert", total=len(judged.to_convert)))
        for instance, verdict in judged.to_convert:
            place = taken.place_of(instance)
            made = self._convert(instance, verdict, place, fates)
            if made is not None:
                converted.append(made)
                places[made.sop_instance] = place
            tell(Advanced())
        tell(PhaseEnded("convert"))
        return Prepared(instances=(*judged.accepted, *converted), places=places)

    def _convert(self, instance: Instance, verdict: Verdict, place: str, fates: Fates) -> Instance | None:
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
            fates.settle(place, State.UNREADABLE, finding_on_failure(exc), sop_instance=uid)
            return None
        if isinstance(done, NotConvertible):
            fates.refuse(place, (done.finding,), sop_instance=uid)
            return None
        name = self.spool.keep(done.file.pieces())
        with self.spool.open(name) as stream:
            made = self.scanner.read(stream, len(done.file), SPOOL, name)
        findings: tuple[Finding, ...] = done.findings
        if not isinstance(made, Instance):
            fates.refuse(place, (*findings, made.finding), sop_instance=uid)
            return None
        again = Judge(self.judge.profile, Convert.NONE, self.judge.role)(made)
        if again.decision is not Decision.ACCEPT:
            still = STILL_REFUSED.at(syntax=syntax_name(verdict.to))
            fates.refuse(place, (still, *again.findings), sop_instance=uid)
            return None
        fates.note(place, (*findings, *again.findings))
        return made
