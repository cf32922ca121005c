"""A whole DICOM file in memory: read in any native or encapsulated encoding, write as a Part 10 file.

Unlike `header`, which looks only at what judging needs, this keeps every element. Nothing here decodes
pixel data.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import BinaryIO

from mediakit.dicom.bounded_read import Malformed, Window
from mediakit.dicom.dataset import extent_of, meta_elements
from mediakit.dicom.elements import PIXEL_DATA, VR_NAMES, Encoding
from mediakit.dicom.fragments import NotPaddable, even_fragments
from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from mediakit.dicom.instance import Breach, Fault, Note
from mediakit.dicom.opening import FIRST_LOOK, Opening, located
from mediakit.dicom.recode import Element, element, implicit_chunks, recode
from mediakit.dicom.uids import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    SYNTAXES,
    SyntaxKind,
)
from mediakit.dicom.walk import Unwalkable
from mediakit.dicom.write import Buffer
from mediakit.limits import MAX_CONVERTED_BYTES, MAX_INFLATED_BYTES

_PIECE_BYTES = 1 << 16
_NUMBER_OF_FRAMES = 0x00280008
_EXTENDED_OFFSETS = 0x7FE00001

# Kept from the source besides what a new file must say of itself: who sent it, private information.
_KEPT_META = frozenset({0x00020016, 0x00020017, 0x00020018, 0x00020026, 0x00020027, 0x00020028})
_KEPT_META |= {0x00020100, 0x00020102}


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomFile:
    """All elements of one file, in Explicit VR Little Endian; pixel data still as they were encoded.

    `syntax` is what the data set was really encoded in, `declared` what the file meta information says
    ("" when it says nothing). `preamble_used`: the first 128 bytes were not all zero. `faults` are those of
    the source: odd lengths and the order of top-level elements are mended here. `left_out` is how many bytes
    stood behind the last element and are not here.
    """

    syntax: str
    declared: str
    meta: tuple[Element, ...] = field(repr=False)
    elements: tuple[Element, ...] = field(repr=False)
    preamble_used: bool = False
    faults: tuple[Fault, ...] = ()
    left_out: int = 0

    def first(self, tag: int) -> Element | None:
        """Return the top-level element with this tag, or None."""
        return next((e for e in self.elements if e.tag == tag), None)

    def text(self, tag: int) -> str:
        """Return a value as text without padding, "" when absent; for VRs of the default repertoire."""
        found = self.first(tag)
        return "" if found is None else bytes(found.value).decode("latin-1").strip(" \0")

    def number(self, tag: int) -> int | None:
        """Return the first value of a US or IS element; None when absent or not a number."""
        found = self.first(tag)
        if found is None or not len(found.value):
            return None
        if found.vr in {"US", "OW", "UN", "SS"}:
            return int.from_bytes(bytes(found.value[:2]), "little")
        try:
            return int(bytes(found.value).decode("latin-1").split("\\")[0].strip(" \0"))
        except ValueError:
            return None


class Unreadable(Exception):  # noqa: N818 - an answer about the bytes, caught by `transcode`
    """The bytes are not a whole DICOM file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A whole file in memory, its elements not looked at yet.

    `head` is everything of the `whole` in front of the data set, `body` the data set, inflated, `behind` what
    follows a deflated one in the file. `opening` says how it is encoded.
    """

    whole: memoryview = field(repr=False)
    head: memoryview = field(repr=False)
    meta: tuple[Element, ...] = field(repr=False)
    body: memoryview = field(repr=False)
    opening: Opening = field(repr=False)
    behind: bytes = field(default=b"", repr=False)

    @property
    def declared(self) -> str:
        """Return the transfer syntax of the file meta information, "" without one."""
        return self.opening.declared

    @property
    def encoding(self) -> Encoding:
        """Return how the data set is really encoded."""
        return self.opening.encoding

    def syntax(self, *, has_fragments: bool) -> str:
        """Return the transfer syntax that the data set is really encoded in. Raises `Unreadable`."""
        known = SYNTAXES.get(self.opening.declared)
        syntax = self.opening.syntax
        if has_fragments and known is not None and known.is_encapsulated:
            syntax = known.uid  # there are senders that compress and keep Implicit VR
        if has_fragments and not SYNTAXES[syntax].is_encapsulated:
            raise Unreadable("its pixel data are encapsulated, and its transfer syntax does not say how")
        return syntax


def read(stream: BinaryIO, size: int = MAX_CONVERTED_BYTES) -> DicomFile:
    """Return the file behind `stream`, read from its start. Raises `Unreadable` and the stream's OSError.

    `size` is how many bytes it should have, where that is known: see `open_whole`.
    """
    opened = open_whole(stream, size)
    body = opened.body
    try:
        extent = extent_of(Window(_View(body), len(body)), opened.encoding)
        elements = recode(body[: extent.end], opened.encoding)
    except Unwalkable as exc:
        raise Unreadable(str(exc)) from exc
    except Malformed as broken:
        raise Unreadable(broken.finding("").text) from broken
    file = DicomFile(
        syntax=opened.syntax(has_fragments=any(each.is_encapsulated for each in elements)),
        declared=opened.declared,
        meta=opened.meta,
        elements=elements,
        preamble_used=Note.PREAMBLE_USED in opened.opening.notes,
        faults=extent.faults,
        left_out=sum(len(tail) for tail in (body[extent.end :], opened.behind) if any(tail)),
    )
    return _mended(file) if file.faults else file


class _View:
    """Bytes in memory as a stream, without a copy."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset from the start."""
        if whence != 0:
            raise ValueError(whence)
        self._at = offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        end = len(self._view) if size < 0 else self._at + size
        part = bytes(self._view[self._at : end])
        self._at += len(part)
        return part


