"""C-MOVE: the archive opens associations of its own to our Storage SCP (PS3.4 C.4.2); for want of C-GET.

Loaded on use: pynetdicom takes long to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mediakit.destinations.archive import Hear, Retrieved
from mediakit.destinations.association import association
from mediakit.destinations.base import Context, Lost
from mediakit.destinations.peer import Peer
from mediakit.dicom.identifier import identifier_of
from mediakit.network.status import is_pending, retrieve_words
from mediakit.scp.contexts import MESSAGE_SYNTAXES
from mediakit.scp.events import Received, ScpEvent
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.receiver import StoreAnswer
from mediakit.scp.server import Listening
from mediakit.scp.storage import StorageScp

if TYPE_CHECKING:
    from pydicom import Dataset
    from pynetdicom.association import Association

STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
_MOST_FAILED: Final = 100_000  # of one list that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTarget:
    """Where we listen for what an archive sends: it must know our AE title at this host and port."""

    host: str
    port: int


def move(
    peer: Peer,
    requests: Iterable[Mapping[int, str]],
    target: MoveTarget,
    store: InstanceStore,
    hear: Hear,
) -> Retrieved:
    """Have what the requests name sent to us, one after the other. Raises Unreachable, UsageError."""

    def told(event: ScpEvent) -> None:
        if isinstance(event, Received):
            answer = StoreAnswer(
                status=event.status,
                reception=event.reception,
                words=event.words,
                path=event.path,
                patient_id=event.patient_id,
            )
            hear(event.sop_instance, answer)

    listening = Listening(ae_title=peer.calling_ae, host=target.host, port=target.port)
    failed: set[str] = set()
    words: dict[str, None] = {}
    with (
        StorageScp(store, listening, told),
        association(peer, (Context(STUDY_ROOT_MOVE, MESSAGE_SYNTAXES),)) as link,
    ):
        for keys in requests:
            code, not_sent = _moved(link, peer, keys)
            failed |= not_sent
            if code:
                words[retrieve_words(code)] = None
    return Retrieved(by="C-MOVE", failed=frozenset(failed), words="; ".join(words))


def _moved(link: Association, peer: Peer, keys: Mapping[int, str]) -> tuple[int, frozenset[str]]:
    """Ask, and wait for the last answer; return its status and what could not be sent. Raises Lost."""
    for status, identifier in link.send_c_move(identifier_of(keys), peer.calling_ae, STUDY_ROOT_MOVE):
        if "Status" not in status:
            break
        code = int(status.Status)
        if not is_pending(code):
            return code, frozenset() if identifier is None else _failed(identifier)
    raise Lost(
        "the archive did not end its answer to C-MOVE",
        where=str(peer),
        why=f"the association ended, or nothing came for {peer.timeouts.answer_s:g} s",
    )


def _failed(identifier: Dataset) -> frozenset[str]:
    value = identifier.get("FailedSOPInstanceUIDList") or ()
    return frozenset(str(uid) for uid in ([value] if isinstance(value, str) else list(value)[:_MOST_FAILED]))
