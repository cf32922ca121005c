"""Whatever is spread: each instance is on one medium, each medium fits, and there are as few as can be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mediakit.choices import Supply
from mediakit.fileset.collate import collate
from mediakit.fileset.groups import Collated
from mediakit.fileset.spread import Room, pack, spread
from mediakit.findings import Severity
from mediakit.stages.plan.draw import Draft
from mediakit.stages.plan.spanning import PlannedMedia, plan_media
from tests.support.instances import CT_PROTOCOL, make_instance, make_profile

PROFILE = make_profile()
CAPACITY = 1_500_000

sizes = st.integers(1, 9).map(lambda tenths: tenths * 100_000 + 1)


@st.composite
def some_collated(draw: st.DrawFn) -> Collated:
    """Return few patients with few studies and series, of all sizes."""
    made = []
    for patient in range(draw(st.integers(1, 4))):
        for study in range(draw(st.integers(1, 3))):
            for series in range(draw(st.integers(1, 2))):
                uid = f"1.{patient}.{study}.{series}"
                made += [
                    make_instance(
                        f"{uid}.{number}",
                        study=f"1.{patient}.{study}",
                        series=uid,
                        patient_id=f"P{patient}".encode(),
                        number=number,
                        size=draw(sizes),
                    )
                    for number in range(1, draw(st.integers(2, 4)))
                ]
    if draw(st.booleans()):
        made.append(make_instance("2.1", sop_class=CT_PROTOCOL, size=draw(sizes)))
    return collate(made, PROFILE, Supply.DIRECTORY)


def planned(collated: Collated, capacity: int = CAPACITY) -> PlannedMedia:
    draft = Draft(profile=PROFILE, extra=(), icons={}, producers=(), capacity=capacity, stored_size=int)
    return plan_media(draft, collated, Path("disc.iso"), "DICOM", is_spanned=True)


def uids_of(collated: Collated) -> list[str]:
    return [leaf.instance.sop_instance for leaf in collated.leaves()]


@settings(max_examples=40)
@given(some_collated())
def test_every_instance_is_on_one_medium_and_every_medium_fits(collated: Collated) -> None:
    found = planned(collated)
    assert not found.too_large
    assert not [one for one in found.findings if one.severity is Severity.ERROR]
    on_media = [file.instance.sop_instance for one in found.media for file in one.plan.files]
    assert Counter(on_media) == Counter(uids_of(collated))
    assert all(one.plan.total_bytes <= CAPACITY for one in found.media)
    assert len({one.plan.directory.file_set_uid for one in found.media}) == len(found.media)
    assert [one.plan for one in planned(collated).media] == [one.plan for one in found.media]


@settings(max_examples=40)
@given(some_collated())
def test_what_one_medium_holds_stays_together(collated: Collated) -> None:
    found = planned(collated)
    held_by: dict[str, set[int]] = {}
    for number, one in enumerate(found.media):
        for file in one.plan.files:
            uid = file.instance.sop_instance
            for depth in (2, 3, 4):  # patient, study, series
                held_by.setdefault(".".join(uid.split(".")[:depth]), set()).add(number)
    bytes_of: Counter[str] = Counter()
    for leaf in collated.leaves():
        for depth in (2, 3, 4):
            bytes_of[".".join(leaf.instance.sop_instance.split(".")[:depth])] += leaf.instance.size
    split = {name for name, media in held_by.items() if len(media) > 1 and name.startswith("1.")}
    assert all(bytes_of[name] > CAPACITY - 500_000 for name in split)
    whole = planned(collated, sum(bytes_of.values()))
    assert len(whole.media) == 1
    assert whole.media[0].out == Path("disc.iso")


def first_fit_decreasing(weights: list[int], room: int) -> int:
    bins: list[int] = []
    for weight in sorted(weights, reverse=True):
        for number, load in enumerate(bins):
            if load + weight <= room:
                bins[number] += weight
                break
        else:
            bins.append(weight)
    return len(bins)


@given(st.lists(st.integers(1, 100), max_size=40), st.integers(100, 150))
def test_bins_are_never_more_than_by_first_fit_decreasing_and_never_fewer_than_can_be(
    weights: list[int], room: int
) -> None:
    bins = pack(weights, room)
    assert sorted(index for one in bins for index in one) == list(range(len(weights)))
    assert bins == sorted(map(sorted, bins))
    assert all(sum(weights[index] for index in one) <= room for one in bins)
    assert -(-sum(weights) // room) <= len(bins) <= first_fit_decreasing(weights, room)


def test_few_groups_are_searched_for_fewer_media_than_any_rule_finds() -> None:
    weights = [12, 10, 7, 4, 4, 3]
    assert first_fit_decreasing(weights, 20) == 3
    assert len(pack(weights, 20)) == 2


@given(some_collated(), st.integers(900_000, 3_000_000))
def test_it_holds_for_media_that_take_more_than_the_sum_of_their_parts(
    collated: Collated, capacity: int
) -> None:
    """The size of a part need not add up: what is measured decides."""

    def measure(part: Collated) -> int:
        leaves = list(part.leaves())
        return sum(-(-leaf.instance.size // 65_536) * 65_536 for leaf in leaves) + len(leaves) ** 2 * 100

    found = spread(collated, Room(capacity=capacity, measure=measure))
    placed = [uid for part in found.parts for uid in uids_of(part)]
    assert sorted([*placed, *(leaf.instance.sop_instance for leaf in found.too_large)]) == sorted(
        uids_of(collated)
    )
    assert all(measure(part) <= capacity for part in found.parts)
