"""Writing UDF images, without ISO 9660: 2.60 and 2.50 for BD, 1.50 for DVD-RAM, 1.02 and 2.01 for DVD.

Source: PS3.12 Annexes J, P and X; OSTA UDF 1.02 to 2.60; ECMA-167.

All names and file entries lie together behind the volume descriptors, then come the files in their order.
From UDF 2.50 on they are a metadata partition. The volume is read-only, that of a DVD-RAM overwritable.
pycdlib is not used here: what it calls 2.60 carries the marks of revision 1.02 (`NSR02`, domain 0102h).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from mediakit.durable import check_room, reserve, write_all, written_file
from mediakit.events import Listener
from mediakit.formats import moment
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.legal import check_paths
from mediakit.formats.stream_copy import Pourer
from mediakit.formats.udf_plan import (
    FIRST_UNIQUE,
    PHYSICAL,
    SEQUENCE_BLOCKS,
    Form,
    Plan,
    blocks_of,
    lay_out,
)
from mediakit.formats.udf_tags import (
    BLOCK,
    DIRECTORY,
    FILE,
    LONG_AD,
    MAX_EXTENT_BYTES,
    METADATA_FILE,
    METADATA_MIRROR,
    SHORT_AD,
    Tag,
    charset,
    dstring,
    entity,
    long_ad,
    tagged,
)

_RECOGNITION_AT = 16
_MAIN_AT = 32
_INTEGRITY_AT = 64
_ANCHOR_AT = 256
_READ_ONLY, _OVERWRITABLE = 1, 4
_READ_WRITE_DELETE = 0b10110 * 0b00001_00001_00001  # the same for owner, group and others
_SEARCH = 0b00001 * 0b00001_00001_00001
_IMPLEMENTATION = entity(b"*mediakit")


class UdfSink:
    """Writes a UDF 2.60 image, for BD-R.

    Names on it are exactly the paths of the entries: no dot, no version added.
    """

    suffixes = (".iso", ".udf")
    file_systems = ("UDF 2.6",)
    max_file_bytes: int | None = None
    is_folder = False
    form = Form(revision=0x0260, reads=0x0250, unit=32)  # nothing in it is newer than 2.50

    def check(self, entries: Sequence[Entry], order: Order) -> int:
        """Return the size in bytes; see `Sink`."""
        return lay_out(entries, check_paths(entries), order, self.form).end_in_image * BLOCK

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the image; see `Sink`. Raises DoesNotFit for a name, a file or a volume that is too large."""
        plan = lay_out(entries, check_paths(entries), order, self.form)
        size_bytes = plan.end_in_image * BLOCK
        with written_file(part) as fd, Pourer(tell, order.checksum) as pourer:
            check_room(part, size_bytes)
            reserve(fd, 0, size_bytes)
            for at, content in _volume(plan):
                _write_at(fd, at, content)
            os.lseek(fd, (plan.form.partition_at + plan.structure_at) * BLOCK, os.SEEK_SET)
            _write_blocks(fd, _structure(plan))
            block = plan.form.partition_at + plan.data_at
            for entry in entries:
                pourer.pour_at(entry, fd, block * BLOCK)
                block += blocks_of(entry.size)
            os.ftruncate(fd, size_bytes)
            sums = pourer.finish()
        return Receipt(target=part, size_bytes=size_bytes, sums=sums, checksum=order.checksum)


class Udf250Sink(UdfSink):
    """Writes a UDF 2.50 image, for BD-RE."""

    file_systems = ("UDF 2.5",)
    form = Form(revision=0x0250, reads=0x0250, unit=32)


class Udf102Sink(UdfSink):
    """Writes a UDF 1.02 image, for DVD."""

    file_systems = ("UDF 1.02",)
    form = Form(revision=0x0102, reads=0x0102)


class Udf150Sink(UdfSink):
    """Writes a UDF 1.50 image, for DVD-RAM: without a Virtual Allocation Table and without sparing."""

    file_systems = ("UDF 1.5",)
    form = Form(revision=0x0150, reads=0x0102, overwrites=True)


class Udf201Sink(UdfSink):
    """Writes a UDF 2.01 image, for DVD."""

    file_systems = ("UDF 2.01",)
    form = Form(revision=0x0201, reads=0x0201)


def _write_at(fd: int, block: int, content: bytes) -> None:
    os.lseek(fd, block * BLOCK, os.SEEK_SET)
    write_all(fd, content)


def _write_blocks(fd: int, pieces: Iterator[bytes]) -> None:
    """Write pieces that fill whole blocks, many at a time."""
    held = bytearray()
    for piece in pieces:
        held += piece.ljust(blocks_of(len(piece)) * BLOCK, b"\0")
        if len(held) >= 256 * BLOCK:
            write_all(fd, bytes(held))
            held.clear()
    write_all(fd, bytes(held))


