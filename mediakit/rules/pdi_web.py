"""IHE PDI, the web content: INDEX.HTM in the root and the pages of IHE_PDI.

What holds only with the Web Content Option is asked only of a medium that has a folder IHE_PDI: without it
no option is claimed. Source: RAD TF-3 4.47. Entry page and image sizes are unconfirmed and not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet
from mediakit.rules.web_page import read_page, target_of

_REF = "IHE RAD TF-3 4.47"
NO_INDEX = Rule(
    id="MK-PDI-011",
    severity=Severity.ERROR,
    title="there is web content in IHE_PDI, and no INDEX.HTM in the root",
    ref=_REF,
    hint="people do not find the pages; the images are not concerned",
)
INDEX_ADVISED = Rule(
    id="MK-PDI-031",
    severity=Severity.NOTE,
    title="there is no INDEX.HTM in the root, which is recommended",
    ref=_REF,
    hint="it helps people who open the medium in a browser; importers do not need it",
)
DEAD_LINK = Rule(
    id="MK-PDI-032",
    severity=Severity.ERROR,
    title="the link {link} leads to nothing on the medium",
    ref=_REF,
    hint="a page or picture is missing, or its name is spelled in another case",
)
REMOTE_LINK = Rule(
    id="MK-PDI-033",
    severity=Severity.WARNING,
    title="{count} links lead off the medium, the first is {link}",
    ref=_REF,
    hint="pages must work without a network; following such a link may tell others who looked at the medium",
)
NO_README_LINK = Rule(
    id="MK-PDI-034",
    severity=Severity.ERROR,
    title="INDEX.HTM has no link to README.TXT",
    ref=_REF,
    hint="people do not find whom to ask",
)
NO_WEB_LINK = Rule(
    id="MK-PDI-035",
    severity=Severity.ERROR,
    title="INDEX.HTM has no link into IHE_PDI",
    ref=_REF,
    hint="people do not find the pages with images and reports",
)
SCRIPT = Rule(
    id="MK-PDI-036",
    severity=Severity.NOTE,
    title="the page has scripts, which XHTML Basic pages do without",
    ref=_REF,
    hint="browsers of hospitals may not run them",
)
NOT_WEB = Rule(
    id="MK-PDI-037",
    severity=Severity.ERROR,
    title="{count} files in IHE_PDI are neither XHTML pages nor JPEG images, the first is {example}",
    ref=_REF,
    hint="IHE_PDI holds web content alone",
)

_INDEX = "INDEX.HTM"
_WEB_FILE = re.compile(r"IHE_PDI/.*\.(?:HTM|HTML|XHT|JPG|JPE|CSS)", re.IGNORECASE)


def check_index(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Test 11, and what INDEX.HTM must link to."""
    has_web = _has_web(survey)
    page_bytes = survey.texts.get(_INDEX)
    if page_bytes is None:
        yield (NO_INDEX if has_web else INDEX_ADVISED).at()
        return
    where = Where(path=_INDEX)
    links = [target_of(_INDEX, link) or "" for link in read_page(page_bytes).local]
    if "README.TXT" not in links:
        yield NO_README_LINK.at(where)
    if has_web and not any(link.startswith("IHE_PDI") for link in links):
        yield NO_WEB_LINK.at(where)


def check_pages(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report links that lead to nothing or off the medium, and scripts."""
    there = {file.path for file in survey.files} | set(survey.folders)
    for path, content in survey.texts.items():
        if not path.upper().endswith((".HTM", ".HTML")):
            continue
        where = Where(path=path)
        page = read_page(content)
        for link in dict.fromkeys(page.local):
            target = target_of(path, link)
            if target not in there and target != "":
                yield DEAD_LINK.at(where, link=ascii(link)[1:-1])
        if page.remote:
            yield REMOTE_LINK.at(where, count=len(page.remote), link=ascii(page.remote[0])[1:-1])
        if page.has_script:
            yield SCRIPT.at(where)


def check_web_folder(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report files of IHE_PDI that are no web content."""
    odd = [
        file.path
        for file in survey.files
        if file.path.startswith("IHE_PDI/")
        and file.kind is FileKind.OTHER
        and not _WEB_FILE.fullmatch(file.path)
    ]
    if odd:
        yield NOT_WEB.at(Where(path=odd[0]), count=len(odd), example=ascii(odd[0])[1:-1])


def _has_web(survey: Survey) -> bool:
    return "IHE_PDI" in survey.folders or any(file.path.startswith("IHE_PDI/") for file in survey.files)


CHECKS: Final = (
    Check(check_index, (NO_INDEX, INDEX_ADVISED, NO_README_LINK, NO_WEB_LINK), RuleSet.PDI),
    Check(check_pages, (DEAD_LINK, REMOTE_LINK, SCRIPT), RuleSet.PDI),
    Check(check_web_folder, (NOT_WEB,), RuleSet.PDI),
)
