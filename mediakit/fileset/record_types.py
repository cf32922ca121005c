"""What PS3.3 Annex F says of directory records: types and their keys, SOP classes, what stands below what.

Everything here is a constant made from `record_table`. There is no fallback type: a SOP class that is not in
`RECORD_TYPE_OF` has no record type in the standard, and its instance cannot stand in a directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from mediakit.dicom.instance import Tag
from mediakit.fileset import record_table


class KeyNeed(StrEnum):
    """When a key is written into a record."""

    ALWAYS = "always"  # in every record of the type; Type 2 may be empty
    CHARSET = "charset"  # a key of the record uses an extended or replacement character set
    PRESENT = "present"  # the instance holds the attribute
    ICON = "icon"  # the profile asks for an icon, or there is one to be had
    VERIFIED = "verified"  # Verification Flag (0040,A493) is VERIFIED
    CONCEPT_MODS = "concept-mods"  # the root content item has HAS CONCEPT MOD children
    PRESENTATION_RELATIONSHIP = "presentation-relationship"  # the IOD has that module
    WAVEFORM_RELATIONSHIP = "waveform-relationship"  # Waveform Presentation State Relationship Module
    BLENDING = "blending"  # the instance has Blending Sequence (0070,0402)
    HL7 = "hl7"  # the encapsulated document is an HL7 structured document


class KeySpec(Struct, frozen=True):
    """One key of a record type: its VR, its Type ("1", "1C", "2", "3") in the directory, when it is needed.

    `ref` is the clause; `unconfirmed` marks a Type that no edition at hand confirms.
    """

    tag: Tag
    vr: str
    type: str
    need: KeyNeed
    ref: str
    unconfirmed: bool = False


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split("; "))


def _spec(row: str, table: str) -> KeySpec:
    tag, vr, type_, need = row.split()
    return KeySpec(
        tag=int(tag, 16),
        vr=vr,
        type=type_.rstrip("?"),
        need=KeyNeed(need),
        ref=f"PS3.3 Table {table}",
        unconfirmed=type_.endswith("?"),
    )


def _keys(entry: str) -> tuple[KeySpec, ...]:
    table, *rows = entry.split("; ")
    return tuple(sorted((_spec(row, table) for row in rows), key=lambda spec: spec.tag))


def _by_class(table: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(
        {
            uid if uid.startswith("1.2.840.") else record_table.SOP_CLASS_ROOT + uid: record_type
            for record_type, uids in table.items()
            for uid in uids.split()
        }
    )


#: Record type to its keys, in ascending order of tag (PS3.3 F.5, F.6). Profiles add to these.
KEYS: Mapping[str, tuple[KeySpec, ...]] = MappingProxyType(
    {record_type: _keys(entry) for record_type, entry in record_table.KEY_ROWS.items()}
)

CURRENT_TYPES: frozenset[str] = frozenset(KEYS)
RETIRED_TYPES: frozenset[str] = _names(record_table.RETIRED_TYPES)
ROOT_TYPES: frozenset[str] = _names(record_table.ROOT_TYPES)

#: Current SOP class UID to the type of the record that references its instances.
RECORD_TYPE_OF: Mapping[str, str] = _by_class(record_table.SOP_CLASSES)

#: Retired SOP class UID to the type it had. For reading.
HISTORICAL_TYPE_OF: Mapping[str, str] = _by_class(record_table.HISTORICAL_SOP_CLASSES)

_PRIVATE = frozenset({"PRIVATE"})

#: Record type to the types that may stand below it; "" is the root (PS3.3 Table F.4-1).
CHILDREN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(CURRENT_TYPES, _PRIVATE),
        "": ROOT_TYPES,
        "PATIENT": frozenset({"STUDY"}) | _PRIVATE,
        "STUDY": frozenset({"SERIES"}) | _PRIVATE,
        "SERIES": _names(record_table.SERIES_CHILDREN),
        "PRIVATE": CURRENT_TYPES,
    }
)
