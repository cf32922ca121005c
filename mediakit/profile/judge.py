"""The judge: may this instance go on a medium of this profile as it is, converted, or not at all.

A pure function of (instance, profile, policy): nothing is read, opened or decoded here. Every instance
gets a verdict, whatever is in it. A verdict is REFUSE when, and only when, one of its findings is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from mediakit.choices import Convert
from mediakit.dicom.instance import Instance
from mediakit.dicom.uids import syntax_name
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.file_rules import REWRITTEN, file_findings, is_uid
from mediakit.profile.form import (
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    LOSSY_TARGETS,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC,
    PIXEL_REPRESENTATION,
    Form,
    forms,
)
from mediakit.profile.image_rules import check_values
from mediakit.profile.item_rules import check_items
from mediakit.profile.model import ImageRule, ItemRule, Profile, Role, SopRule
from mediakit.profile.sop_rules import (
    SYNTAX_NOT_IN_PROFILE,
    TRANSFER_SYNTAX,
    ClassRules,
    class_rules,
    sop_table,
)

__all__ = ["Convert", "Decision", "Judge", "Verdict", "judge", "judged_tags"]

_LIKE = 4096  # kinds of instances that a judge remembers

CONVERTED = Rule(
    id="MK-PRO-030",
    severity=Severity.NOTE,
    title="will be written as {target}: the profile does not allow {syntax} here",
    ref="PS3.11",
    hint="the pixels stay the same; `--convert none` refuses such instances instead",
)
CONVERTED_LOSSY = Rule(
    id="MK-PRO-031",
    severity=Severity.WARNING,
    title="will be compressed with loss, as {target}: the profile does not allow {syntax} here",
    ref="PS3.11",
    hint="without `--convert any` nothing is compressed with loss",
)


class Decision(StrEnum):
    """What is to be done with an instance."""

    ACCEPT = "accept"
    CONVERT = "convert"
    REFUSE = "refuse"


class Verdict(Struct, frozen=True):
    """The judgement on one instance.

    `to` is the transfer syntax to write with CONVERT: the instance's own one when only its file meta
    information has to be made anew. `rule` is the row of the profile that takes the instance (with
    CONVERT, the converted one); None with REFUSE.
    """

    decision: Decision
    to: str = ""
    rule: SopRule | None = None
    findings: tuple[Finding, ...] = ()


class _Trial(Struct, frozen=True):
    """How an instance in some form fares: no faults when the profile takes it so."""

    form: Form
    row: SopRule | None
    faults: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        return self.row is not None and not self.faults


class _Case(Struct, frozen=True):
    """One instance before the rules for its SOP class."""

    instance: Instance
    rules: ClassRules
    has_frames: bool
    where: Where

    def trial(self, form: Form) -> _Trial:
        """Try a form on the rows and the value rules."""
        row = self.rules.row(form, self.has_frames)
        faults = check_values(self.rules.images, self.instance.header, form, self.where)
        if row is None:
            faults.insert(0, self.rules.row_fault(form, self.has_frames, self.where))
        return _Trial(form, row, tuple(faults))

    def best(self, form: Form, convert: Convert, *, rewrite: bool) -> _Trial | None:
        """Return the first conversion that passes; else the one with the fewest faults that has a row."""
        best: _Trial | None = None
        for other in forms(form, self.instance.header, convert, rewrite=rewrite):
            trial = self.trial(other)
            if trial.passes:
                return trial
            if trial.row is not None and (best is None or len(trial.faults) < len(best.faults)):
                best = trial
        return best

    def faults_as_is(self, own: _Trial, convert: Convert) -> tuple[Finding, ...]:
        """Return the faults of the instance as it is, and which policy would let it be converted."""
        if own.row is not None or own.faults[0].rule is not SYNTAX_NOT_IN_PROFILE:
            return own.faults
        for policy in (Convert.LOSSLESS, Convert.ANY):
            offer = None if policy is convert else self.best(own.form, policy, rewrite=False)
            if offer is not None:
                first = self.rules.convertible(own.form, offer.form.syntax, policy.value, self.where)
                return (first, *own.faults[1:])
        return own.faults


class Judge:
    """Judges instances against one profile, for one role and one policy of conversion."""

    __slots__ = ("_classes", "_like", "_plain", "convert", "profile", "role")

    def __init__(self, profile: Profile, convert: Convert = Convert.LOSSLESS, role: Role = Role.FSC) -> None:
        self.profile = profile
        self.convert = convert
        self.role = role
        self._classes: dict[str, ClassRules] = {}
        self._plain: dict[tuple[str, str], Verdict | frozenset[int]] = {}
        self._like: dict[object, Verdict] = {}

    def __call__(self, instance: Instance) -> Verdict:
        """Return the verdict on an instance. Raises nothing."""
        header = instance.header
        if header.notes or header.faults or not is_uid(instance.sop_instance):
            return self._examine(instance)
        key = (instance.sop_class, instance.transfer_syntax)
        plain = self._plain.get(key)
        if plain is None:
            plain = self._plain[key] = self._plain_verdict(*key)
        if isinstance(plain, Verdict):
            return plain
        # The images of a series have the same values in all that is judged: one of them is examined.
        like = (key, *map(header.values.get, plain))
        verdict = self._like.get(like)
        if verdict is None:
            verdict = self._examine(instance)
            if verdict.decision is Decision.ACCEPT and not verdict.findings and len(self._like) < _LIKE:
                self._like[like] = verdict
        return verdict

    def _plain_verdict(self, sop_class: str, syntax: str) -> Verdict | frozenset[int]:
        """Return the verdict on all sound files of a class and syntax, or the tags that it hangs on."""
        rules = self._rules(sop_class)
        row = None if rules.images or rules.items else rules.plain_row(syntax)
        if row is not None:
            return Verdict(Decision.ACCEPT, rule=row)
        return _tags(rules.images, rules.items)

    def _rules(self, sop_class: str) -> ClassRules:
        rules = self._classes.get(sop_class)
        if rules is None:
            rules = self._classes[sop_class] = class_rules(self.profile, sop_class, self.role)
        return rules

    def _examine(self, instance: Instance) -> Verdict:
        header, where = instance.header, Where(path=instance.path)
        rules = self._rules(instance.sop_class)
        file = file_findings(instance)
        fixed = list(file.refusals)
        if rules.fault is not None:
            return _refuse((rules.fault.moved(instance.path), *fixed))
        case = _Case(instance, rules, (header.number(NUMBER_OF_FRAMES) or 0) > 0, where)
        items = check_items(rules.items, header, where) if rules.items else []
        fixed += [finding for finding in items if finding.severity is Severity.ERROR]
        passing = [finding for finding in items if finding.severity is not Severity.ERROR]
        passing += file.remarks
        own = case.trial(Form(instance.transfer_syntax, header.text(PHOTOMETRIC)))
        anew = file.rewrites
        can_stay = own.passes and not fixed and not any(each.severity is Severity.ERROR for each in anew)
        if can_stay and (not anew or self.convert is Convert.NONE):
            return Verdict(Decision.ACCEPT, rule=own.row, findings=(*anew, *passing))
        found = case.best(own.form, self.convert, rewrite=bool(anew))
        if found is None:
            return _refuse((*fixed, *anew, *case.faults_as_is(own, self.convert), *passing))
        if fixed or found.faults:
            return _refuse((*fixed, *found.faults, *passing))
        said = self._conversion(own, found, where, anew)
        return Verdict(Decision.CONVERT, found.form.syntax, found.row, (*said, *passing))

    def _conversion(
        self, own: _Trial, found: _Trial, where: Where, anew: tuple[Finding, ...]
    ) -> list[Finding]:
        """Return what is to be said of a conversion."""
        said: list[Finding] = []
        target = syntax_name(found.form.syntax)
        if anew:
            said.append(REWRITTEN.at(where, target=target, why="; ".join(each.text for each in anew)))
        if not own.passes:
            rule = CONVERTED_LOSSY if found.form.syntax in LOSSY_TARGETS else CONVERTED
            place = Where(path=where.path, tag=TRANSFER_SYNTAX)
            syntax, ref = syntax_name(own.form.syntax) or "(none)", sop_table(self.profile)
            said.append(rule.at(place, target=target, syntax=syntax, ref=ref))
        return said


def judge(instance: Instance, profile: Profile, convert: Convert = Convert.LOSSLESS) -> Verdict:
    """Return the verdict on one instance; for many, make a `Judge` once."""
    return Judge(profile, convert)(instance)


def judged_tags(profile: Profile) -> frozenset[int]:
    """Return the attributes that a header scan has to find so that this profile can be judged."""
    return _tags(profile.images, profile.items)


def _tags(images: Iterable[ImageRule], items: Iterable[ItemRule]) -> frozenset[int]:
    tags = {PHOTOMETRIC, NUMBER_OF_FRAMES, BITS_ALLOCATED, BITS_STORED, HIGH_BIT, PIXEL_REPRESENTATION}
    for rule in images:
        tags.add(rule.tag)
        tags.update(() if rule.other is None else (rule.other,))
        tags.update(() if rule.when is None else (rule.when.tag,))
    tags.update(item.sequence for item in items)
    return frozenset(tags)


def _refuse(findings: tuple[Finding, ...]) -> Verdict:
    return Verdict(Decision.REFUSE, findings=findings)
