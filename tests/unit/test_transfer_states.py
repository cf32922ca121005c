"""The states of a transfer: every state is reached, every way leads on, nothing is said twice."""

from __future__ import annotations

import itertools

import pytest

from mediakit.outcome import State
from mediakit.transfer.states import TRANSITIONS, ForbiddenTransition, Happening, TransferState, after


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(TransferState)


def test_every_state_is_reached_from_planned_or_is_found_on_the_medium() -> None:
    found_on_the_medium = {
        TransferState.PLANNED,
        TransferState.MISSING,
        TransferState.UNREADABLE,
        TransferState.CONFLICT,
        TransferState.EXCLUDED,
    }
    reached = set(found_on_the_medium)
    for _ in TransferState:
        reached |= {to for state in reached for to in TRANSITIONS[state].values()}
    assert reached == set(TransferState)


def test_every_happening_happens_to_some_state() -> None:
    assert {happening for row in TRANSITIONS.values() for happening in row} == set(Happening)


def test_what_is_not_done_can_be_tried_again() -> None:
    for state in TransferState:
        if state.is_done or state in {TransferState.PLANNED, TransferState.SENDING}:
            continue
        assert TRANSITIONS[state].get(Happening.AGAIN) is TransferState.PLANNED, state


def test_what_was_stored_never_goes_out_again_by_itself() -> None:
    for state in (TransferState.STORED, TransferState.STORED_WITH_WARNING, TransferState.COMMITTED):
        assert Happening.SEND not in TRANSITIONS[state]
        assert Happening.AGAIN not in TRANSITIONS[state]


@pytest.mark.parametrize(("state", "happening"), list(itertools.product(TransferState, Happening)), ids=str)
def test_what_the_table_does_not_have_is_refused(state: TransferState, happening: Happening) -> None:
    following = TRANSITIONS[state].get(happening)
    if following is None:
        with pytest.raises(ForbiddenTransition, match=state.value):
            after(state, happening)
    else:
        assert after(state, happening) is following


@pytest.mark.parametrize("state", TransferState)
def test_every_state_has_a_fate_and_only_the_done_are_good(state: TransferState) -> None:
    assert state.fate.is_good == state.is_done
    assert state.fate is not State.PLANNED
