"""How an identifier can be spelled in bytes: parts of names, letter cases, character sets, escapes of pages.

What is too short or too ordinary to be searched alone is left out here: a disc full of numbers has every
word of three letters somewhere. Lengths were chosen so that chance finds less than one of them on a DVD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from unicodedata import combining, normalize

from mediakit.dicom.deidentify.identifiers import Identifier, Kind

_CODECS: tuple[str, ...] = ("latin_1", "utf_8", "utf_16_le", "utf_16_be")
_CODECS += ("iso2022_jp", "iso2022_jp_1", "iso2022_kr", "shift_jis", "euc_jp", "euc_kr", "gb18030")
_OF_BYTES = frozenset({"latin_1", "utf_8"})  # bytes of ASCII beside it are letters of ASCII
_ESCAPES = re.compile(rb"\x1b(\$[()][A-Z]|\$[A-Z]|[()\-][A-Za-z])|[\x0e\x0f]")
_LEAST_LETTERS = 3
_LEAST_IDEOGRAPHS = 2
_LEAST_HALF = 4  # letters of a part of a double name
_LEAST_ID = 3
_WORD_ID = 4  # an ID with letters of this length is searched for inside other text
_NUMBER_ID = 6  # one of digits alone
_LEAST_ADDRESS = 8
_BARE_ID = 6  # an ID of which hyphens and the like were left out
_JOINED = 8  # letters of family name and given name without anything between them
_TWO_LETTERS = str.maketrans(
    {"Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ẞ": "SS"}
    | {"Ø": "Oe", "ø": "oe", "Å": "Aa", "å": "aa", "Æ": "Ae", "æ": "ae", "Œ": "Oe", "œ": "oe"}
)
_LONGEST = 120  # bytes of a spelling that are compared
_LONG_BYTES = 8  # from here on chance does not make them in pixels of one byte
_LONG_WIDE = 20  # the same in UTF-16: small numbers of 16 bits look like letters


#: What systems write where they know no name, besides the word that stands for removed text; in lower case.
PLACEHOLDERS = frozenset(
    {
        "admin",
        "administrator",
        "anon",
        "anonym",
        "anonymized",
        "anonymous",
        "default",
        "doctor",
        "dummy",
        "hospital",
        "nobody",
        "none",
        "null",
        "operator",
        "other",
        "patient",
        "physician",
        "radiology",
        "removed",
        "staff",
        "system",
        "technician",
        "test",
        "unknown",
        "user",
    }
)


class Reach(StrEnum):
    """Where a form counts when it is found."""

    EVERYWHERE = "everywhere"
    TEXT = "text"  # not in pixel data and other numbers
    VALUE = "value"  # only as a whole value


@dataclass(frozen=True, slots=True)
class Form:
    """One spelling. `is_word`: a single word, which can be in other text with another meaning.

    `is_bounded`: letters and digits beside it make it another word.
    """

    raw: bytes = field(repr=False)
    kind: Kind
    reach: Reach
    is_word: bool = False
    is_bounded: bool = True


def forms_of(identifier: Identifier, ordinary: frozenset[str]) -> Iterator[Form]:
    """Yield every spelling that is searched for; none for a UID, which is looked up as a whole.

    Words that are `ordinary` (in lower case) are searched for only as a part of a full name.
    """
    kind, said = identifier.kind, identifier.text
    if kind is Kind.BIRTH_DATE:
        yield from _dates(said)
    elif kind in {Kind.PATIENT_NAME, Kind.PERSON_NAME}:
        for written in _rewritten(said):
            yield from _names(written, kind, ordinary)
    elif kind is Kind.ADDRESS:
        for part in map(str.strip, re.split(r"[\^\n\r\\]", said)):
            if len(part) >= _LEAST_ADDRESS:
                yield from _spelled(part, kind)
    elif kind is not Kind.UID and said.casefold() not in ordinary:
        for written in _rewritten(said):
            bare = "".join(filter(str.isalnum, written))
            is_telling = len(bare) >= _BARE_ID and bare.casefold() not in ordinary
            for one in dict.fromkeys((written, bare) if is_telling else (written,)):
                yield from _numbers(one, kind)


def _names(said: str, kind: Kind, ordinary: frozenset[str]) -> Iterator[Form]:
    for name in _full_names(said):
        yield from _spelled(name, kind)
    for word in _components(said):
        if word.casefold() not in ordinary:
            yield from _spelled(word, kind, is_word=True)


def _rewritten(said: str) -> Iterator[str]:
    """Yield a text as it is, and as it is written where there are no letters with marks: oe or o for ö."""
    plain = "".join(char for char in normalize("NFKD", said) if not combining(char))
    latin = plain if plain.translate(_TWO_LETTERS).isascii() else said
    yield from dict.fromkeys((said, normalize("NFC", said).translate(_TWO_LETTERS), latin))


def _numbers(said: str, kind: Kind) -> Iterator[Form]:
    """Yield the spellings of an ID; a short one counts as a whole value only."""
    is_number = not any(char.isalpha() for char in said)
    is_short = len(said) < (_NUMBER_ID if is_number else _WORD_ID)
    reach = Reach.VALUE if is_short else Reach.TEXT if is_number else None
    if len(said) >= _LEAST_ID:
        yield from _spelled(said, kind, reach, is_word=kind is Kind.OTHER_ID or said.isalpha())


def is_searched(identifier: Identifier, ordinary: frozenset[str]) -> bool:
    """Return True when an identifier is searched for in some spelling."""
    return identifier.kind is Kind.UID or any(True for _ in forms_of(identifier, ordinary))


def _full_names(name: str) -> Iterator[str]:
    """Yield the groups of a name as stored and as people write them."""
    for group in name.split("="):
        parts = [part.strip() for part in group.split("^")[:2] if part.strip()]
        if len(parts) == 2:
            family, given = parts
            yield from (f"{family}^{given}", f"{family} {given}", f"{given} {family}", f"{family}, {given}")
            if not (family + given).isascii() or len(family + given) >= _JOINED:
                yield from (family + given, given + family)


def _components(name: str) -> Iterator[str]:
    for part in re.split(r"[=^]", name):
        word = part.strip(" .,-")
        letters = sum(char.isalpha() for char in word)
        is_ideographic = any(ord(char) >= 0x2E80 for char in word)
        if letters >= (_LEAST_IDEOGRAPHS if is_ideographic else _LEAST_LETTERS):
            yield word
            yield from (half for half in re.split(r"[\s-]+", word) if _LEAST_HALF <= len(half) < len(word))


def _dates(day: str) -> Iterator[Form]:
    if re.fullmatch(r"\d{8}", day):
        year, month, date = day[:4], day[4:6], day[6:]
        for said in (day, f"{year}-{month}-{date}", f"{date}.{month}.{year}", f"{month}/{date}/{year}"):
            yield Form(said.encode("ascii"), Kind.BIRTH_DATE, Reach.TEXT)


def _spelled(said: str, kind: Kind, reach: Reach | None = None, *, is_word: bool = False) -> Iterator[Form]:
    for cased in dict.fromkeys(
        [said] if said.isascii() else [said, said.upper(), said.lower(), said.title()]
    ):
        for codec in _CODECS:
            try:
                raw = cased.encode(codec)
            except UnicodeError:
                continue
            raw = (_ESCAPES.sub(b"", raw) if codec.startswith("iso2022") else raw)[:_LONGEST]
            least = _LONG_WIDE if codec.startswith("utf_16") else _LONG_BYTES
            far = Reach.EVERYWHERE if len(raw) >= least else Reach.TEXT
            yield Form(raw, kind, reach or far, is_word, codec in _OF_BYTES)
        if not cased.isascii():
            for escaped in (json.dumps(cased)[1:-1], "".join(map(_entity, cased))):
                yield Form(escaped.encode("ascii"), kind, reach or Reach.TEXT, is_word)


def _entity(char: str) -> str:
    return char if char.isascii() else f"&#{ord(char)};"
