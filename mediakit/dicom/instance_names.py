"""What the file of an instance and its folders are called: STUDY/SERIES/INSTANCE.dcm, by their UIDs.

A name is made of digits and dots, or of our own letters, so that none leads out of a folder.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

SUFFIX: Final = ".dcm"

_MEDIA_STORAGE_INSTANCE: Final = b"\x02\x00\x03\x00UI"  # (0002,0003); the meta information is explicit
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


def is_name(uid: str) -> bool:
    """Return True for a UID that may be the name of a file: at most 64 digits and dots, no empty component.

    Leading zeros are not allowed by PS3.5 9.1, are met all the same, and do no harm here.
    """
    return len(uid) <= 64 and _UID.fullmatch(uid) is not None


def name_in(head: bytes) -> str:
    """Return the Media Storage SOP Instance UID in the first bytes of a file, also of a damaged one; else "".

    Source: PS3.10 7.1.
    """
    at = head.find(_MEDIA_STORAGE_INSTANCE)
    if at < 0:
        return ""
    length = int.from_bytes(head[at + 6 : at + 8], "little")
    uid = head[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("latin-1")
    return uid if is_name(uid) else ""


def name_of(uid: str) -> str:
    """Return the name for a UID; what is none gets one by its hash, the same for the same value."""
    if is_name(uid):
        return uid
    return f"odd-{hashlib.sha256(uid.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}" if uid else "none"
