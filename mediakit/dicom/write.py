"""Write data elements: headers, padding, items, sequences whose lengths are set when they close (PS3.5 7).

The one writer for every encoding. Values are bytes already; what they mean is not known here. Pure.
"""

from __future__ import annotations

from struct import Struct, pack_into

from mediakit.dicom.elements import (
    EXPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VR_NAMES,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
)

Buffer = bytes | bytearray | memoryview

SHORT_MAX = 0xFFFE  # the longest even value whose length has 16 bits
PADDED_WITH_NUL = frozenset({"OB", "OW", "UI", "UN"})
_PLAIN = {order: Struct(f"{order}HHL") for order in "<>"}
_SHORT = {order: Struct(f"{order}HH2sH") for order in "<>"}
_LONG = {order: Struct(f"{order}HH2sHL") for order in "<>"}


def header(tag: int, vr: str, length: int, encoding: Encoding = EXPLICIT_LITTLE) -> bytes:
    """Return the header of an element. Raises ValueError when the length is too long for the VR."""
    if encoding.implicit:
        return item_header(tag, length, encoding)
    if vr in LONG_VR_NAMES:
        return _LONG[encoding.order].pack(tag >> 16, tag & 0xFFFF, vr.encode("ascii"), 0, length)
    if length > SHORT_MAX:
        raise ValueError(f"a value of VR {vr} is longer than {SHORT_MAX} bytes")
    return _SHORT[encoding.order].pack(tag >> 16, tag & 0xFFFF, vr.encode("ascii"), length)


def item_header(tag: int, length: int, encoding: Encoding = EXPLICIT_LITTLE) -> bytes:
    """Return the header of an item, a delimiter, or an element of Implicit VR."""
    return _PLAIN[encoding.order].pack(tag >> 16, tag & 0xFFFF, length)


def pad(vr: str, value: Buffer) -> bytes:
    """Return what brings a value to even length (PS3.5 6.2)."""
    if len(value) % 2 == 0:
        return b""
    return b"\0" if vr in PADDED_WITH_NUL else b" "


def encoded(tag: int, vr: str, value: Buffer, encoding: Encoding) -> bytes:
    """Return an element with a value that is in the byte order of the encoding, padded to even length.

    Raises ValueError when the value is too long for its VR.
    """
    padding = pad(vr, value)
    return b"".join((header(tag, vr, len(value) + len(padding), encoding), value, padding))


def fitting_vr(vr: str, length: int) -> str:
    """Return UN for a value too long for the 16 bits that its VR gives the length (PS3.5 6.2.2)."""
    return "UN" if length > SHORT_MAX and vr not in LONG_VR_NAMES else vr


class NestedWriter:
    """Collects nested elements in `out`; defined lengths are set when what they measure closes."""

    def __init__(self, encoding: Encoding = EXPLICIT_LITTLE) -> None:
        self.out = bytearray()
        self._encoding = encoding
        self._marks: list[
            tuple[int, int, str]
        ] = []  # content begins at (-1: undefined), delimiter, byte order

    def element(self, tag: int, vr: str, value: Buffer) -> None:
        """Write an element as it is. Raises ValueError when the value is too long for its VR."""
        self.out += header(tag, vr, len(value), self._encoding)
        self.out += value

    def open_sequence(self, tag: int, vr: str, *, undefined: bool) -> None:
        """Begin a sequence."""
        self.out += header(tag, vr, UNDEFINED if undefined else 0, self._encoding)
        self.opened(SEQUENCE_END, undefined=undefined)

    def open_item(self, *, undefined: bool) -> None:
        """Begin an item."""
        self.out += item_header(ITEM, UNDEFINED if undefined else 0, self._encoding)
        self.opened(ITEM_END, undefined=undefined)

    def opened(self, delimiter: int, *, undefined: bool, order: str = "") -> None:
        """Remember what was opened by a header that ends here, in another byte order if one is given."""
        begin = -1 if undefined else len(self.out)
        self._marks.append((begin, delimiter, order or self._encoding.order))

    def close(self) -> None:
        """End what was opened last: set its length, or write its delimiter."""
        begin, delimiter, order = self._marks.pop()
        if begin < 0:
            self.out += _PLAIN[order].pack(delimiter >> 16, delimiter & 0xFFFF, 0)
        else:
            pack_into(f"{order}L", self.out, begin - 4, len(self.out) - begin)
