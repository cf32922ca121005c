"""A profile as plain values, ready for JSON: tags are written "(gggg,eeee)", enums as their text."""

from __future__ import annotations

from typing import Any

import msgspec

from mediakit.findings import tag_text
from mediakit.profile.model import Profile

_TAGS = frozenset({"tag", "parent", "other", "sequence", "tags"})


def to_builtins(profile: Profile) -> dict[str, object]:
    """Return a profile as dictionaries, lists, texts, numbers and booleans, in the order of the model."""
    plain: dict[str, object] = _with_tag_texts(msgspec.to_builtins(profile))
    return plain


def _with_tag_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _as_text(inner) if name in _TAGS else _with_tag_texts(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_tag_texts(inner) for inner in value]
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [tag_text(one) for one in value]
    return tag_text(value) if isinstance(value, int) else value
