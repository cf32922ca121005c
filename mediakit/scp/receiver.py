"""Receiving one instance: fragments of a data set are gathered, then it is judged and put away.

Nothing is decoded: the data set is written as it came, behind a head of ours. Nothing raises for what a peer
sends or for a full disk: the answer to the C-STORE request says it (PS3.4 B.2.3).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from mediakit.dicom.data_set import data_set_place
from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Instance, Note
from mediakit.dicom.instance_names import is_name
from mediakit.dicom.part10 import write
from mediakit.dicom.recode import element
from mediakit.errors import SourceError
from mediakit.network.pdu import Buffer
from mediakit.scp.events import Reception
from mediakit.scp.instance_store import Arrived, InstanceStore, Settled
from mediakit.scp.part import Part

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
INVALID_INSTANCE = 0x0117
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000

MOST_DATA_SET_BYTES = 64 << 30

_PATIENT_ID = 0x00100020
_INSTANCE_HEADER = b"\x02\x00\x03\x00UI"  # (0002,0003); two bytes of length follow
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a C-STORE request says of its data set, and who sends it.

    `agreed_class` is the SOP Class of its presentation context.
    """

    agreed_class: str
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    calling_ae: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAnswer:
    """The answer to a C-STORE request, and what became of the instance. `words` are 64 characters at most.

    `patient_id` is that of an instance which could be read.
    """

    status: int
    reception: Reception
    words: str = ""
    path: str = ""
    patient_id: str = field(default="", repr=False)


class _Arrival:
    """A part that grows with what arrives, then is judged and put away, or discarded.

    Nothing raises for a full disk or for what a peer sends: a failure is kept for the answer, and what
    follows it is dropped.
    """

    def __init__(self, instance_store: InstanceStore, part: Part | None = None) -> None:
        self._instance_store = instance_store
        self._failure: OSError | None = None
        self._part: Part | None = part or instance_store.part()

    def write(self, fragment: Buffer) -> None:
        """Take the next piece."""
        if self._part is None:
            return
        try:
            if self._part.size + len(fragment) > MOST_DATA_SET_BYTES:
                raise OSError(errno.EFBIG, "the data set is larger than is taken")
            self._part.write(fragment)
        except OSError as exc:
            self._failure = exc
            self.discard()

    def discard(self) -> None:
        """Leave nothing of what has come; what still comes is dropped."""
        if self._part is not None:
            self._part.discard()
            self._part = None

    def _settle(self, judge: Callable[[Part], Arrived | StoreAnswer]) -> StoreAnswer:
        """Judge what has come to its end, and give it its name or discard it."""
        part = self._part
        try:
            if self._failure is not None or part is None:
                return _no_room(self._failure)
            judged = judge(part)
            if isinstance(judged, StoreAnswer):
                return judged
            settled, place = self._instance_store.settle(part, judged)
        except OSError as exc:
            return _no_room(exc)
        finally:
            self.discard()
        return answer_for(settled, place, judged.patient_id)


class Arriving(_Arrival):
    """The data set of a C-STORE request as it arrives; it gets a head of ours."""

    def __init__(self, instance_store: InstanceStore, claim: Claim, part: Part | None = None) -> None:
        """`part` has no bytes yet; None takes a new one."""
        super().__init__(instance_store, part)
        self._claim = claim
        head = head_for(claim)
        self._data_set_at = len(head)
        self.write(head)

    def put_away(self, scanner: Scanner) -> StoreAnswer:
        """Judge a data set that has come to its end, and give it its name or discard it."""
        return self._settle(lambda part: _judge(part, self._data_set_at, self._claim, scanner))


class ArrivingFile(_Arrival):
    """A whole file of an instance as it arrives; it is kept as it comes."""

    def put_away(self, scanner: Scanner) -> tuple[str, StoreAnswer]:
        """Judge a file that has come to its end; return its SOP Instance UID, "" for none, and the answer."""
        uid = ""

        def judge(part: Part) -> Arrived | StoreAnswer:
            nonlocal uid
            found = scanned(part, scanner)
            if isinstance(found, StoreAnswer):
                return found
            uid = found.sop_instance
            if not is_name(uid):
                return _refused(INVALID_INSTANCE, "the SOP Instance UID is not a UID")
            uids = (found.sop_class, found.sop_instance)
            place = data_set_place(part.stream, part.size, uids, found.transfer_syntax)
            return arrived(found, place.at)

        try:
            answer = self._settle(judge)
        except SourceError as exc:  # never: the part is ours
            answer = _refused(CANNOT_UNDERSTAND, exc.what)
        return uid, answer


