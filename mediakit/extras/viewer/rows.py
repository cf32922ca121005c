"""What the viewer is told of each frame besides its pixels: geometry, windows, texts (docs/viewer-format.md).

Functional groups of a frame come before those that all frames share, these before the elements of the image.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import pack
from typing import Any

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.shown import table_of

Row = dict[str, Any]

_TECHNIQUE = (  # name, keyword, unit
    ("kV", "KVP", "kV"),
    ("mA", "XRayTubeCurrent", "mA"),
    ("mAs", "Exposure", "mAs"),
    ("CTDIvol", "CTDIvol", "mGy"),
    ("kernel", "ConvolutionKernel", ""),
    ("B0", "MagneticFieldStrength", "T"),
    ("TR", "RepetitionTime", "ms"),
    ("TE", "EchoTime", "ms"),
    ("TI", "InversionTime", "ms"),
    ("flip", "FlipAngle", "deg"),
    ("b", "DiffusionBValue", "s/mm2"),
    ("sequence", "SequenceName", ""),
    ("contrast", "ContrastBolusAgent", ""),
    ("nuclide", "Radiopharmaceutical", ""),
)
_REGION_UNITS: Mapping[int, tuple[str, float]] = {  # PS3.3 C.8.5.5.1.15; the factor makes mm of cm
    1: ("%", 1),
    2: ("dB", 1),
    3: ("mm", 10),
    4: ("s", 1),
    5: ("Hz", 1),
    6: ("dB/s", 1),
    7: ("mm/s", 10),
    8: ("cm2", 1),
    9: ("cm2/s", 1),
    10: ("cm3", 1),
    11: ("cm3/s", 1),
    12: ("deg", 1),
}
_DOSE_UNITS = {"GY": "Gy", "RELATIVE": "relative"}
_MOST_REGIONS = 64
_FRAME_TIME_MS = (10.0, 10_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What the rows of one image are made from. `is_signed` is that of Pixel Representation."""

    attributes: Attributes
    sop_instance: str
    frames: int

    @property
    def is_signed(self) -> bool:
        """Return True when stored values have a sign."""
        return self.attributes.whole("PixelRepresentation") == 1


