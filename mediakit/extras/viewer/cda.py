"""A clinical document (HL7 CDA Release 2, PS3.3 A.45.2) as HTML: header and narrative, escaped.

Only what a person is to read: title, patient, author, and the text of each section (CDA R2 4.3.5). No style
sheet of the document is applied, nothing outside of it is opened, and one that declares entities is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from xml.etree import ElementTree as ET

_MOST_BYTES = 16 << 20
_DEEPEST = 40
_MOST_ITEMS = 50_000
_V3 = "{urn:hl7-org:v3}"
_STRONG, _EMPHASIS = "strong", "em"
_INLINE = {"content", "linkHtml", "sub", "sup", "footnote", "footnoteRef"}
_SKIPPED = {"renderMultiMedia"}


class NotClinical(Exception):  # noqa: N818 - an answer about one document
    """The document is not one that can be shown; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinical:
    """A document: its title ("" when it has none), and its HTML."""

    title: str
    html: str = field(repr=False)


def clinical(content: bytes) -> Clinical:
    """Return a document as the viewer shows it. Raises NotClinical."""
    root = _parsed(content)
    if root.tag != f"{_V3}ClinicalDocument":
        raise NotClinical("its document is no clinical document (CDA)")
    title = _words(root.find(f"{_V3}title"))
    sections = root.findall(f"{_V3}component/{_V3}structuredBody/{_V3}component/{_V3}section")
    if not sections:
        raise NotClinical("its document has no text that a browser can show")
    maker = _Narrative()
    head = [f"<h2>{escape(title or 'Clinical document')}</h2>", *_header(root)]
    body = [piece for section in sections for piece in maker.section(section, 0)]
    more = ["<p><em>There is more than is shown here.</em></p>"] if maker.is_cut else []
    return Clinical(title=title, html="".join((*head, *body, *more)))


def _parsed(content: bytes) -> ET.Element:
    if len(content) > _MOST_BYTES:
        raise NotClinical("its document is too large to be shown")
    try:
        parser = ET.XMLParser(target=_NoEntities())  # noqa: S314 - without a DTD there are no entities
        parser.feed(content.rstrip(b"\0"))
        root: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError) as exc:
        raise NotClinical("its document is no well-formed XML") from exc
    return root


