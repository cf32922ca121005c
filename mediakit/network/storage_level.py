"""What the Storage Service Class lets two sides say about a SOP Class (PS3.4 B.3.1.1, B.3.1.2, B.4.1.1).

Any bytes give words.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

#: Of a requestor that only sends.
SCU_ONLY: Final = bytes((3, 0, 0, 0, 2, 0))
#: Of an SCP that keeps each data set byte for byte: level 2, signature level 3, no coercion.
KEEPS_ALL: Final = bytes((2, 0, 3, 0, 0, 0))

_LEVELS: Final = MappingProxyType(
    {
        0: "level 0: only some attributes are stored",
        1: "level 1: attributes of Type 1 and 2 are stored",
        2: "level 2: all attributes are stored",
        3: "no SCP",
    }
)
_SIGNATURES: Final = MappingProxyType(
    {1: "signature level 1", 2: "signature level 2", 3: "signature level 3"}
)
_COERCION: Final = MappingProxyType({0: "does not coerce values", 1: "may coerce values"})


def is_partial(information: bytes) -> bool:
    """Return True for an SCP that says that it does not store every attribute."""
    return len(information) == len(SCU_ONLY) and information[0] in {0, 1}


def level_words(information: bytes) -> str:
    """Return what a peer says of its level of support: "level 2: all attributes are stored, ..."."""
    if len(information) != len(SCU_ONLY):
        return f"not understood ({len(information)} bytes)"
    words = (
        _LEVELS.get(information[0], f"unknown level {information[0]}"),
        _SIGNATURES.get(information[2], ""),
        _COERCION.get(information[4], ""),
    )
    return ", ".join(filter(None, words))
