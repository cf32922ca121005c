"""From collated instances to the plan of one medium, with what is made from its layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from mediakit.fileset.groups import Collated
from mediakit.fileset.plan import ExtraFile, FileSetLayout, FileSetPlan, Wishes, complete, lay_out
from mediakit.fileset.record import Key
from mediakit.formats.base import Entry
from mediakit.profile.model import Profile
from mediakit.stages.plan.produce import Producer, produced


class Drawn(Struct, frozen=True, kw_only=True):
    """The plan of one medium, and the entries that producers made for it."""

    plan: FileSetPlan
    produced: tuple[Entry, ...]


class Draft(Struct, frozen=True, kw_only=True):
    """What every medium of a burn has in common. `capacity` is in bytes, None without a limit.

    `stored_size` gives the bytes that a file of so many bytes takes on the medium. `least` stand in for
    `producers` where the question is only what must have room on a medium.
    """

    profile: Profile
    extra: tuple[ExtraFile, ...]
    icons: Mapping[str, Key]
    producers: tuple[Producer, ...]
    capacity: int | None
    stored_size: Callable[[int], int]
    least: tuple[Producer, ...] = ()

    def laid_out(self, collated: Collated, file_set_id: str) -> FileSetLayout:
        """Return the layout of a medium. Raises UsageError as `lay_out` does."""
        return lay_out(collated, self.profile, Wishes(file_set_id=file_set_id, extra=self.extra), self.icons)

    def complete(self, laid_out: FileSetLayout, *first: Producer) -> Drawn:
        """Return the plan of a medium; `first` are producers of its own. Raises UsageError."""
        return self._completed(laid_out, (*first, *self.producers))

    def least_bytes(self, laid_out: FileSetLayout, *first: Producer) -> int:
        """Return how many bytes a medium takes at least; see `complete`."""
        return self._completed(laid_out, (*first, *self.least)).plan.total_bytes

    def _completed(self, laid_out: FileSetLayout, producers: Sequence[Producer]) -> Drawn:
        entries = produced(laid_out, producers)
        sizes = tuple(ExtraFile(entry.path, entry.size) for entry in entries)
        plan = complete(laid_out, self.capacity, sizes, self.stored_size)
        return Drawn(plan=plan, produced=entries)
