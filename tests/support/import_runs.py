"""Imports into scripted destinations, and what tests ask of their results."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pydicom

from mediakit.destinations.base import Destination
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import State
from mediakit.stages.import_order import ImportOrder, Patience
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from mediakit.transfer.patient_identity import Expectation, Mixed
from mediakit.transfer.proof import Prover
from tests.support.dicom_bytes import element, part10

ALL = Expectation(mixed=Mixed.ALLOW)
IMPLICIT = "1.2.840.10008.1.2"
QUICK = Patience(refusals=(0.0, 0.0), connections=(0.0, 0.0), grace_s=2.0)


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def run(
    source: Path,
    destination: Destination,
    jobs: Jobs,
    prover: Prover | None = None,
    **changes: object,
) -> Imported:
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL, **changes})  # type: ignore[arg-type]  # each test passes its fields
    return import_medium(source, Target(destination=destination, verify=prover, query=prover), jobs, order)


def states(imported: Imported) -> dict[str, State]:
    return {Path(fate.source).name: fate.state for fate in imported.result.fates}


def rules(imported: Imported) -> set[str]:
    return set(imported.result.report.by_rule())


def data_sets(folder: Path) -> Counter[str]:
    """Return the digests of the data sets below a folder, by pydicom's own account of where they begin."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                stream.seek(128)
                if stream.read(4) != b"DICM":
                    continue
                pydicom.filereader._read_file_meta_info(stream)
                found[hashlib.sha256(stream.read()).hexdigest()] += 1
    return found


def small_file(sop_class: str, number: int) -> bytes:
    """Return a whole small file of any SOP Class, without pixel data."""
    uid = f"1.2.826.0.1.{number}"
    elements = [
        element(0x00080016, "UI", sop_class),
        element(0x00080018, "UI", uid),
        element(0x00100010, "PN", "A^B"),
        element(0x00100020, "LO", "P1"),
        element(0x0020000D, "UI", "1.2.3"),
        element(0x0020000E, "UI", f"1.2.3.{number}"),
    ]
    return part10(b"".join(elements), sop_class, uid)
