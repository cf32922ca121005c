"""What our SCPs answer to the request for an association (PS3.7 D.3.3, PS3.8 9.3.3, PS3.4 B.3.1). No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from mediakit.dicom.related_classes import STORAGE_SERVICE, is_registered
from mediakit.findings import printable
from mediakit.network.associate import AssociateAC, AssociateRQ, ContextResult, ProposedContext
from mediakit.network.pdu import AssociateRJ
from mediakit.network.storage_level import KEEPS_ALL
from mediakit.network.user_items import Extended, IdentityAnswer, Role, UserInformation, Window
from mediakit.scp.contexts import MAXIMUM_PDU_BYTES, MESSAGE_SYNTAXES, first_known, is_storage
from mediakit.scp.operation import OfferedClass
from mediakit.scp.users import Users

WINDOW: Final = 8  # C-STOREs that a peer may have under way
_LONGEST_SHOWN: Final = 64  # characters
_LONGEST_AE: Final = 16
_UID: Final = re.compile(r"[0-9.]{1,64}", re.ASCII)
# Results of a context, PS3.8 Table 9-18.
_TAKEN, _USER_REJECTION, _NO_SUCH_CLASS, _NO_SUCH_SYNTAX = 0, 1, 3, 4
# Result, source and reason of a rejection, PS3.8 Table 9-21.
_NO_SUCH_CALLER: Final = AssociateRJ(result=1, source=1, reason=3)
_NO_SUCH_CALLED: Final = AssociateRJ(result=1, source=1, reason=7)
_NO_SUCH_USER: Final = AssociateRJ(result=1, source=2, reason=1)
_TOO_MANY: Final = AssociateRJ(result=2, source=3, reason=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whom we let in, and what is offered: `classes` by SOP Class, and with `stores` whatever is storage.

    Only `users` are let in; None lets in everybody.
    """

    ae_title: str
    requires_called_ae: bool = False
    classes: Mapping[str, OfferedClass] = field(default_factory=dict)
    stores: bool = False
    users: Users | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Somebody is not let in; `words` say why where he is to be named, "" where the answer says it all."""

    answer: AssociateRJ
    words: str = ""


def answer_to(request: AssociateRQ, policy: Policy, has_room: Callable[[], bool]) -> AssociateAC | Rejection:
    """Return the answer to a request. `has_room` is asked when all but the user is known to be right."""
    if not _is_title(request.calling_ae):
        return Rejection(_NO_SUCH_CALLER)
    is_ours = request.called_ae == policy.ae_title
    if not _is_title(request.called_ae) or (policy.requires_called_ae and not is_ours):
        return Rejection(_NO_SUCH_CALLED)
    if not has_room():
        return Rejection(_TOO_MANY)
    objection = _objection(request.user, policy.users)
    if objection:
        return Rejection(_NO_SUCH_USER, objection)
    told = told_as_storage(request.user)
    roles = {role.sop_class: role for role in reversed(request.user.roles)}
    results = tuple(_result(each, policy, told, roles) for each in request.contexts)
    taken = {
        context.abstract_syntax: None
        for context, result in zip(request.contexts, results, strict=True)
        if result.result == _TAKEN
    }
    return AssociateAC(
        called_ae=request.called_ae,
        calling_ae=request.calling_ae,
        contexts=results,
        user=_user_information(request.user, policy, taken, roles),
    )


def user_of(user: UserInformation) -> str:
    """Return the name of the user in characters that can be shown, "" when there is none."""
    identity = user.identity
    if identity is None or identity.kind not in {1, 2}:
        return ""
    return printable(identity.primary.decode("utf-8", "replace")[:_LONGEST_SHOWN])


def told_as_storage(user: UserInformation) -> frozenset[str]:
    """Return the SOP Classes that the peer says to be of the Storage service, and that are of no other.

    Source: PS3.7 D.3.3.6.
    """
    return frozenset(
        each.sop_class
        for each in user.common
        if each.service_class == STORAGE_SERVICE and not is_registered(each.sop_class)
    )


def _is_title(title: str) -> bool:
    return 0 < len(title) <= _LONGEST_AE and title.isascii() and title.isprintable() and "\\" not in title


def _objection(user: UserInformation, users: Users | None) -> str:
    """Return why somebody is not let in, "" when he is."""
    if users is None:
        return ""
    if user.identity is None:
        return "it does not say who the user is"
    return users.objection(user.identity.kind, user.identity.primary, user.identity.secondary)


def _result(
    context: ProposedContext, policy: Policy, told: Collection[str], roles: Mapping[str, Role]
) -> ContextResult:
    sop_class = context.abstract_syntax
    offered = policy.classes.get(sop_class)
    syntax: str | None
    if offered is not None:
        syntax = next((each for each in MESSAGE_SYNTAXES if each in context.transfer_syntaxes), None)
    elif policy.stores and _UID.fullmatch(sop_class) and is_storage(sop_class, told):
        syntax = first_known(context.transfer_syntaxes)
    else:
        return ContextResult(id=context.id, result=_NO_SUCH_CLASS, transfer_syntax=MESSAGE_SYNTAXES[-1])
    if syntax is None:
        return ContextResult(id=context.id, result=_NO_SUCH_SYNTAX, transfer_syntax=MESSAGE_SYNTAXES[-1])
    role = roles.get(sop_class)
    is_usable = role is None or role.is_scu or (role.is_scp and _lets_scp(policy, sop_class))
    return ContextResult(
        id=context.id, result=_TAKEN if is_usable else _USER_REJECTION, transfer_syntax=syntax
    )


def _lets_scp(policy: Policy, sop_class: str) -> bool:
    offered = policy.classes.get(sop_class)
    return offered is not None and offered.lets_scp


def _user_information(
    theirs: UserInformation, policy: Policy, taken: Iterable[str], roles: Mapping[str, Role]
) -> UserInformation:
    proposed = {each.sop_class for each in theirs.extended}
    stored = [uid for uid in taken if uid not in policy.classes]
    window = theirs.window
    is_confirmed = policy.users is not None and theirs.identity is not None and theirs.identity.wants_response
    return UserInformation(
        longest_pdu=MAXIMUM_PDU_BYTES,
        implementation_class=IMPLEMENTATION_CLASS_UID,
        implementation_version=IMPLEMENTATION_VERSION_NAME,
        window=None
        if window is None
        else Window(invoked=min(window.invoked or WINDOW, WINDOW), performed=min(window.performed or 1, 1)),
        roles=tuple(
            Role(
                sop_class=uid,
                is_scu=roles[uid].is_scu,
                is_scp=roles[uid].is_scp and _lets_scp(policy, uid),
            )
            for uid in taken
            if uid in roles
        ),
        extended=tuple(Extended(sop_class=uid, information=KEEPS_ALL) for uid in stored if uid in proposed),
        identity_answer=IdentityAnswer() if is_confirmed else None,
    )
