"""What `burn --viewer` writes, in a real browser: samples and images of pydicom against pydicom and numpy."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediakit.choices import ForPeople, Viewer
from mediakit.outcome import Outcome
from tests.journeys.test_update import uid_of
from tests.support.browser import Page
from tests.support.studies import CR, CT_1, CT_2, CT_3, MR, PYDICOM_FILES, SAMPLES, burnt_to, files_in
from tests.support.updating import updated
from tests.support.viewer import encoded_alone, shown_by_pydicom
from tests.support.viewer_discs import Disc

pytestmark = pytest.mark.interop

_ALL_FRAMES = """(async () => { const out = [];
  for (const study of viewer.disc.patients.flatMap((one) => one.studies)) for (const series of study.series) {
    if (series.kind !== "image") continue;
    await viewer.readSeries(series);
    for (const frame of series.frames) {
      const { values } = await viewer.decode(frame);
      const hash = values ? new Uint8Array(await crypto.subtle.digest("SHA-256", values)) : [];
      out.push([frame.file, frame.n, [...hash].map((b) => b.toString(16).padStart(2, "0")).join("")]); } }
  return out; })()"""


def digest(values: np.ndarray[Any, Any]) -> str:
    planes = values if values.ndim == 2 else np.moveaxis(values, 2, 0)
    planes = planes.astype(planes.dtype.newbyteorder("<"))
    return hashlib.sha256(np.ascontiguousarray(planes).tobytes()).hexdigest()


def test_every_frame_of_the_samples_is_decoded_as_pydicom_does(tab: Page, tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    burnt = burnt_to(disc, SAMPLES, all_patients=True, people=ForPeople(viewer=Viewer.FULL))
    assert burnt.result.outcome is Outcome.GOOD
    tab.open(disc / "VIEWER" / "VIEWER.HTM")
    tab.until("document.querySelectorAll('#choose button').length === 3")
    found = [one for one in tab.eval(_ALL_FRAMES) if one[2]]
    peers = {file: shown_by_pydicom(disc / file) for file in {one[0] for one in found}}
    wrong = [one[:2] for one in found if digest(peers[one[0]][one[1] - 1]) != one[2]]  # type: ignore[index]
    assert wrong == []
    assert len(found) > 30
    counts = tab.eval("viewer.disc.counts")
    listed = "viewer.disc.patients.flatMap((one) => one.studies)"
    assert tab.eval(f"{listed}.reduce((sum, study) => sum + study.instances, 0)") == counts["instances"]
    assert tab.eval(f"{listed}.reduce((sum, study) => sum + study.count, 0)") == counts["series"]
    for number in range(3):
        tab.eval(f"document.querySelectorAll('#choose button')[{number}].click()")
        for row in range(tab.eval("document.querySelectorAll('#list .row').length")):
            tab.eval(f"document.querySelectorAll('#list .row')[{row}].click()")
            tab.until("viewer.active.decoded || viewer.active.doc.childElementCount > 1")
        tab.eval("document.getElementById('patients').click()")
    assert tab.log == []
    assert tab.eval("document.getElementById('problems').innerText") == ""


def test_every_image_of_pydicom_is_decoded_as_pydicom_does(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    peers = []
    for file in files_in(PYDICOM_FILES.parent):
        if file.stat().st_size > 600_000:
            continue
        made, data = encoded_alone(file)
        peer = shown_by_pydicom(file) if made.frames else None
        kept = [one for one in made.frames if one.blob is not None and one.row["type"] != "jpeg"]
        if peer is None or not kept:
            continue
        blobs = [data[one.blob.begin : one.blob.begin + one.blob.stored] for one in kept if one.blob]
        disc.encoded([one.row for one in kept], blobs)
        peers += [(file.name, digest(peer[index])) for index in range(len(kept))]
    tab.open(disc.finish())
    tab.until("Boolean(window.viewer?.disc)")
    found = [one[2] for one in tab.eval(_ALL_FRAMES)]
    assert [name for (name, want), got in zip(peers, found, strict=True) if want != got] == []
    assert len(found) > 60


def test_the_page_of_an_updated_disc_shows_the_updated_set(tab: Page, tmp_path: Path) -> None:
    disc, state = tmp_path / "disc", tmp_path / "state"
    burnt_to(disc, CT_1, CT_2, MR, people=ForPeople(viewer=Viewer.FULL))
    done = updated(disc, CT_3, CR, instances=[uid_of(MR)], all_patients=True, state=state)
    assert done.result.outcome is Outcome.GOOD
    tab.open(disc / "VIEWER" / "VIEWER.HTM")
    tab.until("Boolean(window.viewer?.disc)")
    found = [one for one in tab.eval(_ALL_FRAMES) if one[2]]
    wanted = {file: digest(shown_by_pydicom(disc / file)[0]) for file, *_ in found}  # type: ignore[index]
    assert {file: value for file, _, value in found} == wanted
    counts = tab.eval("viewer.disc.counts")
    assert (counts["instances"], counts["patients"], len(found)) == (4, 1, 4)
    assert tab.log == []
