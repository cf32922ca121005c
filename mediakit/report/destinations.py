"""Destinations and what they take, as text and as documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mediakit.destinations.address import Named
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.findings import printable
from mediakit.transfer.probed import SYNTAXES, Probe, Taken

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
    }


def _table(taken: Sequence[Taken]) -> Iterator[str]:
    names = {one.sop_class: class_name(one.sop_class) for one in taken}
    width = max(map(len, names.values()))
    yield f"{'':<{width}}  {' '.join(_SHORT.values())}"
    for one in taken:
        marks = " ".join("x  " if uid in one.syntaxes else ".  " for uid in SYNTAXES)
        yield f"{names[one.sop_class]:<{width}}  {marks}".rstrip()


def _not_taken(refused: Sequence[Taken]) -> Iterator[str]:
    for why in dict.fromkeys(one.why for one in refused):
        yield ""
        yield f"not taken: {why}" if why else "not taken:"
        yield from (f"  {class_name(one.sop_class)}" for one in refused if one.why == why)


def _beside(one: Named) -> str:
    return ", ".join(f"{key} {value}" for key, value in one.address.settings(one.options))
