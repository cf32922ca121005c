"""Whether the rows of a profile file make sense together. The shape is right by now; see `shape`.

Two looks: `document_faults` at the rows as they are written, with their path in the document, and
`profile_faults` at a flat profile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from mediakit.dicom.dictionary import is_private, is_standard
from mediakit.dicom.uids import STORAGE, SYNTAXES
from mediakit.dicom.wanted import WANTED_INSIDE
from mediakit.findings import tag_text
from mediakit.profile.document import Document, IconRow, ImageRow, KeyRow, RuleSet, WhenRow
from mediakit.profile.flatten import rule_sets
from mediakit.profile.model import (
    ANY_MULTIFRAME,
    ANY_STORAGE,
    ANY_SYNTAX,
    ImageOp,
    KeyCondition,
    Kind,
    Profile,
    Role,
)
from mediakit.profile.rows import requirement, tag_of
from mediakit.profile.superset import accepts_class

DICOM_ROOT = "1.2.840.10008."
# Groups without attributes of an instance: commands, file meta information, the DICOMDIR, item delimiters.
_OTHER_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x0006, 0xFFFE})
_PIXEL_GROUP = 0x7FE0  # and what comes after it: never read
# Directory record types (PS3.3 F.5), 2026a.
RECORDS = frozenset(
    {
        *("PATIENT", "STUDY", "SERIES", "IMAGE", "RT DOSE", "RT STRUCTURE SET", "RT PLAN", "RT TREAT RECORD"),
        *("PRESENTATION", "WAVEFORM", "SR DOCUMENT", "KEY OBJECT DOC", "SPECTROSCOPY", "RAW DATA"),
        *("REGISTRATION", "FIDUCIAL", "HANGING PROTOCOL", "ENCAP DOC", "VALUE MAP", "STEREOMETRIC"),
        *("PALETTE", "IMPLANT", "IMPLANT ASSY", "IMPLANT GROUP", "PLAN", "MEASUREMENT", "SURFACE"),
        *("SURFACE SCAN", "TRACT", "ASSESSMENT", "RADIOTHERAPY", "ANNOTATION", "INVENTORY"),
        *("WF PRESENTATION", "PRIVATE"),
    }
)
# Values of Photometric Interpretation (PS3.3 C.7.6.3.1.2), retired ones included.
PHOTOMETRIC = frozenset(
    {
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK", "XYB"),
        *("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"),
    }
)
# How many values an operation takes: (least, most); None is no limit.
_VALUES: dict[ImageOp, tuple[int, int | None]] = {
    ImageOp.EQUALS: (1, 1),
    ImageOp.ONE_OF: (2, None),
    ImageOp.MAX: (1, 1),
    ImageOp.EQUALS_TAG: (0, 0),
    ImageOp.TYPE_1: (0, 0),
    ImageOp.TYPE_2: (0, 0),
    ImageOp.SYNTAX_ONE_OF: (1, None),
    ImageOp.FORBIDDEN: (0, 0),
}


def document_faults(document: Document) -> Iterator[str]:
    """Yield one sentence for each row that makes no sense as it is written."""
    yield from _identifier_faults(document)
    yield from _unused_faults(document)
    for path, rules in _all_rules(document):
        yield from _rule_faults(rules, path)
        yield from _role_faults(document, rules, path)
    for name, rows in document.key_tables.items():
        for index, row in enumerate(rows):
            yield from _key_faults(row, f"$.key-tables.{name}[{index}]")
    for path, icon in _icons(document):
        yield from _choice_faults(icon.records, RECORDS, "directory record type", f"{path}.records")
        yield from _choice_faults(icon.photometric, PHOTOMETRIC, "photometric interpretation", path)


def user_faults(document: Document) -> Iterator[str]:
    """Yield one sentence for each profile that a user may not define like this."""
    for row in document.profile:
        kind = Kind(row.id[:3])
        if kind is Kind.STANDARD:
            yield f"{row.id}: STD- is for the profiles of PS3.11; a profile of your own is AUG- or PRI-"
        elif kind is Kind.AUGMENTED and row.extends is None:
            yield f"{row.id}: an augmented profile needs `extends` with the standard profile it augments"
        elif row.extends is None and row.base is None:
            yield f"{row.id}: a private profile needs `extends` or `base`: the standard profile it stands on"
        if kind is Kind.AUGMENTED and not row.remove.is_empty:
            yield f"{row.id}: `remove` is for private profiles; an augmented one only adds (PS3.2 7.4.2)"


def _identifier_faults(document: Document) -> Iterator[str]:
    times = Counter(row.id for row in document.profile)
    yield from (f"{name}: defined {count} times in this file" for name, count in times.items() if count > 1)


def _unused_faults(document: Document) -> Iterator[str]:
    used = {name for row in document.profile for name in row.use}
    yield from (f"$.sets.{name}: no profile uses this set" for name in document.sets if name not in used)
    tables = {document.common.keys, *(row.keys for row in document.profile)}
    tables |= {row.add.keys for row in document.profile}
    yield from (
        f"$.key-tables.{name}: no profile uses it" for name in document.key_tables if name not in tables
    )
    if document.common != type(document.common)() and all(row.extends for row in document.profile):
        yield "$.common: has no effect, every profile of this file extends another one"


def _all_rules(document: Document) -> Iterator[tuple[str, RuleSet]]:
    yield "$.common", document.common
    yield from ((f"$.sets.{name}", rules) for name, rules in document.sets.items())
    for index, row in enumerate(document.profile):
        yield f"$.profile[{index}]", row
        yield f"$.profile[{index}].add", row.add


def _icons(document: Document) -> Iterator[tuple[str, IconRow]]:
    for path, icon in (
        ("$.common.icon", document.common.icon),
        *((f"$.profile[{n}].icon", row.icon) for n, row in enumerate(document.profile)),
        *((f"$.profile[{n}].add.icon", row.add.icon) for n, row in enumerate(document.profile)),
    ):
        if icon is not None:
            yield path, icon


def _role_faults(document: Document, rules: RuleSet, path: str) -> Iterator[str]:
    """Yield the requirements for roles that no profile with these rules has."""
    users = [row for row in document.profile if any(one is rules for one in rule_sets(document, row))]
    if not users or any(row.extends is not None for row in users):
        return  # the roles of an extending profile are known only when it is flat
    roles = {role for row in users for role in row.roles or document.common.roles or ()}
    for index, row in enumerate(rules.sop):
        for role in Role:
            if roles and role not in roles and requirement(row, role) is not None:
                yield f"{path}.sop[{index}].{role.lower()}: no effect, no profile here has the role {role}"


def _rule_faults(rules: RuleSet, path: str) -> Iterator[str]:
    for index, sop in enumerate(rules.sop):
        where = f"{path}.sop[{index}]"
        yield from _class_faults(sop.classes, f"{where}.classes")
        yield from _syntax_faults(sop.syntaxes, f"{where}.syntaxes")
        yield from _choice_faults(sop.photometric, PHOTOMETRIC, "photometric interpretation", where)
    for index, key in enumerate(rules.key):
        yield from _key_faults(key, f"{path}.key[{index}]")
    for index, image in enumerate(rules.image):
        yield from _image_faults(image, f"{path}.image[{index}]")
    for index, item in enumerate(rules.item):
        where = f"{path}.item[{index}]"
        yield from _class_faults(item.classes, f"{where}.classes")
        yield from _tag_faults((item.sequence, *item.tags, *_when_tag(item.when)), where)


def _class_faults(classes: Sequence[str], path: str) -> Iterator[str]:
    for uid in classes:
        if uid.startswith(DICOM_ROOT) and uid not in STORAGE:
            yield f"{path}: {uid} is not a storage SOP class of the standard"
    yield from _twice(classes, path)


def _syntax_faults(syntaxes: Sequence[str], path: str) -> Iterator[str]:
    for uid in syntaxes:
        if uid.startswith(DICOM_ROOT) and uid not in SYNTAXES:
            yield f"{path}: {uid} is not a transfer syntax of the standard"
    yield from _twice(syntaxes, path)


def _twice(values: Sequence[str], path: str) -> Iterator[str]:
    yield from (f"{path}: {value} is there {n} times" for value, n in Counter(values).items() if n > 1)


def _choice_faults(values: Sequence[str], known: frozenset[str], what: str, path: str) -> Iterator[str]:
    yield from (f'{path}: "{value}" is not a {what}' for value in values if value not in known)


def _tag_faults(tags: Sequence[str], path: str) -> Iterator[str]:
    for text in tags:
        tag = tag_of(text)
        if tag >> 16 in _OTHER_GROUPS or tag >> 16 >= _PIXEL_GROUP:
            yield f"{path}: {text} is not an attribute that mediakit reads from instances"
        elif not is_private(tag) and not is_standard(tag):
            yield f"{path}: {text} is not in the data dictionary (PS3.6)"


def _when_tag(when: WhenRow | None) -> tuple[str, ...]:
    return (when.tag,) if when else ()


def _key_faults(row: KeyRow, path: str) -> Iterator[str]:
    yield from _tag_faults((row.tag, *((row.parent,) if row.parent else ())), path)
    yield from _choice_faults(row.records, RECORDS, "directory record type", f"{path}.records")
    if is_private(tag_of(row.tag)):
        yield f"{path}: {row.tag} is private: its VR is not known, it cannot be a directory key"
    if row.condition is KeyCondition.PRESENT_OR_SHARED and tag_of(row.tag) not in WANTED_INSIDE:
        there = ", ".join(tag_text(tag) for tag in sorted(WANTED_INSIDE))
        yield f'{path}: the condition "{row.condition}" is for {there}'
    conditional = row.type.endswith("C")
    if conditional and row.condition is KeyCondition.ALWAYS:
        yield f"{path}: type {row.type} needs a `condition`"
    if not conditional and row.condition is not KeyCondition.ALWAYS:
        yield f"{path}: `condition` has no effect on type {row.type}"
    if row.condition is KeyCondition.PARENT_PRESENT and row.parent is None:
        yield f'{path}: the condition "parent-present" needs a `parent`'


def _image_faults(row: ImageRow, path: str) -> Iterator[str]:
    yield from _class_faults(row.classes, f"{path}.classes")
    yield from _tag_faults((row.tag, *((row.other,) if row.other else ()), *_when_tag(row.when)), path)
    least, most = _VALUES[row.op]
    if len(row.values) < least or (most is not None and len(row.values) > most):
        wanted = f"exactly {least}" if least == most else f"at least {least}"
        wanted = wanted if most != 0 else "no"
        yield f'{path}: the operation "{row.op}" takes {wanted} `values`, there are {len(row.values)}'
    yield from _twice(row.values, f"{path}.values")
    if row.op is ImageOp.MAX and not all(_is_number(value) for value in row.values):
        yield f'{path}: the operation "max" needs a number, not {", ".join(row.values)}'
    if (row.other is not None) != (row.op is ImageOp.EQUALS_TAG):
        needs = "needs" if row.other is None else "has no use for"
        yield f'{path}: the operation "{row.op}" {needs} `other`'
    if row.plus and row.op is not ImageOp.EQUALS_TAG:
        yield f'{path}: the operation "{row.op}" has no use for `plus`'
    if row.op is ImageOp.SYNTAX_ONE_OF:
        yield from _syntax_faults(row.values, f"{path}.values")
        if row.when is None:
            yield f'{path}: the operation "syntax-one-of" needs `when`; without it, limit the `sop` rows'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def profile_faults(profile: Profile) -> Iterator[str]:
    """Yield one sentence for each rule of a flat profile that contradicts another or has no effect."""
    yield from (f"{profile.id}: {fault}" for look in _LOOKS for fault in look(profile))


def _repeated_roles(profile: Profile) -> Iterator[str]:
    yield from (f"role {role} is there twice" for role, n in Counter(profile.roles).items() if n > 1)
    if not profile.roles:
        yield "there is no role left"


def _overlapping_rows(profile: Profile) -> Iterator[str]:
    """Yield the pairs of SOP class and transfer syntax that an earlier row takes already.

    A wide row after a narrow one is no fault: an augmented profile may widen what its base lists.
    """
    seen: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for rule in profile.sop:
        for one in rule.classes:
            for syntax in rule.syntaxes:
                met = seen.setdefault((one, syntax), [])
                wide = _wider(one, syntax, seen)
                if any(not old or not rule.photometric or set(old) & set(rule.photometric) for old in met):
                    yield f"two `sop` rows take {one} in {syntax}"
                elif wide is not None:
                    yield f'the `sop` row of {one} in {syntax} has no effect: "{wide}" takes it already'
                met.append(rule.photometric)


def _wider(one: str, syntax: str, seen: Mapping[tuple[str, str], Sequence[tuple[str, ...]]]) -> str | None:
    """Return the pattern of an earlier row without a limit that takes all of a pair."""
    for wide in (ANY_STORAGE, ANY_MULTIFRAME, one):
        for pattern in (syntax, ANY_SYNTAX):
            is_same = (wide, pattern) == (one, syntax)
            if not is_same and () in seen.get((wide, pattern), ()) and (wide == one or _covers(wide, one)):
                return wide if wide != one else pattern
    return None


def _covers(wide: str, one: str) -> bool:
    if one == ANY_MULTIFRAME:
        return wide == ANY_STORAGE
    known = STORAGE.get(one)
    return known is not None and not known.retired and (wide == ANY_STORAGE or known.multiframe)


def _key_conflicts(profile: Profile) -> Iterator[str]:
    places = Counter((key.tag, key.parent, record) for key in profile.keys for record in key.records)
    for (tag, _, record), count in places.items():
        if count > 1:
            yield f"directory key {tag_text(tag)} of {record} is there {count} times"
    top = {(key.tag, record) for key in profile.keys if key.parent is None for record in key.records}
    for key in profile.keys:
        for record in key.records:
            if key.parent is not None and (key.parent, record) not in top:
                yield (f"directory key {tag_text(key.tag)} is in {tag_text(key.parent)}, no key of {record}")


def _idle_rules(profile: Profile) -> Iterator[str]:
    """Yield the value rules that no instance which the profile takes can meet."""
    for image in profile.images:
        if not any(accepts_class(profile, one) for one in image.classes):
            yield f"the rule on {tag_text(image.tag)} has no effect: no `sop` row takes its SOP classes"
    for item in profile.items:
        if not any(accepts_class(profile, one) for one in item.classes):
            where = tag_text(item.sequence)
            yield f"the rule on items of {where} has no effect: no `sop` row takes its SOP classes"
    times = Counter(profile.images)
    yield from (f"the rule on {tag_text(rule.tag)} is there {n} times" for rule, n in times.items() if n > 1)


_LOOKS: tuple[Callable[[Profile], Iterator[str]], ...] = (
    _repeated_roles,
    _overlapping_rows,
    _key_conflicts,
    _idle_rules,
)
