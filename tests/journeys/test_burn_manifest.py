"""`--manifest`: MANIFEST.TXT in the form that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from mediakit.errors import UsageError
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.extract import ExtractOrder, extract
from mediakit.outcome import Outcome
from tests.support.cli import mediakit
from tests.support.media import contents
from tests.support.studies import CT_1, CT_2, burnt_to, folder_of


@pytest.mark.parametrize("name", ["out", "out.iso"])
@pytest.mark.parametrize("depth", [Depth.CHECK, Depth.WRITE])
def test_the_manifest_names_every_other_file_with_its_hash(name: str, depth: Depth, tmp_path: Path) -> None:
    extra = folder_of(tmp_path / "extra", {"README.TXT": b"read me", "VIEW/A.HTM": b"<html>"})
    burnt = burnt_to(tmp_path / name, CT_1, CT_2, add=(extra,), manifest=True, depth=depth)
    assert burnt.result.outcome is Outcome.GOOD
    found = contents(tmp_path / name)
    lines = found.pop("MANIFEST.TXT").decode().splitlines()
    assert lines == [f"{hashlib.sha256(found[line[66:]]).hexdigest()}  {line[66:]}" for line in lines]
    assert sorted(line[66:] for line in lines) == sorted(found)
    assert burnt.plan is not None
    assert "MANIFEST.TXT" in {one.path for one in burnt.plan.extra}


def test_sha256sum_finds_what_was_changed(tmp_path: Path) -> None:
    assert (
        mediakit(
            "burn", "--all-patients", CT_1, "-p", "STD-GEN-CD", "-o", tmp_path / "a.iso", "--manifest"
        ).code
        == 0
    )
    assert extract(tmp_path / "a.iso", ExtractOrder(out=tmp_path / "out")).outcome is Outcome.GOOD
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum")
    check = ["sha256sum", "-c", "MANIFEST.TXT"]
    assert subprocess.run(check, cwd=tmp_path / "out", check=False, capture_output=True).returncode == 0
    with (tmp_path / "out" / "DICOMDIR").open("ab") as stream:
        stream.write(b"x")
    told = subprocess.run(check, cwd=tmp_path / "out", check=False, capture_output=True, text=True)
    assert told.returncode == 1
    assert "DICOMDIR: FAILED" in told.stdout


def test_names_with_a_backslash_or_a_line_break_are_escaped_as_sha256sum_reads_them(tmp_path: Path) -> None:
    extra = folder_of(tmp_path / "extra", {"A\\B\n.TXT": b"odd"})
    burnt_to(tmp_path / "out", CT_1, add=(extra,), manifest=True)
    lines = (tmp_path / "out" / "MANIFEST.TXT").read_bytes().splitlines()
    assert lines[-1] == b"\\" + hashlib.sha256(b"odd").hexdigest().encode() + rb"  A\\B\n.TXT"
    if shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", "-c", "MANIFEST.TXT"], cwd=tmp_path / "out", check=True, capture_output=True
        )


def test_a_file_that_is_added_under_that_name_is_a_wrong_call(tmp_path: Path) -> None:
    extra = folder_of(tmp_path / "extra", {"manifest.txt": b"mine"})
    with pytest.raises(UsageError, match="twice"):
        burnt_to(tmp_path / "out", CT_1, add=(extra,), manifest=True)
    assert not (tmp_path / "out").exists()


def test_the_rehearsal_counts_the_manifest(tmp_path: Path) -> None:
    plain = burnt_to(tmp_path / "a.iso", CT_1, depth=Depth.PLAN)
    more = burnt_to(tmp_path / "a.iso", CT_1, depth=Depth.PLAN, manifest=True)
    assert plain.plan is not None
    assert more.plan is not None
    assert more.plan.total_bytes > plain.plan.total_bytes
