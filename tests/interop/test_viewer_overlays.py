"""Presentation states, segments and contours of real burns in a browser: which pixels are drawn."""

from __future__ import annotations

import subprocess
from base64 import b64decode
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from mediakit.choices import ForPeople, Viewer
from mediakit.dicom.attributes import Attributes
from mediakit.extras.viewer.atlas import Atlas
from mediakit.extras.viewer.render import windowed
from mediakit.extras.viewer.states import presentation
from mediakit.outcome import Outcome
from tests.support.browser import Page
from tests.support.overlay_files import (
    COLUMNS,
    ROWS,
    Study,
    contour,
    corner_of,
    frame_group,
    in_patient,
    item,
    named_in,
)
from tests.support.peers import need
from tests.support.studies import burnt_to
from tests.support.viewer_discs import SHOWN

pytestmark = pytest.mark.interop

_PIXELS = f"""(() => {{ const view = viewer.active, out = [];
  view.zoom = 0.6;  // away from the texts in the corners
  view.draw();
  const m = view.matrix(), context = view.canvas.getContext("2d");
  for (let y = 0; y < {ROWS}; y++) for (let x = 0; x < {COLUMNS}; x++) {{
    const p = m.transformPoint(new DOMPoint(x + 0.5, y + 0.5));
    out.push([...context.getImageData(Math.floor(p.x), Math.floor(p.y), 1, 1).data].slice(0, 3)); }}
  return out; }})()"""
_LABEL = "viewer.active.box.getAttribute('aria-label')"
_CHECKS = "[...document.querySelectorAll('#layers input')]"
EVIL = "</script><script>alert(1)</script>"


def pixels(tab: Page) -> np.ndarray[Any, Any]:
    """Return the colours on the screen at the centre of every pixel of the image: rows x columns x 3."""
    return np.array(tab.eval(_PIXELS), int).reshape(ROWS, COLUMNS, 3)


def is_tinted(colours: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = colours.max(axis=2) - colours.min(axis=2) > 12
    return found


def at(tab: Page, x: float, y: float) -> list[int]:
    """Return the colour on the screen at a place of the image."""
    return colour_at(tab, *on_screen(tab, x, y))


def colour_at(tab: Page, x: float, y: float) -> list[int]:
    """Return the colour of a pixel of the canvas."""
    read = f"viewer.active.canvas.getContext('2d').getImageData({int(x)}, {int(y)}, 1, 1).data"
    found: list[int] = tab.eval(f"[...{read}].slice(0, 3)")
    return found


def on_screen(tab: Page, x: float, y: float) -> list[float]:
    """Return where a place of the image is on the screen."""
    point = f"viewer.active.matrix().transformPoint(new DOMPoint({x}, {y}))"
    return [tab.eval(f"{point}.x"), tab.eval(f"{point}.y")]


def complaints(tab: Page) -> list[str]:
    """Return what the console says, but for the advice on reading pixels, which only tests do."""
    return [line for line in tab.log if "willReadFrequently" not in line]


def opened(tab: Page, study: Study, query: str = "") -> None:
    disc = study.folder.parent / "disc"
    done = burnt_to(disc, study.folder, people=ForPeople(viewer=Viewer.FULL))
    assert done.result.outcome is Outcome.GOOD
    tab.open(disc / "VIEWER" / "VIEWER.HTM", query)
    tab.until(SHOWN)


def choose(tab: Page, word: str, then: str) -> None:
    """Choose the row of the list that has a word, and wait."""
    rows = "[...document.querySelectorAll('#list .row')]"
    tab.eval(f"{rows}.find((row) => row.innerText.includes('{word}')).click()")
    tab.until(f"{SHOWN} && {then}")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "in").mkdir()
    made = Study(tmp_path / "in")
    made.stack()
    return made


