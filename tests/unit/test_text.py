"""Character sets: the examples of PS3.5 Annexes H, I and J, and what senders get wrong."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.text import (
    decode,
    encode,
    is_complete,
    is_misplaced,
    is_readable,
    needs_charset,
    unknown_term,
)

# Names as PS3.5 gives them: character set, bytes, text.
NAMES = [
    ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    ("ISO_IR 203", b"\xa6imkov\xe1^L\xbdna", "Šimková^Lœna"),
    ("GBK", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
    ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    ("ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1\x79\x70\xd3", None),
]


@pytest.mark.parametrize(("charset", "raw", "text"), NAMES)
def test_names_of_many_character_sets_are_read(charset: str, raw: bytes, text: str | None) -> None:
    found = decode(raw, charset.encode(), "PN")
    assert found == (text if text is not None else raw.decode("iso8859_5"))
    assert is_complete(found)


@pytest.mark.parametrize(("charset", "raw", "text"), NAMES)
def test_what_was_read_is_written_as_bytes_that_read_the_same(
    charset: str, raw: bytes, text: str | None
) -> None:
    found = decode(raw, charset.encode(), "PN")
    assert decode(encode(found, charset), charset.encode(), "PN") == found


def test_padding_of_value_and_charset_does_not_matter() -> None:
    assert decode(b"J\xe9r\xf4me ", b"ISO_IR 100 ", "PN") == "Jérôme"
    assert decode(b"plain \0", b"", "LO") == "plain"


def test_bytes_without_a_declared_character_set_are_taken_for_latin_1() -> None:
    assert decode(b"M\xfcller", b"", "PN") == "Müller"


@pytest.mark.parametrize("charset", [b"NOT A CHARSET", b"utf8", b"ISO_IR 100\\KLINGON"])
def test_an_unknown_character_set_loses_only_what_is_not_ascii_and_says_so(charset: bytes) -> None:
    found = decode(b"M\xfcller", charset, "PN")
    assert found == "M\ufffdller"
    assert not is_complete(found)


@pytest.mark.parametrize("charset", [b"ISO IR 192", b"ISO_IR192", b"ISO-IR 100", b"UTF-8", b"ISO_IR 999"])
def test_a_misspelt_character_set_is_not_taken_for_another_one(charset: bytes) -> None:
    assert decode("Müller".encode(), charset, "PN") == "M\ufffd\ufffdller"
    assert unknown_term(charset) == charset.decode()


# What pydicom does not read as DCMTK and the standard do (PS3.5 Annex K, Table C.12-3).
EXTENDED = [
    (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
    ("ISO 2022 IR 100\\ISO 2022 IR 203", b"M\xfcller=\x1b-b\xa6im", "Müller=Šim"),
    ("ISO 2022 IR 100\\ISO 2022 IR 144", b"M\xfc=\x1b-L\xbb\xee^\xe9", "Mü=Лю^é"),
    ("\\ISO 2022 IR 87\\ISO 2022 IR 159", b"A=\x1b$(D0!\x1b(B", "A=丂"),
]


def test_code_extensions_are_read_and_end_behind_each_delimiter() -> None:
    read = [(decode(raw, charset.encode(), "PN"), name) for charset, raw, name in EXTENDED]
    assert [found for found, _ in read] == [name for _, name in read]
    assert all(unknown_term(charset.encode()) is None for charset, _, _ in EXTENDED)


def test_an_escape_sequence_of_a_set_that_is_not_declared_is_not_followed() -> None:
    assert not is_complete(decode(b"A=\x1b$)A\xd5\xc5", b"\\ISO 2022 IR 149", "PN"))
    assert not is_complete(decode(b"A=\x1b$)A\xd5\xc5", b"ISO_IR 100", "PN"))
    assert not is_complete(decode(b"A=\xd5\xc5", b"\\ISO 2022 IR 58", "PN"))
    assert not is_complete(decode(b"A=\x1b$B;", b"\\ISO 2022 IR 87", "PN"))


def test_terms_that_may_not_stand_together_are_unknown_or_misplaced() -> None:
    assert unknown_term(b"ISO_IR 192\\ISO 2022 IR 87") == "ISO_IR 192"
    assert unknown_term(b"\\GB18030") == "GB18030"
    misplaced = (b"ISO 2022 IR 87", b"ISO 2022 IR 100", b"ISO_IR 100\\ISO 2022 IR 87", b"\\ISO_IR 144")
    assert all(is_misplaced(charset) and unknown_term(charset) is None for charset in misplaced)
    sound = (b"", b"ISO_IR 6", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"ISO 2022 IR 13\\ISO 2022 IR 87")
    assert not any(map(is_misplaced, sound))


def test_only_bytes_of_a_declared_character_set_are_readable() -> None:
    assert is_readable(b"M\xfcller", b"ISO_IR 100", "PN")
    assert is_readable("M\ufffdller".encode(), b"ISO_IR 192", "PN")
    assert not is_readable(b"M\xfcller", b"", "PN")
    assert not is_readable(b"M\xfcller", b"ISO_IR 6", "PN")
    assert not is_readable(b"M\xfcller", b"ISO_IR 192", "PN")


def test_broken_utf_8_is_replaced_and_told() -> None:
    assert not is_complete(decode(b"M\xfcller", b"ISO_IR 192", "PN"))


def test_text_that_does_not_fit_is_refused_without_naming_it() -> None:
    with pytest.raises(ValueError, match="cannot hold this text"):
        encode("Jérôme 山", "ISO 2022 IR 6\\ISO 2022 IR 149")
    with pytest.raises(ValueError):
        encode("Müller", "")
    with pytest.raises(ValueError, match="unknown"):
        encode("Müller", "KLINGON")


def test_only_bytes_beyond_the_default_repertoire_need_a_character_set() -> None:
    assert not needs_charset(b"PLAIN^NAME")
    assert needs_charset(b"\xe9")
    assert needs_charset(b"\x1b$B;3ED\x1b(B")


@given(
    st.binary(max_size=64),
    st.sampled_from([name for name, _, _ in NAMES] + ["", "?"]),
    st.sampled_from(["PN", "LO", "ST"]),
)
def test_any_bytes_decode_without_error_or_warning(raw: bytes, charset: str, vr: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "\x1b" not in decode(raw, charset.encode(), vr)


@given(st.binary(max_size=32), st.binary(max_size=32))
def test_any_bytes_may_stand_for_a_character_set(raw: bytes, charset: bytes) -> None:
    decode(raw, charset, "LO")


def test_ascii_is_decoded_without_pydicom() -> None:
    code = """
import sys
from mediakit.dicom.text import decode
decode(b"A^B", b"", "PN")
assert "pydicom" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
