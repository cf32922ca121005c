"""Inspection: medium -> survey -> contents. The fastest look: headers and DICOMDIR, no pixels, no hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.events import FoundSomething, Listener, silence
from mediakit.fileset import decode, decode_items, decode_records, decode_tree
from mediakit.fileset.contents import Contents, contents_of
from mediakit.fileset.file_kinds import OtherKind
from mediakit.fileset.inspection import Counts, Inspection, counts_of
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Report
from mediakit.formats.gapped import gaps_of
from mediakit.formats.registry import open_decrypted
from mediakit.named_together import names_missing
from mediakit.outcome import Outcome
from mediakit.rules import consistency
from mediakit.rules.completeness import check_completeness
from mediakit.rules.consistency import check_files
from mediakit.rules.hygiene import check_only_archives
from mediakit.rules.instances import check_decoding, damage_findings
from mediakit.rules.secure import check_locked, check_unopened
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.closed import CANNOT_READ, ONE_TOO_MANY
from mediakit.stages.look.media import look

#: Parts of a directory are lost, or had to be guessed. What only offends against its form is for `validate`.
_LOSSES = frozenset(
    rule.id
    for rule in (
        decode.NOT_A_DIRECTORY,
        decode.NO_SEQUENCE,
        decode_items.TRUNCATED,
        decode_items.LENGTH_WRONG,
        CANNOT_READ,
        ONE_TOO_MANY,
        decode_items.BROKEN_ELEMENT,
        decode_items.LOST_BYTES,
        decode_items.TOO_MUCH,
        decode_records.MRDR_NOWHERE,
        decode_tree.OFFSET_NOWHERE,
        decode_tree.OFFSETS_SHIFTED,
        decode_tree.RING,
        decode_tree.REACHED_TWICE,
        decode_tree.UNREACHABLE,
        decode_tree.NO_FIRST_ROOT,
        decode_tree.TOO_DEEP,
    )
)
#: Files that the directory names are not there, or are something else. Damaged ones are told of as such.
_MISSING = frozenset(
    rule.id for rule in (consistency.MISSING_FILE, consistency.ALL_MISSING, consistency.NOT_DICOM)
)


def inspect(
    source: Path, tell: Listener = silence, keys: Keys = NO_KEYS, rescue_map: Path | None = None
) -> Inspection:
    """Look at a medium: an image, a device, an archive or a folder. `keys` open what is encrypted.

    `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is one. Raises
    SourceError when it cannot be opened.
    """
    gaps = gaps_of(source, rescue_map)
    with closing(open_decrypted(source, keys, gaps=gaps)) as tree:  # a lone file keeps its name
        seen = look(tree, str(source), Scanner(), tell)
    contents = contents_of(seen)
    losses = (*_losses(seen, contents), *_besides(seen))
    signs = check_completeness(seen)
    report = Report.of(seen.subject, (*losses, *names_missing(source), *signs))
    for finding in report.findings:
        tell(FoundSomething(finding))
    counts = counts_of(contents.patients)
    return Inspection(
        source=seen.subject,
        format=seen.format,
        contents=contents,
        report=report,
        outcome=_outcome(counts, contents, losses),
        label=seen.label,
        size_bytes=seen.size_bytes or sum(file.size for file in seen.files),
        files=len(seen.files),
        directory="" if seen.dicomdir is None else seen.dicomdir.path,
        is_directory_readable=_is_directory_readable(seen),
        counts=counts,
    )


def _is_directory_readable(seen: Survey) -> bool:
    """Return True when there is a DICOMDIR that is one, or that can be read as if it were."""
    if seen.dicomdir is None or seen.directory is None:
        return False
    return seen.dicomdir.kind is FileKind.DICOMDIR or bool(seen.directory.roots)


def _losses(seen: Survey, contents: Contents) -> Iterator[Finding]:
    damaged = {other.path for other in contents.others if other.kind is OtherKind.DAMAGED}
    damaged |= {file.path for file in seen.files if file.kind is FileKind.CLOSED and file.seal is None}
    yield from damage_findings(seen)
    for file in seen.files:
        if file.path in damaged and file.finding is not None:
            yield file.finding.moved(file.path)
    yield from (finding for finding in check_decoding(seen, None) if finding.rule.id in _LOSSES)
    yield from (finding for finding in check_files(seen, None) if finding.rule.id in _MISSING)


def _besides(seen: Survey) -> Iterator[Finding]:
    for check in (check_only_archives, check_locked, check_unopened):
        yield from check(seen, None)


def _outcome(counts: Counts, contents: Contents, losses: Sequence[Finding]) -> Outcome:
    if not counts.instances:
        return Outcome.SOURCE
    is_damaged = any(other.kind is OtherKind.DAMAGED for other in contents.others)
    is_whole = not (losses or counts.missing or counts.unreadable or is_damaged)
    return Outcome.GOOD if is_whole else Outcome.FINDINGS
