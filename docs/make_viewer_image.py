"""Picture the viewer: burn the samples with it, open them in Chromium, and write docs/images/viewer*.png.

Run it from the root of the project: `python docs/make_viewer_image.py`.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
SHOWN = "viewer.active?.decoded && !viewer.active.pending"

sys.path.insert(0, str(ROOT))

from tests.support.browser import Page, chromium  # noqa: E402


def _choose(tab: Page, modality: str, number: int = 0) -> None:
    """Show a series of a modality in the active view."""
    tab.eval(f"""[...document.querySelectorAll("#list .row")]
      .filter((row) => row.innerText.startsWith("{modality}"))[{number}].click()""")
    tab.until(f"{SHOWN} && viewer.active.series.modality === '{modality}'")


def _keep(tab: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(tab.picture())).convert("RGB")
    IMAGES.mkdir(exist_ok=True)
    picture.quantize(96).save(IMAGES / name, optimize=True)


def main() -> None:
    """Make the pictures."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        disc = Path(folder) / "disc"
        order = ["burn", "samples/studies", "-p", "STD-GEN-CD", "--all-patients", "--viewer", "full", "-q"]
        subprocess.run([sys.executable, "-m", "mediakit", *order, "-o", str(disc)], cwd=ROOT, check=True)  # noqa: S603
        tab = browser.page()
        tab.size(1280, 760)
        tab.open(disc / "VIEWER" / "VIEWER.HTM")
        tab.until("document.querySelectorAll('#choose button').length")
        tab.eval("document.querySelector('#choose button').click()")
        tab.until(SHOWN)
        _choose(tab, "CT")
        tab.key("l")
        tab.drag((640, 470), (860, 470))
        tab.key("2")
        tab.key("n")
        _choose(tab, "CR")
        tab.key("n")
        tab.key("w")
        _keep(tab, "viewer.png")
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        tab.size(390, 844)
        tab.key("1")
        tab.until(SHOWN)
        _keep(tab, "viewer-small.png")


if __name__ == "__main__":
    main()
