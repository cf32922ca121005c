"""Destinations and what they take, as text and as documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mediakit.destinations.address import Named
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.findings import printable
from mediakit.transfer.probed import SYNTAXES, ContextOutcome, Negotiated, Probe, Taken

# Headings of the columns, in the order of SYNTAXES.
_SHORT = dict(
    zip(
        SYNTAXES,
        "ILE ELE DEF EBE RLE JPB JPE JPL JL1 JLS JLN J2K J2L HTJ MP2 MP4 HEV".split(),  # noqa: SIM905 - reads as the heading
        strict=True,
    )
)


def list_text(destinations: Sequence[Named], own_file: str) -> str:
    """Return one line per destination: name, address, what is set beside it, file."""
    if not destinations:
        return f"no destinations; `mediakit dest add NAME URL` keeps one in {printable(own_file)}\n"
    names = max(len(one.name) for one in destinations)
    places = max(len(str(one.address)) for one in destinations)
    return "".join(
        f"{one.name:<{names}}  {printable(str(one.address)):<{places}}  {printable(_beside(one))}".rstrip()
        + "\n"
        for one in destinations
    )


def list_doc(destinations: Sequence[Named]) -> dict[str, Any]:
    """Return every destination with its options. Of secrets only the place is known."""
    return {
        "schema": "mediakit/destinations/1",
        "destinations": [
            {
                "name": one.name,
                "url": str(one.address),
                "file": one.origin,
                "options": dict(one.address.settings(one.options)),
            }
            for one in destinations
        ],
    }


def echo_text(one: Named, said: str) -> str:
    """Return what a destination said of itself."""
    return f"{printable(str(one))}: {printable(said)}\n"


def echo_doc(one: Named, said: str) -> dict[str, Any]:
    """Return what a destination said of itself."""
    return {
        "schema": "mediakit/echo/1",
        "exit_code": 0,
        "destination": one.name,
        "url": str(one.address),
        "said": said,
    }


def probe_text(found: Probe) -> str:
    """Return a table: a line for each SOP Class that is taken, a column for each transfer syntax."""
    name = printable(found.name)
    if found.classes is None:
        return f"{name}: nothing is negotiated; what it takes shows when an instance is sent\n"
    taken = [one for one in found.classes if one.syntaxes]
    count = f"{len(taken)} of {len(found.classes)} Storage SOP Classes"
    lines = [f"{name} takes {count}", f"asked in {found.associations} associations"]
    if taken:
        lines += ["", *_table(taken), "", *(f"{_SHORT[uid]}  {syntax_name(uid)}" for uid in SYNTAXES)]
    if found.negotiated:
        lines += _negotiated(found)
    else:
        lines += _not_taken([one for one in found.classes if not one.syntaxes])
    return "\n".join([*lines, ""])


def probe_doc(found: Probe) -> dict[str, Any]:
    """Return what a destination takes; `classes` is null when it does not negotiate."""
    classes = None
    if found.classes is not None:
        classes = [
            {
                "sop_class_uid": one.sop_class,
                "name": class_name(one.sop_class),
                "transfer_syntaxes": list(one.syntaxes),
                "why": one.why,
            }
            for one in found.classes
        ]
    return {
        "schema": "mediakit/probe/1",
        "exit_code": 0,
        "destination": found.name,
        "associations": found.associations,
        "asked": list(SYNTAXES),
        "classes": classes,
        "negotiation": _negotiation_doc(found.negotiated[0]) if found.negotiated else None,
        "contexts": [
            _context_doc(number, context)
            for number, one in enumerate(found.negotiated, 1)
            for context in one.contexts
        ],
    }


def _table(taken: Sequence[Taken]) -> Iterator[str]:
    names = {one.sop_class: class_name(one.sop_class) for one in taken}
    width = max(map(len, names.values()))
    yield f"{'':<{width}}  {' '.join(_SHORT.values())}"
    for one in taken:
        marks = " ".join("x  " if uid in one.syntaxes else ".  " for uid in SYNTAXES)
        yield f"{names[one.sop_class]:<{width}}  {marks}".rstrip()


def _negotiated(found: Probe) -> Iterator[str]:
    """Yield what was agreed on beside the classes, and the contexts of the associations for all of them."""
    one = found.negotiated[0]
    implementation = " ".join(filter(None, (one.implementation_class, one.implementation_version)))
    yield ""
    yield f"implementation   {implementation or 'not said'}"
    yield f"longest PDU      ours {_bytes(one.our_longest_pdu)}, theirs {_bytes(one.their_longest_pdu)}"
    yield f"window           {_window_text(one)}"
    yield f"user identity    {one.identity}"
    yield from (f"ignored          {remark}" for remark in one.remarks)
    yield ""
    yield "presentation contexts: every SOP Class, with all transfer syntaxes"
    rows = [("ID", "SOP Class", "result", "roles", "level of support")]
    seen: set[str] = set()
    for each in found.negotiated:
        rows += [_context_row(context) for context in each.contexts if context.sop_class not in seen]
        seen |= {context.sop_class for context in each.contexts}
    yield from _aligned(rows)


def _context_row(context: ContextOutcome) -> tuple[str, str, str, str, str]:
    result = context.why or syntax_name(context.transfer_syntax)
    roles = "" if context.why else _roles(context)
    return str(context.id), class_name(context.sop_class), result, roles, context.level or "-"


def _roles(context: ContextOutcome) -> str:
    return "SCU, SCP" if context.is_scp else "SCU"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _bytes(length: int) -> str:
    return f"{length} bytes" if length else "any length"


def _window_text(one: Negotiated) -> str:
    """Return how many operations may be under way: "8 operations invoked, 1 performed"."""
    if one.window_proposed is None:
        return "none was proposed: one operation after the other"
    if one.window == (1, 1):
        return (
            f"{_operations(one.window_proposed)} was proposed, none agreed to: one operation after the other"
        )
    return f"{_operations(one.window)} ({_operations(one.window_proposed)} was proposed)"


def _operations(window: tuple[int, int]) -> str:
    invoked, performed = (str(number) if number else "any number" for number in window)
    return f"{invoked} invoked, {performed} performed"


def _negotiation_doc(one: Negotiated) -> dict[str, Any]:
    return {
        "implementation_class_uid": one.implementation_class,
        "implementation_version": one.implementation_version,
        "our_longest_pdu": one.our_longest_pdu,
        "their_longest_pdu": one.their_longest_pdu,
        "window_proposed": _window_doc(one.window_proposed),
        "window": _window_doc(one.window),
        "user_identity": one.identity,
        "ignored": list(one.remarks),
    }


def _window_doc(window: tuple[int, int] | None) -> dict[str, int] | None:
    return None if window is None else {"invoked": window[0], "performed": window[1]}


def _context_doc(number: int, context: ContextOutcome) -> dict[str, Any]:
    return {
        "association": number,
        "id": context.id,
        "sop_class_uid": context.sop_class,
        "proposed": list(context.proposed),
        "transfer_syntax": context.transfer_syntax,
        "accepted": not context.why,
        "why": context.why,
        "scu": context.is_scu,
        "scp": context.is_scp,
        "level_of_support": context.level,
    }


def _not_taken(refused: Sequence[Taken]) -> Iterator[str]:
    for why in dict.fromkeys(one.why for one in refused):
        yield ""
        yield f"not taken: {why}" if why else "not taken:"
        yield from (f"  {class_name(one.sop_class)}" for one in refused if one.why == why)


def _beside(one: Named) -> str:
    return ", ".join(f"{key} {value}" for key, value in one.address.settings(one.options))
