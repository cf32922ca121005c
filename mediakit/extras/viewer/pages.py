"""The static pages of a medium: README.TXT, INDEX.HTM and the folder IHE_PDI (IHE RAD TF-3 4.47). Pure.

XHTML Basic without scripts and style sheets. Everything is ASCII: other characters are references in
pages, and letters without their marks in README.TXT.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mediakit.extras.viewer.assemble import Series
from mediakit.fileset.contents import PatientFact, StudyFact
from mediakit.fileset.for_people import INDEX, README, VIEWER_PAGE, WEB

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" "http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en">
<head><title>{title}</title></head>
<body>
<h1>{title}</h1>
"""
_VIEWER_HELP = (
    'The viewer: open INDEX.HTM and choose "View the images". It needs a browser of 2023 or later',
    "(Chrome, Edge, Firefox, Safari) on any system; nothing is installed, nothing is sent, nothing",
    "starts by itself. It is for information, not for diagnosis. If it does not run, the pages of",
    "IHE_PDI, where there are any, or another DICOM viewer show the images.",
)
_AS_BASIC = (
    (re.compile(r"<a [^>]*>"), "<em>"),
    (re.compile(r"</a>"), "</em>"),
    (re.compile(r"<span[^>]*>"), ""),
    (re.compile(r"</span>"), "<br />"),
)
_TAIL = "</body>\n</html>\n"
_SPELLED = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "ł": "l", "Ł": "L", "đ": "d", "œ": "oe"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages say of the medium. `institution` has one line or more; `program` is name and version.

    `has_viewer` and `has_web`: whether VIEWER and IHE_PDI are on it. `is_lower`: links in lower case.
    """

    institution: Sequence[str]
    program: str
    made: str
    has_viewer: bool
    has_web: bool
    is_lower: bool
    others: Sequence[str] = ()

    def link(self, path: str, text: str) -> str:
        """Return a link to a file of the medium, as it stands in the page."""
        return f'<a href="{path.lower() if self.is_lower else path}">{_text(text)}</a>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One JPEG of IHE_PDI: its file name, and what it shows."""

    name: str
    caption: str


def readme(site: Site) -> bytes:
    """Return README.TXT: who made the medium and with what, its layout, the viewer, a disclaimer."""
    lines = ["DICOM images and documents of patients", "======================================", ""]
    lines += ["Made by:", *(f"  {line}" for line in site.institution or ("(the institution gave no name)",))]
    lines += [
        "",
        f"Written on {_date(site.made)} with {site.program},",
        "  a product of the mediakit project.",
        "",
    ]
    lines += ["What is on it:", "  DICOMDIR and the folders beside it   the images in the DICOM format"]
    lines += ["  INDEX.HTM                            a page to begin with, for any browser"]
    if site.has_viewer:
        lines += ["  VIEWER                               the images once more, with a viewer"]
    if site.has_web:
        lines += ["  IHE_PDI                              pages and pictures without the full quality"]
    lines += [f"  {name}" for name in site.others]
    lines += [""]
    if site.has_viewer:
        lines += [*_VIEWER_HELP, ""]
    lines += [
        "The medium holds personal health data. Pass it on only to those who treat the patient. Those who",
        "made it answer for what was true when it was written, not for what others do with it.",
    ]
    return "".join(f"{_ascii(line)}\r\n" for line in lines).encode("ascii")


def index(site: Site, patients: Sequence[PatientFact]) -> bytes:
    """Return INDEX.HTM of the root: static, with one link to the viewer."""
    parts = [_head("Images on this disc")]
    if site.has_viewer:
        parts.append(f"<h2>{site.link(VIEWER_PAGE, 'View the images')}</h2>\n")
        parts.append("<p>In this browser: nothing is installed, nothing leaves this computer. ")
        parts.append("For information, not for diagnosis.</p>\n")
    if site.has_web:
        parts.append(
            f"<p>{site.link(WEB + INDEX, 'Pages with pictures')} for browsers without scripts.</p>\n"
        )
    parts.append(f"<p>{site.link(README, 'About this disc')}</p>\n")
    parts += _portrait(patients)
    parts += _made_by(site)
    parts.append(
        "<p>The DICOM images can be imported with the file DICOMDIR. Pages, pictures and the viewer are for "
        "people and are not imported.</p>\n"
    )
    return _page(parts)


def web_index(site: Site, patients: Sequence[PatientFact], series: Sequence[Series]) -> bytes:
    """Return IHE_PDI/INDEX.HTM: every patient, study and series, with links to the pages of the series."""
    parts = [_head("Pages with pictures")]
    by_uid = iter(series)
    for patient in patients:
        parts.append(f"<h2>{_text(_who(patient))}</h2>\n")
        for study in patient.studies:
            parts.append(f"<h3>{_text(_words(_date(study.date), study.description, study.accession))}</h3>\n")
            items = []
            for _ in study.series:
                one = next(by_uid)
                title = _words(one.fact.modality, one.fact.number, one.fact.description) or "series"
                count = f"{len(one.fact.instances)} in all"
                items.append(f"<li>{site.link(f'{one.key}.HTM', title)} ({count})</li>\n")
            parts += ["<ul>\n", *items, "</ul>\n"] if items else []
    parts.append(
        f"<p>{site.link(f'../{INDEX}', 'Back')} - {site.link(f'../{README}', 'About this disc')}</p>\n"
    )
    return _page(parts)


