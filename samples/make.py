"""Write the sample studies into a folder.

Usage: `python -m samples.make OUT` or `python samples/make.py OUT`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if __package__ in {None, ""}:  # run as a file: the repository root is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from samples.makers.catalogue import NOTES, samples


def make(root: Path) -> list[Path]:
    """Write all samples below `root` and return the paths of the files, relative to it."""
    written = []
    for sample in samples():
        sample.write(root)
        written.append(Path(sample.path))
    for name, content in NOTES.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written.append(Path(name))
    return written


def main() -> None:
    """Read the command line and write the studies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder that receives the studies")
    out = parser.parse_args().out
    written = make(out)
    size = sum((out / path).stat().st_size for path in written)
    print(f"{len(written)} files, {size:,} bytes in {out}")


if __name__ == "__main__":
    main()
