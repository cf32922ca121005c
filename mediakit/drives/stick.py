"""A stick or card as a block device: what is known of it, and whether it may be erased. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mediakit.errors import DoesNotFit, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stick:
    """A block device. `uses` says what holds it or a partition of it: mount points, swap, other devices."""

    device: str
    model: str = ""
    size_bytes: int = 0
    sector_bytes: int = 512
    partitions: int = 0
    is_partition: bool = False
    is_removable: bool = False
    is_read_only: bool = False
    uses: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Return what it is, for the person who says whether it may be erased."""
        parts = "1 partition" if self.partitions == 1 else f"{self.partitions} partitions"
        size = self.size_bytes / 1e6
        shown = f"{size / 1e3:.1f} GB" if size >= 1e3 else f"{size:.1f} MB"
        return f"{self.model or 'unknown model'}, {shown}, {parts}"


def check_stick(stick: Stick, *, may_erase: bool = False) -> None:
    """Raise UsageError when it may not be written to.

    `may_erase` allows a device that does not say of itself that it can be removed. What is in use is refused
    whatever is said.
    """
    if stick.is_partition:
        hint = "name the whole device: the partition table is written too"
        raise UsageError("is a partition, not a stick", where=stick.device, hint=hint)
    if stick.uses:
        hint = "unmount it first; what is in use is never written to"
        raise UsageError("is in use", where=stick.device, why=", ".join(stick.uses[:4]), hint=hint)
    if stick.is_read_only:
        raise UsageError("is write-protected", where=stick.device, hint="slide its switch, or take another")
    if not stick.size_bytes:
        raise UsageError("has no medium in it", where=stick.device, hint="insert the stick or card")
    if not stick.is_removable and not may_erase:
        hint = "see that it is not a disk of this machine; `--yes-erase` writes to it all the same"
        raise UsageError("is not a removable device", where=stick.device, why=stick.shown, hint=hint)


def check_stick_room(stick: Stick, size_bytes: int) -> None:
    """Raise DoesNotFit when an image is larger than the device."""
    if size_bytes > stick.size_bytes:
        raise DoesNotFit(
            "the image is larger than the stick",
            where=stick.device,
            why=f"{size_bytes:,} bytes are needed, {stick.size_bytes:,} are there",
            hint="take a larger stick, or a smaller image",
        )
