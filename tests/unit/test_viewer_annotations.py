"""Graphics of presentation states: compounds, anchors of texts, frames of one instance, colours."""

from __future__ import annotations

from typing import Any

import pytest

from mediakit.dicom.attributes import Attributes
from mediakit.extras.viewer.annotations import Annotations
from mediakit.extras.viewer.atlas import Atlas, Budget, colour_of, palette
from mediakit.extras.viewer.states import presentation
from tests.support.overlay_files import item

Json = dict[str, Any]


def drawn(**values: object) -> tuple[list[Json], set[str]]:
    note = Annotations([Attributes(item(GraphicLayer="L", **values))], Budget())
    return list(note), note.not_drawn


def compound(kind: str, points: list[float], **more: object) -> Any:
    return item(
        CompoundGraphicInstanceID=4,
        CompoundGraphicType=kind,
        CompoundGraphicUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(points) // 2,
        GraphicData=points,
        **more,
    )


def test_a_compound_is_drawn_by_its_parts_and_else_where_it_is_simple() -> None:
    line = item(
        GraphicType="POLYLINE", GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, GraphicFilled="N"
    )
    line.NumberOfGraphicPoints, line.GraphicData, line.CompoundGraphicInstanceID = 2, [0, 0, 5, 5], 4
    ruler = compound("RULER", [0, 0, 5, 5])
    parts, left = drawn(GraphicObjectSequence=[line], CompoundGraphicSequence=[ruler])
    assert [one["points"] for one in parts] == [[0, 0, 5, 5]]
    assert left == set()
    shapes = {
        "RULER": [("polyline", [0, 1, 4, 5])],
        "RECTANGLE": [("polyline", [0, 1, 4, 1, 4, 5, 0, 5, 0, 1])],
        "ELLIPSE": [("ellipse", [0, 3, 4, 3, 2, 1, 2, 5])],
    }
    for kind, wanted in shapes.items():
        parts, left = drawn(CompoundGraphicSequence=[compound(kind, [0, 1, 4, 5])])
        assert [(one["type"], one["points"]) for one in parts] == wanted, kind
        assert left == set()
    parts, _ = drawn(CompoundGraphicSequence=[compound("MULTILINE", [0, 1, 4, 5, 6, 7, 8, 9])])
    assert [one["points"] for one in parts] == [[0, 1, 4, 5], [6, 7, 8, 9]]
    for strange in (
        compound("RECTANGLE", [0, 1, 4, 5], RotationAngle=30.0),
        compound("CARTOON", [0, 1, 4, 5]),
    ):
        assert drawn(CompoundGraphicSequence=[strange]) == ([], {"graphic"})


def test_a_text_stands_in_its_box_and_points_at_its_anchor() -> None:
    text = item(
        UnformattedTextValue="here",
        BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[9.0, 8.0],
        BoundingBoxBottomRightHandCorner=[20.0, 12.0],
        AnchorPointAnnotationUnits="PIXEL",
        AnchorPoint=[2.0, 3.0],
        AnchorPointVisibility="Y",
    )
    parts, left = drawn(TextObjectSequence=[text, item(UnformattedTextValue="nowhere")])
    assert [(one["type"], one["points"]) for one in parts] == [
        ("text", [9, 8]),
        ("point", [2, 3]),
        ("polyline", [9, 8, 2, 3]),
    ]
    assert left == {"graphic"}


def test_a_state_can_name_some_frames_of_an_instance() -> None:
    rows = [{"instance": "1.2", "frame": frame, "type": "u8"} for frame in (1, 2, 3)]
    named = item(ReferencedSOPInstanceUID="1.2", ReferencedFrameNumber=[1, 3])
    window = item(WindowCenter="5", WindowWidth="6")
    window.ReferencedImageSequence = [item(ReferencedSOPInstanceUID="1.2", ReferencedFrameNumber=3)]
    state = item(
        ReferencedSeriesSequence=[item(ReferencedImageSequence=[named])], SoftcopyVOILUTSequence=[window]
    )
    found = presentation(Attributes(state), Atlas({"S0001": rows})).data
    assert found is not None
    images = sorted((one["on"], one["window"]) for one in found["images"])
    assert images == [([["S0001", 0]], None), ([["S0001", 2]], [5, 6])]


def test_colours_are_those_of_cielab_under_d50() -> None:
    known = {  # sRGB primaries in CIELab under D50, as ICC profiles have them
        (54.29, 80.81, 69.89): [255, 0, 0],
        (87.82, -79.29, 80.99): [0, 255, 0],
        (29.57, 68.30, -112.03): [0, 0, 255],
        (100, 0, 0): [255, 255, 255],
        (0, 0, 0): [0, 0, 0],
    }
    for (lightness, a, b), wanted in known.items():
        coded = [lightness * 655.35, (a + 128) * 257, (b + 128) * 257]
        assert colour_of(coded) == pytest.approx(wanted, abs=2)
    assert colour_of([1, 2]) is None
    assert colour_of([1, 2, 70_000]) is None
    assert len({tuple(palette(number)) for number in range(12)}) == 12
