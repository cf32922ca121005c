"""Search what was de-identified for what identified people before: a finished medium, or what is to be sent.

Of a medium are searched the names of files and of the volume, every file for browsers and readers, the
DICOMDIR; of each instance all but the samples of its pixels: they are numbers, which no search for text can
judge. Of compressed pixel data the beginning of each fragment is searched, where encoders leave comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self

from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.forms import PLACEHOLDERS, Form, Reach, is_searched
from mediakit.dicom.deidentify.identifiers import Kind
from mediakit.dicom.deidentify.search import Hit, Search
from mediakit.dicom.dictionary import ordinary_words, tag_name
from mediakit.dicom.elements import EXPLICIT_LITTLE, ITEM, item_header_at
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.opening import FIRST_LOOK, located
from mediakit.dicom.uids import SYNTAXES
from mediakit.dicom.walk import Step, Token, Unwalkable, Walker, by_dictionary
from mediakit.errors import IdentifyingError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Finding, Rule, Severity, Where, tag_text
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.envelope import Envelope, UnsealedTree
from mediakit.formats.registry import open_medium

_MOST_TOLD = 100
_MOST_OF_A_FILE = 10
_FRAGMENT_LOOK = 4096
_AROUND = 12  # bytes beside a spelling in a file that is no DICOM file, which have to be text
_CHUNK = re.compile(r"VIEWER/S[0-9]+/C[0-9]+\.BIN", re.IGNORECASE)  # samples again, deflated
_TEXT_VRS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UR", "UT", "UI"})
# What vendors and coding schemes choose, not people: a word there is not the name of a patient or physician.
# Manufacturer, its model, Code Value, Coding Scheme Designator, Code Meaning, Convolution Kernel, versions.
_VOCABULARY = frozenset({0x00080070, 0x00081090, 0x00080100, 0x00080102, 0x00080104, 0x00181210, 0x00181020})

FOUND = Rule(
    id="MK-DEI-010",
    severity=Severity.ERROR,
    title="at byte {offset} the {kind} of an original is still there{inside}",
    ref="PS3.15 E.1.1",
    hint="remove or replace the attribute in `--deidentify-table`, take the file out of `--add`, or leave "
    "out what holds it; then run it again",
)
FOUND_IN_NAME = Rule(
    id="MK-DEI-011",
    severity=Severity.ERROR,
    title="the {kind} of an original stands in the names of the volume or its files",
    ref="PS3.15 E.1.1",
    hint="choose another `--file-set-id`, or rename the files of `--add`; then burn again",
)
DATE_FOUND = Rule(
    id="MK-DEI-012",
    severity=Severity.WARNING,
    title="a date that is the birth date of a patient still stands in {count:place}, first at byte {offset}",
    ref="PS3.15 E.1.1",
    hint="it may be the date of something else; look at it when dates were not removed",
)
NOT_SEARCHED = Rule(
    id="MK-DEI-013",
    severity=Severity.NOTE,
    title="{count:identifier is|identifiers are} too short or too ordinary a word to be searched for alone",
    ref="PS3.15 E.1.1",
    hint="names were searched for as a whole all the same; nothing needs to be done",
)


def sweep(
    target: Path, engine: Engine, envelope: Envelope | None = None, tell: Listener = silence
) -> tuple[Finding, ...]:
    """Search the medium at `target` for the identifiers that the engine met; return what is to be said.

    Raises IdentifyingError with findings when one is there. No finding shows a value.
    """
    sweeping = _Sweeping.of(engine)
    with open_medium(target) as opened:
        tree: Tree = opened if envelope is None else UnsealedTree(opened, envelope)
        sweeping.run(tree, tell)
    found = (*sweeping.in_names, *(finding for those in sweeping.found.values() for finding in those))
    if found:
        what = "text that says who a patient is was found on the finished medium"
        raise IdentifyingError(what, findings=found[:_MOST_TOLD])
    return tuple(sweeping.notes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was found in files: by path what still identifies people, and what else is to be said."""

    found: Mapping[str, tuple[Finding, ...]]
    notes: tuple[Finding, ...]


