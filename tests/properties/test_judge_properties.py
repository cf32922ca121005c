"""What holds for every instance and every profile, whatever the bytes of the header are."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from mediakit.dicom.instance import BINARY_TAGS, Header, Instance, Note
from mediakit.dicom.uids import STORAGE, SYNTAXES
from mediakit.findings import Severity
from mediakit.profile.fit import fit
from mediakit.profile.form import LOSSY_TARGETS
from mediakit.profile.judge import Convert, Decision, Judge, judged_tags
from mediakit.profile.load import load_catalogue
from mediakit.profile.model import Profile, Role
from tests.support.judged import items, region

PROFILES: Mapping[str, Profile] = load_catalogue().profiles
JUDGES = {(one, convert): Judge(profile, convert) for one, profile in PROFILES.items() for convert in Convert}
TAGS = sorted(frozenset().union(*(judged_tags(profile) for profile in PROFILES.values())))
PHOTOMETRICS = ["MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_RCT"]

NAMED_CLASSES = sorted({uid for profile in PROFILES.values() for rule in profile.sop for uid in rule.classes})
NAMED_SYNTAXES = sorted(
    {uid for profile in PROFILES.values() for rule in profile.sop for uid in rule.syntaxes}
)

sop_classes = (
    st.sampled_from(NAMED_CLASSES)
    | st.sampled_from([*STORAGE, "1.2.840.10008.1.3.10", "1.2.3.4", ""])
    | st.text(max_size=70)
)
syntaxes = (
    st.sampled_from(NAMED_SYNTAXES) | st.sampled_from([*SYNTAXES, "", "1.2.3.4"]) | st.text(max_size=70)
)
numbers = st.sampled_from([0, 1, 3, 7, 8, 9, 10, 11, 12, 15, 16, 32, 64, 512, 1024, 65535])
texts = st.sampled_from([*PHOTOMETRICS, "CT", "MR", "XA", "US", "1", "30", "1\\2", " ", "", "nan", "1e999"])


def sensible(tag: int) -> st.SearchStrategy[bytes]:
    if tag in BINARY_TAGS:
        return numbers.map(lambda number: number.to_bytes(BINARY_TAGS[tag], "little"))
    if tag == 0x00186011:
        return st.sampled_from([b"", items(region()), items(region(), region([0x00186024])), items([])])
    return texts.map(str.encode)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    tags = draw(st.lists(st.sampled_from(TAGS), unique=True))
    values = {tag: draw(sensible(tag) | st.binary(max_size=40)) for tag in tags}
    notes = draw(st.frozensets(st.sampled_from(list(Note)), max_size=2))
    return Instance(
        source="IN",
        path="A",
        size=1,
        sop_class=draw(sop_classes),
        sop_instance=draw(st.sampled_from(["1.2.3", "", "x"]) | st.text(max_size=70)),
        transfer_syntax=draw(syntaxes),
        header=Header(meta={}, values=values, notes=notes),
    )


@given(instances())
def test_every_instance_gets_a_true_verdict_from_every_profile(instance: Instance) -> None:
    for one, profile in PROFILES.items():
        for convert in Convert:
            verdict = JUDGES[one, convert](instance)
            wrong = any(finding.severity is Severity.ERROR for finding in verdict.findings)
            assert wrong is (verdict.decision is Decision.REFUSE)
            assert (verdict.to != "") is (verdict.decision is Decision.CONVERT)
            assert (verdict.rule is None) is (verdict.decision is Decision.REFUSE)
            assert verdict == Judge(profile, convert)(instance)
            for finding in verdict.findings:
                assert finding.text.isprintable()
                assert finding.where.path == "A"
                assert finding.ref


@given(instances())
def test_a_freer_policy_takes_no_acceptance_away_and_loses_nothing_unasked(instance: Instance) -> None:
    for one in PROFILES:
        none, lossless, free = (JUDGES[one, convert](instance) for convert in Convert)
        assert none.decision is not Decision.CONVERT
        if none.decision is Decision.ACCEPT:
            assert none == lossless == free
        if lossless.decision is not Decision.REFUSE:
            assert free == lossless
        if lossless.decision is Decision.CONVERT:
            assert lossless.to not in LOSSY_TARGETS or lossless.to == instance.transfer_syntax


@given(instances())
def test_what_is_accepted_or_converted_is_in_a_row_of_the_profile(instance: Instance) -> None:
    for one, profile in PROFILES.items():
        verdict = JUDGES[one, Convert.ANY](instance)
        if verdict.rule is not None:
            assert verdict.rule in profile.sop
            syntax = verdict.to or instance.transfer_syntax
            assert syntax in verdict.rule.syntaxes or "*" in verdict.rule.syntaxes
            assert verdict.rule.fsc.permits


@settings(max_examples=30)
@given(instances(), st.sampled_from(list(Role)))
def test_a_role_that_a_profile_has_not_may_use_nothing(instance: Instance, role: Role) -> None:
    for profile in PROFILES.values():
        if role not in profile.roles:
            assert Judge(profile, role=role)(instance).decision is Decision.REFUSE


@settings(max_examples=20)
@given(st.lists(instances(), max_size=8))
def test_a_fit_counts_each_instance_once_and_as_the_judge_says(many: list[Instance]) -> None:
    for one in fit([*many, *many], PROFILES.values()):
        decisions = [JUDGES[one.profile_id, Convert.LOSSLESS](instance).decision for instance in many]
        assert one.accepted == 2 * decisions.count(Decision.ACCEPT)
        assert one.convertible == 2 * decisions.count(Decision.CONVERT)
        assert one.refused == 2 * decisions.count(Decision.REFUSE)
        assert one.takes_all_as_is is (bool(many) and one.accepted == 2 * len(many))
        assert bool(one.obstacles) is (one.accepted < 2 * len(many))
