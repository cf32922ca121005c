"""What a user wants besides the options: attributes kept, removed, replaced; words, patients, regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mediakit.dicom.deidentify.pseudonyms import Alias
from mediakit.dicom.limits import why_unfit
from mediakit.errors import UsageError

_KEYS = frozenset({"keep", "remove", "replace", "words", "patients", "safe_private", "blank"})
_FIXED = frozenset({0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100010, 0x00100020})


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of an image that is blanked, in pixels from its upper left corner.

    It holds for images of `columns` by `rows` pixels, and of one `modality` unless that is "".
    """

    modality: str
    columns: int
    rows: int
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateElement:
    """A private element that is safe: its creator, its group, and the last byte of its element number."""

    creator: str
    group: int
    element: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The table file of a user. `words` are in lower case; `aliases` are by the old Patient ID."""

    keep: frozenset[int] = frozenset()
    remove: frozenset[int] = frozenset()
    replace: Mapping[int, str] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    aliases: Mapping[str, Alias] = field(default_factory=dict, repr=False)
    safe_private: frozenset[PrivateElement] = frozenset()
    regions: tuple[Region, ...] = ()


def wishes_from(values: Mapping[str, object], where: str) -> Wishes:
    """Return what a table file says. Raises UsageError with `where` for what it must not say."""
    reading = _Reading(where)
    if unknown := sorted(values.keys() - _KEYS):
        raise reading.wrong(f"`{unknown[0]}` is not known", f"known are: {', '.join(sorted(_KEYS))}")
    keep = frozenset(map(reading.tag, reading.texts(values, "keep")))
    remove = frozenset(map(reading.tag, reading.texts(values, "remove")))
    replace = {reading.tag(name): reading.text(text) for name, text in reading.table(values, "replace")}
    for tag in (keep | remove | replace.keys()) & _FIXED:
        raise reading.wrong(
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) cannot be kept, removed or replaced",
            "patients get new names in `[patients]`; `retain-uids` keeps UIDs",
        )
    if (keep & remove) | (keep & replace.keys()) | (remove & replace.keys()):
        raise reading.wrong("an attribute is named twice", "keep it, remove it, or replace it")
    return Wishes(
        keep=keep,
        remove=remove,
        replace=replace,
        words=frozenset(word.lower() for text in reading.texts(values, "words") for word in text.split()),
        aliases={old: reading.alias(new) for old, new in reading.table(values, "patients")},
        safe_private=frozenset(map(reading.private, reading.texts(values, "safe_private"))),
        regions=tuple(map(reading.region, reading.tables(values, "blank"))),
    )


class _Reading:
    """The values of one table file, checked one by one."""

    def __init__(self, where: str) -> None:
        self._where = where

    def wrong(self, what: str, hint: str = "") -> UsageError:
        return UsageError(what, where=self._where, hint=hint)

    def text(self, value: object) -> str:
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or "\\" in value:
            raise self.wrong("a new value must be text in ASCII on one line, without backslash")
        return value

    def texts(self, values: Mapping[str, object], key: str) -> Iterable[str]:
        found = values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            raise self.wrong(f"`{key}` must be a list of texts")
        return found

    def table(self, values: Mapping[str, object], key: str) -> Iterable[tuple[str, object]]:
        found = values.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(f"`[{key}]` must be a table")
        return found.items()

    def tables(self, values: Mapping[str, object], key: str) -> Iterable[Mapping[str, object]]:
        found = values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong(f"`[[{key}]]` must be a list of tables")
        return found

    def tag(self, name: str) -> int:
        """Return the tag of a keyword ("StudyDate") or of "(0008,0020)" or "00080020"."""
        from pydicom.datadict import tag_for_keyword  # noqa: PLC0415 - start-up time

        digits = name.strip("() ").replace(",", "").replace(" ", "")
        found = int(digits, 16) if len(digits) == 8 and _is_hex(digits) else tag_for_keyword(name)
        if found is None:
            raise self.wrong(f"`{name}` is not an attribute", "write its keyword, or its tag: (0008,0020)")
        return found

    def alias(self, value: object) -> Alias:
        new = value if isinstance(value, dict) else {"id": value}
        if unknown := sorted(new.keys() - {"id", "name"}):
            raise self.wrong(f"`{unknown[0]}` of a patient is not known", "known are: id, name")
        patient_id = self.text(new.get("id"))
        name = self.text(new.get("name", patient_id))
        if why := why_unfit("LO", patient_id) or why_unfit("PN", name):
            raise self.wrong(f"a new patient does not fit: {why}")
        return Alias(patient_id=patient_id, name=name)

    def private(self, text: str) -> PrivateElement:
        creator, _, number = text.rpartition(" ")
        group, _, element = number.strip("()").partition(",")
        element = element.lower().removeprefix("xx")
        if not creator or not _is_hex(group) or len(group) != 4 or not _is_hex(element) or len(element) != 2:
            raise self.wrong(
                f"`{text}` is not a private element", 'write it so: "SIEMENS MR HEADER (0019,xx0C)"'
            )
        return PrivateElement(creator=creator, group=int(group, 16), element=int(element, 16))

    def region(self, values: Mapping[str, object]) -> Region:
        numbers = {}
        for key in ("columns", "rows", "left", "top", "width", "height"):
            value = values.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 16:
                raise self.wrong(f"`{key}` of a region must be a whole number of pixels")
            numbers[key] = value
        if unknown := sorted(values.keys() - numbers.keys() - {"modality"}):
            raise self.wrong(f"`{unknown[0]}` of a region is not known")
        return Region(modality=self.text(values.get("modality", "")), **numbers)


def _is_hex(text: str) -> bool:
    return bool(text) and all(char in "0123456789abcdefABCDEF" for char in text)
