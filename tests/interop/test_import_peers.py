"""All samples and pydicom's test files to real SCPs: what is there then is what is on the medium."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from tests.support.importing import ALL_PATIENTS, PATIENT, QUICK, check_ledger
from tests.support.kept import (
    Kept,
    is_same_data_set,
    is_same_image,
    kept_at_orthanc,
    kept_by_pynetdicom,
    kept_in,
)
from tests.support.network_peers import dcmqrscp, orthanc, pynetdicom_scp, storescp
from tests.support.pydicom_media import UNREADABLE, PydicomMedia, pydicom_media, uid_of
from tests.support.studies import SAMPLES, burnt_to

pytestmark = pytest.mark.interop


@dataclass(frozen=True, kw_only=True)
class Scp:
    """A running SCP, and how to learn what it has. `is_exact`: it keeps data sets byte for byte."""

    port: int
    ae_title: str
    kept: Callable[[], Mapping[str, Kept]]
    is_exact: bool


@contextmanager
def _storescp(folder: Path) -> Iterator[Scp]:
    with storescp(folder) as scp:
        yield Scp(port=scp.port, ae_title=scp.ae_title, kept=lambda: kept_in(scp.folder), is_exact=True)


@contextmanager
def _dcmqrscp(folder: Path) -> Iterator[Scp]:
    with dcmqrscp(folder) as scp:
        yield Scp(port=scp.port, ae_title=scp.ae_title, kept=lambda: kept_in(scp.folder), is_exact=False)


@contextmanager
def _orthanc(folder: Path) -> Iterator[Scp]:
    with orthanc(folder) as scp:
        yield Scp(port=scp.port, ae_title=scp.ae_title, kept=lambda: kept_at_orthanc(scp), is_exact=False)


@contextmanager
def _pynetdicom(_: Path) -> Iterator[Scp]:
    with pynetdicom_scp() as scp:
        yield Scp(port=scp.port, ae_title=scp.ae_title, kept=lambda: kept_by_pynetdicom(scp), is_exact=True)


PEERS = {"storescp": _storescp, "dcmqrscp": _dcmqrscp, "orthanc": _orthanc, "pynetdicom": _pynetdicom}
#: dcmqrscp answers C000 now and then when two of its processes store at once.
SIDE_BY_SIDE = [("storescp", 3), ("orthanc", 3), ("pynetdicom", 3)]
#: What a peer does not take of pydicom's files, or cannot be converted for it.
FAILED: Mapping[str, frozenset[str]] = {
    "storescp": frozenset(),
    "dcmqrscp": frozenset(
        {  # two of odd length, and one whose code stream is larger than its header says
            "rtdose_rle.dcm",
            "rtdose_rle_1frame.dcm",
            "JPEG2000-embedded-sequence-delimiter.dcm",
        }
    ),
    "orthanc": frozenset({"rtdose_rle.dcm", "rtdose_rle_1frame.dcm"}),
    "pynetdicom": frozenset(),
}


@pytest.fixture(scope="module")
def disc(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the image of a disc, and a folder with the same files."""
    root = tmp_path_factory.mktemp("disc")
    burnt_to(root / "disc.iso", SAMPLES)
    burnt_to(root / "disc", SAMPLES)
    return root / "disc.iso", root / "disc"


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> PydicomMedia:
    return pydicom_media(tmp_path_factory.mktemp("foreign"))


def imported(scp: Scp, source: Path, jobs: Jobs, **changes: object) -> Imported:
    peer = Peer(called_ae=scp.ae_title, host="127.0.0.1", port=scp.port, timeouts=PATIENT)
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL_PATIENTS, **changes})  # type: ignore[arg-type]  # each test passes its fields
    done = import_medium(source, Target(destination=DimseDestination(peer)), jobs, order)
    if done.job:
        check_ledger(done, jobs)
    return done


def check_kept(scp: Scp, kept: Mapping[str, Kept], source: Path) -> None:
    one = kept[uid_of(source)]
    if scp.is_exact:
        assert is_same_data_set(one, source), source.name
    else:
        assert is_same_image(one, source), source.name


@pytest.mark.parametrize(("name", "associations"), [*((name, 1) for name in PEERS), *SIDE_BY_SIDE])
def test_all_samples_of_a_disc_arrive(
    name: str, associations: int, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    image, folder = disc
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "DICOMDIR"]
    with PEERS[name](tmp_path / "peer") as scp:
        done = imported(scp, image, Jobs(tmp_path / "jobs"), associations=associations)
        kept = scp.kept()
    assert done.result.outcome is Outcome.GOOD
    assert done.result.counts() == {State.STORED: 40, State.EXCLUDED: 1}
    assert kept.keys() == {row.item.sop_instance for row in done.rows}
    assert len(files) == len(kept) == 40
    for path in files:
        check_kept(scp, kept, path)


@pytest.mark.parametrize("name", PEERS)
def test_pydicoms_files_arrive_or_are_told_why_not(name: str, foreign: PydicomMedia, tmp_path: Path) -> None:
    taken = 0
    with PEERS[name](tmp_path / "peer") as scp:
        for number, medium in enumerate(foreign.media):
            done = imported(scp, medium, Jobs(tmp_path / str(number)))
            kept = scp.kept()
            states = {Path(fate.source).name: fate for fate in done.result.fates}
            names = {path.name for path in medium.iterdir()}
            bad, failed = names & UNREADABLE, names & FAILED[name]
            assert states.keys() == names
            for path in sorted(medium.iterdir()):
                fate = states[path.name]
                if path.name in bad | failed:
                    assert fate.state is (State.UNREADABLE if path.name in bad else State.FAILED), path.name
                    assert fate.because is not None
                else:
                    assert fate.state is State.STORED, path.name
                    check_kept(scp, kept, path)
                    taken += 1
            wanted = (
                Outcome.SOURCE if names == bad else Outcome.PARTLY_STORED if bad | failed else Outcome.GOOD
            )
            assert done.result.outcome is wanted
    assert taken > 45


def test_instances_without_a_patient_id_are_withheld(foreign: PydicomMedia, tmp_path: Path) -> None:
    with _pynetdicom(tmp_path) as scp:
        done = imported(scp, foreign.without_id, Jobs(tmp_path / "jobs"))
        assert not scp.kept()
    assert done.result.outcome is Outcome.IDENTITY
    assert done.result.counts()[State.WITHHELD] > 10
    assert "MK-IDN-005" in done.result.report.by_rule()
