"""Where the data set of a stored file begins, and the head that belongs in front of it in a Part 10 file.

For those who pass data sets on as stored, without decoding: the network has no use for the head, a folder or
a web server has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediakit.dicom.bounded_read import Malformed, Readable
from mediakit.dicom.opening import FIRST_LOOK, is_meta_sound, located
from mediakit.errors import SourceError

FIRST_READ = FIRST_LOOK
_META_AT = 132  # behind preamble and DICM


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
    try:
        opening = located(stream, size, head)
    except Malformed as exc:
        raise SourceError(
            "the file is not what it was when it was scanned", why=exc.finding("").text
        ) from exc
    at = opening.begin
    is_true = (
        opening.meta_at == _META_AT and opening.is_orderly and is_meta_sound(opening.meta, at - _META_AT)
    )
    if is_true and opening.declared == transfer_syntax and at <= len(head):
        return DataSetPlace(at, head[:at])
    from mediakit.dicom.part10 import head_of  # noqa: PLC0415 - most files have a true head

    return DataSetPlace(at, head_of(*uids, transfer_syntax))
