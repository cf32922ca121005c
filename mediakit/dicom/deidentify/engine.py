"""One data set without what identifies people: every element at every depth, by the policy. Pure.

It stands on the one walk, the one writer and the reader of whole files of `mediakit.dicom`; pixel data and
transfer syntax are not touched (native ones become Explicit VR Little Endian). The nesting of a file is kept
in lists, so a file cannot choose how deep the stack grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from mediakit.dicom import text
from mediakit.dicom.deidentify.dummies import dummy
from mediakit.dicom.deidentify.identifiers import Identifiers
from mediakit.dicom.deidentify.options import BASIC_CODE, CLEAN_PIXELS_CODE, Option
from mediakit.dicom.deidentify.policy import TEXT_VALUE, Action, Policy
from mediakit.dicom.deidentify.pseudonyms import Pseudonyms
from mediakit.dicom.deidentify.unseen import PIXELS
from mediakit.dicom.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    KNOWN_VRS,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
    dictionary_vr,
)
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Element, element
from mediakit.dicom.values import TEXT_VR_NAMES
from mediakit.dicom.walk import Step, Token, Walker, by_dictionary
from mediakit.dicom.write import Buffer, NestedWriter, encoded, fitting_vr, header, item_header, pad

PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
_SOP_INSTANCE = 0x00080018
_STUDY = 0x0020000D
_SOP_CLASS_OF_META, _SOP_INSTANCE_OF_META = 0x00020002, 0x00020003
_BURNED_IN = 0x00280301
_ICON = 0x00880200
_METHOD = "PS3.15 Table E.1-1 of 2024b by mediakit"
_FREE_TEXT = frozenset({"ST", "LT", "UT", "UC"})


class _Mode(Enum):
    """How the elements of an item are treated."""

    PLAIN = auto()
    CONTENT = auto()
    DUMMY = auto()
    SKIPPED = auto()  # nothing of it goes on


_INSIDE = {Action.KEEP: _Mode.PLAIN, Action.INSIDE: _Mode.PLAIN}
_INSIDE |= {Action.CONTENT: _Mode.CONTENT, Action.DUMMY: _Mode.DUMMY}


@dataclass(slots=True)
class _Level:
    """An open sequence or item: how its elements are treated, and the private creators of the item."""

    mode: _Mode
    creators: dict[int, str] = field(default_factory=dict)


class Engine:
    """De-identifies files by one policy, with one set of pseudonyms; keeps the identifiers it meets."""

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms) -> None:
        self.policy = policy
        self.pseudonyms = pseudonyms
        self.identifiers = Identifiers()

    @property
    def keeps_uids(self) -> bool:
        """Return True when instances keep their SOP Instance UIDs."""
        return self.policy.action(_SOP_INSTANCE, "UI") is Action.KEEP

    def elements(self, file: DicomFile, *, has_clean_pixels: bool = False) -> list[Element]:
        """Return the elements of a file as they go on. Raises `Unwalkable` when a sequence is broken."""
        return _Work(self, file).elements(has_clean_pixels=has_clean_pixels)

    def meta(self, file: DicomFile) -> tuple[Element, ...]:
        """Return what goes on of the file meta information: SOP Class and Instance UID."""
        kept = []
        for each in file.meta:
            if each.tag == _SOP_CLASS_OF_META:
                kept.append(each)
            elif each.tag == _SOP_INSTANCE_OF_META:
                old = bytes(each.value).strip(b" \0").decode("latin-1")
                if not self.keeps_uids:
                    self.identifiers.note(each.tag, "UI", bytes(each.value), b"")
                new = old if self.keeps_uids else self.pseudonyms.uid(old)
                kept.append(element(each.tag, "UI", new.encode("latin-1", "replace")))
        return tuple(kept)


class _Work:
    """One file that is being de-identified."""

    def __init__(self, engine: Engine, file: DicomFile) -> None:
        self._policy = engine.policy
        self._pseudonyms = engine.pseudonyms
        self._identifiers = engine.identifiers
        self._file = file
        self._charset = file.text(SPECIFIC_CHARACTER_SET).encode("latin-1")
        self.patient = patient_of(file)

    def elements(self, *, has_clean_pixels: bool) -> list[Element]:
        top = _Level(_Mode.PLAIN)
        made = {each.tag: each for each in self._added(has_clean_pixels=has_clean_pixels)}
        for each in self._file.elements:
            new = self._top(each, top)
            if new is not None:
                made.setdefault(new.tag, new)
        return [made[tag] for tag in sorted(made)]

    def _top(self, each: Element, top: _Level) -> Element | None:
        if each.is_encapsulated or each.stored is not None:
            return each
        vr = _real_vr(each.tag, each.vr)
        if vr != "SQ" and not each.undefined:
            found = self._leaf(each.tag, vr, each.value, top)
            return None if found is None else Element(each.tag, found[0], found[1])
        encoding = EXPLICIT_LITTLE if each.vr == "SQ" else IMPLICIT_LITTLE
        writer = NestedWriter()
        mode = self._entered(each.tag, top.mode)
        self._items(memoryview(each.value), encoding, mode, writer)
        if self._is_gone(each.tag, top.mode):
            return None
        return Element(each.tag, "SQ", bytes(writer.out), undefined=each.undefined)

    def _items(self, view: memoryview, encoding: Encoding, mode: _Mode, writer: NestedWriter) -> None:
        """Write the items of a sequence as they go on; sequences that stand as UN are followed as well."""
        walks = [(view, iter(Walker(view, encoding, by_dictionary, of_items=True, lenient=True)))]
        levels = [_Level(mode)]
        while walks:
            here, walk = walks[-1]
            token = next(walk, None)
            if token is None:
                walks.pop()
                if walks:
                    self._close(levels, writer)
                continue
            if token.step is Step.ELEMENT and _real_vr(token.tag, token.vr) == "SQ":
                self._open(token, levels, writer)
                inner = here[token.start : token.end]
                walks.append(
                    (inner, iter(Walker(inner, IMPLICIT_LITTLE, by_dictionary, of_items=True, lenient=True)))
                )
            else:
                self._take(token, here, levels, writer)

    def _take(self, token: Token, view: memoryview, levels: list[_Level], writer: NestedWriter) -> None:
        level = levels[-1]
        if token.step is Step.SEQUENCE:
            self._open(token, levels, writer)
        elif token.step is Step.ITEM:
            levels.append(_Level(level.mode))
            if level.mode is not _Mode.SKIPPED:
                writer.open_item(undefined=token.end < 0)
        elif token.step in {Step.ITEM_CLOSED, Step.SEQUENCE_CLOSED}:
            self._close(levels, writer)
        elif token.tag in PIXELS and _ICON not in self._policy.wishes.keep:
            return  # only of icons, which are removed: nothing checks these
        elif token.step is Step.FRAGMENTS:
            if level.mode in {_Mode.PLAIN, _Mode.CONTENT}:
                writer.out += header(token.tag, "OB", UNDEFINED)
                writer.out += view[token.start : token.end]
                writer.out += item_header(SEQUENCE_END, 0)
        else:
            vr = _real_vr(token.tag, token.vr)
            found = self._leaf(token.tag, vr, view[token.start : token.end], level)
            if found is not None:
                writer.element(token.tag, *found)

    def _open(self, token: Token, levels: list[_Level], writer: NestedWriter) -> None:
        """Enter a sequence. One that is emptied or removed is walked through for what it held."""
        outer = levels[-1].mode
        mode = self._entered(token.tag, outer)
        is_written = not self._is_gone(token.tag, outer)
        if is_written:
            writer.open_sequence(token.tag, "SQ", undefined=token.end < 0)
            if mode is _Mode.SKIPPED:
                writer.close()
        levels.append(_Level(mode))

    @staticmethod
    def _close(levels: list[_Level], writer: NestedWriter) -> None:
        if levels.pop().mode is not _Mode.SKIPPED:
            writer.close()

    def _entered(self, tag: int, outer: _Mode) -> _Mode:
        """Return how the items of a sequence are treated, by the sequence and what it is in."""
        mode = _INSIDE.get(self._policy.action(tag, "SQ"), _Mode.SKIPPED)
        if _Mode.SKIPPED in {mode, outer}:
            return _Mode.SKIPPED
        if _Mode.DUMMY in {mode, outer}:
            return _Mode.DUMMY
        return _Mode.CONTENT if _Mode.CONTENT in {mode, outer} else _Mode.PLAIN

    def _is_gone(self, tag: int, outer: _Mode) -> bool:
        return outer is _Mode.SKIPPED or self._policy.action(tag, "SQ") is Action.REMOVE

    def _leaf(self, tag: int, vr: str, value: Buffer, level: _Level) -> tuple[str, Buffer] | None:
        """Return VR and value of an element as it goes on; None when it does not."""
        action = self._action(tag, vr, value, level)
        if action is Action.KEEP and len(value) % 2 == 0:
            return fitting_vr(vr, len(value)), value
        raw = bytes(value)
        if action is Action.KEEP:
            raw += pad(vr, raw)
            return fitting_vr(vr, len(raw)), raw
        self._identifiers.note(tag, vr, raw, self._charset)
        if action is Action.REMOVE:
            return None
        if not raw.strip(b" \0"):
            return vr, raw
        new = self._changed(action, tag, vr, raw)
        if new is None:
            new = self._changed(self._fallback(tag, vr, level), tag, vr, raw)
        if new is None:
            return None
        new += pad(vr, new)
        return fitting_vr(vr, len(new)), new

    def _action(self, tag: int, vr: str, value: Buffer, level: _Level) -> Action:
        if tag >> 16 & 1 and self._is_safe(tag, value, level):
            return Action.KEEP if level.mode is not _Mode.SKIPPED else Action.REMOVE
        action = self._policy.action(tag, vr)
        if level.mode is _Mode.SKIPPED:
            return Action.REMOVE
        if level.mode is _Mode.DUMMY and action is Action.KEEP:
            return Action.DUMMY
        if level.mode is _Mode.CONTENT and action is Action.KEEP and (tag == TEXT_VALUE or vr in _FREE_TEXT):
            cleans = Option.STRUCTURED_CONTENT in self._policy.options and self._policy.wishes.words
            return Action.CLEAN if cleans else Action.DUMMY
        return action

    def _is_safe(self, tag: int, value: Buffer, level: _Level) -> bool:
        """Return True for a private element that is named as safe, and for the creator of such."""
        low = tag & 0xFFFF
        if 0x10 <= low <= 0xFF:
            creator = bytes(value).strip(b" \0").decode("latin-1")
            level.creators[tag & 0xFFFF0000 | low] = creator
            return Option.SAFE_PRIVATE in self._policy.options and any(
                (one.creator, one.group) == (creator, tag >> 16) for one in self._policy.wishes.safe_private
            )
        creator = level.creators.get(tag & 0xFFFF0000 | low >> 8, "")
        return bool(creator) and self._policy.is_safe_private(creator, tag)

    def _fallback(self, tag: int, vr: str, level: _Level) -> Action:
        """Return what becomes of a value of which nothing is left when it is cleaned or moved."""
        if level.mode is not _Mode.PLAIN or tag == TEXT_VALUE:
            return Action.DUMMY
        return self._policy.basic(tag, vr)

    def _changed(self, action: Action, tag: int, vr: str, raw: bytes) -> bytes | None:
        """Return the new value of an element; None when there is none."""
        if action is Action.EMPTY:
            return b""
        if action is Action.DUMMY:
            return dummy(vr) if vr != "UI" else self._uids(raw)
        if action is Action.UID:
            return self._uids(raw) if vr in TEXT_VR_NAMES else dummy(vr)
        if action is Action.REPLACE:
            return self._policy.wishes.replace[tag].encode("ascii")
        if action is Action.MOVE:
            return self._moved(raw)
        return self._cleaned(raw, vr) if action is Action.CLEAN else None

    def _uids(self, raw: bytes) -> bytes:
        olds = (part.strip(b" \0").decode("latin-1") for part in raw.split(b"\\"))
        return "\\".join(map(self._pseudonyms.uid, olds)).encode("latin-1")

    def _moved(self, raw: bytes) -> bytes | None:
        moved = []
        for part in raw.decode("latin-1").strip(" \0").split("\\"):
            day = part.replace(".", "") if part[4:5] == "." else part  # as ACR-NEMA wrote them
            new = self._pseudonyms.moved(self.patient, day) if day[:8].isdigit() else None
            if new is None:
                return None
            moved.append(new + day[8:])
        return "\\".join(moved).encode("latin-1")

    def _cleaned(self, raw: bytes, vr: str) -> bytes | None:
        words = text.decode(raw, self._charset, vr).split()
        kept = [word for word in words if word.strip(".,;:()/").lower() in self._policy.wishes.words]
        said = " ".join(kept)
        return said.encode("ascii") if kept and said.isascii() else None

    def _added(self, *, has_clean_pixels: bool) -> Iterator[Element]:
        """Yield what a de-identified instance says of itself, and whose it is now (PS3.15 E.1.1)."""
        options = self._policy.options
        if any(each.tag == _STUDY for each in self._file.elements):
            alias = self._pseudonyms.patient(self.patient)
            yield self._instead(PATIENT_NAME, "PN", alias.name)
            yield self._instead(PATIENT_ID, "LO", alias.patient_id)
        codes = [BASIC_CODE, *((one.code, one.meaning) for one in Option if one in options)]
        if has_clean_pixels:
            codes.append(CLEAN_PIXELS_CODE)
            yield self._instead(_BURNED_IN, "CS", "NO")
        yield self._instead(0x00120062, "CS", "YES")
        yield self._instead(0x00120063, "LO", _METHOD)
        yield Element(0x00120064, "SQ", b"".join(_code_item(*code) for code in sorted(codes)))
        yield self._instead(0x00280303, "CS", _longitudinal(options))

    def _instead(self, tag: int, vr: str, value: str) -> Element:
        """Return a new element, and note what stood there before."""
        old = self._file.first(tag)
        if old is not None:
            self._identifiers.note(tag, vr, bytes(old.value), self._charset)
        return element(tag, vr, value.encode("ascii"))


def patient_of(file: DicomFile) -> str:
    """Return what a patient is known by in the files: the Patient ID, without one the name."""
    charset = file.text(SPECIFIC_CHARACTER_SET).encode("latin-1")
    for tag, vr, mark in ((PATIENT_ID, "LO", ""), (PATIENT_NAME, "PN", "\0")):
        found = file.first(tag)
        said = "" if found is None else text.decode(bytes(found.value), charset, vr).strip(" \0")
        if said:
            return mark + said
    return ""


def _real_vr(tag: int, vr: str) -> str:
    """Return the VR of an element; for UN and unknown ones that of the dictionary."""
    if vr != "UN" and vr.encode("ascii", "replace") in KNOWN_VRS:
        return vr
    return dictionary_vr(tag).decode("ascii")


def _longitudinal(options: frozenset[Option]) -> str:
    if Option.FULL_DATES in options:
        return "UNMODIFIED"
    return "MODIFIED" if Option.MODIFIED_DATES in options else "REMOVED"


def _code_item(code: str, meaning: str) -> bytes:
    parts = ((0x00080100, "SH", code), (0x00080102, "SH", "DCM"), (0x00080104, "LO", meaning))
    content = b"".join(encoded(tag, vr, value.encode("ascii"), EXPLICIT_LITTLE) for tag, vr, value in parts)
    return item_header(0xFFFEE000, len(content)) + content
