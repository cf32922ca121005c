"""Discs with names beyond Level 1: foreign programs show the real names of ours, and we those of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pycdlib import PyCdlib

from mediakit.formats.registry import open_tree
from tests.interop.test_formats_peers import tree_on_disk
from tests.support.media import a_small_medium, content_of, entries_of, read_all, write
from tests.support.peers import need, run

pytestmark = pytest.mark.interop

ODD = entries_of(
    [
        ("Read me.html", 5000),
        ("Weasis viewer/RUN.sh", 20),
        ("Weasis viewer/empty one.txt", 0),
        ("Weasis viewer/LICENSE", 2049),
        ("Weasis viewer/Übersicht 漢字.txt", 3),
        ("Weasis viewer/" + "n" * 99 + ".htm", 7),
        ("Weasis viewer/" + "漢" * 80 + ".txt", 8),
        *((f"Weasis viewer/lib/weasis-plug-in-{number}.jar", number) for number in range(300)),
    ]
)
ENTRIES = [*a_small_medium(), *ODD]
EXPECTED = {one.path: content_of(one.path, one.size) for one in ENTRIES}


@pytest.fixture(name="disc", scope="module")
def _disc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("names") / "disc.iso"
    write("iso9660", ENTRIES, out, label="FSID_1", joliet=True)
    return out


def test_isoinfo_lists_every_real_name_in_both_trees(disc: Path) -> None:
    need("isoinfo")
    said = run("isoinfo", "-d", "-i", str(disc)).stdout
    assert "Joliet with UCS level 3 found" in said
    assert "Rock Ridge signatures version 1 found" in said
    utf_8 = {"LC_ALL": "C.UTF-8"}
    by_rock = run("isoinfo", "-R", "-f", "-i", str(disc), env=utf_8).stdout.splitlines()
    by_joliet = run("isoinfo", "-J", "-f", "-i", str(disc)).stdout.splitlines()
    plain = run("isoinfo", "-f", "-i", str(disc)).stdout.splitlines()
    assert {name.lstrip("/") for name in by_rock} >= EXPECTED.keys()
    latin = {path for path in EXPECTED if path.isascii()}  # it shows no others by Joliet
    assert {name.removesuffix(";1").lstrip("/") for name in by_joliet} >= latin
    assert len(by_rock) == len(by_joliet) == len(set(plain))
    assert "/DICOM/Z1/IM1.;1" in plain
    assert "/READ_ME.HTM;1" in plain


def test_xorriso_lists_extracts_compares_and_finds_no_fault(disc: Path, tmp_path: Path) -> None:
    need("xorriso")
    found = tmp_path / "found"
    said = run(
        "xorriso", "-indev", str(disc), "-check_media", "--", "-find", "/", "-type", "f", "--",
        "-osirrox", "on", "-extract", "/", str(found), "-compare_r", str(found), "/",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert {line.strip("'/") for line in said.stdout.splitlines() if line.startswith("'/")} == EXPECTED.keys()
    assert "FAILURE" not in said.stderr
    assert "differ" not in said.stdout.replace("differ in ctime", "")
    run("chmod", "-R", "u+w", str(found))
    assert tree_on_disk(found) == EXPECTED


def test_7z_extracts_every_file_under_its_real_name(disc: Path, tmp_path: Path) -> None:
    need("7z")
    said = run("7z", "x", "-y", f"-o{tmp_path / 'found'}", str(disc))
    assert said.returncode == 0, said.stdout
    assert tree_on_disk(tmp_path / "found") == EXPECTED


def test_pycdlib_reads_the_three_name_spaces(disc: Path) -> None:
    iso = PyCdlib()
    iso.open(str(disc))
    counts = []
    for space, name in (
        ("iso_path", "/READ_ME.HTM;1"),
        ("joliet_path", "/Read me.html;1"),
        ("rr_path", "/Read me.html"),
    ):
        counts.append(sum(len(files) for _, _, files in iso.walk(**{space: "/"})))
        with iso.open_file_from_iso(**{space: name}) as file:
            assert file.read() == EXPECTED["Read me.html"], space
    assert counts == [len(EXPECTED)] * 3
    iso.close()


def test_grub_compares_files_by_their_real_names(disc: Path, tmp_path: Path) -> None:
    need("grub-fstest")
    for path in ("Read me.html", "Weasis viewer/RUN.sh", "Weasis viewer/Übersicht 漢字.txt", "DICOM/Z1/IM1"):
        (tmp_path / "one").write_bytes(EXPECTED[path])
        said = run("grub-fstest", str(disc), "cmp", f"(loop0)/{path}", str(tmp_path / "one"))
        assert said.returncode == 0, (path, said.stdout, said.stderr)


@pytest.mark.parametrize("options", [("-R",), ("-J", "-joliet-long"), ("-J", "-joliet-long", "-R")])
def test_one_file_of_a_disc_of_genisoimage_has_its_real_name_beside_the_short_one(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    need("genisoimage")
    root = tmp_path / "root"
    for path, held in EXPECTED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(held)
    image = tmp_path / "a.iso"
    said = run("genisoimage", "-quiet", "-input-charset", "utf-8", *options, "-o", str(image), str(root))
    assert said.returncode == 0, said.stderr
    tree = open_tree(image)
    nodes = list(tree.walk())
    content = read_all(tree)
    tree.close()
    found = {node.also[0] if node.also else node.path: content[node.path] for node in nodes}
    if options == (
        "-J",
        "-joliet-long",
    ):  # an empty file lies nowhere: its two names are not brought together
        found = {path: bytes_ for path, bytes_ in found.items() if bytes_}
        assert found == {path: bytes_ for path, bytes_ in EXPECTED.items() if bytes_}
    else:
        assert found == EXPECTED
    volume = tree.facts.volume
    assert (volume.not_in_joliet, volume.only_in_joliet, volume.crossed) == ((), (), ())  # type: ignore[union-attr]
