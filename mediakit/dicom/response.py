"""The status of a response of DIMSE, as the data set that the network library wants to have (PS3.7 C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST_WORDS = 64  # VR LO


def status_of(code: int, words: str = "") -> Dataset:
    """Return a status with its Error Comment (0000,0902); `words` are ASCII and are cut to 64 characters."""
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    status = Dataset()
    status.Status = code
    if words:
        status.ErrorComment = words.encode("ascii", "replace").decode("ascii")[:_MOST_WORDS]
    return status
