"""Proof of storage by real archives after an import, and what is said of an instance that they have lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.dicom_address import DicomAddress
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.options import Options
from mediakit.events import Event, PhaseStarted
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import target_at
from mediakit.transfer.imported import Imported
from mediakit.transfer.proof import Verify
from tests.support.cli import Said, mediakit
from tests.support.importing import ALL_PATIENTS, PATIENT, QUICK, check_ledger, states_of
from tests.support.kept import asked, ids_at_orthanc
from tests.support.network_peers import Listening, dcmqrscp, dicomweb_orthanc, free_port
from tests.support.studies import CT_FOLDER, burnt_to, when

pytestmark = pytest.mark.interop

LOCAL_AE = "MEDIAKIT"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An Orthanc that is used by all tests here, one after the other; `commit_port` is where it calls us."""

    scp: Listening
    commit_port: int

    def clear(self) -> None:
        for identifier in ids_at_orthanc(self.scp).values():
            asked(self.scp, f"/instances/{identifier}", "DELETE")

    def lose(self, uid: str) -> None:
        asked(self.scp, f"/instances/{ids_at_orthanc(self.scp)[uid]}", "DELETE")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    port = free_port()
    with dicomweb_orthanc(
        tmp_path_factory.mktemp("orthanc"),
        DicomModalities={"mediakit": [LOCAL_AE, "127.0.0.1", port]},
        StorageCommitmentReportsSize=100,
    ) as scp:
        yield Archive(scp=scp, commit_port=port)


@pytest.fixture
def archive(running: Archive) -> Archive:
    running.clear()
    return running


@pytest.fixture(scope="module")
def disc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("disc") / "disc.iso"
    burnt_to(image, CT_FOLDER)
    return image


UIDS = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in CT_FOLDER.iterdir()}
LOST = min(UIDS)


def said_of(url: str, disc: Path, folder: Path, verify: str, *lines: str) -> Said:
    """Import by the command line, with proof."""
    config = folder / "mediakit.toml"
    config.write_text("\n".join(["[destinations.archive]", f'url = "{url}"', *lines]) + "\n")
    options: list[str | Path] = ["--config", config, "--state", folder / "state", "--json"]
    return mediakit("import", disc, "archive", "--verify", verify, *options)


def states(said: Said) -> Counter[str]:
    return Counter(one["state"] for one in said.document["instances"])


def place(scp: Listening) -> str:
    return f"{scp.ae_title}@127.0.0.1:{scp.port}"


def test_a_query_at_dcmqrscp_proves_all(disc: Path, tmp_path: Path) -> None:
    with dcmqrscp(tmp_path / "qr") as scp:
        said = said_of(place(scp), disc, tmp_path, "query")
    assert said.code == 0, said.err
    assert states(said) == {"committed": len(UIDS)}
    assert said.document["verified"] == "query"


def test_a_query_at_orthanc_proves_all(archive: Archive, disc: Path, tmp_path: Path) -> None:
    said = said_of(place(archive.scp), disc, tmp_path, "query")
    assert said.code == 0, said.err
    assert states(said) == {"committed": len(UIDS)}


def test_storage_commitment_by_orthanc_proves_all(archive: Archive, disc: Path, tmp_path: Path) -> None:
    port = f"commit-port = {archive.commit_port}"
    said = said_of(place(archive.scp), disc, tmp_path, "commit", port, 'commit-host = "127.0.0.1"')
    assert said.code == 0, said.err
    assert states(said) == {"committed": len(UIDS)}
    assert said.document["verified"] == "commit"


def test_over_dicomweb_all_arrive_and_a_search_proves_it(
    archive: Archive, disc: Path, tmp_path: Path
) -> None:
    url = f"dicomweb+http://127.0.0.1:{archive.scp.http_port}/dicom-web"
    said = said_of(url, disc, tmp_path, "query")
    assert said.code == 0, said.err
    assert states(said) == {"committed": len(UIDS)}
    assert ids_at_orthanc(archive.scp).keys() == UIDS


def test_an_scp_without_the_service_leaves_all_unconfirmed(disc: Path, tmp_path: Path) -> None:
    with dcmqrscp(tmp_path / "qr") as scp:
        said = said_of(place(scp), disc, tmp_path, "commit")
    assert said.code == 8
    assert states(said) == {"unconfirmed": len(UIDS)}


def imported(
    address: DicomAddress | DicomwebAddress,
    options: Options,
    verify: Verify,
    disc: Path,
    folder: Path,
    act: Callable[[], object],
    **changes: object,
) -> Imported:
    """Import with proof, and act when everything is sent and nothing is proven."""

    def is_about_to_prove(event: Event) -> bool:
        return isinstance(event, PhaseStarted) and event.phase == "prove"

    target = target_at(address, options, verify)
    order = ImportOrder(
        **{"patience": QUICK, "expectation": ALL_PATIENTS, "verify": verify, **changes}  # type: ignore[arg-type]
    )
    jobs = Jobs(folder / "jobs")
    done = import_medium(disc, target, jobs, order, when(is_about_to_prove, act))
    check_ledger(done, jobs)
    return done


def _network(archive: Archive) -> DicomAddress:
    return DicomAddress(called_ae=archive.scp.ae_title, host="127.0.0.1", port=archive.scp.port)


def _web(archive: Archive) -> DicomwebAddress:
    return DicomwebAddress(url=f"http://127.0.0.1:{archive.scp.http_port}/dicom-web")


@pytest.mark.parametrize(
    ("address", "verify"),
    [(_network, Verify.QUERY), (_network, Verify.COMMIT), (_web, Verify.QUERY)],
    ids=["query", "commit", "dicomweb"],
)
def test_an_instance_that_is_lost_after_it_was_stored_is_found_out_and_brought_again(
    address: Callable[[Archive], DicomAddress | DicomwebAddress],
    verify: Verify,
    archive: Archive,
    disc: Path,
    tmp_path: Path,
) -> None:
    to = address(archive)
    options = Options(timeouts=PATIENT)
    if verify is Verify.COMMIT:
        options = Options(timeouts=PATIENT, commit_port=archive.commit_port, commit_host="127.0.0.1")
    first = imported(to, options, verify, disc, tmp_path, lambda: archive.lose(LOST))
    assert first.result.outcome is Outcome.INTEGRITY
    assert states_of(first) == {uid: State.UNCONFIRMED if uid == LOST else State.COMMITTED for uid in UIDS}
    assert "MK-IMP-021" in first.result.report.by_rule()
    again = imported(to, options, verify, disc, tmp_path, lambda: None, job=first.job, retry=True)
    assert again.result.outcome is Outcome.GOOD
    assert set(states_of(again).values()) == {State.COMMITTED}
    assert ids_at_orthanc(archive.scp).keys() == UIDS


def test_what_orthanc_has_already_is_not_sent_when_it_is_asked_first(
    archive: Archive, disc: Path, tmp_path: Path
) -> None:
    first = mediakit("import", disc, place(archive.scp), "--state", tmp_path / "one", "--json")
    assert first.code == 0
    archive.lose(LOST)
    options: list[str | Path] = ["--state", tmp_path / "two", "--json", "--ask-first"]
    second = mediakit("import", disc, place(archive.scp), *options)
    assert second.code == 0
    assert states(second) == {"already-there": len(UIDS) - 1, "stored": 1}
    assert second.document["figures"]["sent"] == 1
