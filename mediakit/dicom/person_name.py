"""Person names (VR PN): are two of them the same, however they are written? Pure; no message holds a name.

Folded away are case, diacritics, the two ways to write an umlaut, hyphens, spaces, titles, empty components,
the width of characters and the two kana. What stays different is different. Source: PS3.5 6.2.1.
"""

# ruff: noqa: RUF001 - a table of letters that look like others

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from mediakit.dicom.text import is_complete


class Likeness(StrEnum):
    """How much two names are alike."""

    SAME = "same"  # one name, perhaps written in another way
    SIMILAR = "similar"  # a typing error, an initial, a name left out or in another order
    DIFFERENT = "different"
    UNKNOWN = "unknown"  # one is empty or cannot be read, or they are in scripts that cannot be compared


GROUPS = 3  # alphabetic, ideographic, phonetic
_LONGEST = 256  # characters of a group that are looked at: 64 are legal
_MAX_WORDS = 12
_MOST_FIRST_WORDS = 3
_TITLES = frozenset(
    {"dr", "med", "prof", "professor", "doktor", "dott", "dra", "phd", "md", "mr", "mrs", "ms", "miss"}
    | {"mister", "sir", "madam", "mme", "mlle", "herr", "frau", "sig", "sra", "esq"}
    | {"jr", "sr", "junior", "senior", "ii", "iii", "iv"}
)
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ŋ": "n"}
)
# As it is written where the keyboard has no such letter.
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_CYRILLIC = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфыэ", "abvgdezijklmnoprstufye", strict=True))
    | {
        "ж": "zh",
        "х": "kh",
        "ц": "ts",
        "ч": "ch",
        "ш": "sh",
        "щ": "shch",
        "ъ": "",
        "ь": "",
        "ю": "yu",
        "я": "ya",
    }
    | {"ё": "e", "і": "i", "ї": "i", "є": "e", "ґ": "g", "ў": "u", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c"}
    | {"ђ": "dj", "џ": "dz"}
)
_BREAKS = re.compile(r"[\s\-\u2010-\u2015,]+")
_BARE = frozenset({"LATIN", "GREEK", "ARABIC", "HEBREW"})  # scripts whose marks may be left out
_KANA_SHIFT = 0x60


def same_name(one: str, other: str) -> Likeness:
    """Compare two names, each as decoded: groups with "=" between, components with "^".

    Groups are compared with those of the same script: a name in kanji says nothing about one in Latin. A name
    with characters that could not be read is neither equal to another one nor different.
    """
    ours, theirs = _folded(one), _folded(other)
    if not ours or not theirs or not (is_complete(one) and is_complete(other)):
        return Likeness.UNKNOWN
    found = [_compare(a, b) for a in ours for b in theirs if a.script == b.script]
    if not found:
        found = [_across(a, b) for a in ours for b in theirs]
    seen = {likeness for likeness in found if likeness is not Likeness.UNKNOWN}
    if not seen:
        return Likeness.UNKNOWN
    if len(seen) == 1:
        return seen.pop()
    return Likeness.SIMILAR  # the groups do not agree with each other


def spellings(name: str) -> tuple[str, ...]:
    """Return how a name may begin where it is looked for: the first word of the family name, spelled anew.

    Each writing (alphabetic, ideographic, phonetic) gives its own, as it is, in capital letters and with one
    capital letter, since many archives compare letter by letter; `ue` also as `ü`. A writing without
    components gives its first words, since any may be the family name. Patterns are left out.
    """
    found: dict[str, None] = {}
    for group in name.split("=")[:GROUPS]:
        family, *others = group.strip(" ^\0")[:_LONGEST].split("^")
        words = [word for word in map(_literal, _BREAKS.split(family)) if word]
        for word in words[:1] if others else words[:_MOST_FIRST_WORDS]:
            folded = unicodedata.normalize("NFC", word).casefold()
            found |= dict.fromkeys((word, word.upper()))
            for spelling in (*_pair(folded), _with_umlauts(folded)):
                found |= dict.fromkeys((spelling.upper(), spelling.capitalize()))
    return tuple(word for word in found if word)


def _literal(word: str) -> str:
    """Return a word without what a query takes for a pattern, and without what no name holds."""
    return "".join(char for char in word if char.isprintable() and char not in "*?\\")


class _Name(Struct, frozen=True):
    """One group of a name. `parts` are family, given and middle name; each with all spellings it may have."""

    script: str
    parts: tuple[frozenset[str], ...]
    words: tuple[frozenset[str], ...]
    is_free: bool  # no caret: the order of the words is not known


@lru_cache(maxsize=4096)
def _folded(name: str) -> tuple[_Name, ...]:
    """Return the groups of a name, folded; without those that are empty."""
    groups = (_group(group[:_LONGEST]) for group in name.split("=")[:GROUPS])
    return tuple(group for group in groups if group is not None)


def _group(group: str) -> _Name | None:
    text = unicodedata.normalize("NFKC", group).casefold().strip(" ^\0")
    components = [component for component in text.split("^")[:3] if component.strip()]
    split = [_words(component) for component in components]
    split = [words for words in split if words]
    if not split:
        return None
    words = tuple(word for words in split for word in words)[:_MAX_WORDS]
    return _Name(
        script=_script(text),
        parts=tuple(frozenset(map("".join, zip(*map(_pair, words), strict=True))) for words in split),
        words=tuple(frozenset(_pair(word)) for word in words),
        is_free="^" not in text,
    )


