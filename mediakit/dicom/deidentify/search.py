"""Search bytes for many identifiers at once: one pass with one expression, piece by piece. Pure.

UIDs are found by their form and looked up; all other spellings are one expression in the shape of a tree, so
the cost of a byte hardly depends on how many there are. Letters of ASCII are compared without their case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mediakit.dicom.deidentify.forms import Form, Reach, forms_of
from mediakit.dicom.deidentify.identifiers import Identifier, Kind

PIECE = 1 << 20
# From the first dot on: an expression that begins with one byte is by far the fastest.
_UID = re.compile(rb"\.[0-9]+\.[0-9.]+")
_WIDE_UID = re.compile(rb"\.\x00(?:[0-9.]\x00)+[0-9]?")
_DIGITS = frozenset(b"0123456789")
_UID_BYTES = 160  # the longest spelling of a UID, with what may stand beside it
_LONG_UID = 20  # a shorter one can be made of small numbers by chance
_ALNUM = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz")
_SHARED = 4  # bytes at the beginning of spellings that are compared once for all of them


@dataclass(frozen=True, slots=True)
class Hit:
    """An identifier at a byte of a file: `length` bytes, and how far its form counts."""

    at: int
    length: int
    form: Form


class Search:
    """The spellings of some identifiers, ready to be searched for."""

    def __init__(self, identifiers: Iterable[Identifier], ordinary: frozenset[str] = frozenset()) -> None:
        forms: dict[bytes, Form] = {}
        uids: set[bytes] = set()
        for one in identifiers:
            if one.kind is Kind.UID:
                uids.add(one.raw)
            for form in forms_of(one, ordinary):
                known = forms.get(form.raw.lower())
                if known is None or (known.is_word and not form.is_word):
                    forms[form.raw.lower()] = form
        self._forms = forms
        self._uids = frozenset(uids)
        self._expression = re.compile(_tree(forms.values()), re.DOTALL) if forms else None
        self._overlap = max([_UID_BYTES, *map(len, forms)]) + 2

    def hits(self, stream: BinaryIO) -> Iterator[Hit]:
        """Yield what is found from the position of a stream to its end. Raises its OSError.

        What begins in the last bytes of a piece is looked for with the next one, and with a byte before it.
        """
        base, data = 0, stream.read(PIECE)
        begin = 0
        while data:
            more = stream.read(PIECE)
            end = max(begin, len(data) - self._overlap) if more else len(data)
            for at, length, form in self._in(data, begin, end):
                yield Hit(base + at, length, form)
            if not more:
                return
            kept = max(0, end - 1)
            base, data, begin = base + kept, data[kept:] + more, end - kept

    def in_text(self, said: str) -> Iterator[Form]:
        """Yield the forms found in a text, such as the name of a file."""
        data = said.encode("utf-8", "surrogateescape")
        yield from (form for _, _, form in self._in(data, 0, len(data)))

    def _in(self, data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, Form]]:
        if self._expression is not None:
            for match in self._expression.finditer(data.lower(), begin):
                if match.start() >= end:
                    break
                yield match.start(), len(match[0]), self._forms[match[0]]
        if self._uids:
            yield from self._uids_in(data, begin, end)

    def _uids_in(self, data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, Form]]:
        for expression, width in ((_UID, 1), (_WIDE_UID, 2)):
            for match in expression.finditer(data, begin):
                start = match.start()
                while (
                    start >= width and data[start - width] in _DIGITS and match.start() - start < _UID_BYTES
                ):
                    start -= width
                uid = data[start : match.end() : width].rstrip(b".")
                if begin <= start < end and uid in self._uids:
                    reach = Reach.EVERYWHERE if len(uid) >= _LONG_UID else Reach.TEXT
                    yield start, match.end() - start, Form(uid, Kind.UID, reach)


def _tree(forms: Iterable[Form]) -> bytes:
    """Return an expression for spellings that, where they are bounded, are no parts of words or numbers.

    They share their first bytes, so that most positions are done with after one look at one byte.
    """
    by_first: dict[tuple[int, bool], dict[bytes, list[bytes]]] = {}
    for form in forms:
        word = form.raw.lower()
        shared = by_first.setdefault((word[0], form.is_bounded), {})
        shared.setdefault(word[1:_SHARED], []).append(word[_SHARED:])
    return b"|".join(
        re.escape(bytes([first]))
        + (_before(first) if is_bounded else b"")
        + _any(_shared(bytes([first]) + begin, ends, is_bounded) for begin, ends in rests.items())
        for (first, is_bounded), rests in by_first.items()
    )


def _shared(begin: bytes, ends: list[bytes], is_bounded: bool) -> bytes:
    longest_first = sorted(ends, key=len, reverse=True)
    return re.escape(begin[1:]) + _any(
        re.escape(end) + (_behind((begin + end)[-1]) if is_bounded else b"") for end in longest_first
    )


def _any(parts: Iterable[bytes]) -> bytes:
    return b"(?:" + b"|".join(parts) + b")"


def _before(byte: int) -> bytes:
    """Return what must not stand before a word, as seen from behind its first byte."""
    if byte in b"0123456789":
        return b"(?<![0-9a-z.].)"
    return b"(?<![0-9a-z].)" if byte in _ALNUM else b""


def _behind(byte: int) -> bytes:
    return b"(?![0-9a-z])" if byte in _ALNUM else b""
