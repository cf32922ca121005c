"""The Linux kernel reads every kind of image that we write, file by file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.cli import mediakit
from tests.support.kernel_read import kernel_read
from tests.support.media import contents

pytestmark = pytest.mark.interop

_STUDIES = Path(__file__).parents[2] / "samples/studies"
_JOLIET = "joliet"
# profile, format, the file system of the kernel that must read it
_KINDS = (
    ("STD-GEN-CD", "", "iso9660"),
    ("STD-GEN-CD", _JOLIET, "iso9660"),
    ("STD-GEN-DVD-JPEG", "", "iso9660"),
    ("STD-GEN-BD-JPEG", "udf-2.60", "udf"),
    ("STD-GEN-BD-JPEG", "udf-2.50", "udf"),
    ("STD-GEN-DVD-JPEG", "udf-1.02", "udf"),
    ("STD-GEN-DVD-JPEG", "udf-2.01", "udf"),
    ("STD-GEN-DVD-RAM", "udf-1.50", "udf"),
)


def test_the_linux_kernel_reads_every_file_of_every_kind_of_image(tmp_path: Path) -> None:
    images = []
    for number, (profile, form, _) in enumerate(_KINDS):
        images.append(tmp_path / f"{number}.iso")
        options = ("--joliet",) if form == _JOLIET else ("--format", form) if form else ()
        burnt = mediakit(
            "burn", "--all-patients", str(_STUDIES), "-p", profile, "-o", str(images[-1]), *options
        )
        assert burnt.code == 0, burnt
    found = kernel_read(images, tmp_path / "boot")
    for number, (profile, form, file_system) in enumerate(_KINDS):
        ours = _hashes(images[number])
        assert len(ours) > 30
        if file_system == "iso9660" and form != _JOLIET:  # shown in lower case without Rock Ridge and Joliet
            ours = {path.lower(): sha256 for path, sha256 in ours.items()}
        assert found.get((number, file_system)) == ours, (profile, sorted(found))


def _hashes(image: Path) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in contents(image).items()}
