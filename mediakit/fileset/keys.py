"""Pick the keys of directory records from headers: raw bytes in, raw bytes out, nothing decoded on the way.

A `KeyPlan` is made once for a record type and a profile; then each record costs one look-up per key. Values
that come again and again (most do) are judged and padded once. What cannot be picked is a `Gap`; what to do
about gaps is decided in `supply`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import NamedTuple

from mediakit.dicom.elements import dictionary_vr
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.text import decode, needs_charset
from mediakit.dicom.values import CHARSET_VRS
from mediakit.dicom.wanted import MOST, WANTED
from mediakit.errors import ProfileError
from mediakit.fileset import nested
from mediakit.fileset.key_values import (
    NEUTRAL_PADDING,
    bare,
    has_value,
    is_padded_with_nul,
    is_plain_number,
    mended,
    padded,
    why_illegal,
)
from mediakit.fileset.record import Key
from mediakit.fileset.record_types import KEYS, KeyNeed, KeySpec
from mediakit.findings import tag_text
from mediakit.profile.model import KeyCondition, KeyRule, Profile

ICON_IMAGE_SEQUENCE: Tag = 0x00880200
_BY_OTHERS = frozenset({SPECIFIC_CHARACTER_SET, ICON_IMAGE_SEQUENCE})  # written by `charset` and `build`
_IMAGE_TYPE: Tag = 0x00080008
_VERIFICATION_DATE_TIME: Tag = 0x0040A030
_VERIFYING_OBSERVERS: Tag = 0x0040A073
_VERIFICATION_FLAG: Tag = 0x0040A493

_CACHED_VALUES = 2048  # per attribute; enough for what repeats, and bounds the memory for what does not

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_XA_CLASSES = frozenset({_STORAGE + "12.1", _STORAGE + "12.1.1"})
_HL7_CLASSES = frozenset({_STORAGE + "104.2"})
# Presentation states whose IOD has the Presentation State Relationship Module, where the sequence is Type 1.
_RELATED_CLASSES = frozenset(_STORAGE + end for end in ("11.1", "11.2", "11.3", "11.5"))
_BIPLANE = frozenset({b"BIPLANE A", b"BIPLANE B"})


class Demand(IntEnum):
    """How much a record needs a key; the higher wins when the standard and the profile both ask."""

    IF_VALUE = 0  # written when the instance has a value
    CONDITION = 1  # needs a value when the condition holds, else as above
    PRESENT = 2  # always there, may be empty
    VALUE = 3  # always there with a value


_IF_VALUE = Demand.IF_VALUE


class Known(NamedTuple):
    """What was learnt of one raw value: its key (None: no value, or not legal), and why it is not legal.

    A value that `is_foreign` is judged with its character set: see `Wanted.look`.
    """

    key: Key | None
    is_foreign: bool
    why: str


_NO_VALUE = Known(None, False, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One key that records of a type take. `derive` finds its raw value when it is no top-level element.

    `is_due`: a record that lacks it is wrong when the instance has a value (Type 1C or 2C). `inside` is what
    the profile demands in the items of a sequence.
    """

    tag: Tag
    vr: str
    demand: Demand
    ref: str
    derive: Callable[[Instance], bytes | None] | None = None
    applies: Callable[[Instance], bool] | None = None
    is_due: bool = False
    inside: tuple[KeyRule, ...] = ()
    known: dict[bytes, Known] = field(default_factory=dict, compare=False, repr=False)
    _foreign: dict[tuple[bytes, bytes], Known] = field(default_factory=dict, compare=False, repr=False)

    @property
    def most(self) -> int:
        """Return how many values the attribute may have, 0 for any number."""
        return MOST.get(self.tag, 1) if self.tag in WANTED else 0

    def raw(self, instance: Instance) -> bytes | None:
        """Return the raw value in this instance, or None."""
        if self.derive is not None:
            return self.derive(instance)
        return instance.header.values.get(self.tag)

    def learn(self, raw: bytes) -> Known:
        """Return what is to be known of a raw value, and remember it as long as there is room."""
        known = self._judge(raw)
        if len(self.known) < _CACHED_VALUES:
            self.known[raw] = known
        return known

    def look(self, raw: bytes, instance: Instance) -> Known:
        """Return what is to be known of a raw value of this instance."""
        known = self.known.get(raw) or self.learn(raw)
        if not known.is_foreign:
            return known
        charset = _charset(instance)
        judged = self._foreign.get((raw, charset))
        if judged is None:
            why = self._why(raw, charset)
            judged = Known(None, True, why) if why else known
            if len(self._foreign) < _CACHED_VALUES:
                self._foreign[raw, charset] = judged
        return judged

    def _why(self, raw: bytes, charset: bytes) -> str:
        if self.vr != "SQ":
            return why_illegal(raw, self.vr, charset, self.most)
        lacking = (rule.tag for rule in self.inside if not nested.is_inside(rule, raw))
        return nested.why_illegal(raw, charset) or next(
            (f"{tag_text(tag)} in it has no value" for tag in lacking), ""
        )

    def mended(self, raw: bytes, charset: bytes) -> bytes | None:
        """Return the legal value that comes nearest to an illegal one, or None."""
        if self.vr == "SQ":
            found = nested.mended(raw, charset)
            return None if found is None or self._why(found, charset) else found
        return mended(raw, self.vr, charset, self.most)

    def key(self, value: bytes) -> Key:
        """Return a key of this attribute."""
        return Key(self.tag, self.vr, padded(value, self.vr))

    def needs_value(self, instance: Instance) -> bool:
        """Return True when a record of this instance is wrong without a value."""
        if self.demand is Demand.CONDITION and self.applies is not None:
            return self.applies(instance)
        return self.demand is Demand.VALUE

    def _judge(self, raw: bytes) -> Known:
        if is_padded_with_nul(raw, self.vr):
            raw = raw.rstrip(NEUTRAL_PADDING)
        if self.vr == "IS" and is_plain_number(raw):  # one in every instance, seldom the same twice
            return Known(Key(self.tag, "IS", raw if len(raw) % 2 == 0 else raw + b" "), False, "")
        if not has_value(raw, self.vr):
            return _NO_VALUE
        if is_foreign(self.vr, raw):
            return Known(self.key(raw), True, "")
        why = self._why(raw, b"")
        if why:
            return Known(None, False, why)
        return Known(self.key(bare(raw) if self.vr == "UI" else raw), False, "")


