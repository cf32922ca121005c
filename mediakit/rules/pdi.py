"""IHE Portable Data for Imaging: the 14 tests of its reference tool, and what its text asks for besides.

The number of a rule below MK-PDI-020 is that of the test. The faults of that tool are not copied: leaf
types that PDI forbids are looked for, file names are held to the characters too, and record types newer
than the tool are no error. That the content of README.TXT is what PDI wants cannot be told by a program.
Source: RAD TF-3 4.47.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.instance import EXPLICIT_VR_LITTLE_ENDIAN, MEDIA_STORAGE_DIRECTORY, Tag
from mediakit.fileset.key_values import has_value
from mediakit.fileset.record import DirectoryRecord
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet

_REF = "IHE RAD TF-3 4.47"
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
    title="{count} DICOM files lie in the root, the first is {example}",
    ref=_REF,
    hint="only the DICOMDIR may be there: instances belong in folders",
)
DICOMDIR_META = Rule(
    id="MK-PDI-003",
    severity=Severity.ERROR,
    title="the file meta information of the DICOMDIR is wrong: {what}",
    ref=_REF,
    hint="importers may refuse the directory; `mediakit repair` makes a new one",
)
KEYS = Rule(
    id="MK-PDI-004",
    severity=Severity.ERROR,
    title="a record of type {type} lacks {key}, which PDI wants {how}",
    ref=_REF,
    hint="importers cannot sort or show what is below; `mediakit repair` makes a new directory",
)
NOT_UNIQUE = Rule(
    id="MK-PDI-005",
    severity=Severity.ERROR,
    title="{count} records of type {type} have the same {key}",
    ref=_REF,
    hint="importers may show the patient or study twice, or only a part of it",
)
FILE_ID = Rule(
    id="MK-PDI-006",
    severity=Severity.ERROR,
    title="the Referenced File ID {file_id} is not legal",
    ref=_REF,
    hint="a File ID has at most 8 components of at most 8 characters A-Z 0-9 _",
)
LEAF_DIFFERS = Rule(
    id="MK-PDI-007",
    severity=Severity.ERROR,
    title="the record and its file {path} differ in {what}",
    ref=_REF,
    hint="importers that trust the directory take the image for another",
)
META_DIFFERS = Rule(
    id="MK-PDI-008",
    severity=Severity.ERROR,
    title="the file meta information and the data set of the instance differ in {what}",
    ref=_REF,
    hint="nobody can tell which of the two is meant: ask the sender for the instance again",
)
PATHS = Rule(
    id="MK-PDI-009",
    severity=Severity.ERROR,
    title="{count} names are not ISO 9660 Level 1 (8.3 of A-Z 0-9 _), the first is {example}",
    ref=_REF,
    hint="older systems do not show these files",
)
NO_WEB_FOLDER = Rule(
    id="MK-PDI-010",
    severity=Severity.ERROR,
    title="IHE_PDI is a file, not a folder",
    ref=_REF,
    hint="the web pages of the medium cannot be found",
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
    title="{count} DICOM files lie in IHE_PDI, the first is {example}",
    ref=_REF,
    hint="IHE_PDI holds web content alone",
)
RESERVED = Rule(
    id="MK-PDI-014",
    severity=Severity.ERROR,
    title="the root has {name}: names that begin with IHE are reserved",
    ref=_REF,
    hint="a later version of PDI may give this name a meaning",
)
FORBIDDEN_TYPE = Rule(
    id="MK-PDI-015",
    severity=Severity.ERROR,
    title="there is a record of type {type}, which PDI forbids",
    ref=_REF,
    hint="importers need not know it",
)
OTHER_SYNTAX = Rule(
    id="MK-PDI-016",
    severity=Severity.ERROR,
    title="{count} instances are not in Explicit VR Little Endian, the first is {example}",
    ref=_REF,
    hint="PDI without its options is uncompressed; what its DVD and USB options take is unconfirmed",
)
AUTORUN = Rule(
    id="MK-PDI-021",
    severity=Severity.ERROR,
    title="there is an autorun file in the root",
    ref=_REF,
    hint="nothing on the medium may start by itself",
)
OTHER_CASE = Rule(
    id="MK-PDI-022",
    severity=Severity.ERROR,
    title="{count} files have a Joliet or Rock Ridge name in lower case, the first is {example}",
    ref=_REF,
    hint="systems that show these names do not find what the directory references",
)
MIXED = Rule(
    id="MK-PDI-023",
    severity=Severity.ERROR,
    title="the folder {folder} holds both DICOM files and others",
    ref=_REF,
    hint="importers may take the others for broken images",
)
UID_NAMES = Rule(
    id="MK-PDI-024",
    severity=Severity.ERROR,
    title="{count} files are named by their SOP Instance UID or end in .DCM, the first is {example}",
    ref=_REF,
    hint="names of files carry no meaning; a File ID has at most 8 characters and no extension",
)
README_TEXT = Rule(
    id="MK-PDI-025",
    severity=Severity.ERROR,
    title="README.TXT is {what}",
    ref=_REF,
    hint="it must be plain ASCII text, so that everybody can read it",
)

_FORBIDDEN = frozenset(
    {"VISIT", "RESULTS", "INTERPRETATION", "STUDY COMPONENT", "STORED PRINT", "TOPIC", "PRIVATE"}
)
_PATIENT_ID: Tag = 0x00100020
# Type of record: keys with a value, and keys that may be empty.
_KEYS: dict[str, tuple[tuple[Tag, ...], tuple[Tag, ...]]] = {
    "PATIENT": ((_PATIENT_ID,), (0x00100010,)),
    "STUDY": ((0x00200010, 0x00080020, 0x00080030), (0x00081030, 0x00080050)),
    "SERIES": ((0x00080060, 0x0020000E, 0x00200011), ()),
    "IMAGE": ((0x00200013,), ()),
}
_IDENTITY: dict[str, Tag] = {"PATIENT": _PATIENT_ID, "STUDY": 0x0020000D, "SERIES": 0x0020000E}
_META_VERSION, _META_CLASS, _META_INSTANCE = 0x00020001, 0x00020002, 0x00020003
_META_SYNTAX, _META_IMPLEMENTATION = 0x00020010, 0x00020012
_LEVEL_1 = re.compile(r"(?:[A-Z0-9_]{1,8}/)*[A-Z0-9_]{1,8}(?:\.[A-Z0-9_]{0,3})?")
_FOLDER_1 = re.compile(r"(?:[A-Z0-9_]{1,8}/)*[A-Z0-9_]{1,8}")
_ASCII = frozenset(range(32, 127)) | {9, 10, 12, 13, 26}


def check_root(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Run tests 1, 2, 10, 12, 14: what must and must not be in the root, autorun too."""
    top = {path.partition("/")[0] for path in (*survey.folders, *(file.path for file in survey.files))}
    root = [file for file in survey.files if "/" not in file.path]
    if "DICOMDIR" not in {file.path for file in root}:
        yield NO_DICOMDIR.at()
    stray = [file.path for file in root if file.kind is FileKind.INSTANCE]
    stray += [file.path for file in root if file.kind is FileKind.DICOMDIR and file.path != "DICOMDIR"]
    if stray:
        yield _counted(DICOM_IN_ROOT, stray)
    if "IHE_PDI" in {file.path for file in root}:
        yield NO_WEB_FOLDER.at(Where(path="IHE_PDI"))
    if "README.TXT" not in {file.path for file in root}:
        yield NO_README.at()
    for name in sorted(top):
        if name.upper().startswith("IHE") and name != "IHE_PDI":
            yield RESERVED.at(Where(path=name), name=ascii(name)[1:-1])
    for file in root:
        if file.path.upper().startswith("AUTORUN"):
            yield AUTORUN.at(Where(path=file.path))


