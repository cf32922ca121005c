"""A C-STORE SCP that does wrong: each instance ends in its true state, and no wait is without an end."""

from __future__ import annotations

import errno
import hashlib
import io
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakit.destinations.base import Context, Lost, Payload, Unreachable
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.dimse_session import DimseSession
from mediakit.destinations.peer import Peer, Timeouts
from mediakit.errors import SourceError, UsageError
from mediakit.network.reasons import RejectReason
from mediakit.transfer.outgoing import Outgoing, StatusClass
from tests.support.fault_scp import FaultScp
from tests.support.fault_script import AtConnection, AtInstance, Script

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
PATIENT = Timeouts(connect_s=10, association_s=20, answer_s=20)
HASTY = Timeouts(connect_s=2, association_s=0.3, answer_s=0.3)
SMALL = b"0123456789" * 1000
LARGE = bytes(range(256)) * (64 << 10)  # 16 MiB: more than the buffers of two sockets hold


def peer(scp: FaultScp, timeouts: Timeouts = PATIENT) -> Peer:
    return Peer(called_ae="FAULTY", host="127.0.0.1", port=scp.port, timeouts=timeouts)


def session(scp: FaultScp, timeouts: Timeouts = PATIENT) -> DimseSession:
    return DimseDestination(peer(scp, timeouts)).connect((Context(CT, (EXPLICIT,)),))


def outgoing(number: int = 0, sop_instance: str = "") -> Outgoing:
    return Outgoing(
        sop_class=CT,
        sop_instance=sop_instance or f"1.2.3.{number}",
        transfer_syntax=EXPLICIT,
        path=f"IM{number}",
        size=1,
    )


def payload(content: bytes = SMALL, syntax: str = EXPLICIT) -> Payload:
    return Payload(
        head=b"",
        stream=io.BytesIO(content),
        data_set_at=0,
        data_set_bytes=len(content),
        transfer_syntax=syntax,
    )


class Failing(io.BytesIO):
    """A file on a scratched disc: some reads are good, then none."""

    def __init__(self, good_reads: int, problem: Exception) -> None:
        super().__init__(LARGE)
        self._left = good_reads
        self._problem = problem

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._left:
            raise self._problem
        self._left -= 1
        return super().read(size)


def failing(good_reads: int, problem: Exception) -> Payload:
    return Payload(
        head=b"",
        stream=Failing(good_reads, problem),
        data_set_at=0,
        data_set_bytes=len(LARGE),
        transfer_syntax=EXPLICIT,
    )


def test_a_good_peer_gets_each_instance_once_byte_for_byte() -> None:
    with FaultScp() as scp:
        open_session = session(scp)
        for number, content in enumerate((SMALL, b"", b"x", LARGE, SMALL[:16_378], SMALL[:9999])):
            answer = open_session.send(outgoing(number), payload(content))
            assert (answer.kind, answer.code) == (StatusClass.SUCCESS, 0)
            assert scp.received[-1].sha256 == hashlib.sha256(content).hexdigest()
            assert scp.received[-1].size == len(content)
        open_session.close()
    assert scp.stored == [f"1.2.3.{number}" for number in range(6)]
    assert scp.ended == ["release"]
    assert scp.called == [("FAULTY", "MEDIAKIT")]


@pytest.mark.parametrize("longest_pdu", [0, 32, 4096, 131_072, 0xFFFFFFFF])
def test_the_longest_pdu_of_the_peer_is_obeyed(longest_pdu: int) -> None:
    content = SMALL if longest_pdu == 32 else LARGE
    with FaultScp(Script(longest_pdu=longest_pdu)) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(), payload(content)).kind is StatusClass.SUCCESS
        open_session.close()
    assert scp.received[0].sha256 == hashlib.sha256(content).hexdigest()
    assert not longest_pdu or scp.longest_seen <= longest_pdu


def test_a_peer_that_takes_no_pdu_of_a_useful_length_is_unreachable() -> None:
    with FaultScp(Script(longest_pdu=8)) as scp, pytest.raises(Unreachable, match="8 bytes"):
        session(scp)


