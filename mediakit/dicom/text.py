r"""Specific Character Set (0008,0005): bytes <-> text (PS3.5 6.1, PS3.3 C.12.1.1.2).

Decoding never fails: what cannot be read becomes U+FFFD, and `is_complete` tells. Encoding fails rather than
lose a character. Messages and warnings hold no text: it may be a patient's name.

With code extensions (ISO 2022) a value has two sets of characters at a time: G0 for bytes up to 127, G1 for
those above. Escape sequences change them, and behind each delimiter those of the first term hold again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache

LOST = "\ufffd"
_ESCAPE_BYTE = b"\x1b"
_ONE_VALUE = frozenset({"LT", "ST", "UT"})  # a backslash is text there
_NAME = frozenset({"PN"})
_DEFAULTS = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})  # ASCII: bytes above 127 are not declared
_PARTS = re.compile(r"([\\^=\t\n\f\r])")

# Table C.12-2 and C.12-3: the number of a single-byte set, its codec, the end of its escape sequence.
_SINGLE_BYTE: Mapping[str, tuple[str, bytes]] = {
    "100": ("latin_1", b"-A"),
    "101": ("iso8859_2", b"-B"),
    "109": ("iso8859_3", b"-C"),
    "110": ("iso8859_4", b"-D"),
    "126": ("iso8859_7", b"-F"),
    "127": ("iso8859_6", b"-G"),
    "138": ("iso8859_8", b"-H"),
    "144": ("iso8859_5", b"-L"),
    "148": ("iso8859_9", b"-M"),
    "166": ("tis_620", b"-T"),
    "203": ("iso8859_15", b"-b"),
    "13": ("katakana", b")I"),
}
# Table C.12-4: multi-byte sets with code extensions.
_MULTI_BYTE: Mapping[str, tuple[str, bytes]] = {
    "87": ("kanji", b"$B"),
    "159": ("more kanji", b"$(D"),
    "149": ("euc_kr", b"$)C"),
    "58": ("gb2312", b"$)A"),
}
# Table C.12-5: multi-byte sets without code extensions.
_WHOLE: Mapping[str, str] = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}
_IN_G0 = frozenset({"kanji", "more kanji"})
_ASCII_ESCAPES = frozenset({b"(B", b"(J"})  # JIS X 0201 romaji is read as ASCII, as other readers do
_ALONE = frozenset({"ISO_IR 6", *_WHOLE, *(f"ISO_IR {number}" for number in _SINGLE_BYTE)})
_EXTENDING = {f"ISO 2022 IR {number}": found for number, found in {**_SINGLE_BYTE, **_MULTI_BYTE}.items()}
_FIRST = frozenset({"", "ISO 2022 IR 6", *(f"ISO 2022 IR {number}" for number in _SINGLE_BYTE)})
_KNOWN = _ALONE | _FIRST | _EXTENDING.keys()
_ESCAPE_SEQUENCE = re.compile(rb"\x1b(\$[()][A-Z]|\$[A-Z]|[()\-][A-Za-z])")
_RUNS = re.compile(rb"[\x00-\x7f]+|[\x80-\xff]+")
_SPACES = re.compile(rb"([\x00-\x20]+)")
_LINES = frozenset(b"\t\n\f\r")


def defined_terms() -> tuple[str, ...]:
    """Return the values of Specific Character Set that are read (PS3.3 C.12.1.1.2), sorted."""
    return tuple(sorted(term for term in _KNOWN if term))


def needs_charset(raw: bytes) -> bool:
    """Return True when bytes hold more than the default repertoire: a byte above 127 or an escape."""
    return not raw.isascii() or _ESCAPE_BYTE in raw


def is_default(charset: bytes) -> bool:
    """Return True when a Specific Character Set allows the default repertoire alone: bytes up to 127."""
    return charset.strip(b" \0").decode("latin-1") in _DEFAULTS


def unknown_term(charset: bytes) -> str | None:
    """Return the first value of a Specific Character Set that is none of the Defined Terms, else None.

    A set that may only stand alone counts as unknown beside others (PS3.3 C.12.1.1.2).
    """
    terms = _terms(charset.strip(b" \0").decode("latin-1"))
    return next((term for term in terms if not _is_known(term, terms)), None)


def is_misplaced(charset: bytes) -> bool:
    r"""Return True for Defined Terms that may not stand as they do; what is meant is clear all the same.

    Such are "ISO 2022 IR 87" alone, which is meant as "\ISO 2022 IR 87", and "ISO_IR 100\ISO 2022 IR 87".
    """
    terms = _terms(charset.strip(b" \0").decode("latin-1"))
    if len(terms) == 1:
        return terms[0] not in _ALONE and terms[0] not in _DEFAULTS
    return terms[0] not in _FIRST or any(term not in _EXTENDING for term in terms[1:])


def decode(raw: bytes, charset: bytes, vr: str) -> str:
    """Return a value as text without the padding at its end.

    `charset` is the raw value of Specific Character Set, b"" when absent: bytes above 127 are then taken
    for Latin-1, as other readers do. In an unknown character set they become U+FFFD.
    """
    if not needs_charset(raw):
        return raw.rstrip(b" \0").decode("ascii")
    terms = _terms(charset.strip(b" \0").decode("latin-1"))
    if not all(_is_known(term, terms) for term in terms):
        said = raw.decode("ascii", "replace")
    elif terms[0] in _WHOLE:
        said = raw.decode(_WHOLE[terms[0]], "replace")
    elif len(terms) == 1 and terms[0] in _DEFAULTS:
        said = raw.decode("latin-1")
    else:
        said = "".join(_extended(raw, terms, _delimiters(vr)))
    return said.rstrip(" \0").replace("\x1b", LOST)


def is_complete(text: str) -> bool:
    """Return True when no character of a decoded text was lost."""
    return LOST not in text


def is_readable(raw: bytes, charset: bytes, vr: str) -> bool:
    """Return True when every byte is one of the character set that is declared.

    U+FFFD itself is, where it is written out.
    """
    if not needs_charset(raw):
        return True
    if is_default(charset):
        return False
    if charset.strip(b" \0") == b"ISO_IR 192":
        raw = raw.replace(LOST.encode(), b"?")
    return is_complete(decode(raw, charset, vr))


def encode(text: str, charset: str) -> bytes:
    r"""Return text in a Specific Character Set such as "ISO_IR 192" or "\ISO 2022 IR 87", without padding.

    Raises ValueError when the character set is unknown or cannot hold the text.
    """
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    terms = _terms(charset.strip(" \0"))
    if not all(_is_known(term, terms) for term in terms):
        raise ValueError("unknown character set")
    encodings = _encodings(terms)
    if len(encodings) == 1:
        return text.encode("ascii" if terms[0] in _DEFAULTS else encodings[0])
    if not all(_fits(char, encodings[terms[0] in _DEFAULTS :]) for char in text if not char.isascii()):
        raise ValueError("the character set cannot hold this text")
    from pydicom.charset import encode_string  # noqa: PLC0415 - start-up time

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydicom warns where it puts in replacements
        try:
            # The first character set holds again behind each delimiter (PS3.5 6.1.2.5.3).
            return b"".join(encode_string(part, encodings) for part in _PARTS.split(text) if part)
        except UserWarning:
            raise ValueError("the character set cannot hold this text") from None


def _fits(char: str, encodings: list[str]) -> bool:
    for encoding in encodings:
        try:
            char.encode(encoding)
        except UnicodeError:
            continue
        return True
    return False


def _encodings(terms: tuple[str, ...]) -> list[str]:
    """Return Python's names for known terms, as the encoder of pydicom has them."""
    from pydicom.charset import convert_encodings  # noqa: PLC0415 - start-up time

    if len(terms) == 1 and terms[0].removeprefix("ISO_IR ") in _SINGLE_BYTE:
        codec = _SINGLE_BYTE[terms[0].removeprefix("ISO_IR ")][0]
        return [codec if codec != "katakana" else "shift_jis"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert_encodings(list(terms))


@lru_cache(maxsize=256)
def _terms(charset: str) -> tuple[str, ...]:
    return tuple(term.strip(" \0") for term in charset.split("\\"))


def _is_known(term: str, terms: tuple[str, ...]) -> bool:
    return term in _KNOWN and (len(terms) == 1 or term not in _WHOLE)


def _delimiters(vr: str) -> frozenset[int]:
    """Return the bytes behind which the first character set holds again (PS3.5 6.1.2.5.3)."""
    if vr in _ONE_VALUE:
        return _LINES
    return _LINES | frozenset(b"\\^=" if vr in _NAME else b"\\")


def _codec(term: str) -> tuple[str, bytes] | None:
    """Return the codec of a term and the end of its escape sequence; None for the default repertoire."""
    return _EXTENDING.get(term.replace("ISO_IR ", "ISO 2022 IR "))


def _extended(raw: bytes, terms: tuple[str, ...], delimiters: frozenset[int]) -> Iterator[str]:
    """Yield the parts of a value as text: its runs between escape sequences, delimiters and halves."""
    is_extended = len(terms) > 1 or terms[0].startswith("ISO 2022 ")
    found = [codec for codec in map(_codec, terms) if codec is not None] if is_extended else []
    escapes = {escape: codec for codec, escape in found}
    first = _codec(terms[0])
    home = "" if first is None or first[0] in _IN_G0 else first[0]
    g0, g1 = "", home
    at = 0
    while at < len(raw):
        match = _ESCAPE_SEQUENCE.match(raw, at) if raw[at] == _ESCAPE_BYTE[0] else None
        if match is not None and is_extended and match[1] in _ASCII_ESCAPES:
            g0, at = "", match.end()
        elif match is not None and match[1] in escapes:
            codec, at = escapes[match[1]], match.end()
            g0, g1 = (codec, g1) if codec in _IN_G0 else (g0, codec)
        elif raw[at] == _ESCAPE_BYTE[0]:
            yield LOST
            at += 1
        else:
            end = _end_of_run(raw, at, g0, delimiters)
            yield _run(raw[at:end], g0, g1)
            if raw[end - 1] in (_LINES if g0 else delimiters):
                g0, g1 = "", home
            at = end


def _end_of_run(raw: bytes, at: int, g0: str, delimiters: frozenset[int]) -> int:
    """Return where a run ends: before the next escape, or behind the next delimiter."""
    ends = _LINES if g0 else delimiters  # in a set of two bytes these may be the second one
    for index in range(at, len(raw)):
        if raw[index] == _ESCAPE_BYTE[0]:
            return index
        if raw[index] in ends:
            return index + 1
    return len(raw)


def _run(raw: bytes, g0: str, g1: str) -> str:
    return "".join(_low(part, g0) if part.isascii() else _high(part, g1) for part in _RUNS.findall(raw))


def _low(raw: bytes, g0: str) -> str:
    if not g0:
        return raw.decode("ascii")
    lead = b"\x8f" if g0 == "more kanji" else b""
    parts = []
    for part in _SPACES.split(raw):
        if part[:1] <= b" ":
            parts.append(part.decode("ascii"))
            continue
        pairs = (bytes(byte | 0x80 for byte in part[at : at + 2]) for at in range(0, len(part), 2))
        parts += ((lead + pair).decode("euc_jp", "replace") if len(pair) == 2 else LOST for pair in pairs)
    return "".join(parts)


def _high(raw: bytes, g1: str) -> str:
    if not g1:
        return LOST * len(raw)
    if g1 == "katakana":
        return "".join(chr(0xFEC0 + byte) if 0xA1 <= byte <= 0xDF else LOST for byte in raw)
    return raw.decode(g1, "replace")
