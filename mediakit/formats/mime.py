"""A file-set as one MIME message: every file a part. Written as a stream, nothing of it is held in memory.

A DICOM file has its File ID as `id` and its last component with ".dcm" as `name`; the DICOMDIR has the `id`
"DICOMDIR" and no ".dcm" (PS3.12 Annex K, RFC 3240). Any other file is a part `application/octet-stream`, its
path as Content-Location (RFC 2557).
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Callable, Sequence
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes

from mediakit.durable import check_room, written_file
from mediakit.errors import DoesNotFit
from mediakit.events import Listener
from mediakit.fileset.file_id import is_file_id
from mediakit.findings import printable
from mediakit.formats import moment
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.legal import check_paths
from mediakit.formats.stream_copy import Pourer

_LINE = 57  # bytes of a line of base64, which makes 76 characters
_AT_ONCE = _LINE * 4096
_PREFIX_AT, _PREFIX = 128, b"DICM"
_BOUNDARY: Final = "=_mediakit"  # base64 has no underscore
_DELIMITER: Final = f"--{_BOUNDARY}\r\n".encode("ascii")
_END: Final = f"--{_BOUNDARY}--\r\n".encode("ascii")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_. ()-]{1,78}")
_MAX_FIELD = 990  # a line of a head has at most 998 characters (RFC 5322 2.1.1)
_DIRECTORY = "DICOMDIR"


class MimeSink:
    """Writes a message of one part for each entry, in their order, nothing in it that varies."""

    suffixes = (".eml", ".mime")
    file_systems = ("MIME",)
    max_file_bytes: int | None = None
    is_folder = False

    def check(self, entries: Sequence[Entry], order: Order) -> int:
        """Return the most bytes that it takes; see `Sink`."""
        check_paths(entries)
        size_bytes = len(_top(order)) + len(_END)
        for entry in entries:
            heads = [_head(entry.path, is_dicom=is_dicom) for is_dicom in (True, False)]
            if max(len(line) for line in heads[1].split(b"\r\n")) > _MAX_FIELD:
                raise DoesNotFit(
                    "the name is too long for the head of a message", where=printable(entry.path[:80])
                )
            lines = -(-entry.size // _LINE)
            size_bytes += (
                len(_DELIMITER) + max(map(len, heads)) + (entry.size + 2) // 3 * 4 + 2 * max(lines, 1)
            )
        return size_bytes

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the message; see `Sink`."""
        check_room(part, self.check(entries, order))
        with written_file(part) as fd, Pourer(tell, order.checksum) as pourer:
            with open(fd, "wb", closefd=False) as out:
                out.write(_top(order))
                for entry in entries:
                    body = _Body(entry.path, out.write)
                    pourer.pour(entry, body.write)
                    body.finish()
                out.write(_END)
            sums = pourer.finish()
            size_bytes = os.fstat(fd).st_size
        return Receipt(target=part, size_bytes=size_bytes, sums=sums, checksum=order.checksum)


class _Body:
    """One part: its head when its first bytes are known, then base64 in whole lines."""

    def __init__(self, path: str, write: Callable[[bytes], object]) -> None:
        self._path = path
        self._write = write
        self._held = bytearray()
        self._has_head = False

    def write(self, data: memoryview) -> None:
        """Take further bytes of the file."""
        self._held += data
        if len(self._held) >= _AT_ONCE:
            self._send(len(self._held) // _LINE * _LINE)

    def finish(self) -> None:
        """Write what is left. An empty file has one empty line."""
        self._send(len(self._held))

    def _send(self, size: int) -> None:
        if not self._has_head:
            is_dicom = self._held.startswith(_PREFIX, _PREFIX_AT)
            self._write(_DELIMITER + _head(self._path, is_dicom=is_dicom))
            if not self._held:
                self._write(b"\r\n")
            self._has_head = True
        text = binascii.b2a_base64(memoryview(self._held)[:size], newline=False)
        if text:
            lines = [text[at : at + 76] for at in range(0, len(text), 76)]
            self._write(b"\r\n".join((*lines, b"")))
        del self._held[:size]


def _top(order: Order) -> bytes:
    """Return the head of the message. Mail programs open it as a draft, to which a receiver is added."""
    lines = (
        f"Date: {format_datetime(moment.aware(order.when))}",
        "Subject: DICOM file-set",
        "X-Unsent: 1",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"',
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _head(path: str, *, is_dicom: bool) -> bytes:
    """Return the head of a part. Only what has a File ID for a path is declared as DICOM."""
    name = path.rpartition("/")[2]
    if is_dicom and is_file_id(path):
        name = name if path == _DIRECTORY else f"{name}.dcm"
        kind = f'application/dicom; id="{path}";\r\n name="{name}"'
        place = ""
    else:
        kind = "application/octet-stream"
        place = f"Content-Location: {quote_from_bytes(os.fsencode(path))}\r\n"
    shown = f'filename="{name}"' if _PLAIN_NAME.fullmatch(name) else f"filename*=utf-8''{_quoted(name)}"
    return (
        f"Content-Type: {kind}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n {shown}\r\n{place}\r\n"
    ).encode("ascii")


def _quoted(name: str) -> str:
    return quote_from_bytes(os.fsencode(name), safe="")
