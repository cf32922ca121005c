"""Which profiles would take the instances of some sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.errors import SourceError
from mediakit.events import Listener, silence
from mediakit.outcome import Fate, Outcome
from mediakit.profile.fit import Fit, fit
from mediakit.profile.judge import judged_tags
from mediakit.profile.model import Profile
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import take_instances
from mediakit.stages.look.media import look_at_all, open_media


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The fit of every profile, best first, and what became of the files that hold no instance."""

    instances: int
    fits: tuple[Fit, ...]
    left_out: tuple[Fate, ...]
    outcome: Outcome


def fit_sources(paths: Sequence[Path], profiles: Sequence[Profile], tell: Listener = silence) -> Fitted:
    """Scan the sources and fit their instances to every profile.

    The outcome is GOOD when some profile takes all instances, as they are or after a lossless
    conversion; FINDINGS when none does or a file could not be read. Raises SourceError when the
    sources hold no instance.
    """
    tags = {tag for profile in profiles for tag in judged_tags(profile)}
    with open_media(paths) as media:
        surveys = look_at_all(media, Scanner(tags), tell)
    fates = Fates(surveys)
    instances = take_instances(surveys, fates)
    if not instances:
        raise SourceError("no DICOM instance found", where=", ".join(str(path) for path in paths))
    fits = fit(instances, profiles)
    taken = any(not one.refused for one in fits)
    is_lossy = fates.is_damaged or fates.is_bad
    return Fitted(
        instances=len(instances),
        fits=fits,
        left_out=fates.settled(),
        outcome=Outcome.GOOD if taken and not is_lossy else Outcome.FINDINGS,
    )
