"""The quick way through headers: files of a series have the same elements in the same places.

A `Layout` remembers the chain of elements of a file that was parsed in the plain way. A chain that matches
holds by induction: each header found where the one before says it must be is the header that the plain
parser would have read there. Elements whose values were the same in all files so far are compared as
they are; those that were seen to differ have only their header compared; those whose length was seen to
differ split the chain into runs. A run is compared with one call and its values are taken with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

import msgspec

from mediakit.dicom.elements import KNOWN_VRS, Encoding, dictionary_vr, header_at
from mediakit.dicom.instance import Tag
from mediakit.dicom.packed import Common
from mediakit.dicom.structure import length_mask

MAX_LAYOUTS = 16
PATIENCE = 64  # layouts that may be learnt before they have to pay
SIBLINGS = 4  # layouts with the same elements; one more chain loosens the last one used
SETTLED = 4  # files after which a layout is left as it is, and another value makes another layout


class _Link(msgspec.Struct, frozen=True):
    """One element of a chain: the bytes of its header before the length, the length and the value."""

    prefix: bytes
    wide: bool  # the length has 32 bits
    value: bytes
    tag: Tag
    wanted: bool
    is_sequence: bool
    odd_bits: int  # the bits of the length that must be zero

    @property
    def kept(self) -> bool:
        """Return True when `match` gives its value: because it is wanted, or to look into its items."""
        return self.wanted or self.is_sequence


class _Run(msgspec.Struct, frozen=True):
    """Elements of known length, and at its end the header of one whose length is free (or of none)."""

    span: int
    fixed: Struct  # the bytes that must be as expected
    expected: tuple[bytes, ...]
    values: Struct  # wanted values that differ, and last the free length when there is one
    is_open: bool
    keeps: bool  # the value of free length is kept
    odd_bits: int  # the bits of the free length that must be zero


class Layout:
    """A chain of elements, and the bytes that follow it (b"" for the end of the file).

    `constant` holds the wanted values that never differed, `places` the index of every other wanted value
    among those that `match` gives, `common` both of them; `sequences` has the index of each sequence, its tag
    and whether it is wanted.
    None of them changes once the layout is made: headers share them.
    """

    __slots__ = (
        "_differs",
        "_free",
        "_links",
        "_runs",
        "common",
        "constant",
        "follows",
        "hits",
        "places",
        "sequences",
    )

    def __init__(self, links: tuple[_Link, ...], follows: bytes, values: Mapping[Tag, bytes]) -> None:
        """`values` are the wanted values of this chain, as the plain parser gives them."""
        self._links = links
        self._differs: set[int] = set()
        self._free: set[int] = set()
        self.follows = follows
        self.constant = dict(values)
        self.hits = 0
        self.sequences: tuple[tuple[int, Tag, bool], ...] = ()
        self.places: Mapping[Tag, int] = {}
        self._runs = self._compiled()

    def match(self, data: bytes, offset: int, size: int) -> tuple[list[bytes], int] | None:
        """Return the values kept and the offset behind the chain; None when the bytes are different."""
        values: list[bytes] = []
        have = len(data)
        for run in self._runs:
            if offset + run.span > have or run.fixed.unpack_from(data, offset) != run.expected:
                return None
            values += run.values.unpack_from(data, offset)
            offset += run.span
            if run.is_open:
                length = int(values.pop())
                end = offset + length
                if end > have or length & run.odd_bits:
                    return None
                if run.keeps:
                    values.append(data[offset:end])
                offset = end
        if data.startswith(self.follows, offset) if self.follows else offset == size:
            return values, offset
        return None

    def loosened(self, links: tuple[_Link, ...], values: Mapping[Tag, bytes]) -> Layout:
        """Return a layout of these links that takes both this chain and the other, of the same elements."""
        other = Layout(links, self.follows, values)
        pairs = enumerate(zip(self._links, links, strict=True))
        differing = {index for index, (ours, theirs) in pairs if ours.value != theirs.value}
        other._differs = self._differs | differing
        other._free = self._free | {i for i in differing if len(self._links[i].value) != len(links[i].value)}
        other._runs = other._compiled()
        return other

    def renewed(self, links: tuple[_Link, ...], values: Mapping[Tag, bytes]) -> Layout:
        """Return a layout of other constant values whose elements differ where they differ in this one."""
        other = Layout(links, self.follows, values)
        other._differs = set(self._differs)
        other._free = set(self._free)
        other._runs = other._compiled()
        return other

    def _compiled(self) -> tuple[_Run, ...]:
        runs: list[_Run] = []
        open_run = _OpenRun()
        kept: list[_Link] = []
        for index, link in enumerate(self._links):
            if index in self._differs and link.kept:
                kept.append(link)
                self.constant.pop(link.tag, None)
            open_run.literal += link.prefix
            length = len(link.value)
            width = 4 if link.wide else 2
            if index in self._free:
                runs.append(open_run.closed(link))
                open_run = _OpenRun()
                continue
            open_run.literal += length.to_bytes(width, "little")
            if index in self._differs:
                open_run.skip(length, keep=link.kept)
            else:
                open_run.literal += link.value
        runs.append(open_run.closed(None))
        self.places = {link.tag: place for place, link in enumerate(kept) if link.wanted}
        self.common = Common(self.constant, self.places)
        self.sequences = tuple(
            (place, link.tag, link.wanted) for place, link in enumerate(kept) if link.is_sequence
        )
        return tuple(runs)


class _OpenRun:
    """A run that is being put together: `literal` are the fixed bytes since the last value that differs."""

    def __init__(self) -> None:
        self.literal = b""
        self._fixed = "<"
        self._values = "<"
        self._expected: list[bytes] = []

    def skip(self, length: int, *, keep: bool) -> None:
        """End the fixed bytes with a value of some length that differs."""
        self._flush()
        self._fixed += f"{length}x"
        self._values += f"{length}{'s' if keep else 'x'}"

    def closed(self, link: _Link | None) -> _Run:
        """Return the run; `link` is the element whose length it ends with, if it does."""
        self._flush()
        values = Struct(self._values + ("" if link is None else "I" if link.wide else "H"))
        fixed, expected = Struct(self._fixed), tuple(self._expected)
        if link is None:
            return _Run(values.size, fixed, expected, values, False, False, 0)
        return _Run(values.size, fixed, expected, values, True, link.kept, link.odd_bits)

    def _flush(self) -> None:
        if self.literal:
            self._fixed += f"{len(self.literal)}s"
            self._values += f"{len(self.literal)}x"
            self._expected.append(self.literal)
            self.literal = b""


class Memo:
    """The last few layouts of one kind of header. Not shared between threads."""

    __slots__ = ("_encoding", "_hits", "_layouts", "_learnt", "_wanted")

    def __init__(self, encoding: Encoding, wanted: Mapping[Tag, bytes] | None) -> None:
        """`wanted` maps tags to VRs; None: every element is wanted."""
        self._encoding = encoding
        self._wanted = wanted
        self._layouts: list[tuple[tuple[bytes, ...], Layout]] = []  # by elements; the last one used is first
        self._hits = 0
        self._learnt = 0

    def match(self, data: bytes, offset: int, size: int) -> tuple[Layout, list[bytes], int] | None:
        """Return a layout that these bytes have, the values of its tags, and the offset behind it."""
        layouts = self._layouts
        for place, (_, layout) in enumerate(layouts):
            found = layout.match(data, offset, size)
            if found is not None:
                layout.hits += 1
                self._hits += 1
                if place:
                    layouts.insert(0, layouts.pop(place))
                return layout, *found
        return None

    def learn(self, data: bytes, offset: int, end: int, follows: bytes, values: Mapping[Tag, bytes]) -> None:
        """Remember the chain from `offset` to `end`, which the plain parser has found sound.

        A new chain with the elements of a known one loosens that one; when that one has settled, it
        stays beside the new one (up to a number), which takes over what differs from file to file.
        """
        if self._learnt > PATIENCE + self._hits // 4:
            return
        self._learnt += 1
        links = self._chain(data, offset, end)
        if not links:
            return
        key = (follows, *(link.prefix for link in links))
        places = [place for place, (known, _) in enumerate(self._layouts) if known == key]
        if not places:
            layout = Layout(links, follows, values)
        elif self._layouts[places[0]][1].hits >= SETTLED and len(places) < SIBLINGS:
            layout = self._layouts[places[0]][1].renewed(links, values)
        else:
            layout = self._layouts.pop(places[0])[1].loosened(links, values)
        self._layouts.insert(0, (key, layout))
        del self._layouts[MAX_LAYOUTS:]

    def _chain(self, data: bytes, offset: int, end: int) -> tuple[_Link, ...]:
        """Return the links of a chain; none when headers in it could read differently at another length."""
        links: list[_Link] = []
        while offset < end:
            tag, vr, width, length = header_at(data, offset, self._encoding)
            if (vr not in KNOWN_VRS and not self._encoding.implicit) or (links and tag <= links[-1].tag):
                return ()
            wide = width == 12 or self._encoding.implicit
            prefix = data[offset : offset + width - (4 if wide else 2)]
            offset += width
            wanted = self._wanted is None or tag in self._wanted
            value = data[offset : offset + length]
            holds_items = vr == b"SQ" or (self._encoding.implicit and dictionary_vr(tag) == b"SQ")
            links.append(_Link(prefix, wide, value, tag, wanted, holds_items, length_mask(vr)))
            offset += length
        return tuple(links)
