"""What mypy is taught here: `dataclasses.replace` fails on a struct of msgspec, though it lets that pass.

Loaded by mypy itself, as `plugins` of `[tool.mypy]` in pyproject.toml says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mypy.plugin import FunctionContext, Plugin
from mypy.types import Instance, Type, TypeVarType, UnionType, get_proper_type

STRUCT = "msgspec.Struct"


class StructPlugin(Plugin):
    """Reports `dataclasses.replace` of a struct."""

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Return what looks at a call of `dataclasses.replace`; None for any other function."""
        return _look if fullname == "dataclasses.replace" else None


def plugin(version: str) -> type[StructPlugin]:
    """Return the plugin, by the name that mypy asks for."""
    return StructPlugin


def _look(context: FunctionContext) -> Type:
    values = context.arg_types[0] if context.arg_types else []
    if any(_is_struct(one) for value in values for one in _members(value)):
        context.api.fail(
            "dataclasses.replace fails on a struct: use msgspec.structs.replace", context.context
        )
    return context.default_return_type


def _members(value: Type) -> Iterator[Type]:
    known = get_proper_type(value)
    if isinstance(known, TypeVarType):
        known = get_proper_type(known.upper_bound)
    yield from known.items if isinstance(known, UnionType) else (known,)


def _is_struct(value: Type) -> bool:
    known = get_proper_type(value)
    return isinstance(known, Instance) and any(base.fullname == STRUCT for base in known.type.mro)
