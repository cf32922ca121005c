"""Our Storage SCP against the SCUs of DCMTK and pynetdicom, and against senders that mean no good."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from struct import pack

import pydicom
import pytest
from pynetdicom import AE

from mediakit.dicom.data_set import data_set_place
from mediakit.errors import UsageError
from mediakit.scp.events import Ending, Reception
from mediakit.scp.instance_store import instance_store
from mediakit.scp.server import Listening
from tests.support.dicom_bytes import CT, EXPLICIT, IMPLICIT, RAW, element
from tests.support.embedded_scp import embedded_scp
from tests.support.network_peers import associate
from tests.support.peers import need, run
from tests.support.raw_scu import Ended, RawScu, store_request
from tests.support.studies import CT_1, CT_FOLDER, SAMPLES, altered, folder_of

PRIVATE_CLASS = "1.2.826.0.1.3680043.9.9999.1.1"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"


def data_set_of(path: Path) -> bytes:
    """Return the encoded data set of a sound file."""
    content = path.read_bytes()
    meta = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[]).file_meta
    uids = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID)
    with path.open("rb") as stream:
        place = data_set_place(stream, len(content), uids, meta.TransferSyntaxUID)
    return content[place.at :]


def small(sop_class: str, sop_instance: str, study: str = "1.2.1", series: str = "1.2.2") -> bytes:
    """Return a data set without pixel data, in Explicit VR Little Endian."""
    return (
        element(0x00080016, "UI", sop_class)
        + element(0x00080018, "UI", sop_instance)
        + element(0x0020000D, "UI", study)
        + element(0x0020000E, "UI", series)
    )


def test_echoscu_is_answered(tmp_path: Path) -> None:
    need("echoscu")
    with embedded_scp(tmp_path) as scp:
        assert run("echoscu", "-aec", "MEDIAKIT", "127.0.0.1", scp.port).returncode == 0
        assert scp.wait_for_end().ending is Ending.RELEASED
        assert scp.files() == []


def samples() -> dict[str, Path]:
    """Return all sample instances by UID."""
    files = (path for path in SAMPLES.rglob("*") if path.is_file())
    sound = (path for path in files if path.read_bytes()[128:132] == b"DICM")
    return {
        str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID): path for path in sound
    }


def test_all_samples_sent_by_dcmsend_are_there(tmp_path: Path) -> None:
    need("dcmsend")
    sent = samples()
    with embedded_scp(tmp_path) as scp:
        files = map(str, sent.values())
        done = run("dcmsend", "-aet", "SENDER", "--decompress-never", "127.0.0.1", scp.port, *files)
        assert done.returncode == 0, done.stderr
        there = scp.instances()
    assert there.keys() == sent.keys()
    for uid, (instance, path) in there.items():
        received = pydicom.dcmread(path)
        assert received.get("PixelData") == pydicom.dcmread(sent[uid]).get("PixelData")
        assert received.file_meta.SourceApplicationEntityTitle == "SENDER"
        assert path.relative_to(tmp_path).parts == (instance.study, instance.series, f"{uid}.dcm")


def test_data_sets_are_written_as_they_came_byte_for_byte(tmp_path: Path) -> None:
    sent = {}
    for uid, path in samples().items():
        meta = pydicom.dcmread(path, specific_tags=[]).file_meta
        sent[uid] = (str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID), data_set_of(path))
    contexts = sorted({(sop_class, (syntax,)) for sop_class, syntax, _ in sent.values()})
    with embedded_scp(tmp_path) as scp:
        with RawScu(scp.address, contexts) as scu:
            for uid, (sop_class, syntax, data_set) in sent.items():
                context = 2 * contexts.index((sop_class, (syntax,))) + 1
                assert scu.store(sop_class, uid, data_set, context) == 0
        there = scp.instances()
    assert {uid: data_set_of(path) for uid, (_, path) in there.items()} == {
        uid: data_set for uid, (_, _, data_set) in sent.items()
    }


def test_storescu_can_send_compressed_images(tmp_path: Path) -> None:
    need("storescu", "dcmcjpeg")
    compressed = tmp_path / "compressed.dcm"
    assert run("dcmcjpeg", "+e1", str(CT_1), str(compressed)).returncode == 0
    with embedded_scp(tmp_path / "in") as scp:
        assert run("storescu", "-R", "-xs", "127.0.0.1", scp.port, str(compressed)).returncode == 0
        ((instance, path),) = scp.instances().values()
    assert instance.transfer_syntax == JPEG_LOSSLESS
    assert data_set_of(path) == data_set_of(compressed)


def test_pynetdicom_can_send_private_and_unknown_classes(tmp_path: Path) -> None:
    unknown = "1.2.840.10008.5.1.4.1.1.999.7"
    with embedded_scp(tmp_path) as scp:
        entity = AE()
        for sop_class in (PRIVATE_CLASS, unknown):
            entity.add_requested_context(sop_class, [EXPLICIT])
        link = associate(entity, int(scp.port))
        for number, sop_class in enumerate((PRIVATE_CLASS, unknown)):
            dataset = pydicom.dcmread(altered(CT_1, tmp_path.parent / "x.dcm", SOPClassUID=sop_class))
            dataset.SOPInstanceUID = f"1.2.3.{number}"
            assert link.send_c_store(dataset).Status == 0
        link.release()
        assert scp.wait_for_end().counts == {Reception.STORED: 2}
        assert set(scp.instances()) == {"1.2.3.0", "1.2.3.1"}


def test_the_transfer_syntax_that_stands_first_is_taken_in_each_context(tmp_path: Path) -> None:
    contexts = [(CT, [IMPLICIT, EXPLICIT]), (CT, [EXPLICIT, IMPLICIT]), (CT, ["1.2.3.4", JPEG_LOSSLESS])]
    contexts += [(CT, ["1.2.3.4"]), ("1.2.840.10008.5.1.4.1.2.2.1", [IMPLICIT])]
    contexts += [("1.2.840.10008.1.3.10", [EXPLICIT]), ("1.2.840.10008.1.1", [IMPLICIT])]
    with embedded_scp(tmp_path) as scp, RawScu(scp.address, contexts) as scu:
        assert scu.accepted == {
            1: IMPLICIT,
            3: EXPLICIT,
            5: JPEG_LOSSLESS,
            7: None,
            9: None,  # a query is not storage
            11: None,  # nor is a DICOMDIR
            13: IMPLICIT,
        }


def test_the_same_again_is_a_success_and_other_bytes_under_its_uid_are_refused(tmp_path: Path) -> None:
    first = small(RAW, "1.2.3")
    other = small(RAW, "1.2.3", series="1.2.9")
    with embedded_scp(tmp_path) as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
            assert scu.store(RAW, "1.2.3", first) == 0
        with RawScu(scp.address, [(RAW, [EXPLICIT])], calling_ae="ANOTHER") as scu:
            assert scu.store(RAW, "1.2.3", first) == 0
            assert scu.store(RAW, "1.2.3", other) == 0x0111
        assert scp.wait_for_end(2).counts == {Reception.SAME: 1, Reception.CONFLICT: 1}
        assert scp.files() == ["1.2.1/1.2.2/1.2.3.dcm"]
        assert data_set_of(tmp_path / "1.2.1/1.2.2/1.2.3.dcm") == first
    with embedded_scp(tmp_path) as scp, RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:  # after a new start
        assert scu.store(RAW, "1.2.3", first) == 0
        assert scu.store(RAW, "1.2.3", other) == 0x0111
        assert scp.files() == ["1.2.1/1.2.2/1.2.3.dcm"]


@pytest.mark.parametrize(
    "uid", ["..", "../../etc/passwd", "/etc/passwd", "1.2\0.3", "1..2", "1.2.", "C:\\x", "1.2.3 ", "a" * 64]
)
def test_a_uid_that_is_none_is_refused(tmp_path: Path, uid: str) -> None:
    with embedded_scp(tmp_path / "in") as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
            try:
                status = scu.store(RAW, uid, small(RAW, uid))
            except Ended:
                status = -1
        scp.wait_for_end()
        if uid == "1.2.3 ":  # padding that is not the right one, and says nothing
            assert status in {0, 0xA900}
        else:
            assert status not in {0}
            assert scp.files() == []
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_a_uid_of_300_characters_ends_the_association_or_is_refused(tmp_path: Path) -> None:
    uid = "1." + "2" * 298
    with embedded_scp(tmp_path / "in") as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu, pytest.raises(Ended):
            scu.store(RAW, uid, small(RAW, uid))
        assert scp.wait_for_end().ending is Ending.ABORTED
        assert scp.files() == []


@pytest.mark.parametrize("study", ["..", "../..", "/", "", "1.2\\1.3", "x" * 300])
def test_odd_uids_of_study_and_series_do_not_lead_out_of_the_folder(tmp_path: Path, study: str) -> None:
    with embedded_scp(tmp_path / "in") as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
            assert scu.store(RAW, "1.2.3", small(RAW, "1.2.3", study, study)) == 0
        (name,) = scp.files()
    folders = name.split("/")[:2]
    assert all(folder == "none" if study == "" else folder.startswith("odd-") for folder in folders)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_data_sets_that_are_not_what_they_claim_are_refused(tmp_path: Path) -> None:
    whole = small(RAW, "1.2.3")
    with embedded_scp(tmp_path) as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT]), (CT, [IMPLICIT])]) as scu:
            assert scu.store(RAW, "1.2.4", whole) == 0xA900  # another instance
            assert scu.store(CT, "1.2.3", whole) == 0xA900  # another class than that of the context
            assert scu.store(CT, "1.2.3", whole, context=3) == 0xA900  # another class
            assert scu.store(RAW, "1.2.3", whole[:-3]) == 0xC000  # cut off
            assert scu.store(RAW, "1.2.3", b"") == 0xC000
            assert scu.store(RAW, "1.2.3", b"\x89PNG" * 300) == 0xC000
            ct = small(CT, "1.2.3")
            assert scu.store(CT, "1.2.3", ct, context=3) == 0xC000  # explicit, and implicit was agreed
            assert scu.store(RAW, "1.2.3", whole) == 0  # and the association goes on
        ended = scp.wait_for_end()
        assert ended.counts == {Reception.REFUSED: 7, Reception.STORED: 1}
        assert scp.files() == ["1.2.1/1.2.2/1.2.3.dcm"]


def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp:
        scu = RawScu(scp.address, [(RAW, [EXPLICIT])])
        scu.command(store_request(RAW, "1.2.3"))
        scu.fragment(small(RAW, "1.2.3"), 0)
        scu.socket.close()
        assert scp.wait_for_end().ending is Ending.ABORTED
        assert scp.files() == []


def test_broken_messages_end_their_association_alone(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp, RawScu(scp.address, [(RAW, [EXPLICIT])]) as sound:
        broken = (
            (4, b"\xff" * 40),  # no PDV list
            (9, b""),  # no PDU
            (4, pack(">IBB", 12, 1, 3) + b"\0" * 10),  # no command
            (4, pack(">IBB", 2, 77, 2)),  # no such context
        )
        for count, (kind, body) in enumerate(broken, start=1):
            scu = RawScu(scp.address, [(RAW, [EXPLICIT])])
            scu.send_pdu(kind, body)
            with pytest.raises(Ended):
                scu.store(RAW, "1.2.9", small(RAW, "1.2.9"))
            scu.socket.close()
            assert scp.wait_for_end(count).ending is Ending.ABORTED
        scu = RawScu(scp.address, [(RAW, [EXPLICIT])])
        scu.socket.sendall(pack(">BBI", 4, 0, 0xFFFFFFF0))  # a PDU of 4 GB
        scu.socket.close()
        scp.wait_for_end(len(broken) + 1)
        assert sound.store(RAW, "1.2.3", small(RAW, "1.2.3")) == 0


def test_a_command_that_is_none_ends_its_association(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp:
        scu = RawScu(scp.address, [(RAW, [EXPLICIT])])
        scu.command(store_request(RAW, "1.2.3", field=0x7777))
        with pytest.raises(Ended):
            scu.status()
        scu.socket.close()
        assert scp.wait_for_end().ending is Ending.ABORTED


def test_a_called_ae_title_can_be_asked_for(tmp_path: Path) -> None:
    def strict() -> Listening:
        return Listening(ae_title="MEDIAKIT", requires_called_ae=True)

    with embedded_scp(tmp_path, listening=strict) as scp:
        with pytest.raises(Ended, match="PDU 03"):
            RawScu(scp.address, [(RAW, [EXPLICIT])], called_ae="SOMEBODY")
        assert scp.wait_for_end().ending is Ending.REJECTED
        with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
            assert scu.store(RAW, "1.2.3", small(RAW, "1.2.3")) == 0


def test_more_associations_than_may_be_are_rejected(tmp_path: Path) -> None:
    def one() -> Listening:
        return Listening(ae_title="MEDIAKIT", most_associations=1)

    with embedded_scp(tmp_path, listening=one) as scp, RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
        with pytest.raises(Ended, match="PDU 03"):
            RawScu(scp.address, [(RAW, [EXPLICIT])])
        assert scu.store(RAW, "1.2.3", small(RAW, "1.2.3")) == 0


def test_a_folder_is_received_into_by_one_process_and_cleared_at_the_start(tmp_path: Path) -> None:
    left = folder_of(tmp_path, {".mediakit-0123456789abcdef.part": b"half", "notes.part": b"mine"})
    with instance_store(left), pytest.raises(UsageError, match="another process"), instance_store(left):
        pass
    assert {path.name for path in left.iterdir()} == {"notes.part"}


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = embedded_scp(tmp_path, listening=lambda: Listening(ae_title="MEDIAKIT", port=port))
        with pytest.raises(UsageError, match="cannot listen there"), running:
            pass


def test_several_senders_at_once_lose_nothing(tmp_path: Path) -> None:
    need("dcmsend")
    with embedded_scp(tmp_path) as scp:
        senders = [
            subprocess.Popen(["dcmsend", "+sd", "127.0.0.1", scp.port, str(CT_FOLDER)]) for _ in range(4)
        ]
        assert [sender.wait(timeout=60) for sender in senders] == [0] * 4
        scp.wait_for_end(4)
        receptions = [event.reception for event in scp.received()]
        assert receptions.count(Reception.STORED) == len(scp.files()) == 10
        assert receptions.count(Reception.SAME) == 30
