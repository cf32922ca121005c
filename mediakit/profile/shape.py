"""The shape of a TOML document against its structs: every fault, not only the first one.

msgspec stops at the first fault, so it is asked for each leaf alone. Used when a whole conversion failed.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

_SHOWN = 60  # characters of a wrong value that a fault repeats


def shape_faults(raw: object, kind: Any, path: str = "$") -> Iterator[str]:
    """Yield one sentence for each place where `raw` does not have the shape of the type `kind`."""
    bare = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        yield from _table_faults(raw, bare, path)
    elif get_origin(bare) is tuple:
        yield from _list_faults(raw, kind, path)
    elif get_origin(bare) is dict:
        yield from _mapping_faults(raw, bare, path)
    else:
        yield from _leaf_faults(raw, kind, path)


def _table_faults(raw: object, kind: type[msgspec.Struct], path: str) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield f"{path}: expected a table, got {_shown(raw)}"
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in raw:
        if name not in fields:
            close = difflib.get_close_matches(str(name), fields, n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            yield f"{path}.{name}: unknown key{meant}"
    for name, field in fields.items():
        if name in raw:
            yield from shape_faults(raw[name], field.type, f"{path}.{name}")
        elif field.required:
            yield f"{path}: `{name}` is missing"


def _list_faults(raw: object, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(raw, list):
        yield f"{path}: expected {_description(kind) or 'a list'}, got {_shown(raw)}"
        return
    if not raw and any(m.min_length for m in _metas(kind)):
        yield f"{path}: expected {_description(kind)}, got an empty list"
    element = get_args(_bare(kind))[0]
    for index, value in enumerate(raw):
        yield from shape_faults(value, element, f"{path}[{index}]")


def _mapping_faults(raw: object, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield f"{path}: expected a table, got {_shown(raw)}"
        return
    for name, value in raw.items():
        yield from shape_faults(value, get_args(kind)[1], f"{path}.{name}")


def _leaf_faults(raw: object, kind: Any, path: str) -> Iterator[str]:
    try:
        msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as exc:
        expected = _description(kind) or _choices(kind)
        yield f"{path}: expected {expected}, got {_shown(raw)}" if expected else f"{path}: {exc}"


def _metas(kind: Any) -> Iterator[msgspec.Meta]:
    """Yield the Meta of an annotated type, looking through `X | None`."""
    if get_origin(kind) is Annotated:
        yield from (extra for extra in get_args(kind)[1:] if isinstance(extra, msgspec.Meta))
        yield from _metas(get_args(kind)[0])
    elif get_origin(kind) in {Union, types.UnionType}:
        for one in get_args(kind):
            yield from _metas(one)


def _description(kind: Any) -> str:
    return next((meta.description for meta in _metas(kind) if meta.description), "")


def _choices(kind: Any) -> str:
    bare = _bare(kind)
    if get_origin(bare) is Literal:
        return " or ".join(_shown(value) for value in get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return "one of " + ", ".join(_shown(member.value) for member in bare)
    return {bool: "true or false", int: "a whole number", str: "a text"}.get(bare, "")


def _bare(kind: Any) -> Any:
    """Return the type without its annotations and without `| None`: TOML has no null."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        (only,) = (one for one in get_args(kind) if one is not types.NoneType)
        return _bare(only)
    return kind


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
