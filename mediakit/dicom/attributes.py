"""The elements of a whole file by keyword, nested ones too, read tolerantly: what cannot be read is absent.

For what people look at (texts of the viewer, windows, positions); what is judged or written is read as bytes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

from mediakit.dicom.image import CODEC_ERRORS
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Element

#: Characters of a text that is shown in one line.
LONGEST_TEXT = 1024

_NO_TEXTS = frozenset({"SQ", "UN"})
_BINARY = frozenset({"SL", "SS", "UL", "US"})
_FEW_BYTES = 64
_CHARACTER_SET = 0x00080005
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


class Attributes:
    """One data set, or one item of a sequence in it."""

    __slots__ = ("_found",)

    def __init__(self, found: Any) -> None:
        self._found = found

    @property
    def data_set(self) -> Any:
        """Return the data set of pydicom, for its own functions."""
        return self._found

    @classmethod
    def of(cls, file: DicomFile) -> Attributes:
        """Return the elements of a file but its pixels."""
        from pydicom import Dataset  # noqa: PLC0415 - pydicom costs start-up time

        elements = [one for one in file.elements if one.tag not in _PIXELS]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if any(one.undefined or one.stored is not None for one in elements):
                    return cls(_parsed(elements))
                return cls(_unparsed(elements))
        except CODEC_ERRORS:
            return cls(Dataset())

    def value(self, keyword: str) -> Any:
        """Return a value as pydicom gives it; None when it is absent, empty or cannot be read."""
        tag = _tag_of(keyword)
        if tag not in self._found.keys():  # noqa: SIM118 - of tags: `in` alone is slow
            return None  # as most of what a viewer asks for
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._found[tag].value
                return None if found is None or found == "" else found
        except CODEC_ERRORS:
            return None

    def raw(self, tag: int) -> bytes:
        """Return the value of an element of bytes (OB, OW, UN); b"" when there is none."""
        found = self.tag(tag)
        return bytes(found) if isinstance(found, bytes | bytearray) else b""

    def tag(self, tag: int) -> Any:
        """Return the value of an element as pydicom gives it, for repeating groups; None without."""
        if tag not in self._found.keys():  # noqa: SIM118 - of tags: `in` alone is slow
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._found[tag].value
        except CODEC_ERRORS:
            return None

    def text(self, keyword: str) -> str:
        """Return a value as text in one line, several values with a backslash between; "" when absent."""
        raw = self._stored(keyword)
        if raw is not None and raw.value and raw.VR not in _NO_TEXTS and len(raw.value) <= LONGEST_TEXT:
            charset = self._found.original_character_set or ()
            charset = charset if isinstance(charset, str) else tuple(charset)
            return _text(raw.tag, raw.VR, bytes(raw.value), charset)
        found = self.value(keyword)
        return "" if found is None else one_line(_joined(found))

    def lines(self, keyword: str) -> str:
        """Return a value as text of several lines, without other control characters."""
        found = self.value(keyword)
        text = "" if found is None else _joined(found)
        return "".join(
            char
            for char in text.replace("\r\n", "\n").replace("\r", "\n")
            if char in "\n\t" or char.isprintable()
        )

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values as texts."""
        found = self.value(keyword)
        if found is None:
            return ()
        many = [found] if isinstance(found, str) or not hasattr(found, "__iter__") else list(found)
        return tuple(one_line(str(one)) for one in many)

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return the values as finite numbers; () when one of them is none."""
        found = self._stored(keyword)
        if found is None or not found.value:
            return _numbers(self.value(keyword))
        if found.VR == "DS":  # pydicom takes 10 us for each, contours have 10^6
            return _numbers(found.value.strip(b" \0").split(b"\\"))
        if found.VR in _BINARY and len(found.value) <= _FEW_BYTES:
            return _binary(found.tag, found.VR, bytes(found.value))
        return _numbers(self.value(keyword))

    def _stored(self, keyword: str) -> Any:
        """Return an element as it is in the file; None when it is absent or was read before."""
        tag = _tag_of(keyword)
        if tag not in self._found.keys():  # noqa: SIM118 - of tags: `in` alone is slow
            return None
        found = self._found.get_item(tag)
        return found if isinstance(found, tuple) else None  # a RawDataElement is one

    def number(self, keyword: str) -> float | None:
        """Return the first value as a number, or None."""
        found = self.numbers(keyword)
        return found[0] if found else None

    def whole(self, keyword: str) -> int | None:
        """Return the first value as a whole number, or None."""
        found = self.number(keyword)
        return None if found is None else int(found)

    def items(self, keyword: str) -> tuple[Attributes, ...]:
        """Return the items of a sequence."""
        found = self.value(keyword)
        if found is None or isinstance(found, str | bytes) or not hasattr(found, "__iter__"):
            return ()
        return tuple(Attributes(item) for item in found if hasattr(item, "elements"))

    def item(self, keyword: str) -> Attributes:
        """Return the first item of a sequence, or one without elements."""
        found = self.items(keyword)
        return found[0] if found else NOTHING


class _Empty:
    """A data set without elements."""

    @staticmethod
    def keys() -> tuple[int, ...]:
        return ()


NOTHING = Attributes(_Empty())


def _parsed(elements: Iterable[Element]) -> Any:
    """Return elements as a data set of pydicom, which reads them: sequences of undefined length at once."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415 - pydicom costs start-up time

    content = b"".join(bytes(chunk) for one in elements for chunk in one.chunks())
    return read_dataset(BytesIO(content), is_implicit_VR=False, is_little_endian=True)


