"""Inventory of a medium for an import: what is to be sent, and one fate for every file that is not.

Instances are the union of the directory and of the files. Nothing is sent or written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mediakit.dicom.instance import Instance, shown
from mediakit.fileset.contents import Contents, InstanceFact, PatientFact, Seen, StudyFact, contents_of
from mediakit.fileset.decode import HIDES_RECORDS, WRONG_CLASS
from mediakit.fileset.file_kinds import OtherKind
from mediakit.fileset.survey import Duplicates, FileFact, Survey
from mediakit.fileset.two_owners import series_of_several, studies_of_several
from mediakit.findings import Finding, Where, printable
from mediakit.outcome import Fate, State
from mediakit.stages.look.as_it_is import findings_of
from mediakit.stages.look.closed import LOCKED, PACKED, SEALED, UNTRUSTED, finding_on_unopened
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import SAME_DATA_SET, why_not_whole
from mediakit.stages.look.inventory_rules import (
    ARCHIVES,
    CONFLICT,
    CONTRADICTION,
    DAMAGED_DIRECTORY,
    DIRECTORY,
    DUPLICATE_UNREADABLE,
    FAULTY_DIRECTORY,
    MISSING,
    NO_DIRECTORY,
    NOT_ASKED_FOR,
    OTHER_THERE,
    TWO_PATIENTS,
    TWO_STUDIES,
    UNREADABLE,
    UNREFERENCED,
)
from mediakit.stages.look.selecting import Chosen
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.patient_identity import Identities, Identity
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import TransferState


class Scope(StrEnum):
    """Which instances of a medium are wanted."""

    UNION = "union"  # of the directory and of the files
    DIRECTORY = "directory"  # only those that the directory names
    FILES = "files"  # those that lie there, whatever the directory says


@dataclass(frozen=True, slots=True)
class Member:
    """The patient and the study of an instance; `identity` is what its file says, if it has one."""

    patient: PatientFact = field(repr=False)
    study: StudyFact = field(repr=False)
    identity: Identity | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a medium holds for an import.

    `rows` are the instances in physical order, those that cannot be sent with the state they are in.
    `members` tell by key whose they are, `because` by key why a row cannot be sent. `fates` are those of the
    files that are in no row. `findings` are on the medium as a whole and on the files; what could not be read
    of the medium is among them. `left_out` are the keys of instances that were not asked for; `is_nothing`:
    nothing was left.
    """

    source: str
    format: str
    contents: Contents
    rows: tuple[Row, ...] = ()
    members: Mapping[str, Member] = field(default_factory=dict)
    because: Mapping[str, Finding] = field(default_factory=dict)
    fates: tuple[Fate, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_out: frozenset[str] = frozenset()
    is_nothing: bool = False


def inventory_of(chosen: Chosen, scope: Scope) -> Inventory:
    """Sort out what of a medium is to be sent."""
    (seen,) = chosen.surveys
    taking = _InventoryTaking(seen, scope)
    chosen.settle(taking.fates)
    taking.run()
    return Inventory(
        source=seen.subject,
        format=seen.format,
        contents=taking.contents,
        rows=tuple(taking.rows.values()),
        members=taking.members,
        because=taking.because,
        fates=taking.fates.fates(),
        findings=tuple(taking.fates.findings),
        left_out=frozenset(
            key_of(file.instance.sop_instance, file.path)
            for _, file in chosen.left_out
            if file.instance is not None
        ),
        is_nothing=chosen.is_nothing,
    )


class _InventoryTaking:
    """One taking under way."""

    def __init__(self, seen: Survey, scope: Scope) -> None:
        self.seen = seen
        self.scope = scope
        self.contents = contents_of(seen)
        self.fates = Fates((seen,))
        self.rows: dict[str, Row] = {}
        self.members: dict[str, Member] = {}
        self.because: dict[str, Finding] = {}
        self._absent: list[tuple[Member, InstanceFact]] = []
        self._facts: dict[str, tuple[Member, InstanceFact]] = {}
        self._identities = Identities()
        self._named = {link.file.path for link in seen.all_links() if link.file is not None}

    def run(self) -> None:
        """Sort every file, then what only the directory knows."""
        for member, fact in _members(self.contents):
            if fact.seen is Seen.DIRECTORY:
                self._absent.append((member, fact))
            else:
                self._facts[fact.path] = (member, fact)
        uids = {duplicates.sop_instance for duplicates in self.seen.duplicates}
        for file, instance in self.seen.instances():
            if instance.sop_instance not in uids:
                self._instance(file, instance)
        for duplicates in self.seen.duplicates:
            self._settle_duplicates(duplicates)
        if self.scope is not Scope.FILES:
            self._add_absent()
        self._others()
        self._compare()
        self._compare_owners()
        sent = []
        for file, instance in self.seen.instances():
            row = self.rows.get(key_of(instance.sop_instance, file.path))
            if row is not None and row.state is TransferState.PLANNED and row.item.path == file.path:
                sent.append((self._place(file.path), instance))
        self.fates.findings += findings_of(sent)
        order = {file.path: number for number, file in enumerate(self.seen.files)}
        last = len(order)
        self.rows = dict(sorted(self.rows.items(), key=lambda each: order.get(each[1].item.path, last)))

    def _compare_owners(self) -> None:
        """Report studies of several patients, and series in several studies."""
        for rule, found in (
            (TWO_PATIENTS, studies_of_several(self.seen)),
            (TWO_STUDIES, series_of_several(self.seen)),
        ):
            for owned in found:
                where = Where(path=self._place(owned.path))
                self.fates.findings.append(rule.at(where, uid=owned.uid, count=len(owned.owners)))

    def _place(self, path: str) -> str:
        return shown(self.seen.subject, path)

    def _instance(self, file: FileFact, instance: Instance) -> None:
        if not self._is_asked_for(file):
            self._settle(file.path, State.EXCLUDED, NOT_ASKED_FOR.at(), instance.sop_instance)
            return
        member, _ = self._facts[file.path]
        self._row(
            Outgoing(
                sop_class=instance.sop_class,
                sop_instance=instance.sop_instance,
                transfer_syntax=instance.transfer_syntax,
                path=file.path,
                size=file.size,
                study=instance.study,
                series=instance.series,
            ),
            replace(member, identity=self._identities.of(instance)),
        )

    def _is_asked_for(self, file: FileFact) -> bool:
        return self.scope is not Scope.DIRECTORY or self._facts[file.path][1].seen is not Seen.SCAN

    def _row(
        self, item: Outgoing, member: Member, state: TransferState = TransferState.PLANNED, key: str = ""
    ) -> str:
        key = key or key_of(item.sop_instance, item.path)
        self.rows[key] = Row(key=key, item=item, state=state)
        self.members[key] = member
        return key

    def _settle_duplicates(self, duplicates: Duplicates) -> None:
        """Take the file that is the instance, when it can be told which; name all others."""
        uid = duplicates.sop_instance
        kept = "" if duplicates.kept is None else self._place(duplicates.kept.path)
        if duplicates.kept is not None and duplicates.kept.instance is not None:
            self._instance(duplicates.kept, duplicates.kept.instance)
        is_taken = uid in self.rows
        not_asked_for = self._not_asked_for(duplicates)
        for file in duplicates.same:
            self._settle(file.path, State.DUPLICATE, SAME_DATA_SET.at(first=kept), uid)
        for file, why in duplicates.unread:
            finding = DUPLICATE_UNREADABLE.at(why=why.text, other=kept) if is_taken else _why_unreadable(why)
            if file.path in not_asked_for:
                self._settle(file.path, State.EXCLUDED, NOT_ASKED_FOR.at(), uid)
            elif duplicates.others or uid in self.rows:
                self._settle(file.path, State.UNREADABLE, finding, uid)
            else:
                self._stand_for(file, TransferState.UNREADABLE, finding)
        for file in duplicates.others:
            if file.path in not_asked_for:
                self._settle(file.path, State.EXCLUDED, NOT_ASKED_FOR.at(), uid)
                continue
            other = next(other for other in reversed(duplicates.others) if kept or other is not file)
            finding = CONFLICT.at(uid=uid, other=kept or self._place(other.path))
            self._settle(file.path, State.CONFLICT, finding, uid)
            if uid not in self.rows:
                self._stand_for(file, TransferState.CONFLICT, finding)

    def _not_asked_for(self, duplicates: Duplicates) -> frozenset[str]:
        """Return the paths of duplicates that no record names, when only what is named is wanted."""
        files = [file for file in (duplicates.kept, *duplicates.left_out()) if file is not None]
        if self.scope is Scope.DIRECTORY and any(file.path in self._named for file in files):
            return frozenset(file.path for file in files if file.path not in self._named)
        return frozenset(file.path for file in files if not self._is_asked_for(file))

    def _stand_for(self, file: FileFact, state: TransferState, finding: Finding) -> None:
        """Let one file stand for an instance that cannot be sent in the ledger, unless it is not wanted."""
        instance = file.instance
        if instance is None:
            return
        self._instance(file, instance)
        key = key_of(instance.sop_instance, file.path)
        if key in self.rows:
            self.rows[key] = replace(self.rows[key], state=state)
            self.because[key] = finding

    def _settle(self, path: str, state: State, finding: Finding | None, uid: str = "") -> None:
        place = self._place(path)
        self.fates.enter(place)
        self.fates.settle(place, state, finding, sop_instance=uid)

    def _add_absent(self) -> None:
        """Add what the directory names and no file holds: missing, or there and unreadable."""
        names = _file_ids(self.seen)
        findings = {file.path: file.finding for file in self.seen.files}
        for number, (member, fact) in enumerate(self._absent):
            path = fact.path or names.get(fact.sop_instance, "")
            item = Outgoing(
                sop_class=fact.sop_class,
                sop_instance=fact.sop_instance,
                transfer_syntax=fact.transfer_syntax,
                path=path,
                size=fact.size,
            )
            key = key_of(fact.sop_instance, path or f"?{number}")
            if fact.path:
                state, finding = TransferState.UNREADABLE, _why_unreadable(findings.get(path))
            else:
                state = TransferState.MISSING
                finding = self._why_missing(path, fact.sop_instance)
            self._row(item, member, state, key)
            self.because[key] = finding.moved(self._place(path) if path else self.seen.subject)

    def _why_missing(self, path: str, uid: str) -> Finding:
        """Say that no file holds an instance; one of its name can be there and hold another one."""
        if any(file.path == path and file.instance is not None for file in self.seen.files):
            return OTHER_THERE.at(uid=uid, path=printable(path))
        return MISSING.at(what=path or uid or "an instance")

    def _others(self) -> None:
        """Give a fate to every file that holds no instance and is no row."""
        in_rows = {row.item.path for row in self.rows.values()}
        findings = {file.path: file.finding for file in self.seen.files}
        directory = None if self.seen.dicomdir is None else self.seen.dicomdir.path
        for other in self.contents.others:
            if other.path in in_rows:
                continue
            if other.kind is OtherKind.DICOMDIR:
                self._settle(other.path, State.EXCLUDED, DIRECTORY.at())
            elif other.path == directory:  # also when it is broken it is nothing that could be sent
                self._settle(other.path, State.EXCLUDED, self._why_no_directory(findings.get(other.path)))
            elif other.kind in {OtherKind.DAMAGED, OtherKind.ENCRYPTED} and self.scope is Scope.DIRECTORY:
                self._settle(other.path, State.EXCLUDED, NOT_ASKED_FOR.at())  # what is named is a row
            elif other.kind in {OtherKind.DAMAGED, OtherKind.ENCRYPTED}:
                self._unreadable(other.path, other.size, _why_unreadable(findings.get(other.path)))
            else:
                self._settle(other.path, State.NOT_DICOM, None)
        archives = [other.path for other in self.contents.others if other.kind is OtherKind.ARCHIVE]
        if archives:
            where = Where(path=self.seen.subject)
            self.fates.findings.append(ARCHIVES.at(where, count=len(archives), path=printable(archives[0])))

    def _why_no_directory(self, finding: Finding | None) -> Finding:
        dicomdir = self.seen.dicomdir
        if dicomdir is not None and dicomdir.is_unopened:
            return finding_on_unopened(dicomdir)
        return DAMAGED_DIRECTORY.at(why=_why_damaged(finding))

    def _unreadable(self, path: str, size: int, finding: Finding) -> None:
        """Add a row for a file that may be an instance: a second copy of the medium may have it whole."""
        item = Outgoing(sop_class="", sop_instance="", transfer_syntax="", path=path, size=size)
        key = key_of("", path)
        self.rows[key] = Row(key=key, item=item, state=TransferState.UNREADABLE)
        self.because[key] = finding.moved(self._place(path))

    def _compare(self) -> None:
        """Report once each in what directory and files differ."""
        if self.scope is Scope.FILES or self.seen.format == "file":
            return
        where = Where(path="" if self.seen.dicomdir is None else self._place(self.seen.dicomdir.path))
        if self.seen.dicomdir is not None and self.seen.dicomdir.is_unopened:
            return  # that it is encrypted is said of its file
        for other in self.seen.other_directories:
            if not other.file.is_unopened and (why := why_not_whole(other)):
                place = Where(path=self._place(other.file.path))
                self.fates.findings.append(DAMAGED_DIRECTORY.at(place, why=why))
        if self.seen.decoded is None:
            self.fates.findings.append(NO_DIRECTORY.at(Where(path=self.seen.subject)))
            return
        for rule, found in ((DAMAGED_DIRECTORY, HIDES_RECORDS), (FAULTY_DIRECTORY, frozenset({WRONG_CLASS}))):
            first = next((one for one in self.seen.decoded.findings if one.rule in found), None)
            if first is not None:
                self.fates.findings.append(rule.at(where, why=first.text))
        extra = [
            file.path for file, _ in self.seen.instances() if self._facts[file.path][1].seen is Seen.SCAN
        ]
        if extra:
            self.fates.findings.append(UNREFERENCED.at(where, count=len(extra), path=printable(extra[0])))
        wrong = list(_contradicted(self.seen))
        if wrong:
            self.fates.findings.append(CONTRADICTION.at(where, count=len(wrong), path=printable(wrong[0])))


def _members(contents: Contents) -> Iterator[tuple[Member, InstanceFact]]:
    for patient in contents.patients:
        for study in patient.studies:
            member = Member(patient, study)
            for series in study.series:
                for fact in series.instances:
                    yield member, fact


def _file_ids(seen: Survey) -> dict[str, str]:
    """Return the File ID that the directory gives for each SOP Instance UID, "/" between components."""
    names: dict[str, str] = {}
    for link in seen.all_links():
        names.setdefault(link.reference.sop_instance, link.reference.file_id_text)
    return names


def _why_unreadable(finding: Finding | None) -> Finding:
    if finding is not None and finding.rule in {PACKED, SEALED, LOCKED, UNTRUSTED}:
        return finding
    return UNREADABLE.at(why=_why_damaged(finding))


def _why_damaged(finding: Finding | None) -> str:
    return "it is damaged or cut off" if finding is None else finding.text


def _contradicted(seen: Survey) -> Iterator[str]:
    for link in seen.links:
        instance = None if link.file is None else link.file.instance
        said = link.reference
        if instance is None or not said.sop_instance:
            continue
        if (said.sop_instance, said.sop_class, said.transfer_syntax) != (
            instance.sop_instance,
            instance.sop_class,
            instance.transfer_syntax,
        ):
            yield instance.path
