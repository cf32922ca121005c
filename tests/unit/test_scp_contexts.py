"""What counts as storage, and which of the proposed transfer syntaxes is taken."""

from __future__ import annotations

import pytest

from mediakit.dicom.uids import STORAGE
from mediakit.scp.contexts import Proposed, accepted, first_known, is_storage
from tests.support.each import each

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def test_every_known_storage_class_is_storage() -> None:
    assert all(is_storage(uid) for uid in STORAGE)


@each(
    "uid",
    [
        "1.2.840.10008.1.1",  # verification
        "1.2.840.10008.1.3.10",  # DICOMDIR
        "1.2.840.10008.1.20.1",  # storage commitment
        "1.2.840.10008.5.1.4.1.2.2.1",  # study root find
        "1.2.840.10008.5.1.4.1.1.200.4",  # protocol find
        "1.2.840.10008.5.1.4.1.1.201.6",  # inventory
        "1.2.840.10008.5.1.4.31",  # worklist
        "1.2.840.10008.5.1.1.9",  # print
    ],
)
def test_other_services_of_the_standard_are_not(uid: str) -> None:
    assert not is_storage(uid)


@pytest.mark.parametrize("uid", ["1.2.840.10008.5.1.4.1.1.9999", "1.3.12.2.1107.5.9.1", "2.25.1"])
def test_private_classes_and_those_to_come_are(uid: str) -> None:
    assert is_storage(uid)


def test_the_first_syntax_that_is_known_is_taken() -> None:
    assert first_known(["1.2.3", IMPLICIT, EXPLICIT]) == IMPLICIT
    assert first_known(["1.2.3"]) is None
    proposed = [Proposed("2.25.1", (IMPLICIT, EXPLICIT)), Proposed("2.25.1", (EXPLICIT,))]
    proposed += [Proposed("2.25.2", ("1.2.3",)), Proposed("1.2.840.10008.1.1", (IMPLICIT,))]
    assert accepted(proposed) == {"2.25.1": (IMPLICIT, EXPLICIT)}
