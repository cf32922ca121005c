"""The volume descriptors of UDF: from an image to what the volume says of itself, bounded.

No file and no folder is looked at here. Logical blocks of 512 to 4096 bytes are understood: those of optical
discs have 2048, those of hard disks and sticks 512. Source: ECMA-167 3/8.4.2, 3/10; OSTA UDF 2.60 2.2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from msgspec import Struct

from mediakit.formats.readable import Extent, Readable
from mediakit.formats.udf_tags import Damaged, Tag, tag_of, undstring
from mediakit.volume import Damage

BLOCK_SIZES = (2048, 512, 4096, 1024)  # the likely ones first
_MAX_SEQUENCE = 256  # blocks of a volume descriptor sequence
_DOMAIN = b"*OSTA UDF Compliant"
_ANCHORS = (256, 512)  # the second on a disc that was not closed
_PSEUDO_OVERWRITABLE, _WRITE_ONCE = 0, 2


#: Damage that is made good: a volume that is read although nothing but its anchor says what it is.
UNRECOGNISED = Damage(
    "", "only an anchor says that there is UDF: its recognition sequence is damaged", is_made_good=True
)


def has_anchor(image: Readable) -> bool:
    """Return True for an anchor that says to stand where it stands: a UDF volume whatever else is damaged."""
    at = _ANCHORS[0]
    anchor = image.read(at * BLOCK_SIZES[0], BLOCK_SIZES[0])
    return tag_of(anchor) == Tag.ANCHOR and int.from_bytes(anchor[12:16], "little") == at


class PartitionFact(Struct, frozen=True, kw_only=True):
    """A partition descriptor: where the partition lies in the image, and how it may be written to."""

    extent: Extent
    access: int = 1

    @property
    def grows(self) -> bool:
        """Return True when the partition spans what may yet be written, and an image need not hold it all."""
        return self.access in {_PSEUDO_OVERWRITABLE, _WRITE_ONCE}


class Descriptors(Struct, frozen=True, kw_only=True):
    """What a volume descriptor sequence says. `logical` is the logical volume descriptor as recorded.

    `sequences` are the places of the main and the reserve sequence; `revision` is "2.60", or "" when the
    volume says none.
    """

    block_size: int
    logical: bytes
    partitions: Mapping[int, PartitionFact]
    sequences: tuple[Extent, ...]
    volume_id: str = ""
    interchange_level: int = 0
    maximum_level: int = 0

    @property
    def label(self) -> str:
        """Return the name of the logical volume."""
        return undstring(self.logical[84:212])

    @property
    def revision(self) -> str:
        """Return the revision of UDF by the domain of the logical volume."""
        return revision_in(self.logical[216:248])

    def is_truncated(self, image: Readable) -> bool:
        """Return True when the image ends before the volume does."""
        grows = any(fact.grows for fact in self.partitions.values())
        extents = [] if grows else [*self.sequences, *(fact.extent for fact in self.partitions.values())]
        return any(start + size > image.size for start, size in extents)


def read_descriptors(image: Readable) -> Descriptors:
    """Return the descriptors of the volume in this image. Raises Damaged."""
    for block_size in BLOCK_SIZES:
        last = image.size // block_size - 1
        for at in (*_ANCHORS, last, last - 256):
            anchor = image.read(at * block_size, block_size) if at > 0 else b""
            if len(anchor) < block_size or tag_of(anchor) != Tag.ANCHOR:
                continue
            if block_size != BLOCK_SIZES[0] and struct.unpack_from("<I", anchor, 12)[0] != at:
                continue  # it was written for blocks of another size
            sizes = struct.unpack_from("<IIII", anchor, 16)
            sequences = tuple(
                (start * block_size, size) for size, start in (sizes[:2], sizes[2:]) if size >= block_size
            )
            for start, size in sequences:
                found = _sequence(image, start, size, block_size)
                if found is not None:
                    return _described(found, block_size, sequences)
    raise Damaged("there is no anchor that leads to a volume")


def revision_beside(image: Readable) -> str:
    """Return the revision of the UDF volume that stands beside ISO 9660, or "" when it says none."""
    try:
        return read_descriptors(image).revision
    except (Damaged, struct.error):
        return ""


def revision_in(domain: bytes) -> str:
    """Return the revision that a domain identifier names, or "" when it is none of UDF."""
    if domain[1:24].rstrip(b"\0") != _DOMAIN:
        return ""
    revision = int(struct.unpack_from("<H", domain, 24)[0])
    return f"{revision >> 8:x}.{revision & 0xFF:02x}" if revision else ""


class _Found(Struct):
    """The prevailing descriptors of a sequence: of several of a kind those with the highest number."""

    primary: bytes = b""
    logical: bytes = b""
    partitions: dict[int, bytes] | None = None


def _sequence(image: Readable, start: int, size: int, block_size: int) -> _Found | None:
    """Return the descriptors of a sequence, or None when it leads to no volume."""
    found = _Found()
    partitions: dict[int, bytes] = {}
    for number in range(min(size // block_size, _MAX_SEQUENCE)):
        block = image.read(start + number * block_size, block_size)
        tag = tag_of(block)
        if tag == Tag.TERMINATING or len(block) < block_size:
            break
        if tag == Tag.PRIMARY_VOLUME:
            found.primary = _prevailing(found.primary, block)
        elif tag == Tag.LOGICAL_VOLUME:
            found.logical = _prevailing(found.logical, block)
        elif tag == Tag.PARTITION:
            named = struct.unpack_from("<H", block, 22)[0]
            partitions[named] = _prevailing(partitions.get(named, b""), block)
    found.partitions = partitions
    return found if found.logical and partitions else None


def _prevailing(one: bytes, other: bytes) -> bytes:
    return one if one and _number_of(one) > _number_of(other) else other


def _number_of(descriptor: bytes) -> int:
    return int(struct.unpack_from("<I", descriptor, 16)[0])


def _described(found: _Found, block_size: int, sequences: tuple[Extent, ...]) -> Descriptors:
    said = struct.unpack_from("<I", found.logical, 212)[0]
    if said != block_size:
        raise Damaged(f"the volume has blocks of {said} bytes, but lies in blocks of {block_size}")
    partitions = {}
    for number, block in (found.partitions or {}).items():
        access, first, blocks = struct.unpack_from("<III", block, 184)
        partitions[number] = PartitionFact(extent=(first * block_size, blocks * block_size), access=access)
    level, maximum = struct.unpack_from("<HH", found.primary, 60) if found.primary else (0, 0)
    return Descriptors(
        block_size=block_size,
        logical=found.logical,
        partitions=partitions,
        sequences=sequences,
        volume_id=undstring(found.primary[24:56]) if found.primary else "",
        interchange_level=level,
        maximum_level=maximum,
    )
