"""Fill the gaps of directory records: with a value for the DICOMDIR alone, or by refusing the instances.

What can be supplied (`is_suppliable`): keys that order and label things - Patient ID, Study Date, Time and
ID, Series and Instance Number, Modality, dates, times and labels of content. Everything else says something
about the object itself (MIME type, Rows, Columns, the title of a document, flags of completion) and is never
invented; UIDs neither. Source: PS3.11 D.3.3.1, note.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from mediakit.choices import Supply
from mediakit.dicom import text
from mediakit.dicom.instance import Instance, Tag
from mediakit.dicom.values import TEXT_VR_NAMES
from mediakit.dicom.wanted import WANTED
from mediakit.fileset.charset import charset_of, place_of
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import IS_MAX, bare, is_legal, repaired
from mediakit.fileset.keys import Demand, Gap, Sourced, Wanted, is_foreign
from mediakit.fileset.record import Key
from mediakit.findings import Finding, Rule, Severity, Where, printable

PATIENT_ID: Tag = 0x00100020
STUDY_ID: Tag = 0x00200010
SERIES_NUMBER: Tag = 0x00200011
INSTANCE_NUMBER: Tag = 0x00200013
MODALITY: Tag = 0x00080060
CONTENT_LABELS: frozenset[Tag] = frozenset({0x00700080, 0x30060002, 0x300A0002})

MISSING = Rule(
    id="MK-KEY-001",
    severity=Severity.ERROR,
    title="the {record} record needs {key}, which has no value",
    ref="PS3.3 F.5",
    hint="`--supply directory` writes a value into the DICOMDIR alone",
)
MISSING_FOR_GOOD = Rule(
    id="MK-KEY-002",
    severity=Severity.ERROR,
    title="the {record} record needs {key}, which has no value and cannot be supplied",
    ref="PS3.3 F.5",
    hint="correct the instance at its source",
)
SUPPLIED = Rule(
    id="MK-KEY-003",
    severity=Severity.WARNING,
    title="{record} record: {key} has no value; `{value}` is written into the DICOMDIR, not into the "
    "instance",
    ref="PS3.11 D.3.3.1",
    hint="check whether that is good enough for the receiver; `--supply none` refuses such instances instead",
)
ILLEGAL = Rule(
    id="MK-KEY-004",
    severity=Severity.WARNING,
    title="{record} record: the value of {key} is not legal for its VR {vr} and is taken as missing",
    ref="PS3.5 6.2",
    hint="the instance itself is unchanged; correct it at its source",
)
MENDED = Rule(
    id="MK-KEY-005",
    severity=Severity.WARNING,
    title="{record} record: the value `{value}` of {key} is not legal for its VR {vr}; `{new}` is written "
    "into the DICOMDIR, not into the instance",
    ref="PS3.5 6.2",
    hint="the instance itself is unchanged; correct it at its source",
)

_UNKNOWN_DATE = b"19000101"
_UNKNOWN_TIME = b"000000"
_UNKNOWN_LABEL = b"UNNAMED"
_UNKNOWN_MODALITY = b"OT"
_LONGEST_SHOWN = 128

_STUDY, _SERIES, _ACQUISITION, _CONTENT, _CREATION = (
    (0x00080020, 0x00080030),
    (0x00080021, 0x00080031),
    (0x00080022, 0x00080032),
    (0x00080023, 0x00080033),
    (0x00080012, 0x00080013),
)
# Date or time to supply -> the pairs of date and time it may be taken from, nearest in meaning first.
_SOURCES: Mapping[Tag, Sequence[tuple[Tag, Tag]]] = {
    **dict.fromkeys(_STUDY, (_SERIES, _ACQUISITION, _CONTENT, _CREATION)),
    **dict.fromkeys(_CONTENT, (_ACQUISITION, _SERIES, _CREATION, _STUDY)),
    **dict.fromkeys(_CREATION, (_CONTENT, _ACQUISITION, _SERIES, _STUDY)),
    **dict.fromkeys((0x00700082, 0x00700083), (_CONTENT, _CREATION, _SERIES, _STUDY)),
}

Next = Callable[[], bytes]


def is_suppliable(tag: Tag) -> bool:
    """Return True when a missing value of this key may be supplied in the DICOMDIR."""
    return (
        tag in _SOURCES
        or tag in CONTENT_LABELS
        or tag in {PATIENT_ID, STUDY_ID, SERIES_NUMBER, INSTANCE_NUMBER, MODALITY}
    )


class Supplier:
    """Fills gaps as the policy says; every value it makes and every value it drops becomes a finding."""

    def __init__(self, supply: Supply, findings: list[Finding]) -> None:
        self._supply = supply
        self._findings = findings

    def fill(
        self, record: str, gaps: Iterable[Gap], carriers: Sequence[Instance], made: Mapping[Tag, Next]
    ) -> tuple[list[Sourced], Finding | None]:
        """Return the keys that close the gaps, or the finding for which the instances are refused.

        `made` gives values that depend on the neighbours (numbers, identifiers).
        """
        keys: list[Sourced] = []
        for gap in gaps:
            wanted = gap.wanted
            at = Where(path=place_of(gap.carrier), tag=wanted.tag)
            named = {"record": record, "key": key_text(wanted.tag)}
            mended = self._mended(gap, record, at)
            is_needed = wanted.needs_value(carriers[0])
            if mended is not None:
                keys.append(Sourced(mended, gap.carrier, is_foreign(wanted.vr, mended.value)))
                continue
            value = self._value(wanted.tag, carriers, made) if is_needed else None
            if value is not None:
                keys.append(Sourced(wanted.key(value), carriers[0], False))
                shown = _shown(wanted, value, b"")
                self._findings.append(SUPPLIED.at(at, **named, value=shown))
            elif is_needed:
                rule = MISSING if is_suppliable(wanted.tag) else MISSING_FOR_GOOD
                return [], rule.at(at, **named)
            elif wanted.demand is Demand.PRESENT:
                keys.append(Sourced(wanted.key(b""), carriers[0], False))
        return keys, None

    def _mended(self, gap: Gap, record: str, at: Where) -> Key | None:
        """Return the key with what an illegal value becomes, None when there is none or it is dropped."""
        wanted, illegal = gap.wanted, gap.illegal
        if illegal is None:
            return None
        charset = charset_of(gap.carrier)
        new = None if self._supply is Supply.NONE else wanted.mended(illegal, charset)
        detail = {"record": record, "key": key_text(wanted.tag), "vr": wanted.vr}
        if new is None:
            self._findings.append(ILLEGAL.at(at, **detail))
            return None
        old, said = (_shown(wanted, value, charset) for value in (illegal, new))
        self._findings.append(MENDED.at(at, **detail, value=old, new=said))
        return wanted.key(new)

    def _value(self, tag: Tag, carriers: Sequence[Instance], made: Mapping[Tag, Next]) -> bytes | None:
        if self._supply is Supply.NONE:
            return None
        if tag in made:
            return made[tag]()
        if tag in _SOURCES:
            return _moment(tag, carriers)
        if tag in CONTENT_LABELS:
            return _UNKNOWN_LABEL
        return _UNKNOWN_MODALITY if tag == MODALITY else None


_BIRTH_DATE: Tag = 0x00100030
_HIDDEN = "***"


def _shown(wanted: Wanted, value: bytes, charset: bytes) -> str:
    """Return a value for a finding: on one line, and neither a name nor a date of birth."""
    if wanted.vr in {"PN", "SQ"} or wanted.tag == _BIRTH_DATE:
        return _HIDDEN
    if wanted.vr not in TEXT_VR_NAMES:
        return value[:_LONGEST_SHOWN].hex(" ")
    return printable(text.decode(value, charset, wanted.vr)[:_LONGEST_SHOWN])


def _moment(tag: Tag, carriers: Sequence[Instance]) -> bytes:
    """Return the nearest date or time that the instances hold."""
    vr = WANTED[tag]
    column = 0 if vr == "DA" else 1
    for carrier in carriers:
        for pair in _SOURCES[tag]:
            raw = carrier.header.values.get(pair[column], b"")
            for value in (bare(raw), repaired(raw, vr) or b""):
                if value and is_legal(value, vr) and b"\\" not in value:
                    return value
    return _UNKNOWN_DATE if vr == "DA" else _UNKNOWN_TIME


class FreeNumbers:
    """Numbers that nobody in a group has: after the highest; the smallest free one when that is too big."""

    def __init__(self, taken: Iterable[int]) -> None:
        self._taken = set(taken)
        self._next = max(self._taken, default=0) + 1
        if not 1 <= self._next < IS_MAX - len(self._taken):
            self._next = 1

    def __call__(self) -> bytes:
        """Return the next free number as an Integer String."""
        while self._next in self._taken:
            self._next += 1
        self._taken.add(self._next)
        return str(self._next).encode()


def made_patient_id(instance: Instance, study_uid: str, taken: frozenset[bytes]) -> bytes:
    """Return a Patient ID for instances that have none, always the same for the same patient.

    Made from name, birth date and sex; from the Study Instance UID when name or birth date is empty, lest
    two people who are both called ANONYMOUS become one. It is none of `taken`.
    """
    values = instance.header.values
    name, birth_date, sex = (bare(values.get(tag, b"")) for tag in (0x00100010, 0x00100030, 0x00100040))
    origin = b"\\".join((name, birth_date, sex)) if name and birth_date else study_uid.encode()
    attempt = 0
    while True:
        digest = hashlib.sha256(b"%d\\" % attempt + origin).digest()
        made = b"MK" + base64.b32encode(digest[:10])
        if made not in taken:
            return made
        attempt += 1
