"""The short form of `make faults`: some imports, burns and updates that go wrong, by seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.trials import trials


@pytest.mark.takes_long
def test_whatever_goes_wrong_in_an_import_a_burn_or_an_update_nothing_is_lost_or_half_written(
    tmp_path: Path,
) -> None:
    imports, changes = trials(range(20), range(8), seed=13, notes=tmp_path)
    assert [one for one in (*imports, *changes) if one.wrong] == []
    assert (len(imports), len(changes)) == (20, 8)
    assert trials(range(20), range(8), seed=13, notes=tmp_path) == [imports, changes]  # nothing is done twice
