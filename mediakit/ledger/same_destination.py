"""When two names of a destination mean the same one, however a user or an older ledger spelled it."""

from __future__ import annotations

import os
import re
from typing import Final

_FOLDER: Final = "dir:"
_ENTITY: Final = re.compile(r"([^:/\\@]{1,16}@)([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})", re.ASCII)


def identity_of(destination: str) -> str:
    """Return a name of a destination, as ledgers keep it, in the one form that all its spellings have.

    Upper and lower case of a host are the same (RFC 4343). A folder is named without the links that lead to
    it, for which the file system is asked. Anything else stays as it is.
    """
    if destination.startswith(_FOLDER):
        return _FOLDER + os.path.realpath(destination.removeprefix(_FOLDER))
    entity = _ENTITY.fullmatch(destination)
    return destination if entity is None else entity[1] + entity[2].lower() + entity[3]
