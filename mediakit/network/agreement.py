"""What two sides have agreed on when an association begins: the request and the answer, item by item.

What a peer answers to nothing that was proposed is ignored where the standard says so, and kept as a remark.
What leaves no doubt-free reading (two answers to one context, a context that was never proposed, more
operations under way than were proposed) is `Malformed`, which ends the association. PS3.7 D.3, PS3.8 9.3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mediakit.network.associate import ACCEPTED, AssociateAC, AssociateRQ, ContextResult, ProposedContext
from mediakit.network.reasons import Malformed, RejectReason, context_refusal
from mediakit.network.user_items import IdentityKind, Role, UserInformation, Window

_NO_WINDOW = Window(invoked=1, performed=1)  # of sides that say nothing, PS3.7 D.3.3.3


class IdentityOutcome(StrEnum):
    """What became of the user identity."""

    NOT_SENT = "not sent"
    NO_ANSWER_WANTED = "sent, no answer asked for"
    CONFIRMED = "confirmed by the peer"
    NOT_CONFIRMED = "not confirmed by the peer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedContext:
    """What became of one context: a transfer syntax, or why it cannot be used; and our roles in it."""

    id: int
    abstract_syntax: str
    proposed: tuple[str, ...]
    transfer_syntax: str = ""
    refusal: RejectReason | None = None
    is_scu: bool = True
    is_scp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What holds for an association. `window` is 1 and 1 when none was agreed on; 0 means any number.

    `ours` is what we said and proposed, `peer` what the other side says of itself. `extended` are the answers
    by SOP Class, `remarks` are what it answered to nothing that was proposed.
    """

    contexts: tuple[AgreedContext, ...]
    window: Window
    identity: IdentityOutcome
    ours: UserInformation
    peer: UserInformation
    extended: Mapping[str, bytes] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def agree(request: AssociateRQ, answer: AssociateAC) -> Agreement:
    """Return what an answer to a request means. Raises Malformed when it cannot be an answer to that."""
    results = _results(request, answer)
    roles, ignored_roles = _roles(request.user, answer.user)
    extended, ignored_extended = _extended(request.user, answer.user)
    as_scp = frozenset(role.sop_class for role in request.user.roles if not role.is_scu)
    return Agreement(
        contexts=tuple(_context(each, results.get(each.id), roles, as_scp) for each in request.contexts),
        window=_window(request.user.window, answer.user.window),
        identity=_identity(request.user, answer.user),
        ours=request.user,
        peer=answer.user,
        extended=extended,
        remarks=(*ignored_roles, *ignored_extended, *_remarks(request.user, answer.user)),
    )


def _results(request: AssociateRQ, answer: AssociateAC) -> Mapping[int, ContextResult]:
    proposed = {context.id for context in request.contexts}
    results: dict[int, ContextResult] = {}
    for result in answer.contexts:
        if result.id not in proposed:
            raise Malformed(f"it answers to presentation context {result.id}, which was not proposed")
        if result.id in results:
            raise Malformed(f"it answers twice to presentation context {result.id}")
        results[result.id] = result
    return results


def _context(
    context: ProposedContext,
    result: ContextResult | None,
    roles: Mapping[str, Role],
    as_scp: frozenset[str],
) -> AgreedContext:
    """Return what became of a context; `as_scp` are the SOP Classes for which only that role was proposed."""
    role = roles.get(context.abstract_syntax)
    is_scu, is_scp = (True, False) if role is None else (role.is_scu, role.is_scp)
    refusal = _refusal(context, result)
    if refusal is None and not (is_scp if context.abstract_syntax in as_scp else is_scu):
        refusal = RejectReason.ROLE
    return AgreedContext(
        id=context.id,
        abstract_syntax=context.abstract_syntax,
        proposed=context.transfer_syntaxes,
        transfer_syntax=result.transfer_syntax if result is not None and refusal is None else "",
        refusal=refusal,
        is_scu=is_scu,
        is_scp=is_scp,
    )


def _refusal(context: ProposedContext, result: ContextResult | None) -> RejectReason | None:
    if result is None:
        return RejectReason.NOT_ANSWERED
    if result.result != ACCEPTED:
        return context_refusal(result.result)
    if result.transfer_syntax not in context.transfer_syntaxes:
        return RejectReason.NOT_PROPOSED
    return None


