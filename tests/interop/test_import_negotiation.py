"""What real SCPs do not take: private and unknown SOP Classes, transfer syntaxes, more contexts than one
association can have; and what a rehearsal says of it before anything is sent."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from pynetdicom import AllStoragePresentationContexts

from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer
from mediakit.dicom.uids import STORAGE
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from tests.support.cli import mediakit, process
from tests.support.dicom_bytes import element, encapsulated, identity, part10
from tests.support.embedded_scp import embedded_scp
from tests.support.importing import (
    ALL_PATIENTS,
    PATIENT,
    QUICK,
    check_ledger,
    data_set,
    folder_of_small,
    small,
    states_of,
    uid,
)
from tests.support.kept import is_same_image, kept_at_orthanc, kept_in
from tests.support.network_peers import Listening, free_port, orthanc, pynetdicom_scp, storescp
from tests.support.studies import PYDICOM_FILES, folder_of

pytestmark = pytest.mark.interop

PRIVATE = "1.2.826.0.1.3680043.2.1545.1.1"
VIDEO_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
MPEG_4 = "1.2.840.10008.1.2.4.102"
COMPRESSED = (
    "693_J2KI.dcm",  # lossy and lossless JPEG 2000, RLE, JPEG-LS, JPEG Lossless
    "MR_small_jp2klossless.dcm",
    "examples_jpeg2k.dcm",
    "SC_rgb_rle_2frame.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
)


def imported(port: int, title: str, source: Path, folder: Path, **changes: object) -> Imported:
    peer = Peer(called_ae=title, host="127.0.0.1", port=port, timeouts=PATIENT)
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL_PATIENTS, **changes})  # type: ignore[arg-type]  # each test passes its fields
    jobs = Jobs(folder / "jobs")
    done = import_medium(source, Target(destination=DimseDestination(peer)), jobs, order)
    check_ledger(done, jobs)
    return done


def into(scp: Listening, source: Path, folder: Path, **changes: object) -> Imported:
    return imported(scp.port, scp.ae_title, source, folder, **changes)


def medium_with_a_private_class(root: Path) -> Path:
    folder_of_small(root, 3)
    (root / "IM0001").write_bytes(small(1, sop_class=PRIVATE))
    return root


@pytest.mark.parametrize("associations", [1, 3])
def test_a_private_class_is_left_by_orthanc_and_the_rest_is_stored(associations: int, tmp_path: Path) -> None:
    medium = medium_with_a_private_class(tmp_path / "m")
    with orthanc(tmp_path / "orthanc") as scp:
        done = into(scp, medium, tmp_path, associations=associations)
        there = set(kept_at_orthanc(scp))
    assert done.result.outcome is Outcome.PARTLY_STORED
    assert states_of(done) == {
        uid(0): State.STORED,
        uid(1): State.NOT_NEGOTIATED,
        uid(2): State.STORED,
    }
    assert there == {uid(0), uid(2)}
    assert "MK-IMP-010" in done.result.report.by_rule()


def test_a_private_class_is_stored_where_it_is_allowed(tmp_path: Path) -> None:
    medium = medium_with_a_private_class(tmp_path / "m")
    with storescp(tmp_path / "in", "--promiscuous") as scp:
        done = into(scp, medium, tmp_path)
    assert done.result.outcome is Outcome.GOOD
    kept = kept_in(scp.folder)
    assert {key: one.data_set for key, one in kept.items()} == {
        uid(0): data_set(0),
        uid(1): data_set(1, sop_class=PRIVATE),
        uid(2): data_set(2),
    }


def test_an_scp_that_takes_none_of_the_classes_is_no_success(tmp_path: Path) -> None:
    medium = folder_of(tmp_path / "m", {f"IM{n}": small(n, sop_class=PRIVATE) for n in range(3)})
    with storescp(tmp_path / "in") as scp:
        peer = f"{scp.ae_title}@127.0.0.1:{scp.port}"
        said = process("import", medium, peer, "--state", tmp_path, "--json")
    assert said.code == 6
    assert Counter(one["state"] for one in said.document["instances"]) == {"not-negotiated": 3}
    assert list(scp.folder.iterdir()) == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a medium with one instance of each of 150 classes, and the digests of their data sets."""
    root = tmp_path_factory.mktemp("many") / "m"
    known = {str(one.abstract_syntax) for one in AllStoragePresentationContexts}
    classes = sorted(known & STORAGE.keys())[:150]
    files = {f"IM{n:03}": small(n, 200, sop_class) for n, sop_class in enumerate(classes)}
    digests = {
        uid(n): hashlib.sha256(data_set(n, 200, sop_class)).hexdigest() for n, sop_class in enumerate(classes)
    }
    return folder_of(root, dict(files)), digests


