"""Senders that hold our SCP up, or leave in the middle: PDUs that drip or have no end, half an instance."""

from __future__ import annotations

import threading
from pathlib import Path
from struct import pack

import pytest

from mediakit.scp.events import Ending, Reception
from mediakit.scp.server import Listening
from tests.support.dicom_bytes import EXPLICIT, RAW
from tests.support.embedded_scp import embedded_scp
from tests.support.raw_scu import Ended, RawScu, store_request

DRIPS = 2000  # at 20 ms each


def impatient() -> Listening:
    return Listening(ae_title="MEDIAKIT", network_timeout_s=0.5)


def test_a_pdu_that_drips_ends_the_association_though_no_byte_is_late(tmp_path: Path) -> None:
    turn = threading.Event()
    with embedded_scp(tmp_path, listening=impatient) as scp:
        scu = RawScu(scp.address, [(RAW, [EXPLICIT])])
        scu.socket.sendall(pack(">BBI", 4, 0, 100_000))
        dripped = 0
        try:
            for _ in range(DRIPS):
                scu.socket.sendall(b"\0")
                dripped += 1
                turn.wait(0.02)
        except ConnectionError:
            pass
        finally:
            scu.socket.close()
        scp.wait_for_end()
    assert dripped < DRIPS


def test_a_pdu_of_more_than_a_megabyte_ends_the_association(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp, RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
        scu.socket.sendall(pack(">BBI", 4, 0, 1 << 21))
        assert scu.read_pdu()[0] == 7  # A-ABORT
        with pytest.raises(Ended):
            scu.read_pdu()


def test_half_an_instance_is_counted_and_not_kept_however_its_sender_leaves(tmp_path: Path) -> None:
    leaves = {"release": Ending.RELEASED, "abort": Ending.ABORTED, "close": Ending.ABORTED}
    with embedded_scp(tmp_path) as scp:
        for count, (how, ending) in enumerate(leaves.items(), 1):
            scu = RawScu(scp.address, [(RAW, [EXPLICIT])])
            scu.command(store_request(RAW, "1.2.3"))
            for _ in range(count * 10):  # in memory, then in a hidden file
                scu.fragment(bytes(16000), 0)
            if how == "release":
                scu.send_pdu(5, bytes(4))
                assert scu.read_pdu()[0] == 6  # A-RELEASE-RP, and no answer to the C-STORE
            elif how == "abort":
                scu.send_pdu(7, bytes(4))
            scu.socket.close()
            ended = scp.wait_for_end(count)
            assert (ended.ending, ended.counts) == (ending, {Reception.CUT_OFF: 1}), how
            assert scp.files() == [], how
        assert scp.received() == []
