"""Who wrote a file: the identification that goes into the file meta information (PS3.10 7.1)."""

from __future__ import annotations

from mediakit import __version__

#: Derived from a UUID (PS3.5 B.2), so that it needs no registered root. Never changes.
IMPLEMENTATION_CLASS_UID = "2.25.63097116396959040725380417913899511350"

#: At most 16 characters (VR SH).
IMPLEMENTATION_VERSION_NAME = f"MEDIAKIT_{__version__}"[:16]
