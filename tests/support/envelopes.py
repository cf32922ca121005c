"""Envelopes that only tests use: one that changes nothing, and one that changes every byte and the size."""

from __future__ import annotations

import io
from typing import BinaryIO

from mediakit.errors import SourceError

_MARK = b"ENVELOPE"


class Identity:
    """Leaves files as they are."""

    def sealed_size(self, size: int) -> int:
        return size

    def seal(self, stream: BinaryIO, size: int) -> BinaryIO:  # noqa: ARG002 - as Envelope has it
        return stream

    def look(self, stream: BinaryIO, size: int) -> tuple[int, None]:  # noqa: ARG002 - as Envelope has it
        return size, None

    def unseal(self, stream: BinaryIO, size: int) -> BinaryIO:  # noqa: ARG002 - as Envelope has it
        return stream


class Inverted:
    """Inverts every byte and puts a mark in front."""

    def sealed_size(self, size: int) -> int:
        return size + len(_MARK)

    def seal(self, stream: BinaryIO, size: int) -> BinaryIO:
        with stream:
            return io.BytesIO(_MARK + _inverted(stream.read(size)))

    def look(self, stream: BinaryIO, size: int) -> tuple[int, None]:
        if stream.read(len(_MARK)) != _MARK:
            raise SourceError("is not in an envelope")
        return size - len(_MARK), None

    def unseal(self, stream: BinaryIO, size: int) -> BinaryIO:
        with stream:
            if stream.read(len(_MARK)) != _MARK:
                raise SourceError("is not in an envelope")
            return io.BytesIO(_inverted(stream.read(size)))


def _inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)
