"""Ask a peer which Storage SOP Classes it takes, and in which transfer syntaxes. Nothing is stored.

First every class with all the syntaxes in one context, so that the peer takes one or none, and with both
roles for us, so that it says which it allows; then, for what it takes, each syntax in a context of its own.
Over as many associations as that needs, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.destinations.base import Context, Destination, NegotiatedSession
from mediakit.dicom.uids import STORAGE
from mediakit.transfer.probed import SYNTAXES, Negotiated, Probe, Taken


def probe(destination: Destination, sop_classes: Sequence[str] = tuple(STORAGE)) -> Probe:
    """Return what a destination takes of these SOP Classes. Raises Unreachable."""
    most = destination.most_contexts
    if most is None:
        return Probe(name=destination.name, classes=None)
    asked = [Context(uid, SYNTAXES, wants_scp=True) for uid in sop_classes]
    negotiated: list[Negotiated] = []
    first = [
        _asked(destination, asked[start : start + most], negotiated) for start in range(0, len(asked), most)
    ]
    answers = {uid: answer for part in first for uid, answer in part.items()}
    each = [
        Context(uid, (syntax,)) for uid, answer in answers.items() if answer.syntaxes for syntax in SYNTAXES
    ]
    second = [
        _asked(destination, each[start : start + most], negotiated) for start in range(0, len(each), most)
    ]
    found: dict[str, set[str]] = {uid: set(answer.syntaxes) for uid, answer in answers.items()}
    for part in second:
        for uid, answer in part.items():
            found[uid].update(answer.syntaxes)
    classes = tuple(
        Taken(
            sop_class=uid,
            syntaxes=tuple(syntax for syntax in SYNTAXES if syntax in found[uid]),
            why=answer.why,
        )
        for uid, answer in answers.items()
    )
    return Probe(
        name=destination.name,
        classes=classes,
        associations=len(first) + len(second),
        negotiated=tuple(negotiated),
    )


def _asked(
    destination: Destination, contexts: Sequence[Context], negotiated: list[Negotiated]
) -> dict[str, Taken]:
    """Open one association with these contexts; return what came of each SOP Class.

    What was agreed on is added to `negotiated`.
    """
    session = destination.connect(contexts)
    try:
        if isinstance(session, NegotiatedSession):
            negotiated.append(session.negotiated())
        answers = {}
        for uid in {context.sop_class: None for context in contexts}:
            syntaxes = tuple(session.takes(uid) or ())
            answers[uid] = Taken(sop_class=uid, syntaxes=syntaxes, why=session.refusal(uid))
        return answers
    finally:
        session.close()
