"""Which rows of a profile are for an instance, and why none is.

A row is for a SOP class when it names its UID, or when the class is a current Storage class of the
standard and the row is for all of them, or for all multi-frame ones. A private or retired class is taken
only by a row that names it.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY
from mediakit.dicom.uids import STORAGE, SYNTAXES, SyntaxKind, class_name, syntax_name
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.form import PHOTOMETRIC, Form
from mediakit.profile.model import (
    ANY_MULTIFRAME,
    ANY_STORAGE,
    ANY_SYNTAX,
    ImageRule,
    ItemRule,
    Profile,
    Requirement,
    Role,
    SopRule,
)

SOP_CLASS = 0x00080016
TRANSFER_SYNTAX = 0x00020010
_STANDARD_ROOT = "1.2.840.10008."
_FIT = "choose another profile: `mediakit profiles fit` shows which take it"

DIRECTORY = Rule(
    id="MK-PRO-001",
    severity=Severity.ERROR,
    title="a DICOMDIR is not an instance: every medium gets its own",
    ref="PS3.10 8.6",
    hint="give the images themselves: the directory of another medium does not describe this one",
)
NO_CLASS = Rule(
    id="MK-PRO-002",
    severity=Severity.ERROR,
    title="the instance has no SOP Class UID",
    ref="PS3.3 C.12.1",
    hint="ask the sender for the instance again: nobody can tell what it is",
)
CLASS_NOT_IN_PROFILE = Rule(
    id="MK-PRO-003",
    severity=Severity.ERROR,
    title="{sop_class} is not a SOP Class of {profile}",
    ref="PS3.11",
    hint="choose another profile: `mediakit profiles fit` shows which allow it",
)
CLASS_PRIVATE = Rule(
    id="MK-PRO-004",
    severity=Severity.ERROR,
    title="{sop_class} is a private SOP Class, which {profile} does not list",
    ref="PS3.11",
    hint="a private profile of your own (PRI-) can list it: see `--profiles`",
)
CLASS_RETIRED = Rule(
    id="MK-PRO-005",
    severity=Severity.ERROR,
    title="{sop_class} is a retired SOP Class: {profile} takes current ones",
    ref="PS3.11",
    hint="let the archive convert the instance to the SOP Class that replaced it",
)
CLASS_UNKNOWN = Rule(
    id="MK-PRO-006",
    severity=Severity.ERROR,
    title="{sop_class} is not a Storage SOP Class of the standard that mediakit knows",
    ref="PS3.4 B.5",
    hint="when the class is newer than this release, update mediakit",
)
CLASS_NOT_FOR_ROLE = Rule(
    id="MK-PRO-007",
    severity=Severity.ERROR,
    title="{profile} does not let the role {role} use {sop_class}",
    ref="PS3.11",
    hint="another profile may let it: `mediakit profiles fit` finds one",
)
MULTIFRAME_REQUIRED = Rule(
    id="MK-PRO-008",
    severity=Severity.ERROR,
    title="{profile} allows {what} for multi-frame instances only",
    ref="PS3.11",
    hint="choose another profile: `mediakit profiles fit` shows which allow it",
)
PHOTOMETRIC_NOT_IN_PROFILE = Rule(
    id="MK-PRO-009",
    severity=Severity.ERROR,
    title="{profile} allows {sop_class} as {wanted} only, not as {found}",
    ref="PS3.11",
    hint="choose another profile: `mediakit profiles fit` shows which allow it",
)
SYNTAX_NOT_IN_PROFILE = Rule(
    id="MK-PRO-020",
    severity=Severity.ERROR,
    title="{syntax} is not a transfer syntax of {profile} for {sop_class}, and there is no way to convert it",
    ref="PS3.11",
    hint="choose another profile: `mediakit profiles fit` shows which allow it",
)
SYNTAX_CONVERTIBLE = Rule(
    id="MK-PRO-021",
    severity=Severity.ERROR,
    title="{syntax} is not a transfer syntax of {profile} for {sop_class}; "
    "`--convert {policy}` would write it as {target}",
    ref="PS3.11",
    hint="call `burn` with that option, or name a profile that allows the files as they are",
)
SYNTAX_UNKNOWN = Rule(
    id="MK-PRO-022",
    severity=Severity.ERROR,
    title="the transfer syntax {syntax} is unknown",
    ref="PS3.5 10",
    hint="nobody could read the instance: have the sender write it in a transfer syntax of the standard",
)
SYNTAX_NOT_FOR_FILES = Rule(
    id="MK-PRO-023",
    severity=Severity.ERROR,
    title="{syntax} does not keep the whole instance in its file",
    ref="PS3.10 7.1",
    hint="let the archive export the instance with its pixel data",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the profile that is for a SOP class."""

    rule: SopRule
    needs_frames: bool

    def takes(self, form: Form, has_frames: bool) -> bool:
        """Return True when the row takes an instance of its class in this form."""
        return self.takes_variant(form, has_frames) and self.takes_syntax(form.syntax)

    def takes_variant(self, form: Form, has_frames: bool) -> bool:
        """Return True when the row takes this kind of image, leaving its transfer syntax aside."""
        if self.needs_frames and not has_frames:
            return False
        return not self.rule.photometric or form.photometric in self.rule.photometric

    def takes_syntax(self, syntax: str) -> bool:
        """Return True when the row has this transfer syntax.

        A row for any transfer syntax takes those of the standard that leave the instance whole.
        """
        if syntax in self.rule.syntaxes:
            return True
        known = SYNTAXES.get(syntax)
        return ANY_SYNTAX in self.rule.syntaxes and known is not None and known.kind is not SyntaxKind.OTHER


