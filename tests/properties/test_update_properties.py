"""Any row of updates: what stays keeps its bytes, every record leads to its file, the medium conforms."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pydicom
from hypothesis import given, settings
from hypothesis import strategies as st

from mediakit.outcome import Outcome
from tests.journeys.test_update import uid_of
from tests.support.studies import CR, CT_1, CT_2, CT_3, CT_THIN, MR_FOLDER, burnt_to, files_in
from tests.support.updating import (
    assert_holds,
    assert_sound,
    content_of,
    directory_of,
    kept_but,
    records_of,
    survey_of,
    updated,
)

POOL = [CT_1, CT_2, CT_3, CR, *files_in(CT_THIN)[:2], *files_in(MR_FOLDER)[:2]]
UIDS = {path: uid_of(path) for path in POOL}
WAYS = ("folder", "image", "session")


def instances_on(medium: Path) -> set[str]:
    return {link.reference.sop_instance for link in survey_of(medium).links}


@settings(max_examples=10)
@given(way=st.sampled_from(WAYS), seed=st.integers(0, 2**32))
def test_any_row_of_updates_keeps_what_stays(way: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    root = Path(tempfile.mkdtemp())
    try:
        medium = root / ("m" if way == "folder" else "m.iso")
        burnt_to(medium, POOL[0], POOL[1])
        on_it = {UIDS[POOL[0]], UIDS[POOL[1]]}
        for _ in range(chance.randint(1, 4)):
            add = chance.sample(POOL, chance.randint(0, 3))
            remove = set(chance.sample(sorted(on_it), chance.randint(0, len(on_it) - 1)))
            if not add and not remove:
                continue
            before, old, uid = content_of(medium), records_of(directory_of(medium)), file_set_uid(medium)
            paths = {one.reference.sop_instance: one.file.path for one in survey_of(medium).links if one.file}
            done = updated(
                medium, *add, instances=remove, all_patients=True, session=way == "session", state=root
            )
            assert done.result.outcome is Outcome.GOOD
            on_it = on_it - remove | {UIDS[path] for path in add}
            assert instances_on(medium) == on_it
            assert_holds(content_of(medium), kept_but(before, (paths[one] for one in remove)))
            assert remove or old <= records_of(directory_of(medium))
            assert file_set_uid(medium) == uid
            assert_sound(medium)
    finally:
        shutil.rmtree(root)


def file_set_uid(medium: Path) -> str:
    survey = survey_of(medium)
    assert survey.directory is not None
    return survey.directory.file_set_uid


def test_the_pool_has_several_patients_studies_and_series() -> None:
    read = [pydicom.dcmread(path, stop_before_pixels=True) for path in POOL]
    assert len({one.PatientID for one in read}) > 1
    assert len({one.SeriesInstanceUID for one in read}) > 2
