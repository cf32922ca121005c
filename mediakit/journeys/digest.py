"""SHA-256 of whole files, in blocks."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20


def sha256_of(stream: BinaryIO) -> str:
    """Return the SHA-256 (hex) of what is left in a stream. Raises what its reads raise."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
