"""The elements of a whole file by keyword, nested ones too, read tolerantly: what cannot be read is absent.

For what people look at (texts of the viewer, windows, positions); what is judged or written is read as bytes.
"""

from __future__ import annotations

import math
import warnings
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

from mediakit.dicom.image import CODEC_ERRORS
from mediakit.dicom.part10 import DicomFile

#: Characters of a text that is shown in one line.
LONGEST_TEXT = 1024

_NO_TEXTS = frozenset({"SQ", "UN"})
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
        from pydicom.filereader import read_dataset  # noqa: PLC0415

        elements = (one for one in file.elements if one.tag not in _PIXELS)
        content = b"".join(bytes(chunk) for one in elements for chunk in one.chunks())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return cls(read_dataset(BytesIO(content), is_implicit_VR=False, is_little_endian=True))
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
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._found[tag].value if tag in self._found else None
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
        decimals = self._decimals(keyword)
        return _numbers(self.value(keyword) if decimals is None else decimals)

    def _decimals(self, keyword: str) -> list[bytes] | None:
        """Return the texts of a DS as it is in the file; pydicom takes 10 us for each, contours have 10^6."""
        found = self._stored(keyword)
        if found is None or found.VR != "DS" or not found.value:
            return None
        return list(found.value.strip(b" \0").split(b"\\"))

    def _stored(self, keyword: str) -> Any:
        """Return an element as it is in the file; None when it is absent or was read before."""
        from pydicom.dataelem import RawDataElement  # noqa: PLC0415 - pydicom costs start-up time

        tag = _tag_of(keyword)
        if tag not in self._found.keys():  # noqa: SIM118 - of tags: `in` alone is slow
            return None
        found = self._found.get_item(tag)
        return found if isinstance(found, RawDataElement) else None

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

    def __contains__(self, _tag: int) -> bool:
        return False


NOTHING = Attributes(_Empty())


@lru_cache(maxsize=4096)  # the images of a series have most of them alike
def _text(tag: Any, vr: str, value: bytes, charset: str | tuple[str, ...]) -> str:
    """Return the text of an element as it is in a file; "" when it cannot be read."""
    from pydicom import Dataset  # noqa: PLC0415 - pydicom costs start-up time
    from pydicom.dataelem import RawDataElement  # noqa: PLC0415

    alone = Dataset({tag: RawDataElement(tag, vr, len(value), value, 0, False, True)})
    alone.set_original_encoding(False, True, charset if isinstance(charset, str) else list(charset))
    found = Attributes(alone).tag(tag)
    return "" if found is None else one_line(_joined(found))


@cache
def _tag_of(keyword: str) -> int:
    from pydicom.tag import Tag  # noqa: PLC0415 - pydicom costs start-up time

    return Tag(keyword)


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
