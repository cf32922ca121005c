"""Foreign readers on our media, and our readers on foreign media."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from pycdlib import PyCdlib

from mediakit.formats import zipfmt
from mediakit.formats.registry import open_tree
from mediakit.formats.udf_read import UdfTree
from tests.support.media import a_small_medium, content_of, contents, many, read_all, write
from tests.support.peers import need, run

pytestmark = pytest.mark.interop

# Each with the revision that can read it, and how it may be written to.
UDF = {
    "udf-1.02": ("1.02", "readonly"),
    "udf-1.50": ("1.02", "overwritable"),
    "udf-2.01": ("2.01", "readonly"),
    "udf-2.50": ("2.50", "readonly"),
    "udf-2.60": ("2.50", "readonly"),
}
EXPECTED = {one.path: content_of(one.path, one.size) for one in a_small_medium()}


def tree_on_disk(root: Path) -> dict[str, bytes]:
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def a_folder(root: Path) -> Path:
    for path, content in EXPECTED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


@pytest.mark.parametrize("name", ["iso9660", *UDF, "zip"])
def test_7z_extracts_exactly_our_files(name: str, tmp_path: Path) -> None:
    need("7z")
    write(name, a_small_medium(), tmp_path / "out")
    told = run("7z", "x", "-y", f"-o{tmp_path / 'found'}", str(tmp_path / "out"))
    assert told.returncode == 0, told.stdout
    assert "WARNING" not in told.stdout.upper()
    found = {path.removesuffix("."): held for path, held in tree_on_disk(tmp_path / "found").items()}
    assert found == EXPECTED


def test_ripmime_and_munpack_extract_exactly_our_files(tmp_path: Path) -> None:
    need("ripmime", "munpack")
    write("mime", a_small_medium(), tmp_path / "out")
    (tmp_path / "munpack").mkdir()
    for command in (
        ("ripmime", "-i", str(tmp_path / "out"), "-d", str(tmp_path / "ripmime"), "--no-nameless"),
        ("munpack", "-q", "-C", str(tmp_path / "munpack"), str(tmp_path / "out")),
    ):
        told = run(*command)
        assert told.returncode == 0, told.stderr
        found = tree_on_disk(tmp_path / command[0])
        expected = {path.rpartition("/")[2]: held for path, held in EXPECTED.items() if held}
        assert {name: found.get(name) for name in expected} == expected, command[0]


def test_isoinfo_tells_names_dates_and_the_volume_as_annex_f_asks(tmp_path: Path) -> None:
    need("isoinfo")
    write("iso9660", a_small_medium(), tmp_path / "out", label="FSID_1")
    volume = run("isoinfo", "-d", "-i", str(tmp_path / "out")).stdout
    assert "Volume id: FSID_1\n" in volume
    assert "System id: \n" in volume
    assert "NO Joliet present" in volume
    assert "NO Rock Ridge present" in volume
    assert f"Volume size is: {(tmp_path / 'out').stat().st_size // 2048}\n" in volume
    names = run("isoinfo", "-f", "-i", str(tmp_path / "out")).stdout.split()
    assert {name.removesuffix(";1").removesuffix(".").lstrip("/") for name in names} >= EXPECTED.keys()
    assert "/DICOMDIR.;1" in names
    listing = run("isoinfo", "-l", "-i", str(tmp_path / "out")).stdout
    assert listing.count("Feb 29 2024") == len([line for line in listing.splitlines() if "[" in line])


def test_foreign_readers_find_the_same_names_in_the_joliet_tree(tmp_path: Path) -> None:
    need("isoinfo", "7z", "xorriso", "grub-fstest")
    out = tmp_path / "out"
    write("iso9660", a_small_medium(), out, label="FSID_1", joliet=True)
    assert contents(out) == EXPECTED
    assert "Joliet with UCS level 3 found" in run("isoinfo", "-d", "-i", str(out)).stdout
    names = run("isoinfo", "-J", "-f", "-i", str(out)).stdout.split()
    assert {name.removesuffix(";1").lstrip("/") for name in names} >= EXPECTED.keys()
    assert run("7z", "x", "-y", f"-o{tmp_path / 'found'}", str(out)).returncode == 0
    assert tree_on_disk(tmp_path / "found") == EXPECTED
    assert "FAILURE" not in run("xorriso", "-indev", str(out), "-check_media", "--").stderr
    for path, content in EXPECTED.items():
        (tmp_path / "one").write_bytes(content)
        told = run("grub-fstest", str(out), "cmp", f"(loop0)/{path}", str(tmp_path / "one"))
        assert told.returncode == 0, (path, told.stdout, told.stderr)
    listed = run("grub-fstest", str(out), "ls", "(loop0)/").stdout.split()
    assert listed == ["A/", "BIG", "DICOM/", "DICOMDIR", "README"]
    iso = PyCdlib()
    iso.open(str(out))
    with iso.open_file_from_iso(joliet_path="/DICOM/Z1/IM1;1") as file:
        assert file.read() == EXPECTED["DICOM/Z1/IM1"]
    iso.close()


def test_isoinfo_gives_the_bytes_of_a_file(tmp_path: Path) -> None:
    need("isoinfo")
    write("iso9660", a_small_medium(), tmp_path / "out")
    told = subprocess.run(
        ["isoinfo", "-x", "/BIG.;1", "-i", str(tmp_path / "out")], capture_output=True, check=True, timeout=60
    )
    assert told.stdout == EXPECTED["BIG"]


def test_xorriso_extracts_exactly_our_files_and_finds_no_fault(tmp_path: Path) -> None:
    need("xorriso")
    write("iso9660", a_small_medium(), tmp_path / "out")
    told = run(
        "xorriso", "-indev", str(tmp_path / "out"), "-check_media", "--",
        "-osirrox", "on", "-extract", "/", str(tmp_path / "found"),
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "FAILURE" not in told.stderr
    assert tree_on_disk(tmp_path / "found") == EXPECTED
    run("chmod", "-R", "u+w", str(tmp_path / "found"))


def test_pycdlib_opens_our_image_and_reads_it(tmp_path: Path) -> None:

    write("iso9660", a_small_medium(), tmp_path / "out")
    iso = PyCdlib()
    iso.open(str(tmp_path / "out"))
    with iso.open_file_from_iso(iso_path="/DICOM/Z1/IM1.;1") as file:
        assert file.read() == EXPECTED["DICOM/Z1/IM1"]
    iso.close()


@pytest.mark.parametrize(
    "extra", [[], ["-R"], ["-J", "-R"], ["-udf"]], ids=["plain", "rock", "joliet", "udf"]
)
def test_images_of_genisoimage_are_read(extra: list[str], tmp_path: Path) -> None:
    need("genisoimage")
    source = a_folder(tmp_path / "source")
    told = run(
        "genisoimage",
        "-quiet",
        "-iso-level",
        "1",
        *extra,
        "-V",
        "OTHER",
        "-o",
        str(tmp_path / "out"),
        str(source),
    )
    assert told.returncode == 0, told.stderr
    assert contents(tmp_path / "out") == EXPECTED
    tree = open_tree(tmp_path / "out")
    assert tree.facts.label == "OTHER"
    tree.close()


def test_images_of_xorriso_are_read(tmp_path: Path) -> None:
    need("xorriso")
    source = a_folder(tmp_path / "source")
    told = run("xorriso", "-as", "mkisofs", "-iso-level", "1", "-o", str(tmp_path / "out"), str(source))
    assert told.returncode == 0, told.stderr
    assert contents(tmp_path / "out") == EXPECTED


def test_the_udf_side_of_a_bridge_is_read_too(tmp_path: Path) -> None:
    need("genisoimage")

    source = a_folder(tmp_path / "source")
    run("genisoimage", "-quiet", "-udf", "-V", "OTHER", "-o", str(tmp_path / "out"), str(source))
    tree = UdfTree(tmp_path / "out")
    assert read_all(tree) == EXPECTED
    tree.close()


def test_udfinfo_agrees_with_our_udf(tmp_path: Path) -> None:
    need("udfinfo")
    for name, (revision, access) in UDF.items():
        write(name, a_small_medium(), tmp_path / name, label="FSID_1")
        told = run("udfinfo", str(tmp_path / name))
        assert told.returncode == 0
        assert told.stderr == ""
        facts = dict(line.split("=", 1) for line in told.stdout.splitlines() if "," not in line)
        assert facts["label"] == "FSID_1"
        assert facts["udfrev"] == revision
        assert facts["integrity"] == "closed"
        assert facts["accesstype"] == access
        assert facts["udfwriterev"] == name.removeprefix("udf-")
        assert facts["freeblocks"] == "0"
        assert facts["numfiles"] == str(len(EXPECTED))
        assert facts["behindblocks"] == "0"


def test_an_empty_volume_of_mkudffs_is_an_empty_tree(tmp_path: Path) -> None:
    need("mkudffs")
    (tmp_path / "out").write_bytes(bytes(4 << 20))
    told = run("mkudffs", "--blocksize=2048", "--udfrev=2.01", "--label=OTHER", str(tmp_path / "out"))
    assert told.returncode == 0, told.stderr
    tree = open_tree(tmp_path / "out")
    assert (tree.facts.format, tree.facts.label, list(tree.walk())) == ("udf", "OTHER", [])
    tree.close()


def test_unzip_finds_no_fault_in_our_archive(tmp_path: Path) -> None:
    need("unzip")
    write("zip", a_small_medium(), tmp_path / "out.zip")
    told = run("unzip", "-t", str(tmp_path / "out.zip"))
    assert told.returncode == 0, told.stdout
    assert "No errors detected" in told.stdout


def test_archives_of_zip_are_read(tmp_path: Path) -> None:
    need("zip")
    source = a_folder(tmp_path / "source")
    told = subprocess.run(
        ["zip", "-qr", str(tmp_path / "out.zip"), "."],
        cwd=source,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0
    assert contents(tmp_path / "out.zip") == EXPECTED


@pytest.mark.parametrize("name", ["iso9660", "udf-2.60", "zip"])
def test_peers_count_as_many_files_as_we_wrote(name: str, tmp_path: Path) -> None:
    need("7z")
    write(name, many(3000), tmp_path / "out")
    told = run("7z", "t", str(tmp_path / "out"))
    assert told.returncode == 0, told.stdout
    assert "Files: 3000\n" in told.stdout


def test_large_members_are_written_as_zip64_and_peers_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("unzip", "7z")
    monkeypatch.setattr(zipfmt, "_ZIP64_FROM", 1000)  # in place of 2 GiB
    write("zip", a_small_medium(), tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        local = archive.getinfo("BIG").header_offset
    assert (tmp_path / "out.zip").read_bytes()[local + 4] == 45  # the version that has ZIP64
    for told in (run("unzip", "-t", str(tmp_path / "out.zip")), run("7z", "t", str(tmp_path / "out.zip"))):
        assert told.returncode == 0, told.stdout
    assert contents(tmp_path / "out.zip") == EXPECTED


def test_grub_compares_the_files_of_udf_and_iso_9660_as_equal(tmp_path: Path) -> None:
    need("grub-fstest")
    folder = a_folder(tmp_path / "source")
    for name in ("iso9660", "udf-1.02", "udf-1.50", "udf-2.01"):  # it knows nothing newer
        write(name, a_small_medium(), tmp_path / name)
        for path, content in EXPECTED.items():
            told = run("grub-fstest", str(tmp_path / name), "cmp", f"(loop0)/{path}", str(folder / path))
            assert told.returncode == 0 or not content, (name, path, told.stdout + told.stderr)
    path = next(path for path, content in EXPECTED.items() if content)
    (folder / path).write_bytes(bytes(len(EXPECTED[path])))
    told = run("grub-fstest", str(tmp_path / "udf-1.02"), "cmp", f"(loop0)/{path}", str(folder / path))
    assert told.returncode != 0  # it does compare