def test_segments_and_contours_are_drawn_on_their_pixels_and_switched_by_keys(
    tab: Page, study: Study
) -> None:
    mask = np.random.default_rng(5).random((1, ROWS, COLUMNS)) < 0.4
    red = item(SegmentNumber=1, SegmentLabel="Liver", RecommendedDisplayCIELabValue=[34885, 53485, 50171])
    study.save(study.segmentation("BINARY", mask, [frame_group(corner_of(1))], SegmentSequence=[red]))
    ring = [(4.0, 4.0), (18.0, 4.0), (18.0, 15.0), (4.0, 15.0)]
    study.save(study.structures([contour("CLOSED_PLANAR", [in_patient(4, *point) for point in ring])]))
    opened(tab, study)
    tab.until(f"{_CHECKS}.length === 2")
    assert tab.eval(f"{_CHECKS}.map((one) => one.checked)") == [False, False]
    choose(tab, "Organs", "viewer.active.index === 1 && viewer.active.frame.layers?.length === 1")
    assert (is_tinted(pixels(tab)) == mask[0]).all()
    (strong,) = {
        tuple(colour) for colour in [pixels(tab)[mask[0]].argmax(axis=1).max()] for colour in [(colour,)]
    }
    assert strong == (0,)  # red is the strongest everywhere
    assert "Layers: Liver" in tab.eval(_LABEL)
    tab.eval("document.querySelector('#layers').open = true")
    tab.eval(f"{_CHECKS}[0].focus()")
    tab.key(" ")
    tab.until(f"!{_CHECKS}[0].checked")
    assert not is_tinted(pixels(tab)).any()
    assert "Liver" not in tab.eval(_LABEL)
    tab.key(" ")
    tab.until(f"{_CHECKS}[0].checked")
    assert (is_tinted(pixels(tab)) == mask[0]).all()
    choose(tab, "RT", "viewer.active.index === 4 && viewer.active.frame.layers?.length === 1")
    for x, y in ((11, 4), (18, 10), (11, 15), (4, 10)):  # the middle of each side, at the centre of a pixel
        assert at(tab, x + 0.5, y + 0.5) == pytest.approx([1, 2, 250], abs=60), (x, y)
    assert not is_tinted(pixels(tab))[6:14, 6:17].any()
    assert "Layers: PTV" in tab.eval(_LABEL)
    assert complaints(tab) == []


def a_state(study: Study, image: Dataset) -> Dataset:
    """Return a state that turns, inverts, covers and marks one image, and subtracts a mask."""
    flat = {"GraphicDimensions": 2, "GraphicFilled": "N"}
    dot = item(GraphicType="POINT", GraphicAnnotationUnits="DISPLAY", NumberOfGraphicPoints=1, **flat)
    dot.GraphicData = [0.25, 0.125]
    line = item(GraphicType="POLYLINE", GraphicAnnotationUnits="PIXEL", NumberOfGraphicPoints=2, **flat)
    line.GraphicData = [5.5, 6.5, 15.5, 6.5]
    curve = item(GraphicType="INTERPOLATED", GraphicAnnotationUnits="PIXEL", NumberOfGraphicPoints=4, **flat)
    curve.GraphicData = [6.5, 15.5, 8.5, 11.5, 15.5, 11.5, 17.5, 15.5]
    layer = item(GraphicLayer="L", GraphicLayerOrder=1)
    layer.GraphicLayerRecommendedDisplayCIELabValue = [34885, 53485, 50171]
    window = item(ReferencedImageSequence=named_in([image]), WindowCenter="-100", WindowWidth="1900")
    edges = {"Left": 3, "Right": 22, "Upper": 2, "Lower": 19}
    sides = {"Left": "Vertical", "Right": "Vertical", "Upper": "Horizontal", "Lower": "Horizontal"}
    shutter = {f"Shutter{edge}{sides[edge]}Edge": value for edge, value in edges.items()}
    return study.state(
        [image],
        SoftcopyVOILUTSequence=[window],
        GraphicAnnotationSequence=[item(GraphicLayer="L", GraphicObjectSequence=[dot, line, curve])],
        GraphicLayerSequence=[layer],
        ImageRotation=90,
        ImageHorizontalFlip="N",
        PresentationLUTShape="INVERSE",
        ShutterShape="RECTANGULAR",
        ShutterPresentationValue=0x8080,
        MaskSubtractionSequence=[item()],
        **shutter,
    )


