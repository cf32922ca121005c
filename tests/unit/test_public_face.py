"""What `import mediakit` gives: every name it promises, and nothing loaded before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mediakit


@pytest.mark.parametrize("name", mediakit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mediakit, name).__name__ == name
    assert name in dir(mediakit)


@pytest.mark.parametrize("journey", ["burn", "validate", "inspect", "extract", "diff", "repair"])
def test_every_journey_of_media_is_a_function(journey: str) -> None:
    assert callable(getattr(mediakit, journey))


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute `nothing`"):
        getattr(mediakit, "nothing")  # noqa: B009 - a type checker would not let it stand


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, mediakit; print([name for name in sys.modules if name.startswith('mediakit.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
