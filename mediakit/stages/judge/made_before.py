"""What of a medium mediakit made of its instances: viewer, pages, manifest. An update makes it again.

A file is known by its name and its form, never by its name alone. What is not known is other content.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files as package_files

import msgspec

from mediakit.choices import ForPeople, LinkCase, Viewer
from mediakit.fileset.for_people import INDEX, LICENSE, README, VIEWER, VIEWER_INDEX, VIEWER_PAGE, WEB
from mediakit.fileset.manifest import (
    ABOUT,
    FOR_PAGE,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    SIGNATURE_BYTES,
    is_unlisted,
    line_of,
    listing_of,
    matched,
)
from mediakit.fileset.plan import DICOMDIR
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.formats.base import Tree
from mediakit.limits import MAX_PAGE_BYTES

SERIES_FILE = re.compile(r"VIEWER/(S[0-9]{4,})/(?:(META)\.BIN|(C)[0-9]{5}\.BIN|(D)[0-9]{5}\.(?:BIN|PDF|MP4))")

_PAGE = re.compile(rb"<!DOCTYPE html>\n<!--\nThe viewer of a disc written by mediakit\. .*", re.DOTALL)
_INDEX_CALL = re.compile(rb'mk\.test\(".*?"\);\nmk\.index\((\{.*\})\);\n', re.DOTALL)
_CALLS = {"META": "meta", "C": "chunk", "D": "document"}
_XHTML = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" '
_TITLE = re.compile(r"<head><title>([^<>]*)</title></head>\n<body>\n<h1>\1</h1>\n")
_ROOT_TITLE, _WEB_TITLE = "Images on this disc", "Pages with pictures"
_TAIL = "</body>\n</html>\n"
_MADE_BY = r"<p>((?:[^<>]*<br />)*)Written on [^<>]* with mediakit [^<>]*\.</p>"
_LIST = (r"<h[23]>[^<>]*</h[23]>", r"<ul>", r"</ul>")
_ROOT_LINE = re.compile(
    "|".join(
        (
            *_LIST,
            r"<li>[^<>]*</li>",
            r'<h2><a href="VIEWER/VIEWER\.HTM">View the images</a></h2>',
            r"<p>In this browser: [^<>]*</p>",
            r'<p><a href="IHE_PDI/INDEX\.HTM">Pages with pictures</a> for browsers without scripts\.</p>',
            r'<p><a href="README\.TXT">About this disc</a></p>',
            r"<p>The DICOM images can be imported with the file DICOMDIR\. [^<>]*</p>",
            _MADE_BY,
        )
    ),
    re.IGNORECASE,
)
_WEB_LINE = re.compile(
    "|".join(
        (
            *_LIST,
            r'<li><a href="S[0-9]{4,}\.HTM">[^<>]*</a> \([0-9]+ in all\)</li>',
            r'<p><a href="\.\./INDEX\.HTM">Back</a> - <a href="\.\./README\.TXT">About this disc</a></p>',
        )
    ),
    re.IGNORECASE,
)
_SERIES_LINK = re.compile(r'<li><a href="(S[0-9]{4,}\.HTM)">', re.IGNORECASE)
_SERIES_TAIL = re.compile(r'<p><a href="INDEX\.HTM">All series</a></p>\n</body>\n</html>\n\Z', re.IGNORECASE)
_PICTURE = re.compile(r'<img src="(I[0-9]{7,}\.JPG)" alt="', re.IGNORECASE)
_README = re.compile(
    r"DICOM images and documents of patients\r\n=+\r\n\r\nMade by:\r\n(?:  [^\r\n]*\r\n)+\r\n"
    r"Written on [^\r\n]* with mediakit [^\r\n]*,\r\n  a product of the mediakit project\.\r\n\r\n"
    r"What is on it:\r\n(?:[^\r\n]*\r\n)*The medium holds personal health data\.[^\r\n]*\r\n[^\r\n]*\r\n"
)


class _Document(msgspec.Struct):
    path: str = ""


class _Series(msgspec.Struct):
    documents: list[_Document] = []


class _Study(msgspec.Struct):
    series: list[_Series] = []


class _Patient(msgspec.Struct):
    studies: list[_Study] = []


class _Disc(msgspec.Struct):
    uid: str
    link_case: LinkCase = LinkCase.UPPER


class _Index(msgspec.Struct):
    """What is needed of INDEX.BIN; see docs/viewer-format.md."""

    format: int
    made_by: str
    tier: Viewer
    disc: _Disc
    patients: list[_Patient]

    def documents(self) -> Iterator[str]:
        """Yield the paths of all documents."""
        for patient in self.patients:
            for study in patient.studies:
                for series in study.series:
                    yield from (VIEWER + one.path for one in series.documents if one.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBefore:
    """What mediakit made of the instances of a medium. `paths` are its files.

    `viewer` is the form of the images (NONE: there are none), `has_pages`: INDEX.HTM is there. `listed` has,
    by path, the name and the SHA-256 (hex) of every file in the manifest; None: there is none.
    """

    paths: frozenset[str] = frozenset()
    viewer: Viewer = Viewer.NONE
    has_pages: bool = False
    pdi: bool = False
    link_case: LinkCase = LinkCase.UPPER
    institution: tuple[str, ...] = ()
    listed: Mapping[str, tuple[str, str]] | None = field(default=None, repr=False)
    is_signed: bool = False

    def wish(self, asked: Viewer | None, institution: tuple[str, ...]) -> ForPeople:
        """Return what is to be made again; `asked` is another form that the user wants.

        `institution` counts where the medium names none. Pages without a viewer were made because it had no
        room.
        """
        usual = Viewer.AUTO if self.has_pages and not self.pdi else Viewer.NONE
        usual = usual if self.viewer is Viewer.NONE else self.viewer
        return ForPeople(
            viewer=asked or usual,
            pdi=self.pdi,
            link_case=self.link_case,
            institution=self.institution or institution,
            is_asked=asked is not None or usual is not Viewer.AUTO,
        )


def made_before(seen: Survey, tree: Tree) -> MadeBefore:
    """Return what mediakit made of the instances of a medium. Raises SourceError when it cannot be read."""
    look = _Look(seen, tree)
    index = look.index()
    viewer = frozenset() if index is None else frozenset(look.viewer(index))
    root = look.page(INDEX, _ROOT_TITLE, _ROOT_LINE)
    web = frozenset(look.web())
    readme = {README} if _README.fullmatch(look.text(README)) else set()
    listed = look.listed()
    signed = frozenset(look.signed()) if listed is not None else frozenset()
    pages = {INDEX} if root else set()
    made_by = re.search(_MADE_BY, root)
    lower = 'href="readme.txt"' in root
    return MadeBefore(
        paths=frozenset(
            (*viewer, *pages, *web, *readme, *({MANIFEST} if listed is not None else ()), *signed)
        ),
        viewer=Viewer.NONE if index is None else index.tier,
        has_pages=bool(root),
        pdi=bool(web),
        link_case=LinkCase.LOWER if lower else LinkCase.UPPER if index is None else index.disc.link_case,
        institution=tuple(
            html.unescape(line) for line in (made_by[1].split("<br />")[:-1] if made_by is not None else ())
        ),
        listed=listed,
        is_signed=bool(signed),
    )


class _Look:
    """Looks at the other content of a medium."""

    def __init__(self, seen: Survey, tree: Tree) -> None:
        self._seen = seen
        self._tree = tree
        self._files: dict[str, FileFact] = {
            file.path: file for file in seen.files if file.kind is FileKind.OTHER and not file.stored
        }

    def text(self, path: str) -> str:
        """Return a text, "" when it is not there or longer than any of ours."""
        return self._bytes(path).decode("ascii", "replace")

    def index(self) -> _Index | None:
        """Return what INDEX.BIN says when it is of this file-set, else None."""
        call = _INDEX_CALL.fullmatch(self._bytes(VIEWER_INDEX))
        if call is None:
            return None
        try:
            index = msgspec.json.decode(call[1], type=_Index)
        except (msgspec.DecodeError, RecursionError):
            return None
        directory = self._seen.directory
        is_of_this = directory is not None and index.disc.uid == directory.file_set_uid
        is_form = index.tier in {Viewer.FULL, Viewer.PREVIEW} and index.format == 1
        return index if is_of_this and is_form and index.made_by.startswith("mediakit ") else None

    def viewer(self, index: _Index) -> Iterator[str]:
        """Yield the files of the viewer."""
        documents = set(index.documents())
        licence = (package_files("mediakit.extras.viewer") / "license.txt").read_bytes()
        yield VIEWER_INDEX
        for path, file in self._files.items():
            series = SERIES_FILE.fullmatch(path)
            if series is not None:
                call = f'mk.{_CALLS[next(filter(None, series.groups()[1:]))]}("{series[1]}",'
                is_ours = file.head.startswith(call.encode()) or (
                    path in documents and not path.endswith(".BIN")
                )
            elif path == VIEWER_PAGE:
                is_ours = _PAGE.match(file.head) is not None
            elif path == FOR_PAGE:
                is_ours = file.head.startswith(b'mk.manifest({"manifest":"')
            else:
                is_ours = path == LICENSE and self._bytes(path) == licence
            if is_ours:
                yield path

    def page(self, path: str, title: str, line: re.Pattern[str]) -> str:
        """Return a page all of whose lines are of our form, else ""."""
        text = self.text(path)
        found = _TITLE.search(text, 0, 1000)
        if not text.startswith(_XHTML) or found is None or found[1] != title or not text.endswith(_TAIL):
            return ""
        body = text[found.end() : -len(_TAIL)].split("\n")[:-1]
        return text if all(line.fullmatch(each) for each in body) else ""

    def web(self) -> Iterator[str]:
        """Yield the pages of IHE PDI and their pictures."""
        index = self.page(WEB + INDEX, _WEB_TITLE, _WEB_LINE)
        if not index:
            return
        yield WEB + INDEX
        for name in _SERIES_LINK.findall(index):
            path = WEB + name.upper()
            page = self.text(path)
            if not page.startswith(_XHTML) or _SERIES_TAIL.search(page, max(0, len(page) - 100)) is None:
                continue
            yield path
            for picture in _PICTURE.findall(page):
                file = self._files.get(WEB + picture.upper())
                if file is not None and file.head.startswith(b"\xff\xd8\xff"):
                    yield file.path

    def listed(self) -> dict[str, tuple[str, str]] | None:
        """Return what a manifest lists when it lists every file of the medium, in our form."""
        content = self._bytes(MANIFEST)
        listing = listing_of(content) if content else None
        if listing is None or content != b"".join(line_of(sha, path) for path, sha in listing.sha256.items()):
            return None
        files = [(file.path, file.also) for file in self._seen.files if not is_unlisted(file.path)]
        names = matched(listing.sha256, files)
        if len(names) != len(files) or len(names) != len(listing.sha256) or DICOMDIR not in names:
            return None
        return {path: (name, listing.sha256[name]) for path, name in names.items()}

    def signed(self) -> Iterator[str]:
        """Yield signature, key, and what was signed; nothing when one of them is not ours."""
        signature, key, about = (self._files.get(path) for path in (SIGNATURE, PUBLIC_KEY, ABOUT))
        if signature is None or key is None or about is None or signature.size != SIGNATURE_BYTES:
            return
        if key.head.startswith(b"-----BEGIN PUBLIC KEY-----") and about.head.startswith(_SIGNED):
            yield from (SIGNATURE, PUBLIC_KEY, ABOUT)

    def _bytes(self, path: str) -> bytes:
        file, node = self._files.get(path), self._tree.find(path)
        if file is None or node is None or file.size > MAX_PAGE_BYTES:
            return b""
        with self._tree.open(node) as stream:
            return stream.read(MAX_PAGE_BYTES + 1)


_SIGNED = b"The files of this medium are listed in MANIFEST.TXT, which is signed in MANIFEST.SIG"
