"""Make docs/conformance.md, the conformance statement, from the profiles and tables: `make docs`."""

from __future__ import annotations

from pathlib import Path

from mediakit.profile.load import load_catalogue
from mediakit.report.conformance import conformance_text
from mediakit.report.conformance_doc import conformance_doc

PAGE = Path(__file__).parent / "conformance.md"


def page() -> str:
    """Return the page as it must be now."""
    return conformance_text(conformance_doc(load_catalogue()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