def test_a_state_is_drawn_as_the_standard_has_it(tab: Page, study: Study) -> None:
    image = study.images[2]
    study.save(a_state(study, image))
    opened(tab, study)
    tab.until("document.querySelectorAll('#stateChoice option').length === 2")
    assert tab.eval("viewer.active.state") is None
    tab.eval("""(() => { const box = document.getElementById('stateChoice'); box.value = '0';
      box.dispatchEvent(new Event('change')); })()""")
    tab.until(f"{SHOWN} && viewer.active.state && viewer.active.index === 2")
    found = pixels(tab)
    stored = image.pixel_array.astype(float) - 1000
    level = 255 - np.clip((stored + 100 + 0.5) / 1899 + 0.5, 0, 1) * 255
    covered = np.ones((ROWS, COLUMNS), bool)
    covered[1:19, 2:22] = False
    assert (found[covered] == 128).all()
    plain = ~covered
    plain[5:9, 4:17] = False  # the line
    plain[15:, :8] = plain[9:17, 4:19] = False  # the point, the curve
    assert np.abs(found[plain] - level[plain][:, None]).max() <= 1
    assert at(tab, 10.5, 6.5) == pytest.approx([255, 0, 0], abs=20)
    for x, y in ((8.5, 11.5), (15.5, 11.5), (12, 11)):  # its points, and its middle above them
        assert at(tab, x, y) == pytest.approx([255, 0, 0], abs=20), (x, y)
    left, top = on_screen(tab, 0, ROWS)  # turned clockwise, the lower left corner comes to the upper left
    right, bottom = on_screen(tab, COLUMNS, 0)
    assert left < right
    assert top < bottom
    spot = [left + 0.25 * (right - left), top + 0.125 * (bottom - top)]
    assert colour_at(tab, *spot) == pytest.approx([255, 0, 0], abs=20)
    label = tab.eval(_LABEL)
    assert "Presentation: A state" in label
    assert "not drawn: mask subtraction" in label
    assert complaints(tab) == []


def test_a_state_leaves_other_images_alone_and_is_reset(tab: Page, study: Study) -> None:
    study.save(a_state(study, study.images[2]))
    opened(tab, study)
    for index in (1, 2, 3):
        tab.key("ArrowDown")
        tab.until(f"{SHOWN} && viewer.active.index === {index}")
    other = pixels(tab)
    choose(tab, "A state", "viewer.active.state && viewer.active.index === 2")
    shown = pixels(tab)
    tab.eval(f"{_CHECKS}[0].click()")  # its layer
    red, green, _ = at(tab, 10.5, 6.5)
    assert red == green
    tab.eval(f"{_CHECKS}[0].click()")
    tab.key("ArrowDown")
    tab.until(f"{SHOWN} && viewer.active.index === 3")
    assert "Presentation" not in tab.eval(_LABEL)
    tab.key("ArrowUp")
    tab.until(f"{SHOWN} && viewer.active.index === 2")
    assert (pixels(tab) == shown).all()
    tab.key("0")
    assert tab.eval("[viewer.active.state, viewer.active.turn]") == [None, 0]
    tab.key("ArrowDown")
    tab.until(f"{SHOWN} && viewer.active.index === 3")
    assert (pixels(tab) == other).all()
    assert complaints(tab) == []


def test_hostile_overlays_neither_break_the_burn_nor_the_page_in_any_language(
    tab: Page, study: Study
) -> None:
    image = study.images[0]
    named = study.structures([contour("POINT", [in_patient(0, 3, 3)])])
    named.StructureSetLabel = EVIL
    named.StructureSetROISequence[0].ROIName = EVIL
    odd = [contour("CLOSED_PLANAR", [in_patient(0, 1, 1), in_patient(0, 9, 1)]) for _ in range(5)]
    odd[0].ContourData[0], odd[1].ContourData[1], odd[2].ContourData[2] = "1E308", "-1E308", "9E99"
    odd[3].ContourData = ["1", "2"]
    named.ROIContourSequence[0].ContourSequence.extend(odd)
    study.save(named)
    text = item(
        UnformattedTextValue=EVIL, AnchorPointAnnotationUnits="PIXEL", AnchorPoint=[float("nan"), 1.0]
    )
    here = item(UnformattedTextValue=EVIL, AnchorPointAnnotationUnits="PIXEL", AnchorPoint=[1.0, 1.0])
    huge = item(GraphicType="CIRCLE", GraphicAnnotationUnits="PIXEL", GraphicDimensions=2)
    huge.NumberOfGraphicPoints, huge.GraphicData = 2, [3e38, 1.0, float("inf"), 2.0]
    note = item(GraphicLayer=EVIL[:16], TextObjectSequence=[text, here], GraphicObjectSequence=[huge])
    area = item(
        DisplayedAreaTopLeftHandCorner=[-(2**31), 2**31 - 1], DisplayedAreaBottomRightHandCorner=[1, 1]
    )
    state = study.state([image, study.images[1]], GraphicAnnotationSequence=[note], ContentDescription=EVIL,
                        DisplayedAreaSelectionSequence=[area], ImageRotation=33, ShutterShape="POLYGONAL",
                        VerticesOfThePolygonalShutter=[1, 2, 3])  # fmt: skip
    state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber = [1, 2**31 - 1, -4]
    study.save(state)
    study.save(study.segmentation("BINARY", np.ones((1, 2, 2)), [frame_group(None, None, [image])]))
    short = study.segmentation("FRACTIONAL", np.ones((2, ROWS, COLUMNS)), [frame_group(corner_of(0))] * 2)
    short.MaximumFractionalValue, short.ContentDescription = 0, EVIL
    study.save(short)
    opened(tab, study)
    for language in tab.eval("Object.keys(viewer.texts)"):
        tab.eval(f"(() => {{ const box = document.getElementById('lang'); box.value = '{language}';"
                 " box.dispatchEvent(new Event('change')); })()")  # fmt: skip
        texts = tab.eval(f"viewer.texts.{language}")
        rows = tab.eval("[...document.querySelectorAll('#list .row')].map((row) => row.innerText)")
        assert sum(texts["shownOn"].split("{")[0].strip() in row for row in rows) >= 3, (language, rows)
        assert any(texts["why_not_on_disc"] in row or texts["why_undecodable"] in row for row in rows)
    for index in range(tab.eval("document.querySelectorAll('#list .row').length")):
        tab.eval(f"document.querySelectorAll('#list .row')[{index}].click()")
        tab.until(f"({SHOWN}) || viewer.active.doc.childElementCount > 1")
    assert tab.eval("document.querySelectorAll('#list script, #layers script, #views script').length") == 0
    assert tab.eval("document.getElementById('problems').innerText") == ""
    assert complaints(tab) == []


