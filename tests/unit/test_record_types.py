"""What the tables of record types promise to the modules that use them."""

from __future__ import annotations

from mediakit.fileset.record_types import (
    CHILDREN,
    CURRENT_TYPES,
    HISTORICAL_TYPE_OF,
    KEYS,
    RECORD_TYPE_OF,
    RETIRED_TYPES,
    ROOT_TYPES,
    KeyNeed,
)


def test_there_are_35_current_and_16_retired_types_and_none_is_both() -> None:
    assert len(CURRENT_TYPES) == 35
    assert len(RETIRED_TYPES) == 16
    assert not CURRENT_TYPES & RETIRED_TYPES


def test_current_classes_get_current_types_and_retired_classes_known_ones() -> None:
    assert set(RECORD_TYPE_OF.values()) <= CURRENT_TYPES - {"PATIENT", "STUDY", "SERIES", "PRIVATE"}
    assert set(HISTORICAL_TYPE_OF.values()) <= CURRENT_TYPES | RETIRED_TYPES
    assert not RECORD_TYPE_OF.keys() & HISTORICAL_TYPE_OF.keys()


def test_every_type_can_be_reached_from_the_root() -> None:
    reached, waiting = set(ROOT_TYPES), list(ROOT_TYPES)
    while waiting:
        new = CHILDREN[waiting.pop()] - reached - {"PRIVATE"}
        reached |= new
        waiting += new
    assert reached == CURRENT_TYPES


def test_surface_scan_stands_below_series_though_the_standard_forgot_to_print_it() -> None:
    assert "SURFACE SCAN" in CHILDREN["SERIES"]


def test_every_type_may_name_its_character_set() -> None:
    assert all(specs[0].need is KeyNeed.CHARSET for specs in KEYS.values())


def test_only_the_uncertain_types_of_content_creator_are_marked() -> None:
    marked = {(t, spec.tag) for t, specs in KEYS.items() for spec in specs if spec.unconfirmed}
    assert marked == {("ANNOTATION", 0x00700084), ("WF PRESENTATION", 0x00700084)}
