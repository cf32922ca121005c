"""IHE PDI, the pages: INDEX.HTM in the root and the web content of IHE_PDI. Test 11.

What holds only with the Web Content Option is asked only of a medium that has IHE_PDI: without it no option
is claimed, and INDEX.HTM is advised only. Whether its manifests are complete cannot be told by a program; the
name of the entry page and the size of images are unconfirmed: any link into IHE_PDI counts as the one to its
entry page. That links are upper-case 8.3 follows from their being the names of files, which test 9 judges.
Source: RAD TF-3 4.47, ITI TF-2 3.32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from mediakit.fileset.file_kinds import OtherKind, kind_of
from mediakit.fileset.survey import TEXT_BYTES, FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet
from mediakit.rules.pdi import counted
from mediakit.rules.web_page import Page, read_page, target_of

_REF = "IHE RAD TF-3 4.47"
_MEDIA_REF = "IHE ITI TF-2 3.32"
NO_INDEX = Rule(
    id="MK-PDI-011",
    severity=Severity.ERROR,
    title="there is web content in IHE_PDI, but no INDEX.HTM in the root",
    ref=_REF,
    hint="people do not find the pages; the images are not affected",
)
INDEX_ADVISED = Rule(
    id="MK-PDI-031",
    severity=Severity.WARNING,
    title="there is no INDEX.HTM in the root, which is recommended",
    ref=_REF,
    hint="it helps people who open the medium in a browser; importers do not need it",
)
DEAD_LINK = Rule(
    id="MK-PDI-032",
    severity=Severity.ERROR,
    title="{count:link leads|links lead} to nothing on the medium, first {link}",
    ref=_REF,
    hint="a page or picture is missing: people who use the pages do not see it",
)
REMOTE_LINK = Rule(
    id="MK-PDI-033",
    severity=Severity.WARNING,
    title="{count:link leads|links lead} to a server, first {link}",
    ref=_REF,
    hint="pages must work without a network; following such a link may tell others who looked at the medium",
)
NO_README_LINK = Rule(
    id="MK-PDI-034",
    severity=Severity.ERROR,
    title="the page has no link to README.TXT",
    ref=_MEDIA_REF,
    hint="people do not find whom to ask",
)
NO_WEB_LINK = Rule(
    id="MK-PDI-035",
    severity=Severity.ERROR,
    title="the page has no link into IHE_PDI",
    ref=_MEDIA_REF,
    hint="people do not find the pages with images and reports",
)
SCRIPT = Rule(
    id="MK-PDI-036",
    severity=Severity.NOTE,
    title="{count:page has|pages have} scripts, which XHTML Basic pages do without",
    ref=_MEDIA_REF,
    hint="browsers of hospitals may not run them: what they show may be missing there",
)
NOT_WEB = Rule(
    id="MK-PDI-037",
    severity=Severity.ERROR,
    title="{count:file|files} in IHE_PDI not web content, first {example}",
    ref=_REF,
    hint="other content belongs in other folders; the images are not affected",
)
LINK_CASE = Rule(
    id="MK-PDI-038",
    severity=Severity.WARNING,  # the German catalogue, which builds on PDI, asks for lower case
    title="{count:link spells|links spell} the name of a file in another case, first {link}",
    ref=_REF,
    hint="they fail where names have a case; a plain ISO 9660 disc on Linux shows lower case, and needs them",
)
FIXED_LINK = Rule(
    id="MK-PDI-039",
    severity=Severity.ERROR,
    title="{count:link is|links are} not relative or lead out of the medium, first {link}",
    ref=_REF,
    hint="they work on the computer that made the medium, and perhaps nowhere else",
)
NOT_XHTML = Rule(
    id="MK-PDI-040",
    severity=Severity.WARNING,
    title="{count:page is|pages are} not well-formed XHTML, first error: {what}",
    ref=_MEDIA_REF,
    hint="most browsers show such pages anyway",
)
OTHER_WEB = Rule(
    id="MK-PDI-041",
    severity=Severity.WARNING,
    title="{count:file|files} in IHE_PDI neither XHTML page nor JPEG image, first {example}",
    ref=_REF,
    hint="PDI knows pages and JPEG images only: readers that keep to it may not show these",
)
LEAVES_WEB = Rule(
    id="MK-PDI-042",
    severity=Severity.NOTE,
    title="{count:link leads|links lead} from IHE_PDI to other folders, first {link}; that PDI forbids "
    "this is unconfirmed",
    ref=_REF,
    hint="they break when the web content is copied alone",
)
UNREAD = Rule(
    id="MK-PDI-043",
    severity=Severity.NOTE,
    title="{count:page|pages} of IHE_PDI not read, first {example}",
    ref=_REF,
    hint="their links were not judged; pages in folders of IHE_PDI and very many pages are not read",
)

_INDEX, _README, _WEB = "INDEX.HTM", "README.TXT", "IHE_PDI"
_PAGES = (".HTM", ".HTML", ".XHT")
_MOST_PAGES = 1000
_MOST_BYTES = 8 * 1024 * 1024
_BACK = frozenset({_INDEX, _README, ""})  # where pages of IHE_PDI may lead without a word
_JPEG = b"\xff\xd8\xff"


@dataclass(slots=True)
class _Links:
    """Links of one part of the medium that break a rule in the same manner."""

    found: list[tuple[str, str]] = field(default_factory=list)  # path of the page, link

    def at(self, rule: Rule) -> Finding:
        """Return the one finding for them."""
        path, link = self.found[0]
        return rule.at(Where(path=path), count=len(self.found), link=printable(link[:200]))


@dataclass(slots=True)
class _Names:
    """The names that links are compared with."""

    exact: frozenset[str]
    folded: frozenset[str]

    def judge(self, page: str, link: str) -> Rule | None:
        """Return the rule that a local link breaks, or None."""
        target = target_of(page, link)
        if target is None:
            return FIXED_LINK
        if target not in self.exact and target:
            return LINK_CASE if target.upper() in self.folded else DEAD_LINK
        is_web = page.startswith(f"{_WEB}/")
        leaves = is_web and target.partition("/")[0] != _WEB and target not in _BACK
        return LEAVES_WEB if leaves else None


def check_pages(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report INDEX.HTM when it is absent (test 11) or lacks links; links, scripts and form of every page."""
    pages = pages_of(survey.texts)
    unread = [
        file.path
        for file in survey.files
        if file.kind is FileKind.OTHER and file.path not in pages and _is_page(file.path)
    ]
    if unread:
        yield UNREAD.at(Where(path=unread[0]), count=len(unread), example=printable(unread[0]))
    yield from _index(survey, pages.get(_INDEX))
    if pages:
        yield from _links(pages, _names(survey))
    scripted = [path for path, page in pages.items() if page.has_script]
    if scripted:
        yield SCRIPT.at(Where(path=scripted[0]), count=len(scripted))
    faulty = [path for path, page in pages.items() if page.fault]
    if faulty:
        yield NOT_XHTML.at(Where(path=faulty[0]), count=len(faulty), what=printable(pages[faulty[0]].fault))


