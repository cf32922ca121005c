"""A page as a picture, for looking at it and for robots that print pictures."""

from __future__ import annotations

from io import BytesIO

import pypdfium2
from PIL import Image


def png_of(pdf: bytes, dots_per_inch: int = 300) -> bytes:
    """Return the first page of a PDF as PNG."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0]
        image = page.render(scale=dots_per_inch / 72).to_pil().convert("RGB")
        out = BytesIO()
        image.save(out, "PNG", dpi=(dots_per_inch, dots_per_inch))
        return out.getvalue()
    finally:
        document.close()


def jpeg_of(pdf: bytes) -> bytes:
    """Return the first page of a PDF as JPEG of 300 dpi, for robots that print pictures."""
    with Image.open(BytesIO(png_of(pdf))) as image, BytesIO() as out:
        image.save(out, "JPEG", quality=95, subsampling=0, dpi=(300, 300))
        return out.getvalue()


def pages_of(pdf: bytes) -> int:
    """Return how many pages a PDF has."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return len(document)
    finally:
        document.close()
