"""Putting an image that is there already on a disc or stick: judge it, write it, read it back, compare."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediakit.errors import DoesNotFit, MediakitError, SourceError, UsageError
from mediakit.events import FileSettled, Listener, silence
from mediakit.findings import Finding, Report
from mediakit.formats.registry import open_medium
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Fate, Figures, Outcome, Result, State, outcome_of
from mediakit.profile.model import Profile
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.act.pressing import Onto, Pressed
from mediakit.stages.act.writing import reason_for
from mediakit.stages.prove.proof import CANNOT_OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOrder:
    """Which image goes where. `catalogue` has the profiles that it may conform to.

    `any_image` takes an image that conforms to none. `is_proven` reads every copy back. `keys` open an
    image that is encrypted, to judge it.
    """

    image: Path
    onto: Onto
    catalogue: Sequence[Profile]
    any_image: bool = False
    is_proven: bool = True
    keys: Keys = NO_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFigures(Figures):
    """The figures of an image that was put somewhere. What is None did not come about."""

    source: str
    target: str
    profile: str
    written_bytes: int | None = None
    copies: int | None = None
    proof: str | None = None


def burn_image(order: ImageOrder, tell: Listener = silence) -> Result:
    """Put an image on a medium, and return one fate for it.

    Raises SourceError when it cannot be read, DoesNotFit when it does not conform to a profile or is too
    large, UsageError when it is no image or the drive cannot be used.
    """
    onto, image = order.onto, order.image
    size = _size_of(image)
    onto.check_room(size)
    profile = _judged(order, tell)
    onto.check(profile)
    try:
        done = onto.put(image, _opens if order.is_proven else None, tell)
    except MediakitError as exc:
        if exc.exit_code != int(Outcome.INTEGRITY):
            raise
        done = Pressed(
            copies=0, said="", findings=(*exc.findings, reason_for(exc)), outcome=Outcome.INTEGRITY
        )
    state = State.WRITTEN if done.copies else State.FAILED
    state = State.PLANNED if onto.is_simulation and done.outcome is None else state
    fates = (Fate(source=str(image), state=state, because=done.findings[-1] if done.findings else None),)
    report = Report.of(str(image), done.findings)
    figures = ImageFigures(
        source=str(image),
        target=onto.name,
        profile="" if profile is None else profile.id,
        written_bytes=size if state is State.WRITTEN else None,
        copies=done.copies,
        proof=done.said or None,
    )
    outcome = outcome_of(fates, report) if done.outcome is None else done.outcome
    for fate in fates:
        tell(FileSettled(fate))
    return Result(
        journey="disc burn", fates=fates, report=report, outcome=outcome, figures=figures.as_mapping()
    )


def _size_of(image: Path) -> int:
    try:
        if not image.is_file():
            hint = "name an image; `mediakit burn SRC --device DEV` makes one from anything else"
            raise UsageError("is not an image", where=str(image), hint=hint)
        size = image.stat().st_size
        os.close(os.open(image, os.O_RDONLY))
    except OSError as exc:
        raise SourceError("cannot be read", where=str(image), why=exc.strerror or "") from exc
    if size % 512:
        raise UsageError("is not an image of a medium", where=str(image), why="it does not end at a sector")
    return size


def _judged(order: ImageOrder, tell: Listener) -> Profile | None:
    """Return the profile that the image conforms to; None when any image is taken. Raises DoesNotFit."""
    validation = validate(order.image, ValidateOrder(catalogue=order.catalogue, keys=order.keys), tell)
    known = {profile.id: profile for profile in order.catalogue}
    profile = known.get(validation.profile_id)
    if all(verdict.holds for verdict in validation.verdicts) and profile is not None:
        return profile
    if order.any_image:
        return None
    name = validation.profile_id or "any profile"
    hint = "`mediakit validate` shows why; `--any-image` writes it all the same"
    raise DoesNotFit(f"the image does not conform to {name}", where=str(order.image), hint=hint)


def _opens(medium: Path) -> tuple[Finding, ...]:
    """Return what is wrong with a medium that holds the bytes of the image: whether it opens as one."""
    try:
        with open_medium(medium) as tree:
            for _ in tree.walk():
                pass
    except MediakitError as exc:
        return (CANNOT_OPEN.at(why=exc.why or exc.what),)
    return ()
