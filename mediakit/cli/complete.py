"""What the shell offers for a word that is begun: profiles, destinations, jobs, rules.

A shell calls this at each press of a key, so nothing is printed and nothing is raised: what cannot be read
offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mediakit.errors import MediakitError

Complete = Callable[[str], list[str]]


def _offering(names: Callable[[], Iterable[str]]) -> Complete:
    def offer(incomplete: str) -> list[str]:
        try:
            return sorted(name for name in names() if name.lower().startswith(incomplete.lower()))
        except (MediakitError, OSError):
            return []

    return offer


def _profiles() -> Iterable[str]:
    from mediakit.cli.config import profile_paths
    from mediakit.profile.load import load_catalogue

    return load_catalogue(profile_paths([], None)).profiles


def _destinations() -> Iterable[str]:
    from mediakit.cli.named import named_destinations

    return named_destinations(None)


def _jobs() -> Iterable[str]:
    from mediakit.cli.state import jobs_of

    return [each.job_id for each in jobs_of(None).summaries()]


def _rules() -> Iterable[str]:
    from mediakit.journeys.rulebook import entries

    return [entry.rule.id for entry in entries()]


profiles = _offering(_profiles)
destinations = _offering(_destinations)
jobs = _offering(_jobs)
rules = _offering(_rules)