class _NoEntities(ET.TreeBuilder):
    """Builds a tree, and goes no further when a document declares what could be an entity."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        """Raise NotClinical."""
        raise NotClinical("its document declares entities, which a clinical document does not")


def _header(root: ET.Element) -> Iterator[str]:
    """Yield who it is about and who wrote it, and when."""
    role = f"{_V3}recordTarget/{_V3}patientRole"
    author = root.find(f"{_V3}author")
    facts = [
        ("Patient", _name(root.find(f"{role}/{_V3}patient/{_V3}name"))),
        ("Born", _value(root.find(f"{role}/{_V3}patient/{_V3}birthTime"))),
        ("Written", _value(root.find(f"{_V3}effectiveTime"))),
    ]
    if author is not None:
        facts.append(("Author", _name(author.find(f"{_V3}assignedAuthor/{_V3}assignedPerson/{_V3}name"))))
    items = [f"<li><strong>{name}:</strong> {escape(words)}</li>" for name, words in facts if words]
    yield from ("<ul>", *items, "</ul>") if items else ()


class _Narrative:
    """Makes HTML of sections; counts what it made, so that no document grows without an end."""

    def __init__(self) -> None:
        self._left = _MOST_ITEMS
        self.is_cut = False

    def section(self, section: ET.Element, depth: int) -> Iterator[str]:
        """Yield a section and those inside it."""
        if not self._counts(depth):
            return
        if title := _words(section.find(f"{_V3}title")):
            level = min(depth + 3, 6)
            yield f"<h{level}>{escape(title)}</h{level}>"
        text = section.find(f"{_V3}text")
        if text is not None:
            yield from self._blocks(text, depth)
        for inner in section.findall(f"{_V3}component/{_V3}section"):
            yield from self.section(inner, depth + 1)

    def _counts(self, depth: int) -> bool:
        self._left -= 1
        is_counted = depth < _DEEPEST and self._left > 0
        self.is_cut |= not is_counted
        return is_counted

    def _blocks(self, parent: ET.Element, depth: int) -> Iterator[str]:
        """Yield what stands in a section, an item or a cell: loose words become paragraphs."""
        if not self._counts(depth):
            return
        loose = [escape(parent.text or "")]
        for child in parent:
            name = _local(child)
            if name in {"paragraph", "list", "table", "caption"}:
                yield from _paragraph(loose)
                loose = []
                yield from self._block(child, name, depth + 1)
            else:
                loose += self._inline(child, depth + 1)
            loose.append(escape(child.tail or ""))
        yield from _paragraph(loose)

    def _block(self, element: ET.Element, name: str, depth: int) -> Iterator[str]:
        if name == "list":
            yield from self._list(element, depth)
        elif name == "table":
            yield from self._table(element, depth)
        else:
            words = list(self._inside(element, depth))
            yield from _paragraph(["<strong>", *words, "</strong>"] if name == "caption" else words)

    def _list(self, element: ET.Element, depth: int) -> Iterator[str]:
        items = [child for child in element if _local(child) == "item"]
        for caption in (child for child in element if _local(child) == "caption"):
            yield from self._block(caption, "caption", depth)
        if items:
            yield "<ul>"
            for item in items:
                yield from ("<li>", *self._blocks(item, depth), "</li>")
            yield "</ul>"

    def _table(self, element: ET.Element, depth: int) -> Iterator[str]:
        for caption in (child for child in element if _local(child) == "caption"):
            yield from self._block(caption, "caption", depth)
        rows = [row for row in element.iter(f"{_V3}tr") if any(_local(cell) in {"td", "th"} for cell in row)]
        if rows:
            yield "<table>"
            for row in rows:
                cells = [(cell, _local(cell)) for cell in row if _local(cell) in {"td", "th"}]
                yield "<tr>"
                for cell, name in cells:
                    yield from (f"<{name}>", *self._blocks(cell, depth), f"</{name}>")
                yield "</tr>"
            yield "</table>"

    def _inside(self, element: ET.Element, depth: int) -> Iterator[str]:
        """Yield the words of an element: blocks in it are no blocks any more."""
        yield escape(element.text or "")
        for child in element:
            yield from self._inline(child, depth + 1)
            yield escape(child.tail or "")

    def _inline(self, element: ET.Element, depth: int) -> Iterator[str]:
        name = _local(element)
        if name in _SKIPPED or not self._counts(depth):
            yield "<em>(not shown here)</em>" if name in _SKIPPED else ""
        elif name == "br":
            yield '<span class="line"></span>'
        else:
            style = element.get("styleCode", "") if name in _INLINE else ""
            tag = _STRONG if "Bold" in style else _EMPHASIS if style else ""
            words = self._inside(element, depth)
            yield from (f"<{tag}>", *words, f"</{tag}>") if tag else (" ", *words)


def _paragraph(words: list[str]) -> Iterator[str]:
    text = "".join(words)
    if text.strip():
        yield f"<p>{text.strip()}</p>"


def _local(element: ET.Element) -> str:
    """Return the name of an element of CDA, "" of any other."""
    return element.tag.removeprefix(_V3) if isinstance(element.tag, str) else ""


def _words(element: ET.Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _name(element: ET.Element | None) -> str:
    return "" if element is None else " ".join(" ".join(element.itertext()).split())


def _value(element: ET.Element | None) -> str:
    """Return a time of HL7 (YYYYMMDD...) as a date."""
    value = "" if element is None else element.get("value", "")
    is_date = len(value) >= 8 and value[:8].isdecimal()
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}" if is_date else value