class ClassRules(Struct, frozen=True):
    """All that a profile says of one SOP class; `fault` tells why `rows` is empty."""

    profile: Profile
    sop_class: str
    rows: tuple[Row, ...]
    fault: Finding | None
    images: tuple[ImageRule, ...]
    items: tuple[ItemRule, ...]

    def row(self, form: Form, has_frames: bool) -> SopRule | None:
        """Return the first row that takes an instance in this form; None when no row does."""
        return next((row.rule for row in self.rows if row.takes(form, has_frames)), None)

    def plain_row(self, syntax: str) -> SopRule | None:
        """Return the first row that takes every instance of the class in this transfer syntax."""
        for row in self.rows:
            if not row.needs_frames and not row.rule.photometric and row.takes_syntax(syntax):
                return row.rule
        return None

    def row_fault(self, form: Form, has_frames: bool, where: Where) -> Finding:
        """Return why no row takes an instance in this form."""
        name = syntax_name(_printable(form.syntax)) or "(none)"
        with_tag = Where(path=where.path, tag=TRANSFER_SYNTAX)
        if form.syntax not in SYNTAXES:
            return SYNTAX_UNKNOWN.at(with_tag, syntax=name)
        if not any(row.takes_variant(form, has_frames) for row in self.rows):
            return self._variant_fault(form, has_frames, where)
        if form.syntax in _multiframe_syntaxes(self.profile):
            ref = sop_table(self.profile)
            return MULTIFRAME_REQUIRED.at(with_tag, profile=self.profile.id, what=name, ref=ref)
        if any(ANY_SYNTAX in row.rule.syntaxes for row in self.rows):
            return SYNTAX_NOT_FOR_FILES.at(with_tag, syntax=name)
        return SYNTAX_NOT_IN_PROFILE.at(with_tag, syntax=name, **self._names())

    def convertible(self, form: Form, target: str, policy: str, where: Where) -> Finding:
        """Return the finding that this form is not allowed, but that a conversion would help."""
        return SYNTAX_CONVERTIBLE.at(
            Where(path=where.path, tag=TRANSFER_SYNTAX),
            syntax=syntax_name(_printable(form.syntax)),
            policy=policy,
            target=syntax_name(target),
            **self._names(),
        )

    def _variant_fault(self, form: Form, has_frames: bool, where: Where) -> Finding:
        names = self._names()
        if not any(has_frames or not row.needs_frames for row in self.rows):
            what, ref = names["sop_class"], names["ref"]
            return MULTIFRAME_REQUIRED.at(where, profile=self.profile.id, what=what, ref=ref)
        wanted = sorted({value for row in self.rows for value in row.rule.photometric})
        return PHOTOMETRIC_NOT_IN_PROFILE.at(
            Where(path=where.path, tag=PHOTOMETRIC),
            wanted=" or ".join(wanted),
            found=_printable(form.photometric) or "(no value)",
            **names,
        )

    def _names(self) -> dict[str, str]:
        return {
            "sop_class": class_name(self.sop_class),
            "profile": self.profile.id,
            "ref": sop_table(self.profile),
        }


