"""Copies of the instances of an import without what says who the patients are, in the spool.

They are all made before the first one is sent: what identified one patient may stand in the images of
another, so the copies can only be searched for it when every instance has been read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.files import NotDeidentified, deidentify
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.base import Node
from mediakit.stages.act.loading import Loader, Unsendable
from mediakit.stages.judge.spool import Spool
from mediakit.stages.look.closed import finding_on_failure
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import key_of
from mediakit.transfer.states import Happening

DEIDENTIFIED = Rule(
    id="MK-DEI-020",
    severity=Severity.NOTE,
    title="de-identified on its way, as {uid}",
    ref="PS3.15 E.1.1",
    hint="nothing needs to be done; look at the images, whose pixels are not searched for text",
)


class Copies:
    """The copies in the spool, opened by the paths of the files that they are made of.

    `items` are the instances as they go out, by key; `unsendable` those that do not, and why; `findings` are
    what else was found, with the path on the medium.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._names: dict[str, str] = {}
        self.items: dict[str, Outgoing] = {}
        self.unsendable: dict[str, Unsendable] = {}
        self.findings: list[Finding] = []

    def open(self, node: Node) -> BinaryIO:
        """Open the copy of a file of the medium. Raises OSError."""
        return self._spool.open(self._names[node.path])

    def close(self) -> None:
        """Do nothing: the spool goes away at its own time, and others still read from it."""

    def keep(self, item: Outgoing, pieces: Iterable[bytes]) -> None:
        """Keep the copy of an instance. Raises DoesNotFit when there is no room for it."""
        self._names[item.path] = self._spool.keep(pieces)
        self.items[key_of(item.sop_instance, item.path)] = item

    def hold_back(self, key: str, finding: Finding) -> None:
        """Keep an instance from going out, because of what was found in its copy."""
        del self.items[key]
        self.unsendable[key] = Unsendable(Happening.ERROR, finding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentifying:
    """De-identifies the instances of one import.

    `originals` lead from their new UIDs to those on the medium.
    """

    engine: Engine
    on_burned_in: OnBurnedIn
    originals: Mapping[str, str] = field(repr=False)

    def __call__(
        self,
        items: Collection[Outgoing],
        to_send: Collection[str],
        loader: Loader,
        copies: Copies,
        tell: Listener,
    ) -> None:
        """Make the copies of those whose keys are `to_send`.

        The others were sent before, and are read for what identifies their patients. Raises DoesNotFit when
        there is no room for the copies.
        """
        tell(PhaseStarted("de-identify", total=len(items)))
        for item in items:
            key = key_of(item.sop_instance, item.path)
            unsendable = self._copy(item, loader, copies if key in to_send else None)
            if unsendable is not None and key in to_send:
                copies.unsendable[key] = unsendable
            tell(Advanced())
        tell(PhaseEnded("de-identify"))

    def _copy(self, item: Outgoing, loader: Loader, copies: Copies | None) -> Unsendable | None:
        try:
            stream = loader.opened(replace(item, sop_instance=self.originals[item.sop_instance]))
            done = deidentify(stream, self.engine, self.on_burned_in)
        except (SourceError, OSError) as exc:
            return Unsendable(Happening.CANNOT_READ, finding_on_failure(exc))
        if isinstance(done, NotDeidentified):
            return Unsendable(Happening.ERROR, done.finding)
        if copies is not None:
            copies.keep(
                replace(item, size=len(done.file), transfer_syntax=done.transfer_syntax), done.file.pieces()
            )
            told = DEIDENTIFIED.at(uid=item.sop_instance)
            copies.findings += [finding.moved(item.path) for finding in (*done.findings, told)]
        return None
