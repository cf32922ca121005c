from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from msgspec import structs

from mediakit.dicom.instance import Instance
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Severity
from mediakit.rules import completeness, references, slices
from tests.support.dicom_bytes import element, item, sequence
from tests.support.each import each
from tests.support.instances import CT, SR, make_instance
from tests.support.surveys import filed, found_by, ids, medium_of, other_file, survey_of

PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
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


def references_of(survey: Survey) -> list[Finding]:
    """Return what is found of references alone."""
    found = found_by(completeness.CHECKS, survey)
    return [one for one in found if one.rule in {references.ABSENT, references.NOT_HERE}]


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
    assert (finding.rule, finding.severity) == (references.ABSENT, Severity.WARNING)
    assert finding.where.path == "PR/PR1"
    assert dict(finding.detail) == {"name": name, "count": 2, "uid": "1.2.3.4.8"}


def test_an_instance_referred_to_several_times_is_missed_once() -> None:
    (finding,) = referred(referring("1.2.3.4.9", "1.2.3.4.9"))
    assert dict(finding.detail)["count"] == 1


def test_references_without_a_value_and_documents_that_refer_to_nothing_are_right() -> None:
    assert referred(referring("", "1.2.3.4.1")) == []
    assert referred(referring()) == []
    assert referred(make_instance("1.2.3.9.1", series="1.2.3.9", values={REFERENCED_SERIES: b""})) == []


def test_documents_of_one_series_are_one_finding_which_counts_what_is_absent() -> None:
    documents = (
        structs.replace(referring("1.2.3.4.9", f"1.2.3.4.{number}"), sop_instance=f"1.2.3.9.{number}")
        for number in (7, 8)
    )
    files = (filed(one, f"PR/PR{number}") for number, one in enumerate(documents))
    (finding,) = references_of(survey_of(*files))
    assert (finding.where.path, dict(finding.detail)["count"]) == ("PR/PR0", 3)


def test_what_images_were_made_from_is_a_note_once_for_the_series() -> None:
    source = item(element(0x00081150, "UI", CT) + element(0x00081155, "UI", "1.2.3.5.1"))
    derived = [make_instance(f"1.2.6.{at}", series="1.2.6", values={0x00082112: source}) for at in (1, 2)]
    (finding,) = references_of(survey_of(*map(filed, derived)))
    assert (finding.rule, finding.severity) == (references.NOT_HERE, Severity.NOTE)
    assert dict(finding.detail)["count"] == 1


def test_studies_that_a_structure_set_refers_to_are_no_instances() -> None:
    study = element(0x00081150, "UI", "1.2.840.10008.3.1.2.3.1") + element(0x00081155, "UI", "1.2.3")
    image = item(element(0x00081150, "UI", CT) + element(0x00081155, "UI", "1.2.3.4.9"))
    frame = item(sequence(0x30060012, [item(study + sequence(0x30060016, [image]))]))
    (finding,) = referred(
        make_instance("1.2.8.1", series="1.2.8", sop_class=STRUCTURES, values={0x30060010: frame})
    )
    assert dict(finding.detail) == {
        "name": "RT Structure Set Storage",
        "count": 1,
        "uid": "1.2.3.4.9",
    }


# --- what headers say ------------------------------------------------------------------------------------


def test_fewer_instances_than_headers_say_are_found_for_series_and_study() -> None:
    said: dict[int, bytes | None] = {0x00201209: b"3 ", 0x00201208: b"5 "}
    three = [make_instance(f"1.2.1.{at}", number=at, values=said) for at in (1, 2, 3)]
    (finding,) = found_by(completeness.CHECKS, survey_of(*map(filed, three)))
    assert (finding.rule, finding.severity) == (completeness.FEWER_OF_STUDY, Severity.NOTE)
    assert dict(finding.detail) == {"study": "1.2.3", "count": 3, "said": 5}
    findings = found_by(completeness.CHECKS, survey_of(*map(filed, three[:2])))
    assert ids(findings) == ["MK-CMP-006", "MK-CMP-007"]
    assert findings[0].severity is Severity.WARNING


def test_single_exposures_localizers_and_multi_frame_images_may_have_gaps() -> None:
    localizer = rb"ORIGINAL\PRIMARY\LOCALIZER"
    for values in ({0x00080060: b"MG"}, {0x00280008: b"20"}, {0x00080008: localizer}):
        numbered = [make_instance(f"1.2.1.{at}", number=at, values=values) for at in (1, 2, 4, 5)]
        assert found_by(completeness.CHECKS, survey_of(*map(filed, numbered))) == []