@pytest.mark.parametrize(
    ("at", "is_passing", "why"),
    [
        (AtConnection.NOT_LISTENING, True, "refused"),
        (AtConnection.CLOSE, True, "closed the connection|reset by peer"),
        (AtConnection.ABORT, False, "unknown type"),
        (AtConnection.GARBAGE, False, "an HTTP server answers"),
        (AtConnection.HUGE_PDU, False, "4294967295 bytes"),
        (AtConnection.HALF_ANSWER, True, "closed the connection"),
    ],
)
def test_a_peer_that_gives_no_association_is_unreachable(
    at: AtConnection, is_passing: bool, why: str
) -> None:
    with FaultScp(Script(at_connection=at)) as scp, pytest.raises(Unreachable, match=why) as caught:
        session(scp)
    assert caught.value.is_passing is is_passing
    assert caught.value.where == f"FAULTY@127.0.0.1:{scp.port}"


def test_a_peer_that_does_not_answer_is_waited_for_only_so_long() -> None:
    stalling = Script(at_connection=AtConnection.STALL)
    with FaultScp(stalling) as scp, pytest.raises(Unreachable, match=r"waited 0\.3 s") as caught:
        session(scp, HASTY)
    assert caught.value.is_passing


def test_an_answer_that_comes_byte_by_byte_is_an_answer() -> None:
    with FaultScp(Script(at_connection=AtConnection.DRIP)) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(), payload()).kind is StatusClass.SUCCESS
        open_session.close()


@pytest.mark.parametrize(
    ("reject", "is_passing", "why"),
    [
        ((1, 1, 7), False, "called AE title"),
        ((1, 1, 3), False, "calling AE title"),
        ((2, 3, 1), True, "for now: too busy"),
        ((1, 2, 2), False, "protocol version"),
        ((1, 9, 9), False, "source 9, reason 9"),
    ],
)
def test_a_rejection_says_why_in_words(reject: tuple[int, int, int], is_passing: bool, why: str) -> None:
    with FaultScp(Script(reject=reject)) as scp, pytest.raises(Unreachable, match=why) as caught:
        session(scp)
    assert caught.value.is_passing is is_passing


def test_after_passing_rejections_another_try_succeeds() -> None:
    with FaultScp(Script(reject=(2, 3, 2), reject_times=2)) as scp:
        for _ in range(2):
            with pytest.raises(Unreachable, match="local limit") as caught:
                session(scp)
            assert caught.value.is_passing
        session(scp).close()
    assert sorted(scp.ended) == ["rejected", "rejected", "release"]


def test_of_each_context_it_is_known_what_became_of_it() -> None:
    contexts = (
        Context(CT, (EXPLICIT,)),
        Context(CT, (JPEG,)),
        Context(MR, (EXPLICIT,)),
        Context(CT, (JPEG, IMPLICIT)),
        Context("not a UID", (EXPLICIT,)),
        Context("1.2." + "3" * 61, (EXPLICIT,)),
    )
    script = Script(classes=frozenset({CT}), syntaxes=frozenset({EXPLICIT, IMPLICIT}))
    with FaultScp(script) as scp:
        open_session = DimseDestination(peer(scp)).connect(contexts)
        open_session.close()
    assert [chosen for _, chosen in open_session.accepted] == [
        EXPLICIT,
        RejectReason.TRANSFER_SYNTAXES,
        RejectReason.ABSTRACT_SYNTAX,
        IMPLICIT,
        RejectReason.NO_UID,
        RejectReason.NO_UID,
    ]
    assert [context for context, _ in open_session.accepted] == list(contexts)
    assert open_session.takes(CT) == {EXPLICIT, IMPLICIT}
    assert open_session.takes(MR) == frozenset()
    assert sorted(scp.proposed[0]) == [1, 3, 5, 7]


def test_contexts_of_which_none_can_be_proposed_leave_nothing_that_can_be_sent() -> None:
    with FaultScp() as scp:
        open_session = DimseDestination(peer(scp)).connect(
            [Context("not a UID", (EXPLICIT,)), Context(CT, ())]
        )
        open_session.close()
    assert [chosen for _, chosen in open_session.accepted] == [RejectReason.NO_UID] * 2
    assert open_session.takes("not a UID") == frozenset()


