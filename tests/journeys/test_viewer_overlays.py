"""Presentation states, segmentations and structure sets in the viewer, against geometry done by hand."""

from __future__ import annotations

from base64 import b64decode
from functools import partial
from pathlib import Path
from struct import pack
from typing import Any, BinaryIO

import numpy as np
import pytest
from pydicom import Dataset

from mediakit.choices import ForPeople, Viewer
from mediakit.extras.viewer.atlas import Atlas
from mediakit.extras.viewer.encode import Source
from mediakit.extras.viewer.overlays import laid
from mediakit.outcome import Outcome
from tests.support.overlay_files import (
    ACROSS,
    COLUMNS,
    DOWN,
    REFERENCE,
    ROWS,
    SPACING,
    Study,
    contour,
    corner_of,
    frame_group,
    geometry,
    in_patient,
    item,
    named_in,
)
from tests.support.studies import burnt_to
from tests.support.viewer import ViewerFolder

Json = dict[str, Any]
_KINDS = ("presentation", "segmentation", "contours")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "in").mkdir()
    made = Study(tmp_path / "in")
    made.stack()
    return made


def burnt(study: Study) -> ViewerFolder:
    out = study.folder.parent / "out"
    done = burnt_to(out, study.folder, people=ForPeople(viewer=Viewer.FULL))
    assert done.result.outcome is Outcome.GOOD, done.result.report.findings
    viewer = ViewerFolder(out)
    counted = sum(
        len({one["instance"] for one in viewer.rows(series["key"])})
        for series in viewer.series()
        if series["frames"]
    )
    counted += sum(len(series["documents"]) for series in viewer.series())
    assert counted == viewer.index["counts"]["instances"]
    return viewer


def shown(viewer: ViewerFolder, kind: str) -> list[tuple[Json, Json]]:
    """Return the rows of the list of one kind, each with its document ({} where nothing was written)."""
    return [
        (told, viewer.document(series["key"], told["number"]) if told["path"] else {})
        for series in viewer.series()
        for told in series["documents"]
        if told["kind"] == kind
    ]