def series_page(
    site: Site, series: Series, whose: str, pictures: Sequence[Picture], documents: Sequence[str]
) -> bytes:
    """Return the page of a series in IHE_PDI: its pictures and documents; `whose` names patient and study."""
    fact = series.fact
    parts = [_head(_words(fact.modality, fact.number, fact.description) or "Series")]
    parts.append(f"<p><strong>{_text(whose)}</strong></p>\n")
    shown = f"{len(pictures)} of {len(series.rows)} images shown, in less than full quality."
    parts.append(f"<p>{shown} For information, not for diagnosis.</p>\n" if series.rows else "")
    parts += (shown_picture(site, picture) for picture in pictures)
    parts += documents
    parts.append(f"<p>{site.link(INDEX, 'All series')}</p>\n")
    return _page(parts)


def shown_picture(site: Site, picture: Picture) -> str:
    """Return a picture with its caption, as it stands in the page of a series."""
    name = picture.name.lower() if site.is_lower else picture.name
    return f'<p><img src="{name}" alt="{_text(picture.caption)}" /><br />{_text(picture.caption)}</p>\n'


def ecg_caption(title: str, leads: Sequence[str], shown_s: float, seconds: float) -> str:
    """Return what is said of the picture of an ECG."""
    part = f"the first {shown_s:g} of {seconds:g} s" if shown_s < seconds else f"{seconds:g} s"
    scale = "small squares are 0.04 s and 0.1 mV"
    return f"{title}, {part}: {', '.join(leads)} ({scale}). For information, not for diagnosis."


def document(told: Mapping[str, Any]) -> str:
    """Return the text of a document of the viewer as XHTML Basic: no links, lines by line breaks."""
    html = str(told["html"])
    if not told.get("verified", True):
        state = "is not verified" if told.get("complete") else "is neither complete nor verified"
        html = f"<p><strong>This report {state}.</strong></p>{html}"
    for old, new in _AS_BASIC:
        html = old.sub(new, html)
    return _legal(html) + "\n"


def not_shown(title: str) -> str:
    """Return what a page says of a document that it does not show."""
    return f"<p>{_text(title)}: not shown on this page.</p>\n"


def whose(patient: PatientFact, study: StudyFact) -> str:
    """Return the words that name a patient and a study."""
    return _words(_who(patient), _date(study.date), study.description)


def chosen(count: int, most: int) -> list[int]:
    """Return at most `most` of `count` indices, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})


def _portrait(patients: Sequence[PatientFact]) -> list[str]:
    parts = []
    for patient in patients:
        parts.append(f"<h3>{_text(_who(patient))}</h3>\n")
        items = []
        for study in patient.studies:
            count = sum(len(series.instances) for series in study.series)
            words = _words(_date(study.date), study.description)
            kinds = ", ".join(dict.fromkeys(series.modality for series in study.series if series.modality))
            objects = f"{count} image or document" if count == 1 else f"{count} images and documents"
            items.append(f"<li>{_text(words)}: {_text(kinds)}, {len(study.series)} series, {objects}</li>\n")
        parts += ["<ul>\n", *items, "</ul>\n"] if items else []
    return parts


def _made_by(site: Site) -> list[str]:
    lines = [_text(line) for line in site.institution]
    made = f"Written on {_date(site.made)} with {_text(site.program)}."
    return [f"<p>{'<br />'.join([*lines, made])}</p>\n"]


def _who(patient: PatientFact) -> str:
    group = next((one for one in patient.name.split("=") if one.strip("^ ")), "")
    name = ", ".join(part for part in group.split("^")[:2] if part)
    return _words(
        name or "(no name)", patient.id and f"ID {patient.id}", _date(patient.birth_date), patient.sex
    )


def _words(*words: str) -> str:
    return " - ".join(word for word in words if word)


def _date(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdecimal() else date


def _head(title: str) -> str:
    return _HEAD.format(title=_text(title))


def _page(parts: Sequence[str]) -> bytes:
    return ("".join(parts) + _TAIL).encode("ascii")


def _text(text: str) -> str:
    """Return text escaped for a page."""
    return _legal(escape(text))


def _legal(text: str) -> str:
    """Return text in ASCII, without what XML cannot hold."""
    legal = "".join(char if char.isprintable() else " " for char in text)
    return legal.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return "".join(char if 32 <= ord(char) < 127 else "?" for char in plain)