def test_a_stream_that_gives_less_than_asked_for_makes_no_odd_fragment() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(777, size or 0))

    short = Payload(
        head=b"",
        stream=Dripping(SMALL),
        data_set_at=1,
        data_set_bytes=len(SMALL) - 1,
        transfer_syntax=EXPLICIT,
    )
    with FaultScp() as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(), short).kind is StatusClass.SUCCESS
        open_session.close()
    assert scp.received[0].sha256 == hashlib.sha256(SMALL[1:]).hexdigest()
    assert scp.odd_fragments == 1  # the last, as the data set is odd


@pytest.mark.parametrize("size", [0, 1, 4, 9999])
def test_a_deflated_data_set_is_made_even(size: int) -> None:
    deflated = "1.2.840.10008.1.2.1.99"
    content = SMALL[:size]
    with FaultScp() as scp:
        open_session = DimseDestination(peer(scp)).connect([Context(CT, (deflated,))])
        open_session.send(outgoing(), payload(content, deflated))
        open_session.close()
    assert scp.received[0].sha256 == hashlib.sha256(content + b"\0" * (size % 2)).hexdigest()


def test_a_lost_instance_of_odd_length_says_so() -> None:
    with FaultScp(Script(faults={0: AtInstance.ABORT})) as scp:
        open_session = session(scp)
        with pytest.raises(Lost) as caught:
            open_session.send(outgoing(), payload(SMALL[1:]))
        open_session.close()
    assert "odd length" in caught.value.hint


def test_an_association_has_128_contexts_and_not_more() -> None:
    contexts = [Context(f"1.2.3.{number}", (EXPLICIT,)) for number in range(128)]
    with FaultScp() as scp:
        open_session = DimseDestination(peer(scp)).connect(contexts)
        item = Outgoing(sop_class="1.2.3.127", sop_instance="1.2", transfer_syntax=EXPLICIT, path="x", size=1)
        assert open_session.send(item, payload()).kind is StatusClass.SUCCESS
        open_session.close()
        with pytest.raises(ValueError, match="129"):
            DimseDestination(peer(scp)).connect([*contexts, Context(CT, (EXPLICIT,))])
        with pytest.raises(ValueError, match="not 0"):
            DimseDestination(peer(scp)).connect(())
    assert len(scp.proposed) == 1
    assert scp.received[0].sop_class == "1.2.3.127"


def test_an_instance_goes_in_the_context_of_its_syntax() -> None:
    with FaultScp() as scp:
        open_session = DimseDestination(peer(scp)).connect(
            [Context(CT, (syntax,)) for syntax in (EXPLICIT, JPEG, IMPLICIT)]
        )
        for number, syntax in enumerate((JPEG, IMPLICIT, EXPLICIT)):
            open_session.send(outgoing(number), payload(syntax=syntax))
        open_session.close()
    assert [one.transfer_syntax for one in scp.received] == [JPEG, IMPLICIT, EXPLICIT]


def test_what_was_not_agreed_on_is_not_sent() -> None:
    with FaultScp() as scp:
        open_session = session(scp)
        with pytest.raises(ValueError, match="did not accept"):
            open_session.send(outgoing(), payload(syntax=JPEG))
        assert open_session.send(outgoing(), payload()).kind is StatusClass.SUCCESS
        open_session.close()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (0x0000, StatusClass.SUCCESS, "stored"),
        (0xB000, StatusClass.WARNING, "coerced"),
        (0xB007, StatusClass.WARNING, "does not match"),
        (0x0107, StatusClass.WARNING, "not supported"),
        (0xA700, StatusClass.REFUSED, "out of resources"),
        (0xA7FF, StatusClass.REFUSED, "out of resources"),
        (0xA900, StatusClass.ERROR, "does not match"),
        (0xC123, StatusClass.ERROR, "cannot be understood"),
        (0x0122, StatusClass.ERROR, "SOP Class not supported"),
        (0x0124, StatusClass.ERROR, "not authorized"),
        (0xFF00, StatusClass.ERROR, "unknown status"),
        (0x1234, StatusClass.ERROR, "unknown status"),
    ],
)
def test_a_status_is_told_by_its_class_and_the_association_goes_on(
    status: int, kind: StatusClass, words: str
) -> None:
    with FaultScp(Script(statuses={0: status}, comment="disk \x07full")) as scp:
        open_session = session(scp)
        answer = open_session.send(outgoing(0), payload())
        assert (answer.kind, answer.code) == (kind, status)
        assert words in answer.words
        assert answer.words.endswith(": disk ?full")
        assert open_session.send(outgoing(1), payload()).kind is StatusClass.SUCCESS
        open_session.close()


