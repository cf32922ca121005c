"""Rules, findings and the one order of a report."""

from __future__ import annotations

import itertools

import pytest

from mediakit.findings import Finding, Report, Rule, Severity, Where, tag_text

BAD = Rule(
    id="MK-TST-002", severity=Severity.ERROR, title="{count} of {what} are bad", ref="PS3.10 7", hint="no"
)
ODD = Rule(id="MK-TST-001", severity=Severity.WARNING, title="odd", ref="PS3.3 F")
SEEN = Rule(id="MK-TST-003", severity=Severity.NOTE, title="seen", ref="")


def test_a_finding_tells_its_sentence_from_the_detail() -> None:
    finding = BAD.at(count=3, what="the files")
    assert finding.text == "3 of the files are bad"
    assert finding.severity is Severity.ERROR


def test_a_detail_that_is_missing_is_never_passed_over() -> None:
    with pytest.raises(KeyError):
        _ = BAD.at(count=3).text


def test_braces_in_a_detail_are_not_taken_as_a_template() -> None:
    assert BAD.at(count=1, what="{count}{0.__class__}").text == "1 of {count}{0.__class__} are bad"


def test_the_clause_is_the_rules_own_unless_the_finding_names_one() -> None:
    assert BAD.at(count=1, what="x").ref == "PS3.10 7"
    assert BAD.at(count=1, what="x", ref="PS3.11 Table D.3-1").ref == "PS3.11 Table D.3-1"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where(), ""),
        (Where(path="a/b"), "a/b"),
        (Where(path="a/b", tag=0x00100020), "a/b, (0010,0020)"),
        (Where(record=512, tag=0xFFFEE000), "record at 512, (FFFE,E000)"),
        (Where(record=0), "record at 0"),
    ],
)
def test_a_place_reads_as_a_person_would_say_it(where: Where, text: str) -> None:
    assert str(where) == text


def test_a_moved_finding_keeps_everything_but_the_path() -> None:
    finding = BAD.at(Where(path="old", record=5, tag=7), count=1, what="x")
    moved = finding.moved("new")
    assert moved.where == Where(path="new", record=5, tag=7)
    assert (moved.rule, moved.detail) == (finding.rule, finding.detail)


def test_severities_are_ranked() -> None:
    assert Severity.ERROR.rank > Severity.WARNING.rank > Severity.NOTE.rank


def test_a_report_has_one_order_whatever_the_order_of_the_findings() -> None:
    findings = (
        BAD.at(Where(path="a"), count=1, what="x"),
        BAD.at(Where(path="b"), count=1, what="x"),
        ODD.at(Where(path="a")),
        ODD.at(Where(path="a", record=9)),
        SEEN.at(),
    )
    for shuffled in itertools.permutations(findings):
        assert Report.of("subject", shuffled).findings == findings


def test_a_report_counts_by_rule_and_knows_the_worst() -> None:
    report = Report.of("s", [ODD.at(), SEEN.at(), SEEN.at()])
    assert report.worst() is Severity.WARNING
    assert report.by_rule() == {"MK-TST-001": 1, "MK-TST-003": 2}


def test_an_empty_report_has_no_worst() -> None:
    assert Report.of("s", ()).worst() is None


def test_findings_that_differ_only_in_their_detail_have_one_order_too() -> None:
    one: Finding = BAD.at(Where(path="a"), count=1, what="x")
    two: Finding = BAD.at(Where(path="a"), count=2, what="x")
    assert Report.of("s", (one, two)) == Report.of("s", (two, one))


@pytest.mark.parametrize(
    ("tag", "text"), [(0x00100020, "(0010,0020)"), (0, "(0000,0000)"), (0xFFFEE00D, "(FFFE,E00D)")]
)
def test_a_tag_is_written_in_the_notation_of_the_standard(tag: int, text: str) -> None:
    assert tag_text(tag) == text
