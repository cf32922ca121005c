"""The file systems of the Linux kernel as a reader of images, under an emulator: nothing is mounted here.

`.ci/peers` unpacks the kernel of Debian to `KERNEL`. It boots with the images as read-only disks, mounts each
with every file system that takes it, and prints the SHA-256 and path of every file.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.peers import need, run

KERNEL = Path(os.environ.get("MEDIAKIT_KERNEL", "/var/cache/mediakit-kernel"))
_DRIVERS = (
    *(
        "virtio",
        "virtio_ring",
        "virtio_pci",
        "virtio_blk",
        "crc-itu-t",
        "cdrom",
        "isofs",
        "udf",
        "fat",
        "vfat",
    ),
    *("nls_cp437", "nls_iso8859-1", "nls_ascii", "nls_utf8"),
)
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for k in {drivers}; do insmod /modules/$k 2>/dev/null; done
read_all() {
  [ -b $2 ] && mount -t $3 -o ro$4 $2 /mnt 2>/dev/null || return
  echo "@@ $1 $5"; (cd /mnt; find . -type f | sort | tr '\\n' '\\0' | xargs -0 -n 20 sha256sum); umount /mnt
}
for disk in /dev/vd?; do
  for fs in iso9660 udf vfat; do for at in $disk $disk"1"; do read_all $disk $at $fs "" $fs; done; done
  read_all $disk $disk iso9660 ,norock,utf8 joliet
done
echo "@@ end"; poweroff -f
"""
_XZ = b"\xfd7zXZ\0"
_FILE = re.compile(r"([0-9a-f]{64})  \./(.+)")


def kernel_read(images: Sequence[Path], work: Path) -> dict[tuple[int, str], dict[str, str]]:
    """Return the SHA-256 of every file by its path, for each number of an image and name of a file system.

    "joliet" is ISO 9660 once more, as it is read without Rock Ridge. An image that a file system does not
    take has no entry for it. Skips or fails where the peer is missing.
    """
    need("qemu-system-x86_64", "busybox", "cpio", "modinfo")
    kernels = sorted(KERNEL.glob("boot/vmlinuz-*"))
    if not kernels:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no kernel below {KERNEL}")
        pytest.skip("no kernel to boot; .ci/peers gets one")
    initrd = _initrd(kernels[0].name.removeprefix("vmlinuz-"), work)
    drives = [f"file={image},format=raw,if=virtio,readonly=on" for image in images]
    answer = run(
        *("qemu-system-x86_64", "-m", "512", "-nographic", "-no-reboot", "-net", "none"),
        *(
            "-kernel",
            str(_unpacked(kernels[0], work)),
            "-initrd",
            str(initrd),
            "-append",
            "console=ttyS0 quiet panic=1",
        ),
        *(word for drive in drives for word in ("-drive", drive)),
        timeout_s=280,
    ).stdout.replace("\r", "")
    assert "@@ end" in answer, answer[-2000:]
    found: dict[tuple[int, str], dict[str, str]] = {}
    files: dict[str, str] = {}
    for line in answer.splitlines():
        _, is_mark, mark = line.partition("@@ ")
        if is_mark and mark != "end":
            disk, file_system = mark.split()
            files = found.setdefault((ord(disk[-1]) - ord("a"), file_system), {})
        elif file := _FILE.fullmatch(line):
            files[file[2]] = file[1]
    return found


def _unpacked(kernel: Path, work: Path) -> Path:
    """Return the kernel as it is inside the file that boots: the emulator takes long to unpack it."""
    packed = kernel.read_bytes()
    start = packed.find(_XZ)
    if start < 0:
        return kernel
    (work / "vmlinux").write_bytes(lzma.LZMADecompressor().decompress(packed[start:]))
    return work / "vmlinux"


def _initrd(version: str, work: Path) -> Path:
    root = work / "root"
    for folder in ("bin", "modules", "proc", "sys", "dev", "mnt"):
        (root / folder).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin/busybox")
    drivers = _drivers(version)
    for path in drivers.values():
        shutil.copy(path, root / "modules")
    init = root / "init"
    init.write_text(_INIT.replace("{drivers}", " ".join(path.name for path in drivers.values())))
    init.chmod(0o755)
    initrd = work / "initrd"
    with initrd.open("wb") as out:
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        subprocess.run(
            ("cpio", "-o", "-H", "newc"),
            input=names.encode(),
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=root,
            check=True,
        )
    return initrd


def _drivers(version: str) -> Mapping[str, Path]:
    """Return the files of the drivers, those that others need first; what is built in has none."""
    modules = KERNEL / "lib/modules" / version
    files = {path.name.partition(".")[0].replace("-", "_"): path for path in modules.rglob("*.ko*")}
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is None or name in ordered:
            return
        for needed in run("modinfo", "-F", "depends", str(path)).stdout.strip().split(","):
            if needed:
                add(needed)
        ordered[name] = path

    for driver in _DRIVERS:
        add(driver)
    return ordered
