"""Verification: every file of a medium against its manifest, and the manifest against its signature.

Nothing but the medium itself is needed for the first (integrity); who made it (origin) is known only with a
public key that came in another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mediakit.errors import SourceError
from mediakit.events import FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.manifest import Listing, ManifestFact, is_unlisted, listing_of, matched
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Report, Rule, Severity, Where
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.envelope import as_stored
from mediakit.formats.gapped import gaps_of
from mediakit.formats.registry import open_decrypted
from mediakit.outcome import Fate, Figures, Result, State, outcome_of
from mediakit.rules.instances import damage_findings
from mediakit.rules.manifest import (
    ADDED,
    FORGED,
    GONE,
    KNOWN_KEY,
    OTHER_KEY,
    PAGE_COPY,
    UNKNOWN_KEY,
    UNSIGNED,
    bad_lines,
    judge_signature,
    misfits,
)
from mediakit.secure.checksums import SHA_256
from mediakit.secure.ed25519 import NO_KNOWN_KEYS, KnownKeys
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.closed import finding_on_closed, finding_on_failure
from mediakit.stages.look.listed import read_manifest
from mediakit.stages.prove.sums import Sum, sums_of

CHANGED = Rule(
    id="MK-MAN-011",
    severity=Severity.ERROR,
    title="has other bytes than when the medium was made: SHA-256 {found} instead of {listed}",
    ref="practice",
    hint="do not use it; ask the sender for another copy of the medium",
)

_WORDS = {KNOWN_KEY: "good", UNKNOWN_KEY: "good", OTHER_KEY: "good", FORGED: "bad"}
_ORIGINS = {KNOWN_KEY: "a known key", OTHER_KEY: "not the key expected"}
_WRONG = frozenset({FORGED, OTHER_KEY, UNSIGNED, PAGE_COPY})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOrder:
    """What to check a medium with: whose signature is expected, and what opens encrypted files.

    `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is one.
    """

    known: KnownKeys = NO_KNOWN_KEYS
    keys: Keys = NO_KEYS
    fail_on: Severity = Severity.ERROR
    rescue_map: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFigures(Figures):
    """The figures of a verification.

    `signature` is good, bad, absent or unchecked; `key` is the fingerprint of the one that made it, and
    `origin` says whether that is a key that was known before.
    """

    source: str
    format: str
    listed: int
    intact: int
    changed: int
    missing: int
    added: int
    unreadable: int
    signature: str
    key: str | None = None
    origin: str | None = None


def verify(source: Path, order: VerifyOrder | None = None, tell: Listener = silence) -> Result:
    """Check every file of a medium against MANIFEST.TXT, and that against its signature.

    Returns one fate for each file that is on the medium or should be. Raises SourceError when it cannot be
    opened, or has no manifest that can be read.
    """
    order = VerifyOrder() if order is None else order
    gaps = gaps_of(source, order.rescue_map)
    with closing(open_decrypted(source, order.keys, gaps=gaps)) as plain:
        tree = as_stored(plain)  # what is encrypted is listed as it stands on the medium
        nodes = list(tree.walk())
        fact = read_manifest(plain, (node.path for node in nodes))
        if fact is None:
            raise SourceError(
                "there is no manifest that can be read",
                where=str(source),
                hint="`burn --manifest` or `--sign-key` makes one; of an encrypted medium say what opens it; "
                "`mediakit diff` compares with another copy",
            )
        listing = listing_of(fact.content)
        found = matched(listing.sha256, [(node.path, node.also) for node in nodes])
        checked = _Checked(source=source, tree=tree, nodes=nodes, listing=listing, found=found)
        said = list(judge_signature(fact, order.known))
        fates = [*checked.fates(tell), *_beside(nodes, said)]
    for fate in fates:
        tell(FileSettled(fate))
    damage = damage_findings(Survey(subject=str(source), format=tree.facts.format, damage=tree.facts.damage))
    because = (fate.because for fate in fates if fate.because is not None)
    findings = {*because, *said, *bad_lines(fact, listing), *damage}
    report = Report.of(str(source), findings)
    return Result(
        journey="verify",
        fates=tuple(fates),
        report=report,
        outcome=outcome_of(fates, report, order.fail_on),
        figures=_figures(checked, fates, fact, said).as_mapping(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A medium and its manifest; `found` has the listed path of each file that is listed."""

    source: Path
    tree: Tree
    nodes: Sequence[Node]
    listing: Listing
    found: Mapping[str, str]

    def fates(self, tell: Listener) -> Iterator[Fate]:
        """Yield the fate of every file but those that a manifest cannot list. Reads them all."""
        files = [node for node in self.nodes if node.kind is NodeKind.FILE and node.path in self.found]
        tell(PhaseStarted("verify", total=sum(node.size for node in files), unit="bytes"))
        for one in sums_of(self.tree, files, tell, SHA_256):
            yield self._fate(one)
        tell(PhaseEnded("verify"))
        others = [node for node in self.nodes if node.kind is not NodeKind.FILE]
        for node in others:
            because = finding_on_closed(node).moved(node.path)
            yield Fate(source=node.path, state=State.UNREADABLE, because=because)
        read = {node.path for node in (*files, *others)}
        paths = [node.path for node in self.nodes]
        for finding in misfits(self.listing, dict(self.found), paths):
            path = finding.where.path
            if path not in read:
                state = State.MISSING if finding.rule is GONE else State.FAULTY
                yield Fate(source=path, state=state, because=finding)
                read.add(path)
        for path in paths:
            if path not in read and not is_unlisted(path):  # left behind by an operating system
                yield Fate(source=path, state=State.EXCLUDED)

    def _fate(self, one: Sum) -> Fate:
        path = one.node.path
        listed = self.listing.sha256[self.found[path]]
        if one.failure is not None:
            because = finding_on_failure(one.failure).moved(path)
            return Fate(source=path, state=State.UNREADABLE, because=because)
        if one.sum != listed:
            because = CHANGED.at(Where(path=path), found=one.sum, listed=listed)
            return Fate(source=path, state=State.FAULTY, because=because, sha256=one.sum)
        return Fate(source=path, state=State.VALID, sha256=one.sum)


def _beside(nodes: Sequence[Node], said: Sequence[Finding]) -> Iterator[Fate]:
    """Yield the fates of the manifest and of what is made of it: faulty where a finding says so."""
    wrong = {finding.where.path.upper(): finding for finding in said if finding.rule in _WRONG}
    for node in nodes:
        if is_unlisted(node.path) and node.kind is NodeKind.FILE:
            because = wrong.get(node.path.upper())
            state = State.VALID if because is None else State.FAULTY
            yield Fate(source=node.path, state=state, because=because)


def _figures(
    checked: _Checked, fates: Sequence[Fate], fact: ManifestFact, said: Sequence[Finding]
) -> VerifyFigures:
    rules = [fate.because.rule for fate in fates if fate.because is not None]
    listed = [fate for fate in fates if fate.source in checked.found]
    verdict = next((one for one in said if one.rule in _WORDS), None)
    key = None if verdict is None else dict(verdict.detail).get("key")
    absent = "absent" if fact.signature is None else "unchecked"
    origin = None
    if verdict is not None and key is not None:
        origin = _ORIGINS.get(verdict.rule) or str(dict(verdict.detail).get("known"))
    return VerifyFigures(
        source=str(checked.source),
        format=checked.tree.facts.format,
        listed=len(checked.listing.sha256),
        intact=sum(fate.state is State.VALID for fate in listed),
        changed=rules.count(CHANGED),
        missing=rules.count(GONE),
        added=rules.count(ADDED),
        unreadable=sum(fate.state is State.UNREADABLE for fate in fates),
        signature=absent if verdict is None else _WORDS[verdict.rule],
        key=None if key is None else str(key),
        origin=origin,
    )
