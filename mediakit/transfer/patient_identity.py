"""Whom the instances of a medium belong to, and the guard against the wrong patient. Pure.

The guard says what differs, never a name: names stand in `GuardVerdict.identities` alone, for a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.packed import Several
from mediakit.dicom.person_name import Likeness, same_name
from mediakit.findings import Finding, Rule, Severity

__all__ = [
    "Expectation",
    "GuardVerdict",
    "Identity",
    "Likeness",
    "Mixed",
    "guard",
    "identities_of",
    "same_name",
]

_NAME: Tag = 0x00100010
_TAGS: Mapping[str, tuple[Tag, str]] = {
    "patient_id": (0x00100020, "LO"),
    "issuer": (0x00100021, "LO"),
    "name": (_NAME, "PN"),
    "birth_date": (0x00100030, "DA"),
    "sex": (0x00100040, "CS"),
}
_asked = Several(SPECIFIC_CHARACTER_SET, *(tag for tag, _ in _TAGS.values()))
_NAME_PLACE = list(_TAGS).index("name")
# SOP Classes that are related to no patient: their records stand in the root of a DICOMDIR (PS3.3 F.4).
_OF_NO_PATIENT = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.201.1",  # Inventory Storage
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol Storage
        "1.2.840.10008.5.1.4.39.1",  # Color Palette Storage
        "1.2.840.10008.5.1.4.43.1",  # Generic Implant Template Storage
        "1.2.840.10008.5.1.4.44.1",  # Implant Assembly Template Storage
        "1.2.840.10008.5.1.4.45.1",  # Implant Template Group Storage
    }
)
_TOLD_IDS = 8  # Patient IDs in one finding
_MOST_PEOPLE = 16  # that are distinguished below one Patient ID: enough to refuse
_LONGEST_ID = 64  # characters of a Long String (PS3.5 6.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an instance says about its patient: text, decoded by the character set of the instance.

    `unread` shows the bytes of a name that its character set does not explain, so that two such names are
    never taken for one.
    """

    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    unread: str = field(default="", repr=False)


Counted = tuple[Identity, int]


