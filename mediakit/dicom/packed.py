"""Header values that take little room: what files of one layout have in common is held once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar, overload

from mediakit.dicom.instance import Tag

Other = TypeVar("Other")


class Common:
    """What the headers of one layout share; nobody may change it.

    `values` are those that all of them have, `places` says where the value of any other tag lies among those
    that belong to one header alone.
    """

    __slots__ = ("_chosen", "places", "values")

    def __init__(self, values: Mapping[Tag, bytes], places: Mapping[Tag, int]) -> None:
        self.values = values
        self.places = places
        self._chosen: dict[tuple[Tag, ...], _Chosen] = {}

    def chosen(self, tags: tuple[Tag, ...]) -> _Chosen:
        """Return which of these tags have values in common, and where those of the others lie."""
        found = self._chosen.get(tags)
        if found is None:
            alike = tuple(None if tag in self.places else self.values.get(tag) for tag in tags)
            own = ((index, self.places.get(tag)) for index, tag in enumerate(tags))
            found = alike, tuple((index, place) for index, place in own if place is not None)
            self._chosen[tags] = found
        return found


_Chosen = tuple[tuple[bytes | None, ...], tuple[tuple[int, int], ...]]


def several(values: Mapping[Tag, bytes], tags: tuple[Tag, ...]) -> tuple[bytes | None, ...]:
    """Return the values of some tags, None for what is absent; quick when many headers are asked for them."""
    return values.several(tags) if isinstance(values, Packed) else tuple(map(values.get, tags))


class Packed(Mapping[Tag, bytes]):
    """The values of one header, by tag: those in `common`, and those that are its own."""

    __slots__ = ("_common", "_own", "_places", "common")

    def __init__(self, common: Common, own: tuple[bytes, ...]) -> None:
        self.common = common
        self._common = common.values
        self._places = common.places
        self._own = own

    def several(self, tags: tuple[Tag, ...]) -> tuple[bytes | None, ...]:
        """Return the values of some tags, None for what is absent."""
        alike, places = self.common.chosen(tags)
        if not places:
            return alike
        values, own = list(alike), self._own
        for index, place in places:
            values[index] = own[place]
        return tuple(values)

    def __getitem__(self, tag: Tag) -> bytes:
        place = self._places.get(tag)
        return self._common[tag] if place is None else self._own[place]

    @overload
    def get(self, tag: Tag, default: None = None, /) -> bytes | None: ...
    @overload
    def get(self, tag: Tag, default: bytes, /) -> bytes: ...
    @overload
    def get(self, tag: Tag, default: Other, /) -> bytes | Other: ...
    def get(self, tag: Tag, default: Other | None = None, /) -> bytes | Other | None:
        """Return the value of a tag, or the default; faster than `Mapping.get`, which catches exceptions."""
        place = self._places.get(tag)
        return self._common.get(tag, default) if place is None else self._own[place]

    def __contains__(self, tag: object) -> bool:
        return tag in self._places or tag in self._common

    def __iter__(self) -> Iterator[Tag]:
        yield from self._common
        yield from self._places

    def __len__(self) -> int:
        return len(self._common) + len(self._places)

    def __repr__(self) -> str:
        return f"Packed({dict(self)!r})"
