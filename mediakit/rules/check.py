"""What a check is. Every file of rules has its `Rule`s, the functions that raise them, and `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule
from mediakit.profile.model import Profile


class RuleSet(StrEnum):
    """What a medium is judged by."""

    PS3 = "ps3"  # the DICOM standard: PS3.3 Annex F, PS3.10, PS3.11, PS3.12
    PDI = "pdi"  # IHE Portable Data for Imaging
    DRG = "drg"  # the German catalogue of 2006, stricter than PDI


Find = Callable[[Survey, Profile | None], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """A function that looks for something, and every rule that it can raise.

    `find` takes the survey and the profile that the medium is judged by (None when none fits at all).
    """

    find: Find
    rules: tuple[Rule, ...]
    rule_set: RuleSet = RuleSet.PS3
