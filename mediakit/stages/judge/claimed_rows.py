"""Which instances of a disc this disc brings, when other discs hold copies: the ledger of the migration says.

An instance that another disc brings is a duplicate here; one whose data set differs is a conflict, and stays
on its disc. Nothing is sent or written here but the claims.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.ledger.migration_values import InstanceState, Share
from mediakit.outcome import Fate, State
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState

ON_ANOTHER_DISC = Rule(
    id="MK-IMP-045",
    severity=Severity.NOTE,
    title="the same data set is on {disc}, and is brought from there",
    ref="PS3.5 9",
    hint="nothing needs to be done; `mediakit migrate status` tells whether it arrived",
)
OTHER_ON_ANOTHER_DISC = Rule(
    id="MK-IMP-046",
    severity=Severity.ERROR,
    title="another data set with the SOP Instance UID {uid} is on {disc}, and was taken from there",
    ref="PS3.5 9",
    hint="compare both, and give the right one a new import; this one was not sent",
)
STORED_BEFORE = Rule(
    id="MK-IMP-047",
    severity=Severity.NOTE,
    title="was brought from here by an earlier try",
    ref="PS3.4 B",
    hint="nothing needs to be done",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRows:
    """The rows that a disc has to bring, and the fates of those it has not.

    `is_retaken`: some of them may have been sent from another disc, and the destination is asked first.
    """

    rows: tuple[Row, ...]
    left_out: tuple[Fate, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_retaken: bool = False


def claimed_rows(
    rows: Collection[Row], shares: Mapping[str, Share], in_job: Collection[str], place: Callable[[Row], str]
) -> ClaimedRows:
    """Return what is to be brought. `in_job` are the keys of rows that a job of this disc knows already."""
    kept: list[Row] = []
    reasons: list[tuple[Row, State, Finding]] = []
    for row in rows:
        share = shares.get(row.item.sop_instance)
        where = Where(path=place(row))
        if share is None or row.state is not TransferState.PLANNED:
            kept.append(row)
        elif not share.is_mine and share.is_other_data:
            finding = OTHER_ON_ANOTHER_DISC.at(where, uid=row.item.sop_instance, disc=share.other)
            reasons.append((row, State.CONFLICT, finding))
        elif not share.is_mine:
            reasons.append((row, State.DUPLICATE, ON_ANOTHER_DISC.at(where, disc=share.other)))
        elif share.state is InstanceState.STORED and row.key not in in_job:
            reasons.append((row, State.ALREADY_THERE, STORED_BEFORE.at(where)))
        else:
            kept.append(row)
    return ClaimedRows(
        rows=tuple(kept),
        left_out=tuple(
            Fate(
                source=finding.where.path,
                state=state,
                because=finding,
                sop_instance=row.item.sop_instance,
            )
            for row, state, finding in reasons
        ),
        findings=tuple(finding for _, _, finding in reasons),
        is_retaken=any(share.is_retaken for share in shares.values()),
    )