def sweep_files(
    nodes: Iterable[Node], opened: Callable[[Node], BinaryIO], engine: Engine, tell: Listener = silence
) -> Swept:
    """Search files for the identifiers that the engine met, each by itself. No finding shows a value."""
    sweeping = _Sweeping.of(engine)
    sweeping.files(list(nodes), opened, tell)
    found = {path: tuple(those) for path, those in sweeping.found.items()}
    return Swept(found=found, notes=tuple(sweeping.notes()))


def _page_words() -> frozenset[str]:
    """Return the words of the page that the viewer is, which is the same on every medium."""
    page = package_files("mediakit.extras.viewer").joinpath("viewer.htm").read_text(encoding="utf-8")
    return frozenset(re.findall(r"\w+", page.casefold()))


@dataclass(slots=True)
class _Sweeping:
    """One search of a medium under way."""

    search: Search
    unsearched: int
    in_names: list[Finding] = field(default_factory=list)
    found: dict[str, list[Finding]] = field(default_factory=dict)
    _scanner: Scanner = field(default_factory=Scanner)
    _dates: list[tuple[str, int]] = field(default_factory=list)
    _vocabulary: set[bytes] = field(default_factory=set)

    @classmethod
    def of(cls, engine: Engine) -> Self:
        """Return a search for the identifiers that the engine met, but for those that are new values, too."""
        wishes = engine.policy.wishes
        aliases = engine.pseudonyms.aliases()
        new = {alias.patient_id for alias in aliases} | {alias.name for alias in aliases}
        new |= set(wishes.replace.values())
        identifiers = engine.identifiers.without(new)
        words = _page_words() | wishes.words | {text.casefold() for text in new}
        ordinary = PLACEHOLDERS | ordinary_words() | words
        unsearched = sum(not is_searched(one, ordinary) for one in identifiers)
        return cls(Search(identifiers, ordinary), unsearched)

    def run(self, tree: Tree, tell: Listener) -> None:
        """Search a medium: its names and its files."""
        nodes = [node for node in tree.walk() if node.kind is NodeKind.FILE]
        self._names(tree, nodes)
        self.files(nodes, tree.open, tell)

    def files(self, nodes: list[Node], opened: Callable[[Node], BinaryIO], tell: Listener) -> None:
        """Search instances first: what is a word of their vocabulary is one in pages about them, too."""
        tell(PhaseStarted("sweep", total=sum(node.size for node in nodes), unit="bytes"))
        others = []
        for node in nodes:
            with opened(node) as stream:
                if self._instance(stream, node):
                    tell(Advanced(node.size))
                else:
                    others.append(node)
        for node in others:
            if not _CHUNK.fullmatch(node.path):
                with opened(node) as stream:
                    self._other(stream, node)
            tell(Advanced(node.size))
        tell(PhaseEnded("sweep"))

    def notes(self) -> Iterator[Finding]:
        """Yield the findings on birth dates and on what is not searched for."""
        if self._dates:
            path, offset = self._dates[0]
            yield DATE_FOUND.at(Where(path=path), count=len(self._dates), offset=offset)
        if self.unsearched:
            yield NOT_SEARCHED.at(count=self.unsearched)

    def _names(self, tree: Tree, nodes: list[Node]) -> None:
        names = [tree.facts.label, *tree.folders()]
        names += [name for node in nodes for name in (node.path, *node.also)]
        for form in self.search.in_text("\n".join(names)):
            if form.kind is not Kind.BIRTH_DATE and form.reach is not Reach.VALUE:
                self.in_names.append(FOUND_IN_NAME.at(kind=form.kind.value))

    def _instance(self, stream: BinaryIO, node: Node) -> bool:
        """Search a DICOM file; return False when it is none."""
        read = self._scanner.read(stream, node.size, "", node.path)
        if not isinstance(read, Instance):
            return False
        end = read.header.pixel_offset or node.size
        stream.seek(0)
        head = stream.read(end)
        hits = sorted(self.search.hits(BytesIO(head)), key=lambda hit: hit.at)
        if hits:
            self._judge(hits, head, node.path)
        known = SYNTAXES.get(read.transfer_syntax)
        if end < node.size and known is not None and known.is_encapsulated:
            for begin, piece in _fragments(stream, end, node.size):
                for hit in self.search.hits(BytesIO(piece)):
                    if hit.form.reach is Reach.EVERYWHERE:
                        self._note(node.path, begin + hit.at, hit.form, None)
        return True

    def _judge(self, hits: list[Hit], head: bytes, path: str) -> None:
        elements = _elements(head)
        element = next(elements, None)
        for hit in hits:
            while element is not None and element.end <= hit.at:
                element = next(elements, None)
            inside = element if element is not None and element.start <= hit.at else None
            if self._counts(hit, inside, head):
                self._note(path, hit.at, hit.form, None if inside is None else inside.tag)

    def _counts(self, hit: Hit, element: Token | None, head: bytes) -> bool:
        """Return True when what was found in an element means what it says."""
        form = hit.form
        if element is None:
            return form.reach is Reach.EVERYWHERE or (hit.at < FIRST_LOOK and form.kind is Kind.UID)
        if form.is_word and element.tag in _VOCABULARY:
            self._vocabulary.add(form.raw.lower())
            return False
        if form.reach is Reach.VALUE:
            value = head[element.start : element.end].strip(b" \0").lower()
            return element.vr in _TEXT_VRS and value == form.raw.lower()
        return form.reach is Reach.EVERYWHERE or element.vr in _TEXT_VRS or form.kind is Kind.BIRTH_DATE

    def _other(self, stream: BinaryIO, node: Node) -> None:
        """Search a file for readers or browsers."""
        hits = [hit for hit in self.search.hits(stream) if hit.form.reach is not Reach.VALUE]
        for hit in hits:
            form = hit.form
            if form.is_word and form.raw.lower() in self._vocabulary:
                continue
            if form.reach is Reach.TEXT:
                begin = max(0, hit.at - _AROUND)
                stream.seek(begin)
                if not _is_text(stream.read(hit.at - begin + hit.length + _AROUND), form):
                    continue
            self._note(node.path, hit.at, form, None)

    def _note(self, path: str, offset: int, form: Form, tag: int | None) -> None:
        if form.kind is Kind.BIRTH_DATE:
            self._dates.append((path, offset))
            return
        found = self.found.setdefault(path, [])
        if len(found) < _MOST_OF_A_FILE:
            inside = "" if tag is None else f", in {tag_name(tag) or tag_text(tag)}"
            where = Where(path=path, tag=tag)
            found.append(FOUND.at(where, offset=offset, kind=form.kind.value, inside=inside))


