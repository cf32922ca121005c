"""From `--ignore`, `--select` and `--baseline` to what counts in a validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mediakit.errors import UsageError, mapped

if TYPE_CHECKING:  # loaded when the command runs: `--help` stays fast
    from mediakit.rules.heeded import Heeded, Mark

_MOST_BYTES = 256 * 1024 * 1024


class _Finding(msgspec.Struct, frozen=True):
    rule: str
    text: str
    path: str = ""
    tag: str = ""


class _Baseline(msgspec.Struct, frozen=True):
    schema: str
    findings: list[_Finding]


def heeded_of(ignore: Sequence[str], select: Sequence[str], baseline: Path | None) -> Heeded:
    """Return what counts. Raises UsageError for a rule that is none, or a baseline that cannot be read."""
    from mediakit.rules.heeded import Heeded

    return Heeded(
        ignore=_rules(ignore),
        select=_rules(select),
        known=frozenset() if baseline is None else _known(baseline),
    )


def _rules(given: Sequence[str]) -> frozenset[str]:
    """Return ids and groups ("MK-HYG") in the form of the rules; several may stand with commas between."""
    if not given:
        return frozenset()
    from mediakit.journeys.rulebook import GROUPS, RETIRED, entries, entry_of

    book = entries()
    groups = {f"MK-{group}" for group in GROUPS}
    found = set()
    for text in (each.strip().upper() for one in given for each in one.split(",")):
        named = text if text.startswith("MK-") else f"MK-{text}"
        found.add(named if named in groups or named in RETIRED else entry_of(text, book).rule.id)
    return frozenset(found)


def _known(baseline: Path) -> frozenset[Mark]:
    with (
        mapped({OSError: UsageError}, "the baseline cannot be read", str(baseline)),
        baseline.open("rb") as stream,
    ):
        raw = stream.read(_MOST_BYTES + 1)
    try:
        if len(raw) > _MOST_BYTES:
            raise ValueError("it is too long")
        document = msgspec.json.decode(raw, type=_Baseline)
    except (ValueError, RecursionError) as exc:
        document = _Baseline("", [])
        why = str(exc)
    else:
        why = f"it says {document.schema or 'nothing'} of itself"
    if document.schema != "mediakit/validation/1":
        hint = "`mediakit validate SRC --report FILE.json` writes one"
        what = "the baseline is not the JSON report of a validation"
        raise UsageError(what, where=str(baseline), why=why, hint=hint)
    return frozenset((each.rule, each.path, each.tag, each.text) for each in document.findings)
