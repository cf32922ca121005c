"""What becomes of each attribute: one action, from the table, the options, and what the user wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mediakit.dicom.deidentify.options import Option
from mediakit.dicom.deidentify.table import CLASS_UIDS, Row, row_of
from mediakit.dicom.deidentify.wishes import PrivateElement, Wishes
from mediakit.dicom.dictionary import is_private, is_standard

CONTENT_SEQUENCE = 0x0040A730
TEXT_VALUE = 0x0040A160
_WAVEFORM_ANNOTATIONS = 0x0040B020
_GRAPHIC_ANNOTATIONS = 0x00700001
_REFERENCED_STEP = 0x00081111
_CONTENTS = frozenset({CONTENT_SEQUENCE, _WAVEFORM_ANNOTATIONS})
# Presentation Creation Date and Time: the table removes what every presentation state must have.
_TYPE_1 = frozenset({0x00700082, 0x00700083})
# Retired, and no longer in the table: order numbers, and texts and identifiers of drafts of reports.
_RETIRED = frozenset({0x00401006, 0x00401007, 0x00402006, 0x00402007, 0x00203402, 0x00400553, 0x00401060})
_RETIRED |= {0x0040A16A, 0x0040A224, 0x0040A33A, 0x0040A992, 0x40080103}
_LONGITUDINAL = frozenset({"DA", "DT"})


class Action(Enum):
    """What becomes of one element. What is empty already stays so, unless it is removed."""

    KEEP = auto()
    REMOVE = auto()
    EMPTY = auto()
    DUMMY = auto()  # a value that means nothing; in a sequence all values, at every depth
    UID = auto()
    CLEAN = auto()  # only the words that are allowed; nothing left: the action of the profile
    MOVE = auto()  # a date, by the days of the patient
    REPLACE = auto()  # by the value that the user gives
    INSIDE = auto()  # a sequence: its elements one by one
    CONTENT = auto()  # the same, and Text Value of its items is cleaned or a dummy


# Combined codes: the one that keeps every IOD valid, which may be more than this instance needs.
_BASIC: Mapping[str, Action] = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.UID,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.INSIDE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The options of PS3.15 E.3 and what the user wants besides them."""

    options: frozenset[Option] = frozenset()
    wishes: Wishes = field(default_factory=Wishes)

    def action(self, tag: int, vr: str) -> Action:
        """Return what becomes of an element. Private ones are removed here: see `is_safe_private`."""
        wishes = self.wishes
        if tag in wishes.keep:
            return Action.INSIDE if vr == "SQ" else Action.KEEP
        if tag in wishes.remove:
            return Action.REMOVE
        if tag in wishes.replace:
            return Action.REPLACE if vr != "SQ" else Action.REMOVE
        if tag & 0xFFFF == 0 or tag >> 16 < 8 or is_private(tag):
            return Action.REMOVE  # group lengths; what belongs to messages, files and directories
        row = row_of(tag)
        if row is None:
            return self._unlisted(tag, vr)
        return self._by_option(row, tag, vr) or self.basic(tag, vr)

    def basic(self, tag: int, vr: str) -> Action:
        """Return what the profile does with a listed attribute without any option."""
        row = row_of(tag)
        action = Action.REMOVE if row is None else _BASIC[row.basic]
        if vr != "SQ":
            action = Action.DUMMY if tag in _TYPE_1 else action
            return Action.EMPTY if action is Action.INSIDE else action
        if action is Action.UID:
            return Action.REMOVE
        if action is not Action.DUMMY:
            return action
        if tag in _CONTENTS:
            return Action.CONTENT
        if tag == _REFERENCED_STEP:
            return Action.INSIDE
        return Action.REMOVE if tag == _GRAPHIC_ANNOTATIONS else Action.DUMMY

    def is_safe_private(self, creator: str, tag: int) -> bool:
        """Return True for a private element that the user names as safe, with the option for it."""
        if Option.SAFE_PRIVATE not in self.options:
            return False
        return (
            PrivateElement(creator=creator, group=tag >> 16, element=tag & 0xFF) in self.wishes.safe_private
        )

    def _by_option(self, row: Row, tag: int, vr: str) -> Action | None:
        """Return what the options do with an attribute, None when they leave it to the profile."""
        codes = {option: code for option, code in row.by_option.items() if option in self.options}
        if "K" in codes.values():
            return Action.INSIDE if vr == "SQ" else Action.KEEP
        if Option.MODIFIED_DATES in codes:
            return _moved(vr)
        if Option.STRUCTURED_CONTENT in codes:
            return Action.CONTENT if vr == "SQ" else None
        if Option.GRAPHICS in codes:
            return Action.INSIDE if tag == _GRAPHIC_ANNOTATIONS and vr == "SQ" else None
        if codes and self.wishes.words and vr in {"LO", "SH", "ST", "LT", "UT", "UC"}:
            return Action.CLEAN
        return None

    def _unlisted(self, tag: int, vr: str) -> Action:
        """Return what becomes of an attribute that the table does not list."""
        if vr == "SQ":
            return Action.INSIDE if is_standard(tag) else Action.REMOVE
        if not is_standard(tag) or tag in _RETIRED:  # nobody knows what it holds
            return Action.REMOVE
        if vr == "PN":
            return Action.DUMMY
        if vr in _LONGITUDINAL and Option.FULL_DATES not in self.options:
            return Action.MOVE if Option.MODIFIED_DATES in self.options else Action.DUMMY
        is_mapped = vr == "UI" and tag not in CLASS_UIDS and Option.UIDS not in self.options
        return Action.UID if is_mapped else Action.KEEP


def _moved(vr: str) -> Action | None:
    if vr in _LONGITUDINAL:
        return Action.MOVE
    return Action.KEEP if vr == "TM" else None
