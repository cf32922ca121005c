"""The viewer in Firefox, with its own rule that a page of a file may not read other files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakit.choices import ForPeople, Viewer
from tests.interop.test_viewer_page import DIGESTS, all_types, digest
from tests.support.firefox import Firefox, firefox
from tests.support.studies import SAMPLES, burnt_to
from tests.support.viewer_discs import Disc, stack

pytestmark = pytest.mark.interop

SHOWN = "viewer.active?.decoded && !viewer.active.pending"
PROBLEMS = "document.getElementById('problems').textContent"


@pytest.fixture(name="fox", scope="module")
def _fox() -> Iterator[Firefox]:
    with firefox() as fox:
        yield fox


def test_firefox_gets_each_value_of_each_type_as_it_was_written(fox: Firefox, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    frames = all_types()
    for frame in frames:
        disc.series([frame])
    fox.open(disc.finish())
    fox.until(SHOWN)
    assert fox.eval("return fetch('INDEX.BIN').then(() => 'read', () => 'refused')") == "refused"
    assert fox.eval(f"return {DIGESTS}") == [digest(frame) for frame in frames]


def test_firefox_says_what_is_damaged_and_shows_the_rest_of_a_lower_case_disc(
    fox: Firefox, tmp_path: Path
) -> None:
    page = stack(tmp_path / "a")
    chunk = page.parent / "S0001" / "C00001.BIN"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    for path in sorted(page.parent.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.lower()))
    fox.open(page.with_name("viewer.htm"))
    fox.until(SHOWN)
    states = fox.eval("""const out = [];
      for (const frame of viewer.active.series.frames)
        out.push(await viewer.decode(frame).then(() => 'fine', () => 'damaged'));
      return out;""")
    assert (states.count("fine"), states.count("damaged")) == (11, 1)
    assert "VIEWER/S0001/C00001.BIN" in fox.eval(f"return {PROBLEMS}")


def test_firefox_opens_every_row_of_a_burnt_disc(fox: Firefox, tmp_path: Path) -> None:
    people = ForPeople(viewer=Viewer.FULL)
    burnt_to(tmp_path / "disc", SAMPLES / "mueller_joerg", people=people)
    fox.open(tmp_path / "disc" / "VIEWER" / "VIEWER.HTM")
    fox.until(SHOWN)
    rows = fox.eval("return document.querySelectorAll('#list .row').length")
    assert rows >= 12
    for row in range(rows):
        fox.eval(f"document.querySelectorAll('#list .row')[{row}].click()")
        fox.until(f"({SHOWN}) || viewer.active.box.querySelector('.doc') || !viewer.active.said.hidden")
    assert fox.eval(f"return {PROBLEMS}") == ""