def is_foreign(vr: str, value: bytes) -> bool:
    """Return True when a value can be read with its Specific Character Set alone."""
    if vr == "SQ":
        return needs_charset(value) and any(map(needs_charset, nested.text_values(value)))
    return vr in CHARSET_VRS and needs_charset(value)


KeyPlan = tuple[Wanted, ...]


class Gap(NamedTuple):
    """A key that could not be picked: `illegal` is the value that its VR does not allow, if there is one.

    `carrier` is the instance that has it, or any.
    """

    wanted: Wanted
    illegal: bytes | None
    carrier: Instance


class Picked(NamedTuple):
    """The keys of a leaf record in order of tag, and what is missing. `is_foreign`: needs a character set."""

    keys: list[Key]
    gaps: list[Gap]
    is_foreign: bool


def pick(plan: KeyPlan, instance: Instance) -> Picked:
    """Pick the keys of the record that references this instance, Specific Character Set aside."""
    get = instance.header.values.get
    keys: list[Key] = []
    gaps: list[Gap] = []
    foreign = False
    for wanted in plan:
        raw = get(wanted.tag) if wanted.derive is None else wanted.derive(instance)
        illegal = None
        if raw:
            known = wanted.known.get(raw) or wanted.learn(raw)
            if known.is_foreign:
                known = wanted.look(raw, instance)
            if known.key is not None:
                keys.append(known.key)
                foreign = foreign or known.is_foreign
                continue
            illegal = raw if known.why else None
        elif wanted.demand is _IF_VALUE:
            continue
        if illegal is not None or wanted.needs_value(instance):
            gaps.append(Gap(wanted, illegal, instance))
        elif wanted.demand is Demand.PRESENT:
            keys.append(wanted.key(b""))
    return Picked(keys, gaps, foreign)


