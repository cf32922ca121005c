"""What mediakit made of the instances of a medium, made again: viewer, pages, manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from msgspec import structs

from mediakit.fileset.merge import pruned
from mediakit.fileset.plan import ExtraFile, FileSetLayout, PlannedFile
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.base import Entry
from mediakit.secure.ed25519 import SigningKey
from mediakit.stages.plan.listing import listing
from mediakit.stages.plan.people import People
from mediakit.stages.plan.produce import produced
from mediakit.stages.plan.staying import Stay

MADE_AGAIN = Rule(
    id="MK-UPD-031",
    severity=Severity.NOTE,
    title="was made of the instances that the medium had: {what}",
    ref="PS3.10 8.3",
    hint="nothing needs to be done",
)
NOT_RENEWED = Rule(
    id="MK-UPD-032",
    severity=Severity.ERROR,
    title="shows the medium as it was before the update, and could not be replaced: {why}",
    ref="PS3.10 8.3",
    hint="see why the file cannot be replaced, and run any update of the medium: it tries again",
)
NOT_SIGNED = Rule(
    id="MK-UPD-033",
    severity=Severity.NOTE,
    title="nothing is signed: the medium has no manifest of mediakit that lists all its files",
    ref="PS3.10 8.3",
    hint="burn a new medium from this one with `--sign-key`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """The entries that are made again, the manifest last, and what is to be said of them."""

    entries: tuple[Entry, ...] = ()
    findings: tuple[Finding, ...] = ()


def remade(
    laid_out: FileSetLayout, stay: Stay, people: People | None, signer: SigningKey | None, made: str
) -> Remade:
    """Return what is made again for the layout of an update, whose `files` are the new instances alone.

    `made` is the day, YYYY-MM-DD. Raises what `People` raises.
    """
    pages = () if people is None else tuple(people(whole(laid_out, stay)))
    choices = () if people is None else people.choices.values()
    findings = tuple(finding for one in choices for finding in one.findings)
    listed = stay.made.listed
    if listed is None:
        unsigned = () if signer is None else (NOT_SIGNED.at(),)
        return Remade(entries=pages, findings=(*findings, *unsigned))
    kept = [structs.replace(one, path=listed[one.path][0]) for one in laid_out.extra]
    sums = dict(listed[one.path] for one in laid_out.extra)
    others = (*kept, *(ExtraFile(entry.path, entry.size) for entry in pages))
    lists = produced(replace(laid_out, extra=others), listing(signer, made))
    return Remade(entries=(*pages, *(_with_sums(entry, sums) for entry in lists)), findings=findings)


def whole(laid_out: FileSetLayout, stay: Stay) -> FileSetLayout:
    """Return the layout with all instances of the updated medium, old ones and new ones.

    Records that lead to no file are left out: there is nothing to show.
    """
    files = {
        str(link.reference.file_id): PlannedFile(link.reference.file_id, link.file.size, link.file.instance)
        for link in stay.links
        if link.file is not None and link.file.instance is not None and link.reference.file_id is not None
    }
    files |= {file.file_id.path: file for file in laid_out.files}
    found: list[PlannedFile] = []
    missing: set[int] = set()
    for record in laid_out.directory.walk():
        if record.reference is None:
            continue
        file = files.get(str(record.reference.file_id))
        if file is not None and file.instance.sop_instance == record.reference.sop_instance:
            found.append(file)
        else:
            missing.add(id(record))
    linked = {link.file.path for link in stay.links if link.file is not None}
    return replace(
        laid_out,
        directory=pruned(laid_out.directory, frozenset(missing)),
        files=tuple(found),
        extra=tuple(one for one in laid_out.extra if one.path not in linked),
    )


def _with_sums(entry: Entry, sums: Mapping[str, str]) -> Entry:
    """Return an entry of the manifest that takes the sums of the files that stay from the old one.

    What they are now is not asked: a file that was changed on the medium is found as before.
    """
    make = entry.from_hashes
    return entry if make is None else structs.replace(entry, from_hashes=partial(_listed, make, sums))


def _listed(
    make: Callable[[Mapping[str, str]], bytes], sums: Mapping[str, str], hashes: Mapping[str, str]
) -> bytes:
    return make({**hashes, **sums})
