"""All text of a data set in UTF-8, that of nested items too. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mediakit.dicom import text
from mediakit.dicom.elements import ITEM_END, SEQUENCE_END, Encoding
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET
from mediakit.dicom.recode import Vrs
from mediakit.dicom.values import CHARSET_VRS
from mediakit.dicom.walk import Step, Token, Walker
from mediakit.dicom.write import NestedWriter, encoded

UTF_8 = "ISO_IR 192"


class Unconvertible(Exception):  # noqa: N818 - an answer about the bytes, caught by `coerce`
    """Text that cannot be turned into UTF-8 without a doubt: the tag of the element, and why."""

    def __init__(self, tag: int, why: str) -> None:
        super().__init__(why)
        self.tag = tag
        self.why = why


@dataclass(frozen=True, slots=True)
class InUtf8:
    """A data set in UTF-8. `unknown` counts elements of VR UN that may hold text: they are as they were."""

    body: bytes = field(repr=False)
    unknown: int


def in_utf_8(body: memoryview, encoding: Encoding) -> InUtf8:
    """Return a data set with all text in UTF-8 and its Specific Character Set; other bytes stay the same.

    One without Specific Character Set gets none: whoever exchanges elements adds it. Raises Unconvertible,
    and `Unwalkable` when the bytes are not a data set.
    """
    writer = _Writer(body)
    for token in _tokens(body, encoding):
        writer.take(token)
    return InUtf8(bytes(writer.out) + bytes(body[writer.end :]), writer.unknown)


def _tokens(body: memoryview, encoding: Encoding) -> Iterator[Token]:
    if encoding is not Encoding.IMPLICIT_LITTLE:
        yield from Walker(body, encoding)
        return
    words = Vrs(body)
    for token in Walker(body, encoding, words.vr):
        words.met(token)
        yield token


class _Writer:
    """Writes what it takes; the lengths of items and sequences are set when they close."""

    def __init__(self, view: memoryview) -> None:
        self.end = 0
        self.unknown = 0
        self._view = view
        self._nested = NestedWriter()
        self.out = self._nested.out
        self._charsets = [b""]

    def take(self, token: Token) -> None:
        self.end = token.next
        if token.step in {Step.SEQUENCE, Step.ITEM}:
            self._open(token)
        elif token.step in {Step.SEQUENCE_CLOSED, Step.ITEM_CLOSED}:
            self._nested.close()
            if token.step is Step.ITEM_CLOSED:
                self._charsets.pop()
        elif token.step is Step.ELEMENT:
            self.out += self._element(token)
        else:
            self.out += self._view[token.at : token.next]

    def _open(self, token: Token) -> None:
        is_item = token.step is Step.ITEM
        self.out += self._view[token.at : token.start]
        delimiter = ITEM_END if is_item else SEQUENCE_END
        self._nested.opened(delimiter, undefined=token.end < 0, order=token.encoding.order)
        if is_item:
            self._charsets.append(self._charsets[-1])

    def _element(self, token: Token) -> bytes | memoryview:
        raw = (
            bytes(self._view[token.start : token.end]) if token.vr in CHARSET_VRS or token.vr == "UN" else b""
        )
        if token.tag == SPECIFIC_CHARACTER_SET:
            self._charsets[-1] = bytes(self._view[token.start : token.end]).strip(b" \0")
            return encoded(token.tag, "CS", UTF_8.encode("ascii"), token.encoding)
        if not text.needs_charset(raw):
            return self._view[token.at : token.next]
        if token.vr == "UN":
            self.unknown += 1
            return self._view[token.at : token.next]
        return self._text(token, raw)

    def _text(self, token: Token, raw: bytes) -> bytes:
        charset = self._charsets[-1]
        if text.is_default(charset):
            raise Unconvertible(token.tag, "it has text outside ASCII and names no character set")
        words = text.decode(raw, charset, token.vr)
        if not text.is_complete(words):
            raise Unconvertible(token.tag, "it holds bytes that are not of its character set")
        try:
            return encoded(token.tag, token.vr, text.encode(words, UTF_8), token.encoding)
        except ValueError as exc:
            raise Unconvertible(token.tag, "it becomes too long") from exc
