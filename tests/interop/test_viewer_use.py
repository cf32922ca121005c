"""The viewer as a person uses it: mouse, wheel and keys, measures, planes, states, several patients."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.browser import Page
from tests.support.viewer_discs import SHOWN, Disc, axial, blob, chunk, phantom, stack

pytestmark = pytest.mark.interop

CONTRASTS = """(() => { const style = getComputedStyle(document.documentElement);
  const of = (name) => { const hex = style.getPropertyValue(name).trim().slice(1);
    const full = hex.length === 3 ? [...hex].map((c) => c + c).join("") : hex;
    const [r, g, b] = [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16) / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => (Math.max(of(a), of(b)) + 0.05) / (Math.min(of(a), of(b)) + 0.05);
  const pairs = ["fg bg", "fg box", "fg on", "mark box", "mark bg", "bad box", "bad bg"];
  return pairs.map((pair) => ratio(...pair.split(" ").map((name) => `--${name}`))); })()"""


def row_of(tab: Page, number: int, then: str = SHOWN) -> None:
    """Choose a row of the list, and wait."""
    tab.eval(f"document.querySelectorAll('#list .row')[{number}].click()")
    tab.until(then)


def state_of(tab: Page, expression: str) -> Any:
    """Return a property of the active view."""
    return tab.eval(f"viewer.active.{expression}")


def test_several_patients_are_a_choice_and_never_stand_side_by_side(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    for name in ("Muster^Eva", "試験^花子"):
        disc.patient(name, id=name[:2])
        disc.series(phantom(2), meta=axial(2))
    tab.open(disc.finish())
    tab.until("document.querySelectorAll('#choose button').length === 2")
    assert tab.eval("viewer.patient === null && viewer.views.length === 0")
    assert "Muster" not in tab.eval("document.title")
    tab.key("Enter")
    tab.until(SHOWN)
    tab.key("2")
    assert "Muster Eva" in tab.eval("viewer.active.box.ariaLabel")
    tab.eval("document.getElementById('patients').click()")
    assert tab.eval("viewer.views.every((view) => view.series === null && view.decoded === null)")
    tab.eval("document.querySelectorAll('#choose button')[1].click()")
    tab.until(SHOWN)
    assert tab.eval("document.querySelectorAll('#list .row').length") == 1
    assert "Muster" not in tab.eval(
        "document.body.innerText + viewer.views.map((view) => view.box.ariaLabel)"
    )


def test_a_stack_is_read_and_windowed_by_wheel_mouse_and_keys(tab: Page, tmp_path: Path) -> None:
    tab.open(stack(tmp_path))
    tab.until(SHOWN)
    for press, index in (("ArrowDown", 7), ("PageUp", 0), ("End", 11), ("Home", 0)):
        tab.key(press)
        tab.until(f"viewer.active.index === {index} && !viewer.active.pending")
    tab.mouse("mouseWheel", 700, 400, deltaX=0, deltaY=120)
    tab.until("viewer.active.index === 1")
    assert state_of(tab, "window") == {"c": 40, "w": 400, "name": "soft", "fn": "LINEAR"}
    tab.key("]")
    assert state_of(tab, "window.c") == -600
    tab.drag((700, 400), (760, 430))
    assert state_of(tab, "choice") == "own"
    assert state_of(tab, "window.w") > 1500
    tab.eval("(() => { const box = document.getElementById('width'); box.value = '123';"
             " box.dispatchEvent(new Event('change')); })()")  # fmt: skip
    tab.key("ArrowDown")
    tab.until("viewer.active.index === 2 && viewer.active.window.w === 123")
    for press in ("r", "f", "i", "+"):
        tab.key(press)
    assert tab.eval("[viewer.active.turn, viewer.active.flip, viewer.active.inverted]") == [90, True, True]
    tab.key("0")
    assert tab.eval("[viewer.active.turn, viewer.active.zoom, viewer.active.window.w]") == [0, 1, 400]
    tab.key("c")
    tab.until("viewer.active.index >= 5")
    assert tab.eval("document.getElementById('do-cine').ariaPressed") == "true"
    tab.key("c")


def test_measures_have_the_unit_that_the_image_gives_and_no_other(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    frame = phantom(1)[0]
    region = {"box": [0, 0, 30, 30], "delta": [0.5, 0.25], "unit": ["mm", "mm"]}
    for meta in (
        {"spacing": [0.5, 0.25], "spacing_kind": "patient", "unit": "HU", "intercept": -1024},
        {"spacing": [0.5, 0.25], "spacing_kind": "detector"},
        {"spacing": [0.5, 0.25], "spacing_kind": "none"},
        {"regions": [region], "spacing": [9, 9], "spacing_kind": "patient"},
        {"regions": [region | {"unit": ["s", "mm"]}]},
    ):
        disc.series([frame], meta=meta)
    tab.open(disc.finish())
    tab.until(SHOWN)
    told = []
    for number in range(5):
        row_of(tab, number, f"{SHOWN} && viewer.active.series.home === 'S000{number + 1}'")
        told.append(
            tab.eval("""[[[4, 4], [16, 20]], [[4, 4], [60, 4]]].map((points) =>
              viewer.markText(viewer.active, {kind: "length", points})[0])""")
        )
    assert told == [
        ["8.5 mm", "14 mm"],
        ["8.5 mm at the detector", "14 mm at the detector"],
        ["20 px", "56 px"],
        ["7.2 mm", "56 px"],
        ["20 px", "56 px"],
    ]
    row_of(tab, 0, f"{SHOWN} && viewer.active.series.home === 'S0001'")
    y, x = np.mgrid[:64, :64] + 0.5
    inside = frame[((x - 32) / 12) ** 2 + ((y - 30) / 10) ** 2 <= 1].astype(float) - 1024
    found = tab.eval("viewer.statistics(viewer.active.frame, viewer.active.decoded, [[20, 20], [44, 40]])")
    assert found["count"] == inside.size
    assert [found["mean"], found["sd"]] == pytest.approx([inside.mean(), inside.std(ddof=1)])
    tab.key("a")
    for at in ((600, 300), (600, 400), (700, 400)):
        tab.mouse("mousePressed", *at, buttons=1)
        tab.mouse("mouseReleased", *at)
    assert tab.eval("viewer.markText(viewer.active, viewer.active.frame.marks.at(-1))") == ["90°"]
    tab.key("l")
    for press in ("Enter", "ArrowLeft", "Enter", "ArrowRight", "ArrowRight", "Enter"):
        tab.key(press)
    assert tab.eval("viewer.markText(viewer.active, viewer.active.frame.marks.at(-1))") == ["0.5 mm"]


def test_letters_follow_the_picture_and_planes_cut_where_they_meet(tab: Page, tmp_path: Path) -> None:
    tab.open(stack(tmp_path))
    tab.until(SHOWN)
    letters = [
        tab.eval(f"viewer.letters({list(one)})")
        for one in ((1, 0, 0), (0, -1, 0), (0, 0, 1), (0.7, 0.1, -0.6))
    ]
    assert letters == ["L", "A", "H", "LF"]
    cut = tab.eval("""viewer.scoutLine(
      {at: [-32, 0, 60], x: [1, 0, 0], y: [0, 0, -1], n: [0, 1, 0], dx: 1, dy: 1, w: 64, h: 60},
      {at: [-32, -32, 10], x: [1, 0, 0], y: [0, 1, 0], n: [0, 0, 1], dx: 1, dy: 1, w: 64, h: 64})""")
    assert sorted(cut) == [[0.5, 32.5], [63.5, 32.5]]


def test_other_planes_hold_the_values_of_the_stack_and_uneven_stacks_have_none(
    tab: Page, tmp_path: Path
) -> None:
    frames = phantom(12)
    disc = Disc(tmp_path)
    disc.patient()
    disc.series(frames, meta=axial(12))
    uneven = axial(12)
    uneven["each"][5]["position"][2] += 1
    disc.series(frames, meta=uneven)
    tilted = axial(12)
    for number, one in enumerate(tilted["each"]):
        one["position"][1] += number
    disc.series(frames, meta=tilted)
    tab.open(disc.finish())
    tab.until(SHOWN)
    tab.key("x")
    tab.until("viewer.views.filter((view) => view.decoded).length === 3")
    cut = tab.eval("""(async () => { const frames = viewer.views[1].series.frames;
      const { pos, ori, spacing } = frames[20];
      return [[...(await viewer.decode(frames[20])).values], pos, ori, spacing]; })()""")
    volume = np.stack(frames)[::-1]
    assert np.array_equal(np.array(cut[0]).reshape(12, 64), volume[:, 20, :])
    assert cut[1:] == [[-16, -6, 22], [1, 0, 0, 0, 0, -1], [2, 0.5]]
    tab.key("k")
    tab.key("1")
    for number, text in ((1, "not evenly spaced"), (2, "tilted")):
        row_of(tab, number, f"{SHOWN} && viewer.active.series.home === 'S000{number + 1}'")
        tab.key("x")
        assert text in state_of(tab, "said.textContent")
        assert tab.eval("viewer.views.length") == 1


def test_presentation_states_and_segments_are_shown_when_they_are_chosen(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    disc.series(
        phantom(4), meta=axial(4), presentations=[["S0002", 0]], overlays=[["S0003", 0], ["S0004", 0]]
    )
    shown = {
        "on": [["S0001", 1]],
        "window": [100, 200],
        "function": "LINEAR",
        "voi_lut": None,
        "invert": True,
        "rotate": 90,
    }
    shown |= {
        "flip": False,
        "area": None,
        "shutter": [{"shape": "circle", "center": [32, 32], "radius": 9, "gray": 0}],
    }
    shown |= {
        "graphics": [
            {"layer": "A", "unit": "pixel", "type": "polyline", "points": [1, 1, 9, 9], "filled": False}
        ]
    }
    disc.document({"kind": "presentation", "title": "Marked", "layers": [], "images": [shown]})
    mask = {"segment": 1, "on": ["S0001", 3], "rows": 64, "columns": 64, "runs": [640, 64, 64, 10]}
    label = {"number": 1, "label": "Liver", "colour": [200, 80, 0]}
    disc.document(
        {"kind": "segmentation", "title": "SEG", "missing": 0, "segments": [label], "masks": [mask]}
    )
    ring = {"structure": 1, "on": ["S0001", 0], "points": [1, 1, 9, 1, 5, 9], "closed": True}
    name = {"number": 1, "name": "PTV", "colour": [0, 255, 0]}
    disc.document({"kind": "contours", "title": "RT", "missing": 0, "structures": [name], "contours": [ring]})
    tab.open(disc.finish())
    tab.until(SHOWN)
    tab.until("document.querySelectorAll('#layers input').length === 2")
    assert state_of(tab, "state") is None
    assert state_of(tab, "window.c") == 40
    assert tab.eval("[...document.querySelectorAll('#layers input')].map((box) => box.checked)") == [
        False,
        False,
    ]
    row_of(tab, 1, f"{SHOWN} && viewer.active.state")
    assert tab.eval("[viewer.active.index, viewer.active.turn, viewer.active.window.c]") == [1, 90, 100]
    tab.key("0")
    assert tab.eval("[viewer.active.state, viewer.active.turn, viewer.active.window.c]") == [None, 0, 40]
    row_of(tab, 2, f"{SHOWN} && viewer.active.index === 3 && viewer.active.frame.layers?.length")
    assert tab.eval("viewer.active.frame.layers[0].rects") == [[0, 10, 64, 1], [0, 12, 10, 1]]
    row_of(tab, 3, f"{SHOWN} && viewer.active.index === 0 && viewer.active.frame.layers?.length")
    assert tab.eval("[...document.querySelectorAll('#layers input')].map((box) => box.checked)") == [
        True,
        True,
    ]
    assert tab.log == []


def test_what_cannot_be_shown_has_a_row_and_a_reason(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    disc.series(
        phantom(2), meta=axial(2) | {"each": [{"at": None, "why": {"code": "undecodable", "text": "x"}}, {}]}
    )
    disc.document({"kind": "other", "title": "Plan", "why": {"code": "unsupported", "text": "x"}})
    disc.document({"kind": "pdf", "title": "Letter"}, beside="S0003/D00000.PDF")
    curve = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/>"
    disc.document({"kind": "ecg", "title": "ECG", "svg": curve, "leads": ["I", "V1"], "seconds": 10})
    tab.open(disc.finish(), "?lang=fr")
    tab.until(SHOWN)
    tab.key("Home")
    tab.until("viewer.active.said.textContent.includes('décodée')")
    rows = tab.eval(
        "[...document.querySelectorAll('#list .row')].map((row) => row.innerText.replace(/\\s+/g, ' '))"
    )
    assert "ne peut être affiché ici" in rows[1]
    assert "Cette page ne peut afficher" in rows[1]
    row_of(tab, 2, "document.querySelector('.doc a') !== null")
    link = "document.querySelector('.doc a')"
    assert tab.eval(f"[{link}.href, {link}.target, {link}.rel]") == [
        (tmp_path / "VIEWER/S0003/D00000.PDF").as_uri(),
        "_blank",
        "noopener noreferrer",
    ]
    row_of(tab, 3, "document.querySelector('.doc img')?.complete")
    assert tab.eval("document.querySelector('.doc img').alt") == "ECG: I, V1"


def test_thousands_of_series_are_listed_and_one_that_is_damaged_is_said(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    disc.series(phantom(2), meta=axial(2))
    rows = disc.patients[0]["studies"][0]["series"]
    rows += [rows[0] | {"key": f"S{n:04d}", "description": f"Series {n}"} for n in range(2, 3_001)]
    tab.open(disc.finish())
    tab.until(SHOWN)
    tab.until("document.querySelectorAll('#list .row').length === 3000", 30)
    row_of(tab, 2_999, "viewer.active.said.textContent.includes('S3000/META.BIN')")
    row_of(tab, 0)


def test_the_page_fits_a_small_window_and_names_all_it_offers(tab: Page, tmp_path: Path) -> None:
    tab.open(stack(tmp_path))
    tab.until(SHOWN)
    tab.size(320, 256, 4)  # 1280 x 1024 at 400 %
    assert tab.eval("document.documentElement.scrollWidth <= innerWidth")
    tab.size(390, 844, 2)  # a phone
    assert tab.eval("document.documentElement.scrollWidth <= innerWidth")
    box = tab.eval("viewer.active.box.getBoundingClientRect().toJSON()")
    assert box["height"] > 400
    assert box["bottom"] <= 844
    tab.size(320, 256, 4)
    unnamed = """[...document.querySelectorAll("button, select, input, a")]
      .filter((one) => one.checkVisibility())
      .filter((one) => !one.textContent.trim() && !one.labels?.[0]?.textContent.trim() && !one.ariaLabel)
      .map((one) => one.outerHTML)"""
    assert tab.eval(unnamed) == []
    small = """[...document.querySelectorAll("button, select")].filter((one) => one.checkVisibility())
      .filter((one) => one.getBoundingClientRect().height < 44).length"""
    assert tab.eval(small) == 0
    for theme in ("light", "dark"):
        tab.eval(f"document.documentElement.dataset.theme = '{theme}'")
        assert min(tab.eval(CONTRASTS)) >= 4.5


def test_two_fingers_zoom_and_one_scrolls_with_the_tool_for_it(tab: Page, tmp_path: Path) -> None:
    tab.open(stack(tmp_path))
    tab.until(SHOWN)
    tab.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=at)

    for kind, left, right in (("touchStart", 600, 700), ("touchMove", 550, 750), ("touchMove", 500, 800)):
        touch(kind, (left, 400), (right, 400))
    touch("touchEnd")
    assert tab.eval("viewer.active.zoom") == pytest.approx(3, abs=0.1)
    tab.key("0")
    tab.key("s")
    before = tab.eval("viewer.active.index")
    for kind, y in (("touchStart", 300), ("touchMove", 400), ("touchMove", 500)):
        touch(kind, (600, y))
    touch("touchEnd")
    tab.until(f"viewer.active.index > {before}")


def test_an_overlay_is_drawn_where_it_lies_and_a_damaged_one_leaves_its_image(
    tab: Page, tmp_path: Path
) -> None:
    bits = np.zeros((4, 10), np.uint8)
    bits[1, 3:7] = bits[2, 0] = bits[3, 9] = 1
    packed = zlib.compress(np.packbits(bits.ravel(), bitorder="little").tobytes())
    disc = Disc(tmp_path)
    disc.patient()
    frame = phantom(1)[0]
    image = blob(frame)[1]
    overlay = {"label": "Scale", "rows": 4, "columns": 10, "x": 5, "y": 6, "at": [0, len(image), len(packed)]}
    key = disc.series([frame], meta={"overlays": [overlay, overlay | {"at": [0, 3, 9]}]})
    disc.write(f"{key}/C00000.BIN", chunk(key, 0, [image, packed]))
    tab.open(disc.finish())
    tab.until(SHOWN)
    tab.until("viewer.active.frame.layers?.length === 1")
    layer = tab.eval("viewer.active.frame.layers[0]")
    assert [layer["rects"], layer["x"], layer["y"]] == [[[3, 1, 4], [0, 2, 1], [9, 3, 1]], 5, 6]
    assert "S0001/C00000.BIN" in tab.eval("document.getElementById('problems').innerText")
