"""Specific Character Set (0008,0005) of directory records: written when a key of the record needs one."""

from __future__ import annotations

from collections.abc import Sequence, Set

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, shown
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import bare, padded
from mediakit.fileset.keys import Sourced
from mediakit.fileset.record import Key
from mediakit.findings import Finding, Rule, Severity, Where

UTF_8 = "ISO_IR 192"

CONVERTED = Rule(
    id="MK-KEY-022",
    severity=Severity.NOTE,
    title="{record} record: {key} is written in UTF-8, because {why}",
    ref="PS3.3 F.5",
    hint="the instances keep their own; nothing needs to be done",
)
NOT_CONVERTED = Rule(
    id="MK-KEY-023",
    severity=Severity.WARNING,
    title="{record} record: {key} cannot be written in UTF-8 and is left out: {why}",
    ref="PS3.3 F.5",
    hint="the instances themselves are unchanged",
)
# Terms that many readers have no table for.
_RARE = (b"203",)


def charset_of(instance: Instance) -> bytes:
    """Return the value of Specific Character Set of an instance without padding, b"" when it has none."""
    return bare(instance.header.values.get(SPECIFIC_CHARACTER_SET, b""))


def settle(keys: Sequence[Sourced], record: str, findings: list[Finding]) -> tuple[Key, ...]:
    """Return the keys of a record in order of tag, with the one character set that holds for all of them.

    Text is converted to UTF-8 where it comes from instances with different character sets, or from one whose
    terms many readers do not take. Its bytes are those of its character set (see `instance_values`).
    """
    foreign = [each for each in keys if each.is_foreign]
    charsets = {charset_of(each.carrier) for each in foreign}
    settled = {each.key.tag: each.key for each in keys}
    why = _why_converted(charsets)
    if why:
        for each in foreign:
            converted = _in_utf_8(each, record, why, findings)
            if converted is None:
                del settled[each.key.tag]
            else:
                settled[each.key.tag] = converted
        settled[SPECIFIC_CHARACTER_SET] = Key(SPECIFIC_CHARACTER_SET, "CS", UTF_8.encode())
    elif charset := b"".join(charsets):  # without one, items of a sequence name their own
        settled[SPECIFIC_CHARACTER_SET] = Key(SPECIFIC_CHARACTER_SET, "CS", padded(charset, "CS"))
    return tuple(settled[tag] for tag in sorted(settled))


def _why_converted(charsets: Set[bytes]) -> str:
    if len(charsets) > 1:
        return "the instances use several character sets"
    if any(map(text.is_misplaced, charsets)):
        return "the Specific Character Set of the instance is used in a way that the standard does not define"
    if any(charset.rsplit(b" ", 1)[-1] in _RARE for each in charsets for charset in each.split(b"\\")):
        return "few readers know the character set of the instance"
    return ""


def _in_utf_8(each: Sourced, record: str, why: str, findings: list[Finding]) -> Key | None:
    tag, vr, value = each.key.tag, each.key.vr, each.key.value
    rule = NOT_CONVERTED if vr == "SQ" else CONVERTED
    findings.append(
        rule.at(Where(path=place_of(each.carrier), tag=tag), record=record, key=key_text(tag), why=why)
    )
    if vr == "SQ":
        return None
    words = text.decode(value, charset_of(each.carrier), vr)
    return Key(tag, vr, padded(text.encode(words, UTF_8), vr))


def place_of(instance: Instance) -> str:
    """Return the place of a file as the user knows it: the source as given, then the path inside."""
    return shown(instance.source, instance.path)
