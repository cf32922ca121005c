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

Duplicate = tuple[FileFact, Instance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """The files of one SOP Instance UID, sorted out, each of them once.

    `kept` is the one to take, None when that cannot be told; `same` have its data set, `others` another one.
    `unread` cannot be read to their end, with the finding that says why.
    """

    kept: Duplicate | None
    same: tuple[Duplicate, ...]
    others: tuple[Duplicate, ...]
    unread: tuple[tuple[Duplicate, Finding], ...]


def find_duplicates(seen: Survey) -> dict[str, list[Duplicate]]:
    """Return the files of every SOP Instance UID that more than one file has."""
    first: dict[str, Duplicate] = {}
    duplicates: dict[str, list[Duplicate]] = {}
    for each in seen.instances():
        uid = each[1].sop_instance
        if uid in first:
            duplicates.setdefault(uid, [first[uid]]).append(each)
        else:
            first[uid] = each
    return duplicates


def sort_out(tree: Tree, files: Sequence[Duplicate], linked: Collection[str]) -> Duplicates:
    """Take one of several files when all that can be read have one data set, else the only one in `linked`.

    `linked` are the paths that the directory names.
    """
    digests: dict[str, str] = {}
    unread: list[tuple[Duplicate, Finding]] = []
    for duplicate in files:
        try:
            digests[duplicate[0].path] = tried(partial(_data_set_digest, tree, *duplicate))
        except (SourceError, OSError) as exc:
            unread.append((duplicate, finding_on_failure(exc)))
    readable = [duplicate for duplicate in files if duplicate[0].path in digests]
    kept = _kept(files, readable, len(set(digests.values())), linked)
    rest = [duplicate for duplicate in readable if duplicate is not kept]
    wanted = "" if kept is None else digests[kept[0].path]
    return Duplicates(
        kept=kept,
        same=tuple(duplicate for duplicate in rest if digests[duplicate[0].path] == wanted),
        others=tuple(duplicate for duplicate in rest if digests[duplicate[0].path] != wanted),
        unread=tuple(unread),
    )


def _kept(
    files: Sequence[Duplicate], readable: Sequence[Duplicate], kinds: int, linked: Collection[str]
) -> Duplicate | None:
    named = [duplicate for duplicate in files if duplicate[0].path in linked]
    if kinds == 1:
        return next((duplicate for duplicate in named if duplicate in readable), readable[0])
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
