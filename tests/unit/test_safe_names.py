"""Names of a foreign medium as names for any computer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.formats.safe_names import safe_paths
from tests.support.each import each


@pytest.mark.parametrize(
    "path", ["DICOMDIR", "DICOM/PAT1/IM000001", "Viewer/readme.txt", "Übersicht/日本.htm", "a b/c-d"]
)
def test_a_name_that_any_computer_can_hold_stays_as_it_is(path: str) -> None:
    assert safe_paths([path]) == {path: path}


@each(
    ("path", "safe"),
    [
        ("../../etc/passwd", "_/_/etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a//b/./c", "a/b/c"),
        ("a\\..\\b", "a_.._b"),
        ("C:/autoexec", "C_/autoexec"),
        ("NUL", "_NUL"),
        ("con.dcm", "_con.dcm"),
        ("name. ", "name_"),
        ("tab\there", "tab_here"),
        ("exe\u202efdp", "exe_fdp"),
        ("", "_"),
    ],
)
def test_a_name_that_is_not_safe_is_changed(path: str, safe: str) -> None:
    assert safe_paths([path]) == {path: safe}


def test_names_that_differ_only_by_case_are_kept_apart() -> None:
    assert safe_paths(["IM1", "im1", "Im1"]) == {"IM1": "IM1", "im1": "im1_2", "Im1": "Im1_3"}


def test_a_changed_name_never_takes_that_of_another_file() -> None:
    found = safe_paths(["a?.txt", "a_.txt"])
    assert found == {"a?.txt": "a__2.txt", "a_.txt": "a_.txt"}


def test_a_file_is_never_where_a_folder_must_be() -> None:
    found = safe_paths(["A/IM1", "a"])
    assert found == {"A/IM1": "A/IM1", "a": "a_2"}


@given(st.lists(st.text(alphabet=st.characters(), max_size=12), max_size=30))
def test_whatever_the_names_the_safe_ones_are_safe_and_different(paths: list[str]) -> None:
    found = safe_paths(paths)
    assert set(found) == set(paths)
    folded = [path.casefold() for path in found.values()]
    assert len(set(folded)) == len(folded)
    for path in found.values():
        parts = path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not any(ord(c) < 32 or c in '<>:"|?*\\' for c in path)
        assert not any(other.startswith(path.casefold() + "/") for other in folded)
    assert safe_paths(list(found.values())) == {path: path for path in found.values()}


def test_thousands_of_names_that_become_the_same_are_kept_apart() -> None:
    odd = [chr(n) for n in range(1, 31)]
    found = safe_paths(a + b + c for a in odd for b in odd for c in odd)  # 27,000 names, all "___"
    assert len(set(found.values())) == 27_000