def _words(component: str) -> list[str]:
    words = [word.strip(".'’`") for word in _BREAKS.split(component)]
    words = [word for word in words if any(char.isalnum() for char in word)]
    kept = [word for word in words if word not in _TITLES]
    return kept or words


def _pair(word: str) -> tuple[str, str]:
    """Return the two spellings of a word: umlauts as plain letters, and spelled out."""
    return _bare(word), _bare(word.translate(_SPELLED_OUT))


def _with_umlauts(word: str) -> str:
    """Return a word as it may have been before its umlauts were spelled out."""
    for spelled_out, umlaut in (("ae", "ä"), ("oe", "ö"), ("ue", "ü")):
        word = word.replace(spelled_out, umlaut)
    return word


def _bare(word: str) -> str:
    """Return the letters and digits of a word, without marks where they may be left out."""
    kept: list[str] = []
    base = ""
    for char in unicodedata.normalize("NFD", word.translate(_LETTERS)):
        if unicodedata.category(char) != "Mn":
            base = _script_of(char)
            if char.isalnum():
                kept.append(_plain_kana(char))
        elif base not in _BARE and not (base == "CYRILLIC" and char == "\u0308"):
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).replace("\u0640", "")


def _plain_kana(char: str) -> str:
    return chr(ord(char) - _KANA_SHIFT) if "\u30a1" <= char <= "\u30f6" else char


def _script(text: str) -> str:
    """Return the script of the first letter: LATIN, CJK, HIRAGANA (for both kana) and so on."""
    return next((_script_of(char) for char in text if char.isalpha()), "")


def _script_of(char: str) -> str:
    if char.isascii():
        return "LATIN"
    word = unicodedata.name(char, "").split(" ", 1)[0].split("-", 1)[0]
    return "HIRAGANA" if word == "KATAKANA" else word


def _compare(one: _Name, other: _Name) -> Likeness:
    if _equal(one.parts, other.parts) or _equal(_joined(one), _joined(other)):
        return Likeness.SAME
    if len(one.words) == len(other.words) and _matched(one.words, other.words):
        return Likeness.SAME if one.is_free or other.is_free else Likeness.SIMILAR
    fewer, more = sorted((one.words, other.words), key=len)
    if _matched(fewer, more) and (len(fewer) > 1 or fewer[0] & (one.parts[0] & other.parts[0])):
        return Likeness.SIMILAR  # a name was left out
    if len(one.parts) > 1 and len(other.parts) > 1:
        near = [_is_near(a, b) for a, b in zip(one.parts[:2], other.parts[:2], strict=True)]
        return Likeness.SIMILAR if all(near) else Likeness.DIFFERENT
    near_words = len(fewer) == len(more) and all(_is_near(a, b) for a, b in zip(fewer, more, strict=True))
    return Likeness.SIMILAR if near_words or _near_free(one, other) else Likeness.DIFFERENT


def _near_free(one: _Name, other: _Name) -> bool:
    return any(_is_near(a, b) for a in _joined(one) for b in _joined(other))


def _joined(name: _Name) -> tuple[frozenset[str], ...]:
    """Return a free name as one part, to compare "VanDerBerg" with "van der Berg"; nothing for others."""
    if not name.is_free and len(name.parts) > 1:
        return ()
    pairs = [sorted(word) for word in name.words]
    return (frozenset({"".join(pair[0] for pair in pairs), "".join(pair[-1] for pair in pairs)}),)


def _equal(ours: tuple[frozenset[str], ...], theirs: tuple[frozenset[str], ...]) -> bool:
    return bool(ours) and len(ours) == len(theirs) and all(a & b for a, b in zip(ours, theirs, strict=True))


def _matched(fewer: tuple[frozenset[str], ...], more: tuple[frozenset[str], ...]) -> bool:
    """Return True when each word of one name is a word of the other, in any order."""
    left = list(more)
    for word in fewer:
        match = next((at for at, candidate in enumerate(left) if word & candidate), None)
        if match is None:
            return False
        del left[match]
    return True


def _is_near(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    return any(_differ_little(a, b) for a in ours for b in theirs)


def _differ_little(one: str, other: str) -> bool:
    """Return True for an initial, a name cut short, and one letter added, left out, changed or swapped."""
    shorter, longer = sorted((one, other), key=len)
    if not shorter or longer.startswith(shorter):
        return bool(shorter) and (len(shorter) in {1, len(longer)} or len(shorter) >= 3)
    if len(shorter) < 3 or len(longer) - len(shorter) > 1:
        return False
    at = next(i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b)
    if len(shorter) < len(longer):
        return shorter[at:] == longer[at + 1 :]
    is_swapped = shorter[at : at + 2] == longer[at : at + 2][::-1] and shorter[at + 2 :] == longer[at + 2 :]
    return is_swapped or shorter[at + 1 :] == longer[at + 1 :]


def _across(one: _Name, other: _Name) -> Likeness:
    """Compare Cyrillic with Latin letters, roughly; nothing can be said of other scripts."""
    if {one.script, other.script} != {"LATIN", "CYRILLIC"}:
        return Likeness.UNKNOWN
    found = _compare(_in_latin(one), _in_latin(other))
    return Likeness.UNKNOWN if found is Likeness.DIFFERENT else Likeness.SIMILAR


def _in_latin(name: _Name) -> _Name:
    if name.script != "CYRILLIC":
        return name
    return _Name("LATIN", _spelled(name.parts), _spelled(name.words), name.is_free)


def _spelled(words: tuple[frozenset[str], ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.translate(_CYRILLIC) for each in word) for word in words)
