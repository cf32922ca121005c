"""The values of the file meta information, one by one (PS3.10 7.1).

The judge says them, so that a burn and a validation say the same. Whether the group as a whole is sound, so
that most files need not be looked at here, is decided by the header scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mediakit.dicom.instance import Tag
from mediakit.dicom.opening import is_version
from mediakit.dicom.scanned import is_sound_value
from mediakit.findings import Finding, Rule, Severity, Where, tag_text

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
    title="the version of the file meta information is not 1: bit 0 of its second byte is not set",
    ref="PS3.10 7.1",
    hint="strict readers refuse the file; the image itself is not affected",
)
BAD_UID = Rule(
    id="MK-MET-003",
    severity=Severity.ERROR,
    title="{what} {tag} is not a UID of at most 64 digits and dots, or is padded with a space",
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
EXECUTABLE = Rule(
    id="MK-MET-011",
    severity=Severity.ERROR,
    title="the preamble begins like {kind}: the file may also be a program",
    ref="PS3.10 7.5",
    hint="have it examined before it is copied anywhere",
)
_GROUP_LENGTH, _VERSION, _CLASS, _INSTANCE = 0x00020000, 0x00020001, 0x00020002, 0x00020003
_SYNTAX, _IMPLEMENTATION, _NAME = 0x00020010, 0x00020012, 0x00020013
_CREATOR, _PRIVATE = 0x00020100, 0x00020102
_WHAT: dict[Tag, str] = {
    _GROUP_LENGTH: "File Meta Information Group Length",
    _VERSION: "File Meta Information Version",
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


#: All rules of this file.
META_RULES = (LACKS, VERSION, BAD_UID, TOO_LONG, NO_CREATOR, EXECUTABLE)


def meta_findings(meta: Mapping[Tag, bytes], path: str) -> Iterator[Finding]:
    """Yield what is missing or wrong in the values of group 2."""
    for tag in _REQUIRED:
        value = meta.get(tag, b"")
        if not (value if tag in _BINARY else value.strip(b" \0")):
            yield LACKS.at(Where(path=path, tag=tag), what=_WHAT[tag], tag=tag_text(tag))
    for tag in _UIDS:
        value = meta.get(tag, b"")
        if value.strip(b" \0") and not is_sound_value(value):
            yield BAD_UID.at(Where(path=path, tag=tag), what=_WHAT[tag], tag=tag_text(tag))
    if meta.get(_VERSION) and not is_version(meta[_VERSION]):
        yield VERSION.at(Where(path=path, tag=_VERSION))
    for tag in _SHORT:
        if len(meta.get(tag, b"").strip(b" \0")) > 16:
            yield TOO_LONG.at(Where(path=path, tag=tag), what=_WHAT[tag], tag=tag_text(tag))
    if _PRIVATE in meta and not meta.get(_CREATOR, b"").strip(b" \0"):
        yield NO_CREATOR.at(Where(path=path, tag=_PRIVATE))
