"""Many cases in one test: every case is tried, and those that fail are listed together."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

_MOST_CHARACTERS = 300  # of a value that is shown

Test = Callable[..., None]


def each(
    names: str | Sequence[str],
    cases: Iterable[object],
    ids: Callable[[Any], object] = repr,
    at_once: int = 1,
) -> Callable[[Test], Test]:
    """Call a test with each case, as `pytest.mark.parametrize` does, but as one test.

    For cases that need no id of their own: many, quick, and of one kind. The test fails once, with every case
    that failed and what was wrong with it. Fixtures are shared by all cases. `ids` shows a value. So many
    cases as `at_once` are tried side by side: of those that wait.
    """
    words = [names] if isinstance(names, str) else list(names)
    rows = [_row(case, len(words)) for case in cases]

    def collected(test: Test) -> Test:
        @functools.wraps(test)
        def tried(*args: object, **fixtures: object) -> None:
            assert rows, "there is no case to try"
            given = [dict(zip(words, row, strict=True)) for row in rows]
            try_one = functools.partial(_failure, functools.partial(test, *args, **fixtures), ids)
            with ThreadPoolExecutor(at_once) as threads:
                failed = [line for line in (threads.map if at_once > 1 else map)(try_one, given) if line]
            if failed:
                pytest.fail(f"{len(failed)} of {len(rows)} cases:\n" + "\n".join(failed), pytrace=False)

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in words]
        tried.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return tried

    return collected


def _row(case: object, width: int) -> Sequence[object]:
    return case if width > 1 and isinstance(case, Sequence) else (case,)


def _failure(test: Test, ids: Callable[[Any], object], case: dict[str, object]) -> str:
    """Return what is wrong, "" when nothing is."""
    try:
        test(**case)
    except (Exception, pytest.fail.Exception) as exc:  # noqa: BLE001 - a crash is a case that failed
        shown = ", ".join(str(ids(value))[:_MOST_CHARACTERS] for value in case.values())
        line = traceback.extract_tb(exc.__traceback__)[-1].lineno
        return f"- {shown}: line {line}: {type(exc).__name__}: {exc}"
    return ""
