"""What an association asks for, and what the peer made of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from mediakit.destinations.base import Context
from mediakit.destinations.login import kind_name
from mediakit.destinations.peer import Peer
from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from mediakit.dicom.related_classes import RELATED_GENERAL, STORAGE_SERVICE
from mediakit.dicom.uids import IMPLICIT_VR_LITTLE_ENDIAN
from mediakit.errors import UsageError
from mediakit.findings import printable
from mediakit.network.agreement import AgreedContext, Agreement
from mediakit.network.associate import AssociateRQ, ProposedContext
from mediakit.network.message import LONGEST_UID, VERIFICATION
from mediakit.network.pdu import encode
from mediakit.network.reasons import RejectReason
from mediakit.network.storage_level import SCU_ONLY, is_partial, level_words
from mediakit.network.user_items import CommonExtended, Extended, IdentityKind, Role, UserInformation, Window
from mediakit.transfer.associations import PATIENT_STUDY_ONLY_FIND
from mediakit.transfer.probed import ContextOutcome, Negotiated

MOST_CONTEXTS: Final = 128  # their IDs are the odd numbers below 256, PS3.8 9.3.2.2
OUR_LONGEST_PDU: Final = 1 << 20
OUR_LONGEST_PDU_RECEIVING: Final = 1 << 18  # larger ones bring nothing, and wait in memory
_LONGEST_VERSION: Final = 16  # characters
_NOT_STORED: Final = frozenset({VERIFICATION, PATIENT_STUDY_ONLY_FIND})
_UID: Final = re.compile(r"[0-9.]{1,64}", re.ASCII)


def association_request(
    peer: Peer, contexts: Sequence[Context], received: Collection[str] = ()
) -> AssociateRQ:
    """Return the request for an association of these contexts. Raises UsageError.

    Instances of the SOP Classes `received` are sent to us: for those we propose the role of the SCP alone.
    """
    for what, title in (("called", peer.called_ae), ("calling", peer.calling_ae)):
        if not (title.strip() and len(title) <= 16 and title.isascii() and title.isprintable()):
            raise UsageError(
                f"the {what} AE title cannot be used",
                where=str(peer),
                why="an AE title has 1 to 16 characters of ASCII, not only spaces",
            )
    proposed = tuple(
        ProposedContext(
            id=context_id, abstract_syntax=context.sop_class, transfer_syntaxes=context.transfer_syntaxes
        )
        for context_id, context in zip(context_ids(), contexts, strict=False)
        if can_be_proposed(context)
    )
    if not proposed:  # an association has a context; what became of ours is known without the peer
        proposed = (
            ProposedContext(
                id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT_VR_LITTLE_ENDIAN,)
            ),
        )
    request = AssociateRQ(
        called_ae=peer.called_ae,
        calling_ae=peer.calling_ae,
        contexts=proposed,
        user=_retriever(peer, received)
        if received
        else _user_information(peer, [each for each in contexts if can_be_proposed(each)]),
    )
    try:
        encode(request)
    except ValueError as exc:
        hint = "propose less: `extended-negotiation = false` of the destination, a shorter identity"
        raise UsageError(
            "the request for the association is too long", where=str(peer), why=str(exc), hint=hint
        ) from exc
    return request


def _retriever(peer: Peer, received: Collection[str]) -> UserInformation:
    """Return what we say of ourselves to somebody who sends us instances (C-GET, PS3.4 C.5.3.2)."""
    return UserInformation(
        longest_pdu=OUR_LONGEST_PDU_RECEIVING,
        implementation_class=IMPLEMENTATION_CLASS_UID,
        implementation_version=IMPLEMENTATION_VERSION_NAME,
        roles=tuple(Role(sop_class=uid, is_scu=False, is_scp=True) for uid in received),
        identity=None if peer.login is None else peer.login.identity(),
    )


def _user_information(peer: Peer, contexts: Sequence[Context]) -> UserInformation:
    """Return what we say of ourselves, and propose beside these contexts."""
    storage = list(dict.fromkeys(each.sop_class for each in contexts if each.sop_class not in _NOT_STORED))
    extended = storage if peer.extends else []
    both_roles = dict.fromkeys(each.sop_class for each in contexts if each.wants_scp and peer.extends)
    window = Window(invoked=peer.window, performed=1) if storage and peer.window > 1 else None
    return UserInformation(
        longest_pdu=OUR_LONGEST_PDU,
        implementation_class=IMPLEMENTATION_CLASS_UID,
        implementation_version=IMPLEMENTATION_VERSION_NAME,
        window=window,
        roles=tuple(Role(sop_class=uid, is_scu=True, is_scp=True) for uid in both_roles),
        extended=tuple(Extended(sop_class=uid, information=SCU_ONLY) for uid in extended),
        common=tuple(
            CommonExtended(sop_class=uid, service_class=STORAGE_SERVICE, general=RELATED_GENERAL.get(uid, ()))
            for uid in extended
        ),
        identity=None if peer.login is None else peer.login.identity(),
    )


def context_ids() -> range:
    """Return the IDs of contexts, in the order in which they are proposed."""
    return range(1, 256, 2)


def can_be_proposed(context: Context) -> bool:
    """Return False for UIDs that a medium may hold but for which some peers end the whole association."""
    uids = (context.sop_class, *context.transfer_syntaxes)
    return bool(context.transfer_syntaxes) and all(_UID.fullmatch(uid) for uid in uids)


def outcomes(
    contexts: Sequence[Context], agreement: Agreement
) -> tuple[tuple[Context, str | RejectReason], ...]:
    """Return what became of each context: the transfer syntax that the peer chose, or why there is none."""
    agreed = {each.id: each.refusal or each.transfer_syntax for each in agreement.contexts}
    return tuple(
        (context, agreed[context_id] if can_be_proposed(context) else RejectReason.NO_UID)
        for context_id, context in zip(context_ids(), contexts, strict=False)
    )


def negotiated(agreement: Agreement) -> Negotiated:
    """Return an agreement in words. Nothing in it is a secret."""
    ours, peer = agreement.ours, agreement.peer
    return Negotiated(
        our_longest_pdu=ours.longest_pdu,
        their_longest_pdu=peer.longest_pdu,
        implementation_class=printable(peer.implementation_class[:LONGEST_UID]),
        implementation_version=printable(peer.implementation_version[:_LONGEST_VERSION]),
        window_proposed=None if ours.window is None else (ours.window.invoked, ours.window.performed),
        window=(agreement.window.invoked, agreement.window.performed),
        identity=_identity_words(agreement),
        contexts=tuple(_context_outcome(each, agreement) for each in agreement.contexts),
        remarks=agreement.remarks,
    )


def _context_outcome(context: AgreedContext, agreement: Agreement) -> ContextOutcome:
    answer = agreement.extended.get(context.abstract_syntax)
    return ContextOutcome(
        id=context.id,
        sop_class=context.abstract_syntax,
        proposed=context.proposed,
        transfer_syntax=context.transfer_syntax,
        why="" if context.refusal is None else str(context.refusal),
        is_scu=context.is_scu,
        is_scp=context.is_scp,
        level="" if answer is None else level_words(answer),
        is_partial=answer is not None and is_partial(answer),
    )


def _identity_words(agreement: Agreement) -> str:
    identity = agreement.ours.identity
    if identity is None:
        return str(agreement.identity)
    user = ""
    if identity.kind in {IdentityKind.USER_NAME, IdentityKind.PASSCODE}:
        user = f" ({printable(identity.primary.decode('utf-8', 'replace'))})"
    return f"{kind_name(IdentityKind(identity.kind))}{user}: {agreement.identity}"