def _mended(file: DicomFile) -> DicomFile:
    """Return the file with its elements in order and its fragments even. Raises `Unreadable`."""
    breaches = {fault.breach for fault in file.faults}
    elements = file.elements
    if Breach.ORDER in breaches:
        elements = tuple(sorted(elements, key=lambda each: each.tag))
    pixels = file.first(PIXEL_DATA)
    if Breach.ODD_FRAGMENT in breaches and pixels is not None and pixels.is_encapsulated:
        is_video = SYNTAXES[file.syntax].kind is SyntaxKind.VIDEO
        frames = 1 if is_video else file.number(_NUMBER_OF_FRAMES) or 1
        offsets = file.first(_EXTENDED_OFFSETS)
        has_offsets = offsets is not None and len(offsets.value) > 0
        try:
            value = even_fragments(pixels.value, frames, has_offsets=has_offsets)
        except NotPaddable as exc:
            raise Unreadable(str(exc)) from exc
        elements = tuple(replace(e, value=value) if e is pixels else e for e in elements)
    return replace(file, elements=elements)


def open_whole(stream: BinaryIO, size: int = MAX_CONVERTED_BYTES) -> Opened:
    """Return the head and the data set of a file. Raises `Unreadable` and the stream's OSError.

    All is read, whatever `size` says; but a read makes room for what it asks for before it finds less.
    """
    content = _content(stream, size)
    try:
        opening = located(BytesIO(content), len(content), content[:FIRST_LOOK])
        meta = _meta(content, opening)
    except Malformed as broken:
        raise Unreadable(broken.finding("").text) from broken
    if opening.declared and opening.declared not in SYNTAXES:
        raise Unreadable("its transfer syntax is not a known one")
    whole = memoryview(content)
    body, behind = whole[opening.begin :], b""
    if opening.is_deflated:
        inflated, behind = _inflated(body)
        body = memoryview(inflated)
    return Opened(
        whole=whole, head=whole[: opening.begin], meta=meta, body=body, opening=opening, behind=behind
    )


