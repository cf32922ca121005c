"""What is retained and cleaned: the options of PS3.15 E.3, and how they are written."""

from __future__ import annotations

from enum import Enum

from mediakit.errors import UsageError


class Option(Enum):
    """An option of the Basic Application Level Confidentiality Profile (PS3.15 E.3).

    `word` is how a user writes it and the column of the table, `code` and `meaning` are those of CID 7050.
    """

    SAFE_PRIVATE = ("retain-safe-private", "113111", "Retain Safe Private Option")
    UIDS = ("retain-uids", "113110", "Retain UIDs Option")
    DEVICE = ("retain-device", "113109", "Retain Device Identity Option")
    INSTITUTION = ("retain-institution", "113112", "Retain Institution Identity Option")
    PATIENT = ("retain-patient-characteristics", "113108", "Retain Patient Characteristics Option")
    FULL_DATES = (
        "retain-full-dates",
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
    )
    MODIFIED_DATES = (
        "retain-modified-dates",
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    )
    DESCRIPTORS = ("clean-descriptors", "113105", "Clean Descriptors Option")
    STRUCTURED_CONTENT = ("clean-structured-content", "113104", "Clean Structured Content Option")
    GRAPHICS = ("clean-graphics", "113103", "Clean Graphics Option")

    def __init__(self, word: str, code: str, meaning: str) -> None:
        self.word = word
        self.code = code
        self.meaning = meaning


#: The profile itself, as the first word and as the first code.
BASIC = "basic"
BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")
CLEAN_PIXELS_CODE = ("113101", "Clean Pixel Data Option")
_BY_WORD = {option.word: option for option in Option}


def options_from(text: str) -> frozenset[Option]:
    """Return the options that a list of words names: "basic", or "retain-device,clean-graphics".

    Raises UsageError for a word that is none, and for options that contradict each other.
    """
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError("no de-identification is named", hint=_known())
    for word in words:
        if word != BASIC and word not in _BY_WORD:
            raise UsageError(f"`{word}` is not an option of de-identification", hint=_known())
    options = frozenset(_BY_WORD[word] for word in words if word != BASIC)
    if {Option.FULL_DATES, Option.MODIFIED_DATES} <= options:
        raise UsageError(
            "`retain-full-dates` and `retain-modified-dates` exclude each other",
            hint="full dates stay as they are; modified dates are moved by a secret number of days",
        )
    return options


def _known() -> str:
    return f"write `{BASIC}`, or some of: {', '.join(_BY_WORD)}"
