"""What else is on the medium: programs, autorun, litter, what is encrypted. Nothing here is run or unpacked.

A viewer on a disc is common and allowed; that it starts by itself is not. Source: PS3.10 7.5, 8.1; PS3.15.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mediakit.fileset.file_kinds import OtherKind, kind_of
from mediakit.fileset.survey import TEXT_BYTES, FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile, Security
from mediakit.rules.check import Check
from mediakit.secure.facts import is_enveloped

PROGRAMS = Rule(
    id="MK-HYG-001",
    severity=Severity.NOTE,
    title="{count:program or script|programs or scripts} on the medium, first {example}",
    ref="practice",
    hint="usually viewers; do not run them on hospital computers without permission",
)
AUTORUN = Rule(
    id="MK-HYG-002",
    severity=Severity.WARNING,
    title="the medium asks to start a program by itself: {what}",
    ref="practice",
    hint="keep autorun switched off; the images are imported without it",
)
LITTER = Rule(
    id="MK-HYG-003",
    severity=Severity.NOTE,
    title="{count:file|files} left behind by operating systems, first {example}",
    ref="practice",
    hint="they hold no images; somebody has opened or copied the medium on a computer",
)
ENCRYPTED = Rule(
    id="MK-HYG-004",
    severity=Severity.WARNING,
    title="is encrypted: its content cannot be judged",
    ref="PS3.15 D.1",
    hint="there may be images in it: ask the sender for the password or another medium",
)
ARCHIVES = Rule(
    id="MK-HYG-005",
    severity=Severity.NOTE,
    title="{count:archive was|archives were} not opened, first {example}",
    ref="PS3.10 8.1",
    hint="if they hold images, unpack them and validate the folder",
)
NOT_SECURE = Rule(
    id="MK-HYG-006",
    severity=Severity.ERROR,
    title="{profile} requires Secure DICOM Files, but {count:file is|files are} not encrypted, first "
    "{example}",
    ref="PS3.15 D.1",
    hint="anybody can read the patient data on the medium",
)
SECURE = Rule(
    id="MK-HYG-007",
    severity=Severity.ERROR,
    title="{count:file of the File-set is a Secure DICOM File|files of the File-set are Secure DICOM "
    "Files}, first {example}; {profile} has none",
    ref="PS3.11",
    hint="a reader of this profile cannot open them: validate with a secure profile, or ask for an "
    "unencrypted medium",
)
ONLY_ARCHIVES = Rule(
    id="MK-HYG-008",
    severity=Severity.WARNING,
    title="no DICOM files here, only {count:archive or image of a medium|archives or images of media} "
    "({example} is the first), not opened",
    ref="PS3.10 8.1",
    hint="give mediakit such a file by itself; `mediakit extract` takes it out of an archive first",
)

_LITTER = re.compile(
    r"(?:^|/)(?:\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini|\.Trashes|\.Spotlight-V100|\.fseventsd|"
    r"System Volume Information|\$RECYCLE\.BIN|__MACOSX|lost\+found|\.directory)(?:/|$)",
    re.IGNORECASE,
)
_PLAIN = frozenset({FileKind.INSTANCE, FileKind.DICOMDIR})
_STARTS = re.compile(
    rb"^[ \t]*(?:open|shellexecute|shell\\[^=\s]{1,40}\\command)[ \t]*=[ \t]*(\S[^\r\n]{0,100})",
    re.IGNORECASE | re.MULTILINE,
)


def is_litter(path: str) -> bool:
    """Return True for what operating systems leave behind where they were."""
    return _LITTER.search(path) is not None


def check_other_files(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report programs, litter, archives (one finding each) and every encrypted file.

    Those in an envelope (CMS) are a matter of `rules.secure`.
    """
    by_kind: dict[OtherKind, list[str]] = {}
    litter: list[str] = []
    for file in survey.files:
        if file.kind is not FileKind.OTHER or file.is_locked:
            continue
        kind = kind_of(file.path, file.head, file.size)
        if is_litter(file.path) and not _is_program(file, kind):
            litter.append(file.path)
        else:
            by_kind.setdefault(kind, []).append(file.path)
    archives = by_kind.get(OtherKind.ARCHIVE, []) if _has_instance(survey) else []
    for rule, paths in (
        (PROGRAMS, by_kind.get(OtherKind.EXECUTABLE, [])),
        (ARCHIVES, archives),
        (LITTER, litter),
    ):
        if paths:
            yield rule.at(Where(path=paths[0]), count=len(paths), example=printable(paths[0]))
    for path in by_kind.get(OtherKind.ENCRYPTED, []):
        yield ENCRYPTED.at(Where(path=path))


