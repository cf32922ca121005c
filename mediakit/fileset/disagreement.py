"""Say where instances below one record disagree on a key of it. Names and birth dates are never shown."""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.dicom import text
from mediakit.dicom.instance import Instance, Tag
from mediakit.fileset.charset import charset_of, place_of
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import bare
from mediakit.fileset.keys import Merged
from mediakit.findings import Finding, Rule, Severity, Where

_PATIENT_NAME: Tag = 0x00100010
# What tells that one Patient ID stands for two people.
_WHO: tuple[Tag, ...] = (_PATIENT_NAME, 0x00100030, 0x00100040, 0x00100021)

MERGED = Rule(
    id="MK-KEY-011",
    severity=Severity.WARNING,
    title="{record} record `{identity}`: {key} differs between instances; that of {first} is written, "
    "{other} has another",
    ref="PS3.3 F.5",
    hint="the instances keep their own values; readers show the written one before the import",
)
TWO_PEOPLE = Rule(
    id="MK-KEY-012",
    severity=Severity.WARNING,
    title="Patient ID `{patient_id}` stands for different values of {keys}: compare {first} and {other}",
    ref="PS3.3 F.5.1",
    hint="two people may share one ID: check before the medium is handed out",
)


def merged_findings(record: str, identity: str, merged: Sequence[Merged]) -> list[Finding]:
    """Return a finding for each key of a record on which instances disagree."""
    return [
        MERGED.at(
            Where(path=place_of(each.first), tag=each.wanted.tag),
            record=record,
            identity=identity,
            key=key_text(each.wanted.tag),
            first=each.first.sop_instance,
            other=each.other.sop_instance,
        )
        for each in merged
        if meaning(each.first, each.wanted.tag) != meaning(each.other, each.wanted.tag)
        or each.wanted.tag not in _WHO
    ]


def two_people(patient_id: str, carriers: Sequence[Instance]) -> Finding | None:
    """Return the warning that one Patient ID may stand for two people, or None."""
    seen: dict[Tag, tuple[str, Instance]] = {}
    keys: list[str] = []
    pair: tuple[Instance, Instance] | None = None
    for tag in _WHO:
        if len({carrier.header.values.get(tag) for carrier in carriers}) == 1:
            continue
        for carrier in carriers:
            said = meaning(carrier, tag)
            if not said:
                continue
            known, first = seen.setdefault(tag, (said, carrier))
            if known != said:
                keys.append(key_text(tag))
                pair = pair or (first, carrier)
                break
    if pair is None:
        return None
    return TWO_PEOPLE.at(
        Where(path=place_of(pair[1])),
        patient_id=patient_id,
        keys=", ".join(keys),
        first=pair[0].sop_instance,
        other=pair[1].sop_instance,
    )


def meaning(instance: Instance, tag: Tag) -> str:
    """Return what a value says, whatever its character set, padding, case and empty components."""
    raw = instance.header.values.get(tag, b"")
    if text.needs_charset(raw):
        said = text.decode(raw, charset_of(instance), "PN" if tag == _PATIENT_NAME else "LO")
    else:
        said = bare(raw).decode("latin-1")
    return said.strip("^ ").casefold()
