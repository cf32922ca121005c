"""The rule of PS3.2 7.4.2: an augmented profile is a proper superset of one standard profile.

Judged on the flat profiles, so it holds whatever way the augmented one was written.
"""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.dicom.uids import STORAGE, SYNTAXES, class_name
from mediakit.findings import tag_text
from mediakit.profile.model import (
    ANY_MULTIFRAME,
    ANY_STORAGE,
    ANY_SYNTAX,
    Profile,
    Requirement,
    Role,
    SopRule,
)

_RULE = "an augmented profile is a superset of its base (PS3.2 7.4.2)"
_PATTERNS = {ANY_STORAGE, ANY_MULTIFRAME}
_Cell = tuple[str, str, tuple[str, ...]]  # SOP class, transfer syntax, photometric interpretations


def superset_faults(base: Profile, profile: Profile) -> Iterator[str]:
    """Yield one sentence for each way in which `profile` is not a proper superset of `base`."""
    yield from _changed_values(base, profile)
    yield from _lost(base, profile)
    yield from _tightened(base, profile)
    yield from _not_standard(base, profile)
    if not _adds(base, profile):
        yield f"it adds nothing to {base.id}; {_RULE} and has something of its own"


def _changed_values(base: Profile, profile: Profile) -> Iterator[str]:
    if profile.medium != base.medium:
        yield f"its medium is {profile.medium.id}, not {base.medium.id} as in {base.id}; {_RULE}"
    for name in ("security", "sessions", "single_volume", "claimed_classes_listed"):
        if getattr(profile, name) != getattr(base, name):
            yield (
                f"`{name.replace('_', '-')}` is {_shown(getattr(profile, name))}, in {base.id} it is "
                f"{_shown(getattr(base, name))}; {_RULE}"
            )
    for name in ("mandatory", "empty_allowed", "all_files_referenced"):
        if getattr(profile.dicomdir, name) != getattr(base.dicomdir, name):
            yield f"`dicomdir.{name.replace('_', '-')}` differs from {base.id}; {_RULE}"


def _lost(base: Profile, profile: Profile) -> Iterator[str]:
    """Yield what the base has and the profile has not, or has otherwise."""
    for what in (*_lost_rows(base, profile), *_lost_rules(base, profile)):
        yield f"{what}; {_RULE}"


def _lost_rows(base: Profile, profile: Profile) -> Iterator[str]:
    yield from (f"role {role} of {base.id} is gone" for role in base.roles if role not in profile.roles)
    cells = _cells(profile)
    for cell, rule in _cells(base).items():
        one, syntax, _ = cell
        if cell not in cells:
            yield f"{class_name(one)} in {syntax} of {base.id} is gone"
        elif not _same_asked(rule, cells[cell], base.roles):
            yield f"{class_name(one)} in {syntax} asks something else of a role than in {base.id}"


def _lost_rules(base: Profile, profile: Profile) -> Iterator[str]:
    gone = f"of {base.id} is gone or changed"
    yield from (f"directory key {tag_text(key.tag)} {gone}" for key in base.keys if key not in profile.keys)
    yield from (
        f"the rule on {tag_text(image.tag)} {gone}" for image in base.images if image not in profile.images
    )
    yield from (
        f"the rule on items of {tag_text(item.sequence)} {gone}"
        for item in base.items
        if item not in profile.items
    )
    if base.icon is not None and profile.icon != base.icon:
        yield f"the icon rule {gone}"


def _tightened(base: Profile, profile: Profile) -> Iterator[str]:
    """Yield the new rules that would refuse instances which the base takes."""
    tags = [
        *(one.tag for one in profile.images if one not in base.images and _touches(base, one.classes)),
        *(one.sequence for one in profile.items if one not in base.items and _touches(base, one.classes)),
    ]
    for tag in dict.fromkeys(tags):
        yield (
            f"the rule on {tag_text(tag)} narrows what {base.id} takes: an augmented profile has value "
            "rules only for SOP classes that it adds (PS3.2 7.4.2)"
        )


def _touches(base: Profile, classes: tuple[str, ...]) -> bool:
    return any(accepts_class(base, one) for one in classes)


def accepts_class(profile: Profile, uid: str) -> bool:
    """Return True when some row of the profile covers the SOP class, or the pattern, `uid`."""
    named = {one for rule in profile.sop for one in rule.classes}
    if uid in named or (uid in _PATTERNS and named):
        return True
    known = STORAGE.get(uid)
    if known is None or known.retired:
        return False
    return ANY_STORAGE in named or (ANY_MULTIFRAME in named and known.multiframe)


def _not_standard(base: Profile, profile: Profile) -> Iterator[str]:
    new = [cell for cell in _cells(profile) if cell not in _cells(base)]
    for one in dict.fromkeys(cell[0] for cell in new):
        known = STORAGE.get(one)
        if one not in _PATTERNS and (known is None or known.retired):
            what = "is retired" if known is not None else "is not a SOP class of the standard"
            yield f"{one} {what}: an augmented profile takes standard SOP classes only (PS3.2 7.4.2)"
    for syntax in dict.fromkeys(cell[1] for cell in new):
        if syntax != ANY_SYNTAX and syntax not in SYNTAXES:
            yield f"{syntax} is not a transfer syntax of the standard, and an augmented profile has no other"


def _adds(base: Profile, profile: Profile) -> bool:
    return bool(
        set(profile.roles) - set(base.roles)
        or set(_cells(profile)) - set(_cells(base))
        or set(profile.keys) - set(base.keys)
        or (base.icon is None and profile.icon is not None)
    )


def _cells(profile: Profile) -> dict[_Cell, SopRule]:
    return {
        (one, syntax, rule.photometric): rule
        for rule in profile.sop
        for one in rule.classes
        for syntax in rule.syntaxes
    }


def _same_asked(old: SopRule, new: SopRule, roles: tuple[Role, ...]) -> bool:
    def asked(rule: SopRule) -> dict[Role, Requirement]:
        return {Role.FSC: rule.fsc, Role.FSR: rule.fsr, Role.FSU: rule.fsu}

    return all(asked(old)[role] is asked(new)[role] for role in roles)


def _shown(value: object) -> str:
    return str(value).lower()
