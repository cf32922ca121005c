"""A further session of ISO 9660 Level 1: new files and a new structure, while old files keep their blocks.

On a disc that is open it is written at the next writable address: `write_session` makes the file to burn
from. To an image file it is appended (`append_session`): the content first, then the descriptors that make it
valid, then the same descriptors over those of the first session, so that readers who know of one session
alone see the new set.
Source: ECMA-119; PS3.12 F.2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mediakit.durable import check_room, reserve, write_all, write_error, written_file
from mediakit.events import Listener
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.iso import lay_out_volume
from mediakit.formats.iso_layout import Base, IsoLayout
from mediakit.formats.iso_records import FIRST_DESCRIPTOR, SECTOR
from mediakit.formats.stream_copy import Pourer
from mediakit.secure.checksums import SHA_256

_ALIGNED = 16  # sectors: what drives write at once
_JOLIET_BEGINS, _JOLIET_ESCAPE = b"\2CD001", b"%/"


def next_base(size_bytes: int) -> int:
    """Return the sector at which a session behind so many bytes begins."""
    return -(-size_bytes // (_ALIGNED * SECTOR)) * _ALIGNED


def write_session(part: Path, entries: Sequence[Entry], base: Base, order: Order, tell: Listener) -> Receipt:
    """Write the session that a disc gets at the sector of `base` to an empty file, at that place.

    Before it the file has a hole, in which the disc has what it holds already, and the descriptors of the
    session where a reader begins: so it can be proven. Raises what `Sink.write` raises.
    """
    layout = lay_out_volume(entries, order, base)
    size_bytes = layout.end * SECTOR
    with written_file(part) as fd, Pourer(tell, order.checksum) as pourer:
        check_room(part, size_bytes - base.sector * SECTOR)
        reserve(fd, base.sector * SECTOR, size_bytes - base.sector * SECTOR)
        first, behind = FIRST_DESCRIPTOR * SECTOR, (FIRST_DESCRIPTOR + 2 + order.joliet) * SECTOR
        os.lseek(fd, first, os.SEEK_SET)
        write_all(fd, layout.structure[first:behind])
        os.lseek(fd, base.sector * SECTOR, os.SEEK_SET)
        write_all(fd, layout.structure)
        _pour(fd, layout, entries, base, pourer)
        os.ftruncate(fd, size_bytes)
        sums = pourer.finish()
    return Receipt(target=part, size_bytes=size_bytes, sums=sums, checksum=order.checksum)


def append_session(
    image: Path,
    entries: Sequence[Entry],
    placed: Mapping[str, int],
    order: Order,
    tell: Listener,
    prove: Callable[[Path, Receipt], None],
) -> Receipt:
    """Append a session to an image file. `placed` are the first blocks of the files that stay, by path.

    `prove` is called when the session is valid for readers that know of sessions. Until its descriptors are
    written the image holds the old set, and from then on the new one. Raises what `Sink.write` and `prove`
    raise, and what `write_error` makes of an OSError; then the image is what it was.
    """
    size_bytes = image.stat().st_size
    base = Base(sector=next_base(size_bytes), placed=placed)
    layout = lay_out_volume(entries, order, base)
    with _restored(image, size_bytes) as fd:
        check_room(image, layout.end * SECTOR - size_bytes)
        reserve(fd, base.sector * SECTOR, (layout.end - base.sector) * SECTOR)
        with Pourer(tell, SHA_256) as pourer:
            behind = (FIRST_DESCRIPTOR + 2 + order.joliet) * SECTOR  # the terminator comes last
            os.lseek(fd, base.sector * SECTOR + behind, os.SEEK_SET)
            write_all(fd, layout.structure[behind:])
            _pour(fd, layout, entries, base, pourer)
            os.ftruncate(fd, layout.end * SECTOR)
            receipt = Receipt(target=image, size_bytes=layout.end * SECTOR, sums=pourer.finish())
        os.fsync(fd)
        descriptors = layout.structure[FIRST_DESCRIPTOR * SECTOR : behind]
        _put(fd, base.sector + FIRST_DESCRIPTOR, descriptors)
        prove(image, receipt)
        takes_joliet = order.joliet and _has_joliet_second(fd)
        _put(fd, FIRST_DESCRIPTOR, descriptors[: (1 + takes_joliet) * SECTOR])
    return receipt


def _has_joliet_second(fd: int) -> bool:
    """Return True when the second descriptor of the first session is that of Joliet."""
    os.lseek(fd, (FIRST_DESCRIPTOR + 1) * SECTOR, os.SEEK_SET)
    found = os.read(fd, SECTOR)
    return found.startswith(_JOLIET_BEGINS) and found[88:90] == _JOLIET_ESCAPE


def _pour(fd: int, layout: IsoLayout, entries: Sequence[Entry], base: Base, pourer: Pourer) -> None:
    """Write the files that are new, each at its block."""
    for entry, block in zip(entries, layout.blocks, strict=True):
        if entry.path not in base.placed:
            pourer.pour_at(entry, fd, block * SECTOR)


def _put(fd: int, sector: int, content: bytes) -> None:
    os.lseek(fd, sector * SECTOR, os.SEEK_SET)
    write_all(fd, content)
    os.fsync(fd)


@contextmanager
def _restored(image: Path, size_bytes: int) -> Iterator[int]:
    """Give a descriptor of an image; when the block fails, the image is what it was."""
    try:
        fd = os.open(image, os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as exc:
        raise write_error(exc, image) from exc
    try:
        os.lseek(fd, FIRST_DESCRIPTOR * SECTOR, os.SEEK_SET)
        first = os.read(fd, 2 * SECTOR)
        try:
            yield fd
        except BaseException as exc:
            with suppress(OSError):
                _put(fd, FIRST_DESCRIPTOR, first)
                os.ftruncate(fd, size_bytes)
                os.fsync(fd)
            if isinstance(exc, OSError):
                raise write_error(exc, image) from exc
            raise
    finally:
        os.close(fd)
