"""UDF volumes of foreign tools say of themselves what those tools say, and are judged by it."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from pycdlib import PyCdlib

from mediakit.findings import Severity
from mediakit.formats.base import NodeKind
from mediakit.formats.registry import open_medium, open_tree
from mediakit.formats.udf_read import UdfTree
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.profile.load import load_profile
from mediakit.volume import CUT_OFF, Damage, IsoVolume, UdfVolume
from tests.support.media import content_of, contents, read_all
from tests.support.peers import need, run
from tests.support.udf_images import changed

pytestmark = pytest.mark.interop

# What mkudffs makes: virtual partitions for media written once, sparable ones for those written anew.
PLAIN = [(kind, revision) for kind in ("hd", "dvd", "dvdram", "cd") for revision in ("1.02", "1.50", "2.01")]
SPARED = [(kind, revision) for kind in ("cdrw", "dvdrw") for revision in ("1.50", "2.00", "2.01")]
VIRTUAL = [
    *((kind, revision) for kind in ("cdr", "dvdr") for revision in ("1.50", "2.00", "2.01", "2.50", "2.60")),
    *(("bdr", revision) for revision in ("2.50", "2.60")),
]


def made(path: Path, kind: str, revision: str, *options: str) -> Path:
    """Make an empty volume of 8 MB by mkudffs."""
    need("mkudffs")
    with path.open("wb") as file:
        file.truncate(8 << 20)
    told = run("mkudffs", f"--media-type={kind}", f"--udfrev={revision}", *options, str(path))
    assert told.returncode == 0, told.stderr
    return path


def volume_of(path: Path) -> UdfVolume:
    tree = open_tree(path)
    try:
        assert isinstance(tree.facts.volume, UdfVolume)
        return tree.facts.volume
    finally:
        tree.close()


@pytest.mark.parametrize(("kind", "revision"), [*PLAIN, *SPARED, *VIRTUAL])
def test_a_volume_of_mkudffs_says_its_revision_and_how_it_is_written(
    kind: str, revision: str, tmp_path: Path
) -> None:
    image = made(tmp_path / "it", kind, revision, "--blocksize=2048", "--vid=HERE", "--lvid=THERE")
    volume = volume_of(image)
    assert (volume.revision, volume.block_size, volume.volume_id) == (revision, 2048, "HERE")
    assert volume.has_sparing == ((kind, revision) in SPARED)
    assert volume.has_virtual == ((kind, revision) in VIRTUAL)
    assert (volume.interchange_level, volume.maximum_level) == (2, 3)
    assert not (volume.has_metadata or volume.has_iso or volume.is_truncated or volume.closed_to_others)


@pytest.mark.parametrize("block_size", [512, 1024, 2048, 4096])
def test_a_volume_of_any_block_size_is_read(block_size: int, tmp_path: Path) -> None:
    image = made(tmp_path / "it", "hd", "2.01", f"--blocksize={block_size}")
    told = dict(
        line.split("=", 1) for line in run("udfinfo", str(image)).stdout.splitlines() if "," not in line
    )
    volume = volume_of(image)
    assert str(volume.block_size) == told["blocksize"] == str(block_size)
    assert volume.revision == told["udfrev"]


@pytest.mark.parametrize("options", [[], ["--closed"]])
def test_a_disc_is_read_whether_it_was_closed_or_not(options: list[str], tmp_path: Path) -> None:
    volume = volume_of(made(tmp_path / "it", "cdr", "1.50", "--blocksize=2048", *options))
    assert (volume.has_virtual, volume.is_truncated) == (True, False)


def test_a_volume_of_mkudffs_that_is_cut_off_says_so(tmp_path: Path) -> None:
    image = made(tmp_path / "it", "dvd", "1.02", "--blocksize=2048")
    with image.open("r+b") as file:
        file.truncate(6 << 20)
    assert volume_of(image).is_truncated


@pytest.mark.parametrize(
    ("kind", "revision", "profile", "wrong"),
    [
        ("dvd", "1.02", "STD-GEN-BD", {"MK-MED-002", "MK-MED-021"}),
        ("bdr", "2.50", "STD-GEN-BD", {"MK-MED-021", "MK-MED-022"}),
        ("dvdram", "1.50", "STD-GEN-DVD-RAM", {"MK-MED-021"}),
        ("dvdram", "2.01", "STD-GEN-DVD-RAM", {"MK-MED-002", "MK-MED-021"}),
        ("dvdrw", "1.50", "STD-GEN-DVD-RAM", {"MK-MED-021", "MK-MED-022"}),
        ("dvdrw", "1.50", "STD-GEN-DVD-JPEG", {"MK-MED-021"}),
        ("dvdr", "2.50", "STD-GEN-DVD-JPEG", {"MK-MED-002", "MK-MED-021"}),
        ("cdrw", "1.50", "STD-GEN-CD", {"MK-MED-002", "MK-MED-021"}),
    ],
)
def test_a_volume_is_judged_by_the_annex_of_its_medium(
    kind: str, revision: str, profile: str, wrong: set[str], tmp_path: Path
) -> None:
    image = made(tmp_path / "it", kind, revision, "--blocksize=2048")
    judged = validate(image, ValidateOrder(profile=load_profile(profile)))
    found = {one.rule.id for one in judged.result.report.findings if one.severity is Severity.ERROR}
    assert {rule for rule in found if rule.startswith("MK-MED")} == wrong


def _bridge_of_genisoimage(folder: Path, image: Path) -> Path:
    need("genisoimage")
    told = run("genisoimage", "-quiet", "-udf", "-o", str(image), str(folder))
    assert told.returncode == 0, told.stderr
    return image


def _bridge_of_pycdlib(_folder: Path, image: Path) -> Path:
    iso = PyCdlib()
    iso.new(udf="2.60")
    iso.add_fp(io.BytesIO(b"abc"), 3, "/README.;1", udf_path="/README")
    iso.write(str(image))
    iso.close()
    return image


@pytest.mark.parametrize("make", [_bridge_of_genisoimage, _bridge_of_pycdlib])
def test_a_bridge_is_read_as_iso_9660_that_knows_its_udf(
    make: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "README").write_bytes(b"abc")
    image = make(tmp_path / "files", tmp_path / "it")
    tree = open_tree(image)
    volume = tree.facts.volume
    tree.close()
    assert isinstance(volume, IsoVolume)
    assert (volume.has_udf, volume.udf_revision) == (True, "1.02")  # pycdlib too, whatever was asked of it
    other = UdfTree(image)
    assert isinstance(other.facts.volume, UdfVolume)
    assert (other.facts.volume.has_iso, other.facts.volume.revision) == (True, "1.02")
    assert [node.path for node in other.walk()] == ["README"]
    other.close()


# ---- bridges whose two trees differ


def _bridge(tmp_path: Path, names: Iterable[str], *options: str) -> Path:
    """Make a bridge of files that hold bytes of their own."""
    need("genisoimage")
    root = tmp_path / "files"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content_of(name, 5000))
    image = tmp_path / "bridge.iso"
    told = run("genisoimage", "-quiet", "-udf", *options, "-o", str(image), str(root))
    assert told.returncode == 0, told.stderr
    return image


def test_a_file_that_iso_9660_says_is_shorter_is_read_whole_by_udf(tmp_path: Path) -> None:
    names = ["DICOM/IM1", "DICOM/IM2", "DICOM/IM3"]
    image = _bridge(tmp_path, names)
    held = bytearray(image.read_bytes())
    at = held.index(b"IM2.;1") - 33
    struct.pack_into("<I", held, at + 10, 5000 - 64)
    struct.pack_into(">I", held, at + 14, 5000 - 64)
    image.write_bytes(held)
    with open_medium(image) as tree:
        assert [(node.path, node.size) for node in tree.walk()] == [(name, 5000) for name in names]
        assert read_all(tree) == {name: content_of(name, 5000) for name in names}
        assert tree.facts.damage == ()
        assert [type(volume) for volume in tree.facts.volumes] == [IsoVolume, UdfVolume]


def test_a_file_that_stands_in_udf_alone_is_read(tmp_path: Path) -> None:
    names = ["DICOM/IM1", "DICOM/IM2", "DICOM/IM3"]
    image = _bridge(tmp_path, names, "-hide", "IM2")
    assert b"IM2.;1" not in image.read_bytes()
    assert contents(image) == {name: content_of(name, 5000) for name in names}


def test_a_file_that_stands_in_iso_9660_alone_is_read(tmp_path: Path) -> None:
    names = ["DICOM/IM1", "DICOM/IM2", "DICOM/IM3"]
    image = _bridge(tmp_path, names)
    held = image.read_bytes()
    at = held.index(b"\x08IM2") - 38  # its File Identifier Descriptor, which says then that it was deleted
    image.write_bytes(changed(held, at, lambda found: found.__setitem__(18, 4)))
    with closing(UdfTree(image)) as tree:
        assert [node.path for node in tree.walk()] == ["DICOM/IM1", "DICOM/IM3"]
    assert contents(image) == {name: content_of(name, 5000) for name in names}


def test_a_name_that_only_udf_tells_is_another_name_of_the_file(tmp_path: Path) -> None:
    image = _bridge(tmp_path, ["dicom/a long name.dcm"])
    with open_medium(image) as tree:
        [node] = tree.walk()
        assert node.path.isupper()
        assert node.also == ("dicom/a long name.dcm",)
        assert read_all(tree) == {node.path: content_of("dicom/a long name.dcm", 5000)}


def test_files_of_a_folder_that_iso_9660_has_lost_are_read_by_udf(tmp_path: Path) -> None:
    names = ["A/IM1", "B/IM2"]
    image = _bridge(tmp_path, names)
    held = image.read_bytes()
    at = held.index(b"IM2.;1") // 2048 * 2048
    image.write_bytes(held[:at] + bytes(2048) + held[at + 2048 :])
    assert contents(image) == {name: content_of(name, 5000) for name in names}
    with open_medium(image) as tree:
        assert [damage.path for damage in tree.facts.damage] == ["B"]


def test_a_bridge_whose_udf_cannot_be_read_is_damaged_and_its_iso_9660_is_read(tmp_path: Path) -> None:
    image = _bridge(tmp_path, ["A/IM1"])
    held = bytearray(image.read_bytes())
    for at in (256, len(held) // 2048 - 1, len(held) // 2048 - 257):
        held[at * 2048 : at * 2048 + 16] = bytes(16)
    image.write_bytes(held)
    assert contents(image) == {"A/IM1": content_of("A/IM1", 5000)}
    with open_medium(image) as tree:
        assert [damage.what for damage in tree.facts.damage] == [
            "the UDF volume beside ISO 9660 was not read: there is no anchor that leads to a volume"
        ]


def test_files_of_a_bridge_cut_off_are_unreadable_once(tmp_path: Path) -> None:
    names = ["A/IM1", "A/IM2"]
    image = _bridge(tmp_path, names)
    held = image.read_bytes()
    image.write_bytes(held[: held.index(content_of("A/IM2", 5000)) + 100])
    with open_medium(image) as tree:
        assert [(node.path, node.kind) for node in tree.walk()] == [
            ("A/IM1", NodeKind.FILE), ("A/IM2", NodeKind.UNREADABLE),
        ]  # fmt: skip
        assert Damage("", CUT_OFF) in tree.facts.damage
