"""Templates: where things stand on a label, and how a cover sheet looks.

TOML; lengths in mm, sizes in points.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mediakit import toml
from mediakit.errors import UsageError

_FOLDER = Path(__file__).parent / "templates"
_MOST_BYTES = 1 << 20
_MM_PER_POINT = 25.4 / 72

#: What the text of a field may name; those of NAMING are patient data.
NAMING = frozenset({"patient", "patient_id", "birth_date", "details", "studies"})
_IN_WORDS = frozenset(
    {"number", "of", "date", "label", "id", "accession", "studies", "series", "images", "page", "pages"}
)
KNOWN = NAMING | {"institution", "place", "content", "disc", "label", "made", "counts", "uid"}


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box with text: as many lines as fit in its height. On a label, x and y count from the centre."""

    text: str
    x: float
    y: float
    width: float
    height: float
    size: float = 9.0
    bold: bool = False
    align: Literal["left", "center", "right"] = "center"

    @property
    def lines(self) -> int:
        """Return how many lines have room."""
        return max(1, int(self.height / line_height(self.size) + 0.05))

    @property
    def names(self) -> frozenset[str]:
        """Return what the text names."""
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self.text) if name)


class Square(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the QR code stands."""

    x: float
    y: float
    size: float


class LabelTemplate(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="label", tag_field="kind"
):
    """A label: a ring between `hub` and `diameter`, with boxes in it that keep `margin` from its edges."""

    field: list[Field]
    qr: Square | None = None
    diameter: float = 116.0
    hub: float = 46.0
    margin: float = 1.5
    outline: bool = False

    def checked(self, where: str) -> LabelTemplate:
        """Return the template. Raises UsageError for a box that is not on the ring."""
        if not 15 <= self.hub < self.diameter <= 120:
            raise UsageError(
                "the label has no such ring", where=where, hint="hub 15 mm or more, diameter to 120"
            )
        boxes = [(f'the field "{one.text}"', one.x, one.y, one.width, one.height) for one in self.field]
        if self.qr is not None:
            boxes.append(("the QR code", self.qr.x, self.qr.y, self.qr.size, self.qr.size))
        for name, x, y, width, height in boxes:
            if min(width, height) <= 0 or not all(map(math.isfinite, (x, y, width, height))):
                raise UsageError(f"{name} has no room", where=where)
            far = max(math.hypot(a, b) for a in (x, x + width) for b in (y, y + height))
            near = math.hypot(max(x, -x - width, 0), max(y, -y - height, 0))
            if far > self.diameter / 2 - self.margin:
                hint = f"its farthest corner is {far:.1f} mm from the centre"
                raise UsageError(f"{name} reaches over the edge of the disc", where=where, hint=hint)
            if near < self.hub / 2:
                hint = f"it comes as near as {near:.1f} mm to the centre; `--hub` says where printing begins"
                raise UsageError(f"{name} reaches into the hub", where=where, hint=hint)
        return self


class CoverTemplate(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="cover", tag_field="kind"
):
    """A cover sheet. `words` are its headings and sentences, so that they can be in another language."""

    page: Literal["A4", "Letter"] = "A4"
    margin: float = 18.0
    size: float = 9.5
    words: dict[str, str] = {}


Template = LabelTemplate | CoverTemplate


def line_height(size: float) -> float:
    """Return the height of a line in mm, of a size in points."""
    return size * _MM_PER_POINT * 1.25


def load_label(path: Path | None, hub: float | None) -> LabelTemplate:
    """Return a template of labels, the shipped one for None. Raises UsageError."""
    template, where = _load(path, "label.toml")
    if not isinstance(template, LabelTemplate):
        raise UsageError("this template is not one of a label", where=where, hint='kind = "label"')
    unknown = sorted(frozenset().union(*(one.names for one in template.field)) - KNOWN)
    if unknown:
        known = ", ".join(sorted(KNOWN))
        raise UsageError(f"`{{{unknown[0]}}}` is not known", where=where, hint=f"known: {known}")
    for one in template.field:
        _check_text(one.text, dict.fromkeys(KNOWN, ""), where, one.text)
    if hub is not None:
        template = msgspec.structs.replace(template, hub=hub)
    return template.checked(where)


def load_cover(path: Path | None) -> CoverTemplate:
    """Return a template of cover sheets, the shipped one for None. Raises UsageError."""
    template, where = _load(path, "cover.toml")
    if not isinstance(template, CoverTemplate):
        raise UsageError("this template is not one of a cover sheet", where=where, hint='kind = "cover"')
    if not (5 <= template.margin <= 60 and 5 <= template.size <= 16):
        raise UsageError("margin is 5 to 60 mm, size 5 to 16 points", where=where)
    words = _shipped_words()
    if unknown := sorted(template.words.keys() - words.keys()):
        known = ", ".join(sorted(words))
        raise UsageError(f"unknown word `{unknown[0]}`", where=where, hint=f"known: {known}")
    values = dict.fromkeys(_IN_WORDS, "")
    for name, word in template.words.items():
        _check_text(word, values, where, name)
    return msgspec.structs.replace(template, words={**words, **template.words})


def sorted_out(paths: Sequence[Path]) -> tuple[Path | None, Path | None]:
    """Return the template of labels and that of cover sheets among some files. Raises UsageError."""
    found: dict[bool, Path] = {}
    for path in paths:
        is_label = isinstance(_load(path, "")[0], LabelTemplate)
        if is_label in found:
            raise UsageError("two templates are for the same", where=str(path))
        found[is_label] = path
    return found.get(True), found.get(False)


def _check_text(text: str, values: Mapping[str, str], where: str, name: str) -> None:
    try:
        text.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError) as exc:
        raise UsageError(f"the text of `{name}` cannot be filled in", where=where, why=str(exc)) from exc


def _shipped_words() -> Mapping[str, str]:
    template, _ = _load(None, "cover.toml")
    return template.words if isinstance(template, CoverTemplate) else {}


def _load(path: Path | None, shipped: str) -> tuple[Template, str]:
    file = path or _FOLDER / shipped
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError("it is too long to be one")
        raw = toml.loads(content.decode("utf-8"))
        template = msgspec.convert(raw, Template)
        if isinstance(template, LabelTemplate):
            for one in template.field:
                _ = one.names  # braces that do not match
    except (OSError, ValueError, RecursionError) as exc:
        raise UsageError("the template cannot be used", where=str(file), why=str(exc)) from exc
    return template, str(file)
