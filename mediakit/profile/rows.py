"""One row of a profile file as one rule of the flat model. What a row leaves open is given by the caller."""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.profile.document import (
    DicomdirRow,
    IconRow,
    ImageRow,
    ItemRow,
    KeyRow,
    MediumRow,
    SopRow,
    WhenRow,
)
from mediakit.profile.model import (
    DicomdirRule,
    IconRule,
    ImageRule,
    ItemRule,
    KeyRule,
    Medium,
    Requirement,
    Role,
    SopRule,
    When,
)


def tag_of(text: str) -> int:
    """Return a tag as a number: "(0010,0020)" gives 0x00100020."""
    return int(text[1:5] + text[6:10], 16)


def requirement(row: SopRow | DicomdirRow, role: Role) -> Requirement | None:
    """Return what the row asks of a role; None when it does not say."""
    by_role: dict[Role, Requirement | None] = {Role.FSC: row.fsc, Role.FSR: row.fsr, Role.FSU: row.fsu}
    return by_role[role]


def _for_roles(row: SopRow | DicomdirRow, roles: Sequence[Role]) -> dict[Role, Requirement]:
    """Return the requirement for each role: a role that the profile does not have is not defined."""
    return {
        role: (requirement(row, role) or Requirement.NOT_DEFINED)
        if role in roles
        else Requirement.NOT_DEFINED
        for role in Role
    }


def sop_rule(row: SopRow, roles: Sequence[Role]) -> SopRule:
    """Return the rule of a `sop` row for a profile with these roles."""
    asked = _for_roles(row, roles)
    return SopRule(
        classes=row.classes,
        syntaxes=row.syntaxes,
        fsc=asked[Role.FSC],
        fsr=asked[Role.FSR],
        fsu=asked[Role.FSU],
        photometric=row.photometric,
    )


def dicomdir_rule(row: DicomdirRow, roles: Sequence[Role]) -> DicomdirRule:
    """Return the rule of a `dicomdir` table for a profile with these roles."""
    asked = _for_roles(row, roles)
    return DicomdirRule(
        mandatory=row.mandatory,
        empty_allowed=row.empty_allowed,
        all_files_referenced=row.all_files_referenced,
        fsc=asked[Role.FSC],
        fsr=asked[Role.FSR],
        fsu=asked[Role.FSU],
    )


def key_rule(row: KeyRow, ref: str = "") -> KeyRule:
    """Return the rule of a `key` row; `ref` is used when the row has none."""
    return KeyRule(
        records=row.records,
        tag=tag_of(row.tag),
        type=row.type,
        condition=row.condition,
        parent=tag_of(row.parent) if row.parent else None,
        ref=row.ref or ref,
    )


def _when(row: WhenRow | None) -> When | None:
    return When(tag=tag_of(row.tag), values=row.values, negate=row.negate) if row else None


def image_rule(row: ImageRow) -> ImageRule:
    """Return the rule of an `image` row."""
    return ImageRule(
        classes=row.classes,
        tag=tag_of(row.tag),
        op=row.op,
        values=row.values,
        other=tag_of(row.other) if row.other else None,
        plus=row.plus,
        when=_when(row.when),
        ref=row.ref,
    )


def item_rule(row: ItemRow) -> ItemRule:
    """Return the rule of an `item` row."""
    return ItemRule(
        classes=row.classes,
        sequence=tag_of(row.sequence),
        tags=tuple(tag_of(tag) for tag in row.tags),
        when=_when(row.when),
        ref=row.ref,
        unconfirmed=row.unconfirmed,
    )


def icon_rule(row: IconRow | None) -> IconRule | None:
    """Return the rule of an `icon` table."""
    if row is None:
        return None
    return IconRule(
        records=row.records,
        required=row.required,
        rows=row.rows,
        columns=row.columns,
        bits_allocated=row.bits_allocated,
        bits_stored=row.bits_stored,
        photometric=row.photometric,
        ref=row.ref,
    )


def medium_of(row: MediumRow) -> Medium:
    """Return the medium of a `[[medium]]` table."""
    return Medium(
        id=row.id,
        title=row.title,
        annex=row.annex,
        file_systems=row.file_systems,
        images=row.images,
        capacities=row.capacities,
        default_capacity=row.default_capacity,
        sector_bytes=row.sector_bytes,
        name=row.name,
        general=row.general,
        secure=row.secure,
        suffixes=row.suffixes,
        discs=row.discs,
        cluster_sectors=row.cluster_sectors,
        partitioned=row.partitioned,
        max_depth=row.max_depth,
        volume_id_is_file_set_id=row.volume_id_is_file_set_id,
        for_people=row.for_people,
    )
