"""Media Creation Management: a workstation stores instances, asks for a medium, and asks where it stands."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association

from mediakit.dicom.media_creation import MEDIA_CREATION, Execution
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.profile.load import load_profile
from mediakit.scp.creation_jobs import CreationJobs
from tests.support.cli import command
from tests.support.dcmjs import run_creation
from tests.support.fake_robot import FakeRobot, running
from tests.support.network_peers import associate, free_port, wait_until_open
from tests.support.studies import CT_1, CT_2, CT_3, SAMPLES

CT = [CT_1, CT_2, CT_3]
XA = SAMPLES / "mueller_joerg" / "20240314_XA"


@dataclass
class Serving:
    """A server of media in a process of its own."""

    port: int
    folder: Path
    process: subprocess.Popen[str]

    @property
    def out(self) -> Path:
        return self.folder / "media"


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[Serving]:
    port = free_port()
    words = (
        "serve",
        "creation",
        "--dir",
        str(folder / "in"),
        "-o",
        str(folder / "media"),
        "--port",
        str(port),
    )
    with subprocess.Popen(
        command(*words, "--state", str(folder / "state"), *more), stdout=subprocess.PIPE, text=True
    ) as process:
        wait_until_open(port)
        try:
            yield Serving(port, folder, process)
        finally:
            process.kill()


@contextmanager
def associated(serving: Serving) -> Iterator[Association]:
    entity = AE(ae_title="WORKSTATION")
    entity.add_requested_context(MEDIA_CREATION)
    for path in (*CT, *sorted(XA.rglob("*.dcm"))):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        entity.add_requested_context(header.SOPClassUID, header.file_meta.TransferSyntaxUID)
    link = associate(entity, serving.port)
    try:
        yield link
    finally:
        link.release()


def request_for(paths: list[Path], profile: str = "") -> Dataset:
    request = Dataset()
    request.ReferencedSOPSequence = []
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
        if profile:
            item.RequestedMediaApplicationProfile = profile
        request.ReferencedSOPSequence.append(item)
    return request


def initiate(link: Association, uid: str, copies: int = 1) -> int:
    action = Dataset()
    action.NumberOfCopies, action.RequestPriority = copies, "HIGH"
    status, _ = link.send_n_action(action, 1, MEDIA_CREATION, uid)
    return int(status.Status)


def state_of(link: Association, uid: str) -> Dataset:
    status, state = link.send_n_get([], MEDIA_CREATION, uid)
    assert status.Status == 0
    assert state is not None
    return state


def ended(link: Association, uid: str) -> Dataset:
    for _ in range(600):
        state = state_of(link, uid)
        if state.ExecutionStatus in {"DONE", "FAILURE"}:
            return state
        time.sleep(0.1)
    raise AssertionError(f"the job stays {state.ExecutionStatus}")


def store(link: Association, paths: list[Path]) -> None:
    for path in paths:
        assert link.send_c_store(pydicom.dcmread(path)).Status == 0


def create(link: Association, request: Dataset | None, uid: str | None = None) -> tuple[int, str]:
    named: list[str] = []

    def heard(event: evt.Event) -> None:
        named.append(str(event.message.command_set.get("AffectedSOPInstanceUID", "")))

    link.bind(evt.EVT_DIMSE_RECV, heard)
    status, _ = link.send_n_create(request, MEDIA_CREATION, uid)
    link.unbind(evt.EVT_DIMSE_RECV, heard)
    return int(status.Status), named[-1]


def test_a_medium_is_made_and_conforms(tmp_path: Path) -> None:
    uid = generate_uid()
    with serving(tmp_path) as server, associated(server) as link:
        store(link, CT)
        assert create(link, request_for(CT, "STD-GEN-CD"), uid) == (0, uid)
        assert state_of(link, uid).ExecutionStatus == "IDLE"
        assert create(link, request_for(CT), uid)[0] == 0x0111
        assert initiate(link, uid, copies=2) == 0
        assert initiate(link, uid) == 0xA510
        state = ended(link, uid)
        assert (state.ExecutionStatus, state.ExecutionStatusInfo) == ("DONE", "NORMAL")
        assert state.TotalNumberOfPiecesOfMediaCreated == 2
        assert len(state.ReferencedStorageMediaSequence) == 1
        cancel, _ = link.send_n_action(None, 2, MEDIA_CREATION, uid)
        assert cancel.Status == 0xC201
        status, one = link.send_n_get([Tag(0x21000020)], MEDIA_CREATION, uid)
        assert one is not None
        assert (status.Status, list(one.keys())) == (0, [0x21000020])
        assert link.send_n_get([Tag(0x00100010)], MEDIA_CREATION, uid)[0].Status == 0x0001
    (image,) = server.out.iterdir()
    found = validate(image, ValidateOrder(profile=load_profile("STD-GEN-CD")))
    assert found.result.outcome == 0
    assert found.result.figures["instances"] == len(CT)
    assert state.ReferencedStorageMediaSequence[0].StorageMediaFileSetUID


def test_what_is_wrong_shows_in_the_state_and_makes_no_medium(tmp_path: Path) -> None:
    xa = sorted(XA.rglob("*.dcm"))
    with serving(tmp_path) as server, associated(server) as link:
        store(link, [CT_1, *xa])
        wrong = {}
        for paths, profile in (
            ([CT_1, CT_2], "STD-GEN-CD"),
            ([CT_1], "NO-SUCH"),
            ([CT_1, *xa], "STD-XABC-CD"),
        ):
            code, uid = create(link, request_for(paths, profile))
            assert code == 0
            assert initiate(link, uid) == 0
            state = ended(link, uid)
            assert state.ExecutionStatus == "FAILURE"
            wrong[str(state.ExecutionStatusInfo)] = [
                str(each.ReferencedSOPInstanceUID) for each in state.FailedSOPSequence
            ]
        for second_profile, end in (("STD-XABC-CD", "FAILURE"), ("STD-GEN-USB-JPEG", "DONE")):
            several = request_for([CT_1], "STD-GEN-CD")
            several.ReferencedSOPSequence += request_for([CT_1], second_profile).ReferencedSOPSequence
            _, uid = create(link, several)
            assert initiate(link, uid) == 0
            state = ended(link, uid)
            assert state.ExecutionStatus == end, state
            media = sorted(path.name.rpartition("STD-")[2] for path in server.out.iterdir())
            assert media == ([] if end == "FAILURE" else ["GEN-CD.iso", "GEN-USB-JPEG.img"])
        for path in server.out.iterdir():
            path.unlink()
        nothing = Dataset()
        nothing.StorageMediaFileSetID = "EMPTY"
        assert create(link, nothing)[0] == 0x0120
        assert create(link, None)[0] == 0x0120
        assert link.send_n_get([], MEDIA_CREATION, "1.2.3")[0].Status == 0x0112
        assert initiate(link, "1.2.3") == 0x0112
        code, uid = create(link, request_for([CT_1]))
        assert link.send_n_action(None, 2, MEDIA_CREATION, uid)[0].Status == 0
        assert link.send_n_get([], MEDIA_CREATION, uid)[0].Status == 0x0112
    second = str(pydicom.dcmread(CT_2, stop_before_pixels=True).SOPInstanceUID)
    assert wrong["NO_INSTANCE"] == [second]
    assert wrong["NOT_SUPPORTED"] == []
    assert set(wrong["INST_AP_CONFLICT"]) >= {
        str(pydicom.dcmread(CT_1, stop_before_pixels=True).SOPInstanceUID)
    }
    assert list(server.out.iterdir()) == []


def test_a_job_outlives_a_killed_server_and_is_made_once(tmp_path: Path) -> None:
    uid = generate_uid()
    with serving(tmp_path) as server, associated(server) as link:
        store(link, CT)
        assert create(link, request_for(CT), uid)[0] == 0
        assert initiate(link, uid) == 0
    jobs = CreationJobs(tmp_path / "state" / "creation", keep_s=1e9)
    (kept,) = (
        json.loads(path.read_text()) for path in jobs.folder.glob("[!.]*")
    )  # the kill may leave a part
    assert kept["status"] in set(Execution)
    with serving(tmp_path) as server, associated(server) as link:
        assert ended(link, uid).ExecutionStatus == "DONE"
    assert len([path for path in server.out.iterdir() if not path.name.startswith(".")]) == 1


def test_a_robot_makes_the_copies(tmp_path: Path) -> None:
    watched, images = tmp_path / "watched", tmp_path / "images"
    watched.mkdir()
    images.mkdir()
    config = tmp_path / "config.toml"
    config.write_text(f'[robot.ward]\nkind = "primera-jrq"\nfolder = "watched"\nimages = "{images}"\n')
    uid = generate_uid()
    more = ("--robot", "ward", "--config", str(config))
    with (
        running(FakeRobot("primera-jrq", watched, good=2)) as robot,
        serving(tmp_path, *more) as server,
        associated(server) as link,
    ):
        store(link, CT)
        assert create(link, request_for(CT), uid)[0] == 0
        assert initiate(link, uid, copies=2) == 0
        state = ended(link, uid)
    assert (state.ExecutionStatus, state.TotalNumberOfPiecesOfMediaCreated) == ("DONE", 2)
    assert len(robot.burned) == 1
    assert list(server.out.iterdir()) == []


@pytest.mark.interop
def test_another_stack_gets_a_medium_too(tmp_path: Path) -> None:
    """dcmjs-dimse (Node.js): N-CREATE, N-ACTION and N-GET by a stack that shares no code with ours."""
    with serving(tmp_path) as server:
        with associated(server) as link:
            store(link, CT)
        items = [
            (str(header.SOPClassUID), str(header.SOPInstanceUID))
            for header in (pydicom.dcmread(path, stop_before_pixels=True) for path in CT)
        ]
        said = run_creation(server.port, items)
    assert said["create"] == 0
    assert said["action"] == 0
    assert said["status"] == "DONE"
    assert len(list(server.out.iterdir())) == 1
