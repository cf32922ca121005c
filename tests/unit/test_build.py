"""The record tree: one record for each group and instance, in order, referencing the right file."""

from __future__ import annotations

import pytest

from mediakit.choices import Supply
from mediakit.dicom.instance import Instance
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.fileset.build import build
from mediakit.fileset.collate import collate
from mediakit.fileset.file_id import FileID
from mediakit.fileset.layout import layout, shape_of
from mediakit.fileset.record import Directory, Key
from mediakit.profile.model import IconRule, Profile
from tests.support.instances import CT, make_instance, make_profile

ICON = 0x00880200


def built(
    instances: list[Instance], profile: Profile | None = None, icons: dict[str, Key] | None = None
) -> Directory:
    chosen = profile or make_profile()
    collated = collate(instances, chosen, Supply.NONE)
    return build(collated, layout(shape_of(collated)), chosen, icons, "DISC", "2.25.1")


def icon_rule(*records: str) -> IconRule:
    return IconRule(
        records=records,
        required=True,
        rows=128,
        columns=128,
        bits_allocated=8,
        bits_stored=8,
        photometric=("MONOCHROME2",),
    )


def test_a_directory_has_a_record_for_each_level_and_instance() -> None:
    directory = built([make_instance("1.1"), make_instance("1.2", number=2)])
    assert (directory.file_set_id, directory.file_set_uid) == ("DISC", "2.25.1")
    assert [record.type for record in directory.walk()] == ["PATIENT", "STUDY", "SERIES", "IMAGE", "IMAGE"]


def test_only_leaves_reference_files() -> None:
    *groups, leaf = built([make_instance("1.1")]).walk()
    assert [record.reference for record in groups] == [None] * 3
    assert leaf.reference is not None
    assert str(leaf.reference.file_id) == "DICOM/P0000001/S0000001/E0000001/I0000001"
    assert (leaf.reference.sop_class, leaf.reference.sop_instance) == (CT, "1.1")
    assert leaf.reference.transfer_syntax == EXPLICIT_VR_LITTLE_ENDIAN
    assert leaf.reference.related_classes == ()


def test_related_general_classes_are_named() -> None:
    instance = make_instance(values={0x0008001A: b"1.2.3\\1.2.4\0"})
    *_, leaf = built([instance]).walk()
    assert leaf.reference is not None
    assert leaf.reference.related_classes == ("1.2.3", "1.2.4")


def test_icons_stand_in_the_records_that_the_profile_names() -> None:
    icons = {"1.1": Key(ICON, "SQ", b"leaf"), "1.2.3.4": Key(ICON, "SQ", b"series")}
    for records in (("IMAGE",), ("SERIES", "IMAGE"), ("SERIES",)):
        directory = built([make_instance("1.1")], make_profile(icon=icon_rule(*records)), icons)
        assert tuple(record.type for record in directory.walk() if record.key(ICON)) == records


def test_keys_stay_in_order_of_tag_with_an_icon_among_them() -> None:
    icons = {"1.1": Key(ICON, "SQ", b"leaf")}
    for record in built([make_instance("1.1")], None, icons).walk():
        tags = [key.tag for key in record.keys]
        assert tags == sorted(tags)


@pytest.mark.parametrize("count", [0, 2])
def test_each_instance_needs_its_own_file_id(count: int) -> None:
    collated = collate([make_instance()], make_profile(), Supply.NONE)
    file_ids = [FileID(f"A{number}") for number in range(count)]
    with pytest.raises(ValueError, match="than"):
        build(collated, file_ids, make_profile(), None, "", "2.25.1")
