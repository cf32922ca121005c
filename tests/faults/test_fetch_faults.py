"""Archives that send less, more, or something else than they list: each instance ends in one state, named."""

from __future__ import annotations

import copy
import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_context

from mediakit.destinations.dicom_address import DicomAddress
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Timeouts
from mediakit.errors import UsageError
from mediakit.fileset.selection import Selection
from mediakit.journeys.fetch import FetchOrder, fetch
from mediakit.outcome import Outcome, Result, State
from mediakit.scp.part import Part
from tests.support.dicom_bytes import CT, EXPLICIT
from tests.support.network_peers import free_port
from tests.support.pynetdicom_scp import listening
from tests.support.studies import CT_1, CT_2, CT_3

FIND, GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"


@dataclass
class Archive:
    """A study of three images, of which an archive tells and sends what a test makes it."""

    listed: list[Dataset] = field(
        default_factory=lambda: [pydicom.dcmread(path) for path in (CT_1, CT_2, CT_3)]
    )
    sent: list[Dataset] | None = None  # None: what is asked for of what is listed
    tells_instances: bool = True
    says: int | None = None
    loses: int = 0  # associations that it aborts after the first instance
    moves_to: int = 0  # our port: it has C-MOVE in place of C-GET
    asked: list[str] = field(default_factory=list)

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        level = event.identifier.QueryRetrieveLevel
        if level == "IMAGE" and not self.tells_instances:
            yield 0xA900, None
            return
        one = self.listed[0]
        for source in self.listed if level == "IMAGE" else [one]:
            match = Dataset()
            match.QueryRetrieveLevel = level
            match.StudyInstanceUID, match.PatientID = source.StudyInstanceUID, source.PatientID
            if level != "STUDY":
                match.SeriesInstanceUID, match.Modality = source.SeriesInstanceUID, "CT"
                match.NumberOfSeriesRelatedInstances = (
                    self.says if self.says is not None else len(self.listed)
                )
            if level == "IMAGE":
                match.SOPInstanceUID, match.SOPClassUID = source.SOPInstanceUID, source.SOPClassUID
            yield 0xFF00, match

    def get(self, event: Event) -> Iterator[object]:
        keys = event.identifier
        self.asked.append(keys.QueryRetrieveLevel)
        uid = keys.get("SOPInstanceUID")
        sent = self.listed if self.sent is None else self.sent
        sent = [each for each in sent if uid in {None, each.SOPInstanceUID}]
        yield len(sent)
        for each in sent:
            yield 0xFF00, each
            if self.loses:
                self.loses -= 1
                event.assoc.abort()
                return

    def move(self, event: Event) -> Iterator[object]:
        yield "127.0.0.1", self.moves_to, {"contexts": [build_context(CT, EXPLICIT)]}
        yield from self.get(event)


@contextmanager
def serving(archive: Archive) -> Iterator[DicomAddress]:
    entity = AE(ae_title="ARCHIVE")
    contexts = [
        build_context(uid, ["1.2.840.10008.1.2", EXPLICIT])
        for uid in (FIND, MOVE if archive.moves_to else GET)
    ]
    entity.supported_contexts = contexts
    entity.add_supported_context(CT, EXPLICIT, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_C_FIND, archive.find), (evt.EVT_C_GET, archive.get), (evt.EVT_C_MOVE, archive.move)]
    with listening(entity, handlers) as port:
        yield DicomAddress(called_ae="ARCHIVE", host="127.0.0.1", port=port)


def fetched(archive: Archive, folder: Path) -> Result:
    patience = Timeouts(connect_s=5, association_s=10, answer_s=10)
    options = Options(timeouts=patience, commit_port=archive.moves_to or None, commit_host="127.0.0.1")
    study = frozenset({str(archive.listed[0].StudyInstanceUID)})
    with serving(archive) as address:
        return fetch(
            FetchOrder(address=address, options=options, folder=folder, selection=Selection(studies=study))
        )


def states(result: Result) -> list[State]:
    return sorted((fate.state for fate in result.fates), key=list(State).index)


def rules(result: Result) -> set[str]:
    return {finding.rule.id for finding in result.report.findings}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def names(datasets: Sequence[Dataset]) -> list[str]:
    return sorted(f"{each.SOPInstanceUID}.dcm" for each in datasets)


def test_what_is_listed_and_sent_is_fetched(tmp_path: Path) -> None:
    archive = Archive()
    result = fetched(archive, tmp_path / "in")
    assert (result.outcome, rules(result)) == (Outcome.GOOD, set())
    assert states(result) == [State.FETCHED] * 3
    assert files(tmp_path / "in") == names(archive.listed)


def test_what_is_listed_and_never_sent_is_missing_by_name(tmp_path: Path) -> None:
    archive = Archive()
    archive.sent = archive.listed[:2]
    result = fetched(archive, tmp_path / "in")
    assert (result.outcome, rules(result)) == (Outcome.PARTLY_STORED, {"MK-FET-001"})
    missing = [fate.sop_instance for fate in result.fates if fate.state is State.MISSING]
    assert missing == [archive.listed[2].SOPInstanceUID]
    assert archive.asked == ["STUDY", "SERIES", "IMAGE"]


def test_an_association_that_breaks_off_is_asked_again_for_the_rest(tmp_path: Path) -> None:
    archive = Archive(loses=2)
    result = fetched(archive, tmp_path / "in")
    assert result.outcome is Outcome.GOOD
    assert files(tmp_path / "in") == names(archive.listed)


