"""Errors say what, where and why, and carry the exit code of the table in the README."""

from __future__ import annotations

import errno

import pytest

from mediakit import errors
from mediakit.errors import MediakitError, SourceError, UsageError, mapped
from mediakit.outcome import Outcome

CODES = {
    "MediakitError": 70,
    "UsageError": 2,
    "ProfileError": 2,
    "SourceError": 3,
    "Untrusted": 3,
    "DoesNotFit": 4,
    "DestinationError": 5,
    "Lost": 5,
    "IdentityError": 7,
    "IdentifyingError": 8,
    "IntegrityError": 8,
    "SpoiledError": 8,
    "SpoiledSessionError": 8,
    "NotBurnedError": 8,
    "UnreadError": 8,
}


def test_every_error_has_the_exit_code_of_the_table() -> None:
    kinds = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, MediakitError)
    }
    assert kinds == CODES


def test_every_exit_code_is_a_named_outcome() -> None:
    assert {Outcome(code) for code in CODES.values()} <= set(Outcome)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UsageError("the target exists"), "the target exists"),
        (UsageError("the target exists", where="a.iso"), "a.iso: the target exists"),
        (UsageError("cannot be read", why="no permission"), "cannot be read: no permission"),
        (UsageError("cannot be read", where="x", why="gone", hint="look again"), "x: cannot be read: gone"),
    ],
)
def test_the_message_has_what_where_and_why_but_not_the_hint(error: MediakitError, text: str) -> None:
    assert str(error) == text


def test_a_foreign_exception_is_mapped_and_kept_as_the_cause() -> None:
    with (
        pytest.raises(SourceError) as caught,
        mapped({OSError: SourceError, ValueError: UsageError}, "cannot be read", "x"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert str(caught.value) == "x: cannot be read: Permission denied"
    assert isinstance(caught.value.__cause__, PermissionError)


def test_the_first_kind_that_fits_is_taken() -> None:
    with pytest.raises(UsageError, match="is odd: three"), mapped({ValueError: UsageError}, "is odd"):
        raise ValueError("three")


def test_an_exception_without_a_message_is_told_by_its_name() -> None:
    with pytest.raises(UsageError, match="is odd: KeyError"), mapped({KeyError: UsageError}, "is odd"):
        raise KeyError


def test_what_is_not_mapped_goes_through() -> None:
    with pytest.raises(ZeroDivisionError), mapped({OSError: SourceError}, "cannot be read"):
        raise ZeroDivisionError
