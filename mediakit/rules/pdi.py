"""IHE Portable Data for Imaging: the medium, its root, names and folders. Tests 1, 2, 9, 10 and 12 to 14.

The number of a rule below MK-PDI-015 is that of the test of the reference tool. What that tool does wrong is
not copied: names of files are held to the characters too. `pdi_directory` has tests 3 to 8, `pdi_web` the
pages and test 11. Tests 10, 11 and 13 are those of the Web Content Option: a medium without IHE_PDI does
not claim it and cannot fail them. What README.TXT must say cannot be told by a program. Source: RAD TF-3
4.47, ITI TF-2 3.32.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from mediakit.fileset.file_kinds import OtherKind, kind_of
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet
from mediakit.volume import IsoVolume, UdfVolume, file_system

_REF = "IHE RAD TF-3 4.47"
_MEDIA_REF = "IHE ITI TF-2 3.32"
NO_DICOMDIR = Rule(
    id="MK-PDI-001",
    severity=Severity.ERROR,
    title="there is no DICOMDIR in the root, in upper case",
    ref=_REF,
    hint="importers that follow IHE PDI look for it there and nowhere else",
)
DICOM_IN_ROOT = Rule(
    id="MK-PDI-002",
    severity=Severity.ERROR,
    title="{count:DICOM file besides the DICOMDIR lies|DICOM files besides the DICOMDIR lie} in the "
    "root, first {example}",
    ref=_REF,
    hint="instances belong in folders; importers may skip those in the root",
)
PATHS = Rule(
    id="MK-PDI-009",
    severity=Severity.ERROR,
    title="{count:name is|names are} not ISO 9660 Level 1 (8.3 of A-Z 0-9 _), first {example}",
    ref=_REF,
    hint="older systems do not show these files, or show them under other names",
)
NO_WEB_FOLDER = Rule(
    id="MK-PDI-010",
    severity=Severity.ERROR,
    title="{name} in the root is not the folder IHE_PDI",
    ref=_REF,
    hint="the web pages of the medium cannot be found; the images are not affected",
)
NO_README = Rule(
    id="MK-PDI-012",
    severity=Severity.ERROR,
    title="there is no README.TXT in the root",
    ref=_REF,
    hint="nobody can tell from the medium who made it and whom to ask",
)
DICOM_IN_WEB = Rule(
    id="MK-PDI-013",
    severity=Severity.ERROR,
    title="{count:DICOM file lies|DICOM files lie} in IHE_PDI, first {example}",
    ref=_REF,
    hint="IHE_PDI holds only web content; importers may not look for images there",
)
RESERVED = Rule(
    id="MK-PDI-014",
    severity=Severity.ERROR,
    title="the root has {name}: names that begin with IHE are reserved",
    ref=_REF,
    hint="a profile of IHE may give this name a meaning; the images are not affected",
)
AUTORUN = Rule(
    id="MK-PDI-021",
    severity=Severity.ERROR,
    title="there is an autorun file in the root",
    ref=_MEDIA_REF,
    hint="nothing on the medium may start by itself: keep autorun switched off",
)
OTHER_CASE = Rule(
    id="MK-PDI-022",
    severity=Severity.ERROR,
    title="{count:file has a lower-case name|files have lower-case names} beside those of ISO 9660, "
    "first {example}",
    ref=_MEDIA_REF,
    hint="systems that show the names of Joliet or Rock Ridge do not find what the directory references",
)
MIXED = Rule(
    id="MK-PDI-023",
    severity=Severity.ERROR,
    title="the folder {folder} with DICOM files holds {count:other file|other files} too, first {example}",
    ref=_REF,
    hint="importers may mistake the others for damaged images",
)
ODD_NAMES = Rule(
    id="MK-PDI-024",
    severity=Severity.ERROR,
    title="{count:DICOM file is named by its UID or has an extension|DICOM files are named by their "
    "UID or have an extension}, first {example}",
    ref=_MEDIA_REF,
    hint="a File ID has at most 8 characters and no extension: importers may not find the files",
)
README_TEXT = Rule(
    id="MK-PDI-025",
    severity=Severity.ERROR,
    title="README.TXT is {what}",
    ref=_MEDIA_REF,
    hint="it must be plain ASCII text, so that everybody can read it",
)
README_UNJUDGED = Rule(
    id="MK-PDI-026",
    severity=Severity.NOTE,
    title="what README.TXT says was not judged",
    ref=_MEDIA_REF,
    hint="it must name the institution, the program with its version and vendor, the layout, and any viewer",
)
OTHER_FILE_SYSTEM = Rule(
    id="MK-PDI-027",
    severity=Severity.ERROR,
    title="the volume is {found}, not ISO 9660 Level 1",
    ref=_MEDIA_REF,
    hint="older systems may not show all of its files",
)
PACKETS = Rule(
    id="MK-PDI-028",
    severity=Severity.WARNING,
    title="the volume was written in packets, which a CD of PDI must not be",
    ref=_MEDIA_REF,
    hint="some systems cannot read such discs; ignore this when the medium is not a CD",
)
XDM = Rule(
    id="MK-PDI-029",
    severity=Severity.NOTE,
    title="there is a folder IHE_XDM too; whether PDI allows it is unconfirmed",
    ref=_REF,
    hint="it belongs to another profile of IHE, for documents; nothing needs to be done",
)

LARGEST_CD = 912_384_000  # bytes of a disc of 99 minutes; what is larger is surely no CD
_WEB, _XDM = "IHE_PDI", "IHE_XDM"
_LEGAL = re.compile(r"(?:[A-Z0-9_]{1,8}/)*[A-Z0-9_]{1,8}(?:\.[A-Z0-9_]{0,3})?")
_LEGAL_FOLDER = re.compile(r"(?:[A-Z0-9_]{1,8}/)*[A-Z0-9_]{1,8}")
_ASCII = frozenset(range(32, 127)) | {9, 10, 12, 13, 26}  # 26 ends texts of DOS


def may_be_cd(survey: Survey, profile: Profile | None) -> bool:
    """Return False for what is surely no CD: a UDF or FAT volume, or more bytes than any CD holds.

    Of a folder or an archive only the profile tells what it was made for.
    """
    if isinstance(survey.volume, IsoVolume):
        return survey.size_bytes <= LARGEST_CD
    if survey.format in {"udf", "fat"}:
        return False
    return profile is None or profile.medium.id == "cd-r"


def check_volume(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report a CD whose file system is not that of PDI."""
    volume = survey.volume
    if survey.size_bytes > LARGEST_CD:
        return
    if isinstance(volume, IsoVolume) and volume.level != 1:
        yield OTHER_FILE_SYSTEM.at(found=file_system(volume))
    if isinstance(volume, UdfVolume) and (volume.has_virtual or volume.has_sparing):
        yield PACKETS.at()


