"""The viewer at its limits: reduced images, a very large one, very many series, no mouse, forced colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mediakit.choices import ForPeople, Viewer
from mediakit.journeys.burn_order import Depth
from tests.support.browser import Page
from tests.support.studies import CR, altered, burnt_to
from tests.support.viewer import ViewerFolder
from tests.support.viewer_discs import SHOWN, Disc, axial, phantom, stack

pytestmark = pytest.mark.interop


def test_a_preview_is_measured_in_original_pixels(tab: Page, tmp_path: Path) -> None:
    rows, columns = 2100, 1500
    pixels = (np.arange(rows * columns) % 4096).astype("<u2").tobytes()
    facts = {"Rows": rows, "Columns": columns, "PixelData": pixels, "PixelSpacing": [0.2, 0.2]}
    altered(CR, tmp_path / "in" / "cr.dcm", **facts)
    out = tmp_path / "disc"
    burnt_to(out, tmp_path / "in", people=ForPeople(viewer=Viewer.PREVIEW))
    (row,) = ViewerFolder(out).rows("S0001")
    assert (row["reduced"], row["rows"], row["columns"]) == (3, rows, columns)
    tab.open(out / "VIEWER" / "VIEWER.HTM")
    tab.until(SHOWN)
    assert tab.eval("viewer.active.series.frames[0].reduced") == 3
    length = "viewer.markText(viewer.active, {kind: 'length', points: [[0, 0], [500, 0]]})[0]"
    assert "100" in tab.eval(length)
    decoded = "viewer.decode(viewer.active.series.frames[0])"
    assert tab.eval(f"{decoded}.then((one) => one.values.length)") == -(-rows // 3) * -(-columns // 3)


def test_an_image_of_twenty_million_pixels_is_shown_value_by_value(tab: Page, tmp_path: Path) -> None:
    y, x = np.mgrid[:5120, :4096]
    frame = ((x * 3 + y) % 4096).astype("<u2")
    altered(CR, tmp_path / "in" / "mg.dcm", Rows=5120, Columns=4096, PixelData=frame.tobytes())
    people = ForPeople(viewer=Viewer.FULL)
    burnt_to(tmp_path / "disc", tmp_path / "in", depth=Depth.WRITE, people=people)
    tab.open(tmp_path / "disc" / "VIEWER" / "VIEWER.HTM")
    tab.until(SHOWN, 60)
    total = (
        "viewer.decode(viewer.active.series.frames[0]).then((one) => one.values.reduce((a, b) => a + b, 0))"
    )
    assert tab.eval(total) == int(frame.sum(dtype=np.int64))


def test_twenty_thousand_series_do_not_keep_the_first_image_waiting(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    disc.series(phantom(2), meta=axial(2))
    rows = disc.patients[0]["studies"][0]["series"]
    rows += [rows[0] | {"key": f"S{n:04d}", "thumbnail": ""} for n in range(2, 20_001)]
    tab.open(disc.finish())
    tab.until(SHOWN, 60)
    assert tab.eval("viewer.disc.patients[0].studies[0].series.length") == 20_000
    tab.until(
        "document.querySelectorAll('#list .row').length > 500", 60
    )  # the others follow while it is used
    tab.key("End")
    tab.until("viewer.active.index === 1 && !viewer.active.pending")


def test_without_a_mouse_and_with_forced_colours_all_is_reached_and_marked(tab: Page, tmp_path: Path) -> None:
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    tab.open(stack(tmp_path))
    tab.until(SHOWN)
    reached = set()
    for _ in range(60):
        tab.key("Tab")
        reached.add(tab.eval("document.activeElement.id || document.activeElement.className"))
    buttons = set(
        tab.eval("[...document.querySelectorAll('#bar button:not(:disabled)')].map((one) => one.id)")
    )
    assert buttons <= reached
    assert any("row" in one.split() for one in reached)
    outline = "getComputedStyle(document.querySelector('[aria-current=true]')).borderTopWidth"
    assert tab.eval(outline) == "3px"
    assert tab.log == []
