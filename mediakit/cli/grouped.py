"""Groups of options that several commands share: one dataclass in a signature stands for all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each parameter that is a dataclass replaced by the fields of that dataclass.

    A field is an option as a parameter of a command is: its name, its annotation, its default. The class
    variable `heading`, where there is one, is what they stand under in `--help`.
    """
    groups: dict[str, type] = {}
    options: list[inspect.Parameter] = []
    types = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind = types[name]
        if not is_dataclass(kind):
            options.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        assert isinstance(kind, type)  # noqa: S101 - a signature names classes
        groups[name] = kind
        own, heading = get_type_hints(kind, include_extras=True), getattr(kind, "heading", "")
        options += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=_below(heading, own[field.name]),
            )
            for field in fields(kind)
        ]

    @wraps(command)
    def run(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**given, **made)

    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # what `inspect` reads
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


def _below(heading: str, annotation: Any) -> Any:
    """Return the annotation of an option with the heading that it stands under."""
    kind, *options = get_args(annotation)
    if not heading or not options:
        return annotation
    option = copy(options[0])
    option.rich_help_panel = option.rich_help_panel or heading
    return Annotated[kind, option]