def _unparsed(elements: Iterable[Element]) -> Any:
    """Return elements of defined length as a data set of pydicom, as `_parsed` does, four times as fast."""
    from pydicom import Dataset  # noqa: PLC0415 - pydicom costs start-up time
    from pydicom.dataelem import RawDataElement, empty_value_for_VR  # noqa: PLC0415

    found: dict[Any, Any] = {}
    for one in elements:
        tag, value = _base(one.tag), bytes(one.value)
        content: Any = value or empty_value_for_VR(one.vr, raw=True)
        found[tag] = RawDataElement(tag, one.vr, len(value), content, 0, False, True)
    made = Dataset(found)
    charset = found.get(_base(_CHARACTER_SET))
    names = ("iso8859",) if charset is None else _charset(charset.value or b"")
    made.set_original_encoding(False, True, names[0] if charset is None else list(names))
    return made


@lru_cache(maxsize=4096)  # the images of a series have most of them alike
def _text(tag: Any, vr: str, value: bytes, charset: str | tuple[str, ...]) -> str:
    """Return the text of an element as it is in a file; "" when it cannot be read."""
    found = Attributes(_alone(tag, vr, value, charset)).tag(tag)
    return "" if found is None else one_line(_joined(found))


@lru_cache(maxsize=4096)
def _binary(tag: Any, vr: str, value: bytes) -> tuple[float, ...]:
    """Return the numbers of an element as it is in a file; () when it cannot be read."""
    return _numbers(Attributes(_alone(tag, vr, value, ())).tag(tag))


def _alone(tag: Any, vr: str, value: bytes, charset: str | tuple[str, ...]) -> Any:
    """Return a data set of pydicom with one element."""
    from pydicom import Dataset  # noqa: PLC0415 - pydicom costs start-up time
    from pydicom.dataelem import RawDataElement  # noqa: PLC0415

    alone = Dataset({tag: RawDataElement(tag, vr, len(value), value, 0, False, True)})
    alone.set_original_encoding(False, True, charset if isinstance(charset, str) else list(charset))
    return alone


@lru_cache(maxsize=64)
def _charset(value: bytes) -> tuple[str, ...]:
    """Return the encodings that Specific Character Set stands for, by the names of Python."""
    from pydicom.charset import convert_encodings  # noqa: PLC0415 - pydicom costs start-up time
    from pydicom.values import convert_string  # noqa: PLC0415

    return tuple(convert_encodings(convert_string(value, True)))


@lru_cache(maxsize=4096)
def _base(tag: int) -> Any:
    """Return a tag of pydicom: always the same one, since it takes long to compare two."""
    from pydicom.tag import BaseTag  # noqa: PLC0415 - pydicom costs start-up time

    return BaseTag(tag)


@cache
def _tag_of(keyword: str) -> Any:
    from pydicom.tag import Tag  # noqa: PLC0415 - pydicom costs start-up time

    return _base(int(Tag(keyword)))


def one_line(text: str) -> str:
    """Return text without control characters and cut to what fits a line."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 2 * LONGEST_TEXT])
    return shown.strip()[:LONGEST_TEXT]


def _joined(found: Any) -> str:
    if (
        isinstance(found, str | bytes)
        or not hasattr(found, "__iter__")
        or type(found).__name__ == "PersonName"
    ):
        return str(found)
    return "\\".join(str(one) for one in found)


def _numbers(found: Any) -> tuple[float, ...]:
    if found is None or isinstance(found, bytes):
        return ()
    many = [found] if isinstance(found, str) or not hasattr(found, "__iter__") else list(found)
    try:
        numbers = tuple(float(one) for one in many)
    except CODEC_ERRORS:
        return ()
    return numbers if all(math.isfinite(one) for one in numbers) else ()
