"""Make docs/api.md from the public names of the package: `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path

from msgspec import Struct

import mediakit

PAGE = Path(__file__).parent / "api.md"

_WIDTH = 100
_HEAD = """# The library

What `import mediakit` gives; `help(mediakit)` shows the same. Everything else in the package is internal and
can change with any version.

This page is made by `make docs` from the code.
"""
_GROUPS = ("Functions", "Orders", "Choices", "Values", "Errors", "Types")


def page() -> str:
    """Return the page as it must be now."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.rstrip()
    yield "\n## The journeys\n"
    yield _prose(inspect.getdoc(mediakit) or "")
    members = {name: getattr(mediakit, name) for name in mediakit.__all__}
    for group in _GROUPS:
        yield f"\n## {group}"
        for name, member in sorted(members.items()):
            if _group(name, member) == group:
                yield f"\n### {name}\n"
                yield from _entry(name, member)


def _group(name: str, member: object) -> str:
    if inspect.isfunction(member):
        return "Functions"
    if not inspect.isclass(member):
        return "Types"
    if issubclass(member, Exception):
        return "Errors"
    if issubclass(member, Enum):
        return "Choices"
    return "Orders" if name.endswith("Order") else "Values"


def _entry(name: str, member: object) -> Iterator[str]:
    if not callable(member) or _group(name, member) == "Types":
        yield f"`{_plain(str(member))}`"
        return
    if inspect.isclass(member) and issubclass(member, Enum):
        yield _prose(inspect.getdoc(member) or "")
        yield f"\nOne of {', '.join(f'`{one.name}`' for one in member)}."
        return
    if not (inspect.isclass(member) and issubclass(member, Exception)):
        yield f"```python\n{_signature(name, member)}\n```\n"
    yield _prose(inspect.getdoc(member) or "")
    if inspect.isclass(member) and not issubclass(member, Exception):
        yield from _members(member)


def _members(kind: type) -> Iterator[str]:
    """Yield a line for each method and property that a class has of its own."""
    lines = []
    for name, member in vars(kind).items():
        inner = getattr(member, "__func__", member)
        if name.startswith("_") or not (inspect.isfunction(inner) or isinstance(inner, property)):
            continue
        sentence = (inspect.getdoc(inner) or "").partition("\n")[0]
        called = name if isinstance(inner, property) else f"{name}({', '.join(_parameters(inner))})"
        lines.append(f"- `{called}`: {sentence}")
    if lines:
        yield ""
        yield from lines


def _signature(name: str, member: object) -> str:
    is_value = inspect.isclass(member) and is_dataclass(member) and "__slots__" in vars(member)
    if is_value and not name.endswith("Order"):
        parts = [_field(one) for one in fields(member)]
    else:
        parts = list(_parameters(member))
    returns = ""
    if inspect.isfunction(member):
        returns = f" -> {_plain(str(inspect.signature(member).return_annotation))}"
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def _parameters(member: object) -> Iterator[str]:
    is_struct = inspect.isclass(member) and issubclass(member, Struct)
    written = vars(member)["__annotations__"] if is_struct else {}
    for one in inspect.signature(member).parameters.values():  # type: ignore[arg-type]
        if one.name in {"self", "cls"} or one.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        annotation = (
            "" if one.annotation is one.empty else f": {_plain(str(written.get(one.name, one.annotation)))}"
        )
        yield f"{one.name}{annotation}{'' if one.default is one.empty else f' = {_value(one.default)}'}"


def _field(one: Field[object]) -> str:
    text = f"{one.name}: {_plain(str(one.type))}"
    if one.default is not MISSING:
        return f"{text} = {_value(one.default)}"
    return text if one.default_factory is MISSING else f"{text} = ..."


def _value(default: object) -> str:
    if isinstance(default, Enum):
        return f"{type(default).__name__}.{default.name}"
    if inspect.isfunction(default):
        return default.__name__
    if isinstance(default, str | int | float | tuple) or default is None:
        return repr(default)
    return "..."


def _plain(annotation: str) -> str:
    """Return an annotation without modules."""
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", annotation)


def _prose(text: str) -> str:
    """Return a docstring as Markdown: its example becomes a block."""
    return re.sub(
        r"((?:^(?:>>>|\.\.\.) ?.*\n(?:^(?!>>>|\.\.\.)\S.*\n)?)+)",
        r"```python\n\1```\n",
        text,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