def check_only_archives(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report archives and images where nothing else holds an instance: what was meant may be in them."""
    if _has_instance(survey):
        return
    paths = [
        file.path
        for file in survey.files
        if file.kind is FileKind.OTHER and kind_of(file.path, file.head, file.size) is OtherKind.ARCHIVE
    ]
    if paths:
        yield ONLY_ARCHIVES.at(Where(path=paths[0]), count=len(paths), example=printable(paths[0]))


def check_autorun(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report what would start by itself when the medium is inserted; a mere icon or title starts nothing."""
    for file in survey.files:
        if "/" in file.path or not _is_autorun(file):
            continue
        text = survey.texts.get(file.path)
        found = None if text is None else _STARTS.search(text.replace(b"\0", b""))  # it may be UTF-16
        if found is not None:
            yield AUTORUN.at(Where(path=file.path), what=printable(found[1].decode("latin-1").strip()))
        elif text is None or len(text) >= TEXT_BYTES:  # what it starts was not read
            yield AUTORUN.at(Where(path=file.path), what=printable(file.path))


def check_security(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report plain files of the File-set under a secure profile, and Secure DICOM Files under a plain one."""
    if profile is None:
        return
    if profile.security is Security.NONE:
        yield from _secure(survey, profile)
    if not profile.is_secure:
        return
    plain = [file.path for file in survey.files if file.kind in _PLAIN and file.seal is None]
    if plain:
        yield NOT_SECURE.at(
            Where(path=plain[0]), profile=profile.id, count=len(plain), example=printable(plain[0])
        )


def _secure(survey: Survey, profile: Profile) -> Iterator[Finding]:
    """Report Secure DICOM Files: what is enveloped and is, or is in, the directory of the File-set.

    Other enveloped files may be there as any other file may: whether DICOM is in them cannot be told.
    """
    meant = {link.file.path for link in survey.links if link.file is not None} | {"DICOMDIR"}
    secure = [file.path for file in survey.files if file.path in meant and _is_secure(file)]
    if secure:
        yield SECURE.at(
            Where(path=secure[0]),
            count=len(secure),
            example=printable(secure[0]),
            profile=profile.id,
            ref=profile.source,
        )


def _is_secure(file: FileFact) -> bool:
    return file.seal is not None or is_enveloped(file.head)


def _has_instance(survey: Survey) -> bool:
    return next(survey.instances(), None) is not None


def _is_program(file: FileFact, kind: OtherKind) -> bool:
    """Return True for a program, wherever it hides; what macOS keeps beside one (`._NAME`) is none."""
    return kind is OtherKind.EXECUTABLE and not file.path.rpartition("/")[2].startswith("._")


def _is_autorun(file: FileFact) -> bool:
    is_other = file.kind in {FileKind.OTHER, FileKind.DAMAGED}
    return is_other and file.size > 0 and kind_of(file.path, file.head, file.size) is OtherKind.AUTORUN


CHECKS: Final = (
    Check(check_other_files, (PROGRAMS, ARCHIVES, LITTER, ENCRYPTED)),
    Check(check_only_archives, (ONLY_ARCHIVES,)),
    Check(check_autorun, (AUTORUN,)),
    Check(check_security, (NOT_SECURE, SECURE)),
)
