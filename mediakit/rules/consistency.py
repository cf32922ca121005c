"""The directory against the files: what is missing, what is more, and where the two say different things.

Source: PS3.3 F.2.1, F.3.2.2; PS3.10 8.2, 8.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.text import decode
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.survey import FileKind, Link, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

MISSING_FILE = Rule(
    id="MK-CON-001",
    severity=Severity.ERROR,
    title="the directory references {file_id}, which is not on the medium (SOP Instance UID {uid})",
    ref="PS3.3 F.2.1",
    hint="an image is missing: ask the sender for a new copy",
)
OTHER_NAME = Rule(
    id="MK-CON-002",
    severity=Severity.ERROR,
    title="the directory references {file_id}, but the file is named {name} ({how})",
    ref="PS3.10 8.2",
    hint="systems that look for the exact name do not find it; mediakit found it all the same",
)
UNREFERENCED = Rule(
    id="MK-CON-003",
    severity=Severity.ERROR,
    title="no directory record references this instance",
    ref="PS3.3 F.2.1",
    hint="systems that import by the DICOMDIR miss it ; `mediakit repair` makes a whole directory",
)
NOT_AN_INSTANCE = Rule(
    id="MK-CON-004",
    severity=Severity.ERROR,
    title="the directory references {file_id}, which holds no instance that can be read",
    ref="PS3.10 8.1",
    hint="the file is damaged or was replaced: ask the sender for a new copy",
)
OTHER_CLASS = Rule(
    id="MK-CON-005",
    severity=Severity.ERROR,
    title="the directory says that the file holds {said}, it holds {found}",
    ref="PS3.3 F.3.2.2",
    hint="systems that trust the directory treat the image wrongly or refuse it",
)
OTHER_INSTANCE = Rule(
    id="MK-CON-006",
    severity=Severity.ERROR,
    title="the directory says that the file holds instance {said}, it holds {found}",
    ref="PS3.3 F.3.2.2",
    hint="the directory belongs to other files: do not trust what it says of patients before it is clarified",
)
OTHER_SYNTAX = Rule(
    id="MK-CON-007",
    severity=Severity.ERROR,
    title="the directory says that the file is in {said}, it is in {found}",
    ref="PS3.3 F.3.2.2",
    hint="systems that trust the directory cannot decode the image",
)
TWO_FILES = Rule(
    id="MK-CON-008",
    severity=Severity.WARNING,
    title="SOP Instance UID {uid} is also that of {other}",
    ref="PS3.10 7.2",
    hint="one of the two is superfluous or has a wrong UID; `mediakit diff` and `import` compare their bytes",
)
OTHER_PATIENT = Rule(
    id="MK-CON-011",
    severity=Severity.ERROR,
    title="{count} instances below this PATIENT record name another patient, the first is {path}",
    ref="PS3.3 F.5.1",
    hint="images of one patient may stand under another: import nothing before it is clarified",
)
OTHER_IDENTITY = Rule(
    id="MK-CON-012",
    severity=Severity.ERROR,
    title="{key} in this {type} record is not that of {count} instances below it, the first is {path}",
    ref="PS3.3 F.5",
    hint="systems that trust the directory put the images into a wrong study or series",
)
OTHER_VALUE = Rule(
    id="MK-CON-013",
    severity=Severity.WARNING,
    title="{key} in this {type} record is not that of {count} instances below it, the first is {path}",
    ref="PS3.3 F.5",
    hint="what a system shows before the import is not what it shows afterwards",
)

_PATIENT_ID, _PATIENT_NAME = 0x00100020, 0x00100010
_IDENTITY: frozenset[Tag] = frozenset({0x0020000D, 0x0020000E, 0x00080060})
_UNCOMPARED = frozenset({SPECIFIC_CHARACTER_SET, 0x00880200})
_NUMBERS = frozenset({"IS", "DS"})
_MANY = 20


def check_files(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report references to files that are missing, misnamed, or hold no instance."""
    if survey.dicomdir is None:
        return
    path = survey.dicomdir.path
    for link in survey.links:
        where = Where(path=path, record=link.record.seen_at)
        if link.file is None:
            yield MISSING_FILE.at(where, file_id=_file_id(link), uid=link.reference.sop_instance or "unknown")
            continue
        if link.differences:
            how = ", ".join(sorted(link.differences))
            yield OTHER_NAME.at(where, file_id=_file_id(link), name=ascii(link.file.path)[1:-1], how=how)
        if link.file.kind is not FileKind.INSTANCE:
            yield NOT_AN_INSTANCE.at(where, file_id=_file_id(link))


