"""What every destination promises, over the registry."""

from __future__ import annotations

import hashlib
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediakit.destinations.address import Address
from mediakit.destinations.base import Context, Destination, Session, Unreachable
from mediakit.destinations.dicom_address import DicomAddress
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.folder import FolderAddress
from mediakit.destinations.registry import GROUP, KINDS, destination_of, parse_address
from mediakit.errors import SourceError
from mediakit.transfer.outgoing import StatusClass
from tests.support.fault_http import serving
from tests.support.fault_scp import FaultScp
from tests.support.payloads import Ready, ready
from tests.support.plugins import plugin_folder
from tests.support.studies import CT_1, CT_2, CT_3, MR
from tests.support.zip_destination import ZipAddress

INSTANCES = tuple(ready(path) for path in (CT_1, CT_2, CT_3, MR))
CONTEXTS = tuple(
    Context(*pair) for pair in {(one.item.sop_class, (one.item.transfer_syntax,)): None for one in INSTANCES}
)


@dataclass(frozen=True)
class Place:
    """A running destination: its address, and the hashes of the data sets it holds, each as often as held."""

    address: Address
    held: Callable[[], list[str]]

    @property
    def destination(self) -> Destination:
        return destination_of(self.address)


@contextmanager
def _folder(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "in"

    def held() -> list[str]:
        files = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
        return sorted(_of_file(content) for content in files)

    yield Place(FolderAddress(path=root), held)


@contextmanager
def _dicomweb(_: Path) -> Iterator[Place]:
    with serving() as server:
        address = DicomwebAddress(url=f"http://{server.address}/dicom-web")
        yield Place(address, lambda: sorted(map(_of_file, server.stored.values())))


@contextmanager
def _dimse(_: Path) -> Iterator[Place]:
    with FaultScp() as scp:
        address = DicomAddress(called_ae="FAULTY", host="127.0.0.1", port=scp.port)
        yield Place(address, lambda: sorted({one.uid: one.sha256 for one in scp.received}.values()))


@contextmanager
def _plugin(tmp_path: Path) -> Iterator[Place]:
    """A kind that the package does not know, as an entry point brings it."""
    site = str(plugin_folder(tmp_path / "site", GROUP, zip="tests.support.zip_destination:ZipAddress"))
    path = tmp_path / "out" / "all.zip"
    path.parent.mkdir()

    def held() -> list[str]:
        if not path.exists():
            return []
        with zipfile.ZipFile(path) as archive:
            return sorted(_of_file(archive.read(name)) for name in archive.namelist())

    sys.path.insert(0, site)
    try:
        yield Place(parse_address(f"zip:{path}"), held)
    finally:
        sys.path.remove(site)
        shutil.rmtree(path.parent)


PLACES = {FolderAddress: _folder, DicomwebAddress: _dicomweb, DicomAddress: _dimse, ZipAddress: _plugin}


def test_every_kind_of_the_registry_is_held_to_the_contract() -> None:
    ours = {f"{kind.__module__}:{kind.__qualname__}" for kind in PLACES if kind is not ZipAddress}
    assert ours == set(KINDS)


@pytest.fixture(params=PLACES.values(), ids=[kind.__name__ for kind in PLACES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def session(place: Place) -> Iterator[Session]:
    with closing(place.destination.connect(CONTEXTS)) as opened:
        yield opened


def _of_file(content: bytes) -> str:
    """Return the hash of the data set in a file, found by the length of its meta information."""
    return hashlib.sha256(content[144 + int.from_bytes(content[140:144], "little") :]).hexdigest()


def _hashes(*instances: Ready) -> list[str]:
    return sorted(_of_file(one.content) for one in instances)


def test_every_instance_arrives_as_it_is_stored(place: Place, session: Session) -> None:
    for one in INSTANCES:
        assert session.send(one.item, one.payload()).kind is StatusClass.SUCCESS
    session.close()
    assert place.held() == _hashes(*INSTANCES)


def test_an_instance_that_is_sent_again_is_held_once(place: Place, session: Session) -> None:
    for _ in range(2):
        answer = session.send(INSTANCES[0].item, INSTANCES[0].payload())
        assert answer.kind is StatusClass.SUCCESS
    session.close()
    assert place.held() == _hashes(INSTANCES[0])


def test_the_peer_takes_what_it_was_asked_for(session: Session) -> None:
    for one in INSTANCES:
        takes = session.takes(one.item.sop_class)
        assert takes is None or one.item.transfer_syntax in takes


@pytest.mark.parametrize(
    "problem", [None, OSError(5, "Input/output error"), SourceError("is damaged"), KeyboardInterrupt()]
)
def test_an_instance_that_breaks_while_it_is_read_is_not_there(
    place: Place, session: Session, problem: BaseException | None
) -> None:
    kind = OSError if problem is None else type(problem)
    with pytest.raises(kind) as caught:
        session.send(INSTANCES[0].item, INSTANCES[0].broken(problem))
    assert problem is None or caught.value is problem
    session.close()
    with closing(place.destination.connect(CONTEXTS)) as another:
        assert place.held() == []
        assert another.send(INSTANCES[1].item, INSTANCES[1].payload()).kind is StatusClass.SUCCESS
    assert place.held() == _hashes(INSTANCES[1])


def test_a_session_can_be_closed_twice_and_before_anything_was_sent(place: Place) -> None:
    session = place.destination.connect(CONTEXTS)
    session.close()
    session.close()
    assert place.held() == []


def test_sessions_of_several_threads_store_all_that_they_send(place: Place) -> None:
    destination = place.destination

    def send(one: Ready) -> StatusClass:
        with closing(destination.connect(CONTEXTS)) as session:
            return session.send(one.item, one.payload()).kind

    with ThreadPoolExecutor(len(INSTANCES)) as threads:
        assert set(threads.map(send, INSTANCES)) == {StatusClass.SUCCESS}
    assert place.held() == _hashes(*INSTANCES)


def test_it_says_that_it_is_there_and_stores_nothing_for_that(place: Place) -> None:
    assert place.destination.verify()
    assert place.held() == []


def test_its_name_is_its_address(place: Place) -> None:
    assert place.destination.name == str(place.address)


@pytest.mark.parametrize("kind", PLACES.values(), ids=[kind.__name__ for kind in PLACES])
def test_a_destination_that_is_gone_is_unreachable(kind: Callable[[Path], object], tmp_path: Path) -> None:
    with kind(tmp_path) as made:  # type: ignore[attr-defined]  # a context manager
        destination = made.destination
    if isinstance(made.address, FolderAddress):
        destination = destination_of(FolderAddress(path=tmp_path / "missing" / "in"))
    for ask in (destination.verify, lambda: destination.connect(CONTEXTS)):
        with pytest.raises(Unreachable) as caught:
            ask()
        assert caught.value.where
