"""Why a file of a medium is not read: the rules, and which of them is met."""

from __future__ import annotations

from mediakit.errors import MediakitError, SourceError, Untrusted
from mediakit.fileset.survey import FileFact, Survey
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.base import Node, NodeKind
from mediakit.secure.facts import SealFact

LINK = Rule(
    id="MK-SRC-101",
    severity=Severity.ERROR,
    title="a symbolic link is not followed",
    ref="PS3.10 8.2",
    hint="give the folder or file it points to as a source of its own",
)
SPECIAL = Rule(
    id="MK-SRC-102",
    severity=Severity.ERROR,
    title="not a regular file (a device, pipe or socket)",
    ref="PS3.10 7",
    hint="remove it from the source",
)
CANNOT_READ = Rule(
    id="MK-SRC-103",
    severity=Severity.ERROR,
    title="cannot be read: {why}",
    ref="PS3.10 7",
    hint="check the permissions, or try another copy of the medium",
)
PACKED = Rule(
    id="MK-SRC-110",
    severity=Severity.ERROR,
    title="cannot be taken out of the archive: {why}",
    ref="PS3.10 7",
    hint="unpack the archive with another program first (with its password when it is encrypted), and give "
    "the folder; the medium itself is sound",
)
SEALED = Rule(
    id="MK-SRC-111",
    severity=Severity.ERROR,
    title="cannot be decrypted: {why}",
    ref="PS3.15 D.1",
    hint="give the key that it was made for (`--key` with `--cert`) or its passphrase (`--passphrase-file`, "
    "`--ask-passphrase`), or ask the sender for another copy",
)
LOCKED = Rule(
    id="MK-SRC-112",
    severity=Severity.WARNING,
    title="is encrypted, and was not opened; it can be opened with {recipients}",
    ref="PS3.15 D.1",
    hint="give `--key` and `--cert`, or `--passphrase-file` or `--ask-passphrase`",
)
ONE_TOO_MANY = Rule(
    id="MK-SRC-115",
    severity=Severity.ERROR,
    title="the source has more than {limit} directories, and this one was not read",
    ref="PS3.10 8.6",
    hint="give each medium as a source of its own",
)
LOCKED_DIRECTORY = Rule(
    id="MK-SRC-113",
    severity=Severity.ERROR,
    title="the directory of the medium {why}",
    ref="PS3.15 D.1",
    hint="give `--key` and `--cert`, or `--passphrase-file` (of a source of `burn` and `repair`: "
    "`--source-passphrase-file`)",
)

UNTRUSTED = Rule(
    id="MK-SRC-114",
    severity=Severity.ERROR,
    title="is not taken: {why}",
    ref="PS3.15 D.1",
    hint="ask the sender who signed it; `--trust` names the authorities whose signers count",
)


def finding_on_failure(exc: MediakitError | OSError) -> Finding:
    """Return why reading a file failed."""
    why = (exc.why or exc.what) if isinstance(exc, MediakitError) else exc.strerror or type(exc).__name__
    return (UNTRUSTED if isinstance(exc, Untrusted) else CANNOT_READ).at(why=why)


def finding_on_closed(node: Node) -> Finding:
    """Return why a node that cannot be opened is so."""
    if node.kind is NodeKind.LINK:
        return LINK.at()
    if node.kind is NodeKind.SPECIAL:
        return SPECIAL.at()
    if node.kind is NodeKind.SEALED:
        return SEALED.at(why=node.why)
    if node.kind is NodeKind.PACKED:
        return PACKED.at(why=node.why)
    return CANNOT_READ.at(why=node.why or "unknown reason")


def finding_on_locked(seal: SealFact | None) -> Finding:
    """Return why a Secure DICOM File was not opened; `seal` is None when its head cannot be read."""
    recipients = " or ".join(seal.recipients) if seal is not None else "a key that cannot be named"
    return LOCKED.at(recipients=recipients)


def finding_on_unopened(file: FileFact) -> Finding:
    """Return that the directory of a medium is encrypted and was not opened, with what opens it."""
    return LOCKED_DIRECTORY.at(why="was not opened" if file.finding is None else file.finding.text)


def check_opened(seen: Survey) -> None:
    """Raise SourceError for a medium whose DICOMDIR is encrypted and was not opened."""
    if seen.dicomdir is not None and seen.dicomdir.is_unopened:
        found = finding_on_unopened(seen.dicomdir)
        raise SourceError(found.text, where=seen.subject, hint=found.rule.hint)
