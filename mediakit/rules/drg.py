"""The German catalogue of 2006 for patient CDs (DRG, OFFIS): what of it a program can tell.

Judged: the CD, private elements and forbidden types of directory records, their uniqueness, autostart, and
the pages. Joliet, Rock Ridge, several sessions, several application profiles and another name of the web
folder are allowed. Only excerpts of the catalogue are at hand: what README.TXT must say, and whether a medium
without pages needs INDEX.HTM, is not judged. IHE PDI wants links in the case of the file names, which are in
upper case; here they must be in lower case, so a medium with pages seldom satisfies both.
Not told: the label; pages of a web folder of another name; private elements of the instances (the header
scan does not keep them); whether pages are of use without JavaScript; whether a viewer starts without
installation and rights, says that a machine is unsuitable, and shows everything; whether a disc was appended
to after a search for viruses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mediakit.dicom.dictionary import is_private
from mediakit.fileset.decode_records import MULTI_REFERENCED, RETIRED_TYPE
from mediakit.fileset.file_kinds import OtherKind, kind_of
from mediakit.fileset.record import DirectoryRecord
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable, tag_text
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet
from mediakit.rules.pdi import LARGEST_CD, is_autorun
from mediakit.rules.pdi_directory import FORBIDDEN_TYPES, repeated
from mediakit.rules.pdi_web import pages_of
from mediakit.rules.web_page import Page, target_of
from mediakit.volume import IsoVolume, file_system

_REF = "DRG 2006"  # the catalogue of 2006-10-27; its sections follow
NOT_A_CD = Rule(
    id="MK-DRG-001",
    severity=Severity.ERROR,
    title="this is not a CD with ISO 9660: {found}",
    ref=f"{_REF} 2.1",
    hint="the catalogue covers CDs only; the images may still be sound",
)
AUTORUN = Rule(
    id="MK-DRG-002",
    severity=Severity.WARNING,
    title="there is an autorun file, which the catalogue advises against",
    ref=f"{_REF} 2.3.1",
    hint="keep autorun switched off",
)
PRIVATE_KEY = Rule(
    id="MK-DRG-003",
    severity=Severity.ERROR,
    title="{count:directory record has|directory records have} private elements, first {tag}",
    ref=f"{_REF} 3.1.2.4",
    hint="readers ignore them; the maker of the medium should leave them out",
)
DOUBLED = Rule(
    id="MK-DRG-004",
    severity=Severity.ERROR,
    title="{count:record repeats|records repeat} the {key} of another {type} record",
    ref=f"{_REF} 3.1.2.4",
    hint="a patient, study, series or instance must have one record: readers may show it twice or in part",
)
FORBIDDEN = Rule(
    id="MK-DRG-005",
    severity=Severity.ERROR,
    title="there are {type} records, which the catalogue forbids",
    ref=f"{_REF} 3.1.2.4",
    hint="readers need not follow them, and then miss what is below",
)
LINK_CASE = Rule(
    id="MK-DRG-006",
    severity=Severity.ERROR,
    title="links of {count:page|pages} are not in lower case, first {link}",
    ref=f"{_REF} 3.2.1.9",
    hint="the catalogue asks for it so that pages work on every system; the images are not affected",
)
STYLES = Rule(
    id="MK-DRG-007",
    severity=Severity.ERROR,
    title="{count:page uses|pages use} style sheets, which the catalogue forbids",
    ref=f"{_REF} 3.2.1.10",
    hint="old browsers show them garbled",
)
SCRIPTS = Rule(
    id="MK-DRG-008",
    severity=Severity.NOTE,
    title="{count:page has|pages have} JavaScript: whether they are useful without it was not judged",
    ref=f"{_REF} 3.2.1.10",
    hint="open them in a browser with scripts switched off",
)
NO_VIEWER_LINK = Rule(
    id="MK-DRG-009",
    severity=Severity.WARNING,
    title="there are {count:program|programs} on the medium, and INDEX.HTM links to none of them",
    ref=f"{_REF} 3.3.2",
    hint="when one of them is a viewer, people do not find it",
)
UNKNOWN_MEDIUM = Rule(
    id="MK-DRG-010",
    severity=Severity.NOTE,
    title="a folder was given, which cannot show whether it came from a CD",
    ref=f"{_REF} 2.1",
    hint="validate the device or an image of the disc to have the medium judged as well",
)
OTHER_SCRIPTS = Rule(
    id="MK-DRG-011",
    severity=Severity.ERROR,
    title="{count:page has|pages have} scripts in {language}; the catalogue allows JavaScript only",
    ref=f"{_REF} 3.2.1.10",
    hint="most browsers do not run them: what they show is missing there",
)
NO_INDEX = Rule(
    id="MK-DRG-012",
    severity=Severity.ERROR,
    title="there are {count:page|pages} on the medium, and no INDEX.HTM in the root",
    ref=f"{_REF} 3.2.2.1",
    hint="people do not find the pages; the images are not affected",
)

_MRDR = "MRDR"
_JAVASCRIPT = frozenset(
    {
        "",
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/x-javascript",
        "javascript",
        "module",
        "text/ecmascript",
        "text/javascript",
    }
)


def check_medium(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report another medium than a CD, and autorun."""
    if survey.volume is None:
        yield UNKNOWN_MEDIUM.at()
    elif not isinstance(survey.volume, IsoVolume):
        yield NOT_A_CD.at(found=file_system(survey.volume))
    elif survey.size_bytes > LARGEST_CD:
        yield NOT_A_CD.at(found=f"{survey.size_bytes} bytes are more than a CD holds")
    for file in survey.files:
        if "/" not in file.path and is_autorun(file):
            yield AUTORUN.at(Where(path=file.path))


