"""Real SCPs get every instance byte for byte: DCMTK, pynetdicom, Orthanc; plain and under TLS."""

from __future__ import annotations

import io
import json
import urllib.request
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.base import Context, Lost, Payload, Unreachable
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer, Timeouts, Tls
from mediakit.network.reasons import RejectReason
from mediakit.transfer.outgoing import Answer, StatusClass
from tests.support.certificates import Certificates, make_certificates
from tests.support.network_peers import dcmqrscp, orthanc, pynetdicom_scp, storescp
from tests.support.payloads import Ready, ready

pytestmark = pytest.mark.interop

SAMPLES = Path(__file__).parents[2] / "samples" / "studies"
PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
DEFLATED = "1.2.840.10008.1.2.1.99"
TIMEOUTS = Timeouts(connect_s=10, association_s=30, answer_s=30)


def _readable(paths: Iterable[Path]) -> list[Ready]:
    """Return each instance once that is a whole Part 10 file with the UIDs that C-STORE needs."""
    found: dict[str, Ready] = {}
    for path in sorted(paths):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                one = ready(path)
        except Exception:  # noqa: BLE001, S112 - some test files are broken on purpose
            continue
        if one.content[128:132] == b"DICM" and one.item.sop_class and one.item.sop_instance:
            found.setdefault(one.item.sop_instance, one)
    return list(found.values())


