"""The file meta information of every instance, and its preamble (PS3.10 7.1, 7.5).

That a file has none, or one that is wrong as a whole, the judge of the profile says; here is what exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mediakit.dicom.instance import Note, Tag
from mediakit.dicom.scanned import is_sound_uid
from mediakit.dicom.uids import STORAGE, SYNTAXES
from mediakit.fileset.survey import FileFact, Survey
from mediakit.findings import Finding, Rule, Severity, Where, tag_text
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

LACKS = Rule(
    id="MK-MET-001",
    severity=Severity.ERROR,
    title="the file meta information has no {what} {tag}",
    ref="PS3.10 7.1",
    hint="strict readers refuse the file; `mediakit repair` rewrites it",
)
VERSION = Rule(
    id="MK-MET-002",
    severity=Severity.ERROR,
    title="the version of the file meta information is not 00H 01H",
    ref="PS3.10 7.1",
    hint="strict readers refuse the file; the image itself is not affected",
)
BAD_UID = Rule(
    id="MK-MET-003",
    severity=Severity.ERROR,
    title="{what} {tag} is not a UID of at most 64 digits and dots",
    ref="PS3.5 9.1",
    hint="strict readers refuse the file; ask the maker of the sending system to fix it",
)
TOO_LONG = Rule(
    id="MK-MET-004",
    severity=Severity.WARNING,
    title="{what} {tag} is longer than 16 characters",
    ref="PS3.10 7.1",
    hint="it names the program that wrote the file; the image itself is not affected",
)
NO_CREATOR = Rule(
    id="MK-MET-005",
    severity=Severity.ERROR,
    title="there is private information (0002,0102) without its creator (0002,0100)",
    ref="PS3.10 7.1",
    hint="nobody can tell whose it is; the image itself is not affected",
)
NOT_IN_FILES = Rule(
    id="MK-MET-006",
    severity=Severity.ERROR,
    title="the Transfer Syntax {syntax} is for the network only: the pixels are not in the file",
    ref="PS3.10 7.1",
    hint="the images themselves are not on the medium: ask the sender for them",
)
RETIRED_SYNTAX = Rule(
    id="MK-MET-007",
    severity=Severity.NOTE,
    title="Explicit VR Big Endian is retired",
    ref="PS3.5 A.3",
    hint="newer systems may not read it; `mediakit repair` writes it in Explicit VR Little Endian",
)
RETIRED_CLASS = Rule(
    id="MK-MET-008",
    severity=Severity.NOTE,
    title="the SOP Class {name} is retired",
    ref="PS3.4 B.5",
    hint="newer systems may not take it; nothing is wrong with the file",
)
EXECUTABLE = Rule(
    id="MK-MET-011",
    severity=Severity.ERROR,
    title="the preamble begins like {kind}: the file may also be a program",
    ref="PS3.10 7.5",
    hint="have it examined before it is copied anywhere",
)
DUAL_FORMAT = Rule(
    id="MK-MET-012",
    severity=Severity.NOTE,
    title="the preamble is that of {kind}: the file is of two formats at once",
    ref="PS3.10 7.5",
    hint="this is allowed, and used for slide microscopy",
)

_GROUP_LENGTH, _VERSION, _CLASS, _INSTANCE = 0x00020000, 0x00020001, 0x00020002, 0x00020003
_SYNTAX, _IMPLEMENTATION, _NAME = 0x00020010, 0x00020012, 0x00020013
_CREATOR, _PRIVATE = 0x00020100, 0x00020102
_WHAT: dict[Tag, str] = {
    _GROUP_LENGTH: "its length",
    _VERSION: "its version",
    _CLASS: "Media Storage SOP Class UID",
    _INSTANCE: "Media Storage SOP Instance UID",
    _SYNTAX: "Transfer Syntax UID",
    _IMPLEMENTATION: "Implementation Class UID",
    _NAME: "Implementation Version Name",
    0x00020016: "Source Application Entity Title",
    0x00020017: "Sending Application Entity Title",
    0x00020018: "Receiving Application Entity Title",
}
_REQUIRED = (_GROUP_LENGTH, _VERSION, _CLASS, _INSTANCE, _SYNTAX, _IMPLEMENTATION)
_BINARY = frozenset({_GROUP_LENGTH, _VERSION})
_UIDS = (_CLASS, _INSTANCE, _SYNTAX, _IMPLEMENTATION)
_SHORT = (_NAME, 0x00020016, 0x00020017, 0x00020018)
_JUDGED = (_VERSION, _CLASS, _SYNTAX, _IMPLEMENTATION, *_SHORT, _CREATOR, _PRIVATE)  # alike in most files
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_JPIP = frozenset(
    {
        "1.2.840.10008.1.2.4.94",
        "1.2.840.10008.1.2.4.95",
        "1.2.840.10008.1.2.4.204",
        "1.2.840.10008.1.2.4.205",
    }
)
_WITHOUT_META = frozenset({Note.NO_META})
_PROGRAMS = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xce\xfa\xed\xfe", "a macOS program"),
    (b"\xfe\xed\xfa\xcf", "a macOS program"),
    (b"\xfe\xed\xfa\xce", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a macOS or Java program"),
    (b"#!", "a script"),
)
_IMAGES = ((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "BigTIFF"), (b"MM\0+", "BigTIFF"))


def check_meta(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report what exactly is wrong with file meta information; equal ones are judged once."""
    sound: set[tuple[bytes | None, ...]] = set()
    for file, instance in survey.instances():
        header = instance.header
        if header.notes & _WITHOUT_META:
            continue
        get = header.meta.get
        shape = tuple(map(get, _JUDGED))
        if shape in sound and _is_uid(get(_INSTANCE, b"")) and get(_GROUP_LENGTH):
            continue
        findings = list(_faults(file, header.meta))
        if not findings:
            sound.add(shape)
        yield from findings


