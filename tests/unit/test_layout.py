"""File IDs for shapes as they come, and for shapes that nobody would send."""

from __future__ import annotations

from collections import Counter

import pytest

from mediakit.fileset.file_id import is_reserved
from mediakit.fileset.layout import FOLDER_LIMIT, Shape, layout, levels, top_folder


def entries_per_folder(paths: list[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    nodes = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    return Counter(node[:-1] for node in nodes)


def test_a_small_set_has_five_components_in_plain_order() -> None:
    paths = [str(file_id) for file_id in layout(Shape([[[2], [1, 1]]], roots=1))]
    assert paths == [
        "DICOM/P0000001/S0000001/E0000001/I0000001",
        "DICOM/P0000001/S0000001/E0000001/I0000002",
        "DICOM/P0000001/S0000002/E0000001/I0000001",
        "DICOM/P0000001/S0000002/E0000002/I0000001",
        "DICOM/ROOT/R0000001",
    ]


def test_a_thousand_instances_stay_in_one_folder_and_one_more_divides_them() -> None:
    assert len({file_id.parts[:-1] for file_id in layout(Shape([[[1000]]]))}) == 1
    folders = Counter(file_id.parts[:-1] for file_id in layout(Shape([[[1001]]])))
    assert sorted(folders.values()) == [500, 501]


@pytest.mark.parametrize(
    "shape",
    [
        Shape([[[20_000]]]),
        Shape([[[1]]] * 20_000),
        Shape([[[1]] * 20_000]),
        Shape([[[1] * 20_000]]),
        Shape([[[1_001] * 30]] * 2, roots=1_001),
        Shape([[[1_001]] + [[1]] * 1_000] + [[[1]]] * 1_000),
        Shape([[[1_001] + [1] * 1_000] + [[1]] * 1_000]),
    ],
)
def test_large_shapes_have_folders_of_at_most_1000_entries_and_8_components(shape: Shape) -> None:
    paths = [file_id.parts for file_id in layout(shape)]
    assert paths == sorted(set(paths))
    assert max(map(len, paths)) <= 8
    assert max(entries_per_folder(paths).values()) <= FOLDER_LIMIT


def test_a_shape_that_wants_more_levels_than_there_are_fills_the_top_folder_instead() -> None:
    study = [1_001] + [1] * 1_000
    patient = [study] + [[1]] * 1_000
    paths = [file_id.parts for file_id in layout(Shape([patient] + [[[1]]] * 1_000))]
    assert paths == sorted(set(paths))
    assert max(map(len, paths)) == 8
    crowded = {folder for folder, count in entries_per_folder(paths).items() if count > FOLDER_LIMIT}
    assert crowded == {("DICOM",)}


def test_a_folder_level_more_for_every_factor_of_a_thousand() -> None:
    assert [levels(count) for count in (0, 1, 1000, 1001, 10**6, 10**6 + 1)] == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("reserved", "name"),
    [
        ((), "DICOM"),
        (("dicom",), "DICOM1"),
        (("DICOM", "Dicom1", "INDEX.HTM"), "DICOM2"),
        (("DICOMDIR",), "DICOM"),
    ],
)
def test_the_top_folder_avoids_names_that_are_taken(reserved: tuple[str, ...], name: str) -> None:
    assert top_folder(reserved) == name
    assert [file_id.parts[0] for file_id in layout(Shape([[[1]]]), reserved)] == [name]


def test_no_name_is_that_of_a_dos_device() -> None:
    assert not any(is_reserved(part) for file_id in layout(Shape([[[3]]], 2)) for part in file_id.parts)


def test_nothing_gives_nothing() -> None:
    assert list(layout(Shape(()))) == []