@pytest.mark.parametrize("associations", [1, 3])
def test_150_classes_go_over_several_associations(
    associations: int, many: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    medium, digests = many
    with pynetdicom_scp() as scp:
        done = imported(scp.port, scp.ae_title, medium, tmp_path, associations=associations)
        got = {one: hashlib.sha256(content).hexdigest() for one, _, content in scp.instances}
    assert done.result.outcome is Outcome.GOOD
    assert got == digests
    assert len(scp.instances) == 150


def test_150_classes_arrive_in_our_own_scp(many: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    medium, digests = many
    with embedded_scp(tmp_path / "in") as scp:
        done = imported(scp.address[1], "MEDIAKIT", medium, tmp_path)
        there = {key: instance.sop_class for key, (instance, _) in scp.instances().items()}
    assert done.result.outcome is Outcome.GOOD
    assert there.keys() == digests.keys()
    assert len(set(there.values())) == 150


@pytest.mark.parametrize("option", ["+xe", "+xi"])
def test_what_is_compressed_is_decoded_for_an_scp_that_takes_only_uncompressed(
    option: str, tmp_path: Path
) -> None:
    names = [name for name in COMPRESSED if (PYDICOM_FILES / name).exists()]
    assert len(names) > 3
    medium = folder_of(tmp_path / "m", {name: PYDICOM_FILES / name for name in names})
    with storescp(tmp_path / "in", option) as scp:
        done = into(scp, medium, tmp_path)
    assert done.result.outcome is Outcome.GOOD, done.result.counts()
    kept = kept_in(scp.folder)
    assert len(kept) == len(names)
    path_of = {row.item.sop_instance: medium / row.item.path for row in done.rows}
    for key, one in kept.items():
        assert is_same_image(one, path_of[key]), path_of[key].name
    sent_as = {row.sent_as for row in done.rows}
    assert sent_as == {"1.2.840.10008.1.2" if option == "+xi" else "1.2.840.10008.1.2.1"}
    converted = [one for one in done.result.report.findings if one.rule.id == "MK-CNV-001"]
    assert {Path(one.where.path).name for one in converted} == set(names)


def video(number: int) -> bytes:
    """Return an instance whose pixel data are a film."""
    content = identity(VIDEO_CLASS, uid(number)) + element(0x00100020, "LO", "PID000123")
    content += element(0x0020000D, "UI", "1.2.3.4") + element(0x0020000E, "UI", "1.2.3.4.5")
    content += encapsulated([b"\0\0\0\x20ftypisom" + bytes(500)])
    return part10(content, VIDEO_CLASS, uid(number), MPEG_4)


def test_a_film_cannot_be_converted_and_is_left(tmp_path: Path) -> None:
    medium = folder_of(tmp_path / "m", {"FILM": video(1), "CT": small(2)})
    with storescp(tmp_path / "in", "+xe") as scp:
        done = into(scp, medium, tmp_path)
    assert done.result.outcome is Outcome.PARTLY_STORED
    assert states_of(done) == {uid(1): State.NOT_NEGOTIATED, uid(2): State.STORED}


def test_a_film_goes_as_it_is_where_it_is_taken(tmp_path: Path) -> None:
    medium = folder_of(tmp_path / "m", {"FILM": video(1)})
    with storescp(tmp_path / "in") as scp:
        done = into(scp, medium, tmp_path)
    assert done.result.outcome is Outcome.GOOD
    (one,) = kept_in(scp.folder).values()
    assert (one.syntax, one.data_set) == (MPEG_4, video(1)[-len(one.data_set) :])


def test_nobody_at_the_address_is_no_association(tmp_path: Path) -> None:
    done = imported(free_port(), "NOBODY", folder_of_small(tmp_path / "m", 2), tmp_path)
    assert done.result.outcome is Outcome.NO_ASSOCIATION
    assert set(states_of(done).values()) == {State.UNSENT}


def _rehearsed(scp_of: AbstractContextManager[Listening], medium: Path, folder: Path) -> dict[str, str]:
    """Return by SOP Class what `--dry-run --probe` says, and see that nothing was sent or begun."""
    with scp_of as scp:
        peer = f"{scp.ae_title}@127.0.0.1:{scp.port}"
        said = mediakit("import", medium, peer, "--dry-run", "--probe", "--json", "--state", folder / "state")
        real = mediakit("import", medium, peer, "--json", "--state", folder / "state")
    document = said.document
    assert document["is_rehearsal"] is True
    assert not document["job"]
    # what it says is what happens then
    planned = Counter(
        "stored" if one["state"] == "planned" else one["state"] for one in document["instances"]
    )
    assert planned == Counter(one["state"] for one in real.document["instances"])
    assert said.code == real.code
    return {line["sop_class_uid"]: line["accepted"] for line in document["contexts"]}


def test_a_rehearsal_says_of_storescp_what_then_happens(tmp_path: Path) -> None:
    medium = medium_with_a_private_class(tmp_path / "m")
    (medium / "FILM").write_bytes(video(9))
    said = _rehearsed(storescp(tmp_path / "in", "+xi"), medium, tmp_path)
    assert said == {
        "1.2.840.10008.5.1.4.1.1.2": "would be converted to Implicit VR Little Endian",
        PRIVATE: "would not be taken",
        VIDEO_CLASS: "would not be taken",
    }


def test_a_rehearsal_says_of_orthanc_what_then_happens(tmp_path: Path) -> None:
    medium = medium_with_a_private_class(tmp_path / "m")
    said = _rehearsed(orthanc(tmp_path / "orthanc"), medium, tmp_path)
    assert said == {"1.2.840.10008.5.1.4.1.1.2": "as is", PRIVATE: "would not be taken"}
