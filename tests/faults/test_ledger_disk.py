"""A ledger on a full disk, and one of any bytes: said with the cause and what to do, whatever asks for it."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.support.cli import limited, mediakit
from tests.support.people import Person, medium_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no limits on files here")
ANNA = Person(patient_id="1", name="A^B", birth_date="19700101", sex="F")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    return medium_of(tmp_path / "cd", [ANNA], instances=30)


def test_an_import_whose_ledger_has_no_room_says_so_and_can_be_gone_on_with(
    tmp_path: Path, medium: Path, state: Path
) -> None:
    for size in (0, 4_000, 20_000, 33_000, 40_000, 60_000):
        there = f"dir:{tmp_path / f'there{size}'}"
        said = limited(size, "import", medium, there)
        assert said.code == 2, (size, said)
        assert "--state" in said.err, (size, said)
        again = mediakit("import", medium, there, "--resume")
        assert again.code == 0, (size, again)
    assert mediakit("job", "list").code == 0
    assert state.is_dir()


def test_a_job_that_had_no_room_for_what_it_was_to_do_can_be_tried_again(
    tmp_path: Path, medium: Path, state: Path
) -> None:
    there = f"dir:{tmp_path / 'there'}"
    for size in range(16_000, 60_000, 2_000):
        limited(size, "import", medium, there)
        jobs = [path.stem for path in state.glob("jobs/*.sqlite")]
        if jobs:
            break
    assert mediakit("job", "retry", jobs[0]).code == 0
    assert len(list((tmp_path / "there").rglob("*.dcm"))) == 30


def test_a_ledger_of_any_bytes_is_damaged_and_harms_no_other_job(
    tmp_path: Path, medium: Path, state: Path
) -> None:
    there = f"dir:{tmp_path / 'there'}"
    assert mediakit("import", medium, there).code == 0
    (ledger,) = state.glob("jobs/*.sqlite")
    sound, chance = ledger.read_bytes(), random.Random(5)  # noqa: S311 - no secret
    wrong = []
    for content in (
        b"",
        chance.randbytes(50),
        chance.randbytes(9_000),
        sound[:100] + chance.randbytes(9_000),
    ):
        ledger.write_bytes(content)
        for what in ("show", "report", "retry"):
            said = mediakit("job", what, ledger.stem)
            if said.code != 3 or "the ledger is damaged" not in said.err or "hint: " not in said.err:
                wrong.append((content[:8], what, said))
        listed = mediakit("job", "list")
        if listed.code != 0 or f"{ledger.stem}  cannot be read" not in listed.out:
            wrong.append((content[:8], "list", listed))
        assert mediakit("import", medium, there, "--resume").code == 0
    assert wrong == []
