"""How much is read from a connection: PDUs of a bounded length, and little when the association has ended."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest
from pynetdicom import AE

from mediakit.scp.bounds import BoundAssociation, Checkpoint, Reader

PART = 1 << 16
MEGABYTE = 1 << 20


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10)
        yield ours, theirs


def read_until_nothing(reader: Reader, theirs: socket.socket, most: int) -> int:
    """Send and read part by part; return the bytes that were read until none came."""
    count = 0
    while count < most:
        theirs.sendall(bytes(PART))
        part = reader(PART)
        if not part:
            break
        count += len(part)
    return count


def test_an_association_is_read_for_as_long_as_it_lasts(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    assert read_until_nothing(Reader(ours, 10, lambda: False), theirs, 4 * MEGABYTE) == 4 * MEGABYTE


def test_behind_its_end_only_so_much_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    has_ended = False
    reader = Reader(ours, 10, lambda: has_ended)
    assert read_until_nothing(reader, theirs, 2 * MEGABYTE) == 2 * MEGABYTE
    has_ended = True
    assert read_until_nothing(reader, theirs, 4 * MEGABYTE) == MEGABYTE
    assert reader(1) == b""


def test_a_pdu_longer_than_may_be_is_not_read(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"12")
    reader = Reader(ours, 10, lambda: False)
    assert reader(MEGABYTE + 1) == b""
    assert reader(2) == b"12"


class Turning(BoundAssociation):
    """An association whose thread goes round as that of the library does."""

    turns = 0
    ends = False

    def run(self) -> None:
        while not self.ends:
            self._is_paused = True
            self._reactor_checkpoint.wait()
            self._is_paused = False
            self.turns += 1


def test_a_thread_that_is_called_paused_does_nothing_until_it_may_go_on() -> None:
    association = Turning(AE(), "requestor")
    checkpoint = association._reactor_checkpoint = Checkpoint()
    switching, wrong = sys.getswitchinterval(), 0
    sys.setswitchinterval(1e-5)
    association.start()
    try:
        for _ in range(2_000):
            checkpoint.clear()
            while not association._is_paused:
                pass
            before = association.turns
            association._is_paused = False  # as a report on storage commitment does that came meanwhile
            assert association._is_paused
            for _ in range(100):
                wrong += association.turns != before
            checkpoint.set()
    finally:
        association.ends = True
        checkpoint.set()
        association.join()
        sys.setswitchinterval(switching)
    assert wrong == 0


def test_a_thread_that_has_ended_is_not_waited_for() -> None:
    association = Turning(AE(), "requestor")
    association._reactor_checkpoint = Checkpoint()
    association.ends = True
    association.start()
    association.join()
    association._reactor_checkpoint.clear()
    assert association._is_paused
