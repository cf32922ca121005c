"""The names of the files that a medium carries for people: pages and viewer (IHE RAD TF-3 4.47).

Folders end with "/". The form of the viewer's files is in docs/viewer-format.md.
"""

from __future__ import annotations

from typing import Final

README: Final = "README.TXT"
INDEX: Final = "INDEX.HTM"  # of the medium, and of `WEB`
WEB: Final = "IHE_PDI/"
VIEWER: Final = "VIEWER/"
VIEWER_PAGE: Final = f"{VIEWER}VIEWER.HTM"
VIEWER_INDEX: Final = f"{VIEWER}INDEX.BIN"
LICENSE: Final = f"{VIEWER}LICENSE.TXT"