class Rows:
    """The rows of one image, frame by frame."""

    def __init__(self, facts: ImageFacts) -> None:
        self._facts = facts
        found = facts.attributes
        self._shared = found.item("SharedFunctionalGroupsSequence")
        self._each = found.items("PerFrameFunctionalGroupsSequence")
        self._is_enhanced = bool(self._each)
        self._common = self._of_image()
        self._times = found.numbers("FrameTimeVector")
        self._offsets = found.numbers("GridFrameOffsetVector")
        self.tables: list[dict[str, Any]] = []

    def row(self, index: int) -> Row:
        """Return the row of one frame, from 0, without what its pixels tell."""
        row = dict(self._common)
        row["frame"] = index + 1
        row |= self._geometry(index)
        row |= self._values(index)
        row |= self._of_frame(index)
        return {key: value for key, value in row.items() if value not in (None, "", [])}

    def groups(self, index: int, keyword: str) -> tuple[Attributes, ...]:
        """Return the items of a functional group of a frame."""
        here = self._each[index].items(keyword) if index < len(self._each) else ()
        return here or self._shared.items(keyword)

    def macro(self, index: int, keyword: str) -> Attributes:
        """Return the item of a functional group, or the image itself where there is none."""
        found = self.groups(index, keyword)
        return found[0] if found else self._facts.attributes

    def _of_image(self) -> Row:
        found = self._facts.attributes
        lateral = _first(found.text("ImageLaterality"), found.text("Laterality"))
        return {
            "instance": self._facts.sop_instance,
            "number": found.whole("InstanceNumber"),
            "rows": found.whole("Rows"),
            "columns": found.whole("Columns"),
            "photometric": found.text("PhotometricInterpretation"),
            "invert": _is_inverted(found) or None,
            "laterality": lateral if lateral in {"R", "L", "B"} else "",
            "view": found.text("ViewPosition"),
            "burned_in": found.text("BurnedInAnnotation"),
            "lossy": _lossy(found),
            "regions": list(_regions(found)),
            "frame_of_reference": found.text("FrameOfReferenceUID"),
            "technique": list(_technique(found)),
            "date": _first(found.text("AcquisitionDate"), found.text("ContentDate")),
            "time": _first(found.text("AcquisitionTime"), found.text("ContentTime")),
        }

    def _geometry(self, index: int) -> Row:
        found = self._facts.attributes
        measures = self.macro(index, "PixelMeasuresSequence")
        orientation = self.macro(index, "PlaneOrientationSequence").numbers("ImageOrientationPatient")
        position = self.macro(index, "PlanePositionSequence").numbers("ImagePositionPatient")
        orientation = orientation if len(orientation) == 6 and _is_plane(orientation) else ()
        position = position if len(position) == 3 and orientation else ()
        if self._facts.frames > 1 and not self._is_enhanced:
            position = self._offset(position, orientation, index)
        row: Row = {
            "thickness": measures.number("SliceThickness"),
            "orientation": list(map(_plain, orientation)),
            "position": list(map(_plain, position)),
        }
        sides = found.texts("PatientOrientation")
        if not orientation and len(sides) == 2:
            row["patient_orientation"] = list(sides)
        return row | _spacing(found, measures)

    def _offset(
        self, position: tuple[float, ...], orientation: tuple[float, ...], index: int
    ) -> tuple[float, ...]:
        """Return the position of a plane of a dose grid (PS3.3 C.8.8.3.2); () for other images."""
        if not position or index >= len(self._offsets):
            return ()
        along = self._offsets[index] - self._offsets[0]
        return tuple(a + along * n for a, n in zip(position, normal_of(orientation), strict=True))

    def _values(self, index: int) -> Row:
        found = self._facts.attributes
        rescale = self.macro(index, "PixelValueTransformationSequence")
        windows = self.macro(index, "FrameVOILUTSequence")
        slope, intercept, unit = _rescale(found, rescale, self.macro(index, "RealWorldValueMappingSequence"))
        row: Row = {
            "slope": None if slope == 1 else _plain(slope),
            "intercept": _plain(intercept) if intercept else None,
            "unit": unit,
            "windows": list(windows_of(windows)),
            "padding": None if found.items("ModalityLUTSequence") else self._padding(),
        }
        function = windows.text("VOILUTFunction")
        if function in {"LINEAR_EXACT", "SIGMOID"}:
            row["function"] = function
        if found.items("VOILUTSequence") and not self.tables:
            self.tables += tables_of(found, is_signed=self._facts.is_signed or intercept < 0)
        row["voi_luts"] = list(range(len(self.tables)))
        return row

    def _padding(self) -> list[Any] | None:
        found = self._facts.attributes
        value, limit = found.number("PixelPaddingValue"), found.number("PixelPaddingRangeLimit")
        if value is None:
            return None
        allocated = found.whole("BitsAllocated") or 16
        both = [value, value if limit is None else limit]
        if self._facts.is_signed:
            both = [one - (1 << allocated) if one >= 1 << allocated - 1 else one for one in both]
        else:
            both = [one + (1 << allocated) if one < 0 else one for one in both]
        return [_plain(one) for one in sorted(both)]

    def _of_frame(self, index: int) -> Row:
        found = self._facts.attributes
        content = self.macro(index, "FrameContentSequence")
        lateral = self.macro(index, "FrameAnatomySequence").text("FrameLaterality")
        row: Row = {"frame_time": self._frame_time(index)}
        if lateral in {"R", "L", "B"}:
            row["laterality"] = lateral
        if self._is_enhanced and (when := content.text("FrameAcquisitionDateTime")):
            row |= {"date": when[:8], "time": when[8:21]}
        if self._is_enhanced and content is not found:
            row["stack_id"] = content.text("StackID")
        return row

    def _frame_time(self, index: int) -> float | None:
        found = self._facts.attributes
        if self._facts.frames < 2:
            return None
        if index + 1 < len(self._times):
            return self._times[index + 1]
        rate = found.number("RecommendedDisplayFrameRate") or found.number("CineRate")
        time = found.number("FrameTime") or (1000 / rate if rate and rate > 0 else None)
        low, high = _FRAME_TIME_MS
        return None if time is None else min(max(time, low), high)


def normal_of(orientation: tuple[float, ...] | list[float]) -> tuple[float, float, float]:
    """Return the normal of a plane: the cross product of its row and column direction."""
    a, b = orientation[:3], orientation[3:]
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _is_plane(orientation: tuple[float, ...]) -> bool:
    return sum(one * one for one in normal_of(orientation)) > 0.5


def _plain(number: float) -> Any:
    """Return a number as JSON shows it shortest: whole where it is."""
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _first(*texts: str) -> str:
    return next((text for text in texts if text), "")


def _is_inverted(found: Attributes) -> bool:
    is_first = found.text("PhotometricInterpretation") == "MONOCHROME1"
    return is_first or found.text("PresentationLUTShape") == "INVERSE"


