"""The directory tree as frozen values: what both `build` and `decode` give. No parent links, no offsets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mediakit.dicom.instance import Tag
from mediakit.fileset.file_id import FileID


@dataclass(frozen=True, slots=True)
class Key:
    """One element of a directory record: raw value bytes in Explicit VR Little Endian.

    A sequence (VR "SQ") holds its encoded items, without the delimiter of the sequence.
    """

    tag: Tag
    vr: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileRef:
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
            return str(self.file_id)
        return self.raw_file_id.strip(b" \0").replace(b"\\", b"/").decode("ascii", "backslashreplace")


@dataclass(frozen=True, slots=True)
class DirectoryRecord:
    """One directory record with the records below it. `keys` are in ascending order of tag.

    `seen_at` is the byte offset of its item in the file it was decoded from; None when it was built.
    `carried` are the elements of its item as they stand there, when an update takes them over (see `carry`).
    """

    type: str
    keys: tuple[Key, ...] = field(repr=False)
    reference: FileRef | None = None
    children: tuple[DirectoryRecord, ...] = field(default=(), repr=False)
    seen_at: int | None = field(default=None, compare=False)
    carried: bytes = field(default=b"", compare=False, repr=False)

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
