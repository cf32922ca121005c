"""The names of an ISO 9660 volume: legal short ones beside the real ones, and names that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.errors import DoesNotFit
from mediakit.formats.base import Entry, OtherNames
from mediakit.formats.iso import IsoSink
from mediakit.formats.iso_naming import names_of
from mediakit.formats.iso_read import IsoTree
from tests.support.media import content_of, entry, order, write

SAMPLE = {
    "DICOMDIR": "DICOMDIR",
    "DICOM/IM1": "DICOM/IM1",
    "Read me.html": "READ_ME.HTM",
    "Viewer/RUN.sh": "VIEWER/RUN.SH",
    "Viewer/READ.ME": "VIEWER/READ.ME",
    "Viewer/Read.me!": "VIEWER/READ.ME_",
    "Viewer/.hidden": "VIEWER/_HIDDEN",
    "Viewer/a.tar.gz": "VIEWER/A_TAR.GZ",
    "Größe/Übersicht.txt": "GROSSE/UBERSICH.TXT",
    "漢字/漢字": "__/__",
    "my viewer/LICENSE": "MY_VIEWE/LICENSE",
    "my viewer.app/LICENSE": "MY_VIE_1/LICENSE",
}


def short(paths: list[str]) -> dict[str, str]:
    names = names_of([entry(path) for path in paths], joliet=True, rock_ridge=False)
    return dict(zip(paths, names.primary, strict=True))


def why_not(*paths: str) -> str:
    with pytest.raises(DoesNotFit) as caught:
        IsoSink().check([entry(path) for path in ("DICOMDIR", *paths)], order(joliet=True))
    assert "ISO 9660" in caught.value.what
    assert caught.value.where
    return caught.value.why


def test_short_names_are_legal_and_what_has_a_legal_name_keeps_it() -> None:
    assert short(list(SAMPLE)) == SAMPLE


def test_short_names_do_not_depend_on_the_order_and_are_never_twice_in_one_folder() -> None:
    names = [f"viewer/plug-in number {number}.jar" for number in range(300)]
    names += ["viewer/PLUG_INN.JAR", "viewer/PLUG_I_7.JAR", "viewer/plug-in number/x", "PLUG_IN/Y"]
    found = short(names)
    assert len(set(found.values())) == len(names)
    assert found["viewer/PLUG_I_7.JAR"] == "VIEWER/PLUG_I_7.JAR"
    assert short(names[::-1]) == found


def test_many_names_that_collide_take_little_time_each() -> None:
    found = short([f"a file with a long name {number}.txt" for number in range(20_000)])
    assert len(set(found.values())) == 20_000


def test_a_name_that_no_system_shows_right_is_refused_with_a_sentence() -> None:
    for path, words in (
        ("x" * 100 + ".htm", "104 characters, and Joliet has room for 103"),
        ("漢" * 90, "270 bytes in UTF-8, and Linux reads 253"),
        ("viewer/smile \U0001f600.txt", "no characters beyond U+FFFF"),
        ("bad\udcff.txt", "its bytes are not UTF-8"),
        ("a:b.txt", "Windows has no names with"),
        ("what?/x.txt", "Windows has no names with"),
        ("back\\slash", "Windows has no names with"),
        ("new\nline", "Windows has no names with"),
        ("Name.", "end with a dot or a space"),
        ("folder /x", "end with a dot or a space"),
        ("aux.txt", "takes it for a device"),
        ("/".join(["f" * 60] * 4), "more than 240 characters"),
    ):
        assert words in why_not(path), path
    assert "'readme.txt' differs" in why_not("readme.txt", "Readme.txt")
    assert "'DICOM' differs" in why_not("DICOM/IM1", "dicom/x.txt")
    assert "8 levels" in why_not("a/b/c/d/e/f/g/h")


def test_without_joliet_a_name_beyond_level_1_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="Level 1"):
        IsoSink().check([entry("Read me.html")], order())


def test_our_reader_finds_one_file_with_three_names_and_empty_ones_too(tmp_path: Path) -> None:
    entries = [entry(path, number) for number, path in enumerate(SAMPLE)]
    write("iso9660", entries, tmp_path / "a.iso", joliet=True)
    write("iso9660", entries, tmp_path / "b.iso", joliet=True)
    assert (tmp_path / "a.iso").read_bytes() == (tmp_path / "b.iso").read_bytes()
    tree = IsoTree(tmp_path / "a.iso")
    found = {}
    for node in tree.walk():
        assert node.other == OtherNames(node.other.joliet, node.other.joliet)
        assert node.also == (() if node.path == node.other.joliet else (node.other.joliet,))
        with tree.open(node) as stream:
            found[node.other.joliet] = stream.read()
    assert found == {path: content_of(path, number) for number, path in enumerate(SAMPLE)}
    volume = tree.facts.volume
    assert (volume.level, volume.has_joliet, volume.has_rock_ridge) == (1, True, True)  # type: ignore[union-attr]
    assert (volume.not_in_joliet, volume.only_in_joliet, volume.crossed) == ((), (), ())  # type: ignore[union-attr]
    tree.close()


def test_names_that_files_bring_along_are_kept_and_contradictions_are_refused() -> None:
    def kept(*files: tuple[str, str, str]) -> list[Entry]:
        return [
            Entry(path, 1, entry(path).open, other=OtherNames(rock, joliet)) for path, rock, joliet in files
        ]

    names = names_of(
        kept(("A/B.TXT", "a/b-long.text", "a/b.text"), ("A/C", "a/C", "")), joliet=True, rock_ridge=True
    )
    assert names.rock_ridge == {"A": "a", "A/B.TXT": "b-long.text"}
    assert names.joliet == ["a/b.text", "A/C"]
    for files, words in (
        ([("A/B", "a/b", ""), ("A/C", "x/c", "")], "two names by Rock Ridge"),
        ([("A/B", "b", "")], "no such name"),
        ([("A", "x", ""), ("B", "x", "")], "two files have this name in the Rock Ridge tree"),
        ([("A", "", "x"), ("B", "", "x")], "two files have this name in the Joliet tree"),
    ):
        with pytest.raises(DoesNotFit, match=words):
            names_of(kept(*files), joliet=True, rock_ridge=True)
