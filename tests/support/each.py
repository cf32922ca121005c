"""Many cases in one test: every case is tried, and those that fail are listed together."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

_MOST_CHARACTERS = 300  # of a value that is shown

Test = Callable[..., None]


def each(
    names: str | Sequence[str], cases: Iterable[object], ids: Callable[[Any], object] = repr
) -> Callable[[Test], Test]:
    """Call a test with each case, as `pytest.mark.parametrize` does, but as one test.

    For cases that need no id of their own: many, quick, and of one kind. The test fails once, with every case
    that failed and what was wrong with it. Fixtures are shared by all cases. `ids` shows a value.
    """
    words = [names] if isinstance(names, str) else list(names)
    rows = [_row(case, len(words)) for case in cases]

    def collected(test: Test) -> Test:
        @functools.wraps(test)
        def tried(*args: object, **fixtures: object) -> None:
            assert rows, "there is no case to try"
            given = [dict(zip(words, row, strict=True)) for row in rows]
            failed = list(_failures(functools.partial(test, *args, **fixtures), given, ids))
            if failed:
                pytest.fail(f"{len(failed)} of {len(rows)} cases:\n" + "\n".join(failed), pytrace=False)

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in words]
        tried.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return tried

    return collected


def _row(case: object, width: int) -> Sequence[object]:
    return case if width > 1 and isinstance(case, Sequence) else (case,)


def _failures(test: Test, given: Iterable[dict[str, object]], ids: Callable[[Any], object]) -> Iterator[str]:
    for case in given:
        try:
            test(**case)
        except (Exception, pytest.fail.Exception) as exc:  # noqa: BLE001 - a crash is a case that failed
            shown = ", ".join(str(ids(value))[:_MOST_CHARACTERS] for value in case.values())
            line = traceback.extract_tb(exc.__traceback__)[-1].lineno
            yield f"- {shown}: line {line}: {type(exc).__name__}: {exc}"
