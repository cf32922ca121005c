"""The burn: sources -> scan -> judge -> convert -> collate -> plan -> write -> proof -> one fate per file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from io import BytesIO
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Header
from mediakit.errors import MediakitError, UsageError, mapped
from mediakit.events import FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.charset import place_of
from mediakit.fileset.collate import collate
from mediakit.fileset.groups import Collated
from mediakit.fileset.plan import DICOMDIR, ExtraFile, FileSetPlan, Wishes, plan
from mediakit.fileset.policy import OnReject, Supply
from mediakit.fileset.record import Key
from mediakit.findings import Finding, Report, Rule, Severity
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.registry import sink
from mediakit.journeys.extra import ExtraContent, gather
from mediakit.journeys.fates import Fates
from mediakit.journeys.icons import make_icons
from mediakit.journeys.prepare import Converter, Ready, Store, judge_all
from mediakit.journeys.proof import prove
from mediakit.journeys.scan import scan
from mediakit.journeys.sources import Sources
from mediakit.journeys.spool import SPOOL, Spool
from mediakit.journeys.target import capacity_of, format_of, remove_target
from mediakit.outcome import Fate, Outcome, Result, State, outcome_of
from mediakit.profile.judge import Judge, judged_tags
from mediakit.profile.model import Profile, Security
from mediakit.profile.policy import Convert

FAILED_TO_WRITE = Rule(
    id="MK-FST-101",
    severity=Severity.ERROR,
    title="nothing was written: {why}",
    ref="PS3.10 8.6",
    hint="see that the folder exists, can be written and has room, and run the same command again",
)
FOLDER_ONLY = Rule(
    id="MK-FST-102",
    severity=Severity.NOTE,
    title="a folder is not yet a medium: its content must go on {medium} with {systems}",
    ref="PS3.12",
    hint="write it with a program for discs, or name an image (`-o OUT.iso`) and burn that",
)
MAIL_SECURITY = Rule(
    id="MK-FST-103",
    severity=Severity.WARNING,
    title="the profile asks that the e-mail be encrypted and signed; the file itself is plain",
    ref="PS3.15 B.8",
    hint="send it with S/MIME; mediakit does not send e-mail",
)


class Depth(StrEnum):
    """How far a burn goes."""

    PLAN = "plan"  # rehearse: plan and report, write nothing
    WRITE = "write"  # write, and hash nothing
    HASH = "hash"  # write, and hash what is read: the manifest is whole
    PROVE = "prove"  # the same, then read everything back and compare


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnOrder:
    """What to burn and how. `when` is the only time that reaches the medium."""

    profile: Profile
    out: Path
    when: datetime
    on_reject: OnReject = OnReject.FAIL
    convert: Convert = Convert.LOSSLESS
    supply: Supply = Supply.DIRECTORY
    capacity: str = ""
    file_set_id: str = "DICOM"
    add: tuple[Path, ...] = ()
    overwrite: bool = False
    depth: Depth = Depth.PROVE
    fail_on: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Burnt:
    """What a burn gives: the result with one fate per file, and the plan when it came so far."""

    result: Result
    plan: FileSetPlan | None = None
    is_rehearsal: bool = False


def burn(sources: Sequence[Path], order: BurnOrder, tell: Listener = silence) -> Burnt:
    """Burn the instances of some sources as a file-set of a profile.

    Returns one fate for every file met, in the sources and in the content to add. Raises MediakitError
    when the journey cannot begin: a source that cannot be opened, a target that exists or does not suit
    the medium, a File-set ID that is none.
    """
    variant = format_of(order.profile, order.out)
    capacity = capacity_of(order.profile.medium, order.capacity)
    with mapped({OSError: UsageError}, "the target cannot be used", str(order.out)):
        _check_target(order, sources)
    book = Fates()
    with Sources(sources) as opened, Spool() as spool, gather(order.add) as extra:
        for place in extra.places.values():
            book.enter(place)
        run = _Run(order, variant, capacity, book, opened, spool, extra, tell)
        burnt = run.run()
    for fate in burnt.result.fates:
        tell(FileSettled(fate))
    return burnt


def _check_target(order: BurnOrder, sources: Sequence[Path]) -> None:
    out = order.out
    for path in (*sources, *order.add):
        if os.path.realpath(out) == os.path.realpath(path):
            raise UsageError("the target is a source", where=str(out), hint="name another file or folder")
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            hint = "name a file or folder outside of it"
            raise UsageError("the target lies in the source", where=str(out), hint=hint)
    if not out.absolute().parent.is_dir():
        raise UsageError("the folder of the target does not exist", where=str(out))
    if out.is_dir() and any(out.iterdir()):
        raise UsageError("the target is a folder with content", where=str(out), hint="name a new folder")
    if os.path.lexists(out) and not out.is_dir() and not order.overwrite:
        raise UsageError("the target exists", where=str(out), hint="`--force` replaces it")


def _without_headers(planned: FileSetPlan) -> FileSetPlan:
    """Return the plan without the headers, which have done their work and fill most of the memory."""
    spent = Header({}, {})
    files = (replace(file, instance=replace(file.instance, header=spent)) for file in planned.files)
    return replace(planned, files=tuple(files))


class _Run:
    """One burn under way."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a burn is made of
        self,
        order: BurnOrder,
        variant: str,
        capacity: int | None,
        book: Fates,
        sources: Sources,
        spool: Spool,
        extra: ExtraContent,
        tell: Listener,
    ) -> None:
        self.order = order
        self.variant = variant
        self.capacity = capacity
        self.book = book
        self.sources = sources
        self.spool = spool
        self.extra = extra
        self.tell = tell
        self.store = Store(sources, spool)
        keys = (key.tag for key in order.profile.keys if key.parent is None)
        self.scanner = Scanner({*judged_tags(order.profile), *keys})
        self.figures: dict[str, str | int | float] = {
            "profile": order.profile.id,
            "profile_source": order.profile.source,
            "target": str(order.out),
            "format": variant,
            "medium": order.profile.medium.title,
            "file_set_id": order.file_set_id,
        }

    def run(self) -> Burnt:
        """Go from the scan to the result."""
        ready = self._ready()
        collated = self._collate(ready)
        if self._must_stop(ready):
            return self._withheld(None)
        icons = make_icons(ready, self.order.profile.icon, self.store, self.book, self.tell)
        if len(ready.instances) != sum(1 for _ in collated.leaves()):
            collated = self._collate(ready)
        if self._must_stop(ready):
            return self._withheld(None)
        planned = _without_headers(self._plan(collated, ready, icons))
        ready.instances.clear()
        del collated
        if any(finding.severity is Severity.ERROR for finding in planned.findings):
            return self._withheld(planned, Outcome.DOES_NOT_FIT)
        self._note_medium()
        if self.order.depth is Depth.PLAN:
            return self._rehearsed(planned, ready)
        return self._written(planned, ready)

    def _ready(self) -> Ready:
        judge = Judge(self.order.profile, self.order.convert)
        instances = scan(self.sources, self.scanner, self.book, self.tell)
        ready = judge_all(instances, judge, self.book, self.tell)
        if ready.to_convert and not self._must_stop(ready):
            converter = Converter(
                judge=judge,
                policy=self.order.convert,
                scanner=self.scanner,
                store=self.store,
                spool=self.spool,
            )
            converter.convert_all(ready, self.book, self.tell)
        ready.instances.extend(instance for instance, _ in ready.to_convert)
        return ready

    def _must_stop(self, ready: Ready) -> bool:
        if not ready.instances and not ready.to_convert:
            return True
        bad = any(not state.is_good for state in self.book.states())
        return bad and self.order.on_reject is OnReject.FAIL

    def _collate(self, ready: Ready) -> Collated:
        """Collate; the refused leave `ready` and are settled in the book."""
        collated = collate(ready.instances, self.order.profile, self.order.supply)
        for index, finding in collated.refused.items():
            instance = ready.instances[index]
            place = ready.places[instance.sop_instance]
            self.book.refuse(place, (finding,), sop_instance=instance.sop_instance)
        ready.instances = [one for index, one in enumerate(ready.instances) if index not in collated.refused]
        return collated

    def _plan(self, collated: Collated, ready: Ready, icons: Mapping[str, Key]) -> FileSetPlan:
        wishes = Wishes(
            file_set_id=self.order.file_set_id,
            capacity_bytes=self.capacity,
            extra=tuple(
                ExtraFile(entry.path, entry.size, self.extra.places[entry.path])
                for entry in self.extra.entries
            ),
        )
        planned = plan(collated, self.order.profile, wishes, icons)
        spooled = {
            place_of(one): ready.places[one.sop_instance] for one in ready.instances if one.source == SPOOL
        }
        for finding in planned.findings:
            path = finding.where.path
            self.book.findings.append(finding.moved(spooled[path]) if path in spooled else finding)
        self.figures |= {
            "instances": len(planned.files),
            "file_set_uid": planned.directory.file_set_uid,
            "dicomdir_bytes": len(planned.dicomdir),
            "needs_bytes": planned.total_bytes,
        }
        if planned.capacity_bytes is not None:
            self.figures["capacity_bytes"] = planned.capacity_bytes
        return planned

    def _note_medium(self) -> None:
        profile = self.order.profile
        if profile.security is Security.EMAIL:
            self.book.findings.append(MAIL_SECURITY.at())
        if self.variant == "folder":
            systems = " or ".join(profile.medium.file_systems)
            self.book.findings.append(FOLDER_ONLY.at(medium=profile.medium.title, systems=systems))

    def _withheld(self, planned: FileSetPlan | None, outcome: Outcome | None = None) -> Burnt:
        self.book.settle_rest(State.WITHHELD)
        return self._burnt(planned, outcome)

    def _rehearsed(self, planned: FileSetPlan, ready: Ready) -> Burnt:
        self._settle(planned, ready, State.PLANNED, State.PLANNED, {})
        return self._burnt(planned)

    def _written(self, planned: FileSetPlan, ready: Ready) -> Burnt:
        try:
            receipt = self._write(planned)
        except MediakitError as exc:
            return self._failed(planned, ready, str(exc), Outcome(exc.exit_code))
        except OSError as exc:
            return self._failed(planned, ready, exc.strerror or str(exc), Outcome.INTEGRITY)
        self.figures["written_bytes"] = receipt.size_bytes
        if self.order.depth is Depth.PROVE:
            wrong = self._prove(planned, receipt)
            if wrong:
                self.book.findings.extend(wrong)
                self.figures["proof"] = f"failed: {len(wrong)} findings"
                return self._unproven(planned, ready, receipt, wrong)
            self.figures["proof"] = f"{len(receipt.sha256)} files read back, every SHA-256 equal"
        self._settle(planned, ready, State.WRITTEN, State.CONVERTED, receipt.sha256)
        return self._burnt(planned)

    def _prove(self, planned: FileSetPlan, receipt: Receipt) -> tuple[Finding, ...]:
        try:
            return prove(self.order.out, planned, receipt.sha256, self.tell)
        except BaseException:
            remove_target(self.order.out)  # it looks finished, and nobody would know that it is not proven
            raise

    def _write(self, planned: FileSetPlan) -> Receipt:
        entries = [Entry(DICOMDIR, len(planned.dicomdir), partial(BytesIO, planned.dicomdir))]
        entries += [
            Entry(str(file.file_id), file.size, partial(self.store.open, file.instance))
            for file in planned.files
        ]
        entries += self.extra.entries
        order = Order(
            label=self.order.file_set_id,
            when=self.order.when,
            hashing=self.order.depth in {Depth.HASH, Depth.PROVE},
            variant=self.variant,
            overwrite=self.order.overwrite,
        )
        self.tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
        receipt = sink(self.variant).write(entries, self.order.out, order, self.tell)
        self.tell(PhaseEnded("write"))
        return receipt

    def _settle(
        self,
        planned: FileSetPlan,
        ready: Ready,
        carried: State,
        converted: State,
        sha256: Mapping[str, str],
    ) -> None:
        for file in planned.files:
            place = ready.places[file.instance.sop_instance]
            path = str(file.file_id)
            self.book.record(
                Fate(
                    source=place,
                    state=converted if place in ready.converted else carried,
                    became=path,
                    sop_instance=file.instance.sop_instance,
                    sha256=sha256.get(path, ""),
                )
            )
        for path, place in self.extra.places.items():
            self.book.record(Fate(source=place, state=carried, became=path, sha256=sha256.get(path, "")))

    def _failed(self, planned: FileSetPlan, ready: Ready, why: str, outcome: Outcome) -> Burnt:
        self.book.findings.append(FAILED_TO_WRITE.at(why=why))
        self._settle(planned, ready, State.FAILED, State.FAILED, {})
        return self._burnt(planned, outcome)

    def _unproven(
        self, planned: FileSetPlan, ready: Ready, receipt: Receipt, wrong: Sequence[Finding]
    ) -> Burnt:
        """Settle the files that were not proven as failed; all of them when the directory is wrong."""
        paths = {finding.where.path for finding in wrong}
        if paths & {"", DICOMDIR}:
            self._settle(planned, ready, State.FAILED, State.FAILED, receipt.sha256)
            return self._burnt(planned)
        self._settle(planned, ready, State.WRITTEN, State.CONVERTED, receipt.sha256)
        for fate in self.book.settled():
            if fate.became in paths:
                self.book.record(replace(fate, state=State.FAILED))
        return self._burnt(planned)

    def _burnt(self, planned: FileSetPlan | None, outcome: Outcome | None = None) -> Burnt:
        fates = self.book.fates()
        report = Report.of(self.order.profile.id, self.book.findings)
        if outcome is None:
            outcome = outcome_of(fates, report, self.order.fail_on)
        result = Result(
            journey="burn", fates=fates, report=report, outcome=outcome, figures=dict(self.figures)
        )
        return Burnt(result=result, plan=planned, is_rehearsal=self.order.depth is Depth.PLAN)
