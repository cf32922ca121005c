"""`--jobs auto` over a link with delay: real peers that take one association, and some that take many."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.destinations.dicomweb import DicomwebDestination
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome
from mediakit.stages.act.carrying import ALONE
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from tests.support.importing import ALL_PATIENTS, QUICK, check_ledger, digests, folder_of_small
from tests.support.kept import ids_at_orthanc, kept_in
from tests.support.network_peers import dcmqrscp, delayed, dicomweb_orthanc, storescp

pytestmark = pytest.mark.interop
COUNT, PIXELS = 60, 400
UIDS = digests(COUNT, PIXELS).keys()


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT, PIXELS)


def imported_to(destination: DimseDestination | DicomwebDestination, medium: Path, jobs: Path) -> Imported:
    """Import by `--jobs auto`, all to be well."""
    order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
    done = import_medium(medium, Target(destination=destination), Jobs(jobs), order)
    assert done.result.outcome is Outcome.GOOD
    check_ledger(done, Jobs(jobs))
    return done


def associations_to(destination: DimseDestination | DicomwebDestination, medium: Path, jobs: Path) -> object:
    """Import by `--jobs auto`, all to be well; return how many associations were open at once."""
    return imported_to(destination, medium, jobs).result.figures["associations"]


def at(ae_title: str, port: int) -> DimseDestination:
    return DimseDestination(Peer(called_ae=ae_title, host="127.0.0.1", port=port))


def test_dcmqrscp_gets_all_over_one_association_though_it_takes_many(medium: Path, tmp_path: Path) -> None:
    """Over many it gives two of them one file name now and then, and says success (docs/limits.md)."""
    for most in (1, 16):
        with dcmqrscp(tmp_path / f"{most}", most_associations=most) as scp, delayed(scp.port) as port:
            done = imported_to(at(scp.ae_title, port), medium, tmp_path / f"jobs{most}")
        assert done.result.figures["associations"] == 1
        assert [each.rule for each in done.result.report.findings].count(ALONE) == 1
        assert kept_in(scp.folder).keys() == UIDS


def test_dcmqrscp_gets_as_many_associations_as_are_ordered(medium: Path, tmp_path: Path) -> None:
    with dcmqrscp(tmp_path / "qr") as scp:
        order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS, associations=2)
        target = Target(destination=at(scp.ae_title, scp.port))
        done = import_medium(medium, target, Jobs(tmp_path / "jobs"), order)
    assert done.result.figures["associations"] == 2
    assert ALONE not in {each.rule for each in done.result.report.findings}
    assert kept_in(scp.folder).keys() <= UIDS


def test_storescp_that_lets_a_second_association_wait_gets_all(medium: Path, tmp_path: Path) -> None:
    """It accepts the connection, and the association when the first one has ended."""
    cured = {"TCP_NODELAY": "1"}
    with storescp(tmp_path / "got", env=cured) as scp, delayed(scp.port) as port:
        assert associations_to(at(scp.ae_title, port), medium, tmp_path / "jobs") == 1
    assert kept_in(scp.folder).keys() == UIDS


def test_orthanc_gets_all_over_dicom_and_over_dicomweb(medium: Path, tmp_path: Path) -> None:
    with dicomweb_orthanc(tmp_path / "orthanc", DicomThreadsCount=1, OverwriteInstances=False) as scp:
        for kind, there in (("dicom", scp.port), ("web", scp.http_port)):
            with delayed(there) as port:
                web = DicomwebAddress(url=f"http://127.0.0.1:{port}/dicom-web")
                to = at(scp.ae_title, port) if kind == "dicom" else DicomwebDestination(web)
                assert 2 <= associations_to(to, medium, tmp_path / kind) <= 16  # type: ignore[operator]
            assert ids_at_orthanc(scp).keys() == UIDS