class Identities:
    """Gives the identity of instances; equal raw values are decoded once."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes | None, ...], Identity] = {}

    def of(self, instance: Instance) -> Identity:
        """Return whom an instance belongs to."""
        found = _asked(instance.header.values)
        known = self._known.get(found)
        if known is None:
            charset, *raw = (value or b"" for value in found)
            decoded = {
                name: text.decode(value, charset.strip(b" \0"), vr).strip(" \0")
                for (name, (_, vr)), value in zip(_TAGS.items(), raw, strict=True)
            }
            if not text.is_complete(decoded["patient_id"]):  # what cannot be read must not make two IDs one
                decoded["patient_id"] = raw[0].strip(b" \0").decode("ascii", "backslashreplace")
            name = raw[_NAME_PLACE]
            if not text.is_readable(name, charset, "PN"):
                decoded["unread"] = name.decode("ascii", "backslashreplace")
                if text.is_complete(decoded["name"]):  # no character set: it was read as a guess
                    decoded["name"] = name.decode("ascii", "replace").strip(" \0")
            known = self._known[found] = Identity(**decoded)
        return known


def identities_of(instances: Iterable[Instance]) -> tuple[Counted, ...]:
    """Return every identity with the number of its instances, in the order they are met.

    What belongs to no patient is not counted.
    """
    identities = Identities()
    counted = Counter(
        identities.of(instance)
        for instance in instances
        if instance.sop_class not in _OF_NO_PATIENT  # nearly all: of these the study is of no interest
        or belongs_to_patient(identities.of(instance), instance.study, instance.sop_class)
    )
    return tuple(counted.items())


class Mixed(StrEnum):
    """What becomes of a medium with several patients when none of them is chosen."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Who should be on the medium; "" where nothing is expected.

    The `name` must be the same one, however it is written; a name that is only similar is not enough.
    """

    patient_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    mixed: Mixed = Mixed.REFUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What the guard says. `identities` are those of all instances, for a terminal: they hold names."""

    identities: tuple[Counted, ...] = field(repr=False)
    findings: tuple[Finding, ...]

    @property
    def is_refused(self) -> bool:
        """Return True when nothing may be imported."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def guard(identities: Sequence[Counted], expectation: Expectation) -> GuardVerdict:
    """Judge whether the instances of a medium may be imported together.

    Refused are: several Patient IDs unless that is allowed, one Patient ID for different people, instances
    without Patient ID beside others, and everything that is not as expected.
    """
    findings: list[Finding] = [*several_patients(identities, expectation.mixed)]
    findings += _mixed(identities)
    findings += two_people(identities)
    findings += _unexpected(identities, expectation)
    return GuardVerdict(identities=tuple(identities), findings=tuple(findings))


def belongs_to_patient(identity: Identity, study: str, sop_class: str) -> bool:
    """Return False for what its SOP Class relates to no patient (a hanging protocol), and that names none.

    An image that names nobody belongs to an unknown patient. Source: PS3.3 A.3, F.4.
    """
    return bool(study) or identity != Identity() or sop_class not in _OF_NO_PATIENT


def several_patients(identities: Sequence[Counted], mixed: Mixed) -> Iterator[Finding]:
    """Yield a finding when there is more than one Patient ID: an error unless that is allowed."""
    ids = {identity.patient_id for identity, _ in identities}
    if len(ids) > 1:
        rule = MIXED if mixed is Mixed.REFUSE else MIXED_ALLOWED
        yield rule.at(count=len(ids), ids=shown_ids(identities))


def _sum(identities: Iterable[Counted]) -> int:
    return sum(count for _, count in identities)


def shown_ids(identities: Iterable[Counted]) -> str:
    """Return the Patient IDs for a message: not too many of them."""
    ids = sorted({shown_id(identity.patient_id) for identity, _ in identities})
    shown = ", ".join(f"`{each}`" if each else "(none)" for each in ids[:_TOLD_IDS])
    return shown if len(ids) <= _TOLD_IDS else f"{shown} and {len(ids) - _TOLD_IDS} more"


def shown_id(patient_id: str) -> str:
    """Return a Patient ID for a message: of one line, and not longer than one may be."""
    cut = patient_id if len(patient_id) <= _LONGEST_ID else f"{patient_id[:_LONGEST_ID]}..."
    return "".join(char if char.isprintable() else "\ufffd" for char in cut)


MIXED = Rule(
    id="MK-IDN-003",
    severity=Severity.ERROR,
    title="the medium holds {count:patient|patients}: Patient IDs {ids}",
    ref="PS3.3 C.7.1.1",
    hint="choose one with `--patient ID`, or take all of them with `--all-patients`",
)
MIXED_ALLOWED = Rule(
    id="MK-IDN-004",
    severity=Severity.NOTE,
    title="the medium holds {count:patient|patients}, which you allowed: Patient IDs {ids}",
    ref="PS3.3 F.5.1",
    hint="nothing needs to be done",
)
NO_PATIENT_ID = Rule(
    id="MK-IDN-005",
    severity=Severity.ERROR,
    title="{count:instance has|instances have} no Patient ID",
    ref="PS3.3 C.7.1.1",
    hint="give them one with `--map FILE.csv`: an archive would put all such instances under one "
    "nameless patient",
)
TWO_ISSUERS = Rule(
    id="MK-IDN-006",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}` comes from {count:issuer|different issuers}",
    ref="PS3.3 C.7.1.1",
    hint="two institutions may give one ID to two people: correct identities with `--map FILE.csv`",
)


def _mixed(identities: Sequence[Counted]) -> Iterator[Finding]:
    nameless = _sum(each for each in identities if not each[0].patient_id)
    if nameless:
        yield NO_PATIENT_ID.at(count=nameless)
    issuers: dict[str, set[str]] = {}
    for identity, _ in identities:
        if identity.issuer:
            issuers.setdefault(identity.patient_id, set()).add(identity.issuer)
    for patient_id, names in issuers.items():
        if len(names) > 1:
            yield TWO_ISSUERS.at(patient_id=shown_id(patient_id), count=len(names))


TWO_PEOPLE = Rule(
    id="MK-IDN-007",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}` stands for different people: {what} differs",
    ref="PS3.3 C.7.1.1",
    hint="find out who each instance belongs to; `--map FILE.csv` corrects identities",
)
OTHER_SPELLING = Rule(
    id="MK-IDN-008",
    severity=Severity.WARNING,
    title="Patient ID `{patient_id}`: {what} differs slightly between instances",
    ref="PS3.3 C.7.1.1",
    hint="check whether this is one person; `--map FILE.csv` gives all instances the same values",
)


def two_people(identities: Iterable[Counted]) -> Iterator[Finding]:
    """Yield what tells people apart below one Patient ID: an error, or a warning for another spelling."""
    by_id: dict[str, list[Identity]] = {}
    for identity, _ in identities:
        if identity.patient_id:
            by_id.setdefault(identity.patient_id, []).append(identity)
    for patient_id, carriers in by_id.items():
        different, similar = _differences(carriers)
        if different:
            yield TWO_PEOPLE.at(patient_id=shown_id(patient_id), what=" and ".join(sorted(different)))
        if similar - different:
            yield OTHER_SPELLING.at(
                patient_id=shown_id(patient_id), what=" and ".join(sorted(similar - different))
            )


def _differences(carriers: Sequence[Identity]) -> tuple[set[str], set[str]]:
    """Return what tells people apart below one Patient ID, and what is only written in another way."""
    people: list[Identity] = []
    different: set[str] = set()
    similar: set[str] = set()
    for carrier in carriers:
        found = [_apart(carrier, known) for known in people]
        different |= {what for each in found for what in each[0]}
        similar |= {what for each in found for what in each[1]}
        if not any(not each[0] and not each[1] for each in found):
            people.append(carrier)
        if len(people) > _MOST_PEOPLE:
            break
    return different, similar


def _apart(one: Identity, other: Identity) -> tuple[set[str], set[str]]:
    different: set[str] = set()
    similar: set[str] = set()
    likeness = same_name(one.name, other.name)
    if likeness is Likeness.DIFFERENT:
        different.add("name")
    elif likeness is not Likeness.SAME and (one.name, one.unread) != (other.name, other.unread):
        similar.add("name")
    if not same_date(one.birth_date, other.birth_date):
        different.add("birth date")
    if one.sex != other.sex and {one.sex, other.sex} <= {"M", "F"}:
        similar.add("sex")
    return different, similar


def same_date(one: str, other: str) -> bool:
    """Return True when two dates are the same, in either form of the standard, or one of them is empty."""
    ours, theirs = plain_date(one), plain_date(other)
    return not ours or not theirs or ours == theirs


def plain_date(date: str) -> str:
    """Return the digits of a date: "1961-04-30" and "1961.04.30" give "19610430"."""
    return date.strip().replace("-", "").replace(".", "")


OTHER_ID = Rule(
    id="MK-IDN-009",
    severity=Severity.ERROR,
    title="Patient ID `{expected}` is expected, the medium has {ids}",
    ref="PS3.3 C.7.1.1",
    hint="this may be the disc of another person; `--map FILE.csv` gives local IDs to foreign ones",
)
OTHER_NAME = Rule(
    id="MK-IDN-010",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}`: the name differs from the expected one ({likeness})",
    ref="PS3.3 C.7.1.1",
    hint="compare the names; when this is the right person, expect the name as the medium has it",
)
OTHER_BIRTH_DATE = Rule(
    id="MK-IDN-011",
    severity=Severity.ERROR,
    title="Patient ID `{patient_id}`: the birth date differs from the expected one",
    ref="PS3.3 C.7.1.1",
    hint="compare the dates; this may be the disc of another person",
)
_LIKENESS: Mapping[Likeness, str] = {
    Likeness.SIMILAR: "it is similar",
    Likeness.DIFFERENT: "it is different",
    Likeness.UNKNOWN: "it is empty, in another script, or cannot be read in its character set",
}


def _unexpected(identities: Sequence[Counted], expectation: Expectation) -> Iterator[Finding]:
    """Report once for each Patient ID and kind what is not as expected."""
    expected = expectation.patient_id.strip()
    if expected and any(identity.patient_id != expected for identity, _ in identities):
        yield OTHER_ID.at(expected=shown_id(expected), ids=shown_ids(identities))
    seen: set[tuple[Rule, str]] = set()
    for identity, _ in identities:
        for finding in _unlike(identity, expectation):
            if (finding.rule, identity.patient_id) not in seen:
                seen.add((finding.rule, identity.patient_id))
                yield finding


def _unlike(identity: Identity, expectation: Expectation) -> Iterator[Finding]:
    patient_id = shown_id(identity.patient_id)
    if expectation.name:
        likeness = same_name(identity.name, expectation.name)
        if likeness is not Likeness.SAME:
            yield OTHER_NAME.at(patient_id=patient_id, likeness=_LIKENESS[likeness])
    if expectation.birth_date and plain_date(identity.birth_date) != plain_date(expectation.birth_date):
        yield OTHER_BIRTH_DATE.at(patient_id=patient_id)