class Sourced(NamedTuple):
    """A key and the instance it came from."""

    key: Key
    carrier: Instance
    is_foreign: bool


class Merged(NamedTuple):
    """A key whose value differs between instances below one record; that of `first` was taken."""

    wanted: Wanted
    first: Instance
    other: Instance


class PickedGroup(NamedTuple):
    """The keys of a PATIENT, STUDY or SERIES record, what is missing, and where instances disagree."""

    keys: list[Sourced]
    gaps: list[Gap]
    merged: list[Merged]


def pick_group(plan: KeyPlan, carriers: Sequence[Instance]) -> PickedGroup:
    """Pick the keys of a record above several instances: for each the first value in their order."""
    picked = PickedGroup([], [], [])
    for wanted in plan:
        found, other, illegal = _first(wanted, carriers)
        if found is not None:
            picked.keys.append(found)
            if other is not None:
                picked.merged.append(Merged(wanted, found.carrier, other))
        elif illegal is not None or wanted.needs_value(carriers[0]):
            raw, carrier = illegal or (None, carriers[0])
            picked.gaps.append(Gap(wanted, raw, carrier))
        elif wanted.demand is Demand.PRESENT:
            picked.keys.append(Sourced(wanted.key(b""), carriers[0], False))
    return picked


def _first(
    wanted: Wanted, carriers: Sequence[Instance]
) -> tuple[Sourced | None, Instance | None, tuple[bytes, Instance] | None]:
    """Return the first value, the first instance with another one, and the first value that is not legal."""
    found: Sourced | None = None
    other: Instance | None = None
    illegal: tuple[bytes, Instance] | None = None
    for carrier in carriers:
        raw = wanted.raw(carrier)
        if not raw:
            continue
        known = wanted.look(raw, carrier)
        if known.key is None:
            illegal = illegal or ((raw, carrier) if known.why else None)
        elif found is None:
            found = Sourced(known.key, carrier, known.is_foreign)
        elif other is None and _differs(found, Sourced(known.key, carrier, known.is_foreign)):
            other = carrier
    return found, other, illegal


def _differs(one: Sourced, other: Sourced) -> bool:
    """Return True when two values do not say the same, each in the character set of its instance."""
    vr = one.key.vr
    if vr == "SQ" or not (one.is_foreign or other.is_foreign):
        return bare(one.key.value) != bare(other.key.value)
    ours, theirs = (
        decode(bare(each.key.value), _charset(each.carrier), vr).strip(" ") for each in (one, other)
    )
    return ours != theirs


def _charset(instance: Instance) -> bytes:
    return bare(instance.header.values.get(SPECIFIC_CHARACTER_SET, b""))


def key_plan(record_type: str, profile: Profile) -> KeyPlan:
    """Return the keys that records of this type take under a profile, in ascending order of tag.

    Specific Character Set and Icon Image Sequence are left to those who write them. Raises ProfileError when
    a profile names an attribute whose VR is not known.
    """
    wanted = {each.tag: each for each in standard_plan(record_type)}
    for rule in profile.keys:
        is_nested = rule.parent is not None  # comes with its sequence, which is copied whole
        if record_type in rule.records and not is_nested and rule.tag not in _BY_OTHERS:
            ours = _from_profile(rule)
            standard = wanted.get(rule.tag)
            if standard is None or (ours.demand, ours.is_due) > (standard.demand, standard.is_due):
                wanted[rule.tag] = ours
    for rule in nested.demanded_inside(profile, record_type):
        parent = wanted.get(rule.parent or 0)
        if parent is not None:
            wanted[parent.tag] = replace(parent, inside=(*parent.inside, rule), known={}, _foreign={})
    return tuple(sorted(wanted.values(), key=lambda each: each.tag))


