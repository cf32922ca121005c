"""A page to draw on: text that always fits its box, lines, circles, QR codes.

Lengths in mm, sizes in points.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import segno
from fpdf import FPDF, XPos, YPos
from fpdf.fonts import TTFFont

from mediakit.extras.paper.fonts import Face, faces_for
from mediakit.extras.paper.rules import NO_FONT, OTHER_WRITING, SHORTENED
from mediakit.findings import Finding

MUTED = 90  # gray
_SMALLEST = 0.75  # of its size, to which text shrinks before it is shortened
_STEP = 0.25
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FAMILY = "paper"
_QUIET = 2  # modules around a QR code; white paper lies around these


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page."""

    x: float
    y: float
    width: float
    height: float


class Canvas:
    """Pages of one size, in one set of fonts. `findings` are made by what was drawn.

    Its fonts are open files: use it with `contextlib.closing`.
    """

    def __init__(
        self, paper: str, size: tuple[float, float], characters: Collection[str], named: Sequence[Path] = ()
    ) -> None:
        """`paper` is what it is called; `characters` are all that may be drawn. Raises UsageError."""
        self.paper = paper
        self._shortened: dict[str, int] = {}
        self._other_names: list[str] = []
        self._question_marks: list[str] = []
        faces, self._missing = faces_for({*characters, "\u2026", "?"}, named)
        pdf = FPDF(unit="mm", format=size)
        pdf.set_auto_page_break(auto=False)
        pdf.set_margin(0)
        pdf.c_margin = 0
        self._pdf = pdf
        try:
            self._add_fonts(faces)
        except BaseException:
            self.close()
            raise
        pdf.set_text_shaping(use_shaping_engine=True)

    def _add_fonts(self, faces: Sequence[Face]) -> None:
        pdf, fallbacks = self._pdf, []
        for number, face in enumerate(faces):
            family = f"{_FAMILY}{number}"
            pdf.add_font(family, "", face.path, collection_font_number=face.number)
            if face.bold is not None:
                pdf.add_font(family, "B", face.bold)
            fallbacks.append(family)
        pdf.set_font(f"{_FAMILY}0", size=10)
        if fallbacks[1:]:
            pdf.set_fallback_fonts(fallbacks[1:], exact_match=False)

    def close(self) -> None:
        """Close the files of the fonts."""
        for font in self._pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def new_page(self) -> None:
        """Begin another page."""
        self._pdf.add_page()

    def go_back_to(self, page: int) -> None:
        """Draw on an earlier page, counted from 1."""
        self._pdf.page = page
        for size in (1.0, 2.0):  # whatever font that page ended with, the next text names its own
            self._pdf.set_font(f"{_FAMILY}0", "", size)

    def finished(self, title: str, made: str) -> bytes:
        """Return the PDF. `made` is its date ("2026-01-31"): it holds no other moment, and no names."""
        pdf = self._pdf
        try:
            date = datetime.strptime(made, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            date = _EPOCH
        pdf.set_creation_date(date)
        pdf.set_title(title)
        pdf.set_producer("mediakit")
        return bytes(pdf.output())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what a reader has to know of the text: what is shortened, and what no font has."""
        found = [
            SHORTENED.at(what=what, paper=self.paper, count=count) for what, count in self._shortened.items()
        ]
        if self._other_names:
            found.append(
                OTHER_WRITING.at(
                    count=len(self._other_names), scripts=_scripts("".join(self._other_names) or "?")
                )
            )
        if marks := self._question_marks:
            found.append(NO_FONT.at(count=len(marks), scripts=_scripts(marks), paper=self.paper))
        return tuple(found)

    # -- text

    def name(self, writings: Sequence[str]) -> str:
        """Return a person's name: the first writing, with the second where a font has its characters."""
        drawable = [one for one in writings if not self._missing.intersection(one)]
        first = writings[:2]
        if lost := [one for one in first if one not in drawable]:
            self._other_names.append("".join(self._missing.intersection("".join(lost))))
        shown = [one for one in first if one in drawable] or drawable[:1] or list(writings[:1])
        return shown[0] + (f" ({shown[1]})" if len(shown) > 1 else "") if shown else ""

    def width(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return how wide a text is, in mm."""
        self._choose(size, bold=bold)
        return self._pdf.get_string_width(self._clean(text, is_counted=False))

    def text(  # noqa: PLR0913 - a text, its place and its looks
        self,
        box: Box,
        text: str,
        size: float,
        *,
        what: str,
        bold: bool = False,
        align: str = "left",
        gray: int = 0,
    ) -> None:
        """Draw one line: in a smaller size where it is too wide, then cut, which is a finding on `what`."""
        text = self._clean(text)
        if not text:
            return
        fitting, size = self._fitted(text, size, box.width, bold=bold)
        if fitting != text:
            self.note_shortened(what)
        self._choose(size, bold=bold)
        self._pdf.set_text_color(gray)
        self._pdf.set_xy(box.x, box.y)
        self._pdf.cell(
            box.width, box.height, fitting, align=align[0].upper(), new_x=XPos.LEFT, new_y=YPos.TOP
        )
        self._pdf.set_text_color(0)

    def note_shortened(self, what: str) -> None:
        """Note that something is not there in full."""
        self._shortened[what] = self._shortened.get(what, 0) + 1

    def lines(self, text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
        """Return a text broken into lines that fit a width."""
        found: list[str] = []
        for word in self._clean(text, is_counted=False).split(" "):
            longer = f"{found[-1]} {word}" if found else word
            if found and self.width(longer, size, bold=bold) <= width:
                found[-1] = longer
            else:
                found.append(word)
        return found

    def _fitted(self, text: str, size: float, width: float, *, bold: bool) -> tuple[str, float]:
        smallest = size * _SMALLEST
        while self.width(text, size, bold=bold) > width and size > smallest:
            size -= _STEP
        if self.width(text, size, bold=bold) <= width:
            return text, size
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(_cut(text, middle), size, bold=bold) <= width:
                low = middle
            else:
                high = middle - 1
        return _cut(text, low), size

    def _choose(self, size: float, *, bold: bool) -> None:
        self._pdf.set_font(f"{_FAMILY}0", "B" if bold else "", size)

    def _clean(self, text: str, *, is_counted: bool = True) -> str:
        """Return what can be drawn of a text, on one line."""
        shown = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        lost = [char for char in shown if char in self._missing]
        if is_counted:
            self._question_marks += lost
        return "".join("?" if char in self._missing else char for char in shown) if lost else shown

    # -- shapes

    def line(self, x: float, y: float, to_x: float, to_y: float, gray: int = 160) -> None:
        """Draw a thin line."""
        self._pdf.set_line_width(0.2)
        self._pdf.set_draw_color(gray)
        self._pdf.line(x, y, to_x, to_y)

    def circle(self, x: float, y: float, diameter: float) -> None:
        """Draw the outline of a circle round a centre."""
        self._pdf.set_line_width(0.15)
        self._pdf.set_draw_color(170)
        self._pdf.circle(x=x, y=y, radius=diameter / 2)

    def qr(self, x: float, y: float, size: float, text: str) -> None:
        """Draw a QR code with its quiet zone as a square of `size`."""
        rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix]
        module = size / (len(rows) + 2 * _QUIET)
        self._pdf.set_fill_color(0)
        for down, row in enumerate(rows):
            start = 0
            while start < len(row):
                end = start
                while end < len(row) and row[end]:
                    end += 1
                if end > start:
                    left, top = x + (start + _QUIET) * module, y + (down + _QUIET) * module
                    self._pdf.rect(left, top, (end - start) * module, module, style="F")
                start = end + 1


def _cut(text: str, length: int) -> str:
    return f"{text[:length].rstrip()}\u2026"


def _scripts(characters: Collection[str]) -> str:
    """Return the scripts that characters are of, for people: "Hangul, Thai". Never the characters."""
    return ", ".join(sorted({_script(char) for char in characters})) or "an unknown script"


@lru_cache(maxsize=1024)
def _script(char: str) -> str:
    word = unicodedata.name(char, "unknown characters").split(" ")[0]
    return "Han" if word == "CJK" else word.capitalize()
