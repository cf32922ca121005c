"""The demonstration of an import starts a server, imports with a proof, and leaves no process behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.studies import CT_FOLDER, burnt_to

SCRIPT = Path(__file__).parents[2] / "samples" / "demo_import.py"


def test_the_demonstration_imports_and_proves(tmp_path: Path) -> None:
    image = tmp_path / "study.iso"
    burnt_to(image, CT_FOLDER)
    options = ("--verify", "commit", "--state", str(tmp_path / "jobs"))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(image), str(tmp_path / "pacs"), *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "commit: 10 of 10 confirmed" in done.stdout
    assert "10 stored" in done.stdout.splitlines()[-1]
    assert len(list((tmp_path / "pacs").rglob("*.dcm"))) == 10
