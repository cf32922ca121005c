"""Instances that lose on their way what says who the patient is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.files import NotDeidentified, deidentify
from mediakit.findings import Rule, Severity
from mediakit.stages.act.loading import Changed, Unsendable
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.states import Happening

DEIDENTIFIED = Rule(
    id="MK-DEI-020",
    severity=Severity.NOTE,
    title="de-identified on its way: it was sent as {uid}",
    ref="PS3.15 E.1.1",
    hint="nothing needs to be done; an import is not searched for names, as a medium is",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentifying:
    """De-identifies instances on their way. For several threads."""

    engine: Engine
    on_burned_in: OnBurnedIn

    def __call__(self, item: Outgoing, stream: BinaryIO) -> Changed | Unsendable:
        """Return the instance as it goes out, or why it cannot; `item` has its new UIDs already."""
        done = deidentify(stream, self.engine, self.on_burned_in)
        if isinstance(done, NotDeidentified):
            return Unsendable(Happening.ERROR, done.finding)
        told = DEIDENTIFIED.at(uid=item.sop_instance)
        return Changed(b"".join(done.file.pieces()), done.transfer_syntax, (*done.findings, told))
