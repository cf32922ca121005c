"""Lay out an updated file-set: old records and File IDs as they are, new ones in their places. Pure.

File-set UID, File-set ID and descriptor are those of the old directory for ever (PS3.10 8.6). New
instances go into a folder of their own, whose name nothing on the medium has: no File ID can collide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mediakit.fileset.encode import encode
from mediakit.fileset.groups import Collated
from mediakit.fileset.merge import merged
from mediakit.fileset.plan import ExtraFile, FileSetLayout, Wishes, lay_out
from mediakit.fileset.record import Directory, Key
from mediakit.profile.model import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What is added: instances in the order of the directory, and icons by SOP Instance UID."""

    collated: Collated
    icons: Mapping[str, Key] = field(default_factory=dict)


def lay_out_update(
    old: Directory, kept: Sequence[ExtraFile], names: Iterable[str], profile: Profile, added: Addition | None
) -> FileSetLayout:
    """Return the layout of the updated file-set.

    `old` has the records that stay, as `carry` gives them; `kept` are the files that stay, instances too;
    `names` are paths that are taken besides them. `files` of the layout are the new instances alone. Raises
    DoesNotFit when the directory cannot be written.
    """
    referenced = (record.reference.file_id for record in old.walk() if record.reference is not None)
    taken = {path.split("/", 1)[0] for path in names} | {
        one.parts[0] for one in referenced if one is not None
    }
    new: FileSetLayout | None = None
    if added is not None:
        wishes = Wishes(extra=tuple(kept), reserved=frozenset(taken))
        new = lay_out(added.collated, profile, wishes, added.icons)
    directory = old if new is None else merged(old, new.directory)
    dicomdir = encode(directory)
    if new is not None:
        return replace(new, directory=directory, dicomdir=dicomdir)
    return FileSetLayout(
        profile=profile,
        directory=directory,
        dicomdir=dicomdir,
        files=(),
        extra=tuple(kept),
        findings=(),
    )
