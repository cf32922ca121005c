"""Encode JPEG Lossless, Process 14, Selection Value 1 (ISO/IEC 10918-1; PS3.5 A.4.2).

The encoder is ours because the codec at hand refuses images with an odd number of bytes and ends the
process for some values of Bits Stored. What it writes is decoded by another codec before it is used.
"""

from __future__ import annotations

import heapq
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mediakit.dicom.image import Frame

_CHUNK_SAMPLES = 1 << 18  # packed at a time: bounds the memory that packing needs


def encode(frame: Frame, bits_stored: int) -> bytes:
    """Return the codestream of one frame (rows x columns, or rows x columns x samples), interleaved.

    Negative values are written as their two's complement in `bits_stored` bits, 2 to 16.
    """
    import numpy as np  # noqa: PLC0415 - the extra `codecs`

    planes = frame.reshape(frame.shape[0], frame.shape[1], -1)
    precision = max(2, bits_stored)
    samples = (planes.astype(np.int64) & ((1 << bits_stored) - 1)).astype(np.int32)
    differences = _differences(samples, precision).reshape(-1)
    categories = _categories(differences)
    lengths = _code_lengths(np.bincount(categories, minlength=17))
    head = _head(planes.shape, precision, lengths)
    return head + _packed(differences, categories, lengths) + b"\xff\xd9"


def _differences(samples: NDArray[np.int32], precision: int) -> NDArray[np.int32]:
    """Return sample minus prediction, modulo 65536, as -32767 to 32768."""
    import numpy as np  # noqa: PLC0415

    predicted = np.empty_like(samples)
    predicted[:, 1:] = samples[:, :-1]
    predicted[1:, 0] = samples[:-1, 0]
    predicted[0, 0] = 1 << (precision - 1)
    difference = (samples - predicted) & 0xFFFF
    return np.where(difference > 0x8000, difference - 0x10000, difference)


def _categories(differences: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return SSSS: how many bits the magnitude of each difference has."""
    import numpy as np  # noqa: PLC0415

    table = np.zeros(0x8001, dtype=np.int64)
    for bits in range(1, 17):
        table[1 << (bits - 1) : min(1 << bits, 0x8001)] = bits
    found: NDArray[np.int64] = table[np.abs(differences)]
    return found


def _code_lengths(counts: NDArray[np.int64]) -> dict[int, int]:
    """Return the length of the Huffman code of each category that occurs, 16 bits at most.

    Rare categories are counted as one in a thousand, so that no code can grow longer than 16 bits; a
    place is kept for the code of all ones, which is not allowed.
    """
    floor = max(1, int(counts.sum()) // 1000)
    used = [(max(int(count), floor), category) for category, count in enumerate(counts) if count]
    heap: list[tuple[int, int, tuple[int, ...]]] = [(weight, c, (c,)) for weight, c in used]
    heap.append((0, -1, (-1,)))
    heapq.heapify(heap)
    lengths = {c: 0 for _, c in used} | {-1: 0}
    while len(heap) > 1:
        left, right = heapq.heappop(heap), heapq.heappop(heap)
        for category in left[2] + right[2]:
            lengths[category] += 1
        heapq.heappush(heap, (left[0] + right[0], min(left[1], right[1]), left[2] + right[2]))
    del lengths[-1]
    return lengths


def _in_order(lengths: dict[int, int]) -> list[int]:
    return sorted(lengths, key=lambda category: (lengths[category], category))


def _head(shape: tuple[int, ...], precision: int, lengths: dict[int, int]) -> bytes:
    rows, columns, samples = shape
    ordered = _in_order(lengths)
    counts = bytes(sum(1 for c in ordered if lengths[c] == bits) for bits in range(1, 17))
    table = b"\0" + counts + bytes(ordered)
    components = range(1, samples + 1)
    frame = pack(">BHHB", precision, rows, columns, samples) + b"".join(
        bytes((c, 0x11, 0)) for c in components
    )
    scan = bytes((samples,)) + b"".join(bytes((c, 0)) for c in components) + b"\1\0\0"
    return b"\xff\xd8" + _segment(0xC4, table) + _segment(0xC3, frame) + _segment(0xDA, scan)


def _segment(marker: int, content: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _packed(differences: NDArray[np.int32], categories: NDArray[np.int64], lengths: dict[int, int]) -> bytes:
    """Return the entropy coded bits, padded with ones, with a zero byte after every 0xFF."""
    import numpy as np  # noqa: PLC0415

    codes, widths = np.zeros(17, dtype=np.int64), np.zeros(17, dtype=np.int64)
    code, last = 0, 0
    for category in _in_order(lengths):
        code <<= lengths[category] - last
        last = lengths[category]
        codes[category], widths[category] = code, last
        code += 1
    out = bytearray()
    left = np.zeros(0, dtype=np.uint8)
    for at in range(0, len(differences), _CHUNK_SAMPLES):
        part, kind = (
            differences[at : at + _CHUNK_SAMPLES].astype(np.int64),
            categories[at : at + _CHUNK_SAMPLES],
        )
        extra = np.where(kind == 16, 0, kind)  # category 16 means 32768 and has no further bits
        bits = np.where(part < 0, part - 1, part) & ((1 << extra) - 1)
        stream = np.concatenate((left, _bits(codes[kind] << extra | bits, widths[kind] + extra)))
        whole = len(stream) // 8 * 8
        out += np.packbits(stream[:whole]).tobytes()
        left = stream[whole:]
    if len(left):
        ones = np.ones(8 - len(left), dtype=np.uint8)
        out += np.packbits(np.concatenate((left, ones))).tobytes()
    return bytes(out).replace(b"\xff", b"\xff\0")


def _bits(words: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the low `widths` bits of each word, one after another, one bit an entry."""
    import numpy as np  # noqa: PLC0415

    ends = np.cumsum(widths)
    shifts = np.repeat(ends, widths) - np.arange(1, int(ends[-1]) + 1)
    return ((np.repeat(words, widths) >> shifts) & 1).astype(np.uint8)
