"""The suite knows which rules its tests raise."""

from __future__ import annotations

from tests.support.raised_rules import unproven


def test_a_rule_must_be_raised_in_a_test_and_not_in_another_of_its_file() -> None:
    run = {"a.py::one", "a.py::two", "b.py::one", "b.py::two[x]"}
    raised = {
        "MK-1": {"a.py::one"},
        "MK-2": {"b.py::one", "b.py::two[x]"},
        "MK-3": {"b.py::one", "a.py::one"},
    }
    first, second = unproven(["MK-1", "MK-2", "MK-3", "MK-4"], raised, run)
    assert first.startswith("MK-2 is raised in every test of b.py")
    assert second == "MK-4 is raised in no test: write its wrong case"