LOSING = {
    AtInstance.CLOSE_IN_DATA: "closed|broke",
    AtInstance.CLOSE_IN_PDU: "closed|broke",
    AtInstance.RESET_IN_DATA: "closed|broke",
    AtInstance.ABORT_IN_DATA: "aborted|broke",
    AtInstance.CLOSE_BEFORE_ANSWER: "closed the connection",
    AtInstance.HALF_ANSWER: "closed the connection",
    AtInstance.ABORT: "aborted",
    AtInstance.GARBAGE: "an HTTP server answers",
    AtInstance.HUGE_PDU: "4294967295 bytes",
    AtInstance.RELEASE: "released",
    AtInstance.WRONG_MESSAGE_ID: "another message",
    AtInstance.WRONG_CONTEXT: "not agreed on",
    AtInstance.OTHER_INSTANCE: r"another SOP Instance, 1\.2\.3\.4\.5\.6",
    AtInstance.OTHER_CLASS: r"another SOP Class, 1\.2\.840",
    AtInstance.OTHER_COMMAND: "8030H",
    AtInstance.REQUEST: "0001H",
}


@pytest.mark.parametrize(("fault", "why"), LOSING.items())
@pytest.mark.parametrize("content", [SMALL * 4, LARGE], ids=["small", "large"])
def test_an_instance_without_an_answer_is_lost_and_nothing_is_sent_behind_it(
    fault: AtInstance, why: str, content: bytes
) -> None:
    with FaultScp(Script(faults={1: fault})) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(0), payload()).kind is StatusClass.SUCCESS
        with pytest.raises(Lost, match=why):
            open_session.send(outgoing(1), payload(content))
        with pytest.raises(Lost, match="has ended"):
            open_session.send(outgoing(2), payload())
        open_session.close()
    assert scp.acknowledged == ["1.2.3.0"]
    assert "1.2.3.2" not in scp.stored


def test_an_answer_in_another_context_that_was_agreed_on_is_none() -> None:
    with FaultScp(Script(faults={0: AtInstance.OTHER_CONTEXT})) as scp:
        open_session = DimseDestination(peer(scp)).connect(
            (Context(CT, (EXPLICIT,)), Context(CT, (IMPLICIT,)))
        )
        with pytest.raises(Lost, match="context 3, not 1"):
            open_session.send(outgoing(), payload())
        open_session.close()


def test_an_answer_that_names_no_uids_is_an_answer() -> None:
    with FaultScp(Script(faults={0: AtInstance.NO_UIDS})) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(), payload()).kind is StatusClass.SUCCESS
        open_session.close()


@pytest.mark.parametrize("fault", [AtInstance.OTHER_INSTANCE, AtInstance.OTHER_CLASS])
def test_a_failure_is_a_failure_whatever_it_names(fault: AtInstance) -> None:
    with FaultScp(Script(faults={0: fault}, statuses={0: 0xC000})) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(0), payload()).kind is StatusClass.ERROR
        assert open_session.send(outgoing(1), payload()).kind is StatusClass.SUCCESS
        open_session.close()


@pytest.mark.parametrize("fault", [AtInstance.STALL, AtInstance.DEAF])
def test_a_peer_that_stalls_is_waited_for_only_so_long(fault: AtInstance) -> None:
    with FaultScp(Script(faults={0: fault})) as scp:
        open_session = session(scp, HASTY)
        with pytest.raises(Lost, match=r"waited 0\.3 s"):
            open_session.send(outgoing(), payload(LARGE))
        open_session.close()


@pytest.mark.parametrize(
    ("fault", "why"), [(AtInstance.FLOOD, "too long"), (AtInstance.ANSWERS, "one answer after the other")]
)
def test_a_peer_that_writes_and_does_not_read_holds_nobody_up(fault: AtInstance, why: str) -> None:
    with FaultScp(Script(faults={0: fault})) as scp:
        open_session = session(scp)
        with pytest.raises(Lost, match=why):
            open_session.send(outgoing(), payload(LARGE))
        open_session.close()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_an_early_refusal_is_an_answer_and_the_association_goes_on(content: bytes) -> None:
    with FaultScp(Script(faults={0: AtInstance.EARLY}, statuses={0: 0xA700})) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(0), payload(content)).kind is StatusClass.REFUSED
        assert open_session.send(outgoing(1), payload()).kind is StatusClass.SUCCESS
        open_session.close()
    assert scp.ended == ["release"]