def class_rules(profile: Profile, sop_class: str, role: Role) -> ClassRules:
    """Return what a profile says of a SOP class to an application in a role."""
    matching = tuple(row for row in (_row(rule, sop_class) for rule in profile.sop) if row is not None)
    rows = tuple(row for row in matching if requirement(row.rule, role).permits)
    if sop_class == MEDIA_STORAGE_DIRECTORY:
        rows = ()
    fault = None if rows else _class_fault(profile, sop_class, role, bool(matching))
    return ClassRules(
        profile=profile,
        sop_class=sop_class,
        rows=rows,
        fault=fault,
        images=tuple(rule for rule in profile.images if covers(rule.classes, sop_class)),
        items=tuple(rule for rule in profile.items if covers(rule.classes, sop_class)),
    )


def covers(classes: tuple[str, ...], sop_class: str) -> bool:
    """Return True when a list of SOP classes and patterns names this class or holds it."""
    if sop_class in classes:
        return True
    known = STORAGE.get(sop_class)
    if known is None or known.retired:
        return False
    return ANY_STORAGE in classes or (known.multiframe and ANY_MULTIFRAME in classes)


def requirement(rule: SopRule, role: Role) -> Requirement:
    """Return what a row asks of a role."""
    return {Role.FSC: rule.fsc, Role.FSR: rule.fsr, Role.FSU: rule.fsu}[role]


def sop_table(profile: Profile) -> str:
    """Return the table of SOP classes and transfer syntaxes: every annex of PS3.11 has it as X.3-1."""
    head, found, annex = profile.source.partition("PS3.11 Annex ")
    return f"PS3.11 Table {annex}.3-1" if found and not head and annex.isalnum() else profile.source


def _row(rule: SopRule, sop_class: str) -> Row | None:
    if not covers(rule.classes, sop_class):
        return None
    named = sop_class in rule.classes or ANY_STORAGE in rule.classes
    return Row(rule, needs_frames=not named)


def _multiframe_syntaxes(profile: Profile) -> frozenset[str]:
    return frozenset(uid for rule in profile.sop if ANY_MULTIFRAME in rule.classes for uid in rule.syntaxes)


def _class_fault(profile: Profile, sop_class: str, role: Role, matched: bool) -> Finding:
    where = Where(tag=SOP_CLASS)
    if sop_class == MEDIA_STORAGE_DIRECTORY:
        return DIRECTORY.at(where)
    if not sop_class:
        return NO_CLASS.at(where)
    if matched:
        name, ref = class_name(sop_class), sop_table(profile)
        return CLASS_NOT_FOR_ROLE.at(where, sop_class=name, profile=profile.id, role=role.value, ref=ref)
    return _unmatched(profile, sop_class, where)


def _unmatched(profile: Profile, sop_class: str, where: Where) -> Finding:
    """Return why no row of the profile is for a SOP class."""
    name, ref = class_name(sop_class), sop_table(profile)
    known = STORAGE.get(sop_class)
    if known is None and sop_class.startswith(_STANDARD_ROOT):
        return CLASS_UNKNOWN.at(where, sop_class=_printable(name))
    if known is None:
        return CLASS_PRIVATE.at(where, sop_class=_printable(name), profile=profile.id, ref=ref)
    if known.retired:
        return CLASS_RETIRED.at(where, sop_class=name, profile=profile.id, ref=ref)
    if any(ANY_MULTIFRAME in rule.classes for rule in profile.sop):
        return MULTIFRAME_REQUIRED.at(where, profile=profile.id, what=name, ref=ref)
    return CLASS_NOT_IN_PROFILE.at(where, sop_class=name, profile=profile.id, ref=ref)


def _printable(text: str) -> str:
    """Return text of a file fit for a report: one line of at most the length of a UID."""
    return "".join(char if char.isprintable() else "?" for char in text[:64])
