"""What may be done to an instance so that it fits a profile."""

from __future__ import annotations

from enum import StrEnum


class Convert(StrEnum):
    """Which conversions are allowed. Lossy compression only on explicit request."""

    NONE = "none"
    LOSSLESS = "lossless"
    ANY = "any"
