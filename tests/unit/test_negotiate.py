"""Which contexts are proposed, how instances are put on associations, and in which syntax they go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, STORAGE, SYNTAXES
from mediakit.transfer.negotiate import Batch, Way, batches, route
from mediakit.transfer.outgoing import Outgoing

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
J2K = "1.2.840.10008.1.2.4.90"
MPEG = "1.2.840.10008.1.2.4.100"


def item(number: int, sop_class: str = CT, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> Outgoing:
    return Outgoing(
        sop_class=sop_class,
        sop_instance=f"1.2.{number}",
        transfer_syntax=syntax,
        path=f"IM{number}",
        size=1,
    )


def contexts(batch: Batch) -> list[tuple[str, str]]:
    return [(each.sop_class, each.transfer_syntax) for each in batch.proposals]


def test_what_is_stored_is_proposed_first_and_what_it_can_become_behind_it() -> None:
    (batch,) = batches([item(1, syntax=J2K), item(2)], 128, may_convert=True)
    assert contexts(batch) == [(CT, J2K), (CT, EXPLICIT_VR_LITTLE_ENDIAN), (CT, IMPLICIT_VR_LITTLE_ENDIAN)]


def test_without_conversion_only_what_is_stored_is_proposed() -> None:
    (batch,) = batches([item(1, syntax=J2K)], 128, may_convert=False)
    assert contexts(batch) == [(CT, J2K)]


def test_a_video_that_cannot_be_decoded_has_no_fallback() -> None:
    (batch,) = batches([item(1, syntax=MPEG)], 128, may_convert=True)
    assert contexts(batch) == [(CT, MPEG)]


def test_130_sop_classes_take_more_than_one_association_and_lose_nobody() -> None:
    items = [item(number, sop_class=uid) for number, uid in enumerate(list(STORAGE)[:130])]
    made = batches(items, 128, may_convert=True)
    assert [len(batch.proposals) for batch in made] == [128, 128, 4]
    assert [one for batch in made for one in batch.items] == items


def test_a_destination_that_does_not_negotiate_gets_one_batch() -> None:
    items = [item(number, sop_class=uid) for number, uid in enumerate(list(STORAGE)[:130])]
    assert len(batches(items, None, may_convert=True)) == 1


def test_more_transfer_syntaxes_than_an_association_holds_are_divided() -> None:
    items = [item(number, syntax=f"1.2.3.{number}") for number in range(300)]
    made = batches(items, 128, may_convert=True)
    assert [len(batch.proposals) for batch in made] == [126, 126, 48]
    assert [one for batch in made for one in batch.items] == items


def test_nothing_to_send_needs_no_association() -> None:
    assert batches([], 128, may_convert=True) == ()


@given(
    st.lists(st.tuples(st.sampled_from(list(STORAGE)), st.sampled_from(list(SYNTAXES))), max_size=300),
    st.integers(min_value=3, max_value=128),
    st.booleans(),
)
def test_every_instance_is_in_one_batch_that_proposes_its_context(
    kinds: list[tuple[str, str]], most: int, may_convert: bool
) -> None:
    items = [item(number, sop_class, syntax) for number, (sop_class, syntax) in enumerate(kinds)]
    made = batches(items, most, may_convert=may_convert)
    assert sorted(one.path for batch in made for one in batch.items) == sorted(one.path for one in items)
    for batch in made:
        assert len(set(batch.proposals)) == len(batch.proposals) <= most
        assert [one for one in items if one in set(batch.items)] == list(batch.items)
        for one in batch.items:
            assert (one.sop_class, one.transfer_syntax) in contexts(batch)


def test_an_instance_goes_as_it_is_wherever_the_peer_takes_it() -> None:
    assert route(J2K, frozenset({J2K, EXPLICIT_VR_LITTLE_ENDIAN}), may_convert=True).way is Way.AS_IS
    assert route(J2K, None, may_convert=False).way is Way.AS_IS


def test_an_instance_is_converted_only_when_it_must_and_may_be() -> None:
    takes = frozenset({IMPLICIT_VR_LITTLE_ENDIAN})
    converted = route(J2K, takes, may_convert=True)
    assert (converted.way, converted.transfer_syntax) == (Way.CONVERTED, IMPLICIT_VR_LITTLE_ENDIAN)
    assert route(J2K, takes, may_convert=False).way is Way.NOT_AT_ALL
    assert route(MPEG, takes, may_convert=True).way is Way.NOT_AT_ALL
    assert route(EXPLICIT_VR_LITTLE_ENDIAN, frozenset(), may_convert=True).way is Way.NOT_AT_ALL


def test_explicit_vr_is_preferred_to_implicit() -> None:
    takes = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN})
    assert route(J2K, takes, may_convert=True).transfer_syntax == EXPLICIT_VR_LITTLE_ENDIAN
