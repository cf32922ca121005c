"""Attributes that every item of a sequence must have: ultrasound region calibration (PS3.11 C.4, C.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.elements import EXPLICIT_LITTLE
from mediakit.dicom.instance import Header
from mediakit.dicom.sequences import items as steps_through
from mediakit.dicom.walk import Step
from mediakit.findings import Finding, Rule, Severity, Where, tag_text
from mediakit.profile.image_rules import same
from mediakit.profile.model import ItemRule, When

ITEM_ATTRIBUTE_MISSING = Rule(
    id="MK-PRO-050",
    severity=Severity.ERROR,
    title="{tag} has no value in {count} of {total} items of {sequence}; the profile requires it in each",
    ref="PS3.11",
    hint="a profile without calibration allows the image: `mediakit profiles fit` shows which",
)
ITEM_ATTRIBUTE_DOUBTFUL = Rule(
    id="MK-PRO-051",
    severity=Severity.WARNING,
    title="{tag} has no value in {count} of {total} items of {sequence}; the profile probably requires "
    "it in each (unconfirmed reading)",
    ref="PS3.11",
    hint="strict readers may refuse the instance; the value can only come from the sender",
)
SEQUENCE_UNREADABLE = Rule(
    id="MK-PRO-052",
    severity=Severity.ERROR,
    title="the items of {sequence} cannot be read, so the profile's rules on them cannot be checked",
    ref="PS3.5 7.5",
    hint="fetch the instance again from where it came from",
)

_UNSIGNED = {b"US": 2, b"UL": 4, b"UV": 8}
_SIGNED = {b"SS": 2, b"SL": 4, b"SV": 8}

Item = Mapping[int, str]  # the first value of each element as text; "" when it has none


def check_items(rules: Sequence[ItemRule], header: Header, where: Where) -> list[Finding]:
    """Return a finding for every attribute that some item lacks. A sequence without items breaks no rule."""
    findings: list[Finding] = []
    for sequence in dict.fromkeys(rule.sequence for rule in rules):
        content = header.values.get(sequence, b"")
        of_sequence = [rule for rule in rules if rule.sequence == sequence]
        wanted = frozenset(tag for rule in of_sequence for tag in _tags(rule))
        try:
            items = read_items(content, wanted)
        except Malformed:
            place = Where(path=where.path, tag=sequence)
            findings.append(SEQUENCE_UNREADABLE.at(place, sequence=tag_text(sequence)))
            continue
        findings.extend(finding for rule in of_sequence for finding in _missing(rule, items, where))
    return findings


def read_items(content: bytes, wanted: frozenset[int]) -> Sequence[Item]:
    """Return the wanted elements of every item (Explicit VR Little Endian). Raises Malformed."""
    items: list[dict[int, str]] = []
    inside = 0  # the wanted sequence that the walk is in, directly below an item
    for token in steps_through(content, EXPLICIT_LITTLE):
        if token.step is Step.ITEM and token.depth == 0:
            items.append({})
        elif token.depth == 1 and token.tag in wanted:
            if token.step is Step.ELEMENT:
                items[-1][token.tag] = _text(token.vr.encode("ascii"), content[token.start : token.end])
            elif token.step is Step.SEQUENCE:
                inside = token.tag
                items[-1].setdefault(inside, "")
        elif token.step is Step.SEQUENCE and token.depth == 1:
            inside = 0
        elif token.step is Step.ITEM and token.depth == 2 and inside:
            items[-1][inside] = "item"
    return items


def _tags(rule: ItemRule) -> tuple[int, ...]:
    return rule.tags if rule.when is None else (*rule.tags, rule.when.tag)


def _missing(rule: ItemRule, items: Sequence[Item], where: Where) -> Iterator[Finding]:
    kind = ITEM_ATTRIBUTE_DOUBTFUL if rule.unconfirmed else ITEM_ATTRIBUTE_MISSING
    concerned = [item for item in items if rule.when is None or _holds(rule.when, item)]
    for tag in rule.tags:
        count = sum(1 for item in concerned if not item.get(tag))
        if count:
            yield kind.at(
                Where(path=where.path, tag=tag),
                tag=tag_text(tag),
                count=count,
                total=len(items),
                sequence=tag_text(rule.sequence),
                ref=rule.ref or kind.ref,
            )


def _holds(when: When, item: Item) -> bool:
    found = item.get(when.tag)
    among = found is not None and any(same(found, value) for value in when.values)
    return among is not when.negate


def _text(vr: bytes, raw: bytes) -> str:
    """Return the first value as text; of a binary VR without a number only whether there are bytes."""
    width = _UNSIGNED.get(vr) or _SIGNED.get(vr)
    if width is not None:
        return str(int.from_bytes(raw[:width], "little", signed=vr in _SIGNED)) if len(raw) >= width else ""
    if vr in {b"FD", b"FL", b"AT"} or vr[:1] == b"O" or vr == b"UN":
        return "bytes" if raw else ""
    return raw.split(b"\\", 1)[0].strip(b" \0").decode("latin-1")