def answer_for(settled: Settled, place: str, patient_id: str = "") -> StoreAnswer:
    """Return the answer to an instance that was put away; `place` is below the folder."""
    if settled is Settled.CONFLICT:
        words = "another instance with this UID is stored already"
        return StoreAnswer(
            status=DUPLICATE_INSTANCE, reception=Reception.CONFLICT, words=words, patient_id=patient_id
        )
    reception = Reception.STORED if settled is Settled.STORED else Reception.SAME
    return StoreAnswer(status=SUCCESS, reception=reception, path=place, patient_id=patient_id)


def head_for(claim: Claim) -> bytes:
    """Return the preamble and file meta information of ours for what a peer sends (PS3.10 7.1)."""
    instance = claim.sop_instance.encode("ascii", "replace")
    instance += b"\0" * (len(instance) % 2)
    before, behind = _around(len(instance), claim.sop_class, claim.transfer_syntax, claim.calling_ae)
    return b"".join((before, instance, behind))


@lru_cache(maxsize=256)
def _around(length: int, sop_class: str, transfer_syntax: str, calling_ae: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind a SOP Instance UID of so many bytes: alike for many instances."""
    source = (
        element(0x00020002, "UI", sop_class.encode("ascii", "replace")),
        element(0x00020003, "UI", b"9" * length),
        element(0x00020016, "AE", calling_ae.encode("ascii", "replace")[:16]),
    )
    head = write((), transfer_syntax, source)
    at = head.index(_INSTANCE_HEADER) + len(_INSTANCE_HEADER) + 2
    return head[:at], head[at + length :]


def _judge(part: Part, data_set_at: int, claim: Claim, scanner: Scanner) -> Arrived | StoreAnswer:
    """Return what a part holds, or why it is not taken. Raises OSError."""
    if claim.sop_class != claim.agreed_class:
        return _refused(DOES_NOT_MATCH, "the SOP Class is not that of the presentation context")
    if not is_name(claim.sop_instance):
        return _refused(INVALID_INSTANCE, "the SOP Instance UID is not a UID")
    found = scanned(part, scanner)
    if isinstance(found, StoreAnswer):
        return found
    if not _is_as_claimed(found, claim):
        return _refused(DOES_NOT_MATCH, "SOP Class or Instance UID is not that of the data set")
    if found.transfer_syntax != claim.transfer_syntax:
        return _refused(CANNOT_UNDERSTAND, "the data set is not in the agreed transfer syntax")
    return arrived(found, data_set_at)


def scanned(part: Part, scanner: Scanner) -> Instance | StoreAnswer:
    """Return the instance in a part, or why it is none that is stored. Raises OSError."""
    part.stream.seek(0)
    found = scanner.read(part.stream, part.size, "", "")
    if isinstance(found, Unusable):
        return _refused(CANNOT_UNDERSTAND, f"the data set is not whole ({found.finding.rule.id})")
    if found.sop_class == MEDIA_STORAGE_DIRECTORY:
        return _refused(DOES_NOT_MATCH, "a DICOMDIR is not stored")
    return found


def arrived(found: Instance, data_set_at: int) -> Arrived:
    """Return what the instance store is told of an instance."""
    return Arrived(
        sop_class=found.sop_class,
        sop_instance=found.sop_instance,
        transfer_syntax=found.transfer_syntax,
        study=found.study,
        series=found.series,
        patient_id=found.header.text(_PATIENT_ID),
        data_set_at=data_set_at,
    )


def _is_as_claimed(found: Instance, claim: Claim) -> bool:
    uids = (found.sop_class, found.sop_instance)
    return uids == (claim.sop_class, claim.sop_instance) and Note.UID_MISMATCH not in found.header.notes


def _refused(status: int, words: str) -> StoreAnswer:
    return StoreAnswer(status=status, reception=Reception.REFUSED, words=words[:64])


def _no_room(failure: OSError | None) -> StoreAnswer:
    if failure is not None and failure.errno in _FULL:
        return _refused(OUT_OF_RESOURCES, "no room for the instance")
    if failure is None:
        return _refused(CANNOT_UNDERSTAND, "there is no data set")
    return _refused(PROCESSING_FAILURE, "the instance cannot be written")
