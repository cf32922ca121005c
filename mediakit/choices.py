"""What the user chooses: for instances that do not fit a profile as they are, and sizes. Quick to import."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(?:([kmg]i?)?b?)", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}

#: The confidence (0 to 100) that a match of a patient has to exceed to be applied without a person.
APPROVE_ABOVE = 79


def bytes_of(text: str) -> int | None:
    """Return the bytes of a size ("700MB", "4.7 GB", "25GiB", "512"), or None when it is not one."""
    match = _SIZE.fullmatch(text.strip())
    return None if match is None else int(float(match[1]) * _UNITS[(match[2] or "").lower()])


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


class Each(StrEnum):
    """What one of several media is for."""

    PATIENT = "patient"
    STUDY = "study"


class Viewer(StrEnum):
    """Which images a medium carries once more, for browsers."""

    NONE = "none"
    PREVIEW = "preview"  # real values at a lower resolution
    FULL = "full"  # every value
    AUTO = "auto"  # full where it fits, else preview, else none


class OnBurnedIn(StrEnum):
    """What is done with an image whose pixels may show who the patient is."""

    REFUSE = "refuse"
    KEEP = "keep"
    BLANK = "blank"


class LinkCase(StrEnum):
    """How the links of pages spell the names of files, which are in upper case."""

    UPPER = "upper"  # as IHE PDI wants
    LOWER = "lower"  # as the German catalogue of 2006 wants


@dataclass(frozen=True, slots=True, kw_only=True)
class ForPeople:
    """What a medium carries for people: the viewer, the pages of IHE PDI (`pdi`), and who made it (lines).

    `is_asked`: somebody wants the viewer, so it is an error when it cannot be made; else it is left out.
    """

    viewer: Viewer = Viewer.NONE
    pdi: bool = False
    link_case: LinkCase = LinkCase.UPPER
    institution: tuple[str, ...] = ()
    is_asked: bool = True

    @property
    def is_anything(self) -> bool:
        """Return True when there is anything to be made."""
        return self.pdi or self.viewer is not Viewer.NONE


FOR_NOBODY = ForPeople()
