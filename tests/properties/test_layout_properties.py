"""File IDs are legal, unique, in order and well spread, whatever the shape."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediakit.fileset import layout as layout_module
from mediakit.fileset.file_id import is_reserved
from mediakit.fileset.layout import Shape, layout, levels

SMALL_LIMIT = 3

counts = st.integers(1, 40)
studies = st.lists(counts, min_size=1, max_size=12)
patients = st.lists(studies, min_size=1, max_size=12)
shapes = st.builds(Shape, st.lists(patients, max_size=12), st.integers(0, 60))


@pytest.fixture(autouse=True)
def small_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let folders hold three entries, so that every number of levels is met with few instances."""
    monkeypatch.setattr(layout_module, "FOLDER_LIMIT", SMALL_LIMIT)


def levels_wanted(shape: Shape) -> int:
    """Return the most levels between folders that one path of this shape would need."""
    below = [
        levels(len(patient)) + max(levels(len(study)) + max(map(levels, study)) for study in patient)
        for patient in shape.patients
    ]
    return max([levels(len(shape.patients)) + max(below, default=0), levels(shape.roots)])


def entries_per_folder(paths: list[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    nodes = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    return Counter(node[:-1] for node in nodes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes, st.sets(st.sampled_from(["DICOM", "dicom1", "README"])))
def test_file_ids_are_legal_unique_and_in_the_order_of_the_directory(
    shape: Shape, reserved: set[str]
) -> None:
    paths = [file_id.parts for file_id in layout(shape, reserved)]
    instances = sum(sum(study) for patient in shape.patients for study in patient)
    assert len(paths) == instances + shape.roots
    assert paths == sorted(set(paths))
    assert ["/".join(path) for path in paths] == sorted("/".join(path) for path in paths)
    assert all(len(path) <= 8 for path in paths)
    assert not any(is_reserved(part) for path in paths for part in path)
    assert len({path[0] for path in paths}) <= 1
    assert not {path[0] for path in paths} & {name.upper() for name in reserved}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes)
def test_no_folder_is_crowded_while_there_are_levels_left(shape: Shape) -> None:
    paths = [file_id.parts for file_id in layout(shape)]
    if levels_wanted(shape) <= 3 and paths:
        assert max(entries_per_folder(paths).values()) <= SMALL_LIMIT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 27))
def test_folders_between_are_of_even_size(count: int) -> None:
    paths = [file_id.parts for file_id in layout(Shape([[[count]]]))]
    parents = Counter(path[:-1] for path in paths)
    assert max(parents.values()) - min(parents.values()) <= max(parents.values()) - 1
    assert len(parents) <= -(-count // SMALL_LIMIT) + levels(count)
