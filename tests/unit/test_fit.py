"""Which profiles take a set of instances, and what stands in the way of the others."""

from __future__ import annotations

from mediakit.dicom.instance import Note
from mediakit.profile.fit import Fit, Obstacle, fit
from mediakit.profile.load import load_profile
from tests.support.judged import (
    COLOUR,
    DOSE_SR,
    ENDOSCOPY_VIDEO,
    HEVC,
    IMPLICIT,
    JPEG_LOSSLESS,
    MR,
    SC,
    made,
)

NAMES = ("STD-XABC-CD", "STD-GEN-CD", "STD-GEN-DVD-JPEG", "STD-CTMR-CD")
PROFILES = [load_profile(name) for name in NAMES]


def by_id(fits: tuple[Fit, ...]) -> dict[str, Fit]:
    return {one.profile_id: one for one in fits}


def test_profiles_that_take_all_as_it_is_come_first_then_those_after_conversion_then_the_others() -> None:
    study = [made(path=f"IM{n}", syntax=JPEG_LOSSLESS) for n in range(9)]
    fits = fit([*study, made(DOSE_SR, values={}, path="SR")], PROFILES)
    assert [one.profile_id for one in fits] == [
        "STD-CTMR-CD",
        "STD-GEN-DVD-JPEG",
        "STD-GEN-CD",
        "STD-XABC-CD",
    ]
    assert [one.takes_all_as_is for one in fits] == [True, True, False, False]
    assert [(one.accepted, one.convertible, one.refused) for one in fits] == [
        (10, 0, 0),
        (10, 0, 0),
        (1, 9, 0),
        (0, 0, 10),
    ]


def test_obstacles_are_counted_by_what_they_say_refusals_first_with_an_example() -> None:
    study = [
        made(path="CT1", syntax=IMPLICIT),
        made(path="CT2", syntax=IMPLICIT),
        made(SC, values=COLOUR, path="SC"),
    ]
    ctmr = by_id(fit(study, PROFILES))["STD-CTMR-CD"]
    assert ctmr.obstacles == (
        Obstacle(
            rule_id="MK-PRO-009",
            text="STD-CTMR-CD allows Secondary Capture Image Storage as MONOCHROME2 or PALETTE COLOR only, "
            "not as RGB",
            count=1,
            example_path="SC",
        ),
        Obstacle(
            rule_id="MK-PRO-030",
            text="will be written as Explicit VR Little Endian: the profile does not allow "
            "Implicit VR Little Endian here",
            count=2,
            example_path="CT1",
        ),
    )


def test_instances_that_differ_only_in_a_judged_value_are_told_apart() -> None:
    study = [made(MR, modality="MR", path="A"), made(MR, modality="MR", path="B", x00280101=10, x00280102=9)]
    ctmr = by_id(fit(study, PROFILES))["STD-CTMR-CD"]
    assert (ctmr.accepted, ctmr.refused, ctmr.obstacles[0].example_path) == (1, 1, "B")


def test_a_file_without_meta_information_is_an_obstacle_that_a_rewrite_removes() -> None:
    general = by_id(fit([made(notes=[Note.NO_META])], PROFILES))["STD-GEN-CD"]
    assert (general.takes_all_as_is, general.convertible, general.refused) == (False, 1, 0)
    assert [obstacle.rule_id for obstacle in general.obstacles] == ["MK-PRO-063"]


def test_instances_that_differ_only_in_what_the_scan_noted_are_told_apart() -> None:
    study = [made(path="A"), made(path="B", notes=[Note.UID_MISMATCH]), made(path="C", uid="")]
    general = by_id(fit(study, PROFILES))["STD-GEN-CD"]
    assert (general.accepted, general.refused) == (1, 2)
    assert {(one.rule_id, one.example_path) for one in general.obstacles} == {
        ("MK-PRO-064", "B"),
        ("MK-PRO-010", "C"),
    }


def test_warnings_on_accepted_instances_are_no_obstacles() -> None:
    general = by_id(fit([made(notes=[Note.PREAMBLE_USED])], PROFILES))["STD-GEN-CD"]
    assert (general.takes_all_as_is, general.obstacles) == (True, ())


def test_a_video_that_no_profile_has_is_refused_by_all_of_them() -> None:
    fits = fit([made(ENDOSCOPY_VIDEO, HEVC, COLOUR, x00280008="9")], PROFILES)
    assert all(one.refused == 1 for one in fits)
    assert [one.profile_id for one in fits] == sorted(NAMES)


def test_nothing_fits_nowhere() -> None:
    fits = fit([], PROFILES)
    assert not any(one.takes_all_as_is for one in fits)
    assert fit([made()], ()) == ()
