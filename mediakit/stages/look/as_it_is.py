"""What breaks the standard in instances that an import sends all the same. Nothing here keeps one back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediakit.dicom.instance import Instance
from mediakit.fileset.instance_values import NO_UID, judge_values
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.file_rules import (
    BAD_META,
    NO_META,
    NO_PREAMBLE,
    NO_SOP_UIDS,
    ODD_VR,
    PREAMBLE_USED,
    ZEROS,
    file_findings,
)
from mediakit.profile.meta_rules import META_RULES
from mediakit.profile.structure_rules import SECOND_FILE

AS_IT_IS = Rule(
    id="MK-IMP-034",
    severity=Severity.WARNING,
    title="sent as it is, although {what}",
    ref="PS3.5 7",
    hint="compare it with the original when the destination refuses it or shows it wrongly",
)
NOT_WHOLE = Rule(
    id="MK-IMP-035",
    severity=Severity.ERROR,
    title="sent as it is, and cannot be right at the destination: {what}",
    ref="PS3.10 7",
    hint="ask the sender of the medium for a correct copy",
)
META_NOT_SENT = Rule(
    id="MK-IMP-036",
    severity=Severity.NOTE,
    title="only the data set is sent: {what}",
    ref="PS3.10 7.1",
    hint="the file meta information is for files only; nothing needs to be done",
)
ZEROS_SENT = Rule(
    id="MK-IMP-037",
    severity=Severity.NOTE,
    title="sent with the zeros that are behind the last element",
    ref="PS3.10 7.2",
    hint="destinations do not mind; nothing needs to be done",
)

_OF_THE_FILE = frozenset({NO_META, NO_PREAMBLE, BAD_META, *META_RULES})
_LOSES = frozenset({NO_SOP_UIDS, SECOND_FILE})
_SAID_ELSEWHERE = frozenset({PREAMBLE_USED, ODD_VR})


def findings_of(sent: Sequence[tuple[str, Instance]]) -> Iterator[Finding]:
    """Yield what is to be said of instances that are sent although they break the standard."""
    for place, instance in sent:
        if instance.header.notes or instance.header.faults:
            yield from _of_file(instance, place)
    judged = judge_values(sent, None)
    for finding in (*judged.refused.values(), *judged.warnings()):
        rule = NOT_WHOLE if finding.rule is NO_UID else AS_IT_IS
        yield rule.at(finding.where, what=finding.text, ref=finding.rule.ref)


def _of_file(instance: Instance, place: str) -> Iterator[Finding]:
    texts: dict[Rule, list[str]] = {}
    for finding in file_findings(instance).all():
        if finding.rule not in _SAID_ELSEWHERE:
            texts.setdefault(_rule_for(finding), []).append(finding.text)
    for rule, what in texts.items():
        yield rule.at(Where(path=place), **({} if rule is ZEROS_SENT else {"what": "; ".join(what)}))


def _rule_for(finding: Finding) -> Rule:
    if finding.rule in _LOSES:
        return NOT_WHOLE
    if finding.rule in _OF_THE_FILE:
        return META_NOT_SENT
    return ZEROS_SENT if finding.rule is ZEROS else AS_IT_IS
