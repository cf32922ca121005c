"""The Linux kernel reads every kind of image that we write, file by file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.cli import mediakit
from tests.support.kernel_read import kernel_read
from tests.support.media import contents, nodes
from tests.support.studies import folder_of

pytestmark = pytest.mark.interop

_STUDIES = Path(__file__).parents[2] / "samples/studies"
_JOLIET, _NAMES = "joliet", "other names"
_ODD = {
    "Read me.html": b"hello",
    "Weasis viewer/RUN.sh": b"#!/bin/sh",
    "Weasis viewer/Übersicht 漢字.txt": b"",
    "Weasis viewer/" + "漢" * 80: b"long",
}
# profile, format, the file system of the kernel that must read it
_KINDS = (
    ("STD-GEN-CD", "", "iso9660"),
    ("STD-GEN-CD", _JOLIET, "iso9660"),
    ("STD-GEN-CD", _NAMES, "iso9660"),
    ("STD-GEN-DVD-JPEG", "", "iso9660"),
    ("STD-GEN-BD-JPEG", "udf-2.60", "udf"),
    ("STD-GEN-BD-JPEG", "udf-2.50", "udf"),
    ("STD-GEN-DVD-JPEG", "udf-1.02", "udf"),
    ("STD-GEN-DVD-JPEG", "udf-2.01", "udf"),
    ("STD-GEN-DVD-RAM", "udf-1.50", "udf"),
)
_STICKS = (
    ("STD-GEN-USB-JPEG", "--viewer", "full"),
    ("STD-GEN-USB-JPEG", "--viewer", "none", "--capacity", "4GB"),
    ("STD-GEN-CF-JPEG", "--viewer", "none", "--capacity", "64MB", "--unpartitioned"),
    ("STD-GEN-MMC-JPEG", "--viewer", "none"),
    ("STD-GEN-SD-JPEG", "--viewer", "none", "--capacity", "3GB"),
)


@pytest.mark.takes_long
def test_the_linux_kernel_reads_every_file_of_every_kind_of_image(tmp_path: Path) -> None:
    images = []
    odd = folder_of(tmp_path / "odd", _ODD)
    asked = {"": (), _JOLIET: ("--joliet",), _NAMES: ("--add", str(odd))}
    for number, (profile, form, _) in enumerate(_KINDS):
        images.append(tmp_path / f"{number}.iso")
        options = asked.get(form, ("--format", form))
        burnt = mediakit(
            *("burn", "--all-patients", str(_STUDIES), "--viewer", "none", "-p", profile),
            *("-o", str(images[-1]), *options),
        )
        assert burnt.code == 0, burnt
    for number, (profile, *more) in enumerate(_STICKS, len(images)):
        images.append(tmp_path / f"{number}.img")
        burnt = mediakit("burn", "--all-patients", _STUDIES, "-p", profile, *more, "-o", images[-1])
        assert burnt.code == 0, burnt
    found = kernel_read(images, tmp_path / "boot")  # one boot for all: it takes longest
    for number, (profile, form, file_system) in enumerate(_KINDS):
        ours = _hashes(images[number])
        assert len(ours) > 30
        if form == _NAMES:
            assert _ODD.keys() < ours.keys()
            assert found.get((number, "joliet")) == ours
        if file_system == "iso9660" and not form:  # shown in lower case without Rock Ridge and Joliet
            ours = {path.lower(): sha256 for path, sha256 in ours.items()}
        assert found.get((number, file_system)) == ours, (profile, sorted(found))
    for number, stick in enumerate(_STICKS, len(_KINDS)):
        assert found.get((number, "vfat")) == _hashes(images[number]), (stick, sorted(found))


def _hashes(image: Path) -> dict[str, str]:
    real = {node.path: node.also[0] for node in nodes(image) if node.also}
    return {
        real.get(path, path): hashlib.sha256(content).hexdigest() for path, content in contents(image).items()
    }