def _content(stream: BinaryIO, size: int) -> bytes:
    """Return all bytes of a stream. Raises `Unreadable` and the stream's OSError."""
    stream.seek(0)
    parts, length = [], 0
    part = stream.read(min(size, MAX_CONVERTED_BYTES) + 1)
    while part:  # the system gives at most 2 GiB at a time
        parts.append(part)
        length += len(part)
        if length > MAX_CONVERTED_BYTES:
            raise Unreadable(f"it is larger than {MAX_CONVERTED_BYTES} bytes")
        part = stream.read(_PIECE_BYTES)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _meta(content: bytes, opening: Opening) -> tuple[Element, ...]:
    """Return the elements of group 2. Raises Malformed."""
    if not opening.meta:
        return ()
    window = Window(BytesIO(content), opening.begin, content[: opening.begin])
    return tuple(
        Element(tag, VR_NAMES.get(vr, "UN"), memoryview(content)[begin:end])
        for tag, vr, begin, end in meta_elements(window, opening.meta_at)
    )


def _inflated(body: memoryview) -> tuple[bytes, bytes]:
    """Return the data set of a deflated file, at most `MAX_INFLATED_BYTES`, and what follows (PS3.5 A.5)."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error as exc:
        raise Unreadable("its deflated data set is damaged") from exc
    if inflater.unconsumed_tail:
        raise Unreadable(f"it inflates to more than {MAX_INFLATED_BYTES} bytes")
    if not inflater.eof:
        raise Unreadable("its deflated data set is cut off")
    return data, inflater.unused_data


def write(elements: Iterable[Element], syntax: str, source_meta: Iterable[Element]) -> bytes:
    """Return a whole Part 10 file: empty preamble, file meta information of ours, the elements.

    The data set is in Implicit VR Little Endian when `syntax` says so, else in Explicit VR Little Endian. SOP
    Class and Instance UID of the meta information are those of the data set; where it has none (no composite
    object), those of the source. Raises `Unwalkable` and `Contradiction` for what Implicit VR cannot hold.
    """
    return b"".join(pieces(elements, syntax, source_meta))


def pieces(elements: Iterable[Element], syntax: str, source_meta: Iterable[Element]) -> Iterator[Buffer]:
    """Yield what `write` returns, without copying large values."""
    body = tuple(elements)
    meta = _new_meta(body, syntax, tuple(source_meta))
    length = sum(len(chunk) for each in meta for chunk in each.chunks())
    yield bytes(128)
    yield b"DICM"
    for each in (Element(0x00020000, "UL", length.to_bytes(4, "little")), *meta):
        yield from each.chunks()
    for each in body:
        yield from implicit_chunks(each) if syntax == IMPLICIT_VR_LITTLE_ENDIAN else each.chunks()


def head_of(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """Return an empty preamble and file meta information of ours for a data set (PS3.10 7.1)."""
    source = (
        element(0x00020002, "UI", sop_class.encode("latin-1")),
        element(0x00020003, "UI", sop_instance.encode("latin-1")),
    )
    return write((), syntax, source)


def _new_meta(body: tuple[Element, ...], syntax: str, source: tuple[Element, ...]) -> tuple[Element, ...]:
    def uid(tag: int, meta_tag: int) -> bytes:
        value = next((bytes(e.value) for e in body if e.tag == tag), b"").strip(b" \0")
        return value or next((bytes(e.value) for e in source if e.tag == meta_tag), b"").strip(b" \0")

    made = (
        Element(0x00020001, "OB", b"\0\1"),
        element(0x00020002, "UI", uid(0x00080016, 0x00020002)),
        element(0x00020003, "UI", uid(0x00080018, 0x00020003)),
        element(0x00020010, "UI", syntax.encode("latin-1")),
        element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    )
    kept = {e.tag: element(e.tag, e.vr, bytes(e.value)) for e in source if e.tag in _KEPT_META}
    return made + tuple(kept[tag] for tag in sorted(kept))
