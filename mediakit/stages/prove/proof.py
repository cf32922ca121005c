"""After writing: open the image again with the reader's eyes and compare every byte, by checksums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

from msgspec import Struct, field

from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.errors import MediakitError
from mediakit.events import Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.decode import decode
from mediakit.fileset.plan import FileSetPlan
from mediakit.fileset.record import Directory
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import NO_OTHER_NAMES, Node, NodeKind, OtherNames, Receipt, Tree
from mediakit.formats.envelope import Envelope, UnsealedTree
from mediakit.formats.iso_records import SECTOR
from mediakit.formats.registry import open_medium
from mediakit.stages.prove.sums import sums_of
from mediakit.volume import IsoVolume

CANNOT_OPEN = Rule(
    id="MK-PRF-001",
    severity=Severity.ERROR,
    title="the written image cannot be opened again: {why}",
    ref="PS3.10 8.6",
    hint="do not hand it out; write it again on another disk",
)
MISSING = Rule(
    id="MK-PRF-002",
    severity=Severity.ERROR,
    title="is not on the written image",
    ref="PS3.10 8.6",
    hint="do not hand it out; write it again",
)
DIFFERS = Rule(
    id="MK-PRF-003",
    severity=Severity.ERROR,
    title="was read back with different bytes: {found} instead of {expected}",
    ref="PS3.10 8.4",
    hint="do not hand it out; check the disk and the memory of this machine",
)
DIRECTORY_DIFFERS = Rule(
    id="MK-PRF-004",
    severity=Severity.ERROR,
    title="the DICOMDIR read back is not the one planned: {why}",
    ref="PS3.3 F.3.2.2",
    hint="do not hand it out; this is an error in mediakit, please report it",
)
UNEXPECTED = Rule(
    id="MK-PRF-005",
    severity=Severity.ERROR,
    title="is on the written image but was not planned",
    ref="PS3.10 8.1",
    hint="do not hand it out; this is an error in mediakit, please report it",
)
OTHER_NAME = Rule(
    id="MK-PRF-006",
    severity=Severity.ERROR,
    title="is shown as {found} by {tree}",
    ref="PS3.10 8.2",
    hint="do not hand it out; this is an error in mediakit, please report it",
)


class Expected(Struct, frozen=True, kw_only=True):
    """What a medium must hold: its DICOMDIR, and what the records reference.

    `references` has SOP Instance UID and Transfer Syntax UID by File ID (None: those of the records);
    `total_bytes` are those to be read. The rules `known` are met by records that were taken over. `named` has
    the names of files in other trees of ISO 9660, where they are not those in the plan.
    """

    directory: Directory
    dicomdir: bytes
    references: Mapping[str, tuple[str, str]] | None
    total_bytes: int
    known: frozenset[Rule] = frozenset()
    named: Mapping[str, OtherNames] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: FileSetPlan) -> Expected:
        """Return what the medium of a plan must hold."""
        files = plan.files
        return cls(
            directory=plan.directory,
            dicomdir=plan.dicomdir,
            references={
                file.file_id.path: (
                    file.instance.sop_instance,
                    file.instance.transfer_syntax or EXPLICIT_VR_LITTLE_ENDIAN,
                )
                for file in files
            },
            total_bytes=len(plan.dicomdir)
            + sum(file.size for file in files)
            + sum(extra.size for extra in plan.extra),
        )


def prove(
    target: Path,
    expected: Expected,
    receipt: Receipt,
    envelope: Envelope | None = None,
    tell: Listener = silence,
) -> tuple[Finding, ...]:
    """Read the medium at `target` and return what is wrong with it; nothing when it is as planned.

    The DICOMDIR is decoded from the medium and its tree compared with the planned one; every file is read
    and compared with the receipt, by the checksum that was taken while it was written.
    """
    tell(PhaseStarted("proof", total=expected.total_bytes, unit="bytes"))
    planned = tuple(_judge_directory(expected.dicomdir, expected))
    try:
        with open_medium(target) as tree:
            findings = (
                *_prove_directory(_plain(tree, envelope), expected, planned),
                *_prove_files(tree, expected, receipt, tell),
            )
    except MediakitError as exc:
        return (CANNOT_OPEN.at(why=exc.why or exc.what),)
    tell(PhaseEnded("proof"))
    return findings


def prove_in_place(
    directory: Path,
    expected: Expected,
    receipt: Receipt,
    envelope: Envelope | None = None,
    tell: Listener = silence,
) -> tuple[Finding, ...]:
    """Read what is new in a folder, its `directory` under another name; return what is wrong with it."""
    findings: list[Finding] = []
    planned = tuple(_judge_directory(expected.dicomdir, expected))
    try:
        with open_medium(directory.parent) as tree:
            found = {path: tree.find(path) for path in receipt.sums}
            nodes = {path: node for path, node in found.items() if node is not None}
            tell(PhaseStarted("proof", total=sum(node.size for node in nodes.values()), unit="bytes"))
            findings += [MISSING.at(Where(path=path)) for path in found.keys() - nodes.keys()]
            findings += _prove_sums(tree, nodes, receipt, tell)
            findings += _prove_directory(_plain(tree, envelope), expected, planned, directory.name)
    except (MediakitError, OSError) as exc:
        return (CANNOT_OPEN.at(why=str(exc)),)
    tell(PhaseEnded("proof"))
    return tuple(findings)


def prove_session(
    image: Path,
    expected: Expected,
    receipt: Receipt,
    placed: Mapping[str, int],
    envelope: Envelope | None = None,
    tell: Listener = silence,
) -> tuple[Finding, ...]:
    """Read what is new in the last session of an image, and return what is wrong with it.

    The files of earlier sessions must be named where they lie: `placed` has the first block of each.
    """
    tell(PhaseStarted("proof", total=expected.total_bytes, unit="bytes"))
    planned = tuple(_judge_directory(expected.dicomdir, expected))
    try:
        with open_medium(image) as tree:
            findings = [
                *_prove_directory(_plain(tree, envelope), expected, planned),
                *_prove_files(tree, expected, receipt, tell, placed.keys()),
            ]
            for path, block in placed.items():
                node = tree.find(path)
                if node is None or any(start // SECTOR != block for start, _ in tree.extents(node)[:1]):
                    findings.append(MISSING.at(Where(path=path)))
    except MediakitError as exc:
        return (CANNOT_OPEN.at(why=exc.why or exc.what),)
    tell(PhaseEnded("proof"))
    return tuple(findings)


def _plain(tree: Tree, envelope: Envelope | None) -> Tree:
    return tree if envelope is None else UnsealedTree(tree, envelope)


def _prove_directory(
    tree: Tree, expected: Expected, planned: Sequence[Finding], name: str = "DICOMDIR"
) -> Iterator[Finding]:
    """Yield what tells the DICOMDIR of a medium from the planned one, of which `planned` is wrong anyway."""
    node = tree.find(name)
    if node is None or node.kind is not NodeKind.FILE:
        yield MISSING.at(Where(path="DICOMDIR"))
        return
    with tree.open(node) as stream:
        data = stream.read(len(expected.dicomdir) + 1)
    if data == expected.dicomdir:
        yield from planned
        return
    yield DIRECTORY_DIFFERS.at(Where(path="DICOMDIR"), why="its bytes differ")
    yield from _judge_directory(data, expected)


def _judge_directory(data: bytes, expected: Expected) -> Iterator[Finding]:
    """Yield what tells a DICOMDIR, decoded, from the planned records.

    For the bytes that were planned it is done before the medium is open: both would be in memory, and of a
    large file-set each has hundreds of megabytes.
    """
    where = Where(path="DICOMDIR")
    decoded = decode(data)
    for finding in decoded.findings:
        if finding.rule not in expected.known:
            yield DIRECTORY_DIFFERS.at(where, why=f"{finding.rule.id} {finding.text}")
    if decoded.directory != expected.directory:
        yield DIRECTORY_DIFFERS.at(where, why="its records differ")
    if expected.references is not None:
        yield from _prove_references(decoded.directory, expected.references)


def _prove_references(directory: Directory, planned: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    where = Where(path="DICOMDIR")
    referenced = [record.reference for record in directory.walk() if record.reference is not None]
    if len(referenced) != len(planned):
        yield DIRECTORY_DIFFERS.at(where, why=f"{len(referenced)} references for {len(planned)} instances")
    for reference in referenced:
        path = "" if reference.file_id is None else reference.file_id.path
        instance, syntax = planned.get(path, ("", ""))
        if not instance:
            yield DIRECTORY_DIFFERS.at(where, why=f"{reference.file_id_text or 'no file'} was not planned")
        elif reference.sop_instance != instance:
            yield DIRECTORY_DIFFERS.at(where, why=f"{reference.file_id} has another SOP Instance UID")
        elif reference.transfer_syntax != syntax:
            yield DIRECTORY_DIFFERS.at(where, why=f"{reference.file_id} has another Transfer Syntax UID")


def _prove_files(
    tree: Tree,
    expected: Expected,
    receipt: Receipt,
    tell: Listener,
    besides: Set[str] = frozenset(),
) -> Iterator[Finding]:
    """Yield what is wrong with the files of a medium; those `besides` may be there and are not read."""
    planned = receipt.sums.keys() | besides | {"DICOMDIR"}
    nodes = {_name_of(node, planned): node for node in tree.walk() if node.kind is NodeKind.FILE}
    for path in nodes.keys() - planned:
        yield UNEXPECTED.at(Where(path=path))
    for path in receipt.sums.keys() - nodes.keys():
        yield MISSING.at(Where(path=path))
    yield from _prove_names(tree, nodes, expected.named)
    yield from _prove_sums(tree, {path: nodes[path] for path in nodes if path in receipt.sums}, receipt, tell)


def _prove_sums(tree: Tree, nodes: Mapping[str, Node], receipt: Receipt, tell: Listener) -> Iterator[Finding]:
    """Yield the files, by the path that was planned, whose bytes are not those of the receipt."""
    checksum = receipt.checksum
    if checksum is None:
        return
    paths = {node.path: path for path, node in nodes.items()}
    for one in sums_of(tree, list(nodes.values()), tell, checksum):
        path = paths[one.node.path]
        wanted = receipt.sums[path]
        if one.sum != wanted:
            yield DIFFERS.at(
                Where(path=path),
                found=f"{checksum.name} {one.sum}" if one.sum else f"unreadable ({one.failure})",
                expected=f"{checksum.name} {wanted}",
            )


def _name_of(node: Node, planned: Set[str]) -> str:
    """Return the name under which a file was planned: its path, or the one that other trees show."""
    if node.path in planned:
        return node.path
    return next((name for name in node.also if name in planned), node.path)


def _prove_names(tree: Tree, nodes: Mapping[str, Node], named: Mapping[str, OtherNames]) -> Iterator[Finding]:
    """Yield the files that another tree of ISO 9660 does not show, or under another name than planned."""
    volume = tree.facts.volume
    if not isinstance(volume, IsoVolume):
        return
    for path, node in nodes.items():
        planned = named.get(path, NO_OTHER_NAMES)
        for tree_name, is_there, found, wanted in (
            ("Joliet", volume.has_joliet, node.other.joliet, planned.joliet),
            ("Rock Ridge", volume.has_rock_ridge, node.other.rock_ridge, planned.rock_ridge),
        ):
            if is_there and found != (wanted or path):
                yield OTHER_NAME.at(Where(path=path), found=ascii(found), tree=tree_name)
