"""Writing sticks through real block devices: loop devices, for which one has to be root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cli import mediakit
from tests.support.peers import need, run
from tests.support.people import Person, medium_of
from tests.support.terminal import answered

ANNA = Person(patient_id="1", name="A^B", birth_date="19700101", sex="F")


@contextmanager
def loop_device(backing: Path) -> Iterator[str]:
    """Give a block device with the bytes of a file."""
    if os.geteuid() != 0 or shutil.which("losetup") is None:
        pytest.skip("loop devices need root and losetup")
    made = run("losetup", "-f", "--show", str(backing))
    if made.returncode:
        pytest.skip(f"no loop devices here: {made.stderr.strip()}")
    try:
        yield made.stdout.strip()
    finally:
        subprocess.run(["losetup", "-d", made.stdout.strip()], check=False)


def test_a_stick_is_written_over_an_earlier_use_and_read_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))
    source, backing = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "stick"
    backing.write_bytes(b"\xee" * (64 << 20))
    with loop_device(backing) as device:
        order = ("burn", source, "-p", "STD-GEN-USB-JPEG", "--device", device)
        said = mediakit(*order)
        assert said.code == 2
        assert "not a removable device" in said.err
        assert answered(("yes",), *order).code == 2, "a fixed disk is not erased for an answer"
        assert backing.read_bytes() == b"\xee" * (64 << 20)
        said = mediakit(*order, "--yes-erase", "--json")
        assert said.code == 0, said.err
        assert said.document["figures"]["capacity_bytes"] == 64 << 20
        assert "every byte equal" in said.document["figures"]["proof"]
        assert mediakit("validate", device, "-p", "STD-GEN-USB-JPEG").code == 0
    need("fsck.fat", "mdir")
    (tmp_path / "partition").write_bytes(backing.read_bytes()[1 << 20 :])
    assert run("fsck.fat", "-n", str(tmp_path / "partition")).returncode == 0
    assert "DICOMDIR" in run("mdir", "-i", f"{backing}@@1M", "::").stdout


def test_an_image_is_put_on_a_stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))
    source, backing, image = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "stick", tmp_path / "a.img"
    assert mediakit("burn", source, "-p", "STD-GEN-USB-JPEG", "--capacity", "40MB", "-o", image).code == 0
    for size, code in ((64 << 20, 0), (20 << 20, 4)):
        backing.write_bytes(b"\xee" * size)
        with loop_device(backing) as device:
            said = mediakit("disc", "burn", image, "--device", device, "--yes-erase")
            assert said.code == code, said.err
            if code:
                assert "larger than the stick" in said.err
                assert backing.read_bytes() == b"\xee" * size
    assert mediakit("disc", "burn", image, "--device", "/dev/null", "--yes-erase").code == 2
