"""The German catalogue of 2006 for patient CDs (DRG, OFFIS): what of it a program can tell.

Not told: labels, private elements of the instances (the header scan does not look at them), and whether a
viewer starts without installation, says that a machine is unsuitable, and shows everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.dictionary import is_private
from mediakit.fileset.file_kinds import OtherKind, kind_of
from mediakit.fileset.record import DirectoryRecord
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, tag_text
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet
from mediakit.rules.web_page import read_page, target_of
from mediakit.volume import IsoVolume

_REF = "DRG requirements for patient CDs, 2006"
NOT_A_CD = Rule(
    id="MK-DRG-001",
    severity=Severity.ERROR,
    title="this is no CD with ISO 9660",
    ref=_REF,
    hint="the catalogue knows CDs only; a folder or stick cannot meet it",
)
AUTORUN = Rule(
    id="MK-DRG-002",
    severity=Severity.WARNING,
    title="there is an autorun file, which the catalogue advises against",
    ref=_REF,
    hint="keep autorun switched off",
)
PRIVATE_KEY = Rule(
    id="MK-DRG-003",
    severity=Severity.ERROR,
    title="directory records have private elements, the first is {tag}",
    ref=_REF,
    hint="readers ignore them; the maker of the medium should leave them out",
)
DOUBLED = Rule(
    id="MK-DRG-004",
    severity=Severity.ERROR,
    title="there are {count} records of type {type} for one identifier",
    ref=_REF,
    hint="a patient, study, series or instance must have one record",
)
INDIRECT = Rule(
    id="MK-DRG-005",
    severity=Severity.ERROR,
    title="there are records of type {type}, which the catalogue forbids",
    ref=_REF,
    hint="readers need not follow them, and miss what is behind",
)
LINK_CASE = Rule(
    id="MK-DRG-006",
    severity=Severity.ERROR,
    title="the link {link} is not in lower case",
    ref=_REF,
    hint="on some systems the page behind it is not found",
)
STYLES = Rule(
    id="MK-DRG-007",
    severity=Severity.ERROR,
    title="the page uses style sheets, which the catalogue forbids",
    ref=_REF,
    hint="old browsers show it garbled",
)
SCRIPTS = Rule(
    id="MK-DRG-008",
    severity=Severity.NOTE,
    title="the page has scripts: it must be of use without them too",
    ref=_REF,
    hint="whether it is cannot be told by a program",
)
NO_VIEWER_LINK = Rule(
    id="MK-DRG-009",
    severity=Severity.ERROR,
    title="there are programs on the medium, and INDEX.HTM links to none of them",
    ref=_REF,
    hint="people do not find the viewer",
)

_FORBIDDEN = frozenset({"MRDR", "PRIVATE"})
_IDENTITY = {"PATIENT": 0x00100020, "STUDY": 0x0020000D, "SERIES": 0x0020000E}


def check_medium(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report another medium than a CD, and autorun."""
    if not isinstance(survey.volume, IsoVolume):
        yield NOT_A_CD.at()
    for file in survey.files:
        if "/" not in file.path and file.path.upper().startswith("AUTORUN"):
            yield AUTORUN.at(Where(path=file.path))


def check_records(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report private elements, doubled records and forbidden types."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    path = survey.dicomdir.path
    seen: dict[tuple[str, bytes | str], list[DirectoryRecord]] = {}
    types: set[str] = set()
    private = False
    for record in survey.decoded.directory.walk():
        where = Where(path=path, record=record.seen_at)
        if record.type in _FORBIDDEN and record.type not in types:
            types.add(record.type)
            yield INDIRECT.at(where, type=record.type)
        own = next((key.tag for key in record.keys if is_private(key.tag)), None)
        if own is not None and not private:
            private = True
            yield PRIVATE_KEY.at(where, tag=tag_text(own))
        tag = _IDENTITY.get(record.type)
        key = None if tag is None else record.key(tag)
        if key is not None:
            seen.setdefault((record.type, key.value.strip(b" \0")), []).append(record)
        elif record.reference is not None and record.reference.sop_instance:
            seen.setdefault(("leaf", record.reference.sop_instance), []).append(record)
    for (type_, _), records in seen.items():
        if len(records) > 1:
            where = Where(path=path, record=records[1].seen_at)
            yield DOUBLED.at(where, count=len(records), type=type_)


def check_pages(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report links in upper case, style sheets and scripts, and a viewer that no page links to."""
    programs = {
        file.path.upper()
        for file in survey.files
        if file.kind is FileKind.OTHER and kind_of(file.path, file.head, file.size) is OtherKind.EXECUTABLE
    }
    linked = False
    for path, content in survey.texts.items():
        if not path.upper().endswith((".HTM", ".HTML")):
            continue
        where = Where(path=path)
        page = read_page(content)
        odd = next((link for link in page.local if link != link.lower()), None)
        if odd is not None:
            yield LINK_CASE.at(where, link=ascii(odd)[1:-1])
        if page.has_style:
            yield STYLES.at(where)
        if page.has_script:
            yield SCRIPTS.at(where)
        if "/" not in path:
            linked |= any((target_of(path, link) or "").upper() in programs for link in page.local)
    if programs and not linked:
        yield NO_VIEWER_LINK.at()


CHECKS: Final = (
    Check(check_medium, (NOT_A_CD, AUTORUN), RuleSet.DRG),
    Check(check_records, (PRIVATE_KEY, DOUBLED, INDIRECT), RuleSet.DRG),
    Check(check_pages, (LINK_CASE, STYLES, SCRIPTS, NO_VIEWER_LINK), RuleSet.DRG),
)