def _volume(plan: Plan) -> Iterator[tuple[int, bytes]]:
    """Yield everything outside the structure and the files, with its block in the image."""
    form = plan.form
    edition = form.edition
    for number, name in enumerate((b"BEA01", b"NSR0%d" % edition, b"TEA01")):
        yield _RECOGNITION_AT + number, struct.pack("<B5sB2041x", 0, name, 1)
    for start in (_MAIN_AT, plan.reserve_in_image):
        for number, (tag, body) in enumerate(_sequence(plan)):
            yield start + number, tagged(tag, start + number, body, edition).ljust(BLOCK, b"\0")
    yield _INTEGRITY_AT, tagged(Tag.INTEGRITY, _INTEGRITY_AT, _integrity(plan), edition)
    yield _INTEGRITY_AT + 1, tagged(Tag.TERMINATING, _INTEGRITY_AT + 1, bytes(496), edition)
    size = SEQUENCE_BLOCKS * BLOCK
    anchor = struct.pack("<IIII480x", size, _MAIN_AT, size, plan.reserve_in_image)
    for at in (_ANCHOR_AT, plan.end_in_image - 1):
        yield at, tagged(Tag.ANCHOR, at, anchor, edition).ljust(BLOCK, b"\0")
    if form.has_metadata:
        size = plan.structure_blocks * BLOCK
        where = struct.pack("<II", size, plan.structure_at)
        for at, kind in ((0, METADATA_FILE), (plan.mirror_at, METADATA_MIRROR)):
            yield form.partition_at + at, _file_entry(plan, at, kind, size, where)
    if form.overwrites:
        yield form.partition_at, _bitmap(plan)


