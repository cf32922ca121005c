"""What pixel data carry besides samples: bytes behind the last one, comments of codestreams. Pure.

Nothing is moved: what says nothing of the image becomes zero where it stands, so lengths, offsets and the
coded data stay. Only what stands behind native samples is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from mediakit.dicom.elements import EXPLICIT_LITTLE, ITEM, PIXEL_DATA, item_header_at
from mediakit.dicom.fragments import BEGINNINGS
from mediakit.dicom.image import RLE
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Element
from mediakit.dicom.write import Buffer, item_header

_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS = 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011
_ALLOCATED = 0x00280100
_BITS_OF_FLOATS: Mapping[int, int] = {0x7FE00008: 32, 0x7FE00009: 64}
#: The elements that hold samples.
PIXELS = frozenset({PIXEL_DATA, *_BITS_OF_FLOATS})

_JPEG_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")  # in coded data; not a stuffed byte, not a restart
_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_TABLES = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xF7, 0xF8}) - {0xC8}
# What a decoder reads of application segments: how large the pixels are, how colours were transformed.
_READ_BY_DECODERS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12), 0xE8: (b"mrfx", 5)}
_SOC, _SOT, _SOD, _EOC, _COM_2000 = 0x4F, 0x90, 0x93, 0xD9, 0x64
_RLE_HEADER, _MOST_SEGMENTS = 64, 15
_NO_RUN = 0x80


class Unknowable(Exception):  # noqa: N818 - an answer, turned into a finding by the caller
    """What is part of the image and what is not cannot be told: why."""


def samples_alone(file: DicomFile) -> tuple[DicomFile, int]:
    """Return the file with nothing but the image in its pixel data, and how many bytes stood behind it.

    PS3.5 8.1.1 and A.4. The count is of native pixel data; comments are not counted. Raises `Unknowable`.
    """
    elements, behind = [], 0
    for each in file.elements:
        new = each
        if each.is_encapsulated:
            new = replace(each, value=_fragments_alone(file, each.value))
        elif each.tag in PIXELS and (len(each.value) or each.stored is not None):
            new = _native_alone(file, each)
            behind += _length(each) - _length(new)
        elements.append(new)
    return replace(file, elements=tuple(elements)), behind


def _length(each: Element) -> int:
    return len(each.value) if each.stored is None else len(each.stored)


def _native_alone(file: DicomFile, pixels: Element) -> Element:
    size = _native_size(file, pixels)
    if _length(pixels) <= size:
        return pixels
    whole = pixels.value if pixels.stored is None else b"".join(pixels.stored.pieces())
    if not any(memoryview(whole)[size:]):
        return pixels
    value = bytes(memoryview(whole)[:size]) + bytes(size % 2)
    return replace(pixels, value=value, stored=None)


def _native_size(file: DicomFile, pixels: Element) -> int:
    """Return the bytes of all samples of native pixel data."""
    rows, columns = file.number(_ROWS), file.number(_COLUMNS)
    bits = _BITS_OF_FLOATS.get(pixels.tag) or file.number(_ALLOCATED)
    frames = file.number(_FRAMES) if file.text(_FRAMES) else 1
    samples = file.number(_SAMPLES) or 1
    if not (rows and columns and bits) or frames is None or frames < 1:
        raise Unknowable("how long its pixel data are does not follow from Rows, Columns, Bits Allocated")
    full = (rows * columns * samples * frames * bits + 7) // 8
    is_halved = file.text(_PHOTOMETRIC).endswith("_422") and samples == 3
    # Often the name stayed when the left out samples were added again: then all are there.
    return full * 2 // 3 if is_halved and _length(pixels) < full else full


def _fragments_alone(file: DicomFile, value: Buffer) -> bytes:
    """Return the items of encapsulated pixel data with nothing but codestreams in them."""
    table, *fragments = _items(value)
    frames = file.number(_FRAMES) if file.text(_FRAMES) else 1
    if file.syntax == RLE:
        segment = (file.number(_ROWS) or 0) * (file.number(_COLUMNS) or 0)
        if not segment:
            raise Unknowable("Rows or Columns has no value")
        for each in fragments:
            _rle_alone(each, segment)
        count = len(fragments)
    else:
        count = _codestreams_alone(fragments)
    if count > (frames or 1):
        raise Unknowable("its pixel data hold more frames than Number of Frames says")
    table = table if _is_table(table, fragments) else bytearray()
    return b"".join(item_header(ITEM, len(each)) + bytes(each) for each in (table, *fragments))


def _is_table(table: bytearray, fragments: list[bytearray]) -> bool:
    """Return True when each entry of the Basic Offset Table is where a fragment begins."""
    starts, at = set(), 0
    for each in fragments:
        starts.add(at)
        at += 8 + len(each)
    entries = (int.from_bytes(table[place : place + 4], "little") for place in range(0, len(table), 4))
    return len(table) % 4 == 0 and all(entry in starts for entry in entries)


def _items(value: Buffer) -> list[bytearray]:
    """Return the content of each item; the walk has checked that they add up."""
    view, at = memoryview(value), 0
    found: list[bytearray] = []
    while at + 8 <= len(view):
        _, length = item_header_at(view, at, EXPLICIT_LITTLE)
        found.append(bytearray(view[at + 8 : at + 8 + length]))
        at += 8 + length
    return found or [bytearray()]


def _codestreams_alone(fragments: list[bytearray]) -> int:
    """Clean each codestream, which begins with a fragment and may go on in the next; return how many."""
    count = 0
    for group in _groups(fragments):
        whole = bytearray(b"".join(group))
        _cleaner(whole)(whole)
        at = 0
        for each in group:
            each[:] = whole[at : at + len(each)]
            at += len(each)
        count += 1
    return count


def _groups(fragments: list[bytearray]) -> Iterator[list[bytearray]]:
    """Yield the fragments of each codestream."""
    group: list[bytearray] = []
    for each in fragments:
        if group and each.startswith(BEGINNINGS):
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _cleaner(codestream: bytearray) -> Callable[[bytearray], None]:
    if codestream[:2] == bytes((0xFF, _SOI)):
        return _jpeg_alone
    if codestream[:2] == bytes((0xFF, _SOC)):
        return _jpeg_2000_alone
    raise Unknowable("a frame of its pixel data is no JPEG, JPEG-LS or JPEG 2000 codestream")


def _wipe(data: bytearray, begin: int, end: int) -> None:
    data[begin:end] = bytes(max(0, min(end, len(data)) - begin))


def _segment_end(data: bytearray, at: int) -> int:
    """Return where the marker segment at `at` ends."""
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if not at + 4 <= end <= len(data):
        raise Unknowable("a codestream of its pixel data is broken off, or not what it must be")
    return end


def _jpeg_alone(data: bytearray) -> None:
    """Wipe comments and what applications add, and what stands behind the end (ISO/IEC 10918-1 B.1)."""
    at = 2
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            _wipe(data, at + 2, len(data))
            return
        end = _segment_end(data, at)
        if marker == _COM or 0xE0 <= marker <= 0xEF:
            name, length = _READ_BY_DECODERS.get(marker, (b"", 0))
            kept = length if length and data[at + 4 :].startswith(name) else 0
            _wipe(data, at + 4 + kept, end)
        elif marker not in _TABLES:
            raise Unknowable(f"a codestream of its pixel data has the unknown marker FF{marker:02X}")
        if marker == _SOS:
            found = _JPEG_MARKER.search(data, end)
            end = len(data) if found is None else found.start()
        at = end
    raise Unknowable("a codestream of its pixel data has no end")


def _jpeg_2000_alone(data: bytearray) -> None:
    """Wipe comments, and what stands behind the end (ISO/IEC 15444-1 A)."""
    at, tile_end = 2, 0
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _EOC:
            _wipe(data, at + 2, len(data))
            return
        if marker == _SOD:
            found = data.find(b"\xff\xd9", at)
            at = tile_end if tile_end > at else found if found > 0 else len(data) + 1
            continue
        end = _segment_end(data, at)
        if marker == _SOT:
            length = int.from_bytes(data[at + 6 : at + 10], "big")
            tile_end = at + length if length else 0
        elif marker == _COM_2000:
            _wipe(data, at + 6, end)
        at = end
    if at > len(data) or not tile_end or any(data[at:]):
        raise Unknowable("a codestream of its pixel data has no end")


def _rle_alone(data: bytearray, samples: int) -> None:
    """Wipe what stands between and behind the segments of an RLE frame (PS3.5 G)."""
    count = int.from_bytes(data[:4], "little")
    places = range(4, 4 + 4 * min(count, _MOST_SEGMENTS), 4)
    offsets = [int.from_bytes(data[at : at + 4], "little") for at in places]
    if not 0 < count <= _MOST_SEGMENTS or offsets[0] != _RLE_HEADER or offsets != sorted(offsets):
        raise Unknowable("the header of a frame in RLE is not what it must be")
    ends = [min(end, len(data)) for end in (*offsets[1:], len(data))]
    _wipe(data, 4 + 4 * count, _RLE_HEADER)
    for begin, end in zip(offsets, ends, strict=True):
        at, made = begin, 0
        while made < samples and at < end:
            run = data[at]
            if run < _NO_RUN:
                made, at = made + run + 1, at + run + 2
            elif run > _NO_RUN:
                made, at = made + 257 - run, at + 2
            else:
                at += 1
        if made < samples or at > end:
            raise Unknowable("a frame in RLE is shorter than Rows and Columns say")
        if any(data[at:end]):
            data[at:end] = bytes((_NO_RUN,)) * (end - at)
