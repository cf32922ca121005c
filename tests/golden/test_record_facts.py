"""The tables of `record_types` against the facts kept as CSV: a typing slip in one of them cannot hide."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mediakit.fileset.record_types import (
    CHILDREN,
    CURRENT_TYPES,
    HISTORICAL_TYPE_OF,
    KEYS,
    RECORD_TYPE_OF,
    ROOT_TYPES,
    KeyNeed,
)
from tests.support.each import each

FACTS = Path(__file__).parent / "record_facts"

NEED_OF_CONDITION = {
    "an extended or replacement character set is used in a key of this record": KeyNeed.CHARSET,
    "not listed in the table (2020); write it when needed all the same": KeyNeed.CHARSET,
    "Verification Flag is VERIFIED": KeyNeed.VERIFIED,
    "present in the instance": KeyNeed.PRESENT,
    "the IOD of the instance has the Presentation State Relationship Module": (
        KeyNeed.PRESENTATION_RELATIONSHIP
    ),
    "the IOD of the instance has the Waveform Presentation State Relationship Module": (
        KeyNeed.WAVEFORM_RELATIONSHIP
    ),
    "the document is an HL7 structured document": KeyNeed.HL7,
    "the instance has Blending Sequence": KeyNeed.BLENDING,
    "the root content item has HAS CONCEPT MOD children": KeyNeed.CONCEPT_MODS,
}
NEED_OF_TYPE_3 = {
    "IconImageSequence": KeyNeed.ICON,
    "DoseComment": KeyNeed.PRESENT,
    "ImplantTemplateGroupDescription": KeyNeed.PRESENT,
    "ContentCreatorName": KeyNeed.ALWAYS,  # empty when unknown: right whether it is Type 2 or 3
}


def rows(name: str) -> list[dict[str, str]]:
    with (FACTS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def need(row: dict[str, str]) -> KeyNeed:
    if row["condition"]:
        return NEED_OF_CONDITION[row["condition"]]
    return NEED_OF_TYPE_3[row["keyword"]] if row["type"] == "3" else KeyNeed.ALWAYS


def test_the_keys_of_every_type_are_those_of_the_facts() -> None:
    facts = {
        (
            row["record_type"],
            int(row["tag"].strip("()").replace(",", ""), 16),
            row["vr"],
            row["type"],
            need(row),
            f"PS3.3 Table {row['table']}",
            "not confirmed" in row["note"],
        )
        for row in rows("record_keys.csv")
    }
    tables = {
        (record_type, spec.tag, spec.vr, spec.type, spec.need, spec.ref, spec.unconfirmed)
        for record_type, specs in KEYS.items()
        for spec in specs
        if record_type != "PRIVATE"  # privately defined: not in the facts
    }
    assert tables == facts


@each("record_type", sorted(KEYS))
def test_the_keys_of_a_type_ascend_by_tag_without_repetition(record_type: str) -> None:
    tags = [spec.tag for spec in KEYS[record_type]]
    assert tags == sorted(set(tags))


@pytest.mark.parametrize(("retired", "table"), [("no", RECORD_TYPE_OF), ("yes", HISTORICAL_TYPE_OF)])
def test_every_sop_class_has_the_record_type_of_the_facts(retired: str, table: dict[str, str]) -> None:
    facts = {
        row["uid"]: row["record_type"]
        for row in rows("record_types.csv")
        if row["retired"] == retired and not row["record_type"].startswith("(")
    }
    assert dict(table) == facts


def test_classes_without_a_record_type_are_in_no_table() -> None:
    without = {row["uid"] for row in rows("record_types.csv") if row["record_type"].startswith("(")}
    assert len(without) > 10
    assert not without & (RECORD_TYPE_OF.keys() | HISTORICAL_TYPE_OF.keys())


def test_the_tree_of_types_is_that_of_the_facts() -> None:
    facts: dict[str, set[str]] = {}
    for row in rows("record_hierarchy.csv"):
        parent = "" if row["parent"] == "(root)" else row["parent"]
        facts.setdefault(parent, set()).update(CURRENT_TYPES if row["child"] == "(any)" else {row["child"]})
    assert {parent: set(children) for parent, children in CHILDREN.items()} == facts


def test_classes_of_the_root_have_the_types_of_the_root() -> None:
    at_root = {row["record_type"] for row in rows("record_types.csv") if row["level"] == "root"}
    assert at_root == ROOT_TYPES - {"PATIENT", "PRIVATE"}