def test_a_series_may_go_on_with_the_numbers_of_another_one_of_its_study() -> None:
    scout = series_of(1, 2, series="1.2.3.5", folder="SCOUT")
    axial = series_of(3, 4, 5, 6)
    assert found_by(completeness.CHECKS, survey_of(*scout.files, *axial.files)) == []


# --- slices ----------------------------------------------------------------------------------------------


def slices_at(*places: float, **values: bytes) -> list[Instance]:
    """Return axial images of a series at these places along z, in mm."""
    named = {"echo": 0x00180086, "acquisition": 0x00200012, "temporal": 0x00200100, "image_type": 0x00080008}
    more = {named[name]: value for name, value in values.items()}
    return [
        make_instance(
            f"1.2.3.4.{next(COUNTER)}",
            number=None,
            values={0x00200032: b"-120\\-90.5\\%g" % z, 0x00200037: rb"1\0\0\0\1\0", **more},
        )
        for z in places
    ]


COUNTER = itertools.count(1)


def gaps_in(*slices: Instance) -> list[Finding]:
    return found_by(completeness.CHECKS, survey_of(*map(filed, slices)))


def test_slices_that_are_missing_between_evenly_spaced_ones_are_counted() -> None:
    even = [2.5 * at for at in range(30)]
    assert gaps_in(*slices_at(*even)) == []
    (finding,) = gaps_in(*slices_at(*(z for z in even if z not in (25.0, 50.0, 52.5))))
    assert (finding.rule, finding.severity) == (slices.MISSING, Severity.WARNING)
    assert (dict(finding.detail)["count"], dict(finding.detail)["step"]) == (3, "2.5")
    (finding,) = gaps_in(*slices_at(*(-z for z in even if z != 25.0)))
    assert dict(finding.detail)["count"] == 1


def test_a_slice_that_one_echo_or_time_lacks_is_found_though_the_other_has_it() -> None:
    even = [3.0 * at for at in range(10)]
    lacking = [z for z in even if z != 12.0]
    for name in ("echo", "temporal", "acquisition"):
        first, second = slices_at(*even, **{name: b"1 "}), slices_at(*lacking, **{name: b"2 "})
        assert ids(gaps_in(*first, *second)) == ["MK-CMP-008"], name


def test_slices_spaced_on_purpose_are_no_warning() -> None:
    even = [5.0 * at for at in range(12)]
    cases = {
        "two spacings": slices_at(*(2.5 * at for at in range(12)), *(30 + 5.0 * at for at in range(10))),
        "few": slices_at(0.0, 5.0, 15.0, 20.0),
        "a localizer": slices_at(*even[:5], *even[6:], image_type=rb"ORIGINAL\PRIMARY\LOCALIZER"),
        "the same places again": slices_at(*even, *even),
        "two acquisitions": slices_at(*even, acquisition=b"1 ")
        + slices_at(*(z + 100 for z in even), acquisition=b"2 "),
        "an acquisition a slice": [
            one for at, z in enumerate(even) for one in slices_at(z, acquisition=b"%d" % at)
        ],
    }
    assert {name: ids(gaps_in(*images)) for name, images in cases.items()} == {name: [] for name in cases}
    two_parts = slices_at(*even, *(z + 171.3 for z in even))
    assert [(one.rule, one.severity) for one in gaps_in(*two_parts)] == [(slices.UNEVEN, Severity.NOTE)]


def test_positions_that_are_no_numbers_are_passed_over() -> None:
    for position in (b"", rb"1\2", rb"a\b\c", rb"nan\0\0", rb"1e308\0\inf", b"\xff\xfe"):
        odd = [replace_position(one, position) for one in slices_at(*range(8))]
        assert gaps_in(*odd) == []


def replace_position(one: Instance, position: bytes) -> Instance:
    values = {**one.header.values, 0x00200032: position}
    return structs.replace(one, header=structs.replace(one.header, values=values))


def test_a_whole_medium_gives_no_finding_and_other_files_do_not_count() -> None:
    medium = medium_of(make_instance("1.1", number=1), make_instance("1.2", number=2))
    medium = replace(medium, files=(*medium.files, other_file("README.TXT")))
    assert found_by(completeness.CHECKS, medium) == []
