"""Instances ready to be sent: real files, and payloads that break while they are read."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom

from mediakit.destinations.base import Payload
from mediakit.transfer.outgoing import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An instance, and its file whole."""

    item: Outgoing
    content: bytes
    data_set_at: int

    def payload(self, stream: BinaryIO | None = None) -> Payload:
        """Return a new payload; `stream` stands in for the file."""
        return Payload(
            head=self.content[: self.data_set_at],
            stream=stream or io.BytesIO(self.content),
            data_set_at=self.data_set_at,
            data_set_bytes=len(self.content) - self.data_set_at,
            transfer_syntax=self.item.transfer_syntax,
        )

    def broken(self, problem: BaseException | None = None) -> Payload:
        """Return a payload that breaks in its middle: by an early end, or by raising this."""
        half = (self.data_set_at + len(self.content)) // 2
        return self.payload(_Half(self.content[:half], problem))  # type: ignore[arg-type]  # a RawIOBase reads


class _Half(io.RawIOBase):
    """Reads as far as there is something, and fails then."""

    def __init__(self, content: bytes, problem: BaseException | None) -> None:
        self._inner = io.BytesIO(content)
        self._problem = problem

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._inner.seek(offset, whence)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        got = self._inner.readinto(buffer)
        if not got and self._problem is not None:
            raise self._problem
        return got


def ready(path: Path, **changes: str) -> Ready:
    """Return the instance of a Part 10 file; `changes` are fields of Outgoing."""
    content = path.read_bytes()
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    fields = {
        "sop_class": str(dataset.SOPClassUID),
        "sop_instance": str(dataset.SOPInstanceUID),
        "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
        "study": str(dataset.StudyInstanceUID),
        "series": str(dataset.SeriesInstanceUID),
    }
    item = Outgoing(path=path.name, size=len(content), **{**fields, **changes})
    at = 132 + 12 + int(dataset.file_meta.FileMetaInformationGroupLength)
    return Ready(item=item, content=content, data_set_at=at)
