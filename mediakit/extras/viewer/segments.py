"""The masks of a segmentation as runs on the grid of the images (PS3.3 C.8.20.2, C.8.20.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.frames import Undecodable
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.shown import Shown, shown_frames
from mediakit.extras.viewer.atlas import Atlas, Budget, Laid, Place, Plane, colour_of, palette
from mediakit.extras.viewer.codec import Values
from mediakit.extras.viewer.rows import ImageFacts, Rows

_LEVELS = 16  # steps of a fractional weight
_AT_ONCE = 1 << 20  # pixels that are resampled at once
_SAME_GRID = 0.1  # of a pixel
_PURPOSE = "121322"  # CID 7202: source image for image processing operation


def segmentation(file: DicomFile, found: Attributes, atlas: Atlas) -> Laid:
    """Return the segments and their masks. Raises Undecodable, TooLarge."""
    frames = _Frames(found, atlas)
    told: list[dict[str, Any]] = []
    missing = 0
    damage: Undecodable | None = None
    for index, frame in shown_frames(file, found):
        frames.turn_to(index)
        if isinstance(frame, Undecodable):
            damage = frame
            continue
        levels = frames.levels(frame)
        if levels.any():
            here = list(frames.masks(levels))
            missing += not here
            told += here
    if damage is not None and not told:
        raise damage
    segments = _segments(found, [mask["segment"] for mask in told])
    data = {
        "segments": [one for one in segments if one["number"] != frames.background],
        "masks": told,
        "missing": missing,
        "not_drawn": [] if damage is None else ["damaged"],
    }
    return Laid(data=data, keys=tuple(sorted({mask["on"][0] for mask in told})))


def _segments(found: Attributes, seen: Sequence[int]) -> list[dict[str, Any]]:
    """Return the segments of a file, and those that frames name without them."""
    described = {one.whole("SegmentNumber"): one for one in found.items("SegmentSequence")}
    told = []
    for index, number in enumerate(dict.fromkeys([*described, *seen])):
        if number is None:
            continue
        item = described.get(number)
        kind = "" if item is None else item.item("SegmentedPropertyTypeCodeSequence").text("CodeMeaning")
        lab = () if item is None else item.numbers("RecommendedDisplayCIELabValue")
        label = "" if item is None else item.text("SegmentLabel") or kind
        told.append({"number": number, "label": label, "colour": colour_of(lab) or palette(index)})
    return told


class _Frames:
    """Lays the frames of a segmentation on images, one after another.

    `background` is the number in a label map that stands for no segment; None in others.
    """

    def __init__(self, found: Attributes, atlas: Atlas) -> None:
        count = found.whole("NumberOfFrames") or 1
        self._rows = Rows(ImageFacts(attributes=found, sop_instance="", frames=count))
        self._kind = found.text("SegmentationType")
        self._most = max(1, found.whole("MaximumFractionalValue") or 255)
        is_map = self._kind == "LABELMAP"
        self.background = found.whole("PixelPaddingValue") or 0 if is_map else None
        self._atlas = atlas
        self._budget = Budget()
        self._index = 0
        self._plane: Plane | None = None
        self._places: list[Place] = []
        self._described = len(found.items("PerFrameFunctionalGroupsSequence"))

    def turn_to(self, index: int) -> None:
        """Take a frame. Raises Undecodable when nothing describes it: a small file can claim a million."""
        if index and index >= self._described:
            raise Undecodable("it has more frames than its functional groups describe")
        self._index = index
        row = self._rows.row(index)
        self._plane = Plane.of(row)
        self._places = self._places_of(row.get("frame_of_reference", ""))

    def levels(self, frame: Shown) -> Values:
        """Return the segment numbers of a label map, else weights of 0 to 16. Raises Undecodable."""
        values = frame.values if frame.stored is None else frame.stored
        if values.ndim != 2:
            raise Undecodable("its frames are in colour")
        if self._kind == "LABELMAP":
            found: Values = np.where(values == self.background, 0, values)
        elif self._kind == "FRACTIONAL":
            found = np.ceil(np.clip(values / self._most, 0, 1) * _LEVELS).astype(np.uint8)
        else:
            found = (values != 0).astype(np.uint8) * np.uint8(_LEVELS)
        return found

    def masks(self, levels: Values) -> Iterator[dict[str, Any]]:
        """Yield a mask for each segment of the frame on each image that it lies on. Raises TooLarge."""
        groups = self._rows.groups(self._index, "SegmentIdentificationSequence")
        number = groups[0].whole("ReferencedSegmentNumber") if groups else None
        for place in self._places:
            on = self._atlas.row(place)
            target = Plane.of(on)
            if self._plane is not None and target is not None:
                laid = resampled(levels, self._plane, target)
            elif levels.shape == (on.get("rows"), on.get("columns")):
                laid = levels
            else:
                continue
            size = {"rows": laid.shape[0], "columns": laid.shape[1]}
            begins, lengths, values = runs_of(laid)
            self._budget.write(3 * len(begins))
            if self._kind != "LABELMAP":
                mask = {"segment": number or 0, "on": list(place), **size, "runs": gaps_and(begins, lengths)}
                if (values != _LEVELS).any():
                    mask["weights"] = np.round(values / _LEVELS, 4).tolist()
                yield mask
                continue
            for label in np.unique(values).tolist():
                self._budget.write(8)
                own = values == label
                runs = gaps_and(begins[own], lengths[own])
                yield {"segment": int(label), "on": list(place), **size, "runs": runs}

    def _places_of(self, reference: str) -> list[Place]:
        named = [place for uid, frame in self._sources() for place in self._atlas.named(uid, frame)]
        self._budget.step(1 + len(named))
        alone = set(named)
        if len(alone) == 1 and (self._plane is None or Plane.of(self._atlas.row(named[0])) is None):
            return named[:1]  # nothing tells where it is but the reference
        if self._plane is None:
            return []
        return self._atlas.of_plane(self._plane.corners(), named, (reference, ()), self._budget)

    def _sources(self) -> Iterator[tuple[str, int]]:
        """Yield the (SOP Instance UID, frame) that the frame was derived from; frame 0 means all."""
        for derivation in self._rows.groups(self._index, "DerivationImageSequence"):
            sources = derivation.items("SourceImageSequence")
            exact = [
                one
                for one in sources
                if one.item("PurposeOfReferenceCodeSequence").text("CodeValue") == _PURPOSE
            ]
            for source in exact or sources:
                uid = source.text("ReferencedSOPInstanceUID")
                for frame in source.numbers("ReferencedFrameNumber") or (0,):
                    yield uid, int(frame)


def resampled(levels: Values, source: Plane, target: Plane) -> Values:
    """Return a mask on the grid of an image: for each of its pixels the nearest of the mask, 0 outside."""
    rows, columns = target.size
    steps = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5]])
    first, right, below = source.pixels(target.points(steps))
    reach = max(rows, columns)
    moved = np.abs(np.stack([first, right, below]) - steps).max()
    if levels.shape == (rows, columns) and moved * reach < _SAME_GRID:
        return levels
    out = np.zeros((rows, columns), levels.dtype)
    lines = max(1, _AT_ONCE // max(1, columns))
    across = np.arange(columns)
    for begin in range(0, rows, lines):
        down = np.arange(begin, min(rows, begin + lines))[:, None]
        x, y = (
            np.floor(first[axis] + across * (right - first)[axis] + down * (below - first)[axis])
            for axis in (0, 1)
        )
        inside = (x >= 0) & (y >= 0) & (x < levels.shape[1]) & (y < levels.shape[0])
        part = out[begin : begin + lines]
        part[inside] = levels[y[inside].astype(np.intp), x[inside].astype(np.intp)]
    return out


def runs_of(levels: Values) -> tuple[Values, Values, Values]:
    """Return begin, length and value of each run of equal values but 0, row by row."""
    flat = levels.ravel()
    begins = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(np.concatenate((begins, [flat.size])))
    values = flat[begins]
    some = values != 0
    return begins[some], lengths[some], values[some]


def gaps_and(begins: Values, lengths: Values) -> list[int]:
    """Return the gap before each run and its length in turn: lengths of runs of 0 and 1, 0 first."""
    ends = np.concatenate(([0], (begins + lengths)[:-1]))
    runs: list[int] = np.stack([begins - ends, lengths], axis=1).ravel().tolist()
    return runs
