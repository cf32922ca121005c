"""Profiles that stand on a standard one: the base, less `remove`, plus `add`. One level, flattened here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from mediakit.profile.document import Removal
from mediakit.profile.flatten import DEFAULTS, Draft, class_of
from mediakit.profile.model import DicomdirRule, Kind, Profile, Requirement, Role, SopRule
from mediakit.profile.rows import dicomdir_rule, icon_rule, image_rule, item_rule, key_rule, sop_rule, tag_of

_INTO_ADD = ("use", "roles", "keys", "sop", "key", "image", "item", "icon")


def extended(draft: Draft) -> Profile | None:
    """Return the profile of a row that extends another one; None when there are faults."""
    row = draft.row
    draft.refuse(_INTO_ADD, "goes under `add` when the profile extends another one")
    draft.refuse(("base",), "is said by `extends` already")
    base = draft.base(row.extends or "")
    if base is None:
        return None
    kept = _reduced(draft, base, row.remove)
    draft.faults += [
        f"`add.roles`: {base.id} has {role} already" for role in row.add.roles if role in kept.roles
    ]
    if row.add.icon and kept.icon:
        draft.faults.append(f"`add.icon`: {base.id} has a rule for icons already")
    roles = (*kept.roles, *row.add.roles)
    draft.check_roles(row.add.sop, roles)
    values: dict[str, Any] = {name: _own(row, base, name) for name in (*DEFAULTS, "source", "sessions")}
    medium = draft.medium(row.medium) if row.medium else base.medium
    keys = draft.table(row.add.keys)
    if draft.faults or medium is None:
        return None
    return Profile(
        **values,
        id=row.id,
        title=row.title or f"{base.title} ({row.id})",
        kind=Kind(row.id[:3]),
        profile_class=row.profile_class or class_of(row.id),
        medium=medium,
        roles=roles,
        sop=(*_opened(kept.sop, roles), *(sop_rule(one, roles) for one in row.add.sop)),
        base=base.id,
        dicomdir=dicomdir_rule(row.dicomdir, roles) if row.dicomdir else _dicomdir(kept.dicomdir, roles),
        keys=(*kept.keys, *keys, *(key_rule(one) for one in row.add.key)),
        images=(*kept.images, *(image_rule(one) for one in row.add.image)),
        items=(*kept.items, *(item_rule(one) for one in row.add.item)),
        icon=icon_rule(row.add.icon) or kept.icon,
        unconfirmed=(*base.unconfirmed, *row.unconfirmed),
    )


def _own(row: object, base: Profile, name: str) -> Any:
    value = getattr(row, name)
    return getattr(base, name) if value is None else value


def _reduced(draft: Draft, base: Profile, remove: Removal) -> Profile:
    """Return the base without what is taken away; a removal that finds nothing is a fault."""
    pairs = [(one, syntax) for gone in remove.sop for one in gone.classes for syntax in gone.syntaxes]
    keys, images, items = ([tag_of(tag) for tag in tags] for tags in (remove.key, remove.image, remove.item))
    kept = replace(
        base,
        roles=tuple(role for role in base.roles if role not in remove.roles),
        sop=tuple(rest for rule in base.sop for rest in _without(rule, pairs)),
        keys=tuple(one for one in base.keys if one.tag not in keys and one.parent not in keys),
        images=tuple(one for one in base.images if one.tag not in images),
        items=tuple(one for one in base.items if one.sequence not in items),
        icon=None if remove.icon else base.icon,
    )
    there = {(one, syntax) for rule in base.sop for one in rule.classes for syntax in rule.syntaxes}
    nothing = [f"`remove.roles`: {role}" for role in remove.roles if role not in base.roles]
    nothing += [f"`remove.sop`: {one} in {syntax}" for one, syntax in pairs if (one, syntax) not in there]
    for name, tags, had in (
        ("key", remove.key, {one.tag for one in base.keys}),
        ("image", remove.image, {one.tag for one in base.images}),
        ("item", remove.item, {one.sequence for one in base.items}),
    ):
        nothing += [f"`remove.{name}`: {tag}" for tag in tags if tag_of(tag) not in had]
    if remove.icon and base.icon is None:
        nothing.append("`remove.icon`")
    draft.faults += [f"{one} takes nothing away: {base.id} does not have it" for one in nothing]
    return kept


def _without(rule: SopRule, pairs: Sequence[tuple[str, str]]) -> Iterator[SopRule]:
    """Yield what is left of a row when some of its pairs of SOP class and transfer syntax are gone."""
    if not any(one in rule.classes and syntax in rule.syntaxes for one, syntax in pairs):
        yield rule
        return
    for one in rule.classes:
        left = tuple(syntax for syntax in rule.syntaxes if (one, syntax) not in pairs)
        if left:
            yield replace(rule, classes=(one,), syntaxes=left)


def _opened(rules: Sequence[SopRule], roles: Sequence[Role]) -> Iterator[SopRule]:
    """Yield the rows of the base for the roles of the new profile.

    A role that the base does not have is asked nothing about the rows of the base: optional. A role that
    was removed is not defined. What is disallowed for the writer stays disallowed for the updater.
    """
    for rule in rules:
        asked = {Role.FSC: rule.fsc, Role.FSR: rule.fsr, Role.FSU: rule.fsu}
        banned = Requirement.DISALLOWED in asked.values()
        new = Requirement.DISALLOWED if banned else Requirement.OPTIONAL
        for role in Role:
            if role not in roles:
                asked[role] = Requirement.NOT_DEFINED
            elif asked[role] is Requirement.NOT_DEFINED:
                asked[role] = new
        yield replace(rule, fsc=asked[Role.FSC], fsr=asked[Role.FSR], fsu=asked[Role.FSU])


def _dicomdir(rule: DicomdirRule, roles: Sequence[Role]) -> DicomdirRule:
    asked = {Role.FSC: rule.fsc, Role.FSR: rule.fsr, Role.FSU: rule.fsu}
    new = Requirement.MANDATORY if rule.mandatory else Requirement.OPTIONAL
    for role in Role:
        if role not in roles:
            asked[role] = Requirement.NOT_DEFINED
        elif asked[role] is Requirement.NOT_DEFINED:
            asked[role] = new
    return replace(rule, fsc=asked[Role.FSC], fsr=asked[Role.FSR], fsu=asked[Role.FSU])
