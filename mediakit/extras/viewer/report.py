"""A structured report as HTML (PS3.3 C.17.3): every content item, whatever its template; text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape

from mediakit.dicom.attributes import Attributes

_DEEPEST = 40
_MOST_ITEMS = 50_000
_FIRST = ("HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT")


class _Budget:
    """How many items may still be shown."""

    def __init__(self) -> None:
        self.left = _MOST_ITEMS


def report_html(found: Attributes) -> str:
    """Return the content of a report as HTML of the elements that the viewer's format names."""
    return "".join(_item(found, 0, _Budget()))


def references(found: Attributes) -> Iterator[tuple[str, int]]:
    """Yield (SOP Instance UID, frame from 1, 0: all) of every image that a selection names."""
    for item in found.items("ContentSequence"):
        for sop in item.items("ReferencedSOPSequence"):
            uid = sop.text("ReferencedSOPInstanceUID")
            frames = sop.numbers("ReferencedFrameNumber")
            yield from ((uid, int(frame)) for frame in frames or (0,))


def _item(found: Attributes, depth: int, budget: _Budget) -> Iterator[str]:
    if depth > _DEEPEST or budget.left <= 0:
        yield "<p><em>There is more than is shown here.</em></p>"
        return
    budget.left -= 1
    children = found.items("ContentSequence")
    first = [one for one in children if one.text("RelationshipType") in _FIRST]
    rest = [one for one in children if one.text("RelationshipType") not in _FIRST]
    name, kind = _meaning(found, "ConceptNameCodeSequence"), found.text("ValueType")
    if kind == "CONTAINER" or not depth:
        level = min(depth + 2, 6)
        yield f"<h{level}>{_text(name or 'Report')}</h{level}>"
    else:
        yield f"<p><strong>{_text(name)}{':' if name else ''}</strong> {_value(found, kind)}</p>"
    if not children:
        return
    yield "<ul>"
    for child in (*first, *rest):
        yield "<li>"
        yield from _item(child, depth + 1, budget)
        yield "</li>"
    yield "</ul>"


def _value(found: Attributes, kind: str) -> str:
    special = _VALUES.get(kind)
    if special is not None:
        return special(found)
    keyword = _KEYWORDS.get(kind)
    return _lines(found.lines(keyword)) if keyword else f"<em>{_text(kind or 'item')}</em>"


def _number(found: Attributes) -> str:
    values = []
    for measured in found.items("MeasuredValueSequence"):
        number = measured.text("NumericValue")
        unit = measured.item("MeasurementUnitsCodeSequence").text("CodeValue")
        values.append(_text(number if unit in {"", "1"} else f"{number} {unit}"))
    qualifier = _meaning(found, "NumericValueQualifierCodeSequence")
    return ", ".join(values) or _text(qualifier or "(no value)")


def _reference(found: Attributes) -> str:
    links = []
    for sop in found.items("ReferencedSOPSequence"):
        uid = _text(sop.text("ReferencedSOPInstanceUID"))
        frames = sop.texts("ReferencedFrameNumber")
        named = f' data-frame="{_text(frames[0])}"' if frames else ""
        words = f"image, frame {_text(', '.join(frames))}" if frames else "image"
        links.append(f'<a data-instance="{uid}"{named}>{words}</a>')
    return ", ".join(links) or "<em>(no reference)</em>"


def _graphic(found: Attributes) -> str:
    numbers = found.numbers("GraphicData")
    return f"<em>{_text(found.text('GraphicType').lower())} of {len(numbers)} coordinates</em>"


def _times(found: Attributes) -> str:
    return f"<em>{_text(found.text('TemporalRangeType').lower())}</em>"


_VALUES: Mapping[str, Callable[[Attributes], str]] = {
    "CODE": lambda found: _text(_meaning(found, "ConceptCodeSequence")),
    "COMPOSITE": _reference,
    "IMAGE": _reference,
    "NUM": _number,
    "SCOORD": _graphic,
    "SCOORD3D": _graphic,
    "TCOORD": _times,
    "WAVEFORM": _reference,
}
_KEYWORDS: Mapping[str, str] = {
    "DATE": "Date",
    "DATETIME": "DateTime",
    "PNAME": "PersonName",
    "TEXT": "TextValue",
    "TIME": "Time",
    "UIDREF": "UID",
}


def _meaning(found: Attributes, keyword: str) -> str:
    code = found.item(keyword)
    return code.text("CodeMeaning") or code.text("CodeValue")


def _lines(text: str) -> str:
    """Return text of several lines: each a span of its own class, which the page shows as a line."""
    lines = text.split("\n")
    return (
        "".join(f'<span class="line">{_text(line)}</span>' for line in lines)
        if len(lines) > 1
        else _text(text)
    )


def _text(text: str) -> str:
    return escape(text)