def check_web_folder(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report files of IHE_PDI that are no web content, or none that PDI knows."""
    odd: list[str] = []
    others: list[str] = []
    for file in survey.files:
        if file.kind is FileKind.OTHER and file.path.startswith(f"{_WEB}/"):
            kind = kind_of(file.path, file.head, file.size)
            if kind is not OtherKind.WEB:
                odd.append(file.path)
            elif not _is_page_or_jpeg(file):
                others.append(file.path)
    if odd:
        yield counted(NOT_WEB, odd)
    if others:
        yield counted(OTHER_WEB, others)


def pages_of(texts: Mapping[str, bytes]) -> dict[str, Page]:
    """Return the pages of a medium, by path; at most `_MOST_PAGES`, and those of the root first."""
    paths = sorted((path for path in texts if path.upper().endswith(_PAGES)), key=lambda path: "/" in path)
    pages: dict[str, Page] = {}
    left = _MOST_BYTES
    for path in paths[:_MOST_PAGES]:
        content = texts[path]
        left -= len(content)
        if left < 0:
            break
        pages[path] = read_page(content, is_cut=len(content) >= TEXT_BYTES)
    return pages


def _index(survey: Survey, index: Page | None) -> Iterator[Finding]:
    has_web = _WEB in survey.folders
    if not any(file.path == _INDEX for file in survey.files):
        yield (NO_INDEX if has_web else INDEX_ADVISED).at()
    if index is None or len(survey.texts[_INDEX]) >= TEXT_BYTES:  # the link may stand behind what was read
        return
    where = Where(path=_INDEX)
    # A link in another case is a link: that it is misspelled is told elsewhere.
    targets = {(target_of(_INDEX, link) or "").upper() for link in index.local}
    if _README not in targets:
        yield NO_README_LINK.at(where)
    if has_web and not any(target.partition("/")[0] == _WEB for target in targets):
        yield NO_WEB_LINK.at(where)


def _links(pages: Mapping[str, Page], names: _Names) -> Iterator[Finding]:
    """Yield one finding for each rule, for INDEX.HTM and for IHE_PDI apart."""
    met: dict[tuple[str, str], tuple[Rule, _Links]] = {}

    def add(rule: Rule, path: str, link: str) -> None:
        part = path.rpartition("/")[0]
        met.setdefault((part, rule.id), (rule, _Links()))[1].found.append((path, link))

    for path, page in pages.items():
        for link in dict.fromkeys(page.local):
            rule = names.judge(path, link)
            if rule is not None:
                add(rule, path, link)
        for link in page.fixed:
            add(FIXED_LINK, path, link)
        for link in page.remote:
            add(REMOTE_LINK, path, link)
    for rule, links in met.values():
        yield links.at(rule)


def _names(survey: Survey) -> _Names:
    exact = {file.path for file in survey.files} | set(survey.folders)
    other = (name for file in survey.files for name in file.also)
    return _Names(frozenset(exact), frozenset(name.upper() for name in (*exact, *other)))


def _is_page(path: str) -> bool:
    return path.startswith(f"{_WEB}/") and path.upper().endswith(_PAGES)


def _is_page_or_jpeg(file: FileFact) -> bool:
    return file.head.startswith(_JPEG) or file.path.upper().endswith(_PAGES)


CHECKS: Final = (
    Check(
        check_pages,
        (
            NO_INDEX,
            INDEX_ADVISED,
            UNREAD,
            NO_README_LINK,
            NO_WEB_LINK,
            DEAD_LINK,
            LINK_CASE,
            FIXED_LINK,
            REMOTE_LINK,
            LEAVES_WEB,
            SCRIPT,
            NOT_XHTML,
        ),
        RuleSet.PDI,
    ),
    Check(check_web_folder, (NOT_WEB, OTHER_WEB), RuleSet.PDI),
)
