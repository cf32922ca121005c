"""The list of all samples, and the files beside them that are no DICOM."""

from __future__ import annotations

from samples.makers import (
    angiography,
    capture,
    ct,
    documents,
    ecg,
    enhanced_mr,
    mr,
    overlays,
    radiotherapy,
    ultrasound,
    xray,
)
from samples.makers.identity import BEISPIEL
from samples.makers.writing import Sample

NOTES = {  # real folders hold such files too
    f"{BEISPIEL.folder}/notes.txt": b"All people and pictures in these studies are invented.\n"
}


def samples() -> list[Sample]:
    """Return every sample, in the order of their paths."""
    axial = ct.axial()
    head = mr.t1()
    files = [
        *ct.samples(axial),
        *documents.samples(axial),
        *overlays.samples(axial),
        *radiotherapy.samples(axial),
        *angiography.samples(),
        *xray.samples(),
        *ultrasound.samples(),
        *ecg.samples(),
        *mr.samples(head),
        *enhanced_mr.samples(head),
        *capture.samples(),
    ]
    return sorted(files, key=lambda sample: sample.path)