def painted(image: Dataset, said: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return the picture that an entry of a state asks for."""
    values = image.pixel_array.astype(float) - 1000
    if said["window"]:
        center, width = said["window"]
        gray = windowed(values, center, width, said["function"])
    else:
        table = np.frombuffer(b64decode(said["voi_lut"]["data"]), "<u2")
        levels = table[np.clip(values.astype(int) - said["voi_lut"]["first"], 0, len(table) - 1)]
        gray = levels / (2 ** said["voi_lut"]["bits"] - 1) * 255
    gray = np.clip(gray, 0, 255)
    turned = np.rot90(255 - gray if said["invert"] else gray, -said["rotate"] // 90)
    return np.fliplr(turned) if said["flip"] else turned


def test_dcmtk_paints_states_as_they_are_laid_on_their_images(study: Study) -> None:
    need("dcmp2pgm")
    image, rescale = study.images[0], ("RescaleSlope", "RescaleIntercept", "RescaleType")
    roots = pack("<256H", *(int(16 * index**0.5) for index in range(256)))
    whole = {"SoftcopyVOILUTSequence": [item(WindowCenter="-100", WindowWidth="1900")]}
    table = item(VOILUTSequence=[item(LUTDescriptor=[256, 0x10000 - 700, 8], LUTData=roots)])
    curve = item(LUTDescriptor=[256, 0, 8], LUTData=roots)
    cases: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        (whole | {"ImageRotation": turn, "ImageHorizontalFlip": flip}, ())
        for turn in (0, 90, 180, 270)
        for flip in "NY"
    ]
    cases += [
        (whole | {"PresentationLUTShape": "INVERSE"}, ()),
        ({"SoftcopyVOILUTSequence": [item(WindowCenter="700", WindowWidth="1000")]}, rescale),
        ({"SoftcopyVOILUTSequence": [table]}, ()),
        (whole | {"PresentationLUTSequence": [curve]}, ("PresentationLUTShape",)),
    ]
    row = {"instance": image.SOPInstanceUID, "frame": 1, "rows": ROWS, "columns": COLUMNS, "type": "i16"}
    atlas = Atlas({"S0001": [row | {"intercept": -1000}]})
    different = []
    for values, without in cases:
        state = study.state([image], **values)
        for keyword in without:
            delattr(state, keyword)
        file = study.save(state)
        picture = study.folder / "theirs.pgm"
        subprocess.run(["dcmp2pgm", "-p", file, study.folder / "001.dcm", picture], check=True)
        found = presentation(Attributes(state), atlas)
        assert found.data is not None
        ours = painted(image, found.data["images"][0])
        theirs = np.asarray(Image.open(picture)).astype(float)
        if theirs.shape != ours.shape or np.abs(theirs - ours).max() > 3:
            different.append((values, np.abs(theirs - ours).max()))
    assert different == []
