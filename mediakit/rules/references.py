"""References to instances that are not on the medium: what documents mark, and what images were made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, field

from mediakit.dicom.instance import Instance
from mediakit.dicom.packed import Several
from mediakit.dicom.uids import class_name, is_image
from mediakit.fileset.nested import elements
from mediakit.findings import Finding, Rule, Severity, Where

ABSENT = Rule(
    id="MK-CMP-004",
    severity=Severity.WARNING,
    title="{name}: {count:referenced instance is|referenced instances are} not on the medium, first {uid}",
    ref="PS3.3 C.11.11, C.12.2",
    hint="what it marks, shows or measures cannot be seen from this medium",
)
NOT_HERE = Rule(
    id="MK-CMP-005",
    severity=Severity.NOTE,
    title="{name}, series {series}: {count:image is|images are} not on the medium that it was made from or "
    "refers to (a localizer, for example), first {uid}",
    ref="PS3.3 C.7.6.1, C.12.4",
    hint="the images themselves are whole; ask for the others if they are needed",
)

_REFERENCED_CLASS = 0x00081150
_REFERENCED_INSTANCE = 0x00081155
_referring = Several(
    0x00081115,  # Referenced Series Sequence: presentation states, segmentations
    0x00081140,  # Referenced Image Sequence
    0x0008114A,  # Referenced Instance Sequence
    0x00082112,  # Source Image Sequence
    0x0040A375,  # Current Requested Procedure Evidence Sequence: SR, key objects
    0x0040A385,  # Pertinent Other Evidence Sequence
    0x00420013,  # Source Instance Sequence: encapsulated documents
    0x00700402,  # Blending Sequence
    0x300C0002,  # Referenced RT Plan Sequence
    0x300C0060,  # Referenced Structure Set Sequence
    0x300C0080,  # Referenced Dose Sequence
    0x30060010,  # Referenced Frame of Reference Sequence: structure sets
)
_NOT_STORED = b"1.2.840.10008.3."  # studies, patients and procedure steps, which are no instances of a medium
_MOST_HELD = 200_000


class _Referring(Struct):
    """The instances of one SOP Class in one series, and what is not there of what they refer to."""

    where: Where
    absent: dict[str, None] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)


def absent(held: Collection[tuple[str, Instance]]) -> Iterator[Finding]:
    """Report instances that others refer to and that are not there, once for each series and SOP Class."""
    found: dict[tuple[str, str], _Referring] = {}
    there: frozenset[str] | None = None
    for path, instance in held:
        contents = [raw for raw in _referring(instance.header.values) if raw]
        if not contents:
            continue
        if there is None:
            there = frozenset(other.sop_instance for _, other in held)
        one = found.setdefault((instance.series, instance.sop_class), _Referring(Where(path=path)))
        for content in contents:
            if content not in one.seen and len(one.absent) < _MOST_HELD:
                one.seen.add(content)
                missing = [uid for uid in _referred(content) if uid not in there]
                if missing and not one.absent:
                    one.where = Where(path=path)
                one.absent.update(dict.fromkeys(missing))
    for (series, sop_class), one in found.items():
        if one.absent:
            yield _finding(series, sop_class, one)


def _finding(series: str, sop_class: str, one: _Referring) -> Finding:
    count, uid = len(one.absent), next(iter(one.absent))
    name = class_name(sop_class) or sop_class
    if is_image(sop_class):
        return NOT_HERE.at(one.where, name=name, series=series, count=count, uid=uid)
    return ABSENT.at(one.where, name=name, count=count, uid=uid)


def _referred(content: bytes) -> Iterable[str]:
    """Yield the instances that the items of a sequence refer to, at any depth."""
    sop_class = b""
    for tag, _vr, raw in elements(content):
        if tag == _REFERENCED_CLASS:
            sop_class = raw
        elif tag == _REFERENCED_INSTANCE:
            uid = raw.strip(b" \0").decode("latin-1")
            if uid and not sop_class.startswith(_NOT_STORED):
                yield uid
            sop_class = b""