def test_an_archive_that_always_breaks_off_leaves_whole_instances_alone(tmp_path: Path) -> None:
    archive = Archive(loses=100)
    result = fetched(archive, tmp_path / "in")
    assert result.outcome is Outcome.PARTLY_STORED
    assert {"MK-FET-001", "MK-FET-007"} <= rules(result)
    kept = [fate for fate in result.fates if fate.state in {State.FETCHED, State.ALREADY_THERE}]
    assert len(files(tmp_path / "in")) == len(kept)


def test_an_archive_that_breaks_off_while_it_moves_is_asked_again_and_what_is_missing_is_named(
    tmp_path: Path,
) -> None:
    port = free_port()
    archive = Archive(loses=1, moves_to=port)
    result = fetched(archive, tmp_path / "some")
    assert result.outcome is Outcome.GOOD
    assert files(tmp_path / "some") == names(archive.listed)
    archive = Archive(loses=100, moves_to=port)
    result = fetched(archive, tmp_path / "none")
    assert result.outcome is Outcome.PARTLY_STORED
    assert {"MK-FET-001", "MK-FET-007"} <= rules(result)
    kept = [fate for fate in result.fates if fate.state in {State.FETCHED, State.ALREADY_THERE}]
    assert len(files(tmp_path / "none")) == len(kept) < len(result.fates)


def test_an_instance_that_cannot_be_kept_is_refused_and_said(tmp_path: Path) -> None:
    archive = Archive()
    archive.listed[0].SOPInstanceUID = UID("1.2.840.no-uid")
    result = fetched(archive, tmp_path / "in")
    assert result.outcome is Outcome.PARTLY_STORED
    assert states(result) == [State.REFUSED, State.FETCHED, State.FETCHED]
    assert "MK-FET-002" in rules(result)
    assert files(tmp_path / "in") == names(archive.listed[1:])


def test_another_instance_with_the_same_uid_in_the_folder_stays(tmp_path: Path) -> None:
    archive = Archive()
    first = fetched(archive, tmp_path / "in")
    place = tmp_path / "in" / first.fates[0].became
    before = place.read_bytes()
    archive.listed[0].PatientComments = "another one"
    result = fetched(archive, tmp_path / "in")
    assert result.outcome is Outcome.PARTLY_STORED
    assert "MK-FET-003" in rules(result)
    assert states(result) == [State.ALREADY_THERE, State.ALREADY_THERE, State.CONFLICT]
    assert place.read_bytes() == before


@pytest.mark.parametrize("tag", ["StudyInstanceUID", "PatientID"])
def test_an_instance_of_another_study_or_patient_than_it_is_listed_under_is_refused(
    tmp_path: Path, tag: str
) -> None:
    archive = Archive()
    other = copy.deepcopy(archive.listed[0])
    setattr(other, tag, "1.2.3.4")
    archive.sent = [other, *archive.listed[1:]]
    result = fetched(archive, tmp_path / "in")
    assert (result.outcome, rules(result)) == (Outcome.PARTLY_STORED, {"MK-FET-008"})
    assert states(result) == [State.REFUSED, State.FETCHED, State.FETCHED]


def test_a_second_version_of_an_instance_is_a_conflict(tmp_path: Path) -> None:
    archive = Archive()
    other = copy.deepcopy(archive.listed[0])
    other.PatientComments = "another one"
    archive.sent = [archive.listed[0], other, *archive.listed[1:]]
    result = fetched(archive, tmp_path / "in")
    assert result.outcome is Outcome.PARTLY_STORED
    assert states(result) == [State.FETCHED, State.FETCHED, State.CONFLICT]


def test_a_disk_without_room_is_ours_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_part: Part, *, syncs: bool) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Part, "put_down", full)
    result = fetched(Archive(), tmp_path / "in")
    assert "MK-FET-009" in rules(result)
    assert result.outcome is Outcome.PARTLY_STORED


def test_what_is_no_uid_is_not_asked_for(tmp_path: Path) -> None:
    order = FetchOrder(
        address=DicomAddress(called_ae="A", host="127.0.0.1", port=1),
        options=Options(),
        folder=tmp_path,
        selection=Selection(studies=frozenset({"1.2.*"})),
    )
    with pytest.raises(UsageError, match="not the UID"):
        fetch(order)


def test_what_was_not_listed_is_kept_and_said(tmp_path: Path) -> None:
    archive = Archive()
    archive.sent = list(archive.listed)
    archive.listed = archive.listed[:2]
    result = fetched(archive, tmp_path / "in")
    assert (result.outcome, rules(result)) == (Outcome.GOOD, {"MK-FET-006"})
    assert states(result) == [State.FETCHED] * 3


@pytest.mark.parametrize(("says", "rule"), [(3, "MK-FET-005"), (4, "MK-FET-004")])
def test_an_archive_that_does_not_tell_its_instances_is_counted(tmp_path: Path, says: int, rule: str) -> None:
    result = fetched(Archive(tells_instances=False, says=says), tmp_path / "in")
    assert rules(result) == {rule}
    assert result.outcome is (Outcome.GOOD if says == 3 else Outcome.PARTLY_STORED)
    assert states(result) == [State.FETCHED] * 3