def _elements(head: bytes) -> Iterator[Token]:
    """Yield the elements of a file with a value, in their order, with places counted from its start."""
    try:
        opening = located(BytesIO(head), len(head), head[:FIRST_LOOK])
        body = memoryview(head)[opening.begin :]
        for token in Walker(body, opening.encoding, by_dictionary, lenient=True):
            if token.step is Step.ELEMENT:
                yield token._replace(start=token.start + opening.begin, end=token.end + opening.begin)
    except (Malformed, Unwalkable):
        return  # the head ends where the pixels begin


def _fragments(stream: BinaryIO, at: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the first bytes of each fragment of compressed pixel data, and where they are."""
    while at + 8 <= size:
        stream.seek(at)
        piece = stream.read(8 + _FRAGMENT_LOOK)
        tag, length = item_header_at(piece, 0, EXPLICIT_LITTLE) if len(piece) >= 8 else (0, 0)
        if tag != ITEM:
            return
        yield at + 8, piece[8 : 8 + length]
        at += 8 + length


def _is_text(around: bytes, form: Form) -> bool:
    """Return True when the bytes beside a spelling are text, too."""
    if b"\0" in form.raw:
        around = around.replace(b"\0", b"")
    said = around.decode("utf-8", "ignore")
    lost = len(around) - len(said.encode("utf-8"))
    return (lost <= 6 or not form.raw.isascii()) and all(
        char.isprintable() or char in "\t\r\n" for char in said
    )
