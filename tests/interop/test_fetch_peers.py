"""Fetching from Orthanc and dcmqrscp by WADO-RS, C-GET and C-MOVE, as stored; what is missing is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.options import Options
from mediakit.destinations.registry import parse_address
from mediakit.errors import SourceError
from mediakit.fileset.selection import Selection
from mediakit.journeys.fetch import FetchOrder, fetch
from mediakit.outcome import Outcome, Result, State
from tests.support.network_peers import Listening, dcmqrscp, dicomweb_orthanc, free_port, orthanc
from tests.support.peers import need, run
from tests.support.studies import CT_FOLDER, CT_THIN, MR_FOLDER, SAMPLES

PATIENT = "MKS-0001"
pytestmark = pytest.mark.interop


def filled(scp: Listening) -> None:
    """Send the samples of the first patient, in the transfer syntaxes that they have."""
    need("dcmsend")
    run(
        "dcmsend",
        "--no-halt",
        "-aec",
        scp.ae_title,
        "+sd",
        "+r",
        "127.0.0.1",
        str(scp.port),
        str(SAMPLES / "mueller_joerg"),
    )


@pytest.fixture(scope="module")
def filled_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    folder = tmp_path_factory.mktemp("orthanc")
    with dicomweb_orthanc(folder, DicomAlwaysAllowGet=True) as scp:
        filled(scp)
        yield scp


@pytest.fixture(scope="module")
def filled_dcmqrscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with dcmqrscp(tmp_path_factory.mktemp("qrscp")) as scp:
        filled(scp)
        yield scp


def order(address: str, folder: Path, options: Options | None = None, **wanted: str) -> FetchOrder:
    return FetchOrder(
        address=parse_address(address),
        options=options or Options(),
        folder=folder,
        selection=Selection(**{name: frozenset({value}) for name, value in wanted.items()}),  # type: ignore[arg-type]
    )


def dimse(scp: Listening) -> str:
    return f"{scp.ae_title}@127.0.0.1:{scp.port}"


def data_sets(folder: Path) -> dict[str, bytes]:
    """Return the data sets of all files behind their file meta information, by SOP Instance UID."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and (raw := path.read_bytes())[128:132] == b"DICM":
            head = pydicom.dcmread(path, stop_before_pixels=True)
            at = 132 + 12 + int(head.file_meta.FileMetaInformationGroupLength)
            found[str(head.SOPInstanceUID)] = str(head.file_meta.TransferSyntaxUID).encode() + raw[at:]
    return found


def is_all(result: Result, folder: Path, archive: Path) -> None:
    """Check that every instance of the patient came, as the archive keeps it in its folder."""
    assert result.outcome is Outcome.GOOD, [finding.text for finding in result.report.findings]
    assert {fate.state for fate in result.fates} == {State.FETCHED}
    kept, came = data_sets(archive), data_sets(folder)
    assert came.keys() == kept.keys()
    assert len(came) == len(result.fates) > 15
    assert [uid for uid, data in came.items() if data != kept[uid]] == []


@pytest.mark.parametrize("way", ["C-GET", "WADO-RS"])
def test_orthanc_sends_a_patient_as_stored(way: str, filled_orthanc: Listening, tmp_path: Path) -> None:
    web = f"dicomweb+http://127.0.0.1:{filled_orthanc.http_port}/dicom-web"
    address = web if way == "WADO-RS" else dimse(filled_orthanc)
    result = fetch(order(address, tmp_path / "in", patients=PATIENT))
    is_all(result, tmp_path / "in", filled_orthanc.folder)
    assert result.figures["service"] == way
    again = fetch(order(address, tmp_path / "in", patients=PATIENT))
    assert {fate.state for fate in again.fates} == {State.ALREADY_THERE}


def test_dcmqrscp_sends_a_patient_as_stored(filled_dcmqrscp: Listening, tmp_path: Path) -> None:
    is_all(
        fetch(order(dimse(filled_dcmqrscp), tmp_path / "in", patients=PATIENT)),
        tmp_path / "in",
        filled_dcmqrscp.folder,
    )


def test_without_c_get_it_sends_by_c_move_to_our_port(tmp_path: Path) -> None:
    port = free_port()
    with dcmqrscp(tmp_path / "qr", "--disable-get", movers=[("MEDIAKIT", port)]) as scp:
        filled(scp)
        options = Options(commit_port=port, commit_host="127.0.0.1")
        result = fetch(order(dimse(scp), tmp_path / "in", options, patients=PATIENT))
    assert result.figures["service"] == "C-MOVE"
    assert result.outcome is Outcome.GOOD
    assert len(data_sets(tmp_path / "in")) == len(result.fates) > 15


def test_one_series_by_its_modality_and_a_study_by_its_accession_number(
    filled_dcmqrscp: Listening, tmp_path: Path
) -> None:
    wanted = order(dimse(filled_dcmqrscp), tmp_path / "in", accessions="MKA1001", modalities="CT")
    result = fetch(wanted)
    assert result.outcome is Outcome.GOOD
    sent = data_sets(CT_FOLDER).keys() | data_sets(CT_THIN).keys()
    assert data_sets(tmp_path / "in").keys() == sent & data_sets(filled_dcmqrscp.folder).keys()


def test_priors_are_the_newest_earlier_studies_of_the_patient(
    filled_dcmqrscp: Listening, tmp_path: Path
) -> None:
    newest = order(dimse(filled_dcmqrscp), tmp_path / "in", accessions="MKA1002")  # of three, by their dates
    fetch(replace(newest, priors=1))
    dates = {pydicom.dcmread(path).StudyDate for path in (tmp_path / "in").rglob("*.dcm")}
    assert dates == {"20240314", "20240312"}


def test_a_study_that_is_not_there_is_said(filled_orthanc: Listening, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing that matches"):
        fetch(order(dimse(filled_orthanc), tmp_path / "in", patients="MKS-*"))
    assert not (tmp_path / "in").exists()


def test_what_orthanc_lost_from_its_disk_is_missing_by_name(tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowGet=True, MaximumStorageCacheSize=0) as scp:
        run("dcmsend", "-aec", scp.ae_title, "+sd", "127.0.0.1", str(scp.port), str(MR_FOLDER))
        lost = _remove_an_attachment(scp, tmp_path / "orthanc" / "storage")
        result = fetch(order(dimse(scp), tmp_path / "in", patients="MKS-0003"))
    assert result.outcome is Outcome.PARTLY_STORED
    missing = [fate.sop_instance for fate in result.fates if fate.state is State.MISSING]
    assert missing == [lost], result
    assert len(data_sets(tmp_path / "in")) == len(result.fates) - 1


def _remove_an_attachment(scp: Listening, storage: Path) -> str:
    """Remove the file of one instance behind Orthanc's back; return its SOP Instance UID."""
    victim = next(path for path in sorted(storage.rglob("*")) if path.is_file() and _uid_of(path))
    uid = _uid_of(victim)
    victim.unlink()
    return uid


def _uid_of(path: Path) -> str:
    try:
        return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
    except (pydicom.errors.InvalidDicomError, AttributeError):
        return ""