def check_extra(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report instances that no record references, and instances that lie in two files."""
    linked = survey.linked_paths()
    all_referenced = profile is None or profile.dicomdir.all_files_referenced
    first: dict[str, str] = {}
    for file, instance in survey.instances():
        if survey.decoded is not None and all_referenced and file.path not in linked:
            yield UNREFERENCED.at(Where(path=file.path))
        other = first.setdefault(instance.sop_instance, file.path)
        if other is not file.path:
            yield TWO_FILES.at(Where(path=file.path), uid=instance.sop_instance, other=other)


def check_references(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report records whose SOP Class, SOP Instance or Transfer Syntax is not that of the file."""
    if survey.dicomdir is None:
        return
    for link in survey.links:
        instance = None if link.file is None else link.file.instance
        if instance is None:
            continue
        said = link.reference
        where = Where(path=survey.dicomdir.path, record=link.record.seen_at)
        if said.sop_instance != instance.sop_instance and said.sop_instance:
            yield OTHER_INSTANCE.at(where, said=said.sop_instance, found=instance.sop_instance)
        if said.sop_class != instance.sop_class and said.sop_class:
            found = class_name(instance.sop_class) or instance.sop_class
            yield OTHER_CLASS.at(where, said=class_name(said.sop_class) or said.sop_class, found=found)
        if said.transfer_syntax != instance.transfer_syntax and said.transfer_syntax:
            names = [syntax_name(uid) or uid for uid in (said.transfer_syntax, instance.transfer_syntax)]
            yield OTHER_SYNTAX.at(where, said=names[0], found=names[1])


@dataclass(slots=True)
class _Differing:
    """Instances that say another value than the record above them."""

    record: DirectoryRecord
    count: int = 0
    path: str = ""
    seen: set[str] = field(default_factory=set)

    def add(self, path: str) -> None:
        """Count an instance, once."""
        if path not in self.seen:
            self.seen.add(path)
            self.path = self.path or path
            self.count += 1


def check_values(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report keys of records that are not what the instances below say: one finding for a record and key."""
    if survey.dicomdir is None:
        return
    differing: dict[tuple[int, Tag], _Differing] = {}
    for link in survey.links:
        instance = None if link.file is None else link.file.instance
        if instance is None or link.file is None:
            continue
        for record in (*link.above, link.record):
            for tag in _differences(record, instance):
                differing.setdefault((id(record), tag), _Differing(record)).add(link.file.path)
    for (_, tag), found in differing.items():
        where = Where(path=survey.dicomdir.path, record=found.record.seen_at, tag=tag)
        example = ascii(found.path)[1:-1]
        if tag in {_PATIENT_ID, _PATIENT_NAME} and found.record.type == "PATIENT":
            yield OTHER_PATIENT.at(where, count=found.count, path=example)
        else:
            rule = OTHER_IDENTITY if tag in _IDENTITY else OTHER_VALUE
            yield rule.at(where, key=tag_name(tag), type=found.record.type, count=found.count, path=example)


def _differences(record: DirectoryRecord, instance: Instance) -> Iterator[Tag]:
    """Yield the keys whose value the instance has otherwise. What only one of them has is not compared."""
    values = instance.header.values
    for key in record.keys:
        raw = values.get(key.tag)
        if raw is None or raw == key.value or key.vr == "SQ" or key.tag in _UNCOMPARED:
            continue
        if raw.strip(b" \0") == key.value.strip(b" \0"):
            continue
        if raw.strip(b" \0") and not _same(key, record, raw, instance):
            yield key.tag


def _same(key: Key, record: DirectoryRecord, raw: bytes, instance: Instance) -> bool:
    """Return True when two values say the same in other bytes."""
    if key.vr in _NUMBERS:
        return _number(key.value) == _number(raw)
    if key.vr in {"TM", "DA", "DT"}:
        return _moment(key.value) == _moment(raw)
    charset = record.key(SPECIFIC_CHARACTER_SET)
    ours = decode(key.value, b"" if charset is None else charset.value, key.vr)
    theirs = decode(raw, instance.header.values.get(SPECIFIC_CHARACTER_SET, b""), key.vr)
    if key.vr == "PN":
        return _name(ours) == _name(theirs)
    return ours.strip() == theirs.strip()


def _number(raw: bytes) -> tuple[float | bytes, ...]:
    parts = raw.strip(b" \0").split(b"\\")
    try:
        return tuple(float(part) for part in parts)
    except ValueError:
        return tuple(parts)


def _moment(raw: bytes) -> bytes:
    """Return a date or time without what may be left out: separators of old forms, zeros of a fraction."""
    value = raw.strip(b" \0").replace(b":", b"")
    whole, dot, fraction = value.partition(b".")
    if dot and len(whole) == 4 and fraction.count(b".") == 1:
        return value.replace(b".", b"")  # a date of ACR-NEMA
    fraction = fraction.rstrip(b"0")
    return whole + b"." + fraction if fraction else whole


def _name(text: str) -> str:
    return "=".join(group.rstrip("^ ").strip() for group in text.split("=")).rstrip("=")


def _file_id(link: Link) -> str:
    if link.reference.file_id is not None:
        return str(link.reference.file_id)
    return ascii(link.reference.raw_file_id.decode("latin-1"))[1:-1]


CHECKS: Final = (
    Check(check_files, (MISSING_FILE, OTHER_NAME, NOT_AN_INSTANCE)),
    Check(check_extra, (UNREFERENCED, TWO_FILES)),
    Check(check_references, (OTHER_INSTANCE, OTHER_CLASS, OTHER_SYNTAX)),
    Check(check_values, (OTHER_PATIENT, OTHER_IDENTITY, OTHER_VALUE)),
)
