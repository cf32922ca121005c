"""The book: every file that was met ends in exactly one fate."""

from __future__ import annotations

import pytest

from mediakit.findings import Rule, Severity, Where
from mediakit.outcome import Fate, State
from mediakit.stages.look.fates import Fates

ERROR = Rule(id="MK-TST-001", severity=Severity.ERROR, title="wrong", ref="")
NOTE = Rule(id="MK-TST-002", severity=Severity.NOTE, title="seen", ref="")


def test_files_keep_the_order_in_which_they_were_met() -> None:
    book = Fates(())
    for place in ("b", "a", "c"):
        assert book.enter(place)
    book.settle("c", State.NOT_DICOM)
    book.settle_rest(State.WITHHELD)
    assert [(fate.source, fate.state) for fate in book.fates()] == [
        ("b", State.WITHHELD),
        ("a", State.WITHHELD),
        ("c", State.NOT_DICOM),
    ]


def test_a_file_is_entered_once() -> None:
    book = Fates(())
    assert book.enter("a")
    assert not book.enter("a")
    book.settle("a", State.DUPLICATE)
    assert not book.enter("a")
    assert len(book.fates()) == 1


def test_a_file_left_without_a_fate_is_a_fault_of_ours() -> None:
    book = Fates(())
    book.enter("a")
    assert book.open_places() == ("a",)
    with pytest.raises(AssertionError, match="1 files"):
        book.fates()


def test_the_finding_of_a_fate_is_moved_to_the_file_and_kept_for_the_report() -> None:
    book = Fates(())
    book.enter("a")
    book.settle("a", State.UNREADABLE, ERROR.at(Where(path="inner", tag=5)), sop_instance="1.2")
    (fate,) = book.fates()
    assert fate == Fate(
        source="a", state=State.UNREADABLE, because=ERROR.at(Where(path="a", tag=5)), sop_instance="1.2"
    )
    assert book.findings == [ERROR.at(Where(path="a", tag=5))]


def test_a_refusal_is_because_of_the_first_error_and_keeps_every_finding() -> None:
    book = Fates(())
    book.refuse("a", (NOTE.at(), ERROR.at(Where(tag=1)), ERROR.at(Where(tag=2))))
    (fate,) = book.fates()
    assert fate.because == ERROR.at(Where(path="a", tag=1))
    assert [finding.where.path for finding in book.findings] == ["a", "a", "a"]


def test_a_refusal_without_an_error_is_because_of_what_there_is() -> None:
    book = Fates(())
    book.refuse("a", (NOTE.at(),))
    book.refuse("b", ())
    assert [fate.because for fate in book.fates()] == [NOTE.at(Where(path="a")), None]


def test_the_rest_gets_the_fate_that_is_given_and_the_settled_keep_theirs() -> None:
    book = Fates(())
    book.enter("a")
    book.enter("b")
    book.settle("a", State.REFUSED)
    book.settle_rest(State.FAILED, ERROR.at())
    assert [fate.state for fate in book.fates()] == [State.REFUSED, State.FAILED]
    assert book.fates()[1].because == ERROR.at(Where(path="b"))
    assert book.is_bad


def test_notes_on_a_file_leave_its_fate_open() -> None:
    book = Fates(())
    book.enter("a")
    book.note("a", (NOTE.at(), NOTE.at()))
    assert book.open_places() == ("a",)
    assert [finding.where.path for finding in book.findings] == ["a", "a"]
