"""Several media of one burn, as foreign programs read them: each alone is a whole file-set."""

from __future__ import annotations

import os
from pathlib import Path

import pydicom
import pytest

from mediakit.outcome import Outcome, State
from tests.support.peers import need, run
from tests.support.studies import SAMPLES, burnt_to

pytestmark = pytest.mark.interop


def test_each_medium_is_read_by_itself_and_together_they_hold_everything(tmp_path: Path) -> None:
    need("xorriso", "isoinfo", "dcmdump")
    burnt = burnt_to(tmp_path / "disc.iso", SAMPLES, span=True, capacity="1500kB")
    assert burnt.result.outcome is Outcome.GOOD
    uids: list[str] = []
    for number, one in enumerate(burnt.media, 1):
        image, folder = Path(one.target), tmp_path / f"medium{number}"
        assert f"Volume id: DICOM_{number}" in run("isoinfo", "-d", "-i", str(image)).stdout
        done = run("xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(folder))
        assert done.returncode == 0, done.stderr
        for found in (folder, *folder.rglob("*")):
            os.chmod(found, 0o755 if found.is_dir() else 0o644)  # noqa: PTH101 - links are none of these
        told = run("dcmdump", "+P", "0004,1511", "+P", "0004,1130", str(folder / "DICOMDIR"))
        assert told.returncode == 0, told.stderr
        assert f"[DICOM_{number}]" in told.stdout
        assert told.stdout.count("(0004,1511)") == one.instances
        records = pydicom.dcmread(folder / "DICOMDIR").DirectoryRecordSequence
        names = [record.ReferencedFileID for record in records if "ReferencedFileID" in record]
        assert len(names) == one.instances
        uids += [
            str(pydicom.dcmread(folder.joinpath(*name), stop_before_pixels=True).SOPInstanceUID)
            for name in names
        ]
    written = {
        fate.sop_instance for fate in burnt.result.fates if fate.state in {State.WRITTEN, State.CONVERTED}
    }
    assert len(uids) == len(set(uids))
    assert set(uids) == written
