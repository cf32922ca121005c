"""What a person reads: safe to print, short on the terminal, whole with `-v`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.findings import Report, Rule, Severity, Where, printable
from mediakit.journeys.burn_order import Burnt
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.report.burnt import burn_text
from mediakit.report.text import fetch_text, finding_line, findings_text, size_text
from mediakit.stages.judge.wrapping import CAN_BE_WRAPPED
from tests.support.each import each

ERROR = Rule(
    id="MK-TST-001", severity=Severity.ERROR, title="{what} is wrong", ref="PS3.10 7", hint="mend it"
)
WARNING = Rule(id="MK-TST-002", severity=Severity.WARNING, title="odd", ref="PS3.3 F")
NOTE = Rule(id="MK-TST-003", severity=Severity.NOTE, title="seen", ref="PS3.5 6.2")


@each(
    ("name", "shown"),
    [
        ("plain name.dcm", "plain name.dcm"),
        ("Jörg/試験", "Jörg/試験"),
        ("two\nlines", r"two\nlines"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("tab\there", r"tab\there"),
        ("latin-\udcfc", r"latin-\udcfc"),
        ("right\u202eleft", r"right\u202eleft"),
        ("", ""),
    ],
)
def test_a_name_is_shown_on_one_line_without_control_characters(name: str, shown: str) -> None:
    assert printable(name) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_name_can_be_printed_in_any_terminal(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    shown.encode("utf-8")


def test_a_finding_is_one_line_with_place_rule_sentence_and_clause() -> None:
    finding = ERROR.at(Where(path="a\nb", tag=0x00100020), what="it\x07self")
    assert finding_line(finding) == (r"error: MK-TST-001  a\nb, (0010,0020)  it\x07self is wrong (PS3.10 7)")


def test_a_finding_without_a_place_has_no_gap() -> None:
    assert finding_line(WARNING.at()) == "warning: MK-TST-002  odd (PS3.3 F)"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (518_144, "518.1 kB"),
        (681_984_000, "682.0 MB"),
        (4_700_000_000, "4.70 GB"),
        (100_000_000_000, "100.00 GB"),
    ],
)
def test_sizes_are_told_in_decimal_units_as_media_are_sold(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


def lines_of(least: Severity, *counts: int) -> list[str]:
    errors, warnings, notes = counts
    findings = [ERROR.at(Where(path=f"f{n:03d}"), what="it") for n in range(errors)]
    findings += [WARNING.at(Where(path=f"f{n:03d}")) for n in range(warnings)]
    findings += [NOTE.at() for _ in range(notes)]
    return list(findings_text(Report.of("s", findings), least=least))


def test_findings_are_listed_from_the_severity_that_is_asked_for() -> None:
    assert [line.split(":")[0] for line in lines_of(Severity.NOTE, 1, 1, 1)] == [
        "error",
        "hint",
        "warning",
        "note",
    ]
    assert [line.split(":")[0] for line in lines_of(Severity.WARNING, 1, 1, 1)] == [
        "error",
        "hint",
        "warning",
    ]
    assert [line.split(":")[0] for line in lines_of(Severity.ERROR, 1, 1, 1)] == ["error", "hint"]
    assert lines_of(Severity.NOTE, 0, 0, 0) == []


def test_a_rule_that_is_met_very_often_is_cut_short_and_counted() -> None:
    lines = lines_of(Severity.WARNING, 0, 100, 0)
    assert len(lines) == 4
    assert "97 more" in lines[-1]
    assert len(lines_of(Severity.WARNING, 0, 40, 0)) == 40


def result_of(*fates: Fate, outcome: Outcome = Outcome.GOOD, **figures: str | int) -> Result:
    return Result(journey="burn", fates=fates, report=Report.of("s", ()), outcome=outcome, figures=figures)


def burnt_of(*fates: Fate, outcome: Outcome = Outcome.GOOD, **figures: str | int) -> Burnt:
    return Burnt(result=result_of(*fates, outcome=outcome, **figures))


def test_the_summary_counts_what_is_well_and_names_what_is_not() -> None:
    text = burn_text(
        burnt_of(
            Fate(source="in/a", state=State.WRITTEN, became="DICOM/I1"),
            Fate(source="in/b", state=State.WRITTEN, became="DICOM/I2"),
            Fate(source="in/c", state=State.CONVERTED, became="DICOM/I3"),
            Fate(source="in/d\n", state=State.REFUSED, because=ERROR.at(what="c")),
            outcome=Outcome.FINDINGS,
            profile="STD-GEN-CD",
            target="a.iso",
            needs_bytes=5000,
            capacity_bytes=681_984_000,
            medium="CD-R",
            proof="3 files read back",
        )
    )
    assert text.splitlines() == [
        "STD-GEN-CD  a.iso",
        "  written    2 files",
        "  converted  in/c -> DICOM/I3",
        r"  refused    in/d\n  MK-TST-001 c is wrong (PS3.10 7)",
        "  size       5.0 kB of 682.0 MB on CD-R",
        "  proof      3 files read back",
        "what to do: some files were left out: see which and why before you give the medium away.",
        "outcome: problems found (exit code 1)",
    ]


def test_every_file_is_listed_when_asked_for() -> None:
    many = [Fate(source=f"in/{n}", state=State.WRITTEN, became=f"I{n}") for n in range(100)]
    whole = burn_text(burnt_of(*many), everything=True)
    assert all(f"  in/{n} -> I{n}\n".strip() in whole for n in range(100))
    assert len(burn_text(burnt_of(*many)).splitlines()) == 4


def test_every_state_is_shown() -> None:
    fates = [Fate(source=state.value, state=state) for state in State]
    text = burn_text(burnt_of(*fates))
    assert all(state.shown in text for state in State)


def test_a_long_list_of_one_state_is_cut_and_counted() -> None:
    refused = [Fate(source=f"in/{n}", state=State.REFUSED) for n in range(100)]
    lines = burn_text(burnt_of(*refused)).splitlines()
    assert sum("in/" in line for line in lines) == 40
    assert any("60 more" in line for line in lines)


def test_a_target_is_shown_safely() -> None:
    assert "\x1b" not in burn_text(burnt_of(profile="P", target="a\x1b[2J.iso"))


def test_files_that_were_left_out_for_one_reason_are_counted() -> None:
    reason, other = NOTE.at(Where(path="a")), WARNING.at(Where(path="b"))
    fates = [Fate(source=f"f{n}", state=State.EXCLUDED, because=reason) for n in range(5)]
    fates.append(Fate(source="alone", state=State.EXCLUDED, because=other))
    result = Result(
        journey="burn", fates=tuple(fates), report=Report.of("x", []), outcome=Outcome.GOOD, figures={}
    )
    lines = burn_text(Burnt(result=result)).splitlines()
    assert "  left out   5 files  MK-TST-003 seen (PS3.5 6.2)" in lines
    assert any("alone" in line for line in lines)
    assert not any("f3" in line for line in lines)
    assert any("f3" in line for line in burn_text(Burnt(result=result), everything=True).splitlines())


def test_files_of_a_burn_that_failed_as_a_whole_are_counted() -> None:
    fates = tuple(Fate(source=f"IN/{number}", state=State.FAILED) for number in range(40))
    result = Result(journey="burn", fates=fates, report=Report.of("a.iso", ()), outcome=Outcome.DOES_NOT_FIT)
    assert "  failed     40 files\n" in burn_text(Burnt(result=result))
    assert burn_text(Burnt(result=result), everything=True).count("  failed     IN/") == 40


@each(
    ("states", "outcome", "line"),
    [
        ((State.UNREADABLE, State.WITHHELD), Outcome.SOURCE, "not every file can be read (exit code 3)"),
        ((State.UNREADABLE,), Outcome.SOURCE, "nothing to read here (exit code 3)"),
        ((State.FAILED,), Outcome.USAGE, "nothing was written (exit code 2)"),
        ((State.FAILED,), Outcome.INTEGRITY, "the medium is not proven good (exit code 8)"),
    ],
)
def test_the_last_line_of_a_burn_says_how_a_burn_ended(
    states: tuple[State, ...], outcome: Outcome, line: str
) -> None:
    fates = tuple(Fate(source=state.value, state=state) for state in states)
    result = Result(journey="burn", fates=fates, report=Report.of("a.iso", ()), outcome=outcome)
    assert burn_text(Burnt(result=result)).splitlines()[-1] == f"outcome: {line}"


def test_a_fetch_says_from_where_what_came_and_what_to_do() -> None:
    fates = tuple(Fate(source=f"1.2/1.3/{number}", state=State.FETCHED) for number in range(30))
    figures: dict[str, str | int | float] = {
        "source": "PACS@h:104",
        "target": "in",
        "studies": 1,
        "listed": 31,
        "came": 30,
        "service": "C-GET",
    }
    result = Result(
        journey="fetch",
        fates=fates,
        report=Report.of("", ()),
        outcome=Outcome.PARTLY_STORED,
        figures=figures,
    )
    lines = fetch_text(result).splitlines()
    assert lines[0] == "PACS@h:104 -> in"
    assert "  fetched    30 files" in lines
    assert "  listed     31 instances of 1 study; 30 are here, by C-GET" in lines
    assert lines[-2].startswith("what to do: see what is missing")
    assert fetch_text(replace(result, outcome=Outcome.GOOD)).splitlines()[-2].startswith("what to do: burn")


def test_a_source_of_pictures_alone_is_told_of_wrapping() -> None:
    report = Report.of("", [CAN_BE_WRAPPED.at(count=1, example="letter.pdf")])
    fates = (Fate(source="letter.pdf", state=State.NOT_DICOM),)
    result = Result(journey="burn", fates=fates, report=report, outcome=Outcome.SOURCE)
    assert "`--wrap` makes instances of" in burn_text(Burnt(result=result)).splitlines()[-2]


def test_a_source_without_dicom_files_is_said_to_have_none() -> None:
    result = Result(journey="burn", fates=(), report=Report.of("", ()), outcome=Outcome.SOURCE)
    said = burn_text(Burnt(result=result)).splitlines()[-2]
    assert said == "what to do: nothing was written: there is no DICOM file. Name a source that has some."
