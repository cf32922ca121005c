"""From the rows of a profile file to flat profiles: `[common]`, named sets, key tables.

A row that cannot be resolved becomes a fault and the rest goes on, so that one run tells all of them.
Profiles that stand on another one (`extends`) are made in `extend`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from mediakit.profile.document import DicomdirRow, Document, KeyRow, ProfileRow, RuleSet, SopRow
from mediakit.profile.model import KeyRule, Kind, Medium, Profile, Role, Security
from mediakit.profile.rows import (
    dicomdir_rule,
    icon_rule,
    image_rule,
    item_rule,
    key_rule,
    requirement,
    sop_rule,
)

NEEDED = ("title", "source", "sessions", "medium", "roles")
# Single values that a profile takes from `[common]`, else from here.
DEFAULTS: Mapping[str, object] = {
    "status": "current",
    "security": Security.NONE,
    "single_volume": True,
    "claimed_classes_listed": False,
    "note": "",
}


class Known(Struct, frozen=True, kw_only=True):
    """What a profile file may refer to: media, shared key tables, and standard profiles to stand on.

    `key_tables` is called only when a file refers to a table that it does not hold itself. `base` gives
    None for an identifier that is not a standard profile.
    """

    media: Mapping[str, Medium]
    key_tables: Callable[[], Mapping[str, tuple[KeyRow, ...]]]
    base: Callable[[str], Profile | None]


class Draft(Struct, kw_only=True):
    """One profile on its way from rows to a flat value, and what stands in the way."""

    document: Document
    known: Known
    row: ProfileRow
    faults: list[str] = field(default_factory=list)

    def refuse(self, given: Sequence[str], why: str) -> None:
        """Report each of the named fields of the row that says something."""
        untouched = ProfileRow(id=self.row.id)
        self.faults += [
            f"`{name.replace('_', '-')}` {why}"
            for name in given
            if getattr(self.row, name) != getattr(untouched, name)
        ]

    def medium(self, identifier: str) -> Medium | None:
        """Return a medium of PS3.12 by its id."""
        found = self.known.media.get(identifier)
        if found is None:
            self.faults.append(f'no medium "{identifier}"; there are {", ".join(self.known.media)}')
        return found

    def base(self, identifier: str) -> Profile | None:
        """Return the standard profile that this one stands on."""
        found = self.known.base(identifier)
        if found is None:
            self.faults.append(f"{identifier} is not a standard profile to stand on")
        return found

    def table(self, name: str | None) -> tuple[KeyRule, ...]:
        """Return the keys of a named table: one of this file, or one that files share."""
        if name is None:
            return ()
        own = self.document.key_tables
        rows = own[name] if name in own else self.known.key_tables().get(name)
        if rows is None:
            self.faults.append(f'there is no key table "{name}"')
            return ()
        return tuple(key_rule(row, ref=f"PS3.11 Table {name}") for row in rows)

    def check_roles(self, rows: Sequence[SopRow], roles: Sequence[Role]) -> None:
        """Report each `sop` row that leaves a role of the profile without a requirement."""
        for row in rows:
            silent = [role for role in roles if requirement(row, role) is None]
            if silent:
                self.faults.append(
                    f"the `sop` row of {row.classes[0]} in {row.syntaxes[0]} does not say what it asks of "
                    + " and ".join(silent)
                )


def rule_sets(document: Document, row: ProfileRow) -> Iterator[RuleSet]:
    """Yield the rules that hold for a profile written in full: common, named, its own; or what it adds."""
    if row.extends is not None:
        yield row.add
        return
    yield document.common
    yield from (document.sets[name] for name in row.use if name in document.sets)
    yield row


def whole(draft: Draft) -> Profile | None:
    """Return the profile of a row that is written in full; None when there are faults."""
    row, document = draft.row, draft.document
    draft.refuse(("add", "remove"), "needs `extends`")
    draft.faults += [
        f'there is no set "{name}" in this file' for name in row.use if name not in document.sets
    ]
    values: dict[str, Any] = {name: _first(name, row, document) for name in (*NEEDED, *DEFAULTS)}
    draft.faults += [f"`{name}` is missing" for name in NEEDED if values[name] is None]
    medium, roles = values.pop("medium"), values.pop("roles") or ()
    values["medium"] = draft.medium(medium) if medium else None
    base = draft.base(row.base) if row.base else None
    sets = tuple(rule_sets(document, row))
    rows = [one for rules in sets for one in rules.sop]
    if not rows:
        draft.faults.append("no `sop` row: the profile would take no instance")
    draft.check_roles(rows, roles)
    keys = draft.table(_first("keys", row, document))
    if draft.faults:
        return None
    return Profile(
        **values,
        id=row.id,
        kind=Kind(row.id[:3]),
        profile_class=_first("profile_class", row, document) or class_of(row.id),
        roles=roles,
        sop=tuple(sop_rule(one, roles) for one in rows),
        base=base.id if base else "",
        dicomdir=dicomdir_rule(_first("dicomdir", row, document) or DicomdirRow(), roles),
        keys=(*keys, *(key_rule(one) for rules in sets for one in rules.key)),
        images=tuple(image_rule(one) for rules in sets for one in rules.image),
        items=tuple(item_rule(one) for rules in sets for one in rules.item),
        icon=icon_rule(_first("icon", row, document)),
        unconfirmed=(*document.common.unconfirmed, *row.unconfirmed),
    )


def class_of(identifier: str) -> str:
    """Return the profile class that an identifier suggests: all but its last part."""
    return identifier.rpartition("-")[0]


def _first(name: str, row: ProfileRow, document: Document) -> Any:
    """Return the value of the profile, else that of `[common]`, else the default."""
    for one in (row, document.common):
        value = getattr(one, name)
        if value is not None:
            return value
    return DEFAULTS.get(name)
