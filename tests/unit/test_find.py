from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pynetdicom.ae import ApplicationEntity

from mediakit.destinations.base import Unreachable
from mediakit.destinations.find import FindFailed, FindModel, Limits, find
from mediakit.destinations.peer import Peer, Timeouts, Tls
from mediakit.destinations.tls import server_context
from tests.support.certificates import Certificates, make_certificates
from tests.support.each import each
from tests.support.find_scp import Asked, find_scp
from tests.support.pynetdicom_scp import listening

LEVEL, CHARSET, NAME, PATIENT_ID = 0x00080052, 0x00080005, 0x00100010, 0x00100020
STEPS, STATION, INSTANCES = 0x00400100, 0x00400001, 0x00201208
PENDING, SUCCESS = 0xFF00, 0x0000


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
        assert not thread.is_alive(), thread


def answer(**values: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_all_matches_come_back_as_text_in_the_order_of_the_answers() -> None:
    matches = [answer(PatientID="1", PatientName="A^B"), answer(PatientID="2", PatientName="C^D")]
    with find_scp(lambda _: [(PENDING, match) for match in matches]) as scp:
        found = find(scp.address, FindModel.PATIENT_ROOT, {LEVEL: "PATIENT", PATIENT_ID: "", NAME: ""})
    assert found == ({NAME: "A^B", PATIENT_ID: "1"}, {NAME: "C^D", PATIENT_ID: "2"})
    assert type(found[0][NAME]) is str


def test_no_match_is_an_empty_answer() -> None:
    with find_scp(lambda _: []) as scp:
        assert find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY", PATIENT_ID: "X"}) == ()


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_a_key_outside_ascii_is_asked_in_utf_8(syntax: str) -> None:
    with find_scp(lambda _: [], syntaxes=[syntax]) as scp:
        find(scp.address, FindModel.PATIENT_ROOT, {LEVEL: "PATIENT", NAME: "Müller*"})
    assert scp.identifiers[0].SpecificCharacterSet == "ISO_IR 192"
    assert str(scp.identifiers[0].PatientName) == "Müller*"


def test_a_key_in_ascii_is_asked_without_a_character_set() -> None:
    with find_scp(lambda _: []) as scp:
        find(scp.address, FindModel.PATIENT_ROOT, {LEVEL: "PATIENT", NAME: "Muller"})
    assert "SpecificCharacterSet" not in scp.identifiers[0]


@each(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Jérôme^Müller"),
        ("ISO_IR 144", "Толстой^Лев"),
        ("ISO_IR 192", "山田^太郎"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("GB18030", "王^小东"),
    ],
)
@each("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_an_answer_is_decoded_by_its_own_character_set(
    charset: str | list[str], name: str, syntax: str
) -> None:
    match = Dataset()
    match.SpecificCharacterSet = charset
    match.PatientName = name
    with find_scp(lambda _: [(PENDING, match)], syntaxes=[syntax]) as scp:
        (found,) = find(scp.address, FindModel.PATIENT_ROOT, {LEVEL: "PATIENT", NAME: ""})
    assert found[NAME] == name


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
@pytest.mark.parametrize("is_undefined", [True, False])
def test_sequences_and_numbers_come_back_as_items_and_text(syntax: str, is_undefined: bool) -> None:
    match = answer(SpecificCharacterSet="ISO_IR 100", NumberOfStudyRelatedInstances="12")
    match.ScheduledProcedureStepSequence = [answer(ScheduledStationAETitle="CT1", StudyDescription="Knöchel")]
    match["ScheduledProcedureStepSequence"].is_undefined_length = is_undefined
    match.Rows = 512
    with find_scp(lambda _: [(PENDING, match)], syntaxes=[syntax]) as scp:
        (found,) = find(scp.address, FindModel.WORKLIST, {STEPS: ({STATION: "CT1"},)})
    assert found[STEPS] == ({STATION: "CT1", 0x00081030: "Knöchel"},)
    assert found[INSTANCES] == "12"
    assert found[0x00280010] == "512"
    asked = scp.identifiers[0].ScheduledProcedureStepSequence[0]
    assert asked.ScheduledStationAETitle == "CT1"


def test_a_failure_of_the_peer_is_said_with_its_status() -> None:
    with find_scp(lambda _: [(0xA700, None)]) as scp, pytest.raises(FindFailed) as failed:
        find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})
    assert failed.value.code == 0xA700
    assert "A700" in str(failed.value)


def test_a_failure_after_matches_does_not_pass_for_a_whole_answer() -> None:
    with (
        find_scp(lambda _: [(PENDING, answer(PatientID="1")), (0xC001, None)]) as scp,
        pytest.raises(FindFailed),
    ):
        find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})


def test_a_peer_that_answers_without_end_is_stopped() -> None:
    def without_end(_: Dataset) -> Iterator[tuple[int, Dataset]]:
        for _number in range(100_000):
            yield PENDING, answer(PatientID="1")

    with find_scp(without_end) as scp, pytest.raises(FindFailed, match="after 21 matches"):  # type: ignore[arg-type]
        find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY"}, Limits(matches=20))


