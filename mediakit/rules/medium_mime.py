"""MIME messages: how their parts are declared (PS3.12 Annex K)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.rules.medium import example_of
from mediakit.volume import MimeVolume

OTHER_KIND = Rule(
    id="MK-MED-051",
    severity=Severity.ERROR,
    title="the message is {found}; a file-set is multipart/mixed or multipart/related",
    ref="PS3.12 K",
    hint="mail programs may show or keep one part only",
)
OTHER_TYPE = Rule(
    id="MK-MED-052",
    severity=Severity.ERROR,
    title="DICOM files are not declared as application/dicom ({example})",
    ref="PS3.12 K",
    hint="readers that go by the media type take them for other files; mediakit reads them",
)
WITHOUT_ID = Rule(
    id="MK-MED-053",
    severity=Severity.ERROR,
    title="DICOM files have no `id` although there is a DICOMDIR ({example})",
    ref="PS3.12 K",
    hint="the directory cannot reference them: `mediakit repair` makes a message in which it does",
)
MISNAMED = Rule(
    id="MK-MED-054",
    severity=Severity.ERROR,
    title='the `name` of DICOM files is not the last component of the `id` with ".dcm" ({example})',
    ref="PS3.12 K",
    hint="mail programs save them under another name; the directory goes by the `id`",
)
UNSAFE = Rule(
    id="MK-MED-055",
    severity=Severity.ERROR,
    title="DICOM files have a transfer encoding that does not keep all bytes ({example})",
    ref="PS3.12 K",
    hint="mail servers may change them on the way: send them again as base64",
)
DOUBLED = Rule(
    id="MK-MED-056",
    severity=Severity.ERROR,
    title="several parts have the same path ({example})",
    ref="PS3.12 K",
    hint="the first counts as the File ID; the others are shown with a number",
)
ROOTED = Rule(
    id="MK-MED-057",
    severity=Severity.ERROR,
    title="paths of parts begin with a delimiter or lead out of the message ({example})",
    ref="PS3.12 K",
    hint="unpack it with `mediakit extract` only",
)

_KINDS = frozenset({"multipart/mixed", "multipart/related"})


def check_mime(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report what PS3.12 Annex K does not allow of a message."""
    volume = survey.volume
    if not isinstance(volume, MimeVolume):
        return
    if volume.kind not in _KINDS:
        yield OTHER_KIND.at(found=printable(volume.kind))
    for rule, paths in (
        (OTHER_TYPE, volume.other_types),
        (WITHOUT_ID, volume.without_id if survey.dicomdir is not None else ()),
        (MISNAMED, volume.misnamed),
        (UNSAFE, volume.unsafe),
        (DOUBLED, volume.doubled),
        (ROOTED, volume.rooted),
    ):
        if paths:
            yield example_of(rule, paths, rule.ref)


CHECKS: Final = (Check(check_mime, (OTHER_KIND, OTHER_TYPE, WITHOUT_ID, MISNAMED, UNSAFE, DOUBLED, ROOTED)),)
