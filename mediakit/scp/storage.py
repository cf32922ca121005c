"""The embedded Storage SCP: Storage, Verification and Storage Commitment over a folder (PS3.4 A, B, J).

It takes every storage class, private and unknown ones too, in the transfer syntax that a peer proposes first,
and writes data sets as they come. `instance_store` knows what lies where,
`receiver` what is accepted.
Loaded on use: pynetdicom takes long to import.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE, N_ACTION
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu_primitives import SOPClassCommonExtendedNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from mediakit.dicom.commitment import STORAGE_COMMITMENT
from mediakit.dicom.header import Scanner
from mediakit.dicom.identifier import status_of
from mediakit.dicom.media_creation import MEDIA_CREATION
from mediakit.dicom.related_classes import STORAGE_SERVICE
from mediakit.network.message import VERIFICATION
from mediakit.scp.commitment_service import CommitmentService
from mediakit.scp.contexts import MESSAGE_SYNTAXES, Proposed, accepted, first_known, is_storage
from mediakit.scp.creation_service import CreationService
from mediakit.scp.events import AssociationEnded, Ending, Received, Reception, ScpListener
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.negotiation import answer_items, told_as_storage, turned_away, user_of
from mediakit.scp.receiver import CANNOT_UNDERSTAND, Spool, StoreAnswer
from mediakit.scp.requestor import Dial
from mediakit.scp.server import Listening, Server
from mediakit.scp.users import Users

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST_CONTEXTS = 128


@dataclass(slots=True)
class _Visit:
    """What is known of one association."""

    scanner: Scanner = field(default_factory=Scanner)
    counts: Counter[Reception] = field(default_factory=Counter)
    words: str = ""  # why it was rejected


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
        self._users = offer.users
        self._visits: dict[Association, _Visit] = {}
        self._creation = offer.creation
        self._commitment = CommitmentService(instance_store, offer.callers, listening.ae_title, tell)
        handlers: list[EventHandlerType] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_SOP_COMMON, self._services),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._act),
            (evt.EVT_DIMSE_SENT, self._commitment.responded),
        ]
        services = [VERIFICATION, STORAGE_COMMITMENT]
        if offer.creation is not None:
            services.append(MEDIA_CREATION)
            handlers += [(evt.EVT_N_CREATE, offer.creation.create), (evt.EVT_N_GET, offer.creation.get)]
        contexts = [build_context(each, list(MESSAGE_SYNTAXES)) for each in services]
        self._server = Server(listening, handlers, contexts, ssl_context, instance_store)
        self._server.opened = self._opened
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

    def _opened(self, association: Association) -> None:
        self._visits[association] = _Visit()

    def _ended(self, association: Association) -> None:
        visit = self._visits.pop(association, None)
        if visit is None:
            return
        self._commitment.left(association)
        ending = Ending.RELEASED if association.is_released else Ending.ABORTED
        if association.is_rejected:
            ending = Ending.REJECTED
        self._tell(
            AssociationEnded(
                calling_ae=_sender(association),
                host=str(association.requestor.address or ""),
                ending=ending,
                user=user_of(association),
                words=visit.words,
                counts=dict(visit.counts),
            )
        )

    def _act(self, event: Event) -> tuple[Dataset, Dataset | None]:
        """Take an N-ACTION for the service that it is of."""
        asked = event.request
        if self._creation is None or not isinstance(asked, N_ACTION):
            return self._commitment.asked(event)
        is_creation = asked.RequestedSOPClassUID == MEDIA_CREATION
        return self._creation.act(event) if is_creation else self._commitment.asked(event)

    def _requested(self, event: Event) -> None:
        """Accept the storage that is proposed, each context in the transfer syntax that stands first.

        Somebody who is not among the users is rejected.
        """
        visit = self._visits[event.assoc]
        visit.words = turned_away(event.assoc, self._users)
        if visit.words:
            return
        told = told_as_storage(event.assoc)
        proposed = []
        for context in _proposed(event.assoc):
            sop_class = str(context.abstract_syntax)
            syntaxes = tuple(str(syntax) for syntax in context.transfer_syntax)
            first = first_known(syntaxes)
            if first is not None and is_storage(sop_class, told):
                context.transfer_syntax = [first]
                syntaxes = (first,)
            proposed.append(Proposed(sop_class, syntaxes))
        taken = accepted(proposed, told)
        storage = [build_context(each, list(syntaxes)) for each, syntaxes in taken.items()]
        for context in storage:  # we are the SCP, and nothing else (PS3.7 D.3.3.4)
            context.scu_role, context.scp_role = True, False
        acceptor = event.assoc.acceptor
        acceptor.supported_contexts = [*acceptor.supported_contexts, *storage]
        answer_items(event.assoc, self._users, taken)

    def _services(self, event: Event) -> dict[str, SOPClassCommonExtendedNegotiation]:
        """Say that what is accepted as storage is served as such, also what the library does not know."""
        services = {}
        told = told_as_storage(event.assoc)
        for context in _proposed(event.assoc):
            sop_class = str(context.abstract_syntax)
            if is_storage(sop_class, told):
                item = SOPClassCommonExtendedNegotiation()
                item.sop_class_uid = sop_class
                item.service_class_uid = STORAGE_SERVICE
                services[sop_class] = item
        return services

    def _store(self, event: Event) -> Dataset:
        visit = self._visits[event.assoc]
        request = event.request
        if not isinstance(request, C_STORE):  # never: the event is that of C-STORE
            return status_of(CANNOT_UNDERSTAND)
        spool = request.DataSet
        if isinstance(spool, Spool) and spool.arriving is not None:
            answer = spool.arriving.put_away(visit.scanner)
        else:
            words = "there is no data set"
            answer = StoreAnswer(status=CANNOT_UNDERSTAND, reception=Reception.REFUSED, words=words)
        visit.counts[answer.reception] += 1
        self._tell(
            Received(
                sop_class=str(request.AffectedSOPClassUID or "")[:64],
                sop_instance=str(request.AffectedSOPInstanceUID or "")[:65],
                calling_ae=_sender(event.assoc),
                reception=answer.reception,
                status=answer.status,
                path=answer.path,
                words=answer.words,
                patient_id=answer.patient_id,
            )
        )
        return status_of(answer.status, answer.words)


def _sender(association: Association) -> str:
    """Return the calling AE title, in characters that can be shown."""
    requestor = association.requestor
    request = requestor.primitive
    title = requestor.ae_title or (request.calling_ae_title if request is not None else "") or ""
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in title.strip())


def _proposed(association: Association) -> list[PresentationContext]:
    request = association.requestor.primitive
    contexts = [] if request is None else request.presentation_context_definition_list
    return list(contexts)[:_MOST_CONTEXTS]
