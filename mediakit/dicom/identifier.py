"""Data sets that pynetdicom takes and gives: identifiers of C-FIND as typed values (PS3.4 C.2.2.2), a status.

Values are text: of a peer's answer as decoded by its own Specific Character Set, with a backslash between
several. What is neither text, number nor sequence is left out; nothing that a peer sends makes this fail in
another way than `Unintelligible`, and no message holds a value.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

from mediakit.dicom import text
from mediakit.dicom.elements import IMPLICIT_LITTLE
from mediakit.dicom.values import TEXT_VRS
from mediakit.findings import tag_text

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement, RawDataElement

SPECIFIC_CHARACTER_SET = 0x00080005
UTF_8 = "ISO_IR 192"
MAX_DEPTH = 8  # a Scheduled Procedure Step with its code sequences has three
_MOST_WORDS = 64  # VR LO
MAX_TEXT_BYTES = 64 * 1024  # of one value: that of a name has at most 64 characters a group

Value: TypeAlias = "str | tuple[Mapping[int, Value], ...]"
Values: TypeAlias = Mapping[int, Value]

_NUMBERS: Mapping[str, str] = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q"}
_TEXT = frozenset(vr.decode("ascii") for vr in TEXT_VRS)


class Unintelligible(Exception):  # noqa: N818 - an answer about bytes, caught where a peer is asked
    """The data set of an answer cannot be read."""


def status_of(code: int, words: str = "") -> Dataset:
    """Return a status with its Error Comment (0000,0902); `words` are ASCII and are cut to 64 characters.

    Source: PS3.7 C.
    """
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    status = Dataset()
    status.Status = code
    if words:
        status.ErrorComment = words.encode("ascii", "replace").decode("ascii")[:_MOST_WORDS]
    return status


def read_data_set(encoded: bytes, transfer_syntax: str) -> Dataset:
    """Return a data set in Implicit or Explicit VR Little Endian. Raises Unintelligible."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415 - start-up time

    is_implicit = transfer_syntax == IMPLICIT_LITTLE.syntax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they can hold values
        try:
            return read_dataset(BytesIO(encoded), is_implicit, is_little_endian=True)
        except Exception as exc:  # noqa: BLE001 - pydicom raises what it likes on foreign bytes
            raise Unintelligible(type(exc).__name__) from None


def written_data_set(dataset: Dataset, transfer_syntax: str) -> bytes:
    """Return a data set of ours in Implicit or Explicit VR Little Endian."""
    from pydicom.filebase import DicomBytesIO  # noqa: PLC0415 - start-up time
    from pydicom.filewriter import write_dataset  # noqa: PLC0415

    stream = DicomBytesIO()
    stream.is_implicit_VR = transfer_syntax == IMPLICIT_LITTLE.syntax
    stream.is_little_endian = True
    write_dataset(stream, dataset)
    return stream.getvalue()


def identifier_of(keys: Values) -> Dataset:
    """Return a request for these keys: text, "" to ask for a value, a tuple of items for a sequence.

    Text outside ASCII is sent in UTF-8. Raises ValueError for a tag that is not in the dictionary, and for a
    value where its VR takes none as text.
    """
    from pydicom import Dataset  # noqa: PLC0415 - start-up time

    dataset = Dataset()
    for tag in sorted(keys):
        dataset[tag] = _element(tag, keys[tag])
    if not _is_ascii(keys):
        dataset[SPECIFIC_CHARACTER_SET] = _element(SPECIFIC_CHARACTER_SET, UTF_8)
    return dataset


def _element(tag: int, value: Value) -> DataElement:
    from pydicom import config  # noqa: PLC0415 - start-up time
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415
    from pydicom.dataelem import DataElement  # noqa: PLC0415

    try:
        vr = str(dictionary_VR(tag))
    except KeyError:
        raise ValueError(f"{tag_text(tag)} is no key: it is not in the dictionary") from None
    if (vr == "SQ") is isinstance(value, str) or (value and vr != "SQ" and vr not in _TEXT):
        raise ValueError(f"{tag_text(tag)} of VR {vr} does not take such a value")
    held = value if isinstance(value, str) else [identifier_of(item) for item in value]
    return DataElement(tag, vr, held, validation_mode=config.IGNORE)


def _is_ascii(keys: Values) -> bool:
    for value in keys.values():
        if not (value.isascii() if isinstance(value, str) else all(_is_ascii(item) for item in value)):
            return False
    return True


def values_of(dataset: Dataset) -> dict[int, Value]:
    """Return what a peer answered, as text. Raises Unintelligible."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they can hold values
        try:
            return dict(_values(dataset, b"", MAX_DEPTH))
        except Unintelligible:
            raise
        except Exception as exc:  # noqa: BLE001 - pydicom raises what it likes on foreign bytes
            raise Unintelligible(type(exc).__name__) from None


def size_of(values: Values) -> int:
    """Return about how many bytes values take in memory."""
    size = 0
    for value in values.values():
        size += 100 + (len(value) if isinstance(value, str) else sum(size_of(item) for item in value))
    return size


def _values(dataset: Dataset, charset: bytes, depth: int) -> Iterator[tuple[int, Value]]:
    if depth == 0:
        raise Unintelligible("its sequences are nested too deep")
    charset = _charset(dataset) or charset
    for tag in sorted(dataset.keys()):
        vr = _vr(dataset.get_item(tag))
        if vr == "SQ":
            items = dataset[tag].value or ()
            yield int(tag), tuple(dict(_values(item, charset, depth - 1)) for item in items)
        elif vr in _TEXT or vr in _NUMBERS:
            yield int(tag), _text(dataset, int(tag), vr, charset)


def _vr(element: DataElement | RawDataElement) -> str:
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415 - start-up time

    if element.VR and element.VR != "UN":
        return str(element.VR)
    try:
        return str(dictionary_VR(element.tag))
    except KeyError:
        return "UN"


def _charset(dataset: Dataset) -> bytes:
    if SPECIFIC_CHARACTER_SET not in dataset:
        return b""
    raw = dataset.get_item(SPECIFIC_CHARACTER_SET).value
    if isinstance(raw, bytes):
        return raw.strip(b" \0")
    terms = (raw or "",) if isinstance(raw, str | None) else tuple(raw)  # pydicom may have decoded it
    return "\\".join(str(term) for term in terms).encode("latin-1", "replace")


def _text(dataset: Dataset, tag: int, vr: str, charset: bytes) -> str:
    element = dataset.get_item(tag)
    raw = element.value
    if raw is None:
        return ""
    if not isinstance(raw, bytes):  # decoded before
        return str(raw)
    if len(raw) > MAX_TEXT_BYTES:
        raise Unintelligible("a value is too long")
    if vr in _NUMBERS:
        order = "<" if getattr(element, "is_little_endian", True) else ">"
        width = struct.calcsize(_NUMBERS[vr])
        numbers = struct.unpack(f"{order}{len(raw) // width}{_NUMBERS[vr]}", raw[: len(raw) // width * width])
        return "\\".join(str(number) for number in numbers)
    return text.decode(raw, charset, vr).strip(" \0")
