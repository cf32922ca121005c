"""Coverage-guided fuzzing by hand, of the targets in `targets`.

    pip install atheris
    python -m tests.fuzz.fuzz_media TARGET SEED... -max_total_time=300 -timeout=5

Seeds are files or folders of files, beside the good inputs of the target; options are those of libFuzzer. It
is no test: it has no end of its own. `tests.fuzz.mutations` fuzzes without any tool.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["mediakit"]):
    from mediakit.formats.registry import TREES
    from tests.fuzz.targets import TARGETS, seeds

    for _where in TREES.values():
        import_module(_where.partition(":")[0])


def main() -> None:
    """Fuzz one target."""
    target, *rest = sys.argv[1:]
    options = [word for word in rest if word.startswith("-")]
    corpus = Path(tempfile.mkdtemp(prefix="mediakit-fuzz-"))
    found = list(seeds(target))
    for seed in (Path(word) for word in rest if not word.startswith("-")):
        files = [seed] if seed.is_file() else [path for path in seed.rglob("*") if path.is_file()]
        found.extend(path.read_bytes() for path in files)
    for number, content in enumerate(found):
        (corpus / f"{number:05}").write_bytes(content)
    atheris.Setup([sys.argv[0], str(corpus), *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