def _lossy(found: Attributes) -> str:
    if found.text("LossyImageCompression") != "01":
        return ""
    ratios = found.numbers("LossyImageCompressionRatio")
    return f"{ratios[-1]:g}:1" if ratios else "1"


def _technique(found: Attributes) -> Iterator[list[str]]:
    for name, keyword, unit in _TECHNIQUE:
        text = found.text(keyword)
        if text:
            yield [name, text, unit]


def _spacing(found: Attributes, measures: Attributes) -> Row:
    """Return spacing and its kind (PS3.3 10.7.1.3: values alike at both places are those of the detector)."""
    of_patient, of_detector = measures.numbers("PixelSpacing"), found.numbers("ImagerPixelSpacing")
    is_detector = of_patient == of_detector and not found.text("PixelSpacingCalibrationType")
    if _is_spacing(of_patient) and not is_detector:
        return {"spacing": list(map(_plain, of_patient)), "spacing_kind": "patient"}
    if _is_spacing(of_detector):
        return {"spacing": list(map(_plain, of_detector)), "spacing_kind": "detector"}
    aspect = found.numbers("PixelAspectRatio")
    return {"aspect": list(map(_plain, aspect))} if _is_spacing(aspect) and aspect[0] != aspect[1] else {}


def _is_spacing(numbers: tuple[float, ...]) -> bool:
    return len(numbers) == 2 and all(0 < one < 1e6 for one in numbers)


def _regions(found: Attributes) -> Iterator[dict[str, Any]]:
    for item in found.items("SequenceOfUltrasoundRegions")[:_MOST_REGIONS]:
        names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
        box = [item.whole(name) for name in names]
        if None in box:
            continue
        delta, units = [], []
        for axis in "XY":
            unit, factor = _REGION_UNITS.get(item.whole(f"PhysicalUnits{axis}Direction") or 0, ("", 1))
            delta.append(_plain(abs(item.number(f"PhysicalDelta{axis}") or 0) * factor))
            units.append(unit)
        yield {"box": box, "delta": delta, "unit": units}


def _rescale(found: Attributes, rescale: Attributes, mapping: Attributes) -> tuple[float, float, str]:
    """Return slope, intercept and unit of the shown value."""
    if found.items("ModalityLUTSequence"):
        return 1.0, 0.0, _unit(found, found.item("ModalityLUTSequence").text("ModalityLUTType"))
    modality = found.text("Modality")
    if modality == "RTDOSE":
        units = found.text("DoseUnits")
        return found.number("DoseGridScaling") or 1.0, 0.0, _DOSE_UNITS.get(units, units)
    slope, intercept = rescale.number("RescaleSlope"), rescale.number("RescaleIntercept")
    if slope:
        return slope, intercept or 0.0, _unit(found, rescale.text("RescaleType"))
    real = mapping.number("RealWorldValueSlope")
    if real:
        code = mapping.item("MeasurementUnitsCodeSequence").text("CodeValue")
        return real, mapping.number("RealWorldValueIntercept") or 0.0, "" if code == "1" else code
    return 1.0, 0.0, ""


def _unit(found: Attributes, kind: str) -> str:
    modality = found.text("Modality")
    if modality in {"PT", "NM"} and found.text("Units"):
        return found.text("Units")
    if kind:
        return "" if kind in {"US", "NORMALIZED"} else kind
    return "HU" if modality == "CT" else ""


def windows_of(found: Attributes) -> Iterator[list[Any]]:
    """Yield [center, width, explanation] of each window that is one (PS3.3 C.11.2.1.2)."""
    least = 0.0 if found.text("VOILUTFunction") in {"LINEAR_EXACT", "SIGMOID"} else 1.0
    names = found.texts("WindowCenterWidthExplanation")
    pairs = zip(found.numbers("WindowCenter"), found.numbers("WindowWidth"), strict=False)
    for index, (center, width) in enumerate(pairs):
        if width >= least and width > 0:
            yield [_plain(center), _plain(width), names[index] if index < len(names) else ""]


def tables_of(found: Attributes, *, is_signed: bool) -> Iterator[dict[str, Any]]:
    """Yield the VOI LUTs as META.BIN has them."""
    for item in found.items("VOILUTSequence"):
        table = table_of(item, is_signed=is_signed)
        if table is not None:
            data = pack(f"<{len(table.entries)}H", *table.entries)
            yield table_row(table.first, table.bits, data, table.explanation)


def table_row(first: int, bits: int, data: bytes, explanation: str = "") -> dict[str, Any]:
    """Return a table as META.BIN has it; `data` are unsigned 16 bit little endian entries."""
    coded = b64encode(data).decode("ascii")
    return {"first": first, "bits": bits, "explanation": explanation, "data": coded}
