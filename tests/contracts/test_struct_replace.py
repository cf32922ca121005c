"""`mypy` reports `dataclasses.replace` of a struct, which fails at run time only, and nothing else."""

from __future__ import annotations

from pathlib import Path

from mypy import api

CODE = """
from dataclasses import dataclass, replace
from typing import TypeVar
from msgspec import Struct, structs

class Base(Struct, frozen=True):
    size: int = 1

class Below(Base, frozen=True):
    pass

@dataclass(frozen=True)
class Data:
    size: int = 1

Some = TypeVar("Some", bound=Base)

def copies(base: Base, below: Below, data: Data, either: Base | Data, some: Some) -> None:
    replace(base, size=2)  # wrong
    replace(below, size=2)  # wrong
    replace(either, size=2)  # wrong
    replace(some, size=2)  # wrong
    replace(data, size=2)
    structs.replace(base, size=2)
"""


def test_dataclass_replace_of_a_struct_is_reported_by_mypy(tmp_path: Path) -> None:
    file, cache = tmp_path / "copies.py", tmp_path / "cache"
    file.write_text(CODE)
    config = Path(__file__).parents[2] / "pyproject.toml"
    said, _, code = api.run(["--config-file", str(config), "--cache-dir", str(cache), str(file)])
    assert code == 1, said
    wrong = [number for number, line in enumerate(CODE.splitlines(), 1) if line.endswith("# wrong")]
    found = [line for line in said.splitlines() if "error" in line and "Found" not in line]
    assert [int(line.split(":")[1]) for line in found] == wrong
    assert all("dataclasses.replace fails on a struct" in line for line in found)
