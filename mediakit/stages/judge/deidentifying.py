"""Instances that no longer say who they are of: a copy of each in the spool takes its place."""

from __future__ import annotations

from dataclasses import dataclass

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.files import NotDeidentified, deidentify
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.outcome import State
from mediakit.stages.judge.prepare import Prepared, Store
from mediakit.stages.judge.spool import SPOOL
from mediakit.stages.look.closed import finding_on_failure
from mediakit.stages.look.fates import Fates


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentifier:
    """De-identifies the instances of one journey into the spool."""

    engine: Engine
    on_burned_in: OnBurnedIn
    scanner: Scanner
    store: Store

    def __call__(self, prepared: Prepared, fates: Fates, tell: Listener = silence) -> Prepared:
        """Return the instances as they are in the spool; `places` leads back from each to its source.

        One that cannot be de-identified is settled in `fates`. Raises DoesNotFit when there is no room.
        """
        made: list[Instance] = []
        places: dict[str, str] = {}
        tell(PhaseStarted("de-identify", total=len(prepared.instances)))
        for instance in prepared.instances:
            place = prepared.place_of(instance)
            new = self._made(instance, place, fates)
            if new is not None:
                made.append(new)
                places[new.sop_instance] = place
            tell(Advanced())
        tell(PhaseEnded("de-identify"))
        return Prepared(instances=tuple(made), places=places)

    def _made(self, instance: Instance, place: str, fates: Fates) -> Instance | None:
        uid, spool = instance.sop_instance, self.store.spool
        try:
            with self.store.open(instance) as stream:
                done = deidentify(stream, self.engine, self.on_burned_in)
        except (SourceError, OSError) as exc:
            fates.settle(place, State.UNREADABLE, finding_on_failure(exc), sop_instance=uid)
            return None
        if isinstance(done, NotDeidentified):
            state = State.EXCLUDED if done.is_closed else State.REFUSED
            fates.settle(place, state, done.finding, sop_instance=uid)
            return None
        name = spool.keep(done.file.pieces())
        with spool.open(name) as stream:
            new = self.scanner.read(stream, len(done.file), SPOOL, name)
        if not isinstance(new, Instance):
            fates.refuse(place, (*done.findings, new.finding), sop_instance=uid)
            return None
        fates.note(place, done.findings)
        return new
