"""The keys of directory records against what the instances say: another patient, study or value.

What only one of the two has is not compared: whether a record has the keys it needs, `directory_keys` judges.
Source: PS3.3 F.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.wanted import WANTED
from mediakit.fileset.key_names import key_text
from mediakit.fileset.keys import ICON_IMAGE_SEQUENCE
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.survey import RecordLink, Survey
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.rules.same_value import Comparer, Said

OTHER_PATIENT = Rule(
    id="MK-CON-011",
    severity=Severity.ERROR,
    title="{count:instance|instances} below this PATIENT record belong to another patient, first {path}",
    ref="PS3.3 F.5.1",
    hint="images of one person may stand under the name of another: import nothing until this is cleared up",
)
OTHER_IDENTITY = Rule(
    id="MK-CON-012",
    severity=Severity.ERROR,
    title="{key} in this {type} record differs from {count:instance|instances} below it, first {path}",
    ref="PS3.3 F.5",
    hint="systems that trust the directory put the images into the wrong study or series",
)
OTHER_VALUE = Rule(
    id="MK-CON-013",
    severity=Severity.WARNING,
    title="{key} in this {type} record differs from what {count:instance says|instances say}, first {path}",
    ref="PS3.3 F.5",
    hint="a system shows other values before the import than after it",
)
OTHER_PATIENT_NAME = Rule(
    id="MK-CON-016",
    severity=Severity.WARNING,
    title="{count:instance|instances} below this PATIENT record have its Patient ID but a different "
    "name, first {path}",
    ref="PS3.3 F.5.1",
    hint="the name was corrected in one place only, or two people share an ID: compare before the import",
)

_PATIENT_ID: Tag = 0x00100020
_PATIENT_NAME: Tag = 0x00100010
_MODALITY: Tag = 0x00080060
_IDENTITY: frozenset[Tag] = frozenset({0x0020000D, 0x0020000E, _MODALITY})
_EMPTY_NAME = b" \0^="  # nothing but separators
_UNCOMPARED = frozenset({SPECIFIC_CHARACTER_SET, ICON_IMAGE_SEQUENCE})
_GROUPS = frozenset({"PATIENT", "STUDY", "SERIES"})


def check_values(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report keys of records that are not what the instances say.

    One finding for a group record and key; for records that reference files one for a series and key.
    """
    if survey.dicomdir is None:
        return
    judge = _Judge(survey.dicomdir.path)
    above: tuple[DirectoryRecord, ...] = ()
    groups: list[tuple[DirectoryRecord, tuple[Key, ...]]] = []
    for link in survey.links:
        if link.file is not None and link.file.instance is not None:
            if link.above is not above:
                above, groups = link.above, judge.groups(link.above)
            for record, keys in groups:
                judge.compare(record, keys, link, link.file.instance)
            judge.compare(link.record, link.record.keys, link, link.file.instance)
    judge.settle_modality()
    yield from judge.found.findings()