@cache
def instances() -> list[Ready]:
    """Return all samples and the test files of pydicom."""
    samples = _readable(path for path in SAMPLES.rglob("*") if path.is_file())
    assert len(samples) > 10
    foreign = _readable(path for path in PYDICOM.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    assert len(foreign) > 50
    return [*samples, *foreign]


def destination(title: str, port: int, tls: Tls | None = None) -> DimseDestination:
    return DimseDestination(Peer(called_ae=title, host="127.0.0.1", port=port, timeouts=TIMEOUTS, tls=tls))


def send_all(to: DimseDestination, what: Sequence[Ready]) -> dict[str, Answer | None]:
    """Send what the peer takes over as few associations as hold the contexts; None where it takes it not."""
    pairs = sorted({(one.item.sop_class, one.item.transfer_syntax) for one in what})
    answers: dict[str, Answer | None] = {one.item.sop_instance: None for one in what}
    for start in range(0, len(pairs), 128):
        some = pairs[start : start + 128]
        session = to.connect([Context(sop_class, (syntax,)) for sop_class, syntax in some])
        for one in what:
            pair = (one.item.sop_class, one.item.transfer_syntax)
            if pair in some and pair[1] in session.takes(pair[0]):
                answers[one.item.sop_instance] = session.send(one.item, one.payload())
        session.close()
    return answers


def data_set(one: Ready) -> bytes:
    """Return what is to arrive: the bytes of the medium; a deflated data set is made even (PS3.5 A.5)."""
    stored = one.content[one.data_set_at :]
    return stored + b"\0" * (one.item.transfer_syntax == DEFLATED and len(stored) % 2)


def data_sets_of_files(folder: Path) -> dict[str, bytes]:
    """Return by SOP Instance UID what stands behind the file meta information that a peer wrote."""
    found = {}
    for path in folder.iterdir():
        content = path.read_bytes()
        meta = pydicom.filereader.read_file_meta_info(path)
        found[str(meta.MediaStorageSOPInstanceUID)] = content[
            132 + 12 + meta.FileMetaInformationGroupLength :
        ]
    return found


def test_storescp_gets_each_instance_byte_for_byte(tmp_path: Path) -> None:
    with storescp(tmp_path / "in", "--promiscuous") as scp:
        answers = send_all(destination(scp.ae_title, scp.port), instances())
    got = data_sets_of_files(scp.folder)
    stored = {uid for uid, answer in answers.items() if answer and answer.kind is StatusClass.SUCCESS}
    assert len(stored) > 60
    assert got.keys() == stored
    for one in instances():
        if one.item.sop_instance in stored:
            assert got[one.item.sop_instance] == data_set(one), one.item.path


def test_pynetdicom_gets_each_instance_byte_for_byte() -> None:
    with pynetdicom_scp() as scp:
        answers = send_all(destination(scp.ae_title, scp.port), instances())
    got = {uid: (syntax, content) for uid, syntax, content in scp.instances}
    taken = {uid for uid, answer in answers.items() if answer is not None}
    assert len(taken) > 60
    assert len(got) == len(scp.instances)
    assert got.keys() == taken
    for one in instances():
        if one.item.sop_instance in taken:
            assert answers[one.item.sop_instance] == Answer(kind=StatusClass.SUCCESS, words="stored")
            assert got[one.item.sop_instance] == (one.item.transfer_syntax, data_set(one)), one.item.path


def _pixels(content: bytes) -> bytes | None:
    dataset = pydicom.dcmread(io.BytesIO(content))
    return bytes(dataset.PixelData) if "PixelData" in dataset else None


def test_orthanc_has_the_pixels_of_all_that_it_says_to_have_stored(tmp_path: Path) -> None:
    # Orthanc 1.10.1 cannot parse this one (implicit elements in an explicit syntax) and then never answers.
    what = [one for one in instances() if one.item.path != "SC_rgb_jpeg.dcm"]
    with orthanc(tmp_path / "orthanc") as scp:
        answers = send_all(destination(scp.ae_title, scp.port), what)
        base = f"http://127.0.0.1:{scp.http_port}"
        with urllib.request.urlopen(f"{base}/instances?expand") as reply:  # noqa: S310
            there = {one["MainDicomTags"]["SOPInstanceUID"]: one["ID"] for one in json.load(reply)}
        stored = {uid for uid, answer in answers.items() if answer and answer.kind is StatusClass.SUCCESS}
        assert len(stored) > 50
        assert there.keys() == stored
        for one in (one for one in what if one.item.sop_instance in stored):
            url = f"{base}/instances/{there[one.item.sop_instance]}/file"
            with urllib.request.urlopen(url) as reply:  # noqa: S310
                assert _pixels(reply.read()) == _pixels(one.content), one.item.path


def test_dcmqrscp_takes_and_answers(tmp_path: Path) -> None:
    samples = [one for one in instances() if one.item.transfer_syntax == "1.2.840.10008.1.2.1"][:10]
    with dcmqrscp(tmp_path) as scp:
        answers = send_all(destination(scp.ae_title, scp.port), samples)
    assert {answer.kind for answer in answers.values() if answer} == {StatusClass.SUCCESS}
    assert len(list(scp.folder.iterdir())) >= len(samples)


def test_a_private_sop_class_and_a_syntax_that_is_not_taken_are_told_apart(tmp_path: Path) -> None:
    contexts = (
        Context("1.2.840.10008.5.1.4.1.1.2", ("1.2.840.10008.1.2.1",)),
        Context("1.2.840.10008.5.1.4.1.1.2", ("1.2.840.10008.1.2.4.50",)),
        Context("1.2.826.0.1.3680043.2.1", ("1.2.840.10008.1.2.1",)),
    )
    with storescp(tmp_path / "in", "+xe") as scp:
        session = destination(scp.ae_title, scp.port).connect(contexts)
        session.close()
    assert [chosen for _, chosen in session.accepted] == [
        "1.2.840.10008.1.2.1",
        RejectReason.TRANSFER_SYNTAXES,
        RejectReason.ABSTRACT_SYNTAX,
    ]


def test_128_contexts_are_agreed_on_with_real_peers(tmp_path: Path) -> None:
    contexts = [Context(f"1.2.826.0.1.3680043.2.{n}", ("1.2.840.10008.1.2.1",)) for n in range(128)]
    with storescp(tmp_path / "in", "--promiscuous") as scp:
        session = destination(scp.ae_title, scp.port).connect(contexts)
        session.close()
    assert {chosen for _, chosen in session.accepted} == {"1.2.840.10008.1.2.1"}


@pytest.mark.parametrize("option", ["--abort-after", "--abort-during"])
def test_an_abort_of_storescp_is_a_lost_instance(option: str, tmp_path: Path) -> None:
    one = instances()[0]
    with storescp(tmp_path / "in", option) as scp, pytest.raises(Lost, match="aborted"):
        send_all(destination(scp.ae_title, scp.port), [one])


def test_a_refusal_of_storescp_says_so(tmp_path: Path) -> None:
    with storescp(tmp_path / "in", "--refuse") as scp, pytest.raises(Unreachable, match="rejected"):
        destination(scp.ae_title, scp.port).verify()


class _Scratched(io.BytesIO):
    """Two chunks can be read, the third cannot."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 2 << 20:
            raise OSError("scratched")
        return super().read(size)


def test_an_instance_that_breaks_leaves_nothing_at_storescp(tmp_path: Path) -> None:
    one = instances()[0]
    size = 4 << 20
    payload = Payload(
        head=b"",
        stream=_Scratched(bytes(size)),
        data_set_at=0,
        data_set_bytes=size,
        transfer_syntax=one.item.transfer_syntax,
    )
    with storescp(tmp_path / "in", "--promiscuous") as scp:
        to = destination(scp.ae_title, scp.port)
        session = to.connect([Context(one.item.sop_class, (one.item.transfer_syntax,))])
        with pytest.raises(OSError, match="scratched"):
            session.send(one.item, payload)
        session.close()
        assert to.verify()  # it serves one after the other: it has dealt with the association before
        assert list(scp.folder.iterdir()) == []


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_storescp_under_tls_takes_all_and_sees_our_certificate(
    tmp_path: Path, certificates: Certificates
) -> None:
    known = certificates
    options = ("+tls", str(known.server_key), str(known.server), "+cf", str(known.authority))
    tls = Tls(ca_file=known.authority, certificate=known.client, key=known.client_key)
    with storescp(tmp_path / "in", *options, "--promiscuous") as scp:
        to = destination(scp.ae_title, scp.port, tls)
        assert to.verify() == "answers C-ECHO, as OFFIS_DCMTK_367"
        answers = send_all(to, instances())
    got = data_sets_of_files(scp.folder)
    assert got.keys() == {uid for uid, answer in answers.items() if answer}
    assert all(
        got[one.item.sop_instance] == data_set(one) for one in instances() if one.item.sop_instance in got
    )


def test_storescp_that_wants_a_certificate_is_unreachable_without(
    tmp_path: Path, certificates: Certificates
) -> None:
    known = certificates
    options = ("+tls", str(known.server_key), str(known.server), "+cf", str(known.authority))
    with storescp(tmp_path / "in", *options) as scp, pytest.raises(Unreachable):
        destination(scp.ae_title, scp.port, Tls(ca_file=known.authority)).verify()


def test_storescp_without_tls_is_unreachable_with_tls_and_the_other_way(
    tmp_path: Path, certificates: Certificates
) -> None:
    known = certificates
    tls = Tls(ca_file=known.authority)
    with storescp(tmp_path / "plain") as scp, pytest.raises(Unreachable, match=r"TLS|connection"):
        destination(scp.ae_title, scp.port, tls).verify()
    options = ("+tls", str(known.server_key), str(known.server), "-ic")
    with storescp(tmp_path / "tls", *options) as scp, pytest.raises(Unreachable):
        destination(scp.ae_title, scp.port).verify()
