"""What the files of a medium that hold no instance are called. Words only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mediakit.fileset.file_kinds import OtherKind

#: In the order in which they are shown; a DICOMDIR is told of elsewhere.
KINDS: Final[Mapping[OtherKind, str]] = MappingProxyType(
    {
        OtherKind.EXECUTABLE: "programs",
        OtherKind.AUTORUN: "autorun files",
        OtherKind.WEB: "web pages and pictures",
        OtherKind.TEXT: "texts",
        OtherKind.DOCUMENT: "documents",
        OtherKind.ARCHIVE: "archives (not opened)",
        OtherKind.ENCRYPTED: "encrypted files",
        OtherKind.DAMAGED: "damaged files",
        OtherKind.UNKNOWN: "other files",
    }
)