def standard_plan(record_type: str) -> KeyPlan:
    """Return the keys that records of a current type take by PS3.3 Annex F alone, as `key_plan` does."""
    return tuple(_from_standard(spec) for spec in KEYS[record_type] if spec.tag not in _BY_OTHERS)


def _from_standard(spec: KeySpec) -> Wanted:
    demand = _demand(spec.type, is_always=spec.need is KeyNeed.ALWAYS)
    applies = _NEEDS.get(spec.need)
    return Wanted(
        tag=spec.tag,
        vr=spec.vr,
        demand=Demand.CONDITION if applies else demand,
        ref=spec.ref,
        derive=_latest_verification if spec.tag == _VERIFICATION_DATE_TIME else None,
        applies=applies,
        is_due=spec.type != "3" and not applies and demand is Demand.IF_VALUE,
    )


def _from_profile(rule: KeyRule) -> Wanted:
    vr = WANTED.get(rule.tag) or dictionary_vr(rule.tag).decode("ascii")
    if vr == "UN":
        raise ProfileError(
            f"the VR of {tag_text(rule.tag)} is not known", hint="it cannot be a directory key"
        )
    applies = _CONDITIONS.get(rule.condition)
    is_shared = rule.condition is KeyCondition.PRESENT_OR_SHARED
    demand = _demand(rule.type, is_always=rule.condition is KeyCondition.ALWAYS)
    return Wanted(
        tag=rule.tag,
        vr=vr,
        demand=Demand.CONDITION if applies else demand,
        ref=rule.ref,
        derive=_top_or_shared(rule.tag) if is_shared else None,
        applies=applies,
        is_due=rule.type != "3" and not applies and demand is Demand.IF_VALUE,
    )


def _demand(type_: str, *, is_always: bool) -> Demand:
    if not is_always or type_ not in {"1", "2"}:
        return Demand.IF_VALUE
    return Demand.VALUE if type_ == "1" else Demand.PRESENT


def _top_or_shared(tag: Tag) -> Callable[[Instance], bytes | None]:
    def derive(instance: Instance) -> bytes | None:
        return instance.header.values.get(tag) or instance.header.shared.get(tag)

    return derive


def _latest_verification(instance: Instance) -> bytes | None:
    """Return the latest Verification DateTime of the Verifying Observer Sequence (PS3.3 Table F.5-25).

    Compared as text: that is right for values of one precision and one zone, which these practically are.
    """
    if not _is_verified(instance):
        return None
    content = instance.header.values.get(_VERIFYING_OBSERVERS, b"")
    return max(nested.values_of(content, _VERIFICATION_DATE_TIME), key=bare, default=None)


def _is_verified(instance: Instance) -> bool:
    return bare(instance.header.values.get(_VERIFICATION_FLAG, b"")) == b"VERIFIED"


def _is_biplane(instance: Instance) -> bool:
    values = instance.header.values.get(_IMAGE_TYPE, b"").split(b"\\")
    return not _BIPLANE.isdisjoint(map(bare, values))


def _is_xa(instance: Instance) -> bool:
    return instance.sop_class in _XA_CLASSES


_CONDITIONS: dict[KeyCondition, Callable[[Instance], bool]] = {
    KeyCondition.XA_IMAGE: _is_xa,
    KeyCondition.BIPLANE: _is_biplane,
    KeyCondition.XA_BIPLANE: lambda instance: _is_xa(instance) and _is_biplane(instance),
}
_NEEDS: dict[KeyNeed, Callable[[Instance], bool]] = {
    KeyNeed.VERIFIED: _is_verified,
    KeyNeed.HL7: lambda instance: instance.sop_class in _HL7_CLASSES,
    KeyNeed.PRESENTATION_RELATIONSHIP: lambda instance: instance.sop_class in _RELATED_CLASSES,
}
