from __future__ import annotations

from dataclasses import replace

import pytest

from mediakit.dicom.instance import Instance
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Severity
from mediakit.rules import completeness
from tests.support.dicom_bytes import element, item, sequence
from tests.support.each import each
from tests.support.instances import CT, SR, make_instance
from tests.support.surveys import filed, found_by, ids, medium_of, other_file, survey_of

PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
BLENDING = "1.2.840.10008.5.1.4.1.1.11.4"
REFERENCED_SERIES, BLENDING_SEQUENCE = 0x00081115, 0x00700402


def series_of(*numbers: int | None, series: str = "1.2.3.4", folder: str = "CT") -> Survey:
    """Return a medium of one series in one folder with these Instance Numbers."""
    instances = [
        make_instance(f"{series}.{at}", number=number, series=series) for at, number in enumerate(numbers)
    ]
    return survey_of(*(filed(one, f"{folder}/IM{at}") for at, one in enumerate(instances)))


def judged(*numbers: int | None) -> list[Finding]:
    return found_by(completeness.CHECKS, series_of(*numbers))


def missing(*numbers: int) -> str:
    """Return the numbers that the only finding says are not there."""
    (finding,) = judged(*numbers)
    assert finding.rule is completeness.GAPS
    return str(dict(finding.detail)["numbers"])


# --- Instance Numbers ------------------------------------------------------------------------------------


@each(
    "numbers",
    [
        (1, 2, 3, 4),
        (4, 2, 3, 1),
        (0, 1, 2, 3),
        (-1, 0, 1),
        (1,),
        (7,),  # one image says nothing
        (5, 6, 7, 8),  # numbered through several series
        (101, 102, 103),
        (None, None, None),
    ],
)
def test_numbers_without_holes_are_right(numbers: tuple[int | None, ...]) -> None:
    assert judged(*numbers) == []


def test_a_hole_is_a_warning_at_the_folder_of_the_series() -> None:
    (finding,) = judged(1, 2, 4, 5)
    assert (finding.rule, finding.severity) == (completeness.GAPS, Severity.WARNING)
    assert finding.where.path == "CT"
    assert dict(finding.detail) == {
        "series": "1.2.3.4",
        "count": 4,
        "first": 1,
        "last": 5,
        "missing": 1,
        "numbers": "3",
    }


@pytest.mark.parametrize(
    ("numbers", "holes"),
    [
        ((0, 1, 3), "2"),
        ((1, 2, 3, 7, 8), "4-6"),
        ((1, 3, 4, 6, 7, 8, 12, 13, 14, 15), "2, 5, 9-11"),
        ((2, 3, 4), "1"),  # begins late
        ((4, 5, 6, 7), "1-3"),
        ((1, 2, 3, 7), "4-6"),
    ],
)
def test_holes_are_told_as_ranges(numbers: tuple[int, ...], holes: str) -> None:
    assert missing(*numbers) == holes


def test_of_many_holes_the_first_eight_are_told() -> None:
    eight = [number for number in range(1, 40) if number % 4 or number > 32]
    assert missing(*eight) == "4, 8, 12, 16, 20, 24, 28, 32"
    nine = [number for number in range(1, 40) if number % 4 or number > 36]
    assert missing(*nine) == "4, 8, 12, 16, 20, 24, 28, 32 ..."


def test_a_series_in_which_as_many_are_missing_as_there_are_is_only_a_note() -> None:
    assert ids(judged(1, 2, 3, 7)) == ["MK-CMP-001"]
    (finding,) = judged(1, 2, 3, 8)
    assert (finding.rule, finding.severity) == (completeness.SPARSE, Severity.NOTE)
    assert finding.where.path == "CT"
    assert dict(finding.detail) == {"series": "1.2.3.4", "count": 4, "first": 1, "last": 8}


def test_numbers_that_come_twice_are_a_note_that_counts_all_who_share_one() -> None:
    (finding,) = judged(1, 2, 2, 3, 4, 4, 4)
    assert (finding.rule, finding.severity) == (completeness.DOUBLED, Severity.NOTE)
    assert finding.where.path == "CT"
    assert dict(finding.detail) == {"series": "1.2.3.4", "count": 5}


def test_a_hole_is_found_beside_numbers_that_come_twice() -> None:
    assert ids(judged(1, 1, 2, 4)) == ["MK-CMP-003", "MK-CMP-001"]


def test_each_series_is_numbered_by_itself() -> None:
    first, second = series_of(1, 2, 3), series_of(1, 2, 4, 5, series="1.2.3.5", folder="MR")
    survey = survey_of(*first.files, *second.files)
    (finding,) = found_by(completeness.CHECKS, survey)
    assert (finding.where.path, dict(finding.detail)["series"]) == ("MR", "1.2.3.5")


