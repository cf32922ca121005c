"""The data sets of Storage Commitment Push Model: the request of N-ACTION, the report of N-EVENT-REPORT.

Values <-> what the network library takes and gives. Nothing that a peer sends makes reading fail in another
way than `Unintelligible`. Source: PS3.4 J.3.2, J.3.3; PS3.3 C.14.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mediakit.dicom.identifier import Unintelligible, Value, Values, values_of

if TYPE_CHECKING:
    from pydicom import Dataset

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"  # the only instance of the class
REQUEST_ACTION = 1
ALL_COMMITTED, SOME_FAILED = 1, 2  # event types

PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119

#: What the values of Failure Reason (0008,1197) mean. Source: PS3.3 C.14.1.1.
REASONS = MappingProxyType(
    {
        PROCESSING_FAILURE: "processing failure",
        NO_SUCH_INSTANCE: "it has no such instance",
        0x0122: "it does not support the SOP Class",
        CLASS_INSTANCE_CONFLICT: "it has the instance with another SOP Class",
        0x0131: "the transaction UID was used before",
        0x0213: "it has no room to keep it",
    }
)

_TRANSACTION = 0x00081195
_REFERENCED = 0x00081199
_FAILED = 0x00081198
_SOP_CLASS = 0x00081150
_SOP_INSTANCE = 0x00081155
_REASON = 0x00081197
_MOST_UID = 64


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance, by the UIDs of its class and its own."""

    sop_class: str
    sop_instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentRequest:
    """What is to be committed, in one transaction."""

    transaction: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentReport:
    """What is committed, and what is not: with Failure Reason (0008,1197), 0 when the peer gave none."""

    transaction: str
    committed: tuple[Reference, ...] = ()
    failed: tuple[tuple[Reference, int], ...] = ()

    @property
    def event_type(self) -> int:
        """Return the Event Type ID of the report."""
        return SOME_FAILED if self.failed else ALL_COMMITTED


def reason_words(reason: int) -> str:
    """Return what a Failure Reason means."""
    return REASONS.get(reason, f"failure reason {reason:04X}" if reason else "no reason given")


def request_set(request: CommitmentRequest) -> Dataset:
    """Return the Action Information of a request."""
    return _set(request.transaction, _REFERENCED, ((each, 0) for each in request.references))


def report_set(report: CommitmentReport) -> Dataset:
    """Return the Event Information of a report. A sequence is there when it has items."""
    whole = _set(report.transaction, _FAILED, report.failed)
    whole.update(_set(report.transaction, _REFERENCED, ((each, 0) for each in report.committed)))
    return whole


def read_request(information: Dataset) -> CommitmentRequest:
    """Return what a peer asks for. Raises Unintelligible, also when it asks for nothing."""
    values = values_of(information)
    references = tuple(reference for reference, _ in _items(values, _REFERENCED))
    if not references:
        raise Unintelligible("no instance is referenced")
    return CommitmentRequest(transaction=_transaction(values), references=references)


def read_report(information: Dataset) -> CommitmentReport:
    """Return what a peer reports. Raises Unintelligible; items without UIDs are left out."""
    values = values_of(information)
    return CommitmentReport(
        transaction=_transaction(values),
        committed=tuple(reference for reference, _ in _items(values, _REFERENCED)),
        failed=tuple(_items(values, _FAILED)),
    )


def _set(transaction: str, sequence: int, items: Iterable[tuple[Reference, int]]) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    made = []
    for reference, reason in items:
        item = Dataset()
        item.add_new(_SOP_CLASS, "UI", reference.sop_class)
        item.add_new(_SOP_INSTANCE, "UI", reference.sop_instance)
        if sequence == _FAILED:
            item.add_new(_REASON, "US", reason)
        made.append(item)
    whole = Dataset()
    whole.add_new(_TRANSACTION, "UI", transaction)
    if made:
        whole.add_new(sequence, "SQ", made)
    return whole


def _transaction(values: Values) -> str:
    transaction = _uid(values, _TRANSACTION)
    if not transaction:
        raise Unintelligible("there is no Transaction UID")
    return transaction


def _items(values: Values, sequence: int) -> Iterator[tuple[Reference, int]]:
    found: Value = values.get(sequence, ())
    for item in () if isinstance(found, str) else found:
        reference = Reference(_uid(item, _SOP_CLASS), _uid(item, _SOP_INSTANCE))
        reason = item.get(_REASON, "")
        if reference.sop_class and reference.sop_instance:
            yield reference, int(reason) if isinstance(reason, str) and reason.isdecimal() else 0


def _uid(values: Values, tag: int) -> str:
    found = values.get(tag, "")
    return found if isinstance(found, str) and len(found) <= _MOST_UID else ""
