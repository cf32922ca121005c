"""Whoever connects to our SCP and asks for nothing: he keeps nobody out, and his place is free at once."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mediakit.scp.server import Listening
from tests.support.dicom_bytes import EXPLICIT, RAW, element
from tests.support.embedded_scp import Running, embedded_scp
from tests.support.raw_scu import Ended, RawScu

PATIENT = 600.0  # seconds: nothing in these tests may depend on a timeout


@contextmanager
def patient_scp(folder: Path, most_associations: int = 10) -> Iterator[Running]:
    """Run an SCP that waits long for whoever connects."""

    def listening() -> Listening:
        return Listening(
            ae_title="MEDIAKIT",
            most_associations=most_associations,
            network_timeout_s=PATIENT,
            association_timeout_s=PATIENT,
        )

    with embedded_scp(folder, listening=listening) as scp:
        yield scp


def sends_well(scp: Running, number: int) -> None:
    """Assert that a good sender gets in, and what he sends is there."""
    uid = f"1.2.3.{number}"
    data_set = b"".join(
        element(tag, "UI", value)
        for tag, value in ((0x00080016, RAW), (0x00080018, uid), (0x0020000D, "1.2.1"), (0x0020000E, "1.2.2"))
    )
    with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
        assert scu.store(RAW, uid, data_set) == 0
    assert f"1.2.1/1.2.2/{uid}.dcm" in scp.files()


def test_random_bytes_of_many_connections_take_no_place(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    with patient_scp(tmp_path, most_associations=1) as scp:
        for number in range(3):
            for _ in range(10):
                with socket.create_connection(scp.address, timeout=20) as stranger:
                    stranger.sendall(chance.randbytes(100))
            sends_well(scp, number)


def test_connections_that_close_without_a_word_take_no_place(tmp_path: Path) -> None:
    with patient_scp(tmp_path, most_associations=1) as scp:
        for _ in range(40):
            socket.create_connection(scp.address, timeout=20).close()
        sends_well(scp, 1)


def test_strangers_who_wait_keep_nobody_out(tmp_path: Path) -> None:
    with patient_scp(tmp_path, most_associations=2) as scp, ExitStack() as strangers:
        for number in range(3):
            for _ in range(100):
                strangers.enter_context(socket.create_connection(scp.address, timeout=20))
            sends_well(scp, number)


def test_associations_that_are_in_use_do_not_make_room(tmp_path: Path) -> None:
    with patient_scp(tmp_path, most_associations=2) as scp, ExitStack() as all_of_them:
        first, second = (
            all_of_them.enter_context(RawScu(scp.address, [(RAW, [EXPLICIT])])) for _ in range(2)
        )
        with pytest.raises(Ended, match="PDU 03"):
            RawScu(scp.address, [(RAW, [EXPLICIT])])
        for _ in range(40):
            all_of_them.enter_context(socket.create_connection(scp.address, timeout=20))
        for scu in (first, second):
            assert scu.store(RAW, "1.2.9", b"") != 0  # answered: no data set
