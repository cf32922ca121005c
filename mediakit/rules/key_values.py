"""The values of the keys in directory records: are they legal for their VR, and can their text be read.

Whether a key has a value at all, `directory_keys` judges; whether it is that of the instance, `consistency`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET
from mediakit.dicom.scanned import is_sound_uid
from mediakit.dicom.text import decode, is_complete, needs_charset
from mediakit.dicom.wanted import WANTED
from mediakit.fileset import nested
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import is_legal
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.rules.tally import Tally

ILLEGAL = Rule(
    id="MK-DIR-123",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} a value of {key} that is not legal for VR {vr}",
    ref="PS3.5 6.2",
    hint="readers may refuse the record or show a wrong value; the file itself may be right",
)
NO_CHARSET = Rule(
    id="MK-DIR-124",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} a {key} that is not plain ASCII and no "
    "Specific Character Set",
    ref="PS3.3 F.5",
    hint="names are shown garbled, and may be taken for another patient's",
)
WRONG_CHARSET = Rule(
    id="MK-DIR-125",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} bytes in {key} that do not belong to their "
    "Specific Character Set",
    ref="PS3.5 6.1",
    hint="names are shown garbled; compare with what the instances themselves say",
)
WRONG_VR = Rule(
    id="MK-DIR-128",
    severity=Severity.WARNING,
    title="{count:{type} record has|{type} records have} {key} with VR {found} instead of {vr}",
    ref="PS3.6",
    hint="readers that trust the written VR may misread the value",
)
BAD_UID = Rule(
    id="MK-DIR-129",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} a {key} that is not a UID of at most 64 "
    "digits and dots",
    ref="PS3.5 9.1",
    hint="strict readers refuse the record; ask the maker of the sending system to fix it",
)

_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_UTF_8 = b"ISO_IR 192"
_REPLACEMENT = "\ufffd".encode()
_ICON = 0x00880200
_REMEMBERED = 4096


def check_values(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report illegal and garbled values: one finding for a type of record and key, at the first such one."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    judge = _Judge(survey.dicomdir.path)
    sound = judge.sound
    for record in survey.decoded.directory.walk():
        for key in record.keys:
            if key not in sound:
                judge.key(record, key)
        if record.reference is not None and not is_sound_uid(record.reference.sop_instance.encode("latin-1")):
            judge.reference(record)
    yield from judge.findings.findings()


@dataclass(slots=True)
class _Judge:
    """Judges keys; equal ones once, as long as no character set matters. `sound` are keys that are right."""

    path: str
    sound: set[Key] = field(default_factory=set)
    findings: Tally = field(default_factory=Tally)
    _readable: dict[tuple[Key, bytes], bool] = field(default_factory=dict)

    def key(self, record: DirectoryRecord, key: Key) -> None:
        """Count what is wrong with one key."""
        vr = WANTED.get(key.tag, key.vr)
        if key.vr not in {vr, "UN"}:
            self._count(WRONG_VR, record, key, found=key.vr, vr=vr)
        elif not self._is_legal(record, key):
            return
        elif self._is_foreign(key):
            self._judge_text(record, key)
        elif len(self.sound) < _REMEMBERED:
            self.sound.add(key)

    def reference(self, record: DirectoryRecord) -> None:
        """Count a SOP Instance UID that is none, when there is one."""
        if record.reference is not None and record.reference.sop_instance:
            self._count(BAD_UID, record, Key(0x00041511, "UI", b""))

    def _is_legal(self, record: DirectoryRecord, key: Key) -> bool:
        if key.vr == "UI":
            uids = (part.strip(b" \0") for part in key.value.split(b"\\"))
            is_legal_uid = all(is_sound_uid(uid) for uid in uids if uid)
            if not is_legal_uid:
                self._count(BAD_UID, record, key)
            return is_legal_uid
        if key.vr == "SQ" or is_legal(key.value, key.vr):
            return True
        self._count(ILLEGAL, record, key, vr=key.vr)
        return False

    def _is_foreign(self, key: Key) -> bool:
        if key.vr == "SQ":
            is_text = key.tag != _ICON and needs_charset(key.value)
            return is_text and any(map(needs_charset, nested.text_values(key.value)))
        return key.vr in _TEXT_VRS and needs_charset(key.value)

    def _judge_text(self, record: DirectoryRecord, key: Key) -> None:
        named = record.key(SPECIFIC_CHARACTER_SET)
        charset = b"" if named is None else named.value.strip(b" \0")
        if not charset:
            if key.vr != "SQ" or not any(nested.values_of(key.value, SPECIFIC_CHARACTER_SET)):
                self._count(NO_CHARSET, record, key)
            return
        readable = self._readable.get((key, charset))
        if readable is None:
            readable = _is_readable(key, charset)
            if len(self._readable) < _REMEMBERED:
                self._readable[(key, charset)] = readable
        if not readable:
            self._count(WRONG_CHARSET, record, key)

    def _count(self, rule: Rule, record: DirectoryRecord, key: Key, **detail: str) -> None:
        where = Where(path=self.path, record=record.seen_at, tag=key.tag)
        same = (record.type, key.tag)
        self.findings.add(rule, same, where, type=record.type, key=key_text(key.tag), **detail)


def _is_readable(key: Key, charset: bytes) -> bool:
    """Return True when every byte is of the character set; U+FFFD itself is, where it is written out."""
    values = nested.text_values(key.value) if key.vr == "SQ" else iter((key.value,))
    vr = "LT" if key.vr == "SQ" else key.vr
    if charset == _UTF_8:
        values = (value.replace(_REPLACEMENT, b"?") for value in values)
    return all(is_complete(decode(value, charset, vr)) for value in values)


CHECKS: Final = (Check(check_values, (ILLEGAL, NO_CHARSET, WRONG_CHARSET, WRONG_VR, BAD_UID)),)
