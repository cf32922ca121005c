"""The whole medium as a value: which file goes where, the DICOMDIR byte for byte, and whether it fits.

Nothing is written here; hashing the DICOMDIR of two plans compares two media.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mediakit.dicom.instance import Instance
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
    title="the file-set needs {needed} bytes, {medium} holds {capacity}",
    ref="PS3.12",
    hint="split the studies over several media, or choose a larger one (`--capacity`)",
)
FILE_TOO_BIG = Rule(
    id="MK-FST-012",
    severity=Severity.ERROR,
    title="a file of {size} bytes is larger than a file on {medium} may be ({limit})",
    ref="PS3.12",
    hint="choose a profile on another medium",
)
NO_ICON = Rule(
    id="MK-FST-013",
    severity=Severity.ERROR,
    title="{record} record has no Icon Image Sequence, which {profile} requires",
    ref="PS3.3 F.7",
    hint="icons of compressed images need the codecs: `pip install mediakit[codecs]`",
)
EMPTY = Rule(
    id="MK-FST-014",
    severity=Severity.ERROR,
    title="no instance is left for the directory, and {profile} allows no empty one",
    ref="PS3.3 F.3",
    hint="all files were refused or left out: the findings above say why",
)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the medium that carries an instance, byte for byte from where `instance` points."""

    file_id: FileID
    size: int
    instance: Instance


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file of the medium that is not DICOM: its path ("/" between names), size, and where it comes from."""

    path: str
    size: int
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asks of the medium.

    `capacity_bytes` None means no limit. `descriptor` is the File-set Descriptor File ID: the path of
    an extra file whose names are legal File ID components.
    """

    file_set_id: str = ""
    capacity_bytes: int | None = None
    descriptor: str = ""
    extra: tuple[ExtraFile, ...] = ()


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


def plan(
    collated: Collated, profile: Profile, wishes: Wishes, icons: Mapping[str, Key] | None = None
) -> FileSetPlan:
    """Plan a file-set from collated instances.

    The findings are those of the collation and of the plan: what does not fit is an error among them.
    Raises UsageError for a File-set ID, descriptor or extra file that cannot be. Source: PS3.10 8.
    """
    _check(wishes)
    reserved = {file.path.split("/", 1)[0] for file in wishes.extra}
    file_ids = tuple(layout(shape_of(collated), reserved))
    instances = [leaf.instance for leaf in collated.leaves()]
    uid = file_set_uid(instances, profile.id)
    directory = build(collated, file_ids, profile, icons, wishes.file_set_id, uid)
    if wishes.descriptor:
        directory = replace(directory, descriptor=FileID(tuple(wishes.descriptor.split("/"))).value)
    dicomdir = encode(directory)
    files = tuple(
        PlannedFile(file_id, instance.size, instance)
        for file_id, instance in zip(file_ids, instances, strict=True)
    )
    sizes = [(DICOMDIR, len(dicomdir)), *((str(file.file_id), file.size) for file in files)]
    sizes.extend((extra.path, extra.size) for extra in wishes.extra)
    total = bytes_needed(sizes, profile.medium)
    findings = (
        *collated.findings,
        *_missing_icons(collated, profile, icons or {}),
        *_misfits(files, total, profile, wishes),
    )
    return FileSetPlan(
        profile=profile,
        directory=directory,
        dicomdir=dicomdir,
        files=files,
        extra=wishes.extra,
        total_bytes=total,
        capacity_bytes=wishes.capacity_bytes,
        findings=findings,
    )


def file_set_uid(instances: Iterable[Instance], profile_id: str) -> str:
    """Return the File-set UID: made from what is in the file-set, so the same content has the same UID.

    It is the decimal form of a UUID (version 8: the rest of its bits is free) under 2.25 (PS3.5 B.2).
    """
    uids = sorted(instance.sop_instance for instance in instances)
    digest = hashlib.sha256("\n".join((profile_id, *uids)).encode()).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76  # version
    value = value & ~(0x3 << 62) | 2 << 62  # variant
    return f"2.25.{value}"


def _check(wishes: Wishes) -> None:
    if not is_file_set_id(wishes.file_set_id):
        raise UsageError(
            f"`{wishes.file_set_id!a}` is no File-set ID",
            why="it has 0 to 16 characters of A-Z 0-9 _ (PS3.10 8.5)",
        )
    paths = [extra.path.upper() for extra in wishes.extra]
    for path in paths:
        if path.split("/", 1)[0] == DICOMDIR:
            raise UsageError("the name DICOMDIR is reserved", where=path, hint="PS3.10 8.6")
    if len(set(paths)) < len(paths):
        raise UsageError("an extra file comes twice", why="names that differ only in case are the same here")
    if wishes.descriptor:
        if wishes.descriptor not in {extra.path for extra in wishes.extra}:
            raise UsageError(f"`{wishes.descriptor}` is not among the extra files")
        try:
            FileID(tuple(wishes.descriptor.split("/")))
        except ValueError as exc:
            raise UsageError("the descriptor file needs a legal File ID", why=str(exc)) from exc


def _missing_icons(collated: Collated, profile: Profile, icons: Mapping[str, Key]) -> Iterator[Finding]:
    rule = profile.icon
    if rule is None or not rule.required:
        return
    for leaf in collated.leaves():
        if leaf.type in rule.records and leaf.instance.sop_instance not in icons:
            where = Where(path=place_of(leaf.instance))
            yield NO_ICON.at(where, record=leaf.type, profile=profile.id)


def _misfits(
    files: tuple[PlannedFile, ...], total: int, profile: Profile, wishes: Wishes
) -> Iterator[Finding]:
    medium = profile.medium
    if not files and not profile.dicomdir.empty_allowed:
        yield EMPTY.at(profile=profile.id)
    if wishes.capacity_bytes is not None and total > wishes.capacity_bytes:
        yield TOO_BIG.at(needed=total, medium=medium.title, capacity=wishes.capacity_bytes)
    limit = max_file_bytes(medium)
    if limit is None:
        return
    sized = [(place_of(file.instance), file.size) for file in files if file.size > limit]
    sized.extend((extra.origin or extra.path, extra.size) for extra in wishes.extra if extra.size > limit)
    for place, size in sized:
        yield FILE_TOO_BIG.at(Where(path=place), size=size, medium=medium.title, limit=limit)
