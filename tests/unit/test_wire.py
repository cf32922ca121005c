"""A connection waits for nothing without an end, also not for a peer that reads nothing."""

from __future__ import annotations

import socket

import pytest

from mediakit.errors import Lost
from mediakit.scp.wire import wire_over


def test_a_write_that_nobody_reads_ends_in_time_and_reads_nothing_by_the_way() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        wire = wire_over(ours, "there")
        theirs.sendall(b"never read")
        with pytest.raises(Lost, match="does not answer"):
            wire.send([bytes(1 << 16)] * 200, 0.05)
        assert wire.is_cut
        assert wire.has_arrived()
        assert wire.receive(1.0) == b"never read"
        wire.close()


def test_what_arrives_while_a_write_waits_is_heard_where_that_is_wanted() -> None:
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []
    with theirs:
        wire = wire_over(ours, "there")
        theirs.sendall(b"early")
        with pytest.raises(Lost):
            wire.send([bytes(1 << 16)] * 200, 0.05, heard.append)
        assert heard == [b"early"]
        wire.close()
