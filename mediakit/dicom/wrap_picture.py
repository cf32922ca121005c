"""JPEG, PNG and TIFF files, read to be wrapped. What would lose anything is refused by name.

A baseline JPEG that stands upright is carried as it is; everything else is decoded, and turned as its EXIF
orientation says. Nothing is scaled, and colours are not converted but from a palette.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mediakit.dicom.wrap import NOT_KEPT, NotWrappable, Picture, WrapKind
from mediakit.errors import UsageError
from mediakit.limits import MAX_WRAPPED_BYTES, MAX_WRAPPED_PAGES

if TYPE_CHECKING:
    from PIL.Image import Image

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_BASELINE = 0xC0
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_MOST_SIDE = 0xFFFF  # of Rows and Columns
_MOST_ICC = 4 << 20
_ORIENTATION = 0x0112
_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 258, 339  # TIFF 6.0
_LOSSY_IN_TIFF = frozenset({"jpeg", "tiff_jpeg", "webp"})
_PLAIN = {"L": ("MONOCHROME2", 8), "RGB": ("RGB", 8), "I;16": ("MONOCHROME2", 16)}
_REFUSED = {
    "CMYK": "its colours are CMYK",
    "LAB": "its colours are CIE L*a*b*",
    "YCbCr": "its colours are YCbCr",
}
_REFUSED |= {"F": "its values are floating point numbers", "I": "its values have 32 bits"}
_OBJECT = re.compile(
    r" *<[^<>]* at 0x[0-9A-Fa-f]+>"
)  # what Python shows of an object: says nothing to people
_FAILURES = (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, OverflowError, MemoryError)


def read_picture(content: bytes, kind: WrapKind) -> Picture:
    """Return what an image file shows. Raises NotWrappable, and UsageError without the extra `codecs`."""
    image_module, error = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are judged here, by their own limit
            with image_module.open(io.BytesIO(content), formats=_formats(kind)) as image:
                return _read(image, content, kind)
    except (*_FAILURES, error) as exc:
        raise NotWrappable(f"it is damaged, or of a kind that cannot be read ({_short(exc)})") from exc


def _pillow() -> tuple[Any, type[Exception]]:
    try:
        import numpy as np  # noqa: F401, PLC0415 - the extra `codecs`
        from PIL import Image  # noqa: PLC0415
    except ImportError as exc:
        hint = "install them: `pip install 'dicom-mediakit[codecs]'`"
        raise UsageError(
            "wrapping images needs packages that are not installed", why=str(exc), hint=hint
        ) from exc
    return Image, Image.DecompressionBombError


def _formats(kind: WrapKind) -> list[str]:
    return ["JPEG", "MPO"] if kind is WrapKind.JPEG else [kind.value]


def _read(image: Image, content: bytes, kind: WrapKind) -> Picture:
    _check_size(image)
    _check_depth(image, content, kind)
    count = 1 if kind is WrapKind.JPEG else getattr(image, "n_frames", 1)
    if kind is WrapKind.PNG and count > 1:
        raise NotWrappable("it is an animation")
    if count > MAX_WRAPPED_PAGES:
        raise NotWrappable(f"it has more than {MAX_WRAPPED_PAGES} pages")
    lossy = _lossy_of(image, content, kind)
    turned = _is_turned(image)
    icc = image.info.get("icc_profile") or b""
    if kind is WrapKind.JPEG and image.format == "JPEG" and not turned:
        carried = _carried(image, content, lossy)
        if carried is not None:
            return _with_profile(carried, icc)
    pages = list(_pages(image, count, kind))
    mode, size = pages[0][0], pages[0][1]
    if any(page[:2] != (mode, size) for page in pages):
        raise NotWrappable("its pages differ in size or kind: split it into files of one page")
    photometric, bits = _PLAIN[mode]
    picture = Picture(
        rows=size[1],
        columns=size[0],
        bits=bits,
        photometric=photometric,
        frames=tuple(page[2] for page in pages),
        lossy=lossy,
    )
    return _with_profile(picture, icc)


def _is_turned(image: Image) -> bool:
    return image.getexif().get(_ORIENTATION, 1) not in {0, 1}


def _check_size(image: Image) -> None:
    width, height = image.size
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        raise NotWrappable(f"it has {width} x {height} pixels; {_MOST_SIDE} are the most on a side")
    if width * height * len(image.getbands()) > MAX_WRAPPED_BYTES:
        raise NotWrappable(f"it has {width} x {height} pixels, which is too large")


def _check_depth(image: Image, content: bytes, kind: WrapKind) -> None:
    """Refuse what Pillow would read with fewer bits than there are. Raises NotWrappable."""
    if kind is WrapKind.PNG and content[24] == 16 and content[25] in {2, 4, 6}:  # IHDR: depth and colour type
        raise NotWrappable("its colours or its transparency have 16 bits, of which 8 would be lost")
    if kind is WrapKind.TIFF:
        tags = image.tag_v2  # type: ignore[attr-defined]  # of TIFF files
        bits = tuple(tags.get(_BITS_PER_SAMPLE, (1,)))
        if len(bits) > 1 and max(bits) > 8:
            raise NotWrappable(f"its colours have {max(bits)} bits, of which some would be lost")
        if any(one != 1 for one in tags.get(_SAMPLE_FORMAT, (1,))):
            raise NotWrappable("its values are signed or floating point numbers")


def _lossy_of(image: Image, content: bytes, kind: WrapKind) -> tuple[str, str] | None:
    """Return method and ratio of a compression with loss, as far as the file tells."""
    is_jpeg = kind is WrapKind.JPEG or str(image.info.get("compression", "")).lower() in _LOSSY_IN_TIFF
    if not is_jpeg:
        return None
    size = image.size[0] * image.size[1] * len(image.getbands())
    return "ISO_10918_1", f"{max(size / len(content), 0.01):.2f}"


def _carried(image: Image, content: bytes, lossy: tuple[str, str] | None) -> Picture | None:
    """Return a baseline JPEG with its bytes as they are; None for others, which are decoded."""
    found = _jpeg_frame(content)
    if found is None or found[0] != _BASELINE or image.mode not in {"L", "RGB"}:
        return None
    image.load()  # raises when it is damaged or cut off
    photometric = "MONOCHROME2" if image.mode == "L" else "RGB" if found[1] else "YBR_FULL_422"
    return Picture(
        rows=image.size[1],
        columns=image.size[0],
        bits=8,
        photometric=photometric,
        frames=(content,),
        syntax=_JPEG_BASELINE,
        lossy=lossy,
    )


def _jpeg_frame(content: bytes) -> tuple[int, bool] | None:
    """Return the marker of the frame, and whether its components are R, G, B; None when there is none.

    The rule is that of libjpeg: Adobe's marker says it, else JFIF means YCbCr, else the component names do.
    """
    at, transform, is_jfif = 2, -1, False
    while at + 4 <= len(content):
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at] != 0xFF or (length < 2 and marker not in _ALONE):
            return None
        segment = content[at + 4 : at + 2 + length]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAME_MARKERS:
            names = [segment[6 + 3 * index] for index in range(3)] if len(segment) >= 15 else []
            by_name = not is_jfif and bytes(names) == b"RGB"
            return marker, transform == 0 if transform >= 0 else by_name
        if marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
            transform = segment[11]
        is_jfif = is_jfif or (marker == 0xE0 and segment[:4] == b"JFIF")
        at += 2 if marker in _ALONE else 2 + length
    return None


_Page = tuple[str, tuple[int, int], bytes]


def _pages(image: Image, count: int, kind: WrapKind) -> Iterator[_Page]:
    """Yield mode, size and values of each page, upright. Raises NotWrappable."""
    from PIL import ImageOps  # noqa: PLC0415 - the extra `codecs`

    total = 0
    for index in range(count):
        if count > 1:
            image.seek(index)
            _check_size(image)
        upright = ImageOps.exif_transpose(image) if _is_turned(image) else image
        plain = _plain(upright, kind)
        mode = "I;16" if plain.mode.startswith("I") else plain.mode
        width, height = plain.size
        total += width * height * {"L": 1, "RGB": 3, "I;16": 2}[mode]
        if total > MAX_WRAPPED_BYTES:
            raise NotWrappable(f"its pixels are more than {MAX_WRAPPED_BYTES >> 20} MiB")
        yield mode, plain.size, _values(plain)


def _plain(image: Image, kind: WrapKind) -> Image:
    """Return an image as L, RGB or I;16, without any loss. Raises NotWrappable."""
    if image.mode in _REFUSED and not (
        image.mode == "I" and kind is WrapKind.PNG
    ):  # a PNG has 16 bits at most
        raise NotWrappable(f"{_REFUSED[image.mode]}: they would have to be converted")
    if "transparency" in image.info or image.mode in {"LA", "RGBA", "PA", "La", "RGBa"}:
        if image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise NotWrappable("parts of it are transparent: what is behind them is not known")
        return image.convert("L" if image.mode in {"L", "LA"} else "RGB")
    if image.mode in {"1", "P", "RGBX"}:
        return image.convert("L" if image.mode == "1" else "RGB")
    if image.mode in {"L", "RGB", "I;16", "I;16L", "I;16B", "I;16N", "I"}:
        return image
    raise NotWrappable(f"pixels of the kind {image.mode} are not known")


def _values(image: Image) -> bytes:
    if not image.mode.startswith("I"):
        return image.tobytes()
    import numpy as np  # noqa: PLC0415 - the extra `codecs`

    return np.asarray(image).astype("<u2").tobytes()


def _with_profile(picture: Picture, icc: bytes) -> Picture:
    """Return a picture with its colour profile, if it has one that fits."""
    if not icc:
        return picture
    why = ""
    if not picture.is_colour:
        why = "an image in shades of gray cannot have one"
    elif not 128 < len(icc) <= _MOST_ICC or icc[16:20] != b"RGB ":
        why = "it is not one for RGB"
    if why:
        return replace(picture, findings=(NOT_KEPT.at(what="the ICC profile", why=why),))
    return replace(picture, icc=icc)


def _short(exc: Exception) -> str:
    text = _OBJECT.sub("", str(exc)) or type(exc).__name__
    return text.partition("\n")[0][:100]
