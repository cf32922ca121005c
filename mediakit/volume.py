"""What the file system or archive of a medium says of itself. Values only, without any I/O.

The readers in `formats` fill them in, the rules of PS3.12 judge them. Lists of paths are examples: the first
`MAX_EXAMPLES` of their kind, in the order of the medium, so that a hostile medium cannot make them long.
"""

from __future__ import annotations

from msgspec import Struct

MAX_EXAMPLES = 20
FILE_DRIVE = "stdio:"  # before the path of a file that stands for a disc drive, as xorriso has it
CUT_OFF = "the volume says that it is larger than the image: its end is missing"


class Damage(Struct, frozen=True):
    """One part of a medium that could not be read, so that files may be missing.

    `path` is the folder or file that is affected, "" for the medium as a whole; `what` is a plain sentence
    that says what is wrong with it. `is_made_good`: all of it was read from a second copy on the medium.
    """

    path: str
    what: str
    is_made_good: bool = False


class IsoVolume(Struct, frozen=True, kw_only=True):
    """An ISO 9660 volume: that of the last session, which is the valid one (PS3.12 F.2).

    `level` is the lowest interchange level that its names and extents keep to (1, 2, 3), or 0 when they keep
    to none (lower case, more than 8 levels of folders). `sessions` counts volume descriptor sets found.
    The tuples hold examples of paths: `unversioned` without ";1" or with another version, `undotted`
    without the dot, `flagged` with File Flags bits 3 or 4, `attributed` with an Extended Attribute Record,
    `hidden` with the existence bit, `not_in_joliet` and `not_in_rock_ridge` in the primary tree and not in
    that one, `only_in_joliet` in no other, `crossed` with the name of another file in Joliet or Rock Ridge.
    """

    volume_id: str = ""  # without padding
    created: str = ""  # YYYYMMDD
    system_id: str = ""
    level: int = 1
    block_size: int = 2048
    depth: int = 1  # levels of folders, the root counts as 1
    sessions: int = 1
    has_joliet: bool = False
    has_rock_ridge: bool = False
    has_udf: bool = False  # a UDF bridge lies beside it
    udf_revision: str = ""  # of the bridge, as in `UdfVolume`
    is_truncated: bool = False  # the volume says that it is larger than the image
    unversioned: tuple[str, ...] = ()
    undotted: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    attributed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    not_in_rock_ridge: tuple[str, ...] = ()
    not_in_joliet: tuple[str, ...] = ()
    only_in_joliet: tuple[str, ...] = ()
    crossed: tuple[str, ...] = ()


class UdfVolume(Struct, frozen=True, kw_only=True):
    """A UDF volume. `revision` is "1.02", "1.50", "2.00", "2.01", "2.50", "2.60", or "" when it says none.

    `interchange_level` and `maximum_level` are those of the primary volume descriptor. `odd_types`, `hidden`
    and `unreadable_by_others` are examples of paths.
    """

    volume_id: str = ""
    revision: str = ""
    block_size: int = 2048
    depth: int = 1
    interchange_level: int = 0
    maximum_level: int = 0
    has_virtual: bool = False  # a Virtual Allocation Table (packet or incremental writing)
    has_sparing: bool = False
    has_metadata: bool = False
    has_iso: bool = False  # an ISO 9660 bridge lies beside it
    is_truncated: bool = False
    odd_types: tuple[str, ...] = ()  # neither an ordinary file (0, 5), a folder nor a symbolic link
    hidden: tuple[str, ...] = ()
    closed_to_others: tuple[str, ...] = ()  # not readable by all


class FatVolume(Struct, frozen=True, kw_only=True):
    """A FAT volume. `kind` is "FAT12", "FAT16" or "FAT32"; `partition` its number, 0 when unpartitioned.

    `partition_type` is the byte of the partition table. `long_names` are examples of paths that have a long
    name which is not the short one; `lower_case` of short names with the lower-case flags of Windows NT.
    """

    volume_id: str = ""  # the volume label
    kind: str = "FAT16"
    sector_bytes: int = 512
    sectors_per_cluster: int = 1
    depth: int = 1
    partition: int = 0
    partition_type: int = 0
    partitions: int = 0
    is_truncated: bool = False
    long_names: tuple[str, ...] = ()
    lower_case: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class ZipVolume(Struct, frozen=True, kw_only=True):
    """A ZIP archive. `methods` are the compression methods met ("stored", "deflated", ...)."""

    methods: tuple[str, ...] = ()
    depth: int = 1
    encrypted: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()  # names that come twice
    rooted: tuple[str, ...] = ()  # absolute, or with "..": they would lead out of the archive


class MimeVolume(Struct, frozen=True, kw_only=True):
    """A MIME message. `kind` is its media type ("multipart/mixed"), `depth` counts as for file systems.

    The tuples hold examples of paths of DICOM files, found by their content: `other_types` are declared as
    something else than application/dicom, `without_id` have no `id`, `misnamed` another `name` than the
    last component with ".dcm", `unsafe` a transfer encoding that may not bring all bytes over. `doubled` are
    paths that come twice, `rooted` those that are absolute or lead out, of any files.
    """

    kind: str = "multipart/mixed"
    depth: int = 1
    is_truncated: bool = False  # the delimiter that ends it is missing
    other_types: tuple[str, ...] = ()
    without_id: tuple[str, ...] = ()
    misnamed: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    rooted: tuple[str, ...] = ()


Volume = IsoVolume | UdfVolume | FatVolume | ZipVolume | MimeVolume


def udf_name(revision: str) -> str:
    """Return a revision of UDF as PS3.12 names it: "UDF 2.6" for "2.60"."""
    return f"UDF {revision.removesuffix('0')}".rstrip()


def file_system(volume: Volume | None) -> str:
    """Return the file system as PS3.12 names it ("ISO 9660 Level 1", "UDF 2.6", "FAT16"), or ""."""
    if isinstance(volume, IsoVolume):
        return f"ISO 9660 Level {volume.level}" if volume.level else "ISO 9660"
    if isinstance(volume, UdfVolume):
        return udf_name(volume.revision)
    if isinstance(volume, FatVolume):
        return volume.kind
    if isinstance(volume, MimeVolume):
        return "MIME"
    return "ZIP" if isinstance(volume, ZipVolume) else ""
