"""Whatever happens in whatever order, the ledger says the same as a dict in which it happened too."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mediakit.ledger.jobs import Jobs
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import TRANSITIONS, ForbiddenTransition, Happening, TransferState
from tests.support.ledgers import EXPLICIT_LE, SOURCE, facts, lost_row, row, uid

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = "2026-11-24T12:00:00.000+00:00"
NUMBERS = st.integers(0, 5)
PATHS = st.sampled_from([f"DICOM/IM{number:04}" for number in range(4)])
FOUND = st.sampled_from([TransferState.PLANNED, TransferState.MISSING, TransferState.CONFLICT])
SAID = st.tuples(st.sampled_from(["", EXPLICIT_LE]), st.integers(0, 0xFFFF), st.sampled_from(["", "words"]))


class TheLedger(RuleBasedStateMachine):
    """Two of the same: a ledger on disk, and rows in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.jobs = Jobs(self.folder, clock=lambda: NOW)
        self.ledger = self.jobs.start(facts())
        self.rows: dict[str, Row] = {}
        self.lines: dict[str, int] = {}
        self.kept: dict[str, str] = {}

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(found=st.lists(st.tuples(NUMBERS, PATHS, FOUND), max_size=4, unique_by=lambda one: one[0]))
    def a_medium_is_read(self, found: list[tuple[int, str, TransferState]]) -> None:
        rows = [row(number, path, state) for number, path, state in found]
        self.ledger.add(rows, SOURCE)
        for one in rows:
            self._gone(key_of("", one.item.path))
            self._take(one)

    @rule(path=PATHS)
    def a_file_cannot_be_read(self, path: str) -> None:
        self.ledger.add([lost_row(path)], SOURCE)
        self._take(lost_row(path))

    @precondition(lambda self: self.rows)
    @rule(choose=st.data(), happening=st.sampled_from(Happening), said=SAID)
    def something_happens(
        self, choose: st.DataObject, happening: Happening, said: tuple[str, int, str]
    ) -> None:
        key = choose.draw(st.sampled_from(sorted(self.rows)))
        sent_as, code, words = said
        try:
            now = self.ledger.happen(key, happening, sent_as=sent_as, code=code, words=words)
        except ForbiddenTransition:
            assert happening not in TRANSITIONS[self.rows[key].state]
            return
        assert now is self._happened(key, happening, said)

    @precondition(lambda self: self.rows)
    @rule(happening=st.sampled_from(Happening))
    def the_same_happens_to_all(self, happening: Happening) -> None:
        try:
            self.ledger.happen_all(list(self.rows), happening)
        except ForbiddenTransition:
            assert any(happening not in TRANSITIONS[one.state] for one in self.rows.values())
            return
        for key in self.rows:
            self._happened(key, happening, ("", 0, ""))

    @rule(name=st.sampled_from("ab"), value=st.text(max_size=5))
    def a_fact_is_kept(self, name: str, value: str) -> None:
        self.ledger.keep(name, value)
        self.kept[name] = value

    @rule()
    def the_job_is_taken_up_again(self) -> None:
        self.ledger.close()
        self.ledger = self.jobs.resume(self.ledger.job_id)
        for key, one in self.rows.items():
            if one.state is TransferState.SENDING:
                self._happened(key, Happening.LOST, ("", 0, "the process ended before the answer came"))

    @invariant()
    def both_say_the_same(self) -> None:
        assert list(self.ledger.rows()) == list(self.rows.values())
        assert sum(self.ledger.counts().values()) == len(self.rows)
        view = self.jobs.read(self.ledger.job_id)
        assert list(view.rows()) == list(self.rows.values())
        for key, count in self.lines.items():
            assert len(view.history(key)) == count
        assert {name: self.ledger.kept(name) for name in self.kept} == self.kept

    @invariant()
    def the_history_adds_up_to_the_state(self) -> None:
        for key, one in self.rows.items():
            lines = self.ledger.history(key)
            assert lines[-1].now == one.state.value
            assert all(before.now == after.was for before, after in pairwise(lines))

    def _take(self, found: Row) -> None:
        known = self.rows.pop(found.key, None)
        if known is None:
            self.rows[found.key] = found
            self.lines[found.key] = self.lines.get(found.key, 0) + 1
        else:
            self.rows[found.key] = known if known.state.is_done else replace(known, item=found.item)

    def _gone(self, key: str) -> None:
        if self.rows.pop(key, None) is not None:
            self.lines[key] += 1

    def _happened(self, key: str, happening: Happening, said: tuple[str, int, str]) -> TransferState:
        before, (sent_as, code, words) = self.rows[key], said
        if happening in (Happening.PROVEN, Happening.DENIED) and not code and not words:
            code, words = before.code, before.words
        self.rows[key] = replace(
            before,
            state=TRANSITIONS[before.state][happening],
            sent_as=sent_as or ("" if happening is Happening.AGAIN else before.sent_as),
            code=code,
            words=words,
            attempts=before.attempts + (happening is Happening.SEND),
            changed_at=AT,
        )
        self.lines[key] += 1
        return self.rows[key].state


TestTheLedger = TheLedger.TestCase
TestTheLedger.settings = settings(max_examples=15, stateful_step_count=30)


def test_the_history_of_a_path_goes_on_when_the_file_breaks_again(tmp_path: Path) -> None:
    with Jobs(tmp_path).start(facts()) as ledger:
        ledger.add([lost_row("DICOM/IM0001")], SOURCE)
        ledger.add([row(1)], SOURCE)
        ledger.add([lost_row("DICOM/IM0001")], SOURCE)
        key = key_of("", "DICOM/IM0001")
        assert [line.now for line in ledger.history(key)] == ["unreadable", "", "unreadable"]
        assert [one.key for one in ledger.rows()] == [uid(1), key]
