"""STOW-RS and QIDO-RS against a server that misbehaves."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mediakit.destinations.base import Lost, Payload, Unreachable
from mediakit.destinations.dicomweb import DicomwebDestination
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.dicomweb_query import DicomwebQuery
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Timeouts
from mediakit.destinations.registry import destination_of
from mediakit.errors import UsageError
from mediakit.transfer.outgoing import Answer, StatusClass
from mediakit.transfer.states import Happening
from tests.support.fault_http import (
    Fault,
    FaultServer,
    Handler,
    drips,
    drops_before_answer,
    drops_in_answer,
    drops_in_body,
    floods,
    replies,
    serving,
    stalls,
    stalls_in_body,
    stow_response,
    talks_garbage,
)
from tests.support.payloads import ready
from tests.support.studies import CT_1, CT_2, CT_3

ONE = ready(CT_1)
UID = ONE.item.sop_instance
USUAL = Options(timeouts=Timeouts(connect_s=10, answer_s=30))
SOON = Options(timeouts=Timeouts(connect_s=10, answer_s=1))  # for what never answers


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving() as state:
        yield state


def _destination(server: FaultServer, options: Options = USUAL) -> DicomwebDestination:
    return DicomwebDestination(DicomwebAddress(url=f"http://{server.address}/dicom-web"), options)


def _patience(fault: Fault) -> Options:
    return SOON if fault in {stalls, drips} else USUAL


def _sent(server: FaultServer, options: Options = USUAL) -> Answer:
    with closing(_destination(server, options).connect(())) as session:
        return session.send(ONE.item, ONE.payload())


def test_an_instance_goes_as_stored_in_one_request(server: FaultServer) -> None:
    assert _sent(server) == Answer(kind=StatusClass.SUCCESS, code=200)
    assert server.stored == {UID: CT_1.read_bytes()}
    method, path, headers = server.requests[-1]
    assert (method, path) == ("POST", "/dicom-web/studies")
    assert headers["Accept"] == "application/dicom+json"
    assert headers["Host"] == server.address


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (replies(200, stow_response(UID, warning=0xB000)), StatusClass.WARNING, "B000H"),
        (replies(202, stow_response(UID, warning=0xB006)), StatusClass.WARNING, "B006H"),
        (replies(202, stow_response(UID)), StatusClass.SUCCESS, ""),
        (replies(200, b"[" + stow_response(UID) + b"]", "application/json"), StatusClass.SUCCESS, ""),
        (replies(200), StatusClass.WARNING, "without a word"),
        (replies(202, stow_response(UID, failure=0xA700)), StatusClass.REFUSED, "A700H"),
        (replies(200, stow_response(UID, failure=0x0122)), StatusClass.ERROR, "0122H"),
        (replies(409, stow_response(UID, failure=0xA700)), StatusClass.REFUSED, "A700H"),
        (replies(409, stow_response(UID, failure=0xC000)), StatusClass.ERROR, "C000H"),
        (replies(409, stow_response(UID, failure=0x0000)), StatusClass.ERROR, "0000H"),
        (replies(409, stow_response(UID, sequence="00081198")), StatusClass.ERROR, "without a reason"),
        (replies(409, stow_response(UID)), StatusClass.ERROR, "HTTP 409"),
        (replies(409, b"<html>", "text/html"), StatusClass.ERROR, "HTTP 409"),
        (replies(400), StatusClass.ERROR, "HTTP 400"),
        (replies(401), StatusClass.REFUSED, "login"),
        (replies(403), StatusClass.ERROR, "not allowed"),
        (replies(404, stow_response(UID, failure=0x0122)), StatusClass.ERROR, "0122H"),
        (replies(413), StatusClass.ERROR, "larger"),
        (replies(415), StatusClass.ERROR, "transfer syntax"),
        (replies(429), StatusClass.REFUSED, "too many"),
        (replies(500), StatusClass.ERROR, "HTTP 500"),
        (replies(503), StatusClass.REFUSED, "busy"),
        (replies(507), StatusClass.REFUSED, "no room"),
        (replies(302, Location="https://elsewhere.example/?key=s3cret"), StatusClass.ERROR, "elsewhere.ex"),
        (floods(500), StatusClass.ERROR, "HTTP 500"),
    ],
)
def test_each_answer_has_its_class(server: FaultServer, fault: Fault, kind: StatusClass, words: str) -> None:
    server.faults = [fault]
    answer = _sent(server)
    assert answer.kind is kind
    assert words in answer.words
    assert "s3cret" not in answer.words


@pytest.mark.parametrize("status", [404, 405, 410, 501])
def test_a_server_that_knows_no_service_from_the_start_is_no_destination(
    server: FaultServer, status: int
) -> None:
    server.faults = [replies(status, b"<html>", "text/html")]
    with pytest.raises(Unreachable, match="no DICOMweb service") as caught:
        _sent(server)
    assert "base URL" in caught.value.hint
    assert not caught.value.is_passing


@pytest.mark.parametrize("status", [404, 405, 410, 501])
def test_where_others_are_stored_an_instance_that_finds_no_service_is_answered(
    server: FaultServer, status: int
) -> None:
    server.faults = [Handler.store, replies(status)]
    with closing(_destination(server).connect(())) as session:
        assert session.send(ONE.item, ONE.payload()).kind is StatusClass.SUCCESS
        answer = session.send(ONE.item, ONE.payload())
    assert (answer.kind, answer.code) == (StatusClass.ERROR, status)
    assert "STOW-RS" in answer.words


@pytest.mark.parametrize(
    "fault",
    [
        replies(200, b"<html>welcome</html>", "text/html"),
        replies(200, b"{}"),
        replies(200, b"[1, 2"),
        replies(200, b"[" * 100_000),
        replies(200, stow_response("1.2.3")),
        replies(200, stow_response(UID), "text/plain"),
        replies(200, b'{"00081199": {"Value": [{"00081155": {"Value": 5}}, null, 7, [], "x"]}}'),
        replies(202),
        replies(204),
    ],
)
def test_an_answer_that_names_no_instance_leaves_it_uncertain(server: FaultServer, fault: Fault) -> None:
    server.faults = [fault]
    answer = _sent(server, _patience(fault))
    assert answer.kind is StatusClass.UNCLEAR
    assert answer.happening is Happening.LOST


@pytest.mark.parametrize(
    "fault",
    [
        replies(502),
        replies(504),
        drops_in_body,
        drops_before_answer,
        drops_in_answer,
        stalls,
        drips,
        floods(200),
        talks_garbage,
    ],
)
def test_what_is_no_answer_leaves_the_instance_uncertain(server: FaultServer, fault: Fault) -> None:
    server.faults = [fault]
    with pytest.raises(Lost):
        _sent(server, _patience(fault))


def test_a_server_that_stops_reading_does_not_keep_us(server: FaultServer) -> None:
    server.faults = [stalls_in_body]
    big = ONE.item
    size = 64 << 20  # more than the buffers of the system take
    payload = _big_payload(size)
    with closing(_destination(server, SOON).connect(())) as session, pytest.raises(Lost):
        session.send(big, payload)


def test_a_session_goes_on_after_an_instance_whose_connection_broke(server: FaultServer) -> None:
    server.faults = [drops_before_answer]
    with closing(_destination(server).connect(())) as session:
        with pytest.raises(Lost):
            session.send(ONE.item, ONE.payload())
        assert session.send(ONE.item, ONE.payload()).kind is StatusClass.SUCCESS


def test_a_refused_login_ends_the_session_so_that_the_token_is_read_anew(
    server: FaultServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    options = Options(token_file=token, timeouts=USUAL.timeouts)
    destination = _destination(server, options)
    server.faults = [replies(401)]
    with closing(destination.connect(())) as session:
        assert session.send(ONE.item, ONE.payload()).kind is StatusClass.REFUSED
        token.write_text("second\n")
        with pytest.raises(Lost):
            session.send(ONE.item, ONE.payload())
    with closing(destination.connect(())) as session:
        assert session.send(ONE.item, ONE.payload()).kind is StatusClass.SUCCESS
    assert server.requests[0][2]["Authorization"] == "Bearer first"
    assert server.requests[-1][2]["Authorization"] == "Bearer second"


def test_a_payload_that_breaks_is_not_stored_and_says_so(server: FaultServer) -> None:
    problem = OSError(5, "Input/output error")
    with closing(_destination(server).connect(())) as session:
        with pytest.raises(OSError, match="Input/output") as caught:
            session.send(ONE.item, ONE.broken(problem))
        assert caught.value is problem
        assert session.send(ONE.item, ONE.payload()).kind is StatusClass.SUCCESS
    assert server.stored == {UID: CT_1.read_bytes()}


def test_memory_stays_flat_whatever_the_size_of_an_instance(server: FaultServer) -> None:
    server.faults = [_swallows]
    tracemalloc.start()
    try:
        with closing(_destination(server).connect(())) as session:
            tracemalloc.reset_peak()
            session.send(ONE.item, _big_payload(100 << 20))
            assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("fault", "is_passing", "words"),
    [
        (replies(401), False, "login"),
        (replies(307, Location="http://elsewhere.example/?key=s3cret"), False, "elsewhere.example"),
        (replies(503), True, "busy"),
        (stalls, True, "does not answer"),
        (drips, True, "does not answer"),
    ],
)
def test_a_server_that_lets_nobody_in_is_unreachable(
    server: FaultServer, fault: Fault, is_passing: bool, words: str
) -> None:
    destination = _destination(server, _patience(fault))
    for ask in (destination.verify, lambda: destination.connect(())):
        server.get_faults = [fault]
        with pytest.raises(Unreachable) as caught:
            ask()
        assert caught.value.is_passing is is_passing
        assert words in str(caught.value)
        assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_nobody_at_the_port_is_unreachable() -> None:
    with serving() as state:
        pass
    with pytest.raises(Unreachable) as caught:
        _destination(state).connect(())
    assert caught.value.is_passing


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ([], "answers to a search (HTTP 204)"),
        ([replies(200, b"[]")], "answers to a search (HTTP 200)"),
        ([replies(404), replies(200)], "answers to no search"),
        ([replies(501)], "answers to no search"),
    ],
)
def test_verify_says_what_is_there(server: FaultServer, faults: list[Fault], words: str) -> None:
    server.get_faults = list(faults)
    assert words in _destination(server).verify()


@pytest.mark.parametrize(
    "faults", [[replies(404), replies(404)], [replies(200, b"<html>", "text/html")], [replies(200)]]
)
def test_verify_finds_that_there_is_no_dicomweb(server: FaultServer, faults: list[Fault]) -> None:
    server.get_faults = list(faults)
    with pytest.raises(Unreachable, match="no DICOMweb service") as caught:
        _destination(server).verify()
    assert "base URL" in caught.value.hint


def test_a_search_finds_every_instance_of_a_series_page_by_page(server: FaultServer) -> None:
    instances = [ready(path) for path in (CT_1, CT_2, CT_3)]
    with closing(_destination(server).connect(())) as session:
        for one in instances:
            session.send(one.item, one.payload())
    address = DicomwebAddress(url=f"http://{server.address}/dicom-web")
    with closing(DicomwebQuery(address, USUAL)) as query:
        item = ONE.item
        assert query.find_instances(item.study, item.series) == {one.item.sop_instance for one in instances}
        assert query.find_instances(item.study, "1.2.3") == frozenset()
        assert query.find_instances("../studies", item.series) == frozenset()


@pytest.mark.parametrize(
    "fault",
    [
        replies(200, b"{}"),
        replies(200, b"nonsense"),
        replies(200, b"[" * 100_000),
        replies(200, b"[]", "text/html"),
        replies(500),
        replies(401),
        stalls,
        drips,
        floods(200),
    ],
)
def test_a_search_without_a_true_answer_proves_nothing(server: FaultServer, fault: Fault) -> None:
    server.get_faults = [fault]
    address = DicomwebAddress(url=f"http://{server.address}/dicom-web")
    with closing(DicomwebQuery(address, _patience(fault))) as query, pytest.raises(Lost):
        query.find_instances("1.2", "1.3")


def test_a_search_ends_when_a_server_gives_the_same_page_again(server: FaultServer) -> None:
    page = b'[{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}, null, {"00080018": {"Value": [7]}}]'
    server.get_faults = [replies(200, page)] * 5
    address = DicomwebAddress(url=f"http://{server.address}/dicom-web")
    with closing(DicomwebQuery(address, USUAL)) as query:
        assert query.find_instances("1.2", "1.3") == {"1.2.3"}
    assert len(server.requests) == 2


def test_headers_of_a_file_go_with_every_request(server: FaultServer, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("# key of the gateway\nX-Api-Key: s3cret\n\nAuthorization: Basic abc=\n")
    _sent(server, Options(header_file=file, timeouts=USUAL.timeouts))
    for _, _, headers in server.requests:
        assert headers["X-Api-Key"] == "s3cret"
        assert headers["Authorization"] == "Basic abc="


def test_a_token_comes_from_the_environment(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", "t0ken")
    _sent(server, Options(token_variable="OUR_TOKEN", timeouts=USUAL.timeouts))  # noqa: S106 - a name
    assert server.requests[-1][2]["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no header s3cret", "not a header"),
        (b"Bad Name: s3cret", "not a header"),
        (b"X-A: s3cret\x01", "not a header"),
        ("X-A: s3crét".encode(), "not a header"),
        (b"Host: s3cret", "is set by mediakit"),
        (b"content-LENGTH: 5", "is set by mediakit"),
        (b"X-A: s3cret\nx-a: s3cret", "twice"),
        (b"\xff\xfes3cret", "is not text"),
        (b"X-A: " + b"s3cret" * 20_000, "more than"),
    ],
)
def test_a_wrong_file_of_headers_is_told_without_its_secrets(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "headers"
    file.write_bytes(content)
    destination = DicomwebDestination(DicomwebAddress(url="http://127.0.0.1:9/x"), Options(header_file=file))
    with pytest.raises(UsageError, match=message) as caught:
        destination.connect(())
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    assert str(file) in caught.value.where


@pytest.mark.parametrize(
    "content", ["", "  \n", "two words", "two\nlines", "n\N{LATIN SMALL LETTER O WITH ACUTE}"]
)
def test_a_file_without_a_token_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")
    address = DicomwebAddress(url="http://127.0.0.1:9/x")
    with pytest.raises(UsageError, match="no bearer token"):
        DicomwebDestination(address, Options(token_file=file)).connect(())
    with pytest.raises(UsageError, match="cannot be read"):
        DicomwebDestination(address, Options(token_file=tmp_path / "none")).connect(())
    with pytest.raises(UsageError, match="environment variable MISSING"):
        DicomwebDestination(address, Options(token_variable="MISSING")).verify()  # noqa: S106 - a name


def _swallows(handler: object) -> None:
    """Read the body without keeping it."""
    left = int(handler.headers["Content-Length"])  # type: ignore[attr-defined]
    while left:
        left -= len(handler.rfile.read(min(left, 1 << 20)))  # type: ignore[attr-defined]
    handler.answer(200, stow_response(UID))  # type: ignore[attr-defined]


class _Zeros:
    """A stream of zeros without end."""

    def seek(self, offset: int) -> int:
        return offset

    def read(self, size: int) -> bytes:
        return bytes(size)


def _big_payload(size: int) -> Payload:
    return Payload(
        head=ONE.content[: ONE.data_set_at],
        stream=_Zeros(),  # type: ignore[arg-type]  # all that a payload calls
        data_set_at=0,
        data_set_bytes=size,
        transfer_syntax=ONE.item.transfer_syntax,
    )


def test_without_the_library_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mediakit.destinations.bounded_http", "mediakit.destinations.dicomweb"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "httpcore", None)
    with pytest.raises(UsageError) as caught:
        destination_of(DicomwebAddress(url="http://127.0.0.1:9/x"))
    assert "pip install 'dicom-mediakit[web]'" in caught.value.hint