def check_root(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report what the root lacks and what must not be in it: tests 1, 2, 10, 12 and 14, and autorun."""
    root = [file for file in survey.files if "/" not in file.path]
    names = {file.path for file in root}
    if "DICOMDIR" not in names:
        yield NO_DICOMDIR.at()
    if "README.TXT" not in names:
        yield NO_README.at()
    dicom = {FileKind.INSTANCE, FileKind.DICOMDIR}
    stray = [file.path for file in root if file.kind in dicom and file.path != "DICOMDIR"]
    if stray:
        yield counted(DICOM_IN_ROOT, stray)
    yield from _reserved(survey, names)
    for file in root:
        if is_autorun(file):
            yield AUTORUN.at(Where(path=file.path))


def check_readme(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report a README.TXT that is no ASCII text. What it says is not judged."""
    file = next((file for file in survey.files if file.path == "README.TXT"), None)
    if file is None:
        return
    where = Where(path=file.path)
    text = survey.texts.get(file.path, b"")
    if not text.strip():
        yield README_TEXT.at(where, what="no text" if file.size else "empty")
    elif not _ASCII.issuperset(text):
        yield README_TEXT.at(where, what="not plain ASCII")
    else:
        yield README_UNJUDGED.at(where)


def check_paths(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report names beyond Level 1 (test 9), lower case beside it, DICOM files named by UID or as `.dcm`."""
    legal = _LEGAL.fullmatch
    odd = [path for path in survey.folders if not _LEGAL_FOLDER.fullmatch(path)]
    lower: list[tuple[str, str]] = []  # the name of ISO 9660 and the one beside it
    for file in survey.files:
        if not legal(file.path):
            odd.append(file.path)
        for other in file.also:
            if other != other.upper():
                lower.append((file.path, other))
                break
    if odd:
        yield counted(PATHS, odd)
    if lower:
        path, other = lower[0]
        yield OTHER_CASE.at(Where(path=path), count=len(lower), example=printable(other))
    named = [
        file.path
        for file, instance in survey.instances()
        if "." in file.path and _is_odd_name(file.path, instance.sop_instance)
    ]
    if named:
        yield counted(ODD_NAMES, named)


def check_folders(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report DICOM files in IHE_PDI (test 13), and other files in a root folder that has DICOM files."""
    dicom: set[str] = set()
    in_web: list[str] = []
    for file, _ in survey.instances():
        top, slash, _rest = file.path.partition("/")
        if slash:
            dicom.add(top)
        if top.upper() == _WEB and slash:
            in_web.append(file.path)
    if in_web:
        yield counted(DICOM_IN_WEB, in_web)
    others: dict[str, list[str]] = {}
    for file in survey.files:
        top, slash, _rest = file.path.partition("/")
        if file.kind is FileKind.OTHER and slash and top in dicom and top.upper() != _WEB:
            others.setdefault(top, []).append(file.path)
    for folder, paths in others.items():
        example = printable(paths[0])
        yield MIXED.at(Where(path=folder), folder=printable(folder), count=len(paths), example=example)


def is_autorun(file: FileFact) -> bool:
    """Return True for what a system may start by itself when it lies in the root."""
    return file.kind is FileKind.OTHER and kind_of(file.path, file.head, file.size) is OtherKind.AUTORUN


def counted(rule: Rule, paths: list[str]) -> Finding:
    """Return one finding for all the paths of a medium that break a rule in the same manner."""
    return rule.at(Where(path=paths[0]), count=len(paths), example=printable(paths[0]))


def _reserved(survey: Survey, files: Iterable[str]) -> Iterator[Finding]:
    """Report names that begin with IHE. What is spelled almost as IHE_PDI is meant to be it."""
    folders = {path.partition("/")[0] for path in survey.folders}
    folders |= {file.path.partition("/")[0] for file in survey.files if "/" in file.path}
    for name in sorted({name for name in (*folders, *files) if name.upper().startswith("IHE")}):
        where = Where(path=name)
        if name == _XDM and name in folders:
            yield XDM.at(where)
        elif name.upper() == _WEB and (name != _WEB or name not in folders):
            yield NO_WEB_FOLDER.at(where, name=printable(name))
        elif name != _WEB:
            yield RESERVED.at(where, name=printable(name))


def _is_odd_name(path: str, uid: str) -> bool:
    name = path[path.rfind("/") + 1 :]
    return "." in name.rstrip(".") or name == uid


CHECKS: Final = (
    Check(check_volume, (OTHER_FILE_SYSTEM, PACKETS), RuleSet.PDI),
    Check(
        check_root,
        (NO_DICOMDIR, DICOM_IN_ROOT, NO_WEB_FOLDER, NO_README, RESERVED, AUTORUN, XDM),
        RuleSet.PDI,
    ),
    Check(check_readme, (README_TEXT, README_UNJUDGED), RuleSet.PDI),
    Check(check_paths, (PATHS, OTHER_CASE, ODD_NAMES), RuleSet.PDI),
    Check(check_folders, (DICOM_IN_WEB, MIXED), RuleSet.PDI),
)