@pytest.mark.parametrize("fault", [AtInstance.EARLY_AND_DEAF, AtInstance.EARLY_AND_CLOSE])
def test_a_refusal_counts_even_when_the_peer_does_not_wait_for_the_rest(fault: AtInstance) -> None:
    with FaultScp(Script(faults={0: fault}, statuses={0: 0x0124})) as scp:
        open_session = session(scp, Timeouts(association_s=20, answer_s=2))
        answer = open_session.send(outgoing(0), payload(LARGE))
        assert (answer.kind, answer.code) == (StatusClass.ERROR, 0x0124)
        with pytest.raises(Lost):
            open_session.send(outgoing(1), payload())
        open_session.close()
    assert scp.stored == []


@pytest.mark.parametrize("fault", [AtInstance.EARLY_AND_DEAF, AtInstance.EARLY_AND_CLOSE])
def test_a_success_before_the_end_of_the_data_set_is_not_believed(fault: AtInstance) -> None:
    with FaultScp(Script(faults={0: fault})) as scp:
        open_session = session(scp, HASTY)
        with pytest.raises(Lost):
            open_session.send(outgoing(0), payload(LARGE))
        open_session.close()


@pytest.mark.parametrize("fault", [AtInstance.RELEASE_AFTER, AtInstance.CLOSE_AFTER])
def test_a_peer_that_ends_between_two_instances_has_answered_the_first(fault: AtInstance) -> None:
    with FaultScp(Script(faults={0: fault})) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(0), payload()).kind is StatusClass.SUCCESS
        with pytest.raises(Lost):
            open_session.send(outgoing(1), payload(LARGE))
        open_session.close()
    assert scp.acknowledged == ["1.2.3.0"]


def test_an_answer_in_fragments_of_one_byte_is_an_answer() -> None:
    with FaultScp(Script(faults={0: AtInstance.TINY_FRAGMENTS}, statuses={0: 0xB000})) as scp:
        open_session = session(scp)
        assert open_session.send(outgoing(0), payload()).code == 0xB000
        assert open_session.send(outgoing(1), payload()).kind is StatusClass.SUCCESS
        open_session.close()


@pytest.mark.parametrize(
    "problem", [OSError(errno.EIO, "input/output error"), SourceError("the zip is broken"), ValueError("x")]
)
def test_an_instance_that_breaks_while_it_is_read_is_not_completed_at_the_peer(problem: Exception) -> None:
    with FaultScp() as scp:
        open_session = session(scp)
        with pytest.raises(type(problem)) as caught:
            open_session.send(outgoing(0), failing(3, problem))
        assert caught.value is problem
        with pytest.raises(Lost):
            open_session.send(outgoing(1), payload())
        open_session.close()
    assert scp.stored == []
    assert scp.ended == ["abort"]


def test_an_instance_that_cannot_be_read_at_all_does_not_end_the_association() -> None:
    with FaultScp() as scp:
        open_session = session(scp)
        with pytest.raises(OSError, match="scratched"):
            open_session.send(outgoing(0), failing(0, OSError("scratched")))
        assert open_session.send(outgoing(1), payload()).kind is StatusClass.SUCCESS
        open_session.close()
    assert scp.stored == ["1.2.3.1"]
    assert scp.ended == ["release"]


def test_a_file_that_became_shorter_is_not_completed_at_the_peer() -> None:
    short = Payload(
        head=b"",
        stream=io.BytesIO(LARGE[:-1]),
        data_set_at=0,
        data_set_bytes=len(LARGE),
        transfer_syntax=EXPLICIT,
    )
    with FaultScp() as scp:
        open_session = session(scp)
        with pytest.raises(OSError, match="ends early"):
            open_session.send(outgoing(0), short)
        open_session.close()
    assert (scp.stored, scp.ended) == ([], ["abort"])


