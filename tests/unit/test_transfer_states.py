"""The states of a transfer: every state is reached, every way leads on, nothing is said twice."""

from __future__ import annotations

import itertools

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


def test_what_the_table_has_is_taken_and_all_else_is_refused_by_name() -> None:
    wrong = [
        (state, happening)
        for state, happening in itertools.product(TransferState, Happening)
        if _following(state, happening) is not TRANSITIONS[state].get(happening)
    ]
    assert wrong == []


def _following(state: TransferState, happening: Happening) -> TransferState | str | None:
    """Return the state after, None for a refusal that names the state, else its words."""
    try:
        return after(state, happening)
    except ForbiddenTransition as exc:
        return None if state.value in str(exc) else str(exc)


def test_every_state_has_a_fate_and_only_the_done_are_good() -> None:
    assert {state for state in TransferState if state.fate.is_good != state.is_done} == set()
    assert State.PLANNED not in {state.fate for state in TransferState}