def check_records(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report private elements, doubled records and forbidden types of records."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    path = survey.dicomdir.path
    directory = survey.decoded.directory
    first_of: dict[str, DirectoryRecord] = {}
    private: list[DirectoryRecord] = []
    for record in directory.walk():
        if record.type in FORBIDDEN_TYPES:
            first_of.setdefault(record.type, record)
        if any(is_private(key.tag) for key in record.keys):
            private.append(record)
    for type_, record in first_of.items():
        yield FORBIDDEN.at(Where(path=path, record=record.seen_at), type=type_)
    if any(map(_is_of_mrdr, survey.decoded.findings)):
        yield FORBIDDEN.at(Where(path=path), type=_MRDR)
    if private:
        tag = next(key.tag for key in private[0].keys if is_private(key.tag))
        where = Where(path=path, record=private[0].seen_at, tag=tag)
        yield PRIVATE_KEY.at(where, count=len(private), tag=tag_text(tag))
    for one in repeated(directory):
        where = Where(path=path, record=one.first.seen_at)
        yield DOUBLED.at(where, count=one.times, key=one.key, type=one.type)


def check_pages(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report links in upper case, style sheets and scripts, and programs that INDEX.HTM does not link to."""
    pages = pages_of(survey.texts)
    yield from _index(survey)
    odd = {path: link for path, page in pages.items() for link in page.local if link != link.lower()}
    if odd:
        path = next(iter(odd))
        yield LINK_CASE.at(Where(path=path), count=len(odd), link=printable(odd[path][:200]))
    styled = [path for path, page in pages.items() if page.has_style]
    if styled:
        yield STYLES.at(Where(path=styled[0]), count=len(styled))
    yield from _scripts(pages)
    programs = {
        file.path.upper()
        for file in survey.files
        if file.kind is FileKind.OTHER and kind_of(file.path, file.head, file.size) is OtherKind.EXECUTABLE
    }
    linked = {
        (target_of(path, link) or "").upper()
        for path, page in pages.items()
        if "/" not in path
        for link in page.local
    }
    if programs and not programs & linked:
        yield NO_VIEWER_LINK.at(count=len(programs))


def _index(survey: Survey) -> Iterator[Finding]:
    pages = [file.path for file in survey.files if file.path.upper().endswith((".HTM", ".HTML"))]
    if pages and not any(path.upper() == "INDEX.HTM" for path in pages):
        yield NO_INDEX.at(Where(path=pages[0]), count=len(pages))


def _scripts(pages: Mapping[str, Page]) -> Iterator[Finding]:
    usual = [path for path, page in pages.items() if page.script_types & _JAVASCRIPT]
    if usual:
        yield SCRIPTS.at(Where(path=usual[0]), count=len(usual))
    others: dict[str, list[str]] = {}
    for path, page in pages.items():
        for language in sorted(page.script_types - _JAVASCRIPT)[:1]:
            others.setdefault(language, []).append(path)
    for language, paths in list(others.items())[:8]:
        yield OTHER_SCRIPTS.at(Where(path=paths[0]), count=len(paths), language=printable(language))


def _is_of_mrdr(finding: Finding) -> bool:
    """Return True for what the decoder says of an MRDR, which is no part of the tree."""
    is_retired = finding.rule is RETIRED_TYPE and dict(finding.detail).get("type") == ascii(_MRDR)
    return is_retired or finding.rule is MULTI_REFERENCED


CHECKS: Final = (
    Check(check_medium, (NOT_A_CD, UNKNOWN_MEDIUM, AUTORUN), RuleSet.DRG),
    Check(check_records, (PRIVATE_KEY, DOUBLED, FORBIDDEN), RuleSet.DRG),
    Check(check_pages, (NO_INDEX, LINK_CASE, STYLES, SCRIPTS, OTHER_SCRIPTS, NO_VIEWER_LINK), RuleSet.DRG),
)
