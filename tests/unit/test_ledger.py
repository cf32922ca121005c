"""One job in the ledger: rows come in and change, everything is written down, nothing is half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mediakit.errors import UsageError
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.ledger import Ledger
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import ForbiddenTransition, Happening, TransferState
from tests.support.ledgers import EXPLICIT_LE, SOURCE, facts, lost_row, row, started, uid


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with started(tmp_path / "jobs", 3) as made:
        yield made


def test_a_row_comes_back_as_it_went_in(ledger: Ledger) -> None:
    assert ledger.row(uid(1)) == row(1)
    assert ledger.row("2.25.404") is None


def test_names_that_are_no_valid_unicode_come_back_as_they_went_in(ledger: Ledger) -> None:
    path = "IM\udce4G\ud800\x00\n\u0416"
    ledger.add([row(9, path), lost_row(path + "2")], "/media/\udcff")
    assert ledger.row(uid(9)) == row(9, path)
    assert ledger.row(key_of("", path + "2")) == lost_row(path + "2")
    assert [one.key for one in ledger.rows(source="/media/\udcff")] == [uid(9), key_of("", path + "2")]
    ledger.happen(key_of("", path + "2"), Happening.AGAIN)
    assert len(ledger.history(key_of("", path + "2"))) == 2


def test_what_happens_changes_the_state_and_is_written_down(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 24, 12, 0, tzinfo=timezone(timedelta(hours=1)))
    with Jobs(tmp_path, clock=lambda: moment).start(facts()) as ledger:
        ledger.add([row(1)], SOURCE)
        assert ledger.happen(uid(1), Happening.SEND, sent_as=EXPLICIT_LE) is TransferState.SENDING
        state = ledger.happen(uid(1), Happening.WARNING, code=0xB000, words="coerced")
        assert state is TransferState.STORED_WITH_WARNING
        known = ledger.row(uid(1))
        assert known is not None
        assert (known.state, known.sent_as, known.code, known.words, known.attempts, known.changed_at) == (
            TransferState.STORED_WITH_WARNING,
            EXPLICIT_LE,
            0xB000,
            "coerced",
            1,
            "2026-11-24T11:00:00.000+00:00",
        )
        lines = ledger.history(uid(1))
    assert [(line.happening, line.was, line.now) for line in lines] == [
        ("added", "", "planned"),
        ("send", "planned", "sending"),
        ("warning", "sending", "stored-with-warning"),
    ]
    assert {line.at for line in lines} == {"2026-11-24T11:00:00.000+00:00"}
    assert (lines[-1].code, lines[-1].words) == (0xB000, "coerced")


def test_a_proof_without_words_keeps_the_answer_of_the_peer_and_another_try_clears_it(ledger: Ledger) -> None:
    ledger.happen(uid(0), Happening.SEND, sent_as=EXPLICIT_LE)
    ledger.happen(uid(0), Happening.WARNING, code=0xB007, words="does not match its SOP Class", rule="MK-X")
    ledger.happen(uid(0), Happening.PROVEN)
    kept = ledger.row(uid(0))
    assert kept is not None
    assert (kept.code, kept.words, kept.rule) == (0xB007, "does not match its SOP Class", "MK-X")
    ledger.happen(uid(0), Happening.DENIED, code=0x0112, words="no such instance")
    denied = ledger.row(uid(0))
    assert denied is not None
    assert (denied.code, denied.words, denied.rule) == (0x0112, "no such instance", "")
    ledger.happen(uid(0), Happening.AGAIN)
    again = ledger.row(uid(0))
    assert again is not None
    assert (again.state, again.sent_as, again.code, again.words, again.attempts) == (
        TransferState.PLANNED,
        "",
        0,
        "",
        1,
    )


def test_words_of_a_peer_are_kept_printable_and_short(ledger: Ledger) -> None:
    ledger.happen(uid(0), Happening.ERROR, words="no\r\n\x1b[2Jroom\udcff" + "!" * 10_000)
    known = ledger.row(uid(0))
    assert known is not None
    assert known.words.startswith("no   [2Jroom !")
    assert known.words.isprintable()
    assert len(known.words) <= 256


def test_what_cannot_happen_leaves_no_trace(ledger: Ledger) -> None:
    with pytest.raises(ForbiddenTransition):
        ledger.happen(uid(0), Happening.PROVEN)
    with pytest.raises(KeyError):
        ledger.happen("2.25.404", Happening.SEND)
    assert ledger.row(uid(0)) == row(0)
    assert len(ledger.history(uid(0))) == 1
    assert ledger.history("2.25.404") == ()


def test_the_same_happens_to_all_or_to_none(ledger: Ledger) -> None:
    ledger.happen(uid(2), Happening.SEND)
    ledger.happen(uid(2), Happening.SUCCESS)
    with pytest.raises(ForbiddenTransition):
        ledger.happen_all([uid(0), uid(1), uid(2)], Happening.NO_CONTEXT)
    assert ledger.counts() == {TransferState.PLANNED: 2, TransferState.STORED: 1}
    ledger.happen_all([uid(0), uid(1)], Happening.NO_CONTEXT, words="no context")
    assert ledger.counts() == {TransferState.STORED: 1, TransferState.NOT_NEGOTIATED: 2}


def test_rows_come_in_the_order_of_the_medium_that_was_added_last(ledger: Ledger) -> None:
    assert [one.key for one in ledger.rows()] == [uid(0), uid(1), uid(2)]
    ledger.add([row(2), row(7), row(0), row(1)], SOURCE)
    assert [one.key for one in ledger.rows()] == [uid(2), uid(7), uid(0), uid(1)]


def test_rows_are_chosen_by_state_and_by_medium(ledger: Ledger) -> None:
    ledger.happen(uid(1), Happening.SKIP)
    ledger.add([row(0, "COPY/IM0000"), row(8)], "/media/copy")
    assert [one.key for one in ledger.rows({TransferState.EXCLUDED})] == [uid(1)]
    assert list(ledger.rows(())) == []
    assert [one.key for one in ledger.rows(source="/media/copy")] == [uid(0), uid(8)]
    assert list(ledger.rows(source="/media/none")) == []


def test_many_rows_are_each_yielded_once_while_they_change(tmp_path: Path) -> None:
    with started(tmp_path, 4_500) as ledger:
        seen = []
        for one in ledger.rows({TransferState.PLANNED}):
            ledger.happen(one.key, Happening.SEND)
            seen.append(one.key)
        assert seen == [uid(number) for number in range(4_500)]
        assert ledger.counts() == {TransferState.SENDING: 4_500}


def test_a_known_instance_keeps_its_state_and_takes_its_place_on_the_new_medium(ledger: Ledger) -> None:
    ledger.happen(uid(0), Happening.SEND, sent_as=EXPLICIT_LE)
    ledger.happen(uid(0), Happening.SUCCESS)
    ledger.happen(uid(1), Happening.CANNOT_READ)
    ledger.add([row(0, "COPY/A"), row(1, "COPY/B")], "/media/copy")
    done, broken = ledger.row(uid(0)), ledger.row(uid(1))
    assert done is not None
    assert broken is not None
    assert (done.state, done.item.path) == (TransferState.STORED, "DICOM/IM0000")
    assert (broken.state, broken.item.path) == (TransferState.UNREADABLE, "COPY/B")


def test_a_file_that_can_be_read_now_supersedes_the_row_of_its_path(ledger: Ledger) -> None:
    ledger.add([lost_row("DICOM/IM0009"), lost_row("DICOM/IM0010")], SOURCE)
    ledger.add([row(9)], SOURCE)
    assert ledger.row(key_of("", "DICOM/IM0009")) is None
    assert ledger.row(uid(9)) == row(9)
    assert ledger.row(key_of("", "DICOM/IM0010")) == lost_row("DICOM/IM0010")
    last = ledger.history(key_of("", "DICOM/IM0009"))[-1]
    assert (last.happening, last.was, last.now, last.words) == (
        "superseded",
        "unreadable",
        "",
        f"now known as {uid(9)}",
    )


def test_a_file_without_a_uid_supersedes_nothing(ledger: Ledger) -> None:
    ledger.add([lost_row("A")], SOURCE)
    ledger.add([lost_row("A")], SOURCE)
    assert ledger.counts() == {TransferState.PLANNED: 3, TransferState.UNREADABLE: 1}


def test_an_interrupted_call_leaves_no_half_of_it(ledger: Ledger) -> None:
    def keys() -> Iterator[Row]:
        yield row(20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.add(keys(), SOURCE)
    with pytest.raises(KeyboardInterrupt), ledger._change():
        ledger._happen(uid(0), Happening.SEND, "", ("", 0, "", ""))
        raise KeyboardInterrupt
    ledger._base.execute("BEGIN")  # as when the interrupt came between two steps
    ledger._happen(uid(1), Happening.SEND, "", ("", 0, "", ""))
    ledger.happen(uid(2), Happening.SEND)
    assert ledger.counts() == {TransferState.PLANNED: 2, TransferState.SENDING: 1}
    assert not ledger._base.in_transaction


def test_many_threads_write_and_nothing_is_lost(tmp_path: Path) -> None:
    with started(tmp_path, 400) as ledger:

        def send(number: int) -> None:
            ledger.happen(uid(number), Happening.SEND)
            ledger.happen(uid(number), Happening.SUCCESS, code=number)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, range(400)))
        assert [(one.state, one.code) for one in ledger.rows()] == [
            (TransferState.STORED, number) for number in range(400)
        ]


def test_small_facts_are_kept_by_name(ledger: Ledger) -> None:
    assert ledger.kept("listener") is None
    ledger.keep("listener", "127.0.0.1:11112")
    ledger.keep("listener", "[::1]:11112 \udcff")
    assert ledger.kept("listener") == "[::1]:11112 \udcff"


def test_a_closed_ledger_is_closed_for_good(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(sqlite3.ProgrammingError):
        ledger.row(uid(0))


def test_an_item_with_texts_of_any_kind_is_kept(ledger: Ledger) -> None:
    odd = Outgoing(
        sop_class="not a uid\x00", sop_instance="\u00fc", transfer_syntax=" ", path="\\x", size=2**40
    )
    ledger.add([Row(key="\u00fc", item=odd, state=TransferState.CONFLICT, rule="MK-X-1", words="w")], SOURCE)
    known = ledger.row("\u00fc")
    assert known is not None
    assert (known.item, known.state, known.rule) == (odd, TransferState.CONFLICT, "MK-X-1")
    assert datetime.fromisoformat(ledger.history("\u00fc")[0].at).tzinfo == UTC


def test_a_full_disk_is_said_and_leaves_what_was_there(ledger: Ledger) -> None:
    pages = ledger._base.execute("PRAGMA page_count").fetchone()[0]
    ledger._base.execute(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(UsageError, match="cannot be opened or written"):
        ledger.add([row(number) for number in range(10, 500)], SOURCE)
    with pytest.raises(UsageError):
        for _ in range(100):
            ledger.happen(uid(0), Happening.SEND)
            ledger.happen(uid(0), Happening.LOST)
    assert [one.key for one in ledger.rows()] == [uid(0), uid(1), uid(2)]
    known = ledger.row(uid(0))
    assert known is not None
    assert ledger.history(uid(0))[-1].now == known.state.value
