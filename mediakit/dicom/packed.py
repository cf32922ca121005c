"""Header values that take little room: what files of one layout have in common is held once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar, overload

from mediakit.dicom.instance import Tag

Other = TypeVar("Other")


class Packed(Mapping[Tag, bytes]):
    """The values of one header, by tag.

    `common` holds the values that all headers of the layout have, `places` says where the value of any other
    tag lies in `own`. Only `own` belongs to this header; nobody may change the two others.
    """

    __slots__ = ("_common", "_own", "_places")

    def __init__(
        self, common: Mapping[Tag, bytes], places: Mapping[Tag, int], own: tuple[bytes, ...]
    ) -> None:
        self._common = common
        self._places = places
        self._own = own

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
