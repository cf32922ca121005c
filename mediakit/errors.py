"""Why a journey cannot go on. What is true of the data is a finding (see `findings`), never an exception."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mediakit.findings import Finding


class MediakitError(Exception):
    """A journey cannot go on: what, where, why, and what to do. The subclass carries the exit code.

    `path` is the file that stopped it; "" when no single file did.
    """

    exit_code = 70

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        path: str = "",
        findings: tuple[Finding, ...] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint
        self.path = path
        self.findings = findings

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason

    @property
    def reason(self) -> str:
        """Return what and why, for a place where it is known of what this is said."""
        return f"{self.what}: {self.why}" if self.why else self.what


class UsageError(MediakitError):
    """The call itself is wrong: options that exclude each other, an output that exists."""

    exit_code = 2


class ProfileError(MediakitError):
    """A profile file is wrong; the message holds all its faults."""

    exit_code = 2


class SourceError(MediakitError):
    """The source cannot be read, or holds nothing to work on."""

    exit_code = 3


class Untrusted(SourceError):  # noqa: N818 - reads as a sentence where it is raised
    """The source could be read, but is not signed by anybody who is trusted."""


class DoesNotFit(MediakitError):  # noqa: N818 - reads as a sentence where it is raised
    """The instances do not fit the profile or the medium; nothing was written."""

    exit_code = 4


class DestinationError(MediakitError):
    """The remote SCP cannot be reached, or refused the association."""

    exit_code = 5


class Lost(DestinationError):  # noqa: N818 - reads as a sentence where it is raised
    """The connection ended while an instance was under way: whether it was stored is not known."""


class IdentityError(MediakitError):
    """The patient identity is mixed or not the one expected."""

    exit_code = 7


class IntegrityError(MediakitError):
    """What was written or read back is not what it must be."""

    exit_code = 8


class IdentifyingError(IntegrityError):
    """A medium that was to say of nobody who he is still does."""


class SpoiledError(IntegrityError):
    """A medium was written in part, or does not hold what was written on it: it is not to be used."""


class NotBurnedError(IntegrityError):
    """A drive wrote nothing: it failed before, or another medium was in it."""


class UnreadError(IntegrityError):
    """A medium was written to its end, and the drive does not show it again: nobody knows what it holds."""


class SpoiledSessionError(SpoiledError):
    """A session was added to a disc in part, or does not hold what was written; those before it are left."""


@contextmanager
def mapped(
    kinds: Mapping[type[Exception], type[MediakitError]], what: str, where: str = ""
) -> Iterator[None]:
    """Turn foreign exceptions into ours at the door, keeping the cause."""
    try:
        yield
    except tuple(kinds) as exc:
        kind = next(ours for theirs, ours in kinds.items() if isinstance(exc, theirs))
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise kind(what, where=where, why=why or type(exc).__name__) from exc
