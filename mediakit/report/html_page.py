"""The frame of our HTML reports, and how text gets in: what comes from outside is text, never markup.

A page needs nothing else: no script, no picture, nothing from a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from mediakit.findings import printable
from mediakit.report.html_style import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_page(title: str, body: Iterable[str], footer: Iterable[str], *, refresh_s: int = 0) -> str:
    """Return the whole page; `title` is text, `body` and `footer` are markup.

    A browser loads it again every `refresh_s` seconds (0: never).
    """
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        *((f'<meta http-equiv="refresh" content="{refresh_s}">',) if refresh_s else ()),
        f"<title>{as_text(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        *body,
        "</main>",
        "<footer>",
        *footer,
        "</footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def last_name(path: str) -> str:
    """Return the last part of a path, for a title: the name of the file or folder that a medium lies in."""
    bare = path.rstrip("/\\")
    return bare.replace("\\", "/").rpartition("/")[2] or bare


def upper(text: str) -> str:
    """Return a sentence with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def prose(text: str) -> str:
    """Return a sentence of ours as markup; what stands between backticks is a command."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", as_text(text))


def as_text(text: str) -> str:
    """Return text that is only text in HTML: what cannot be printed, or turns its direction, as an escape."""
    return escape(printable(text))