def _bitmap(plan: Plan) -> bytes:
    """Return the bitmap of free space: none of the partition is free (ECMA-167 4/14.12)."""
    taken = bytes(-(-plan.partition_blocks // 8))
    body = struct.pack("<II", plan.partition_blocks, len(taken)) + taken
    head = tagged(Tag.SPACE_BITMAP, 0, body[:8], plan.form.edition)  # its CRC covers the head alone
    return head + taken


def _sequence(plan: Plan) -> Iterator[tuple[Tag, bytes]]:
    """Yield the descriptors of a volume descriptor sequence."""
    when = moment.udf(plan.order.when)
    yield (
        Tag.PRIMARY_VOLUME,
        struct.pack("<II32sHHHHII128s", 1, 0, dstring(plan.label, 32), 1, 1, 2, 2, 1, 1, _set_name(plan))
        + charset() * 2
        + struct.pack("<16x32s12s32s64xIH22x", entity(b""), when, _IMPLEMENTATION, 0, 1),
    )
    information = charset() + dstring(plan.label, 128) + bytes(3 * 36) + _IMPLEMENTATION + bytes(128)
    yield Tag.IMPLEMENTATION_USE, struct.pack("<I32s", 2, _of_udf(plan, b"*UDF LV Info")) + information
    form = plan.form
    free = struct.pack("<8xII", plan.bitmap_blocks * BLOCK, 0) if form.overwrites else b""
    access = _OVERWRITABLE if form.overwrites else _READ_ONLY
    yield (
        Tag.PARTITION,
        struct.pack("<IHH32s128s", 3, 1, 0, entity(b"+NSR0%d" % form.edition), free)
        + struct.pack("<III32s128x156x", access, form.partition_at, plan.partition_blocks, _IMPLEMENTATION),
    )
    maps = struct.pack("<BBHH", 1, 6, 1, 0)
    if form.has_metadata:
        maps += _metadata_map(plan)
    yield (
        Tag.LOGICAL_VOLUME,
        struct.pack("<I64s128sI32s", 4, charset(), dstring(plan.label, 128), BLOCK, _domain(plan))
        + long_ad(BLOCK, plan.file_set_at, plan.form.map_number)
        + struct.pack(
            "<II32s128xII", len(maps), 1 + form.has_metadata, _IMPLEMENTATION, 2 * BLOCK, _INTEGRITY_AT
        )
        + maps,
    )
    yield Tag.UNALLOCATED_SPACE, struct.pack("<II488x", 5, 0)
    yield Tag.TERMINATING, bytes(496)


def _metadata_map(plan: Plan) -> bytes:
    no_bitmap = 0xFFFFFFFF  # a read-only partition has nothing to allocate
    return struct.pack(
        "<BB2x32sHHIIIIHB5x",
        2,
        64,
        _of_udf(plan, b"*UDF Metadata Partition"),
        1,
        0,
        0,
        plan.mirror_at,
        no_bitmap,
        plan.form.unit,
        plan.form.unit,
        0,
    )


def _integrity(plan: Plan) -> bytes:
    form = plan.form
    following = FIRST_UNIQUE + len(plan.folders) - 1 + len(plan.entries)
    sizes = (plan.partition_blocks, plan.structure_blocks)[: 1 + form.has_metadata]
    return (
        struct.pack("<12sI8xQ24x", moment.udf(plan.order.when), 1, following)  # 1: closed
        + struct.pack(f"<II{2 * len(sizes)}I", len(sizes), 46, *[0] * len(sizes), *sizes)
        + struct.pack("<32sII", _IMPLEMENTATION, len(plan.entries), len(plan.folders))
        + struct.pack("<HHH", form.reads, form.revision, form.revision)
    )


def _structure(plan: Plan) -> Iterator[bytes]:
    """Yield the file set, the folders and the entries of files: whole blocks each, when filled up."""
    edition, at = plan.form.edition, plan.file_set_at
    yield tagged(Tag.FILE_SET, at, _file_set(plan), edition)
    yield tagged(Tag.TERMINATING, at + 1, bytes(496), edition)
    for folder in plan.folders:
        where = struct.pack("<II", len(folder.names), folder.at + 1)
        yield _file_entry(
            plan, folder.at, DIRECTORY, len(folder.names), where, names=(folder.folders + 1, folder.unique)
        )
        yield folder.names
    block = plan.data_at
    first = plan.folders[-1].at + 1 + plan.folders[-1].blocks
    unique = FIRST_UNIQUE + len(plan.folders) - 1
    for number, entry in enumerate(plan.entries):
        where = b"".join(
            long_ad(min(entry.size - done, MAX_EXTENT_BYTES), block + done // BLOCK, PHYSICAL)
            for done in range(0, entry.size, MAX_EXTENT_BYTES)
        )
        yield _file_entry(plan, first + number, FILE, entry.size, where, names=(1, unique + number))
        block += blocks_of(entry.size)


def _file_set(plan: Plan) -> bytes:
    return (
        struct.pack("<12sHHIIII", moment.udf(plan.order.when), 3, 3, 1, 1, 0, 0)
        + struct.pack(
            "<64s128s64s32s64x", charset(), dstring(plan.label, 128), charset(), dstring(plan.label, 32)
        )
        + long_ad(BLOCK, plan.folders[0].at, plan.form.map_number)
        + struct.pack("<32s16x16x32x", _domain(plan))
    )


def _file_entry(
    plan: Plan, at: int, kind: int, size: int, where: bytes, names: tuple[int, int] = (0, 0)
) -> bytes:
    """Return the entry of a file: readable, writable and deletable by all, as Annexes J, P and X ask.

    `names` says how many names lead to it, and its unique number.
    """
    links, unique = names
    may = _READ_WRITE_DELETE | (_SEARCH if kind == DIRECTORY else 0)
    addressing = LONG_AD if kind == FILE else SHORT_AD
    nobody = 0xFFFFFFFF
    icb = struct.pack("<IH2xHxB6xH", 0, 4, 1, kind, addressing)
    owner = struct.pack("<20sIIIHBBI", icb, nobody, nobody, may, links, 0, 0, 0)
    when = moment.udf(plan.order.when)
    rest = struct.pack("<32sQII", _IMPLEMENTATION, unique, 0, len(where)) + where
    if plan.form.has_metadata:
        sizes = struct.pack("<QQQ", size, size, blocks_of(size))
        body = owner + sizes + when * 4 + struct.pack("<II16x16x", 1, 0) + rest
        return tagged(Tag.EXTENDED_FILE_ENTRY, at, body)
    body = owner + struct.pack("<QQ", size, blocks_of(size)) + when * 3 + struct.pack("<I16x", 1) + rest
    return tagged(Tag.FILE_ENTRY, at, body, plan.form.edition)


def _of_udf(plan: Plan, name: bytes) -> bytes:
    return entity(name, struct.pack("<H6x", plan.form.revision))


def _domain(plan: Plan) -> bytes:
    return entity(b"*OSTA UDF Compliant", struct.pack("<H6x", plan.form.revision))


def _set_name(plan: Plan) -> bytes:
    """Return the volume set's name: 16 characters of its own, then the label."""
    content = hashlib.sha256(plan.label.encode())
    for entry in plan.entries:
        content.update(f"{entry.path!a} {entry.size}\n".encode())
    seconds = int(moment.aware(plan.order.when).timestamp()) & 0xFFFFFFFF
    return dstring(f"{seconds:08x}{content.hexdigest()[:8]}{plan.label}", 128)
