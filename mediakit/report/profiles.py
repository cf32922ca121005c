"""Profiles, and how instances fit them, as text and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.findings import printable, tag_text
from mediakit.outcome import Fate
from mediakit.profile.dump import to_builtins
from mediakit.profile.fit import Fit
from mediakit.profile.load import Catalogue
from mediakit.profile.model import (
    ImageOp,
    ImageRule,
    KeyCondition,
    KeyRule,
    Profile,
    Requirement,
    Role,
    SopRule,
    When,
)

_OBSTACLES = 3  # shown per profile on a terminal
_GROUPS = {"*storage": "every Storage SOP Class", "*multiframe": "every multi-frame SOP Class"}
_ROLES = {Role.FSC: "creates", Role.FSR: "reads", Role.FSU: "updates"}
_OPERATORS = {
    ImageOp.ONE_OF: "is one of",
    ImageOp.EQUALS: "is",
    ImageOp.MAX: "is at most",
    ImageOp.EQUALS_TAG: "equals",
    ImageOp.TYPE_1: "has a value",
    ImageOp.TYPE_2: "is there",
    ImageOp.SYNTAX_ONE_OF: "has a transfer syntax of",
    ImageOp.FORBIDDEN: "is absent",
}
#: When a key of Type 1C or 2C is needed; as the tables of PS3.11 say it.
_NEEDED = {
    KeyCondition.PRESENT: "if the instance has it",
    KeyCondition.PRESENT_NONZERO: "if the instance has it, and not zero",
    KeyCondition.PRESENT_IN_SUBORDINATES: "if an instance below has it",
    KeyCondition.PRESENT_OR_SHARED: "if the instance has it, also in a functional group",
    KeyCondition.XA_IMAGE: "in X-ray angiographic images",
    KeyCondition.BIPLANE: "in biplane images",
    KeyCondition.XA_BIPLANE: "in biplane X-ray angiographic images",
    KeyCondition.PARENT_PRESENT: "if the sequence is there",
}


def list_doc(catalogue: Catalogue) -> dict[str, Any]:
    """Return every profile with the fields that a list needs."""
    return {
        "schema": "mediakit/profiles/1",
        "profiles": [
            {
                "id": profile.id,
                "title": profile.title,
                "kind": profile.kind.value,
                "base": profile.base,
                "source": profile.source,
                "medium": profile.medium.id,
                "roles": [role.value for role in profile.roles],
                "security": profile.security.value,
                "file": catalogue.origins[profile.id],
            }
            for profile in catalogue.profiles.values()
        ],
    }


def list_text(catalogue: Catalogue) -> str:
    """Return one line per profile: identifier, medium, roles, title."""
    width = max((len(name) for name in catalogue.profiles), default=0)
    lines = [
        f"{profile.id:<{width}}  {profile.medium.id:<11}  {' '.join(profile.roles):<11}  {profile.title}"
        for profile in catalogue.profiles.values()
    ]
    return "\n".join([*lines, f"{len(lines)} profiles", ""])


def show_doc(profile: Profile) -> dict[str, Any]:
    """Return a profile whole, with tags written as "(gggg,eeee)"."""
    return {"schema": "mediakit/profile/1", **to_builtins(profile)}


def show_text(profile: Profile) -> str:
    """Return a profile as a page for a person."""
    medium = profile.medium
    lines = [
        f"{profile.id}: {profile.title}",
        f"source:       {profile.source}" + (f", on the base of {profile.base}" if profile.base else ""),
        f"medium:       {medium.title} ({medium.annex}); {' or '.join(medium.file_systems)}",
        f"images:       {', '.join(medium.images) or 'none'}; a folder can always be written",
        f"roles:        {', '.join(f'{role} ({_ROLES[role]})' for role in profile.roles)}",
        f"security:     {profile.security.value}",
        f"sessions:     {profile.sessions.value.replace('-', ' ')}",
        f"DICOMDIR:     {'mandatory' if profile.dicomdir.mandatory else 'optional'}",
        "SOP classes and transfer syntaxes:",
        *_sop_lines(profile.sop),
    ]
    if profile.keys:
        lines += ["additional directory keys:", *(_key_line(key) for key in profile.keys)]
    if profile.images or profile.items:
        lines += ["values of instances:", *(_image_line(rule) for rule in profile.images)]
        lines += [
            f"  items of {_named(rule.sequence)}: {', '.join(map(_named, rule.tags))}{_when(rule.when)}"
            for rule in profile.items
        ]
    if icon := profile.icon:
        need = "required" if icon.required else "optional"
        lines.append(
            f"icon: {need} in {', '.join(icon.records)}, {icon.columns} x {icon.rows}, {icon.bits_stored} bit"
        )
    if profile.note:
        lines.append(f"note: {profile.note}")
    lines += [f"unconfirmed: {point}" for point in profile.unconfirmed]
    return "\n".join([*lines, ""])


def _sop_lines(rules: Sequence[SopRule]) -> Iterator[str]:
    for rule in rules:
        names = ", ".join(_GROUPS.get(name) or class_name(name) for name in rule.classes)
        only = f" ({' or '.join(rule.photometric)})" if rule.photometric else ""
        yield f"  {names}{only}"
        for uid in rule.syntaxes:
            name = "as the conformance statement lists" if uid == "*" else syntax_name(uid)
            roles = (("FSC", rule.fsc), ("FSR", rule.fsr), ("FSU", rule.fsu))
            yield f"    {name}: {', '.join(f'{role} {_duty(duty)}' for role, duty in roles)}"


def _duty(duty: Requirement) -> str:
    if duty is Requirement.CONFORMANCE_STATEMENT:
        return "as its conformance statement says"
    return duty.value.replace("-", " ")


def _key_line(key: KeyRule) -> str:
    inside = f" in {tag_text(key.parent)}" if key.parent is not None else ""
    condition = f", {needed}" if (needed := _NEEDED.get(key.condition)) else ""
    return f"  {', '.join(key.records)}: {_named(key.tag)}{inside}, Type {key.type}{condition}"


def _image_line(rule: ImageRule) -> str:
    classes = ", ".join(class_name(uid) for uid in rule.classes)
    values = f" {', '.join(rule.values)}" if rule.values else ""
    if rule.other is not None:
        values = f" {_named(rule.other)}" + (f" {rule.plus:+d}" if rule.plus else "")
    return f"  {classes}: {_named(rule.tag)} {_OPERATORS[rule.op]}{values}{_when(rule.when)}"


def _named(tag: int) -> str:
    return f"{tag_name(tag)} {tag_text(tag)}".lstrip()


def _when(when: When | None) -> str:
    if when is None:
        return ""
    relation = "is not" if when.negate else "is"
    return f", when {_named(when.tag)} {relation} {' or '.join(when.values)}"


def fit_doc(fits: Sequence[Fit], instances: int, left_out: Sequence[Fate]) -> dict[str, Any]:
    """Return the fit of every profile, best first, and the files that are no instance."""
    return {
        "schema": "mediakit/fit/1",
        "instances": instances,
        "profiles": [msgspec.to_builtins(one) for one in fits],
        "left_out": [
            {
                "source": fate.source,
                "state": fate.state.value,
                "because": fate.because.rule.id if fate.because else "",
            }
            for fate in left_out
        ],
    }


def fit_text(fits: Sequence[Fit], instances: int, left_out: Sequence[Fate]) -> str:
    """Return which profiles take the instances as they are, and what stands in the way of the others."""
    lines = [f"{instances} instances", "", "as they are:"]
    lines += [f"  {one.profile_id:<30} {one.title}" for one in fits if one.takes_all_as_is] or ["  none"]
    convertible = [one for one in fits if not one.takes_all_as_is and not one.refused]
    lines += ["", "after a lossless conversion:"]
    lines += [f"  {one.profile_id:<30} {one.convertible} to convert" for one in convertible] or ["  none"]
    lines += ["", "not as a whole:"]
    for one in fits:
        if one.refused:
            lines.append(f"  {one.profile_id:<30} {one.refused} refused")
            lines += [
                f"      {obstacle.count} x {obstacle.rule_id} {printable(obstacle.text)}"
                for obstacle in one.obstacles[:_OBSTACLES]
            ]
    if left_out:
        lines += ["", "no instances:"]
        lines += [f"  {fate.state.value:<10} {printable(fate.source)}" for fate in left_out]
    return "\n".join([*lines, ""])


def check_doc(name: str, faults: Sequence[str]) -> dict[str, Any]:
    """Return the faults of a profile file."""
    return {"schema": "mediakit/profile-check/1", "file": name, "sound": not faults, "faults": list(faults)}


def check_text(name: str, faults: Sequence[str]) -> str:
    """Return the faults of a profile file, one a line, or that it is sound."""
    if not faults:
        return f"{printable(name)}: sound\n"
    return "".join(f"{printable(name)}: {fault}\n" for fault in faults)