def mask_of(mask: Json) -> np.ndarray[Any, Any]:
    """Return a mask as weights."""
    runs, weights = mask["runs"], mask.get("weights")
    flat = np.zeros(mask["rows"] * mask["columns"])
    at = 0
    for index, length in enumerate(runs):
        if index % 2:
            flat[at : at + length] = 1 if weights is None else weights[index // 2]
        at += length
    return flat.reshape(mask["rows"], mask["columns"])


def test_contours_lie_where_their_points_are_in_the_patient(study: Study) -> None:
    ring = [(3.0, 4.0), (11.25, 4.5), (7.0, 15.0)]
    ends = [(1.0, 1.0), (20.0, 3.0)]
    contours = [
        contour("CLOSED_PLANAR", [in_patient(2, *point) for point in ring], study.images[2]),
        contour("CLOSED_PLANAR", [in_patient(3, *point) for point in ring]),  # no image is named
        contour("OPEN_PLANAR", [in_patient(4.4, *point) for point in ends]),  # type: ignore[arg-type]
        contour("POINT", [in_patient(5, 9.5, 2.0)], study.images[1]),  # on another plane than it says
        contour("CLOSED_PLANAR", [in_patient(9, *point) for point in ring]),  # beyond the stack
        contour("OPEN_NONPLANAR", [in_patient(0, 1, 1), in_patient(4, 2, 2)]),
    ]
    study.save(study.structures(contours))
    viewer = burnt(study)
    ((told, found),) = shown(viewer, "contours")
    assert (told["title"], told["why"]) == ("RT", None)
    assert found["structures"] == [{"number": 1, "name": "PTV", "colour": [1, 2, 250]}]
    assert [one["on"][1] for one in found["contours"]] == [2, 3, 4, 5]
    assert [one["closed"] for one in found["contours"]] == [True, True, False, False]
    assert (found["missing"], found["not_drawn"]) == (1, ["nonplanar"])
    for one, points in zip(found["contours"], (ring, ring, ends, [(9.5, 2.0)]), strict=True):
        wanted = [value + 0.5 for point in points for value in point]
        assert one["points"] == pytest.approx(wanted, abs=0.02)
    images = next(series for series in viewer.series() if series["frames"])
    assert len(images["overlays"]) == 1
    assert images["presentations"] == []


def test_masks_lie_on_their_images_pixel_by_pixel(study: Study) -> None:
    rng = np.random.default_rng(3)
    same = rng.random((3, ROWS, COLUMNS)) < 0.4
    groups = [
        frame_group(corner_of(1), 1, [study.images[1]]),
        frame_group(corner_of(4), 1),  # by its plane
        frame_group(corner_of(40), 1),  # on no image
    ]
    lab = item(SegmentNumber=1, SegmentLabel="Liver", RecommendedDisplayCIELabValue=[65535, 32896, 32896])
    study.save(study.segmentation("BINARY", same, groups, SegmentSequence=[lab]))
    fine = rng.random((1, 2 * ROWS, 2 * COLUMNS)) < 0.5  # pixels of half the size, shifted
    half = (SPACING[0] / 2, SPACING[1] / 2)
    start = in_patient(3, 2, -3)
    made = study.segmentation("BINARY", fine, [frame_group(start, 1, study.images)])
    made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence = geometry(half)["PixelMeasuresSequence"]
    study.save(made)
    viewer = burnt(study)
    (_, first), (_, second) = shown(viewer, "segmentation")
    assert first["segments"] == [{"number": 1, "label": "Liver", "colour": [255, 255, 255]}]
    assert [mask["on"][1] for mask in first["masks"]] == [1, 4]
    assert first["missing"] == 1
    for mask, wanted in zip(first["masks"], same, strict=False):
        assert (mask_of(mask) == wanted).all()
    (mask,) = second["masks"]
    assert mask["on"][1] == 3  # of all that it names, the one in its plane
    expected = np.zeros((ROWS, COLUMNS))
    for row in range(ROWS):
        for column in range(COLUMNS):  # the pixel of the mask in which the centre lies
            x, y = int(np.floor(2 * (column - 2) + 0.5)), int(np.floor(2 * (row + 3) + 0.5))
            if 0 <= x < 2 * COLUMNS and 0 <= y < 2 * ROWS:
                expected[row, column] = fine[0, y, x]
    assert (mask_of(mask) == expected).all()


def test_fractions_have_weights_and_label_maps_a_mask_for_each_segment(study: Study) -> None:
    values = np.tile(np.arange(COLUMNS, dtype=np.uint8) * 4, (1, ROWS, 1))
    groups = [frame_group(corner_of(0), 1)]
    study.save(study.segmentation("FRACTIONAL", values, groups, MaximumFractionalValue=92))
    labels = np.zeros((1, ROWS, COLUMNS), np.uint8)
    labels[0, 2:9, 3:7], labels[0, 5:12, 6:14] = 1, 5
    described = [item(SegmentNumber=number, SegmentLabel=f"{number}") for number in (0, 1)]  # 0: background
    study.save(
        study.segmentation("LABELMAP", labels, [frame_group(corner_of(2), None)], SegmentSequence=described)
    )
    viewer = burnt(study)
    (_, fraction), (_, map_) = shown(viewer, "segmentation")
    (mask,) = fraction["masks"]
    assert mask_of(mask) == pytest.approx(values[0] / 92, abs=1 / 16)
    assert (mask_of(mask) > 0).tolist() == (values[0] > 0).tolist()
    assert [one["segment"] for one in map_["masks"]] == [1, 5]
    assert [one["number"] for one in map_["segments"]] == [1, 5]  # the file does not describe the second
    assert len({tuple(one["colour"]) for one in map_["segments"]}) == 2
    for one in map_["masks"]:
        assert (mask_of(one) == (labels[0] == one["segment"])).all()


def graphic(kind: str, units: str, points: list[float], *, filled: str) -> Dataset:
    return item(
        GraphicType=kind,
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=2,
        GraphicData=points,
        GraphicFilled=filled,
    )


def test_a_state_is_kept_for_each_image_as_the_standard_has_it(study: Study) -> None:
    first, second, third = study.images[1:4]
    line = graphic("POLYLINE", "PIXEL", [1.0, 2.0, 3.5, 4.0], filled="N")
    ring = graphic("CIRCLE", "DISPLAY", [0.5, 0.5, 0.75, 0.5], filled="Y")
    strange = graphic("POLYLINE", "MATRIX", [1.0, 2.0, 3.5, 4.0], filled="N")
    text = item(
        UnformattedTextValue="<b>here</b>\r\nand there",
        AnchorPointAnnotationUnits="PIXEL",
        AnchorPoint=[5.0, 6.0],
        AnchorPointVisibility="N",
    )
    arrow = item(
        CompoundGraphicInstanceID=1,
        CompoundGraphicType="ARROW",
        CompoundGraphicUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=2,
        GraphicData=[0.0, 0.0, 9.0, 9.0],
    )
    notes = [
        item(GraphicLayer="A", GraphicObjectSequence=[line]),  # for all images
        item(
            GraphicLayer="B",
            ReferencedImageSequence=named_in([second]),
            GraphicObjectSequence=[ring, strange],
            TextObjectSequence=[text],
            CompoundGraphicSequence=[arrow],
        ),
    ]
    windows = [
        item(ReferencedImageSequence=named_in([first]), WindowCenter="50", WindowWidth="350"),
        item(
            ReferencedImageSequence=named_in([second]),
            WindowCenter="9",
            WindowWidth="8",
            VOILUTFunction="SIGMOID",
        ),
    ]
    area = item(
        ReferencedImageSequence=named_in([third]),
        DisplayedAreaTopLeftHandCorner=[20, 3],
        DisplayedAreaBottomRightHandCorner=[5, 12],
        PresentationSizeMode="TRUE SIZE",
    )
    layers = [
        item(GraphicLayer="B", GraphicLayerOrder=2, GraphicLayerRecommendedDisplayGrayscaleValue=0xFFFF),
        item(GraphicLayer="A", GraphicLayerOrder=1),
    ]
    study.save(
        study.state(
            [first, second, third],
            SoftcopyVOILUTSequence=windows,
            DisplayedAreaSelectionSequence=[area],
            GraphicAnnotationSequence=notes,
            GraphicLayerSequence=layers,
            ImageRotation=90,
            ImageHorizontalFlip="Y",
            PresentationLUTShape="INVERSE",
            ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"],
            ShutterLeftVerticalEdge=3,
            ShutterRightVerticalEdge=20,
            ShutterUpperHorizontalEdge=2,
            ShutterLowerHorizontalEdge=18,
            CenterOfCircularShutter=[10, 12],
            RadiusOfCircularShutter=8,
            VerticesOfThePolygonalShutter=[1, 1, 1, 24, 20, 12],
            ShutterPresentationValue=0xFFFF,
        )
    )
    viewer = burnt(study)
    ((told, found),) = shown(viewer, "presentation")
    assert told["title"] == "A state"
    images = {row: one for one in found["images"] for _, row in one["on"]}
    assert sorted(images) == [1, 2, 3]
    assert [(images[row]["window"], images[row]["function"]) for row in (1, 2, 3)] == [
        ([50, 350], "LINEAR"),
        ([9, 8], "SIGMOID"),
        (None, "LINEAR"),
    ]
    assert {(one["invert"], one["rotate"], one["flip"]) for one in found["images"]} == {(True, 90, True)}
    assert [images[row]["area"] for row in (1, 3)] == [None, [4, 2, 20, 12]]
    assert [len(images[row]["graphics"]) for row in (1, 2, 3)] == [1, 4, 1]
    assert images[2]["graphics"][1] == {
        "layer": "B",
        "unit": "display",
        "type": "circle",
        "points": [0.5, 0.5, 0.75, 0.5],
        "filled": True,
    }
    assert images[2]["graphics"][2]["text"] == "<b>here</b>\nand there"
    assert found["layers"] == [
        {"name": "A", "order": 1, "colour": None},
        {"name": "B", "order": 2, "colour": [255, 255, 255]},
    ]
    assert images[1]["shutter"] == [
        {"shape": "rectangle", "box": [2, 1, 20, 18], "gray": 1},
        {"shape": "circle", "center": [11.5, 9.5], "radius": 8, "gray": 1},
        {"shape": "polygon", "points": [0.5, 0.5, 23.5, 0.5, 11.5, 19.5], "gray": 1},
    ]
    assert (found["not_drawn"], found["missing"]) == (["graphic", "size"], 0)


def test_a_state_replaces_the_rescale_and_joins_its_tables(study: Study) -> None:
    images = study.images
    plain = item(WindowCenter="1100.5", WindowWidth="201")  # in stored values: this state has no rescale
    made = study.state(images, SoftcopyVOILUTSequence=[plain])
    for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(made, keyword)
    study.save(made)
    lut = item(LUTDescriptor=[4, 90, 8], LUTData=pack("<4H", 0, 10, 200, 255))
    study.save(study.state(images, SoftcopyVOILUTSequence=[item(VOILUTSequence=[lut])]))
    steps = item(
        LUTDescriptor=[2, 0, 16], LUTData=pack("<2H", 0xFFFF, 0)
    )  # white below the middle, black above
    curve = study.state(images, SoftcopyVOILUTSequence=[item(WindowCenter="40", WindowWidth="101")])
    del curve.PresentationLUTShape
    curve.PresentationLUTSequence = [steps]
    study.save(curve)
    viewer = burnt(study)
    (_, stored), (_, table), (_, curved) = shown(viewer, "presentation")
    (one,) = stored["images"]
    assert (one["window"], one["function"]) == ([100, 200], "LINEAR_EXACT")
    (one,) = table["images"]
    assert (one["voi_lut"]["first"], one["voi_lut"]["bits"]) == (90, 8)
    assert np.frombuffer(b64decode(one["voi_lut"]["data"]), "<u2").tolist() == [0, 10, 200, 255]
    (one,) = curved["images"]
    entries = np.frombuffer(b64decode(one["voi_lut"]["data"]), "<u2")
    values = np.arange(len(entries)) + one["voi_lut"]["first"]
    assert one["window"] is None
    assert entries[values <= 38].min() == 0xFFFF
    assert entries[values >= 41].max() == 0


def test_an_overlay_never_leaves_its_patient(study: Study) -> None:
    """Frames of reference and UIDs of another patient are as good as none: a hostile or careless sender."""
    stranger = study.structures([contour("POINT", [in_patient(0, 1, 1)], study.images[0])])
    state = study.state(study.images[:1])
    mask = study.segmentation(
        "BINARY", np.ones((1, ROWS, COLUMNS)), [frame_group(corner_of(0), 1, study.images)]
    )
    for made in (stranger, state, mask):
        made.PatientID, made.PatientName, made.StudyInstanceUID = "P2", "Roe^Richard", "1.2.4"
        study.save(made)
    viewer = burnt(study)
    for kind in _KINDS:
        assert [told["why"]["code"] for told, _ in shown(viewer, kind)] == ["not_on_disc"]
    assert all(series["presentations"] == series["overlays"] == [] for series in viewer.series())


def test_a_refused_overlay_is_a_finding_and_one_without_images_is_none(study: Study) -> None:
    one = [frame_group(corner_of(0))]  # of two frames
    refused = study.segmentation("BINARY", np.zeros((2, 4, 4)), one)
    away = study.structures([contour("POINT", [in_patient(50, 1, 1)])])
    study.save(away)
    out = study.folder.parent / "out"
    asked = ForPeople(viewer=Viewer.FULL)
    before = burnt_to(out, study.folder, people=asked)
    assert "MK-VWR-106" not in {finding.rule.id for finding in before.result.report.findings}
    study.save(refused)
    done = burnt_to(out.with_name("again"), study.folder, people=asked)
    found = [one for one in done.result.report.findings if one.rule.id == "MK-VWR-106"]
    assert len(found) == 1
    ((told, _),) = shown(ViewerFolder(out.with_name("again")), "segmentation")
    assert told["why"]["code"] == "undecodable"


def test_an_overlay_of_which_nothing_can_be_drawn_says_so_and_is_a_finding(study: Study) -> None:
    flat = [contour("CLOSED_PLANAR", [in_patient(1, 1, 1)], study.images[1]) for _ in range(2)]
    for one in flat:
        one.ContourData = [1.0, 2.0]
    state = study.state(study.images[:1])
    state.ReferencedSeriesSequence[0].ReferencedImageSequence = []
    made = {
        "three coordinates": study.structures(flat),
        "not planar": study.structures([contour("OPEN_NONPLANAR", [in_patient(0, 1, 1)])]),
        "no contours": study.structures([]),
        "no pixel": study.segmentation(
            "BINARY", np.zeros((1, ROWS, COLUMNS)), [frame_group(corner_of(0), 1, study.images)]
        ),
        "no images": state,
    }
    for one in made.values():
        study.save(one)
    out = study.folder.parent / "out"
    done = burnt_to(out, study.folder, people=ForPeople(viewer=Viewer.FULL))
    assert done.result.outcome is Outcome.GOOD, done.result.report.findings
    found = [one.text for one in done.result.report.findings if one.rule.id == "MK-VWR-106"]
    for words in made:
        assert len([text for text in found if words in text]) == 1, (words, found)
    rows = [told for kind in _KINDS for told, _ in shown(ViewerFolder(out), kind)]
    assert [told["why"]["code"] for told in rows] == ["nothing_drawn"] * len(made)


def test_an_overlay_without_its_images_is_a_row_with_a_reason(study: Study) -> None:
    ct, size = "1.2.840.10008.5.1.4.1.1.2", {"Columns": 4, "Rows": 4}
    gone = [
        item(SOPClassUID=ct, SOPInstanceUID=f"1.2.9.{n}", SeriesInstanceUID="1.2.9", **size) for n in range(3)
    ]
    study.save(study.state(gone))
    study.save(study.state([*gone, study.images[0]]))
    away = study.segmentation("BINARY", np.ones((1, 4, 4)), [frame_group(corner_of(0), 1, gone)])
    away.FrameOfReferenceUID = "1.2.9.9"
    study.save(away)
    far = study.structures([contour("POINT", [in_patient(50, 1, 1)])])
    study.save(far)
    itself = study.state(study.images[:1])
    itself.ReferencedSeriesSequence[0].ReferencedImageSequence = named_in([itself])
    study.save(itself)
    viewer = burnt(study)
    states = shown(viewer, "presentation")
    reasons = sorted(told["why"]["code"] for told, _ in states if told["why"])
    assert reasons == ["not_on_disc", "not_on_disc"]
    (partly,) = (found for told, found in states if not told["why"])
    assert partly["missing"] == 3
    assert [told["why"]["code"] for told, _ in shown(viewer, "segmentation")] == ["not_on_disc"]
    assert [told["why"]["code"] for told, _ in shown(viewer, "contours")] == ["not_on_disc"]


def opened(file: Path) -> BinaryIO:
    return file.open("rb")


def test_what_cannot_be_laid_is_refused_with_a_reason_and_in_bounds(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = {"rows": ROWS, "columns": COLUMNS, "spacing": list(SPACING), "frame_of_reference": REFERENCE}
    on |= {"position": corner_of(0).tolist(), "orientation": [*ACROSS, *DOWN], "instance": "1.2", "frame": 1}
    atlas = Atlas({"S0001": [on]})
    one = [frame_group(corner_of(0))]
    million = study.segmentation("BINARY", np.ones((1, 2, 2)), one, NumberOfFrames=9_999_999)
    short = study.segmentation("BINARY", np.ones((1, ROWS, COLUMNS)), one)
    short.PixelData = short.PixelData[:10]
    few = study.segmentation("BINARY", np.ones((2, ROWS, COLUMNS)), one)
    noise = study.segmentation("BINARY", np.indices((1, ROWS, COLUMNS)).sum(axis=0) % 2, one)
    points = [in_patient(0, column, 3) for column in range(COLUMNS)]
    lines = study.structures([contour("OPEN_PLANAR", points)] * 9)
    notes = study.state(study.images, GraphicAnnotationSequence=[item(GraphicLayer="A")] * 10_001)
    monkeypatch.setattr("mediakit.extras.viewer.atlas.MAX_OVERLAY_NUMBERS", 200)
    files = [study.save(made) for made in (million, short, few, noise, lines, notes)]
    (study.folder / "gone.dcm").write_bytes(b"no DICOM")
    files.append(study.folder / "gone.dcm")
    kinds = ["segmentation"] * 4 + ["contours", "presentation", "contours"]
    found = [
        laid(Source(open=partial(opened, file), size=1 << 20, sop_instance="1", is_single=True), kind, atlas)
        for file, kind in zip(files, kinds, strict=True)
    ]
    assert [one.data for one in found] == [None] * 7
    assert [one.why["code"] if one.why else "" for one in found] == [
        "undecodable", "undecodable", "undecodable", "too_large", "too_large", "too_large", "unreadable"
    ]  # fmt: skip
