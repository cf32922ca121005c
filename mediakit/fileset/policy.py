"""What the user decides about a file-set: who supplies missing keys, what a refused instance means."""

from __future__ import annotations

from enum import StrEnum


class Supply(StrEnum):
    """Who supplies a Type 1 key of a directory record that the instances lack (PS3.11 D.3.3.1, note)."""

    NONE = "none"  # nobody: the instance is refused
    DIRECTORY = "directory"  # the DICOMDIR alone gets a value; the instance stays as it is


class OnReject(StrEnum):
    """What one refused instance means for the others."""

    FAIL = "fail"  # nothing is written
    SKIP = "skip"  # the others are written
