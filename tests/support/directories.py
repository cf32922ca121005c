"""Builders of DICOMDIRs: bytes spelled out without our encoder, and frozen directories for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
IMPLICIT_LE = "1.2.840.10008.1.2"
FILE_SET_UID = "1.2.826.0.1.3680043.10.1.1"
LONG_VRS = {"OB", "OW", "SQ", "UN", "UT", "UC", "UR", "UV"}


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """Return one element in Explicit VR Little Endian; `length` may lie."""
    size = len(value) if length is None else length
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr.encode()
    if vr in LONG_VRS:
        return head + b"\0\0" + size.to_bytes(4, "little") + value
    return head + size.to_bytes(2, "little") + value


def ul(tag: int, value: int) -> bytes:
    return element(tag, "UL", value.to_bytes(4, "little"))


def padded(text: str, pad: bytes = b" ") -> bytes:
    value = text.encode("latin-1")
    return value + pad * (len(value) % 2)


def uid(tag: int, value: str) -> bytes:
    return element(tag, "UI", padded(value, b"\0"))


def item(content: bytes, length: int | None = None) -> bytes:
    return b"\xfe\xff\x00\xe0" + (len(content) if length is None else length).to_bytes(4, "little") + content


ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Item:
    """One record as it is to stand in the file. `next` and `lower` are indices, the `_at` ones offsets."""

    kind: str
    next: int | None = None
    lower: int | None = None
    next_at: int | None = None
    lower_at: int | None = None
    in_use: int = 0xFFFF
    extra: bytes = b""  # elements behind the type
    wrong_by: int = 0  # added to the length of the item
    is_undefined: bool = False

    def encoded(self, starts: Sequence[int]) -> bytes:
        after = self.next_at if self.next_at is not None else _start(starts, self.next)
        below = self.lower_at if self.lower_at is not None else _start(starts, self.lower)
        content = ul(0x00041400, after) + element(0x00041410, "US", self.in_use.to_bytes(2, "little"))
        content += ul(0x00041420, below) + element(0x00041430, "CS", padded(self.kind)) + self.extra
        if self.is_undefined:
            return item(content, UNDEFINED) + ITEM_END
        return item(content, len(content) + self.wrong_by)


def _start(starts: Sequence[int], index: int | None) -> int:
    return 0 if index is None else starts[index]


def reference(file_id: str = "A\\B", instance: str = "1.2.3") -> bytes:
    return (
        element(0x00041500, "CS", padded(file_id))
        + uid(0x00041510, CT)
        + uid(0x00041511, instance)
        + uid(0x00041512, EXPLICIT_LE)
    )


def image(number: int, **links: int | None) -> Item:
    """Return an IMAGE that references A/B<number>."""
    extra = reference(f"A\\B{number}", f"1.2.3.{number}") + element(0x00200013, "IS", padded(str(number)))
    return Item(kind="IMAGE", extra=extra, **links)  # type: ignore[arg-type]


def meta(
    sop_class: str = "1.2.840.10008.1.3.10", syntax: str = EXPLICIT_LE, file_set_uid: str = FILE_SET_UID
) -> bytes:
    body = element(0x00020001, "OB", b"\0\1") + uid(0x00020002, sop_class) + uid(0x00020003, file_set_uid)
    body += uid(0x00020010, syntax) + uid(0x00020012, "2.25.1")
    return ul(0x00020000, len(body)) + body


def dicomdir(
    items: Sequence[Item],
    *,
    first: int | None = 0,
    last: int | None = 0,
    first_at: int | None = None,
    last_at: int | None = None,
    prefix: bytes = bytes(128) + b"DICM",
    head: bytes | None = None,
    sequence_length: int | None = None,
    tail: bytes = b"",
) -> bytes:
    """Return a DICOMDIR of these records, right in all that the arguments do not make wrong."""
    before = prefix + (meta() if head is None else head) + element(0x00041130, "CS", b"TEST")
    begin = len(before) + 12 + 12 + 10 + 12
    starts, at = [], begin
    for one in items:
        starts.append(at)
        at += len(one.encoded([0] * len(items)))
    body = b"".join(one.encoded(starts) for one in items)
    before += ul(0x00041200, first_at if first_at is not None else _start(starts, first if items else None))
    before += ul(0x00041202, last_at if last_at is not None else _start(starts, last if items else None))
    before += element(0x00041212, "US", b"\0\0")
    length = len(body) if sequence_length is None else sequence_length
    return before + element(0x00041220, "SQ", body, length) + tail


def starts(data: bytes) -> list[int]:
    """Return where the items of a DICOMDIR with defined lengths begin, by arithmetic of its own."""
    at = data.index(b"\x04\0\x20\x12SQ\0\0")
    end = at + 12 + int.from_bytes(data[at + 8 : at + 12], "little")
    at += 12
    found = []
    while at < end:
        assert data[at : at + 4] == b"\xfe\xff\0\xe0"
        found.append(at)
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    assert at == end
    return found


def key(tag: int, vr: str, value: str | bytes) -> Key:
    raw = value if isinstance(value, bytes) else padded(value, b"\0" if vr == "UI" else b" ")
    return Key(tag, vr, raw)


def image_record(number: int, folder: str = "S1", series: str = "1.2.3.1") -> DirectoryRecord:
    return DirectoryRecord(
        "IMAGE",
        (key(0x00200013, "IS", str(number)),),
        FileRef(FileID(f"DICOM/{folder}/I{number:07d}"), CT, f"{series}.{number}", EXPLICIT_LE),
    )


def patient(
    number: int, *, series_count: int = 1, image_count: int = 2, study_uid: str = ""
) -> DirectoryRecord:
    """Return a PATIENT with one STUDY and this many series and images, with all Type 1 and 2 keys."""
    study = study_uid or f"1.2.3.{number}"
    series = tuple(
        DirectoryRecord(
            "SERIES",
            (
                key(0x00080060, "CS", "CT"),
                key(0x0020000E, "UI", f"{study}.{s}"),
                key(0x00200011, "IS", str(s)),
            ),
            None,
            tuple(image_record(i, f"P{number}S{s}", f"{study}.{s}") for i in range(1, image_count + 1)),
        )
        for s in range(1, series_count + 1)
    )
    study_keys = (
        key(0x00080020, "DA", "20200102"),
        key(0x00080030, "TM", "101112"),
        key(0x00080050, "SH", ""),
        key(0x00081030, "LO", "CHEST"),
        key(0x0020000D, "UI", study),
        key(0x00200010, "SH", "1"),
    )
    return DirectoryRecord(
        "PATIENT",
        (key(0x00100010, "PN", f"Test^Number{number}"), key(0x00100020, "LO", f"ID{number}")),
        None,
        (DirectoryRecord("STUDY", study_keys, None, series),),
    )


def directory(*roots: DirectoryRecord) -> Directory:
    return Directory("TEST", FILE_SET_UID, roots)


def shape(records: Sequence[DirectoryRecord]) -> Iterator[tuple[int, str, str]]:
    """Yield depth, type and File ID of every record, parents first: what peers can be compared by."""
    stack = [(1, record) for record in reversed(records)]
    while stack:
        depth, record = stack.pop()
        file_id = record.reference.file_id if record.reference else None
        yield depth, record.type, str(file_id or "")
        stack.extend((depth + 1, child) for child in reversed(record.children))
