"""The values of the keys in directory records: are they legal for their VR, and can their text be read.

Whether a key has a value at all, `directory_keys` judges; whether it is that of the instance, `consistency`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET
from mediakit.dicom.scanned import is_sound_uid
from mediakit.dicom.wanted import MOST, WANTED
from mediakit.fileset import nested
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import is_padded_with_nul, why_illegal
from mediakit.fileset.keys import is_foreign
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.survey import Survey
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

ILLEGAL = Rule(
    id="MK-DIR-123",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} a value of {key} that is not legal for VR {vr}: "
    "{why}",
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
UNKNOWN_TERM = Rule(
    id="MK-DIR-130",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} the Specific Character Set `{term}`, which is not a "
    "Defined Term there",
    ref="PS3.3 C.12.1.1.2",
    hint="readers show wrong characters or none; compare with what the instances themselves say",
)
MISPLACED_TERM = Rule(
    id="MK-DIR-131",
    severity=Severity.WARNING,
    title="{count:{type} record has|{type} records have} Defined Terms in Specific Character Set that may "
    "not stand alone, or not together",
    ref="PS3.3 C.12.1.1.2",
    hint="strict readers do not read the names; `mediakit repair` writes them in UTF-8",
)

_ICON = 0x00880200
_PADDED = "it is padded with NUL"
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
        elif key.tag == SPECIFIC_CHARACTER_SET:
            self._judge_charset(record, key)
        elif key.tag != _ICON and is_foreign(key.vr, key.value):
            self._judge_text(record, key)
        elif self._is_legal(record, key, b"") and len(self.sound) < _REMEMBERED:
            self.sound.add(key)

    def reference(self, record: DirectoryRecord) -> None:
        """Count a SOP Instance UID that is none, when there is one."""
        if record.reference is not None and record.reference.sop_instance:
            self._count(BAD_UID, record, Key(0x00041511, "UI", b""))

    def _is_legal(self, record: DirectoryRecord, key: Key, charset: bytes) -> bool:
        if key.vr == "UI":
            uids = (part.strip(b" \0") for part in key.value.split(b"\\"))
            if not all(is_sound_uid(uid) for uid in uids if uid):
                self._count(BAD_UID, record, key)
                return False
        if key.vr == "SQ":
            why = "" if key.tag == _ICON else nested.why_illegal(key.value, charset)
        else:
            most = MOST.get(key.tag, 1) if key.tag in WANTED else 0
            why = why_illegal(key.value, key.vr, charset, most)
            why = why or (_PADDED if is_padded_with_nul(key.value, key.vr) else "")
        if why:
            self._count(ILLEGAL, record, key, vr=key.vr, why=why)
        return not why

    def _judge_charset(self, record: DirectoryRecord, key: Key) -> None:
        term = text.unknown_term(key.value)
        if term is not None:
            self._count(UNKNOWN_TERM, record, key, term=printable(term))
        elif text.is_misplaced(key.value):
            self._count(MISPLACED_TERM, record, key)
        elif is_padded_with_nul(key.value, key.vr):
            self._count(ILLEGAL, record, key, vr=key.vr, why=_PADDED)

    def _judge_text(self, record: DirectoryRecord, key: Key) -> None:
        named = record.key(SPECIFIC_CHARACTER_SET)
        charset = b"" if named is None else named.value.strip(b" \0")
        readable = self._readable.get((key, charset))
        if readable is None:
            is_sequence = key.vr == "SQ"
            judge = nested.is_readable if is_sequence else partial(text.is_readable, vr=key.vr)
            readable = judge(key.value, charset)
            if len(self._readable) < _REMEMBERED:
                self._readable[(key, charset)] = readable
        if readable:
            self._is_legal(record, key, charset)
        else:
            self._count(NO_CHARSET if text.is_default(charset) else WRONG_CHARSET, record, key)

    def _count(self, rule: Rule, record: DirectoryRecord, key: Key, **detail: str) -> None:
        where = Where(path=self.path, record=record.seen_at, tag=key.tag)
        same = (record.type, key.tag)
        self.findings.add(rule, same, where, type=record.type, key=key_text(key.tag), **detail)


CHECKS: Final = (
    Check(
        check_values,
        (ILLEGAL, NO_CHARSET, WRONG_CHARSET, WRONG_VR, BAD_UID, UNKNOWN_TERM, MISPLACED_TERM),
    ),
)