@pytest.mark.parametrize("uid", ["", "1.2.\u00b5", "^NAME", "1." + "2" * 2000])
def test_what_is_no_uid_is_not_sent(uid: str) -> None:
    with FaultScp() as scp:
        open_session = session(scp)
        item = Outgoing(sop_class=CT, sop_instance=uid, transfer_syntax=EXPLICIT, path="IM1", size=1)
        with pytest.raises(SourceError, match="IM1"):
            open_session.send(item, payload())
        assert open_session.send(outgoing(1), payload()).kind is StatusClass.SUCCESS
        open_session.close()


@pytest.fixture
def alarm() -> Iterator[None]:
    """Interrupt this thread soon, as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("fault", [AtInstance.STALL, AtInstance.DEAF])
@pytest.mark.usefixtures("alarm")
def test_an_interrupt_ends_every_wait_and_closes_the_connection(fault: AtInstance) -> None:
    with FaultScp(Script(faults={0: fault})) as scp:
        open_session = session(scp, Timeouts(answer_s=60))
        with pytest.raises(KeyboardInterrupt):
            open_session.send(outgoing(), payload(LARGE))
        with pytest.raises(Lost):
            open_session.send(outgoing(1), payload())
        open_session.close()
    assert scp.acknowledged == []


@pytest.mark.usefixtures("alarm")
def test_an_interrupt_while_the_association_is_asked_for_closes_the_connection() -> None:
    with FaultScp(Script(at_connection=AtConnection.STALL)) as scp, pytest.raises(KeyboardInterrupt):
        session(scp, Timeouts(association_s=60))


@pytest.mark.parametrize(
    "script", [Script(stalls_on_release=True), Script(collides_on_release=True)], ids=["stall", "collision"]
)
def test_the_end_in_order_has_an_end(script: Script) -> None:
    with FaultScp(script) as scp:
        open_session = session(scp, Timeouts(association_s=0.5))
        open_session.send(outgoing(), payload())
        open_session.close()
        open_session.close()
        with pytest.raises(Lost):
            open_session.send(outgoing(1), payload())
    assert scp.ended == ["release" if script.collides_on_release else "by-us"]


def test_a_peer_out_of_space_refuses_all_that_follows() -> None:
    with FaultScp(Script(full_from=2)) as scp:
        open_session = session(scp)
        kinds = [open_session.send(outgoing(number), payload()).kind for number in range(4)]
        open_session.close()
    assert kinds == [StatusClass.SUCCESS] * 2 + [StatusClass.REFUSED] * 2


def test_a_peer_that_dies_is_lost_and_then_unreachable() -> None:
    with FaultScp(Script(dies_after=2)) as scp:
        open_session = session(scp)
        open_session.send(outgoing(0), payload())
        with pytest.raises(Lost):
            for number in range(1, 4):
                open_session.send(outgoing(number), payload())
        with pytest.raises(Unreachable):
            session(scp)


def test_verify_says_what_the_peer_is_or_why_not() -> None:
    with FaultScp() as scp:
        assert DimseDestination(peer(scp)).verify() == "answers C-ECHO"
    assert (scp.echoes, scp.ended) == (1, ["release"])
    why = "takes no C-ECHO: the SOP Class is not supported"
    with FaultScp(Script(classes=frozenset({CT}))) as scp, pytest.raises(Unreachable, match=why):
        DimseDestination(peer(scp)).verify()


def test_sessions_of_several_threads_do_not_touch_each_other() -> None:
    def send_all(number: int) -> None:
        own = session(scp)
        for index in range(20):
            own.send(outgoing(0, f"1.{number}.{index}"), payload())
        own.close()

    with FaultScp() as scp:
        threads = [threading.Thread(target=send_all, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(scp.acknowledged) == sorted(f"1.{n}.{i}" for n in range(1, 5) for i in range(20))


@pytest.mark.parametrize("title", ["", "   ", "SEVENTEEN_LETTERS", "Ümlaut", "A\nB"])
def test_an_ae_title_that_is_none_is_an_error_of_usage(title: str) -> None:
    nowhere = Peer(called_ae=title, host="127.0.0.1", port=1)
    with pytest.raises(UsageError, match="AE title"):
        DimseDestination(nowhere).connect((Context(CT, (EXPLICIT,)),))


def test_a_host_that_is_not_known_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="host"):
        DimseDestination(Peer(called_ae="X", host="no-such-host.invalid", port=104)).verify()
    with pytest.raises(Unreachable):
        DimseDestination(Peer(called_ae="X", host="a" * 300, port=104)).verify()
