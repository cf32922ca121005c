"""Build instances as the header scan gives them, without files."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mediakit.dicom.instance import Header, Instance
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.profile.model import KeyRule, Kind, Medium, Profile, Role

CT = "1.2.840.10008.5.1.4.1.1.2"
XA = "1.2.840.10008.5.1.4.1.1.12.1"
SR = "1.2.840.10008.5.1.4.1.1.88.11"
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
HANGING_PROTOCOL = "1.2.840.10008.5.1.4.38.1"
CT_PROTOCOL = "1.2.840.10008.5.1.4.1.1.200.1"

CD = Medium(
    id="cd-r",
    title="120 mm CD-R",
    annex="PS3.12 Annex F",
    file_systems=("ISO 9660 Level 1",),
    images=("iso9660",),
    capacities={"cd74": 681_984_000},
    default_capacity="cd74",
)


def make_instance(
    uid: str = "1.2.3.4.1",
    *,
    sop_class: str = CT,
    study: str = "1.2.3",
    series: str = "1.2.3.4",
    patient_id: bytes | None = b"PAT1",
    number: int | None = 1,
    size: int = 1000,
    path: str = "",
    values: Mapping[int, bytes | None] | None = None,
    shared: Mapping[int, bytes] | None = None,
) -> Instance:
    """Return a whole CT image; `values` adds and changes elements by tag, None takes one away."""
    elements: dict[int, bytes | None] = {
        0x00080008: b"ORIGINAL\\PRIMARY\\AXIAL ",
        0x00080020: b"20240102",
        0x00080030: b"101112",
        0x00080050: b"A1",
        0x00080060: b"CT",
        0x00081030: b"THORAX",
        0x00100010: b"DOE^JOHN",
        0x00100020: _even(patient_id),
        0x00100030: b"19700101",
        0x00100040: b"M ",
        0x0020000D: _even(study.encode(), b"\0"),
        0x0020000E: _even(series.encode(), b"\0"),
        0x00200010: b"7 ",
        0x00200011: b"2 ",
        0x00200013: None if number is None else _even(b"%d" % number),
        0x00280010: b"\x00\x02",
        0x00280011: b"\x00\x02",
    }
    elements.update(values or {})
    held = {tag: value for tag, value in sorted(elements.items()) if value is not None}
    header = Header(meta={}, values=held, shared=dict(shared or {}))
    return Instance("IN", path or uid, size, sop_class, uid, EXPLICIT_VR_LITTLE_ENDIAN, header)


def make_profile(*keys: KeyRule, **changes: object) -> Profile:
    """Return a general purpose profile on CD with these additional keys."""
    profile = Profile(
        id="STD-GEN-CD",
        title="General purpose CD-R",
        kind=Kind.STANDARD,
        profile_class="STD-GEN",
        source="PS3.11 Annex D",
        medium=CD,
        roles=(Role.FSC,),
        sop=(),
        keys=keys,
    )
    return msgspec.structs.replace(profile, **changes)


def _even(value: bytes | None, pad: bytes = b" ") -> bytes | None:
    return value if value is None or len(value) % 2 == 0 else value + pad
