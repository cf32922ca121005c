"""Specific Character Set (0008,0005): bytes <-> text, by the tables of pydicom (PS3.5 6.1, PS3.3 C.12.1.1.2).

Decoding never fails: what cannot be read becomes U+FFFD, and `is_complete` tells. Encoding fails rather than
lose a character. Messages and warnings hold no text: it may be a patient's name.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

LOST = "\ufffd"
_ESCAPE = 0x1B
_ESCAPE_BYTE = b"\x1b"
_ONE_VALUE = frozenset({"LT", "ST", "UT"})  # a backslash is text there
_NAME = frozenset({"PN"})
_DEFAULTS = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})  # ASCII; pydicom reads Latin-1 there, to be kind
_LINES = frozenset(b"\t\n\f\r")
_PARTS = re.compile(r"([\\^=\t\n\f\r])")


def needs_charset(raw: bytes) -> bool:
    """Return True when bytes hold more than the default repertoire: a byte above 127 or an escape."""
    return not raw.isascii() or _ESCAPE_BYTE in raw


def is_default(charset: bytes) -> bool:
    """Return True when a Specific Character Set allows the default repertoire alone: bytes up to 127."""
    return charset.strip(b" \0").decode("latin-1") in _DEFAULTS


def decode(raw: bytes, charset: bytes, vr: str) -> str:
    """Return a value as text without the padding at its end.

    `charset` is the raw value of Specific Character Set, b"" when absent: bytes above 127 are then taken
    for Latin-1, as other readers do. In an unknown character set they become U+FFFD.
    """
    if not needs_charset(raw):
        return raw.rstrip(b" \0").decode("ascii")
    encodings = _encodings(charset.strip(b" \0").decode("latin-1"))
    if encodings is None:
        return raw.rstrip(b" \0").decode("ascii", "replace").replace("\x1b", LOST)
    from pydicom.charset import decode_bytes  # noqa: PLC0415 - start-up time

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(raw, encodings, _delimiters(vr))
        except (LookupError, UnicodeError, ValueError):
            text = raw.decode("ascii", "replace")
    return text.rstrip(" \0").replace("\x1b", LOST)


def is_complete(text: str) -> bool:
    """Return True when no character of a decoded text was lost."""
    return LOST not in text


def encode(text: str, charset: str) -> bytes:
    r"""Return text in a Specific Character Set such as "ISO_IR 192" or "\ISO 2022 IR 87", without padding.

    Raises ValueError when the character set is unknown or cannot hold the text.
    """
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    encodings = _encodings(charset.strip(" \0"))
    if encodings is None:
        raise ValueError("unknown character set")
    if len(encodings) == 1:
        return text.encode("ascii" if charset.strip(" \0") in _DEFAULTS else encodings[0])
    first = charset.split("\\", maxsplit=1)[0].strip()
    if not all(_fits(char, encodings[first in _DEFAULTS :]) for char in text if not char.isascii()):
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


def _delimiters(vr: str) -> set[int]:
    """Return the bytes behind which the first character set holds again (PS3.5 6.1.2.5.3)."""
    if vr in _ONE_VALUE:
        return set(_LINES)
    return set(_LINES | frozenset(b"\\^=" if vr in _NAME else b"\\"))


@lru_cache(maxsize=256)
def _encodings(charset: str) -> list[str] | None:
    """Return Python's names for a Specific Character Set, or None when one of its terms is unknown."""
    from pydicom.charset import convert_encodings  # noqa: PLC0415 - start-up time

    terms = [term.strip() for term in charset.split("\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = convert_encodings(list(terms))
        except (LookupError, ValueError):
            return None
    return found if _known(terms) else None


def _known(terms: list[str]) -> bool:
    from pydicom.charset import python_encoding  # noqa: PLC0415 - start-up time

    # Spelling slips such as "ISO-IR 100" or "ISO IR 192" are put right by pydicom; nothing else is.
    return all(
        term in python_encoding or re.fullmatch(r"ISO[_ -](IR|2022)[ _-]?(IR)?[ _-]?\d{1,3}", term)
        for term in terms
    )