def check_kinds(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report Transfer Syntaxes and SOP Classes that are retired or cannot be in files: the first of each."""
    seen: set[tuple[str, str]] = set()
    for file, instance in survey.instances():
        kind = (instance.sop_class, instance.transfer_syntax)
        if kind in seen:
            continue
        seen.add(kind)
        where = Where(path=file.path)
        if instance.transfer_syntax in _JPIP:
            yield NOT_IN_FILES.at(where, syntax=SYNTAXES[instance.transfer_syntax].name)
        if instance.transfer_syntax == _BIG_ENDIAN:
            yield RETIRED_SYNTAX.at(where)
        known = STORAGE.get(instance.sop_class)
        if known is not None and known.retired:
            yield RETIRED_CLASS.at(where, name=known.name)


def check_preambles(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report preambles that are those of programs or of other image formats."""
    for file in survey.files:
        if file.finding is None and file.head:
            where = Where(path=file.path)
            for start, kind in _PROGRAMS:
                if file.head.startswith(start):
                    yield EXECUTABLE.at(where, kind=kind)
            if file.head[:5].lower() == b"@echo":  # commands may be written in any case
                yield EXECUTABLE.at(where, kind="a batch file")
            for start, kind in _IMAGES:
                if file.head.startswith(start):
                    yield DUAL_FORMAT.at(where, kind=kind)


def _faults(file: FileFact, meta: Mapping[Tag, bytes]) -> Iterator[Finding]:
    for tag in _REQUIRED:
        value = meta.get(tag, b"")
        if not (value if tag in _BINARY else value.strip(b" \0")):
            yield LACKS.at(Where(path=file.path, tag=tag), what=_WHAT[tag], tag=tag_text(tag))
    for tag in _UIDS:
        value = meta.get(tag, b"")
        if value.strip(b" \0") and not _is_uid(value):
            yield BAD_UID.at(Where(path=file.path, tag=tag), what=_WHAT[tag], tag=tag_text(tag))
    if meta.get(_VERSION) not in {None, b"", b"\0\1"}:
        yield VERSION.at(Where(path=file.path, tag=_VERSION))
    for tag in _SHORT:
        if len(meta.get(tag, b"").strip(b" \0")) > 16:
            yield TOO_LONG.at(Where(path=file.path, tag=tag), what=_WHAT[tag], tag=tag_text(tag))
    if _PRIVATE in meta and not meta.get(_CREATOR, b"").strip(b" \0"):
        yield NO_CREATOR.at(Where(path=file.path, tag=_PRIVATE))


def _is_uid(raw: bytes) -> bool:
    return is_sound_uid(raw.strip(b" \0"))


CHECKS: Final = (
    Check(check_meta, (LACKS, VERSION, BAD_UID, TOO_LONG, NO_CREATOR)),
    Check(check_kinds, (NOT_IN_FILES, RETIRED_SYNTAX, RETIRED_CLASS)),
    Check(check_preambles, (EXECUTABLE, DUAL_FORMAT)),
)