def check_readme(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """README.TXT is ASCII text; what it says is not judged."""
    text = survey.texts.get("README.TXT")
    if text is None:
        return
    if not text.strip():
        yield README_TEXT.at(Where(path="README.TXT"), what="empty")
    elif not _ASCII.issuperset(text):
        yield README_TEXT.at(Where(path="README.TXT"), what="not plain ASCII")


def check_directory(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Run tests 3 to 6: meta information, keys, uniqueness, File IDs; and the forbidden record types."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    path = survey.dicomdir.path
    for what in _meta_faults(survey.decoded.meta):
        yield DICOMDIR_META.at(Where(path=path), what=what)
    seen: dict[tuple[str, bytes], list[DirectoryRecord]] = {}
    for record in survey.decoded.directory.walk():
        where = Where(path=path, record=record.seen_at)
        if record.type in _FORBIDDEN:
            yield FORBIDDEN_TYPE.at(where, type=record.type)
        yield from _missing_keys(record, where)
        tag = _IDENTITY.get(record.type)
        identity = None if tag is None else record.key(tag)
        if identity is not None:
            seen.setdefault((record.type, identity.value.strip(b" \0")), []).append(record)
        reference = record.reference
        if reference is not None and reference.file_id is None:
            file_id = ascii(reference.raw_file_id.decode("latin-1"))[1:-1]
            yield FILE_ID.at(where, file_id=file_id)
    for (type_, _), records in seen.items():
        if len(records) > 1:
            where = Where(path=path, record=records[1].seen_at, tag=_IDENTITY[type_])
            yield NOT_UNIQUE.at(where, count=len(records), type=type_, key=tag_name(_IDENTITY[type_]))


def check_instances(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Run tests 7 and 8 on the files: uncompressed, and meta information that is true of the data set."""
    others: list[str] = []
    for file, instance in survey.instances():
        meta = instance.header.meta
        for tag, right, what in (
            (_META_CLASS, instance.sop_class, "SOP Class UID"),
            (_META_INSTANCE, instance.sop_instance, "SOP Instance UID"),
        ):
            said = meta.get(tag)
            if said is not None and said.rstrip(b" \0").decode("latin-1") != right:
                yield META_DIFFERS.at(Where(path=file.path, tag=tag), what=what)
        if instance.transfer_syntax != EXPLICIT_VR_LITTLE_ENDIAN:
            others.append(file.path)
    if others:
        yield _counted(OTHER_SYNTAX, others)


def check_leaves(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Run tests 5 and 7 on the leaf records: each instance once, and what they say of their files."""
    if survey.dicomdir is None:
        return
    path = survey.dicomdir.path
    uids: dict[str, int] = {}
    for link in survey.links:
        reference = link.reference
        uids[reference.sop_instance] = uids.get(reference.sop_instance, 0) + 1
        instance = None if link.file is None else link.file.instance
        if instance is None:
            continue
        for said, right, what in (
            (reference.sop_class, instance.sop_class, "SOP Class UID"),
            (reference.sop_instance, instance.sop_instance, "SOP Instance UID"),
            (reference.transfer_syntax, instance.transfer_syntax, "Transfer Syntax UID"),
        ):
            if said != right:
                where = Where(path=path, record=link.record.seen_at)
                yield LEAF_DIFFERS.at(where, path=ascii(instance.path)[1:-1], what=what)
    for uid, count in uids.items():
        if count > 1 and uid:
            key = f"SOP Instance UID {uid}"
            yield NOT_UNIQUE.at(Where(path=path), count=count, type="leaf", key=key)


def check_paths(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Run test 9 and the rules on names: Level 1, no lower case beside it, no UIDs, no `.dcm`."""
    legal = _LEVEL_1.fullmatch
    odd = [path for path in survey.folders if not _FOLDER_1.fullmatch(path)]
    odd += [file.path for file in survey.files if not legal(file.path)]
    if odd:
        yield _counted(PATHS, odd)
    lower = [name for file in survey.files for name in file.also if name != name.upper()]
    if lower:
        yield _counted(OTHER_CASE, lower)
    named = [
        file.path
        for file, instance in survey.instances()
        if file.path.upper().endswith(".DCM") or instance.sop_instance in file.path
    ]
    if named:
        yield _counted(UID_NAMES, named)


def check_folders(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Run test 13, and report folders that DICOM files and others share."""
    in_web = [file.path for file, _ in survey.instances() if file.path.upper().startswith("IHE_PDI/")]
    if in_web:
        yield _counted(DICOM_IN_WEB, in_web)
    dicom = {file.path.rpartition("/")[0] for file, _ in survey.instances()}
    others = {file.path.rpartition("/")[0] for file in survey.files if file.kind is FileKind.OTHER}
    for folder in sorted((dicom & others) - {""}):
        yield MIXED.at(Where(path=folder), folder=ascii(folder)[1:-1])


def _missing_keys(record: DirectoryRecord, where: Where) -> Iterator[Finding]:
    wanted = _KEYS.get(record.type)
    if wanted is None:
        return
    held = {key.tag: key for key in record.keys}
    with_value, may_be_empty = wanted
    for tag in with_value:
        key = held.get(tag)
        if key is None or not has_value(key.value, key.vr):
            yield KEYS.at(where, type=record.type, key=tag_name(tag), how="with a value")
    for tag in may_be_empty:
        if tag not in held:
            yield KEYS.at(where, type=record.type, key=tag_name(tag), how="even when it is empty")


def _meta_faults(meta: Mapping[Tag, bytes]) -> Iterator[str]:
    if meta.get(_META_VERSION) != b"\0\1":
        yield "the version is not 00H 01H"
    if meta.get(_META_CLASS, b"").rstrip(b"\0 ") != MEDIA_STORAGE_DIRECTORY.encode("ascii"):
        yield "the SOP Class is not Media Storage Directory Storage"
    for tag, what in (
        (_META_INSTANCE, "Media Storage SOP Instance UID"),
        (_META_IMPLEMENTATION, "Implementation Class UID"),
    ):
        uid = meta.get(tag, b"").rstrip(b"\0 ")
        if not 0 < len(uid) <= 64 or not uid.replace(b".", b"").isdigit():
            yield f"{what} is no UID"
    if meta.get(_META_SYNTAX, b"").rstrip(b"\0 ") != EXPLICIT_VR_LITTLE_ENDIAN.encode("ascii"):
        yield "the Transfer Syntax is not Explicit VR Little Endian"


def _counted(rule: Rule, paths: list[str]) -> Finding:
    return rule.at(Where(path=paths[0]), count=len(paths), example=ascii(paths[0])[1:-1])


CHECKS: Final = (
    Check(check_root, (NO_DICOMDIR, DICOM_IN_ROOT, NO_WEB_FOLDER, NO_README, RESERVED, AUTORUN), RuleSet.PDI),
    Check(check_readme, (README_TEXT,), RuleSet.PDI),
    Check(check_directory, (DICOMDIR_META, KEYS, NOT_UNIQUE, FILE_ID, FORBIDDEN_TYPE), RuleSet.PDI),
    Check(check_instances, (META_DIFFERS, OTHER_SYNTAX), RuleSet.PDI),
    Check(check_leaves, (LEAF_DIFFERS, NOT_UNIQUE), RuleSet.PDI),
    Check(check_paths, (PATHS, OTHER_CASE, UID_NAMES), RuleSet.PDI),
    Check(check_folders, (DICOM_IN_WEB, MIXED), RuleSet.PDI),
)
