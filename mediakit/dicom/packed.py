"""Header values that take little room: what files of one layout have in common is held once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import TypeVar, overload

from mediakit.dicom.instance import Tag

Other = TypeVar("Other")
Values = tuple[bytes | None, ...]


class Common:
    """What the headers of one layout share; nobody may change it.

    `values` are those that all of them have, `places` says where the value of any other tag lies among those
    that belong to one header alone. `chosen` is what `Several` found out of this layout.
    """

    __slots__ = ("chosen", "places", "values")

    def __init__(self, values: Mapping[Tag, bytes], places: Mapping[Tag, int]) -> None:
        self.values = values
        self.places = places
        self.chosen: dict[Several, tuple[Values, Callable[[Values], Values] | None]] = {}


class Several:
    """Takes the values of some tags, two or more, out of headers; quick where very many are asked for them.

    What the headers of a layout have in common is looked up once, and with it where the other values lie.
    """

    __slots__ = ("_tags",)

    def __init__(self, *tags: Tag) -> None:
        if len(tags) < 2:
            raise ValueError("one value is taken by `get`")
        self._tags = tags

    def __call__(self, values: Mapping[Tag, bytes]) -> Values:
        """Return the values of the tags, in their order; None for what is absent."""
        if type(values) is not Packed:
            return tuple(map(values.get, self._tags))
        alike, take = values.common.chosen.get(self) or self._chosen(values.common)
        return alike if take is None else take(alike + values.own)

    def _chosen(self, common: Common) -> tuple[Values, Callable[[Values], Values] | None]:
        """Return what a layout has in common, and what picks from that and the values of one header."""
        shared = [tag for tag in self._tags if tag not in common.places]
        alike = tuple(map(common.values.get, shared))
        places = (
            len(shared) + common.places[tag] if tag in common.places else shared.index(tag)
            for tag in self._tags
        )
        take = None if len(shared) == len(self._tags) else itemgetter(*places)
        common.chosen[self] = alike, take
        return alike, take


class Packed(Mapping[Tag, bytes]):
    """The values of one header, by tag: those in `common`, and those that are its `own`."""

    __slots__ = ("common", "own")

    def __init__(self, common: Common, own: tuple[bytes, ...]) -> None:
        self.common = common
        self.own = own

    def __getitem__(self, tag: Tag) -> bytes:
        place = self.common.places.get(tag)
        return self.common.values[tag] if place is None else self.own[place]

    @overload
    def get(self, tag: Tag, default: None = None, /) -> bytes | None: ...
    @overload
    def get(self, tag: Tag, default: bytes, /) -> bytes: ...
    @overload
    def get(self, tag: Tag, default: Other, /) -> bytes | Other: ...
    def get(self, tag: Tag, default: Other | None = None, /) -> bytes | Other | None:
        """Return the value of a tag, or the default; faster than `Mapping.get`, which catches exceptions."""
        common = self.common
        place = common.places.get(tag)
        return common.values.get(tag, default) if place is None else self.own[place]

    def __contains__(self, tag: object) -> bool:
        return tag in self.common.places or tag in self.common.values

    def __iter__(self) -> Iterator[Tag]:
        yield from self.common.values
        yield from self.common.places

    def __len__(self) -> int:
        return len(self.common.values) + len(self.common.places)

    def __repr__(self) -> str:
        return f"Packed({dict(self)!r})"
