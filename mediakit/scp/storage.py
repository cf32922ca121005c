"""The embedded Storage SCP: Storage, Verification and Storage Commitment over a folder (PS3.4 A, B, J).

It takes every storage class, private and unknown ones too, in the transfer syntax that a peer proposes first,
and writes data sets as they come. `instance_store` knows what lies where, `receiver` what is accepted.
Loaded on use: reports of storage commitment are sent by pynetdicom, which takes long to import.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from mediakit.dicom.commitment import STORAGE_COMMITMENT
from mediakit.dicom.header import Scanner
from mediakit.dicom.media_creation import MEDIA_CREATION
from mediakit.network.agreement import AgreedContext
from mediakit.network.message import ECHO_RQ, N_ACTION_RQ, N_CREATE_RQ, N_GET_RQ, VERIFICATION, Request
from mediakit.network.pdu import Buffer
from mediakit.scp.commitment_service import CommitmentService
from mediakit.scp.creation_service import CreationService
from mediakit.scp.events import AssociationEnded, Received, Reception, ScpListener
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.link import Visit
from mediakit.scp.negotiation import Policy
from mediakit.scp.operation import Answer, OfferedClass, Storing
from mediakit.scp.part import Part
from mediakit.scp.receiver import CANNOT_UNDERSTAND, Arriving, Claim, StoreAnswer
from mediakit.scp.requestor import Dial
from mediakit.scp.server import Listening, Server
from mediakit.scp.users import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server offers beside storage, and to whom.

    `callers` connect by AE title to where a peer listens for reports of storage commitment. Only `users` are
    let in; None lets in everybody. `creation` is there where media are made on request.
    """

    callers: Mapping[str, Dial] = field(default_factory=dict)
    users: Users | None = None
    creation: CreationService | None = None


class StorageScp:
    """Receives into an instance store, from `start` to `stop`. Tells from the threads of its associations.

    Usage: `with StorageScp(instance_store, listening, tell) as scp: print(scp.address)`.
    """

    def __init__(
        self,
        instance_store: InstanceStore,
        listening: Listening,
        tell: ScpListener,
        ssl_context: ssl.SSLContext | None = None,
        offer: Offer | None = None,
    ) -> None:
        """Offer what `offer` says; without it everybody may store."""
        offer = offer or Offer()
        self.address = ("", 0)
        self.grace_s = 5.0
        self._instance_store = instance_store
        self._tell = tell
        self._commitment = CommitmentService(instance_store, offer.callers, listening.ae_title, tell)
        policy = Policy(
            ae_title=listening.ae_title,
            requires_called_ae=listening.requires_called_ae,
            classes=_offered(self._commitment, offer.creation),
            stores=True,
            users=offer.users,
        )
        self._server = Server(listening, policy, ssl_context, self._new_reception)
        self._server.ended = self._ended

    def start(self) -> None:
        """Listen from now on; `address` is where. Raises UsageError when that is not possible."""
        self.address = self._server.start()
        self._commitment.start()

    def stop(self) -> None:
        """Take no more associations; those that are open may go on for `grace_s` seconds."""
        self._server.stop(self.grace_s)
        self._commitment.stop(self.grace_s)

    @property
    def is_busy(self) -> bool:
        """Return True while there are associations or requests for storage commitment."""
        return self._server.is_busy or self._commitment.is_busy

    def __enter__(self) -> StorageScp:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _new_reception(self) -> Storing:
        return _Reception(self._instance_store, self._tell)

    def _ended(self, visit: Visit, storing: Storing | None) -> None:
        counts = storing.counts if isinstance(storing, _Reception) else {}
        self._tell(
            AssociationEnded(
                calling_ae=visit.calling_ae,
                host=visit.host,
                ending=visit.ending,
                user=visit.user,
                words=visit.words,
                counts=dict(counts),
            )
        )


def _offered(commitment: CommitmentService, creation: CreationService | None) -> Mapping[str, OfferedClass]:
    offered = {
        VERIFICATION: OfferedClass(operations={ECHO_RQ: lambda _: Answer(status=0)}),
        STORAGE_COMMITMENT: OfferedClass(operations={N_ACTION_RQ: commitment.asked}),
    }
    if creation is not None:
        operations = {N_CREATE_RQ: creation.create, N_ACTION_RQ: creation.act, N_GET_RQ: creation.get}
        offered[MEDIA_CREATION] = OfferedClass(operations=operations)
    return offered


class _Reception:
    """The instances of one association."""

    def __init__(self, instance_store: InstanceStore, tell: ScpListener) -> None:
        self.counts: Counter[Reception] = Counter()
        self._instance_store = instance_store
        self._tell = tell
        self._scanner = Scanner()
        self._next: Part | None = None  # made while the peer gets the next instance ready

    def begin(self, request: Request, context: AgreedContext, calling_ae: str) -> _Taking:
        """Return what takes the instance of a C-STORE request."""
        claim = Claim(
            agreed_class=context.abstract_syntax,
            sop_class=request.sop_class,
            sop_instance=request.sop_instance,
            transfer_syntax=context.transfer_syntax,
            calling_ae=calling_ae,
        )
        if not request.has_data_set:
            return _Taking(self, claim, None)
        part, self._next = self._next, None
        return _Taking(self, claim, Arriving(self._instance_store, claim, part))

    def prepare(self) -> None:
        """Have the file ready for the next instance: on a disk it is not made in no time."""
        if self._next is None:
            self._next = self._instance_store.part()
            self._next.prepare()

    def close(self) -> None:
        """Leave nothing open."""
        if self._next is not None:
            self._next.discard()

    def settle(self, arriving: Arriving | None) -> StoreAnswer:
        """Put an instance away and count it."""
        if arriving is not None:
            answer = arriving.put_away(self._scanner)
        else:
            words = "there is no data set"
            answer = StoreAnswer(status=CANNOT_UNDERSTAND, reception=Reception.REFUSED, words=words)
        self.counts[answer.reception] += 1
        return answer

    def tell(self, claim: Claim, answer: StoreAnswer) -> None:
        """Tell of an instance that was put away or refused."""
        self._tell(
            Received(
                sop_class=claim.sop_class,
                sop_instance=claim.sop_instance,
                calling_ae=claim.calling_ae,
                reception=answer.reception,
                status=answer.status,
                path=answer.path,
                words=answer.words,
                patient_id=answer.patient_id,
            )
        )


@dataclass(slots=True)
class _Taking:
    """One instance that arrives."""

    reception: _Reception
    claim: Claim
    arriving: Arriving | None
    answer: StoreAnswer | None = None

    def write(self, fragment: Buffer, /) -> None:
        """Take the next piece of its data set."""
        if self.arriving is not None:
            self.arriving.write(fragment)

    def settled(self) -> tuple[int, str]:
        """Put it away; return status and words of the answer."""
        self.answer = answer = self.reception.settle(self.arriving)
        return answer.status, answer.words

    def answered(self) -> None:
        """Tell of it, and get ready for the next one: the peer does the same meanwhile."""
        if self.answer is not None:
            self.reception.tell(self.claim, self.answer)
        self.reception.prepare()

    def discard(self) -> None:
        """Leave nothing of what has come, and count it."""
        self.reception.counts[Reception.CUT_OFF] += 1
        if self.arriving is not None:
            self.arriving.discard()