@dataclass(slots=True)
class _Judge:
    """Compares records with instances. Most keys are equal byte for byte: those cost one comparison."""

    path: str
    found: Tally = field(default_factory=Tally)
    _comparer: Comparer = field(default_factory=Comparer)
    _keys: dict[int, tuple[Key, ...]] = field(default_factory=dict)
    _modality_met: set[int] = field(default_factory=set)  # records whose Modality some instance has
    _modality_differs: list[tuple[Key, DirectoryRecord, RecordLink, Instance]] = field(default_factory=list)

    def settle_modality(self) -> None:
        """Count Modality that differs: of a series with several, the record can have but one."""
        for key, record, link, instance in self._modality_differs:
            rule = OTHER_VALUE if id(record) in self._modality_met else OTHER_IDENTITY
            self._add(rule, key, record, link, instance)

    def groups(self, above: tuple[DirectoryRecord, ...]) -> list[tuple[DirectoryRecord, tuple[Key, ...]]]:
        """Return the nearest PATIENT, STUDY and SERIES above a file, with the keys to compare.

        There may be thousands of keys that no header scan looks for, and they come again for every file.
        """
        nearest = {record.type: record for record in above if record.type in _GROUPS}
        for record in nearest.values():
            if id(record) not in self._keys:
                self._keys[id(record)] = tuple(key for key in record.keys if key.tag in WANTED)
        return [(record, self._keys[id(record)]) for record in nearest.values()]

    def compare(
        self, record: DirectoryRecord, keys: tuple[Key, ...], link: RecordLink, instance: Instance
    ) -> None:
        """Count what the keys of a record say otherwise than the instance."""
        get = instance.header.values.get
        for key in keys:
            raw = get(key.tag)
            if raw is None:
                continue
            differs = (raw != key.value or not raw.isascii()) and self._differs(key, raw, record, instance)
            if key.tag == _MODALITY and not differs:
                self._modality_met.add(id(record))
            elif differs:
                self._count(key, record, link, instance)

    def _differs(self, key: Key, raw: bytes, record: DirectoryRecord, instance: Instance) -> bool:
        if key.vr == "SQ" or key.tag in _UNCOMPARED or _is_empty(key.vr, raw):
            return False
        charset = record.key(SPECIFIC_CHARACTER_SET)
        ours = Said(key.value, b"" if charset is None else charset.value.strip(b" \0"))
        theirs = Said(raw, instance.header.values.get(SPECIFIC_CHARACTER_SET, b"").strip(b" \0"))
        return not self._comparer.is_same(key.tag, key.vr, ours, theirs)

    def _count(self, key: Key, record: DirectoryRecord, link: RecordLink, instance: Instance) -> None:
        is_empty = _is_empty(key.vr, key.value)
        if record.type == "PATIENT" and key.tag in {_PATIENT_ID, _PATIENT_NAME} and not is_empty:
            self._count_patient(key, record, instance)
        elif is_empty and key.tag in _IDENTITY | {_PATIENT_ID}:
            return  # that it has no value, `directory_keys` says
        elif key.tag == _MODALITY:
            self._modality_differs.append((key, record, link, instance))
        else:
            rule = OTHER_IDENTITY if key.tag in _IDENTITY else OTHER_VALUE
            self._add(rule, key, record, link, instance)

    def _add(
        self, rule: Rule, key: Key, record: DirectoryRecord, link: RecordLink, instance: Instance
    ) -> None:
        where = Where(path=self.path, record=record.seen_at, tag=key.tag)
        owner = link.above[-1] if record is link.record and link.above else record
        same = (id(owner), record.type, key.tag)
        self.found.add(rule, same, where, key=key_text(key.tag), type=record.type, path=_path(instance))

    def _count_patient(self, key: Key, record: DirectoryRecord, instance: Instance) -> None:
        """Count an instance of another patient once: by its Patient ID, by its name when it has none."""
        theirs = instance.header.values.get(_PATIENT_ID, b"").strip(b" \0")
        ours = record.key(_PATIENT_ID)
        rule = OTHER_PATIENT
        if key.tag == _PATIENT_NAME and theirs and ours is not None and ours.value.strip(b" \0"):
            if self._differs(ours, theirs, record, instance):
                return  # counted by the ID
            rule = OTHER_PATIENT_NAME
        where = Where(path=self.path, record=record.seen_at, tag=key.tag)
        self.found.add(rule, id(record), where, path=_path(instance))


def _is_empty(vr: str, raw: bytes) -> bool:
    return not raw.strip(_EMPTY_NAME if vr == "PN" else b" \0")


def _path(instance: Instance) -> str:
    return instance.path if instance.path.isascii() else printable(instance.path)


CHECKS: Final = (Check(check_values, (OTHER_PATIENT, OTHER_IDENTITY, OTHER_VALUE, OTHER_PATIENT_NAME)),)
