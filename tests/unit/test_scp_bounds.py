"""How much is read from a connection: PDUs of a bounded length, and little when the association has ended."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from pynetdicom import AE
from pynetdicom.association import Association

from mediakit.scp.bounds import Checkpoint, Reader

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


def test_a_thread_that_is_called_paused_does_nothing_until_it_may_go_on() -> None:
    association = Association(AE(), "requestor")
    checkpoint = Checkpoint(association)
    turns, stop = [0], threading.Event()

    def reactor() -> None:
        """Go round as the thread of an association does."""
        while not stop.is_set():
            association._is_paused = True
            checkpoint.wait()
            association._is_paused = False
            turns[0] += 1

    thread, switching, wrong = threading.Thread(target=reactor), sys.getswitchinterval(), 0
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        for _ in range(2_000):
            checkpoint.clear()
            while not association._is_paused:
                pass
            before = turns[0]
            for _ in range(100):
                wrong += turns[0] != before
            checkpoint.set()
    finally:
        stop.set()
        checkpoint.set()
        thread.join()
        sys.setswitchinterval(switching)
    assert wrong == 0
