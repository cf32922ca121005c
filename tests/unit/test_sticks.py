"""Sticks as block devices: what the kernel says of them, what is refused, and what is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediakit.drives.block import removable_sticks, stick_of, used_bytes, written_device
from mediakit.drives.drive import StickDrive
from mediakit.drives.read_back import compare
from mediakit.drives.stick import Stick, check_stick, check_stick_room
from mediakit.errors import MediakitError, SpoiledError
from mediakit.events import silence
from mediakit.journeys.onto_drive import OntoDrive

GOOD = Stick(device="/dev/sdb", model="ACME Stick", size_bytes=8 << 30, is_removable=True, partitions=1)


def system(root: Path, facts: dict[str, str], *, mounts: str = "", swaps: str = "") -> Path:
    """Make a `sys` and `proc` with one disk `sdb` (8:16) that has one partition `sdb1` (8:17)."""
    disk = root / "sys/devices/usb1/block/sdb"
    for name, text in {
        "dev": "8:16\n",
        "size": "16777216\n",
        "removable": "1\n",
        "ro": "0\n",
        "queue/logical_block_size": "512\n",
        "device/vendor": "ACME    \n",
        "device/model": "Stick 3.0       \n",
        "sdb1/dev": "8:17\n",
        "sdb1/size": "16775168\n",
        "sdb1/partition": "1\n",
        **facts,
    }.items():
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).write_text(text)
    for folder in ("sys/dev/block", "sys/block", "proc/self"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "sys/dev/block/8:16").symlink_to(disk)
    (root / "sys/dev/block/8:17").symlink_to(disk / "sdb1")
    (root / "sys/block/sdb").symlink_to(disk)
    (root / "proc/self/mountinfo").write_text(mounts)
    (root / "proc/swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    return root


def test_the_kernel_says_what_a_stick_is(tmp_path: Path) -> None:
    stick = stick_of("/dev/sdb", "8:16", system(tmp_path, {}))
    assert stick == Stick(
        device="/dev/sdb",
        model="ACME Stick 3.0",
        size_bytes=8 << 30,
        partitions=1,
        is_removable=True,
    )
    assert stick.shown == "ACME Stick 3.0, 8.6 GB, 1 partition"
    assert removable_sticks(tmp_path) == (stick,)
    check_stick(stick)


def test_what_is_no_free_stick_is_refused(tmp_path: Path) -> None:
    mount = "36 35 {} / {} rw - {} {} rw\n"
    cases: dict[str, tuple[dict[str, str], str, str, str]] = {
        "the disk is mounted": ({}, mount.format("8:16", "/mnt", "vfat", "/dev/sdb"), "", "mounted at /mnt"),
        "a partition is mounted": ({}, mount.format("8:17", "/mnt", "vfat", "x"), "", "mounted at /mnt"),
        "mounted under another number": (
            {},
            mount.format("0:44", "/data", "btrfs", "/dev/sdb1"),
            "",
            "mounted at /data",
        ),
        "swap": ({}, "", "/dev/sdb1 partition 1 0 -2\n", "used as swap"),
        "of a volume group": ({"sdb1/holders/dm-0": ""}, "", "", "used by dm-0"),
        "fixed": ({"removable": "0"}, "", "", "is not a removable device"),
        "locked": ({"ro": "1"}, "", "", "write-protected"),
        "no card in the reader": ({"size": "0"}, "", "", "no medium"),
    }
    for name, (facts, mounts, swaps, words) in cases.items():
        stick = stick_of("/dev/sdb", "8:16", system(tmp_path / name, facts, mounts=mounts, swaps=swaps))
        with pytest.raises(MediakitError, match=words) as caught:
            check_stick(stick)
        assert caught.value.exit_code == 2
        if name == "fixed":
            check_stick(stick, may_erase=True)
        else:
            with pytest.raises(MediakitError, match=words):
                check_stick(stick, may_erase=True)


def test_a_partition_is_no_stick(tmp_path: Path) -> None:
    stick = stick_of("/dev/sdb1", "8:17", system(tmp_path, {}))
    with pytest.raises(MediakitError, match="is a partition"):
        check_stick(stick, may_erase=True)


def test_an_sd_card_in_a_built_in_reader_is_removable_and_its_soldered_neighbour_is_not(
    tmp_path: Path,
) -> None:
    for kind, is_removable in (("SD", True), ("MMC", False)):
        facts = {"removable": "0", "device/type": kind, "device/vendor": "", "device/model": ""}
        stick = stick_of("/dev/mmcblk0", "8:16", system(tmp_path / kind, facts))
        assert stick.is_removable == is_removable


def test_an_image_that_is_larger_than_the_stick_is_refused() -> None:
    check_stick_room(GOOD, 8 << 30)
    with pytest.raises(MediakitError) as caught:
        check_stick_room(GOOD, (8 << 30) + 512)
    assert caught.value.exit_code == 4


def test_everything_up_to_the_last_byte_of_the_image_is_written_holes_too(tmp_path: Path) -> None:
    image, device = tmp_path / "image", tmp_path / "device"
    device.write_bytes(b"\xee" * (6 << 20))
    with image.open("wb") as stream:
        stream.write(b"boot")
        stream.seek(2 << 20)
        stream.write(b"files" * 100)
        stream.truncate(6 << 20)
    used = used_bytes(image)
    assert (2 << 20) + 500 <= used < 3 << 20
    with written_device(device, image, silence) as written:
        assert written == used
        compare(image, device, used, silence)
    content = device.read_bytes()
    assert content[:used] == image.read_bytes()[:used]
    assert content[-(1 << 20) :] == bytes(1 << 20), "a second partition table of an earlier use would stay"
    assert content[used : 5 << 20] == b"\xee" * ((5 << 20) - used)


def test_what_reads_back_otherwise_is_spoiled(tmp_path: Path) -> None:
    image, device = tmp_path / "image", tmp_path / "device"
    image.write_bytes(bytes(range(256)) * 10_000)
    for at in (0, 1 << 20, 2_559_999):
        damaged = bytearray(image.read_bytes())
        damaged[at] ^= 1
        device.write_bytes(damaged)
        with pytest.raises(SpoiledError, match=f"from byte {at:,} on"):
            compare(image, device, 2_560_000, silence)
    device.write_bytes(image.read_bytes()[:1_000_000])
    with pytest.raises(SpoiledError, match="from byte 1,000,000 on"):
        compare(image, device, 2_560_000, silence)
    device.unlink()
    with pytest.raises(SpoiledError, match="cannot be read back"):
        compare(image, device, 2_560_000, silence)


def test_of_several_sticks_the_good_ones_are_counted_when_one_is_not(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"x" * 4096)
    sizes = iter((4096, 2048))

    def stick(device: Path) -> StickDrive:
        device.write_bytes(bytes(4096))
        return StickDrive(stick=Stick(device=str(device), size_bytes=next(sizes), is_removable=True))

    onto = OntoDrive(drive=stick(tmp_path / "one"), copies=3, change=lambda *_: stick(tmp_path / "two"))
    pressed = onto.put(image, lambda _: (), silence)
    assert pressed.copies == 1
    assert pressed.outcome is not None
    assert "1 of 3 copies" in pressed.said
    assert "larger than the stick" in pressed.findings[0].text


def test_nothing_behind_the_image_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sectors behind the last track of a CD give an error, and say nothing of the image."""
    image, device, size = tmp_path / "image", tmp_path / "device", (1 << 20) + 6144
    image.write_bytes(b"x" * size)
    device.write_bytes(b"x" * size + bytes(300_000))
    ends = []
    read = os.preadv

    def seen(fd: int, buffers: list[memoryview], offset: int) -> int:
        ends.append(offset + sum(map(len, buffers)))
        return read(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", seen)
    compare(image, device, size, silence)
    assert max(ends) == size
