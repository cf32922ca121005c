"""What our SCP answers when an association begins, beside its contexts (PS3.7 D.3.3, PS3.4 B.3.1).

The library leaves most of it to its user, or has no answer: an asynchronous operations window, the positive
response to a user name, the rejection that PS3.7 D.3.3.7.3 asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from pynetdicom.association import Association
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.service_class import ServiceClass
from pynetdicom.sop_class import uid_to_service_class

from mediakit.dicom.related_classes import STORAGE_SERVICE
from mediakit.findings import printable
from mediakit.network.storage_level import KEEPS_ALL
from mediakit.scp.users import Users

WINDOW: Final = 8  # C-STOREs that a peer may have under way; fewer than messages that may wait
MOST_ITEMS: Final = 256  # of each kind that are looked at
_LONGEST_SHOWN: Final = 64  # characters
_PERMANENT, _ACSE, _NO_REASON = 1, 2, 1  # PS3.8 Table 9-21

_Item = TypeVar("_Item")


def identity_of(association: Association) -> UserIdentityNegotiation | None:
    """Return who the user is, as the peer says."""
    return next(iter(_items(association, UserIdentityNegotiation)), None)


def user_of(association: Association) -> str:
    """Return the name of the user in characters that can be shown, "" when there is none."""
    identity = identity_of(association)
    if identity is None or identity.user_identity_type not in {1, 2}:
        return ""
    return printable((identity.primary_field or b"").decode("utf-8", "replace")[:_LONGEST_SHOWN])


def turned_away(association: Association, users: Users | None) -> str:
    """Reject somebody who is not among the users; return why, "" when he is let in."""
    if users is None:
        return ""
    identity = identity_of(association)
    if identity is None:
        why = "it does not say who the user is"
    else:
        fields = (identity.primary_field or b"", identity.secondary_field or b"")
        why = users.objection(identity.user_identity_type or 0, *fields)
    if why:
        association.acse.send_reject(_PERMANENT, _ACSE, _NO_REASON)
        association.kill()
    return why


def answer_items(association: Association, users: Users | None, storage: Iterable[str]) -> None:
    """Add to the acceptance what answers to the items of the request. `storage` are the classes accepted."""
    acceptor = association.acceptor
    for proposed in _items(association, AsynchronousOperationsWindowNegotiation)[:1]:
        invoked, performed = (
            proposed.maximum_number_operations_invoked,
            proposed.maximum_number_operations_performed,
        )
        window = AsynchronousOperationsWindowNegotiation()
        window.maximum_number_operations_invoked = min(invoked or WINDOW, WINDOW)
        window.maximum_number_operations_performed = min(performed or 1, 1)
        acceptor.add_negotiation_item(window)
    accepted = set(storage)
    for each in _items(association, SOPClassExtendedNegotiation):
        if str(each.sop_class_uid) in accepted:
            accepted.discard(str(each.sop_class_uid))
            level = SOPClassExtendedNegotiation()
            level.sop_class_uid = each.sop_class_uid
            level.service_class_application_information = KEEPS_ALL
            acceptor.add_negotiation_item(level)
    identity = identity_of(association)
    if users is not None and identity is not None and identity.positive_response_requested:
        confirmation = UserIdentityNegotiation()
        confirmation.server_response = b""
        acceptor.add_negotiation_item(confirmation)


def told_as_storage(association: Association) -> frozenset[str]:
    """Return the SOP Classes that the peer says to be of the Storage service, and that are of no other.

    Source: PS3.7 D.3.3.6.
    """
    return frozenset(
        str(each.sop_class_uid)
        for each in _items(association, SOPClassCommonExtendedNegotiation)
        if each.service_class_uid == STORAGE_SERVICE
        and uid_to_service_class(str(each.sop_class_uid)) is ServiceClass
    )


def _items(association: Association, kind: type[_Item]) -> Sequence[_Item]:
    request = association.requestor.primitive
    items = [] if request is None else request.user_information
    return [each for each in items if isinstance(each, kind)][:MOST_ITEMS]
