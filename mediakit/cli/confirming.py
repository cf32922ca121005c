"""Questions to the person at the terminal about the patient of a medium."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.cli.target import peer_named
from mediakit.cli.terminal import answer_to
from mediakit.errors import UsageError

if TYPE_CHECKING:  # the values are loaded when a command asks
    from mediakit.destinations.login import Login
    from mediakit.destinations.peer import Peer
    from mediakit.stages.import_order import Matching
    from mediakit.transfer.matching import Chosen, Ranking

_YES = frozenset({"y", "yes"})


def can_ask() -> bool:
    """Return True when a person reads what is asked and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def named_patient(patient_id: str, peer: Peer, *, yes: bool) -> Matching:
    """Return how an import finds the one local patient whose the medium is said to be. Raises UsageError."""
    from mediakit.stages.import_order import Matching

    if not yes and not can_ask():
        hint = "run it on a terminal, or add `--yes`: that confirms it unless name, birth date or sex differ"
        raise UsageError("`--as-patient` has to be confirmed by a person", hint=hint)
    return Matching(peer=peer, patient_id=patient_id, confirm=_agree if yes else confirm_patient)


def offer(dest: str, config: Path | None, login: Login | None) -> Matching | None:
    """Return how an import on a terminal asks about everybody on the medium; None for a folder.

    Raises UsageError.
    """
    from mediakit.cli.named import destination_named
    from mediakit.destinations.folder import FolderAddress
    from mediakit.stages.import_order import Matching

    if isinstance(destination_named(dest, config).address, FolderAddress):
        return None
    try:
        peer = peer_named(dest, config, login)
    except UsageError:  # a destination of another kind, which has no query for patients
        peer = None
    return Matching(peer=peer, confirm=_confirm_or_keep, is_offer=True)


def confirm_patient(ranking: Ranking, why: str) -> Chosen | None:
    """Show the candidates beside the medium and let a person choose; None when nobody is chosen."""
    from mediakit.report.reconciled import candidates_text
    from mediakit.transfer.matching import Chosen

    _say(candidates_text(ranking))
    if not ranking.scored:
        _say(why or "the destination has no patient like this")
        return None
    number = 0
    if len(ranking.scored) == 1:
        number = 1 if _asked("import as this local patient? [y/N] ") in _YES else 0
    else:
        answer = _asked(f"import as which of these local patients? [1 to {len(ranking.scored)}, or N] ")
        if answer.isascii() and answer.isdecimal() and len(answer) < 4:
            number = int(answer)
    if not 1 <= number <= len(ranking.scored):
        return None
    return Chosen(scored=ranking.scored[number - 1])


def _confirm_or_keep(ranking: Ranking, why: str) -> Chosen | None:
    """Ask whose images these are; when they are nobody's here, whether the Patient ID is to be kept."""
    from mediakit.transfer.matching import Chosen

    chosen = confirm_patient(ranking, why)
    if chosen is not None:
        return chosen
    return Chosen() if _asked("import under the Patient ID of the medium? [y/N] ") in _YES else None


def _agree(ranking: Ranking, why: str) -> Chosen | None:  # noqa: ARG001 - as `Confirm` has it
    """Agree in place of a person, unless the two contradict each other."""
    from mediakit.transfer.matching import Chosen

    only = ranking.scored[0]
    return None if only.contradicts else Chosen(scored=only)


def _say(text: str) -> None:
    print(text, end="" if text.endswith("\n") else "\n", file=sys.stderr, flush=True)


def _asked(question: str) -> str:
    """Return the answer in lower case; "" at the end of the input."""
    return answer_to(question, 100).strip().lower()
