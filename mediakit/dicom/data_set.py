"""Where the data set of a stored file begins, and the head that belongs in front of it in a Part 10 file.

For those who pass data sets on as stored, without decoding: the network has no use for the head, a folder or
a web server has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediakit.dicom.bounded_read import Malformed, Readable, Window
from mediakit.dicom.dataset import read_meta
from mediakit.dicom.part10 import head_of
from mediakit.errors import SourceError

FIRST_READ = 4096
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_SYNTAX = b"\x02\x00\x10\x00UI"
_META_AT = 144  # behind preamble, DICM and the group length


@dataclass(frozen=True, slots=True)
class DataSetPlace:
    """The data set begins at byte `at` of the file and goes to its end. `head` is a whole, true head."""

    at: int
    head: bytes = field(repr=False)


def data_set_place(stream: Readable, size: int, uids: tuple[str, str], transfer_syntax: str) -> DataSetPlace:
    """Return where the data set of a scanned file begins.

    `uids` are its SOP Class and Instance UID, `transfer_syntax` how it is really encoded. The head is that of
    the file when it is whole and names this transfer syntax, else one is made (PS3.10 7.1). The stream is
    left anywhere. Raises SourceError when the file is no longer what was scanned, and OSError.
    """
    stream.seek(0)
    head = stream.read(min(FIRST_READ, size))
    at = _sound_head(head, transfer_syntax)
    if at:
        return DataSetPlace(at, head[:at])
    try:
        return _searched(stream, size, head, uids, transfer_syntax)
    except Malformed as exc:
        raise SourceError(
            "the file is not what it was when it was scanned", why=exc.finding("").text
        ) from exc


def _sound_head(head: bytes, transfer_syntax: str) -> int:
    """Return the length of a head that is as the standard wants it; 0 for any other."""
    if head[128:140] != b"DICM" + _GROUP_LENGTH:
        return 0
    at = _META_AT + int.from_bytes(head[140:_META_AT], "little")
    if at + 2 > len(head) or head[at : at + 2] == b"\x02\x00":
        return 0
    return at if _declared(head, at) == transfer_syntax.encode("latin-1") else 0


def _declared(head: bytes, end: int) -> bytes:
    place = head.find(_SYNTAX, _META_AT, end)
    if place < 0:
        return b""
    length = int.from_bytes(head[place + 6 : place + 8], "little")
    return head[place + 8 : place + 8 + length].strip(b" \0")


def _searched(
    stream: Readable, size: int, head: bytes, uids: tuple[str, str], transfer_syntax: str
) -> DataSetPlace:
    if head[128:132] == b"DICM":
        start = 132
    elif head[:4] == b"DICM":
        start = 4
    else:
        start = 0
    window = Window(stream, size, head)
    at = read_meta(window, start)[1] if head[start : start + 2] == b"\x02\x00" else start
    if at >= size:
        raise SourceError("the file is not what it was when it was scanned", why="it has no data set")
    return DataSetPlace(at, head_of(*uids, transfer_syntax))
