"""Whether a medium can be updated: only a sound one, so that nothing of it is lost (PS3.10 8.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mediakit.choices import Viewer
from mediakit.dicom.instance import Instance, shown
from mediakit.errors import UsageError
from mediakit.fileset.decode import CONSISTENCY_FLAG
from mediakit.fileset.decode_items import KEY_ORDER
from mediakit.fileset.decode_records import MULTI_REFERENCED
from mediakit.fileset.for_people import INDEX, VIEWER_INDEX, VIEWER_PAGE, WEB
from mediakit.fileset.manifest import MANIFEST, SIGNATURE
from mediakit.fileset.selection import said_by_records
from mediakit.fileset.survey import TEXT_BYTES, FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.formats.base import Tree
from mediakit.profile.choose import candidates_for, choose
from mediakit.profile.model import Profile, Role
from mediakit.stages.judge.made_before import SERIES_FILE, MadeBefore
from mediakit.volume import IsoVolume, file_system

NOT_SAFE = Rule(
    id="MK-UPD-001",
    severity=Severity.ERROR,
    title="the medium is not updated: {why}",
    ref="PS3.10 8.3, 8.6",
    hint="`mediakit repair` writes a sound copy of it, which can be updated",
)
DANGLING = Rule(
    id="MK-UPD-002",
    severity=Severity.WARNING,
    title="the directory names {file_id} (SOP Instance UID {uid}), and no file of the medium holds it; the "
    "record is kept",
    ref="PS3.3 F.2.1",
    hint="ask the sender for the instance; or take the record away with `--remove UID`",
)
UNLISTED = Rule(
    id="MK-UPD-003",
    severity=Severity.WARNING,
    title="is a DICOM file that the directory does not name; it is kept as it is",
    ref="PS3.10 8.1",
    hint="`mediakit repair` writes a medium whose directory names it",
)
STALE_LIST = Rule(
    id="MK-UPD-004",
    severity=Severity.WARNING,
    title="lists the files and sums as they were before the update; it is kept as it is",
    ref="PS3.10 8.3",
    hint="do not compare the medium with it any more",
)

MADE_OF_INSTANCES = Rule(
    id="MK-UPD-016",
    severity=Severity.ERROR,
    title="was made from the instances of the medium, and an update cannot make it again ({why}): what is "
    "removed would still be in it, what is added would not",
    ref="PS3.10 8.3",
    hint="burn a new medium from this one and from what is to be added: `mediakit burn MEDIUM ...`, with "
    "`--viewer`, `--pdi` or `--span`",
)

SIGNED = Rule(
    id="MK-UPD-030",
    severity=Severity.ERROR,
    title="is the signature over the files of the medium as they are, and would be wrong after an update",
    ref="PS3.10 8.3",
    hint="give `--sign-key` to sign the updated medium, where mediakit made the manifest; else burn a new "
    "medium from this one and from what is to be added: `mediakit burn MEDIUM ... --sign-key KEY`",
)

_LOSES = frozenset({CONSISTENCY_FLAG, KEY_ORDER, MULTI_REFERENCED})
_LISTS = frozenset({MANIFEST, "MD5SUMS", "SHA256SUMS", "CHECKSUM.TXT"})
_VIEWER = frozenset({VIEWER_INDEX, VIEWER_PAGE})
_OTHER_MEDIA = "MEDIA.TXT"
_NOT_KEPT = re.compile(r"[\x00\\\ufffd]|//|/\.{1,2}/")  # not what is recorded, or no name of a file
_UID = re.compile(rb"[0-9.]{3,64}")
_STUDY, _SERIES = 0x0020000D, 0x0020000E


def why_not(seen: Survey) -> Iterator[str]:
    """Yield what makes updating a medium unsafe, in any way."""
    if seen.decoded is None or seen.dicomdir is None:
        yield "it has no DICOMDIR that can be read"
        return
    if seen.dicomdir.path.upper() != "DICOMDIR":
        yield f"its DICOMDIR is not in the root, but {seen.dicomdir.path!a}"
    for finding in seen.decoded.findings:
        if finding.severity is Severity.ERROR or finding.rule in _LOSES:
            yield f"{finding.rule.id} {printable(finding.text)}"
            return
    lost = [one for one in seen.damage if not one.is_made_good]
    if lost:
        yield f"not all of it can be read ({printable(lost[0].what)})"


def why_not_again(seen: Survey, tree: Tree) -> Iterator[str]:
    """Yield what an image written anew could not hold as it was."""
    if len(tree.facts.volumes) > 1:
        yield "it holds several file systems or separate sessions, of which a new image would have one"
    for file in seen.files:
        if file.kind is FileKind.CLOSED or file.stored:
            yield f"{file.path!a} cannot be carried over as it is"
            return


def why_not_named(seen: Survey, tree: Tree, variant: str) -> Iterator[str]:
    """Yield what another image, or a further session, could not name as this one does.

    Names by Joliet and Rock Ridge are kept in ISO 9660, long names of FAT are not.
    """
    volume = tree.facts.volume
    keeps = variant == "iso9660" and isinstance(volume, IsoVolume)
    if keeps and isinstance(volume, IsoVolume):
        for path in (
            *volume.not_in_joliet,
            *volume.not_in_rock_ridge,
            *volume.only_in_joliet,
            *volume.crossed,
        ):
            yield f"the trees of its volume disagree on {path!a}"
            return
    for file in seen.files:
        if not keeps and file.also:
            yield f"{file.path!a} is also named {file.also[0]!a}, which a new image would not have"
            return
        if keeps and not _can_keep_names(file, tree):
            yield f"{file.path!a} has other names that cannot be written again as they are"
            return


def _can_keep_names(file: FileFact, tree: Tree) -> bool:
    """Return True when all names of a file in the trees of ISO 9660 are known and can be recorded."""
    node, volume = tree.find(file.path), tree.facts.volume
    if node is None or not isinstance(volume, IsoVolume):
        return not file.also
    names = (node.other.rock_ridge, node.other.joliet)
    if not set(file.also) <= set(names):
        return False
    needed = (volume.has_rock_ridge, volume.has_joliet)
    if any(is_there and not name for is_there, name in zip(needed, names, strict=True)):
        return False
    return not any(_NOT_KEPT.search(f"/{name}/") for name in names if name)


def made_of_instances(seen: Survey, tree: Tree, made: MadeBefore) -> Iterator[Finding]:
    """Yield one finding for each kind of content that shows, names or signs the instances of a medium.

    What was `made` by mediakit is made again. Raises SourceError when a text of the medium cannot be read.
    """
    kinds: set[str] = set()
    for file in seen.files:
        path = file.path.upper()
        if file.path in made.paths:
            continue
        if path == SIGNATURE:
            yield SIGNED.at(Where(path=shown(seen.subject, file.path)))
        kind, why = "", "this version of mediakit did not make it, or not for this file-set"
        if path in _VIEWER or (SERIES_FILE.match(path) and made.viewer is not Viewer.NONE):
            kind = "VIEWER"
        elif path.startswith(WEB) and file.kind is FileKind.OTHER:
            kind = WEB
        elif path == INDEX and b"Images on this disc" in file.head:
            kind = INDEX
        elif path == _OTHER_MEDIA and _names_what_is_here(file, seen, tree):
            kind, why = _OTHER_MEDIA, "it tells of several media"
        if kind and kind not in kinds:
            kinds.add(kind)
            yield MADE_OF_INSTANCES.at(Where(path=shown(seen.subject, file.path)), why=why)


def _names_what_is_here(file: FileFact, seen: Survey, tree: Tree) -> bool:
    """Return True when a text has the UID of this file-set, or of a study or series of it."""
    node = tree.find(file.path)
    if node is None or seen.directory is None:
        return False
    with tree.open(node) as stream:
        named = {each.decode("ascii") for each in _UID.findall(stream.read(TEXT_BYTES))}
    if seen.directory.file_set_uid in named:
        return True
    return any(
        said_by_records((*link.above, link.record), tag, "UI") in named
        for link in seen.links
        for tag in (_STUDY, _SERIES)
    )


def notes_of(seen: Survey, gone: frozenset[int], made: MadeBefore) -> Iterator[Finding]:
    """Yield what is to be said of a medium that can be updated; none of it is mended by an update.

    `gone` are the records (by `id`) that are to be removed; what is `made` again is not spoken of.
    """
    linked = seen.linked_paths()
    directory = "" if seen.dicomdir is None else shown(seen.subject, seen.dicomdir.path)
    for link in seen.missing():
        if id(link.record) in gone:
            continue
        yield DANGLING.at(
            Where(path=directory, record=link.record.seen_at),
            file_id=printable(link.reference.file_id_text) or "an instance",
            uid=link.reference.sop_instance or "unknown",
        )
    for file in seen.files:
        where = Where(path=shown(seen.subject, file.path))
        if file.instance is not None and file.path not in linked:
            yield UNLISTED.at(where)
        elif file.path.upper() in _LISTS and file.path not in made.paths:
            yield STALE_LIST.at(where)


def updater_for(
    seen: Survey, surveys: Sequence[Survey], catalogue: Sequence[Profile], *, is_secure: bool
) -> Profile:
    """Return the profile with an updater that a medium fits best, an empty one that its sources fit.

    Raises UsageError.
    """
    held = [instance for _, instance in seen.instances()]
    instances = held or [instance for survey in surveys for _, instance in survey.instances()]
    size_bytes = seen.size_bytes
    if seen.format == "folder":  # it has no size of its own
        size_bytes = sum(file.size for survey in (seen, *surveys) for file in survey.files)
    candidates = candidates_for(catalogue, file_system(seen.volume), size_bytes, is_secure=is_secure)
    return updater_of(instances, candidates, seen.subject)


def updater_of(instances: Sequence[Instance], candidates: Sequence[Profile], where: str) -> Profile:
    """Return the best fitting profile of a medium that lets its file-set be updated (PS3.10 8.3).

    Raises UsageError when the medium fits only one that has no such role, or none at all.
    """
    best = choose(instances, candidates)
    updaters = [one for one in candidates if Role.FSU in one.roles]
    chosen = choose(instances, updaters)
    if not instances and updaters:
        return updaters[0]
    if chosen.profile is not None and (chosen.takes_all or not best.takes_all):
        return chosen.profile
    if best.profile is None:
        raise UsageError("no profile is known for this medium", where=where, hint="name one with `-p`")
    raise _no_updater(best.profile, where)


def check_updater(profile: Profile, where: str) -> None:
    """Raise UsageError for a profile that lets nobody update its file-sets."""
    if Role.FSU not in profile.roles:
        raise _no_updater(profile, where)


def _no_updater(profile: Profile, where: str) -> UsageError:
    return UsageError(
        f"{profile.id} has no File-set Updater (FSU): its media are written once",
        where=where,
        why=profile.source,
        hint="write a new medium with `mediakit burn`, from this one and what is to be added",
    )
