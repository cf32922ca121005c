"""Where an update goes, and how it is written: anew, in place, or as a further session."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mediakit.errors import UsageError
from mediakit.fileset.fat_geometry import FatWishes, wishes_of
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.base import TreeFacts
from mediakit.formats.registry import SINKS
from mediakit.profile.model import Profile, Sessions
from mediakit.stages.plan.target import format_of, suits
from mediakit.volume import FILE_DRIVE, FatVolume, UdfVolume, file_system

OTHER_LABEL = Rule(
    id="MK-UPD-010",
    severity=Severity.WARNING,
    title="the volume label {old} cannot be written again; the new image has {new}",
    ref="PS3.12",
    hint="nothing needs to be done unless somebody goes by the label",
)

_MULTISESSION = frozenset({Sessions.FINALIZE_OR_MULTISESSION, Sessions.FINALIZE_OR_MULTISESSION_OR_PACKET})
_LABEL, _FAT_LABEL = re.compile(r"[A-Z0-9_]{0,32}"), re.compile(r"[A-Z0-9_]{0,11}")
_LEVEL_1 = "ISO 9660 Level 1"


class Way(StrEnum):
    """How an update is written."""

    ANEW = "anew"  # beside the old one, proven, renamed over it; or to another place
    IN_PLACE = "in-place"  # a folder or mounted stick: files, then the directory, then what is removed
    SESSION = "session"  # behind what the image holds


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTarget:
    """What is written: the path, in which way, and in which media format.

    `begins` is the sector of an open disc at which its session goes, 0 for what is no disc.
    """

    path: Path
    way: Way
    variant: str
    begins: int = 0


def is_device(medium: Path) -> bool:
    """Return True for a device, and for a file that stands for a disc drive."""
    is_file_drive = str(medium).startswith(FILE_DRIVE)
    return is_file_drive or medium.is_block_device() or medium.is_char_device()


def target_of(
    medium: Path, facts: TreeFacts, profile: Profile, out: Path | None, *, session: bool, begins: int = 0
) -> UpdateTarget:
    """Return where an update of a medium goes, `begins` as of `UpdateTarget`.

    Raises UsageError when it cannot go there.
    """
    if session:
        _check_session(medium, facts, profile, is_disc=begins > 0)
        path = Path(str(medium).removeprefix(FILE_DRIVE)) if begins else medium
        return UpdateTarget(path=path.resolve(), way=Way.SESSION, variant="iso9660", begins=begins)
    if out is not None:
        return UpdateTarget(path=out, way=Way.ANEW, variant=format_of(profile, out))
    if facts.format == "folder":
        return UpdateTarget(path=medium.resolve(), way=Way.IN_PLACE, variant="folder")
    if is_device(medium):
        raise UsageError(
            "a device is not written anew",
            where=str(medium),
            hint="an open disc: `--session` adds a session; any disc: `-o NEW.iso` makes a whole new image, "
            "for a blank one; a stick: give the folder it is mounted at",
        )
    if facts.format == "file":
        raise UsageError("is a single file, and no image, archive or folder", where=str(medium))
    variant = _variant_of(facts)
    if variant not in SINKS:
        raise UsageError(
            f"mediakit cannot write {file_system(facts.volume) or facts.format}",
            where=str(medium),
            hint="name another place with `-o`, or mount it and give the folder",
        )
    if not suits(variant, profile.medium):
        systems = " or ".join(profile.medium.file_systems)
        raise UsageError(
            f"{profile.id} is on {profile.medium.title} with {systems}, not on "
            f"{file_system(facts.volume) or facts.format}",
            where=str(medium),
            hint="name another profile with `-p`, or another place with `-o`",
        )
    return UpdateTarget(path=medium.resolve(), way=Way.ANEW, variant=variant)


def label_of(facts: TreeFacts, variant: str, file_set_id: str) -> tuple[str, tuple[Finding, ...]]:
    """Return the volume label of the updated image: the one it has, when it can be written."""
    legal = _FAT_LABEL if variant == "fat" else _LABEL
    if facts.format == "folder" or legal.fullmatch(facts.label):
        return facts.label or (file_set_id if legal.fullmatch(file_set_id) else ""), ()
    new = file_set_id if legal.fullmatch(file_set_id) else ""
    return new, (OTHER_LABEL.at(old=ascii(facts.label), new=ascii(new)),)


def fat_wishes_of(facts: TreeFacts, profile: Profile, capacity: int | None) -> FatWishes:
    """Return what a FAT volume has to be: as the old one is, else as the medium has it."""
    volume = facts.volume
    if not isinstance(volume, FatVolume):
        return wishes_of(profile.medium, capacity)
    return FatWishes(
        kinds=(int(volume.kind[3:]),),
        sector_bytes=volume.sector_bytes,
        cluster_sectors=(volume.sectors_per_cluster,),
        is_partitioned=volume.partition > 0,
        size_bytes=facts.size_bytes,
    )


def _variant_of(facts: TreeFacts) -> str:
    if isinstance(facts.volume, UdfVolume):
        return f"udf-{facts.volume.revision}"
    return facts.format


def _check_session(medium: Path, facts: TreeFacts, profile: Profile, *, is_disc: bool) -> None:
    where = str(medium)
    if facts.format != "iso9660" or not (is_disc or medium.is_file()):
        raise UsageError("only a disc or image with ISO 9660 gets a further session", where=where)
    if file_system(facts.volume) != _LEVEL_1 or len(facts.volumes) > 1:
        what = "only a disc or image with ISO 9660 Level 1 alone gets a further session"
        raise UsageError(what, where=where)
    if profile.sessions not in _MULTISESSION:
        raise UsageError(f"{profile.id} does not allow further sessions", where=where, why=profile.source)
