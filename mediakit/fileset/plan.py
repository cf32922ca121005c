"""The whole medium as a value: which file goes where, the DICOMDIR byte for byte, and whether it fits.

Nothing is written here; hashing the DICOMDIR of two plans compares two media.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from mediakit.dicom.instance import Instance
from mediakit.dicom.uids import content_uid
from mediakit.errors import UsageError
from mediakit.fileset.build import build
from mediakit.fileset.capacity import bytes_needed, max_file_bytes
from mediakit.fileset.charset import place_of
from mediakit.fileset.encode import encode
from mediakit.fileset.file_id import FileID, is_file_set_id
from mediakit.fileset.groups import Collated
from mediakit.fileset.layout import layout, shape_of
from mediakit.fileset.record import Directory, Key
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile

DICOMDIR = "DICOMDIR"


TOO_BIG = Rule(
    id="MK-FST-011",
    severity=Severity.ERROR,
    title="the file-set needs {needed:byte|bytes}, but {medium} holds {capacity:byte|bytes}",
    ref="PS3.12",
    hint="choose a larger medium (`--capacity`), or let `--span` write several",
)
FILE_TOO_BIG = Rule(
    id="MK-FST-012",
    severity=Severity.ERROR,
    title="a file of {size:byte|bytes} is larger than a file on {medium} may be ({limit:byte|bytes})",
    ref="PS3.12",
    hint="choose a profile on another medium",
)
NO_ICON = Rule(
    id="MK-FST-013",
    severity=Severity.ERROR,
    title="the {record} record has no Icon Image Sequence, which {profile} requires",
    ref="PS3.3 F.7",
    hint="icons of compressed images need the codecs: `pip install 'dicom-mediakit[codecs]'`",
)
EMPTY = Rule(
    id="MK-FST-014",
    severity=Severity.ERROR,
    title="no instance is left for the directory, and {profile} does not allow an empty one",
    ref="PS3.3 F.3",
    hint="all files were refused or left out: the findings above say why",
)


class PlannedFile(Struct, frozen=True, gc=False):
    """A file of the medium that carries an instance, byte for byte from where `instance` points."""

    file_id: FileID
    size: int
    instance: Instance


class ExtraFile(Struct, frozen=True):
    """A file of the medium that is not DICOM: its path ("/" between names), size, and where it comes from.

    `is_stored`: it is taken over as it stands on a medium, in its envelope if it has one.
    """

    path: str
    size: int
    origin: str = ""
    is_stored: bool = False

    def size_there(self, stored_size: Callable[[int], int]) -> int:
        """Return the bytes that it takes on the medium; `stored_size` is what an envelope makes of a size."""
        return self.size if self.is_stored else stored_size(self.size)


class Wishes(Struct, frozen=True, kw_only=True):
    """What the user asks of the file-set. `reserved` are further names that are taken in its root."""

    file_set_id: str = ""
    extra: tuple[ExtraFile, ...] = ()
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSetLayout:
    """A file-set with its File IDs and its DICOMDIR, before other content is made from it and sizes count.

    `files` are in the order of the directory, which is also the order of their paths. `extra` is the other
    content that the user gave. `findings` are those of the collation and on icons.
    """

    profile: Profile
    directory: Directory
    dicomdir: bytes = field(repr=False)
    files: tuple[PlannedFile, ...] = field(repr=False)
    extra: tuple[ExtraFile, ...] = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSetPlan:
    """The whole medium. `files` are in the order of the directory, which is also the order of their paths.

    `total_bytes` is what the file-set takes on the medium, folders and all; estimated, never too low.
    """

    profile: Profile
    directory: Directory
    dicomdir: bytes = field(repr=False)
    files: tuple[PlannedFile, ...] = field(repr=False)
    extra: tuple[ExtraFile, ...] = field(repr=False)
    total_bytes: int
    capacity_bytes: int | None
    findings: tuple[Finding, ...] = field(repr=False)


def lay_out(
    collated: Collated, profile: Profile, wishes: Wishes, icons: Mapping[str, Key] | None = None
) -> FileSetLayout:
    """Give every instance its File ID and make the DICOMDIR.

    Raises UsageError for a File-set ID or extra file that cannot be. Source: PS3.10 8.
    """
    _check(wishes)
    reserved = wishes.reserved.union(file.path.split("/", 1)[0] for file in wishes.extra)
    file_ids = tuple(layout(shape_of(collated), reserved))
    instances = [leaf.instance for leaf in collated.leaves()]
    uid = file_set_uid(instances, profile.id)
    directory = build(collated, file_ids, profile, icons, wishes.file_set_id, uid)
    return FileSetLayout(
        profile=profile,
        directory=directory,
        dicomdir=encode(directory),
        files=tuple(
            PlannedFile(file_id, instance.size, instance)
            for file_id, instance in zip(file_ids, instances, strict=True)
        ),
        extra=wishes.extra,
        findings=(*collated.findings, *_missing_icons(collated, profile, icons or {})),
    )


def complete(
    laid_out: FileSetLayout,
    capacity_bytes: int | None,
    produced: Sequence[ExtraFile] = (),
    stored_size: Callable[[int], int] = int,
) -> FileSetPlan:
    """Add the content that was made from the layout, and find out whether everything fits the medium.

    `capacity_bytes` None means no limit. `stored_size` gives the bytes that a file of so many bytes takes
    there (more when it is enveloped). What does not fit is an error among the findings. Raises UsageError
    for content whose name is taken.
    """
    extra = (*laid_out.extra, *produced)
    _check_extra(extra)
    files, profile = laid_out.files, laid_out.profile
    sizes = [(DICOMDIR, len(laid_out.dicomdir)), *((file.file_id.path, file.size) for file in files)]
    stored = [(path, stored_size(size)) for path, size in sizes]
    stored.extend((one.path, one.size_there(stored_size)) for one in extra)
    total = bytes_needed(stored, profile.medium, capacity_bytes)
    return FileSetPlan(
        profile=profile,
        directory=laid_out.directory,
        dicomdir=laid_out.dicomdir,
        files=files,
        extra=extra,
        total_bytes=total,
        capacity_bytes=capacity_bytes,
        findings=(
            *laid_out.findings,
            *_misfits(laid_out, extra, (total, capacity_bytes), stored_size),
        ),
    )


def file_set_uid(instances: Iterable[Instance], profile_id: str) -> str:
    """Return the File-set UID: made from what is in the file-set, so the same content has the same UID."""
    uids = sorted(instance.sop_instance for instance in instances)
    return content_uid("\n".join((profile_id, *uids)).encode())


def _check(wishes: Wishes) -> None:
    if not is_file_set_id(wishes.file_set_id):
        raise UsageError(
            f'"{wishes.file_set_id}" is not a valid File-set ID',
            why="use up to 16 of A-Z 0-9 _ (PS3.10 8.1, 8.5)",
        )
    _check_extra(wishes.extra)


def _check_extra(extra: Sequence[ExtraFile]) -> None:
    paths = [unicodedata.normalize("NFC", one.path.upper()) for one in extra]
    for path in paths:
        if path.split("/", 1)[0] == DICOMDIR:
            raise UsageError("the name DICOMDIR is reserved", where=path, hint="PS3.10 8.6")
    if len(set(paths)) < len(paths):
        twice = Counter(paths).most_common(1)[0][0]
        raise UsageError(
            "an extra file comes twice",
            where=twice,
            why="names that differ only in case, or in how an accented letter is made up, are the same here",
        )


def _missing_icons(collated: Collated, profile: Profile, icons: Mapping[str, Key]) -> Iterator[Finding]:
    rule = profile.icon
    if rule is None or not rule.required:
        return
    for leaf in collated.leaves():
        if leaf.type in rule.records and leaf.instance.sop_instance not in icons:
            where = Where(path=place_of(leaf.instance))
            yield NO_ICON.at(where, record=leaf.type, profile=profile.id)


def _misfits(
    laid_out: FileSetLayout,
    extra: tuple[ExtraFile, ...],
    room: tuple[int, int | None],
    stored_size: Callable[[int], int],
) -> Iterator[Finding]:
    """Yield what does not fit; `room` is what is needed and what there is (None: no limit), in bytes."""
    files, profile = laid_out.files, laid_out.profile
    medium = profile.medium
    needed, capacity = room
    is_empty = not any(record.reference is not None for record in laid_out.directory.walk())
    if is_empty and not profile.dicomdir.empty_allowed:
        yield EMPTY.at(profile=profile.id)
    if capacity is not None and needed > capacity:
        yield TOO_BIG.at(needed=needed, medium=medium.title, capacity=capacity)
    limit = max_file_bytes(medium)
    if limit is None:
        return
    large = [
        *((place_of(file.instance), size) for file in files if (size := stored_size(file.size)) > limit),
        *((one.origin or one.path, size) for one in extra if (size := one.size_there(stored_size)) > limit),
    ]
    for place, size in large:
        yield FILE_TOO_BIG.at(Where(path=place), size=size, medium=medium.title, limit=limit)
