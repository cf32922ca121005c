"""The directory tree as frozen values: what both `build` and `decode` give. No parent links, no offsets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from mediakit.dicom.instance import Tag
from mediakit.fileset.file_id import FileID


class Key(Struct, frozen=True, gc=False):
    """One element of a directory record: raw value bytes in Explicit VR Little Endian.

    A sequence (VR "SQ") holds its encoded items, without the delimiter of the sequence.
    """

    tag: Tag
    vr: str
    value: bytes

    def __repr__(self) -> str:
        return f"Key(tag={self.tag:#010x}, vr={self.vr!r})"  # a value may say who the patient is


class FileRef(Struct, frozen=True, gc=False):
    """The instance that a record references (PS3.3 F.3.2.2). `file_id` is None when it is not legal."""

    file_id: FileID | None
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    related_classes: tuple[str, ...] = ()
    raw_file_id: bytes = b""  # as stored, when it is not a legal File ID

    @property
    def file_id_text(self) -> str:
        """The File ID as people read it, "/" between components, also when it is not legal; "" for none."""
        if self.file_id is not None:
            return self.file_id.path
        return self.raw_file_id.strip(b" \0").replace(b"\\", b"/").decode("ascii", "backslashreplace")


class DirectoryRecord(Struct, frozen=True, gc=False):
    """One directory record with the records below it. `keys` are in ascending order of tag.

    `seen_at` is the byte offset of its item in the file it was decoded from; None when it was built.
    `carried` are the elements of its item as they stand there, when an update takes them over (see `carry`).
    """

    type: str
    keys: tuple[Key, ...]
    reference: FileRef | None = None
    children: tuple[DirectoryRecord, ...] = ()
    seen_at: int | None = None
    carried: bytes = b""

    def __repr__(self) -> str:
        return f"DirectoryRecord(type={self.type!r}, reference={self.reference!r}, seen_at={self.seen_at})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DirectoryRecord):
            return NotImplemented
        return self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[object, ...]:
        """Return what makes two records the same, wherever they were seen."""
        return self.type, self.keys, self.reference, self.children

    def key(self, tag: Tag) -> Key | None:
        """Return the key with this tag, or None."""
        return next((key for key in self.keys if key.tag == tag), None)


@dataclass(frozen=True, slots=True)
class Directory:
    """A whole DICOMDIR: File-set ID, File-set UID and the records of the root directory entity.

    `others` are further elements of its data set, such as private ones, when an update takes them over.
    """

    file_set_id: str
    file_set_uid: str
    roots: tuple[DirectoryRecord, ...] = field(repr=False)
    descriptor: str = ""  # File-set Descriptor File ID
    descriptor_charset: str = ""
    others: tuple[Key, ...] = field(default=(), compare=False, repr=False)

    def walk(self) -> Iterator[DirectoryRecord]:
        """Yield every record, parents before children, siblings in order; iterative, whatever the depth."""
        stack = list(reversed(self.roots))
        while stack:
            record = stack.pop()
            yield record
            stack.extend(reversed(record.children))
