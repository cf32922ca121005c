"""The cover sheet: what is on a disc and on the others, what seems to be missing, how to open it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from mediakit.extras.paper.canvas import MUTED, Box, Canvas
from mediakit.extras.paper.facts import Paper, PaperDisc, PaperPatient, PaperStudy
from mediakit.extras.paper.label import characters_of, qr_text
from mediakit.extras.paper.template import CoverTemplate, line_height
from mediakit.findings import Finding

_PAGES = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
_QR = 30.0
_FOOT = 12.0
_PAGE_NUMBER = 26.0
_MOST_SIGNS = 100
_MOST_STUDIES = 50  # of another disc
_MOST_SERIES = 500  # of one disc: some fifteen pages
_COLUMNS = (0.09, 0.13, 0.64, 0.14)  # number, kind, description, count


def draw_cover(
    paper: Paper, template: CoverTemplate, fonts: Sequence[Path] = ()
) -> tuple[bytes, tuple[Finding, ...]]:
    """Return the cover sheets of all discs as PDF, and what is to be known of it."""
    sheet = _Sheet(paper, template, fonts)
    with closing(sheet.canvas) as canvas:
        for disc in paper.discs:
            sheet.begin_disc()
            for part in _PARTS:
                part(sheet, paper, disc)
        sheet.number_pages()
        return canvas.finished("Cover sheet of a disc", paper.made), canvas.findings


class _Sheet:
    """A page that is filled from top to bottom, and the next one when it is full."""

    def __init__(self, paper: Paper, template: CoverTemplate, fonts: Sequence[Path]) -> None:
        self.template, self.words = template, template.words
        self.page_width, self.page_height = _PAGES[template.page]
        characters = characters_of(paper, *template.words.values())
        self.canvas = Canvas("cover sheet", (self.page_width, self.page_height), characters, fonts)
        self.series = 0
        self.pages: list[int] = []
        self.left, self.width = template.margin, self.page_width - 2 * template.margin
        self.y = 0.0

    def begin_disc(self) -> None:
        """Begin the first page of a disc."""
        self.pages.append(0)
        self.series = 0
        self.new_page()

    def new_page(self) -> None:
        """Begin a page, with what stands at its foot."""
        self.pages[-1] += 1
        self.canvas.new_page()
        self.y = self.template.margin
        at = self.page_height - _FOOT
        self.canvas.line(self.left, at - 1.5, self.left + self.width, at - 1.5)
        size = self.template.size * 0.8
        box = Box(self.left, at, self.width - _PAGE_NUMBER, 4)
        self.canvas.text(box, self.words["private"], size, what="the foot of the page", gray=MUTED)

    def number_pages(self) -> None:
        """Write at the foot of each page which one it is, now that it is known how many there are."""
        number = 0
        left, at = self.left + self.width - _PAGE_NUMBER, self.page_height - _FOOT
        for count in self.pages:
            for page in range(1, count + 1):
                number += 1
                self.canvas.go_back_to(number)
                text = self.words["page"].format(page=page, pages=count)
                self.canvas.text(
                    Box(left, at, _PAGE_NUMBER, 4),
                    text,
                    self.template.size * 0.8,
                    what="the page number",
                    align="right",
                    gray=MUTED,
                )

    def need(self, height: float) -> None:
        """Go to the next page when so many mm are not left on this one."""
        if self.y + height > self.page_height - _FOOT - 3:
            self.new_page()

    def row(
        self, text: str, *, scale: float = 1.0, bold: bool = False, indent: float = 0.0, what: str
    ) -> None:
        """Draw a line and go below it."""
        size = self.template.size * scale
        height = line_height(size)
        self.need(height)
        box = Box(self.left + indent, self.y, self.width - indent, height)
        self.canvas.text(box, text, size, what=what, bold=bold)
        self.y += height

    def paragraph(self, text: str, *, indent: float = 0.0) -> None:
        """Draw a text over as many lines as it takes."""
        for line in self.canvas.lines(text, self.width - indent, self.template.size):
            self.row(line, indent=indent, what="a sentence")

    def heading(self, text: str) -> None:
        """Draw a heading, not as the last line of a page."""
        self.space(3.5)
        self.need(4 * line_height(self.template.size))
        self.row(text, scale=1.2, bold=True, what="a heading")
        self.canvas.line(self.left, self.y + 0.3, self.left + self.width, self.y + 0.3)
        self.space(1.5)

    def cells(self, texts: Sequence[str], *, bold: bool = False, gray: int = 0) -> None:
        """Draw a row of the table of series."""
        height = line_height(self.template.size)
        self.need(height)
        at = self.left + 4
        for index, (text, part) in enumerate(zip(texts, _COLUMNS, strict=True)):
            wide = (self.width - 4) * part
            align = "right" if index == len(_COLUMNS) - 1 else "left"
            self.canvas.text(
                Box(at, self.y, wide - 1, height),
                text,
                self.template.size,
                what="the table of series",
                bold=bold,
                align=align,
                gray=gray,
            )
            at += wide
        self.y += height

    def space(self, height: float) -> None:
        """Leave room."""
        self.y += height


def _head(sheet: _Sheet, paper: Paper, disc: PaperDisc) -> None:
    words, top, full = sheet.words, sheet.y, sheet.width
    sheet.canvas.qr(sheet.left + full - _QR, top - 2, _QR, qr_text(disc))
    box = Box(sheet.left + full - _QR - 10, top + _QR - 2.5, _QR + 10, 3)
    sheet.canvas.text(box, words["qr"], sheet.template.size * 0.62, what="a note", align="right", gray=MUTED)
    sheet.width = full - _QR - 6
    for index, line in enumerate(paper.institution):
        sheet.row(line, bold=not index, what="the institution")
    sheet.space(2)
    sheet.row(words["title"], scale=1.9, bold=True, what="the title")
    values = {"number": disc.number, "of": disc.of}
    sheet.row(words["disc"].format(**values), scale=1.2, bold=True, what="the number of the disc")
    parts = [words["made"].format(date=paper.made)] if paper.made else []
    parts += [words["label"].format(label=disc.label)] if disc.label else []
    sheet.row("  \u00b7  ".join((*parts, disc.content)), what="the disc")
    series = sum(len(study.series) for study in disc.studies)
    total = words["total"].format(studies=len(disc.studies), series=series, images=f"{disc.instances:,}")
    sheet.row(total, what="the disc")
    sheet.width = full
    sheet.y = max(sheet.y, top + _QR + 2)


def _patients(sheet: _Sheet, _paper: Paper, disc: PaperDisc) -> None:
    for patient in disc.patients:
        _patient(sheet, patient)
        for study in patient.studies:
            if sheet.series >= _MOST_SERIES:
                sheet.canvas.note_shortened("the list of series")
                sheet.row("\u2026", what="the list of series")
                return
            _study(sheet, study)


def _patient(sheet: _Sheet, patient: PaperPatient) -> None:
    words = sheet.words
    if not (patient.writings or patient.id):
        sheet.heading(words["no_patient"])
        return
    sheet.heading(sheet.canvas.name(patient.writings) or words["no_name"])
    parts = [words["born"].format(date=patient.birth_date)] if patient.birth_date else []
    parts += [words["id"].format(id=patient.id)] if patient.id else []  # last: the end is cut
    sheet.row("  \u00b7  ".join(parts), what="the Patient ID")


def _study(sheet: _Sheet, study: PaperStudy) -> None:
    words = sheet.words
    sheet.space(1.8)
    sheet.need(3 * line_height(sheet.template.size))
    parts = [study.date or words["no_date"], study.description, "/".join(study.modalities)]
    if study.accession:
        parts.append(words["accession"].format(accession=study.accession))
    sheet.row("  \u00b7  ".join(part for part in parts if part), bold=True, what="a study")
    head = (words["series"], words["kind"], words["description"], words["images"])
    sheet.cells(head, gray=MUTED)
    room = max(1, _MOST_SERIES - sheet.series)
    sheet.series += len(study.series)
    for series in study.series[:room]:
        sheet.cells((series.number, series.modality, series.description, f"{series.instances:,}"))
    if len(study.series) > room:
        sheet.canvas.note_shortened("the list of series")
        sheet.cells(("\u2026", "", "", ""))


def _missing(sheet: _Sheet, paper: Paper, _disc: PaperDisc) -> None:
    sheet.heading(sheet.words["missing"])
    for sign in paper.signs[:_MOST_SIGNS]:
        _bullet(sheet, sign)
    if len(paper.signs) > _MOST_SIGNS:
        sheet.canvas.note_shortened("the list of what seems to be missing")
        _bullet(sheet, "\u2026")
    sheet.paragraph(sheet.words["missing_hint" if paper.signs else "nothing_missing"])


def _bullet(sheet: _Sheet, text: str) -> None:
    for index, line in enumerate(sheet.canvas.lines(text, sheet.width - 4, sheet.template.size)):
        sheet.need(line_height(sheet.template.size))
        if not index:
            box = Box(sheet.left, sheet.y, 4, line_height(sheet.template.size))
            sheet.canvas.text(box, "\u00b7", sheet.template.size, what="a mark", bold=True)
        sheet.row(line, indent=4, what="what seems to be missing")


def _others(sheet: _Sheet, paper: Paper, disc: PaperDisc) -> None:
    others = [one for one in paper.discs if one.number != disc.number]
    if not others:
        return
    sheet.heading(sheet.words["others"])
    for other in others:
        images = f"{other.instances:,}"
        values = {"number": other.number, "of": other.of, "studies": len(other.studies), "images": images}
        sheet.row(sheet.words["other"].format(**values), bold=True, what="another disc")
        if len(other.studies) > _MOST_STUDIES:
            sheet.canvas.note_shortened("the studies of another disc")
        for study in other.studies[:_MOST_STUDIES]:
            parts = (study.date, "/".join(study.modalities), study.description)
            sheet.row("  \u00b7  ".join(part for part in parts if part), indent=4, what="another disc")


def _opening(sheet: _Sheet, _paper: Paper, disc: PaperDisc) -> None:
    sheet.heading(sheet.words["open"])
    if disc.has_viewer:
        sheet.paragraph(sheet.words["open_viewer"])
    elif disc.content != "DICOM ONLY":
        sheet.paragraph(sheet.words["open_web"])
    sheet.paragraph(sheet.words["open_dicom"])


def _asking(sheet: _Sheet, paper: Paper, _disc: PaperDisc) -> None:
    sheet.heading(sheet.words["ask"])
    for line in paper.institution or (sheet.words["nobody"],):
        sheet.row(line, what="the institution")


_PARTS: tuple[Callable[[_Sheet, Paper, PaperDisc], None], ...] = (
    _head,
    _patients,
    _missing,
    _others,
    _opening,
    _asking,
)
