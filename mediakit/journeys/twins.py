"""Files of one medium that have one SOP Instance UID: which of them is the instance, and what the others are.

Data sets are compared, not files: preamble and file meta information may differ. Nothing is settled here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from mediakit.dicom.data_set import data_set_place
from mediakit.dicom.instance import Instance
from mediakit.errors import SourceError
from mediakit.fileset.survey import FileFact, Survey
from mediakit.findings import Finding
from mediakit.formats.base import Node, Tree
from mediakit.journeys.persistent import tried
from mediakit.journeys.scan import finding_on_failure

Twin = tuple[FileFact, Instance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """The files of one SOP Instance UID, sorted out, each of them once.

    `kept` is the one to take, None when that cannot be told; `same` have its data set, `others` another one.
    `unread` cannot be read to their end, with the finding that says why.
    """

    kept: Twin | None
    same: tuple[Twin, ...]
    others: tuple[Twin, ...]
    unread: tuple[tuple[Twin, Finding], ...]


def find_twins(seen: Survey) -> dict[str, list[Twin]]:
    """Return the files of every SOP Instance UID that more than one file has."""
    first: dict[str, Twin] = {}
    twins: dict[str, list[Twin]] = {}
    for each in seen.instances():
        uid = each[1].sop_instance
        if uid in first:
            twins.setdefault(uid, [first[uid]]).append(each)
        else:
            first[uid] = each
    return twins


def sort_out(tree: Tree, files: Sequence[Twin], linked: Collection[str]) -> Twins:
    """Take one of several files when all that can be read have one data set, else the only one in `linked`.

    `linked` are the paths that the directory names.
    """
    digests: dict[str, str] = {}
    unread: list[tuple[Twin, Finding]] = []
    for twin in files:
        try:
            digests[twin[0].path] = tried(partial(_data_set_digest, tree, *twin))
        except (SourceError, OSError) as exc:
            unread.append((twin, finding_on_failure(exc)))
    readable = [twin for twin in files if twin[0].path in digests]
    kept = _kept(files, readable, len(set(digests.values())), linked)
    rest = [twin for twin in readable if twin is not kept]
    wanted = "" if kept is None else digests[kept[0].path]
    return Twins(
        kept=kept,
        same=tuple(twin for twin in rest if digests[twin[0].path] == wanted),
        others=tuple(twin for twin in rest if digests[twin[0].path] != wanted),
        unread=tuple(unread),
    )


def _kept(
    files: Sequence[Twin], readable: Sequence[Twin], kinds: int, linked: Collection[str]
) -> Twin | None:
    named = [twin for twin in files if twin[0].path in linked]
    if kinds == 1:
        return next((twin for twin in named if twin in readable), readable[0])
    return named[0] if len(named) == 1 and named[0] in readable else None


def _data_set_digest(tree: Tree, file: FileFact, instance: Instance) -> str:
    with tree.open(Node(file.path, file.size)) as stream:
        uids = (instance.sop_class, instance.sop_instance)
        place = data_set_place(stream, file.size, uids, instance.transfer_syntax)
        stream.seek(place.at)
        digest = hashlib.sha256(instance.transfer_syntax.encode("latin-1"))
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
