"""Fonts for paper: those that are shipped, those of the system, those that the user names.

Shipped are Noto Sans for Latin, Greek, Cyrillic, Arabic, Hebrew and Thai (OFL-1.1). Fonts with Han, Kana and
Hangul are too large: they are looked for in the folders of the system when a text needs them.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont, TTLibError

from mediakit.errors import UsageError

_FOLDER = Path(__file__).parent / "fonts"
_MOST_FILES = 20_000
_MOST_BYTES = 128 << 20
#: Files with many scripts, as systems have them, the best first. Lower case.
_KNOWN = (
    "notosanscjk-regular.ttc",
    "notosanscjkjp-regular.otf",
    "notosanscjksc-regular.otf",
    "sourcehansans.ttc",
    "sourcehansansjp-regular.otf",
    "yugothm.ttc",
    "msgothic.ttc",
    "msyh.ttc",
    "malgun.ttf",
    "hiragino sans gb.ttc",
    "applesdgothicneo.ttc",
    "arial unicode.ttf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "ipagp.ttf",
    "ipag.ttf",
    "nanumgothic.ttf",
    "droidsansfallbackfull.ttf",
    "droidsansfallback.ttf",
    "dejavusans.ttf",
    "freesans.ttf",
)


@dataclass(frozen=True, slots=True)
class Face:
    """A font file; of a collection the font that is meant. `bold` is the file of its bold face, if any."""

    path: Path
    bold: Path | None = None
    number: int = 0


def faces_for(characters: Collection[str], named: Sequence[Path]) -> tuple[tuple[Face, ...], frozenset[str]]:
    """Return the fonts that some characters need, the main one first, and the characters that none has.

    `named` are fonts of the user, which come before those of the system. Raises UsageError when one of them
    cannot be read.
    """
    main = Face(_FOLDER / "NotoSans-Regular.ttf", _FOLDER / "NotoSans-Bold.ttf")
    faces = [main]
    left = {char for char in characters if _has_glyph(char)} - _drawn_by(main)
    for face in _others(named):
        if not left:
            break
        try:
            drawn = left & _drawn_by(face)
        except (TTLibError, OSError, ValueError, KeyError, AssertionError, AttributeError) as exc:
            if face.path in named:
                raise UsageError("the font cannot be read", where=str(face.path), why=str(exc)) from exc
            continue
        if drawn:
            faces.append(face)
            left -= drawn
    return tuple(faces), frozenset(left)


def _has_glyph(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) not in {"Cf", "Cc", "Mn"}


def _others(named: Sequence[Path]) -> Iterator[Face]:
    for path in named:
        yield Face(path)
    for name in ("NotoSansArabic", "NotoSansHebrew", "NotoSansThai"):
        yield Face(_FOLDER / f"{name}-Regular.ttf")
    yield from (Face(path) for path in _of_system(font_folders()))


def _drawn_by(face: Face) -> frozenset[str]:
    """Return the characters of a font. Raises what a broken file makes of it."""
    if face.path.stat().st_size > _MOST_BYTES:
        raise ValueError("it is too large to be a font")
    if face.path.suffix.lower() in {".ttc", ".otc"}:
        with TTCollection(face.path, lazy=True) as collection:
            font = collection.fonts[face.number]
            return frozenset(map(chr, font.getBestCmap()))
    with TTFont(face.path, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap()))


def font_folders() -> list[Path]:
    """Return where the system keeps fonts."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never raises, where there is no home
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    if os.name == "nt":
        return [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".local" / "share" / "fonts",
        home / ".fonts",
    ]


def _of_system(folders: Iterable[Path]) -> list[Path]:
    found: dict[str, Path] = {}
    seen = 0
    for folder in folders:
        for base, _, names in os.walk(folder):
            seen += len(names)
            for name in names:
                if name.lower() in _KNOWN:
                    found.setdefault(name.lower(), Path(base, name))
            if seen > _MOST_FILES:
                break
    return [found[name] for name in _KNOWN if name in found]
