"""What the user chooses for instances that do not fit a profile as they are. Values only, quick to import."""

from __future__ import annotations

from enum import StrEnum


class Convert(StrEnum):
    """Which conversions are allowed. Lossy compression only on explicit request."""

    NONE = "none"
    LOSSLESS = "lossless"
    ANY = "any"


class Supply(StrEnum):
    """Who supplies a Type 1 key of a directory record that the instances lack (PS3.11 D.3.3.1, note)."""

    NONE = "none"  # nobody: the instance is refused
    DIRECTORY = "directory"  # the DICOMDIR alone gets a value; the instance stays as it is


class OnReject(StrEnum):
    """What one refused instance means for the others."""

    FAIL = "fail"  # nothing is written
    SKIP = "skip"  # the others are written