def test_a_peer_that_answers_too_much_text_is_stopped() -> None:
    match = answer(PatientID="1", PatientComments="x" * 5000)
    with find_scp(lambda _: [(PENDING, match)] * 20) as scp, pytest.raises(FindFailed):
        find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY"}, Limits(total_bytes=20_000))


def test_a_value_longer_than_any_real_one_is_not_taken() -> None:
    match = answer(PatientID="1", PatientComments="x" * 100_000)
    with find_scp(lambda _: [(PENDING, match)]) as scp, pytest.raises(FindFailed, match="cannot be read"):
        find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})


def test_a_peer_without_the_model_is_told_apart_from_one_without_matches() -> None:
    with find_scp(lambda _: [], models=[FindModel.STUDY_ROOT]) as scp, pytest.raises(Unreachable) as failed:
        find(scp.address, FindModel.WORKLIST, {STEPS: ()})
    assert "presentation context" in str(failed.value)


def test_a_peer_that_rejects_the_association_says_why() -> None:
    entity = ApplicationEntity(ae_title="ARCHIVE")
    entity.require_called_aet = True
    entity.add_supported_context(FindModel.STUDY_ROOT.value)
    with listening(entity) as port:
        peer = Peer(called_ae="OTHER", host="127.0.0.1", port=port)
        with pytest.raises(Unreachable, match="the called AE title is not known there") as failed:
            find(peer, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})
    assert not failed.value.is_passing


def test_nobody_at_the_address_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    peer = Peer(called_ae="NOBODY", host="127.0.0.1", port=port, timeouts=Timeouts(connect_s=2))
    with pytest.raises(Unreachable) as failed:
        find(peer, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})
    assert failed.value.is_passing


def test_a_name_that_no_host_has_is_unreachable() -> None:
    peer = Peer(called_ae="NOBODY", host="no-such-host.invalid", port=104)
    with pytest.raises(Unreachable):
        find(peer, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})


def test_a_peer_that_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        timeouts = Timeouts(connect_s=2, association_s=0.3, answer_s=0.3)
        peer = Peer(called_ae="X", host="127.0.0.1", port=silent.getsockname()[1], timeouts=timeouts)
        with pytest.raises(Unreachable):
            find(peer, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})


def test_a_peer_that_takes_the_request_and_says_nothing_is_given_up() -> None:
    done = threading.Event()

    def wait(_: Dataset) -> list[tuple[int, Dataset | None]]:
        done.wait(20)
        return []

    with find_scp(wait, answer_s=0.5) as scp:
        try:
            with pytest.raises(Unreachable) as failed:
                find(scp.address, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})
        finally:
            done.set()
    assert failed.value.is_passing


def test_keys_that_are_none_are_a_fault_of_the_caller() -> None:
    with find_scp(lambda _: []) as scp:
        with pytest.raises(ValueError, match="not in the dictionary"):
            find(scp.address, FindModel.STUDY_ROOT, {0x00091001: "x"})
        with pytest.raises(ValueError, match="does not take"):
            find(scp.address, FindModel.STUDY_ROOT, {STEPS: "x"})


def test_a_value_that_breaks_its_vr_is_given_as_it_is() -> None:
    match = answer(PatientID="1")
    match[0x00100030] = DataElement(0x00100030, "LO", "31.12.1999")
    with find_scp(lambda _: [(PENDING, match)], syntaxes=["1.2.840.10008.1.2"]) as scp:
        (found,) = find(scp.address, FindModel.PATIENT_ROOT, {LEVEL: "PATIENT"})
    assert found[0x00100030] == "31.12.1999"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def over_tls(asked: Asked, tls: Tls) -> Peer:
    return replace(asked.address, tls=tls)


def test_a_query_goes_over_tls_with_a_certificate_of_ours(certificates: Certificates) -> None:
    context = server_context(certificates.server, certificates.server_key, certificates.authority)
    tls = Tls(ca_file=certificates.authority, certificate=certificates.client, key=certificates.client_key)
    with find_scp(lambda _: [(PENDING, answer(PatientID="1"))], tls=context) as scp:
        assert find(over_tls(scp, tls), FindModel.STUDY_ROOT, {LEVEL: "STUDY"}) == ({PATIENT_ID: "1"},)


def test_a_peer_whose_certificate_is_not_trusted_is_not_asked(certificates: Certificates) -> None:
    context = server_context(certificates.elsewhere, certificates.elsewhere_key)
    with find_scp(lambda _: [], tls=context) as scp, pytest.raises(Unreachable, match="not trusted"):
        find(over_tls(scp, Tls(ca_file=certificates.authority)), FindModel.STUDY_ROOT, {LEVEL: "STUDY"})
    assert scp.identifiers == []


def test_a_peer_that_does_not_speak_tls_is_told_apart(certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_in_plain() -> None:
            with server.accept()[0] as link:
                link.sendall(b"plain text\r\n" * 10)

        thread = threading.Thread(target=answer_in_plain)
        thread.start()
        tls = Tls(ca_file=certificates.authority)
        peer = Peer(called_ae="X", host="127.0.0.1", port=server.getsockname()[1], tls=tls)
        with pytest.raises(Unreachable, match="TLS"):
            find(peer, FindModel.STUDY_ROOT, {LEVEL: "STUDY"})
        thread.join(10)
