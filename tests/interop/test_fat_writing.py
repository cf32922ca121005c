"""FAT images that we write, as fsck.fat, mtools and 7-Zip see them; the Linux kernel: test_kernel_peer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediakit.drives.block import used_bytes
from tests.support.cli import mediakit, process
from tests.support.media import contents
from tests.support.peers import need, run

pytestmark = pytest.mark.interop

_STUDIES = Path(__file__).parents[2] / "samples/studies"
_KINDS = (
    ("STD-GEN-USB-JPEG",),
    ("STD-GEN-USB-JPEG", "--capacity", "4GB", "--viewer", "none"),
    ("STD-GEN-CF-JPEG", "--capacity", "64MB", "--viewer", "none", "--unpartitioned"),
    ("STD-GEN-MMC-JPEG", "--viewer", "none"),
    ("STD-GEN-SD-JPEG", "--capacity", "3GB", "--viewer", "none"),
)


@pytest.fixture(name="images", scope="module")
def _images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, images = tmp_path_factory.mktemp("sticks"), []
    for number, (profile, *options) in enumerate(_KINDS):
        images.append(folder / f"{number}.img")
        burnt = mediakit("burn", "--all-patients", _STUDIES, "-p", profile, "-o", images[-1], *options)
        assert burnt.code == 0, burnt
        judged = mediakit("validate", images[-1], "-p", profile, "--fail-on", "warning")
        assert judged.code == 0, judged
    return images


def _starts_at(image: Path) -> int:
    """Return the byte of the first partition; 0 for an image without a partition table."""
    with image.open("rb") as file:
        head = file.read(512)
    return (
        0 if head[:3] in {b"\xeb\x3c\x90", b"\xeb\x58\x90"} else int.from_bytes(head[454:458], "little") * 512
    )


def test_fsck_finds_nothing_to_mend(images: list[Path], tmp_path: Path) -> None:
    need("fsck.fat")
    for image in images:
        volume = tmp_path / "volume"
        starts_at = _starts_at(image)
        with image.open("rb") as file:
            file.seek(starts_at)
            volume.write_bytes(file.read(used_bytes(image) - starts_at))
        os.truncate(volume, image.stat().st_size - starts_at)
        checked = run("fsck.fat", "-n", "-v", str(volume))
        assert checked.returncode == 0, checked.stdout
        volume.unlink()


def test_mtools_copy_every_file_back(images: list[Path], tmp_path: Path) -> None:
    need("mcopy")
    for number, image in enumerate(images):
        out = tmp_path / str(number)
        out.mkdir()
        at = f"{image}@@{_starts_at(image)}"
        assert run("mcopy", "-i", at, "-s", "-n", "::", str(out)).returncode == 0
        there = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert there == contents(image)


def test_7z_reads_what_we_wrote(images: list[Path]) -> None:
    need("7z")
    assert [run("7z", "t", str(image)).returncode for image in images] == [0] * len(images)


def test_the_same_content_gives_the_same_image(tmp_path: Path) -> None:
    for name in ("a.img", "b.img"):
        command = ("burn", "--all-patients", _STUDIES, "-p", "STD-GEN-USB-JPEG", "--capacity", "64MB")
        assert process(*command, "-o", tmp_path / name, SOURCE_DATE_EPOCH="1700000000").code == 0
    assert (tmp_path / "a.img").read_bytes() == (tmp_path / "b.img").read_bytes()
