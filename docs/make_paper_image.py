"""Picture the paper: a label and a cover sheet of the samples, as docs/images/paper.png.

Run it from the root of the project: `python docs/make_paper_image.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pypdfium2
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "images" / "paper.png"
TEMPLATE = ROOT / "mediakit" / "extras" / "paper" / "templates" / "label.toml"
CONFIG = 'institution = ["St. Elsewhere Hospital, Radiology", "Main Street 1, 12345 Town", "Tel. 555-0100"]\n'


def _page(pdf: Path, height: int) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    page = document[0]
    picture = page.render(scale=height / page.get_height()).to_pil().convert("RGB")
    document.close()
    return picture


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.toml").write_text(CONFIG)
        (folder / "label.toml").write_text(f"outline = true\n{TEMPLATE.read_text()}")
        run = [sys.executable, "-m", "mediakit"]
        source = "samples/studies/shiken_hanako"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
        order = ["-p", "STD-GEN-CD", "--pdi", "--manifest", "-q", "-o", str(folder / "disc.iso")]
        subprocess.run([*run, "burn", source, *order], cwd=ROOT, check=True, env=environment)  # noqa: S603
        paper = ["-o", str(folder / "label.pdf"), "--cover-sheet", str(folder / "sheet.pdf"), "-q"]
        paper += ["--config", str(folder / "config.toml"), "--template", str(folder / "label.toml")]
        subprocess.run([*run, "label", str(folder / "disc.iso"), *paper], cwd=ROOT, check=True)  # noqa: S603
        label, sheet = _page(folder / "label.pdf", 620), _page(folder / "sheet.pdf", 880)
    picture = Image.new("RGB", (label.width + sheet.width + 90, sheet.height + 60), "#d8d8d8")
    mask = Image.new("L", label.size)
    ImageDraw.Draw(mask).ellipse((1, 1, label.width - 2, label.height - 2), fill=255)
    picture.paste(label, (30, (picture.height - label.height) // 2), mask)
    picture.paste(sheet, (label.width + 60, 30))
    picture.quantize(64).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
