"""A DICOMDIR made of instances with hostile values, as DCMTK and dciodvfy read it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mediakit.journeys.burn_order import Depth
from mediakit.outcome import Outcome
from tests.support.hostile_values import changes, sources, write
from tests.support.peers import need, run
from tests.support.studies import burnt_to

pytestmark = pytest.mark.interop

# Errors of dciodvfy that are about the bytes of values; it has other ones, about what a record should hold.
ABOUT_VALUES = ("Value invalid for this VR", "Length invalid", "Bad attribute Value Multi")
#: It knows none of these. Of UTF-8 it counts bytes as characters, and takes values for too long.
UNKNOWN_TO_DCIODVFY = ("ISO_IR 13", "GBK", "ISO 2022 IR 13")


@settings(
    max_examples=40,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.integers(0, len(sources()) - 1), st.lists(changes(), min_size=1, max_size=2))
def test_peers_find_only_legal_values_in_what_is_burnt(which: int, mutated: list[dict[int, bytes]]) -> None:
    need("dciodvfy", "dcmdump")
    with tempfile.TemporaryDirectory() as folder:
        root, new = Path(folder, "in"), Path(folder, "new")
        root.mkdir()
        write(root, which, mutated)
        if burnt_to(new, root, depth=Depth.WRITE).result.outcome is Outcome.GOOD:
            _judge(new)


def _judge(new: Path) -> None:
    dumped = run("dcmdump", str(new / "DICOMDIR"))
    assert dumped.returncode == 0, dumped.stderr
    assert dumped.stdout.count("DirectoryRecordType") >= 4
    judged = run("dciodvfy", str(new / "DICOMDIR"))
    if not any(f"[{charset}" in dumped.stdout for charset in UNKNOWN_TO_DCIODVFY):
        errors = [line for line in judged.stderr.splitlines() if line.startswith("Error")]
        if "[ISO_IR 192]" in dumped.stdout:
            errors = [line for line in errors if "Length invalid" not in line]
        assert [line for line in errors if any(text in line for text in ABOUT_VALUES)] == []
