"""Burn from an archive: fetch what is wanted, and burn it when all of it came.

A disc with a part of a study is made only where that was asked for; the report then names what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from mediakit.choices import OnReject
from mediakit.events import Listener, silence
from mediakit.fileset.selection import Selection
from mediakit.findings import Finding, Report
from mediakit.journeys.burn import burn_fitting, check_order
from mediakit.journeys.burn_order import BurnOrder, Burnt
from mediakit.journeys.fetch import FetchOrder, fetch
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.profile.model import Profile

_CAME = frozenset({State.FETCHED, State.ALREADY_THERE})
_MEDIUM_IS_MADE = frozenset({Outcome.GOOD, Outcome.FINDINGS})


def burn_fetched(
    wanted: FetchOrder, candidates: Sequence[Profile], order: BurnOrder, tell: Listener = silence
) -> Burnt:
    """Fetch into the folder of `wanted`, then burn what lies in it.

    When something did not come nothing is written, unless the order says to skip what cannot go. The result
    has one fate for every instance that the archive lists. Raises what `fetch` and `burn` raise.
    """
    check_order((), candidates, order)
    fetched = fetch(wanted, tell)
    if fetched.outcome is not Outcome.GOOD and order.on_reject is OnReject.FAIL:
        fates = (structs.replace(fate, state=_withheld(fate)) for fate in fetched.fates)
        return Burnt(result=replace(fetched, journey="burn", fates=tuple(fates)))
    order = replace(order, selection=_of_series(order.selection))
    burnt = burn_fitting([wanted.folder], candidates, order, tell)
    return replace(burnt, result=_joined(fetched, burnt.result, wanted))


def _withheld(fate: Fate) -> State:
    return State.WITHHELD if fate.state in _CAME else fate.state


def _of_series(selection: Selection) -> Selection:
    """Return what is said of series and patients: the studies were chosen in the archive."""
    return replace(selection, studies=frozenset(), accessions=frozenset(), since="", until="")


def _joined(fetched: Result, burnt: Result, wanted: FetchOrder) -> Result:
    """Return the result of both: what did not come, and what became of what came."""
    folder, archive = f"{wanted.folder}/", f"{wanted.address}/"
    missing = tuple(fate for fate in fetched.fates if fate.state not in _CAME)
    fates = tuple(
        structs.replace(
            fate,
            source=fate.source.replace(folder, archive),
            because=None if fate.because is None else _moved(fate.because, folder, archive),
        )
        for fate in burnt.fates
    )
    findings = [_moved(finding, folder, archive) for finding in burnt.report.findings]
    outcome = fetched.outcome if missing and burnt.outcome in _MEDIUM_IS_MADE else burnt.outcome
    return replace(
        burnt,
        fates=(*missing, *fates),
        report=Report.of(burnt.report.subject, [*fetched.report.findings, *findings]),
        outcome=outcome,
    )


def _moved(finding: Finding, folder: str, archive: str) -> Finding:
    path = finding.where.path
    is_folder = f"{path}/" == folder  # the private one: a name that says nothing
    return finding.moved(archive.rstrip("/") if is_folder else path.replace(folder, archive))
