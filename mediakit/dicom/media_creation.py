"""The data sets of Media Creation Management: requests to values, the state of a job to what N-GET gives.

Nothing that a peer sends makes reading fail in another way than `Unintelligible` and `Missing`. Source:
PS3.4 S.3, PS3.3 C.22.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mediakit.dicom.identifier import Value, values_of
from mediakit.dicom.instance_names import is_name

if TYPE_CHECKING:
    from pydicom import Dataset

MEDIA_CREATION: Final = "1.2.840.10008.5.1.1.33"
INITIATE, CANCEL = 1, 2  # Action Type IDs
MOST_ITEMS: Final = 100_000
NO_INSTANCE, CONFLICT, FAILED = 0x0112, 0x0119, 0x0110  # Failure Reasons, PS3.3 C.14.1.1

_REFERENCED, _CLASS, _INSTANCE = 0x00081199, 0x00081150, 0x00081155
_PROFILE, _SPLITTING, _LOSSY = 0x2200000C, 0x22000007, 0x2200000F
_NON_DICOM, _DISPLAY = 0x22000008, 0x22000009
_FILE_SET_ID = 0x00880130
_COPIES, _PRIORITY = 0x20000010, 0x22000020
_STATUS, _INFO = 0x21000020, 0x21000030


class Missing(Exception):  # noqa: N818 - an answer about a request, caught where it is answered
    """A request lacks an attribute that it must have."""


class Execution(StrEnum):
    """Where a job stands: Execution Status (2100,0020)."""

    IDLE = "IDLE"  # created, not yet initiated
    PENDING = "PENDING"
    CREATING = "CREATING"
    DONE = "DONE"
    FAILURE = "FAILURE"

    @property
    def is_over(self) -> bool:
        """Return True when nothing more comes of it."""
        return self in {Execution.DONE, Execution.FAILURE}


class Info(StrEnum):
    """What is to be said of it: Execution Status Info (2100,0030)."""

    NORMAL = "NORMAL"
    QUEUED = "QUEUED"
    CONFLICT = "INST_AP_CONFLICT"  # an instance does not fit the application profile
    NO_INSTANCE = "NO_INSTANCE"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    OVERSIZED = "SET_OVERSIZED"  # it does not fit on one medium, and may not be split
    PROCESSING = "PROC_FAILURE"


class Priority(StrEnum):
    """How urgent a job is: Request Priority (2200,0020)."""

    HIGH = "HIGH"
    MEDIUM = "MED"
    LOW = "LOW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One instance that belongs on the medium; `profile` is the identifier that is asked for, "" for any."""

    sop_class: str
    sop_instance: str
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationRequest:
    """What an N-CREATE asks for. `file_set_id` is "" where we choose."""

    items: tuple[Item, ...]
    may_split: bool = False
    may_be_lossy: bool = False
    wants_pages: bool = False
    wants_viewer: bool = False
    file_set_id: str = ""


@dataclass(frozen=True, slots=True)
class MadeMedium:
    """One file-set that was made."""

    file_set_id: str
    file_set_uid: str


def read_creation(dataset: Dataset) -> CreationRequest:
    """Return what an N-CREATE asks for. Raises Unintelligible, Missing."""
    values = values_of(dataset)
    rows = values.get(_REFERENCED)
    if isinstance(rows, str) or not rows or len(rows) > MOST_ITEMS:
        raise Missing("Referenced SOP Sequence")
    items = tuple(
        Item(sop_class=_text(row, _CLASS), sop_instance=_text(row, _INSTANCE), profile=_text(row, _PROFILE))
        for row in rows
    )
    if not all(is_name(item.sop_instance) for item in items):
        raise Missing("Referenced SOP Instance UID")
    return CreationRequest(
        items=items,
        may_split=_text(values, _SPLITTING) == "YES",
        may_be_lossy=_text(values, _LOSSY) == "YES",
        wants_pages=_text(values, _NON_DICOM) not in {"", "NO"},
        wants_viewer=_text(values, _DISPLAY) == "YES",
        file_set_id=_text(values, _FILE_SET_ID),
    )


def read_start(dataset: Dataset) -> tuple[int, Priority]:
    """Return number of copies and priority of an action that initiates. Raises Unintelligible, Missing."""
    values = values_of(dataset)
    copies, priority = _text(values, _COPIES) or "1", _text(values, _PRIORITY) or Priority.LOW
    if not copies.isdecimal() or not 0 < int(copies[:6]) <= 1000 or len(copies) > 4:
        raise Missing("Number of Copies")
    if priority not in set(Priority):
        raise Missing("Request Priority")
    return int(copies), Priority(priority)


def state_set(
    status: Execution,
    info: Info,
    pieces: int,
    failed: Iterable[tuple[str, str, int]],
    media: Iterable[MadeMedium],
) -> Dataset:
    """Return what N-GET gives; `failed` are SOP Class, Instance UID and Failure Reason."""
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    state = Dataset()
    state.ExecutionStatus, state.ExecutionStatusInfo = str(status), str(info)
    state.TotalNumberOfPiecesOfMediaCreated = pieces
    state.FailedSOPSequence = [_failed(*each) for each in failed]
    state.ReferencedStorageMediaSequence = [_medium(each) for each in media]
    return state


def asked_of(state: Dataset, tags: Iterable[int]) -> tuple[Dataset, bool]:
    """Return the attributes that are asked for (all when none are named), and whether all are there."""
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    wanted = list(tags)
    if not wanted:
        return state, True
    found = Dataset()
    for tag in wanted:
        if tag in state:
            found[tag] = state[tag]
    return found, len(found) == len(set(wanted))


def _failed(sop_class: str, sop_instance: str, reason: int) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
    item.FailureReason = reason
    return item


def _medium(medium: MadeMedium) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    item = Dataset()
    item.StorageMediaFileSetID, item.StorageMediaFileSetUID = medium.file_set_id, medium.file_set_uid
    return item


def _text(values: Mapping[int, Value], tag: int) -> str:
    value = values.get(tag, "")
    return value.strip(" \0") if isinstance(value, str) else ""
