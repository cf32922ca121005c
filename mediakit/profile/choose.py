"""The profile that a medium fits best, when nobody says which one it should conform to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mediakit.dicom.instance import Instance
from mediakit.profile.fit import Fit, fit
from mediakit.profile.model import Medium, Profile

_GENERAL = "STD-GEN-"
_NOT_UNPACKED = frozenset({(), ("ZIP",), ("MIME",)})  # file systems of media that are no folder


class Choice(Struct, frozen=True):
    """The best fitting profile (None when there is nothing to judge), and others that take all as it is.

    `takes_all`: the profile refuses nothing, though something may have to be converted.
    """

    profile: Profile | None
    also_fits: tuple[str, ...] = ()
    takes_all: bool = False


def choose(instances: Sequence[Instance], candidates: Sequence[Profile]) -> Choice:
    """Return the profile that takes most instances as they are.

    Among equals a general purpose profile comes before a special one, then the order of the candidates
    decides.
    """
    if not candidates or not instances:
        return Choice(None)
    fits = {one.profile_id: one for one in fit(instances, candidates)}
    ranked = sorted(candidates, key=lambda profile: _rank(fits[profile.id], profile))
    also = (profile.id for profile in ranked[1:] if fits[profile.id].takes_all_as_is)
    return Choice(ranked[0], tuple(also), not fits[ranked[0].id].refused)


def candidates_for(
    profiles: Sequence[Profile], file_system: str, size_bytes: int, *, is_secure: bool = False
) -> tuple[Profile, ...]:
    """Return the profiles whose medium can have this file system; if none can, those that fit its family.

    `file_system` is how PS3.12 names it ("ISO 9660 Level 1", "UDF 1.02", "FAT16", "ZIP"), "" for a folder,
    which can be the content of any medium; `size_bytes` is what the medium must hold at least. `is_secure`:
    profiles whose files are encrypted, which are left out otherwise.
    """
    meant = [profile for profile in profiles if profile.is_secure is is_secure]
    holding = [profile for profile in meant if _holds(profile.medium, size_bytes)]
    for among in (holding, meant):
        native = tuple(one for one in among if _suits(one.medium, file_system))
        if native:
            return native
    family = file_system.partition(" ")[0][:3]  # "ISO", "UDF", "FAT", "ZIP"
    related = [one for one in meant if any(name[:3] == family for name in one.medium.file_systems)]
    return tuple(related or meant)


def _suits(medium: Medium, file_system: str) -> bool:
    """Return True when a medium can have this file system; a folder is not taken for a message or archive."""
    if not file_system:
        return medium.file_systems not in _NOT_UNPACKED
    return file_system in medium.file_systems


def _holds(medium: Medium, size_bytes: int) -> bool:
    return not medium.capacities or max(medium.capacities.values()) >= size_bytes


def _rank(one: Fit, profile: Profile) -> tuple[int, int, bool]:
    return (-one.accepted, one.refused, not profile.id.startswith(_GENERAL))