def _roles(ours: UserInformation, theirs: UserInformation) -> tuple[Mapping[str, Role], list[str]]:
    """Return the accepted roles by SOP Class; a role that was not proposed is ignored (PS3.7 D.3.3.4)."""
    proposed = {role.sop_class: role for role in ours.roles}
    agreed: dict[str, Role] = {}
    answered: dict[str, Role] = {}
    ignored: list[str] = []
    for role in theirs.roles:
        wanted = proposed.get(role.sop_class)
        if wanted is None:
            ignored.append(f"roles for {_shown(role.sop_class)}, for which none were proposed")
            continue
        if role.sop_class in agreed and role != answered[role.sop_class]:
            raise Malformed(f"it answers twice to the roles for {_shown(role.sop_class)}")
        answered[role.sop_class] = role  # DCMTK says the same again for each context of the class
        if (role.is_scu and not wanted.is_scu) or (role.is_scp and not wanted.is_scp):
            ignored.append(f"a role for {_shown(role.sop_class)} that was not proposed")
        agreed[role.sop_class] = Role(
            sop_class=role.sop_class,
            is_scu=role.is_scu and wanted.is_scu,
            is_scp=role.is_scp and wanted.is_scp,
        )
    return agreed, ignored


def _extended(ours: UserInformation, theirs: UserInformation) -> tuple[Mapping[str, bytes], list[str]]:
    proposed = {each.sop_class for each in ours.extended}
    agreed: dict[str, bytes] = {}
    ignored: list[str] = []
    for each in theirs.extended:
        if each.sop_class not in proposed:
            ignored.append(f"extended negotiation for {_shown(each.sop_class)}, which was not proposed")
        elif each.sop_class in agreed:
            raise Malformed(f"it answers twice to the extended negotiation for {_shown(each.sop_class)}")
        else:
            agreed[each.sop_class] = each.information
    return agreed, ignored


def _window(proposed: Window | None, answered: Window | None) -> Window:
    """Return the window that holds. One that was not proposed does not (see `_remarks`)."""
    if proposed is None or answered is None:
        return _NO_WINDOW
    if _is_larger(answered.invoked, proposed.invoked) or _is_larger(answered.performed, proposed.performed):
        numbers = f"{_numbers(answered)} operations to {_numbers(proposed)}"
        raise Malformed(f"it answers with an asynchronous operations window of {numbers}")
    return answered


def _is_larger(number: int, limit: int) -> bool:
    return limit != 0 and (number == 0 or number > limit)


def _numbers(window: Window) -> str:
    return f"{window.invoked or 'any number'} and {window.performed or 'any number'}"


def _identity(ours: UserInformation, theirs: UserInformation) -> IdentityOutcome:
    if ours.identity is None:
        return IdentityOutcome.NOT_SENT
    if not ours.identity.wants_response:
        return IdentityOutcome.NO_ANSWER_WANTED
    answer = theirs.identity_answer
    if answer is None or (ours.identity.kind == IdentityKind.KERBEROS and not answer.response):
        return IdentityOutcome.NOT_CONFIRMED  # a Kerberos ticket is answered by one, PS3.7 D.3.3.7.2
    return IdentityOutcome.CONFIRMED


def _remarks(ours: UserInformation, theirs: UserInformation) -> Iterator[str]:
    if theirs.window is not None and ours.window is None:
        yield "an asynchronous operations window, which was not proposed"
    wants_identity = ours.identity is not None and ours.identity.wants_response
    if theirs.identity_answer is not None and not wants_identity:
        yield "an answer to a user identity, which was not asked for"
    if theirs.identity is not None:
        yield "a user identity, which belongs into a request"
    if theirs.common:
        yield "a common extended negotiation, which belongs into a request"
    for kind in theirs.unknown:
        yield f"an item of the unknown type {kind:02X}H"


def _shown(uid: str) -> str:
    """Return a UID of a peer in characters that can be shown, not too many of them."""
    return "".join(sign if sign.isprintable() else "?" for sign in uid[:64]) or "no SOP Class"
