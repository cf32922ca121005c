"""Many cases in one test fail together, each with its value."""

from __future__ import annotations

import pytest

from tests.support.each import each


def test_every_case_that_fails_is_listed_with_its_value_and_what_was_wrong() -> None:
    @each(("number", "name"), [(1, "one"), (2, "two"), (0, "none")])
    def halves(number: int, name: str) -> None:
        assert 2 // number == 2, f"{name} is wrong"

    with pytest.raises(pytest.fail.Exception) as caught:
        halves()
    said = str(caught.value)
    assert said.startswith("2 of 3 cases:\n- 2, 'two': line ")
    assert "AssertionError: two is wrong" in said
    assert "\n- 0, 'none': line " in said
    assert "ZeroDivisionError" in said
    assert "'one'" not in said


@each("number", range(3))
@each("letter", "ab")
def test_fixtures_and_several_tables_go_together(
    number: int, letter: str, record_property: pytest.FixtureRequest
) -> None:
    assert callable(record_property)
    assert f"{letter}{number}" in {"a0", "a1", "a2", "b0", "b1", "b2"}


def test_a_table_without_a_case_is_a_failure() -> None:
    @each("number", [])
    def nothing(number: int) -> None:
        raise NotImplementedError

    with pytest.raises(AssertionError, match="there is no case"):
        nothing()
