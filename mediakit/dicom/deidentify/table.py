"""The table of PS3.15 Annex E (Table E.1-1) as values: what each option does with each attribute.

`attributes.csv` has edition 2024b; rows that 2025b adds and that were not compared with its text are marked
`2025b-unconfirmed` there.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mediakit.dicom.deidentify.options import Option

#: UI elements that name no instance but a kind of thing, which many have: SOP Classes, transfer syntaxes,
#: coding schemes, context groups, templates. All other UIDs are those of instances (PS3.15 E.1.1).
CLASS_UIDS = frozenset({0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x00080117, 0x00080118})
CLASS_UIDS |= {0x0008040E, 0x00081150, 0x0008115A, 0x00083002, 0x00340003, 0x04000010, 0x04000510}
CLASS_UIDS |= {0x3010001F, 0x30100052, 0x30100053}

_CURVES, _OVERLAYS, _PRIVATE = "50xxxxxx", "60xx3000", "oddxxxx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the action code of the profile ("X", "Z/D", ...), and "K" or "C" by option."""

    basic: str
    by_option: Mapping[Option, str]
    vr: str = ""
    is_confirmed: bool = True


@cache
def rows() -> Mapping[int, Row]:
    """Return the rows for single tags."""
    return {int(tag, 16): row for tag, row in _all_rows().items() if "x" not in tag}


def row_of(tag: int) -> Row | None:
    """Return the row that holds for a tag, by itself or by its group; None when the table has none.

    Of an overlay whose data are removed nothing stays: what describes it would be wrong.
    """
    group = tag >> 16
    if group & 1:
        return _all_rows()[_PRIVATE]
    if group & 0xFF00 == 0x5000:
        return _all_rows()[_CURVES]
    if group & 0xFF00 == 0x6000:
        return _all_rows()[_OVERLAYS]
    return rows().get(tag)


@cache
def _all_rows() -> Mapping[str, Row]:
    text = files(__package__).joinpath("attributes.csv").read_text(encoding="ascii")
    return {line["tag"]: _row(line) for line in csv.DictReader(text.splitlines())}


def _row(line: Mapping[str, str]) -> Row:
    return Row(
        basic=line["basic"],
        by_option={option: line[option.word] for option in Option if line[option.word]},
        vr=line["vr"],
        is_confirmed=line["edition"] == "2024b",
    )
