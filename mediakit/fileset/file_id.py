"""File IDs: legal by construction (PS3.10 8.2, 8.5)."""

from __future__ import annotations

import re

from msgspec import Struct

_COMPONENT = re.compile(r"[A-Z0-9_]{1,8}")
_WHOLE = re.compile(r"[A-Z0-9_]{1,8}(?:/[A-Z0-9_]{1,8}){0,7}")
_FILE_SET_ID = re.compile(r"[A-Z0-9_]{0,16}")
_DOS = re.compile(r"CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9]")


class FileID(Struct, frozen=True, gc=False):
    """A File ID: 1 to 8 components, each 1 to 8 characters of A-Z, 0-9 and underscore.

    `path` has "/" between the components. Raises ValueError at birth when it is not legal, so an illegal one
    cannot exist. Source: PS3.10 8.2, 8.5.
    """

    path: str

    def __post_init__(self) -> None:
        if _WHOLE.fullmatch(self.path):
            return
        if not 1 <= len(self.parts) <= 8:
            raise ValueError(f"a File ID has 1 to 8 components, not {len(self.parts)}")
        odd = next(part for part in self.parts if not _COMPONENT.fullmatch(part))
        raise ValueError(f"`{odd!a}` is not a File ID component: 1 to 8 characters of A-Z 0-9 _")

    @classmethod
    def read(cls, value: str) -> FileID:
        r"""Return the File ID of a value of (0004,1500), components joined by the backslash, without padding.

        Raises ValueError when it is not legal.
        """
        if "/" in value:
            raise ValueError(f"`{value!a}` is not a File ID: only A-Z 0-9 _ and the backslash")
        return cls(value.replace("\\", "/"))

    def __str__(self) -> str:
        return self.path

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the components."""
        return tuple(self.path.split("/"))

    @property
    def value(self) -> str:
        r"""Return the form of (0004,1500): components joined by the backslash."""
        return self.path.replace("/", "\\")


def is_file_id(path: str) -> bool:
    """Return True for a path ("/" between components) that is a File ID (PS3.10 8.2, 8.5)."""
    return _WHOLE.fullmatch(path) is not None


def is_file_set_id(text: str) -> bool:
    """Return True for 0 to 16 characters of A-Z, 0-9 and underscore (PS3.10 8.1, 8.5)."""
    return _FILE_SET_ID.fullmatch(text) is not None


def is_reserved(component: str) -> bool:
    """Return True for names that DOS and Windows keep for devices (CON, NUL, COM1): practice."""
    return _DOS.fullmatch(component) is not None
