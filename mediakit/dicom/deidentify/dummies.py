"""Values that mean nothing, one for each VR (action D of PS3.15 Table E.1-1a)."""

from __future__ import annotations

from collections.abc import Mapping

#: What stands where text was. It is in the default repertoire, so every character set holds it.
REMOVED = "REMOVED"
_TEXT: Mapping[str, bytes] = {
    "AS": b"000Y",
    "DA": b"19000101",
    "DS": b"0 ",
    "DT": b"19000101000000",
    "IS": b"0 ",
    "TM": b"000000",
    "UR": b"urn:removed ",
}
_FOUR, _EIGHT = frozenset({"AT", "FL", "OF", "OL", "SL", "UL"}), frozenset({"FD", "OD", "OV", "SV", "UV"})


def dummy(vr: str) -> bytes:
    """Return the value for a VR, of even length. Bytes and numbers become zero."""
    if vr in {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}:
        return REMOVED.encode("ascii") + b" "
    return _TEXT.get(vr) or bytes(4 if vr in _FOUR else 8 if vr in _EIGHT else 2)
