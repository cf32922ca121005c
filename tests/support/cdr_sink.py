"""A media format of another package: ISO 9660 images named `.cdr`, as macOS calls them."""

from __future__ import annotations

from mediakit.formats.iso import IsoSink


class CdrSink(IsoSink):
    """An ISO 9660 Level 1 image under another suffix."""

    suffixes = (".cdr",)
