"""The search for what identified people: spellings, character sets, pieces, and what does not count."""

from __future__ import annotations

import io
import json
import re

from mediakit.dicom.deidentify.forms import Reach, is_searched
from mediakit.dicom.deidentify.identifiers import Identifier, Identifiers, Kind
from mediakit.dicom.deidentify.search import PIECE, Hit, Search

NAME, DAY = Kind.PATIENT_NAME, Kind.BIRTH_DATE
CODECS: tuple[str, ...] = (
    "latin_1",
    "utf_8",
    "utf_16_le",
    "utf_16_be",
    "iso2022_jp",
    "iso2022_kr",
    "shift_jis",
)
CODECS += ("euc_kr", "euc_jp", "gb18030")


def one(text: str, kind: Kind = NAME) -> Identifier:
    return Identifier(kind, text, text.encode("utf-8"))


def hits(search: Search, data: bytes) -> list[Hit]:
    return list(search.hits(io.BytesIO(data)))


def kinds(search: Search, data: bytes) -> set[Kind]:
    return {hit.form.kind for hit in hits(search, data)}


def test_a_name_is_found_in_every_character_set_and_case() -> None:
    missed = []
    for name in (
        "Müller^Jürgen",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "Hong^Gildong=洪^吉洞=홍^길동",
        "Wang^XiaoDong=王^小东",
    ):
        search = Search([one(name)])
        said = [part for part in re.split("[=^]", name) if len(part) > 1]
        said += [name.split("=")[0], name.split("=")[0].replace("^", " ").upper()]
        for text in said:
            for codec in CODECS:
                try:
                    raw = text.encode(codec)
                except UnicodeError:
                    continue
                if not hits(search, b'"%s"' % raw):
                    missed.append((text, codec))
        escaped = json.dumps(said[0]).encode()
        if not hits(search, escaped):
            missed.append((said[0], "json"))
    assert missed == []


def test_nothing_is_missed_where_two_pieces_meet() -> None:
    search = Search([one("Beispiel^Erika"), one("1.2.276.0.7230010.3.1.4.8323329", Kind.UID)])
    for word in (b"BEISPIEL^ERIKA", b"1.2.276.0.7230010.3.1.4.8323329"):
        for shift in (-200, -165, -162, -161, -160, -40, -31, -14, -13, -2, -1, 0, 1, 2):
            at = PIECE + shift
            found = {hit.at for hit in hits(search, bytes(at) + word + bytes(3))}
            assert at in found, shift


def test_parts_of_words_and_numbers_do_not_count() -> None:
    search = Search([one("Ander^Li An"), one("4711234", Kind.PATIENT_ID), one("1.2.3.4.5", Kind.UID)])
    for data in (b"ANDERSON", b"xander ", b"0.4711234", b"47112345", b"1.2.3.4.55 ", b"11.2.3.4.5 "):
        assert kinds(search, data) == set(), data
    assert kinds(search, b"ANDER 4711234 1.2.3.4.5") == {NAME, Kind.PATIENT_ID, Kind.UID}


def test_short_and_ordinary_words_are_searched_as_whole_names_only() -> None:
    search = Search([one("Long^May")], frozenset({"long", "may"}))
    assert hits(search, b"long and may") == []
    assert kinds(search, b"LONG^MAY") == kinds(search, b"May Long") == {NAME}
    assert not is_searched(one("7", Kind.PATIENT_ID), frozenset())
    assert is_searched(one("Long^May"), frozenset({"long", "may"}))


def test_how_far_a_spelling_counts_follows_from_its_length() -> None:
    search = Search([one("Doe^Hildegard"), one("123", Kind.PATIENT_ID), one("19600102", DAY)])
    reach = {
        hit.form.raw.decode("ascii"): hit.form.reach
        for hit in hits(search, b"Doe Hildegard, 123; 1960-01-02")
    }
    assert reach == {"Doe Hildegard": Reach.EVERYWHERE, "123": Reach.VALUE, "1960-01-02": Reach.TEXT}


def test_wide_uids_are_found() -> None:
    uid = "1.2.276.0.7230010.3.1.4.8323329"
    search = Search([one(uid, Kind.UID)])
    for codec in ("utf_16_le", "utf_16_be"):
        assert kinds(search, b"x\0" + uid.encode(codec) + b"\0y") == {Kind.UID}


def test_identifiers_are_kept_once_and_new_values_are_none() -> None:
    met = Identifiers()
    for _ in range(2):
        met.note(0x00100020, "LO", b"PID-1\\TEACH-0001 ", b"")
        met.note(0x00081030, "LO", b"Abdomen", b"")
    assert [found.text for found in met.without({"teach-0001"})] == ["PID-1"]


def test_names_and_ids_are_found_as_people_rewrite_them() -> None:
    for said, kind, written in (
        ("QF-90817", Kind.PATIENT_ID, "qf90817"),
        ("ÜBX-55512", Kind.PATIENT_ID, "UEBX-55512 ubx55512"),
        ("Überschär^Zöe", NAME, "UEBERSCHAER"),
        ("Überschär^Zöe", NAME, "Uberschar"),
        ("Weiß^Jörg", NAME, "Joerg Weiss"),
        ("Quappenfeld^Ortrud", NAME, "OrtrudQuappenfeld"),
        ("Quappenfeld^Ortrud", NAME, "quappenfeldortrud"),
    ):
        for word in written.split(" ") if kind is not NAME else [written]:
            assert kinds(Search([one(said, kind)]), f"x {word} x".encode()) == {kind}, word
    assert not kinds(Search([one("A-12", Kind.PATIENT_ID)]), b"x A12 x")


def test_study_ids_are_searched_for_when_they_are_no_date_and_no_small_number() -> None:
    found = Identifiers()
    for said in (b"RIS-20240001", b"20240312", b"17"):
        found.note(0x00200010, "SH", said, b"")
    assert [one.text for one in found] == ["RIS-20240001"]
