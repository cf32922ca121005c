"""What a reconciliation gives. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediakit.findings import Report
from mediakit.outcome import Outcome
from mediakit.transfer.mapping import MapRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was found out: rows for the review file, in the order of the medium. They hold names.

    `counts` tells for how many identities (or studies) there is one good candidate ("matched"), several as
    good as each other ("several"), a weak one ("weak"), or none ("none").
    """

    source: str
    peer: str
    rows: tuple[MapRow, ...] = field(repr=False)
    counts: Mapping[str, int]
    report: Report
    outcome: Outcome