def test_a_copy_of_an_instance_does_not_double_its_number() -> None:
    one, other = make_instance("1.2.1", number=1), make_instance("1.2.2", number=2)
    copied = survey_of(filed(one, "A/IM1"), filed(other, "A/IM2"), filed(one, "COPY/IM1"))
    assert found_by(completeness.CHECKS, copied) == []


def test_instances_without_series_are_not_taken_for_one_series() -> None:
    survey = series_of(1, 2, 4, 5, series="")
    assert found_by(completeness.CHECKS, survey) == []


# --- references ------------------------------------------------------------------------------------------


def referring(
    *uids: str, sop_class: str = PRESENTATION, tag: int = REFERENCED_SERIES, undefined: bool = False
) -> Instance:
    """Return an instance whose Referenced Series or Blending Sequence refers to these instances."""
    images = [
        item(element(0x00081150, "UI", CT) + element(0x00081155, "UI", uid), undefined=undefined)
        for uid in uids
    ]
    inner = sequence(0x00081140, images, undefined=undefined)
    if tag == BLENDING_SEQUENCE:
        series = item(element(0x0020000E, "UI", "1.2.3.4") + inner, undefined=undefined)
        inner = sequence(REFERENCED_SERIES, [series], undefined=undefined)
    content = item(element(0x0020000E, "UI", "1.2.3.4") + inner, undefined=undefined)
    return make_instance("1.2.3.9.1", series="1.2.3.9", sop_class=sop_class, values={tag: content})


def referred(document: Instance) -> list[Finding]:
    """Return what is found when a document lies beside the images 1.2.3.4.1 and 1.2.3.4.2."""
    images = (filed(make_instance(f"1.2.3.4.{number}", number=number), f"CT/IM{number}") for number in (1, 2))
    return found_by(completeness.CHECKS, survey_of(filed(document, "PR/PR1"), *images))


@each("undefined", [False, True])
@each(
    ("tag", "sop_class", "name"),
    [
        (REFERENCED_SERIES, PRESENTATION, "Grayscale Softcopy Presentation State Storage"),
        (REFERENCED_SERIES, SR, "Basic Text SR Storage"),
        (BLENDING_SEQUENCE, BLENDING, "Blending Softcopy Presentation State Storage"),
        (REFERENCED_SERIES, "1.2.3.98", "1.2.3.98"),
    ],
)
def test_a_reference_to_instances_that_are_not_there_is_a_warning(
    tag: int, sop_class: str, name: str, undefined: bool
) -> None:
    whole = referring("1.2.3.4.1", "1.2.3.4.2", sop_class=sop_class, tag=tag, undefined=undefined)
    broken = referring(
        "1.2.3.4.1", "1.2.3.4.8", "1.2.3.4.9", sop_class=sop_class, tag=tag, undefined=undefined
    )
    assert referred(whole) == []
    (finding,) = referred(broken)
    assert (finding.rule, finding.severity) == (completeness.ABSENT, Severity.WARNING)
    assert finding.where.path == "PR/PR1"
    assert dict(finding.detail) == {"name": name, "count": 2, "uid": "1.2.3.4.8"}


def test_an_instance_referred_to_several_times_is_missed_once() -> None:
    (finding,) = referred(referring("1.2.3.4.9", "1.2.3.4.9"))
    assert dict(finding.detail)["count"] == 1


def test_references_without_a_value_and_documents_that_refer_to_nothing_are_right() -> None:
    assert referred(referring("", "1.2.3.4.1")) == []
    assert referred(referring()) == []
    assert referred(make_instance("1.2.3.9.1", series="1.2.3.9", values={REFERENCED_SERIES: b""})) == []


def test_each_document_is_named() -> None:
    documents = (replace(referring("1.2.3.4.9"), sop_instance=f"1.2.3.9.{number}") for number in (1, 2))
    files = (filed(one, f"PR/PR{number}") for number, one in enumerate(documents))
    findings = found_by(completeness.CHECKS[1:], survey_of(*files))
    assert [one.where.path for one in findings] == ["PR/PR0", "PR/PR1"]


def test_a_whole_medium_gives_no_finding_and_other_files_do_not_count() -> None:
    medium = medium_of(make_instance("1.1", number=1), make_instance("1.2", number=2))
    medium = replace(medium, files=(*medium.files, other_file("README.TXT")))
    assert found_by(completeness.CHECKS, medium) == []
