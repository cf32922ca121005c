"""Specific Character Set (0008,0005) of directory records: written when a key of the record needs one."""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, shown
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import bare, padded
from mediakit.fileset.keys import Sourced
from mediakit.fileset.record import Key
from mediakit.findings import Finding, Rule, Severity, Where

UTF_8 = "ISO_IR 192"
UNREADABLE = "\ufffd"  # what stands for bytes that are not of their character set

UNDECLARED = Rule(
    id="MK-KEY-021",
    severity=Severity.WARNING,
    title="{record} record: text outside the default character repertoire, but the instance names no "
    "Specific Character Set; the bytes are copied as they are",
    ref="PS3.5 6.1.2.3",
    hint="readers may show wrong characters; correct the instances at their source",
)
CONVERTED = Rule(
    id="MK-KEY-022",
    severity=Severity.NOTE,
    title="{record} record: the instances use several character sets; {key} is written in UTF-8",
    ref="PS3.3 F.5",
    hint="the instances keep their own; nothing needs to be done",
)
NOT_CONVERTED = Rule(
    id="MK-KEY-023",
    severity=Severity.WARNING,
    title="{record} record: the instances use several character sets; {key} cannot be converted and "
    "is left out",
    ref="PS3.3 F.5",
    hint="the instances themselves are unchanged",
)
LOSSY = Rule(
    id="MK-KEY-024",
    severity=Severity.WARNING,
    title="{record} record: {key} is written in UTF-8, but has bytes that do not belong to the "
    "character set of its instance",
    ref="PS3.5 6.1",
    hint="readers will show replacement characters; the instances themselves are unchanged",
)


def charset_of(instance: Instance) -> bytes:
    """Return the value of Specific Character Set of an instance without padding, b"" when it has none."""
    return bare(instance.header.values.get(SPECIFIC_CHARACTER_SET, b""))


def leaf_charset(instance: Instance, record: str, findings: list[Finding]) -> Key | None:
    """Return the Specific Character Set key of a leaf record with text that needs one."""
    raw = instance.header.values.get(SPECIFIC_CHARACTER_SET, b"")
    if bare(raw):
        return Key(SPECIFIC_CHARACTER_SET, "CS", padded(raw, "CS"))
    findings.append(UNDECLARED.at(Where(path=place_of(instance)), record=record))
    return None


def settle(keys: Sequence[Sourced], record: str, findings: list[Finding]) -> tuple[Key, ...]:
    """Return the keys of a record in order of tag, with the one character set that holds for all of them.

    Keys that come from instances with different character sets are converted to UTF-8.
    """
    foreign = [each for each in keys if each.is_foreign]
    charsets = {charset_of(each.carrier) for each in foreign}
    settled = {each.key.tag: each.key for each in keys}
    if len(charsets) > 1:
        for each in foreign:
            converted = _in_utf_8(each, record, findings)
            if converted is None:
                del settled[each.key.tag]
            else:
                settled[each.key.tag] = converted
        settled[SPECIFIC_CHARACTER_SET] = Key(SPECIFIC_CHARACTER_SET, "CS", UTF_8.encode())
    elif foreign:
        declared = leaf_charset(foreign[0].carrier, record, findings)
        if declared is not None:
            settled[SPECIFIC_CHARACTER_SET] = declared
    return tuple(settled[tag] for tag in sorted(settled))


def _in_utf_8(each: Sourced, record: str, findings: list[Finding]) -> Key | None:
    where = Where(path=place_of(each.carrier), tag=each.key.tag)
    if each.key.vr == "SQ":
        findings.append(NOT_CONVERTED.at(where, record=record, key=key_text(each.key.tag)))
        return None
    words = text.decode(each.key.value, charset_of(each.carrier), each.key.vr)
    rule = LOSSY if UNREADABLE in words else CONVERTED
    findings.append(rule.at(where, record=record, key=key_text(each.key.tag)))
    return Key(each.key.tag, each.key.vr, padded(text.encode(words, UTF_8), each.key.vr))


def place_of(instance: Instance) -> str:
    """Return the place of a file as the user knows it: the source as given, then the path inside."""
    return shown(instance.source, instance.path)
