"""The manifest of a medium: whether it lists what is there, whether its signature fits. No file is hashed.

That nothing was changed (integrity) and who made it (origin) are told apart: a key that stands on the medium
alone proves the first only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediakit.fileset.manifest import (
    FOR_PAGE,
    SIGNATURE,
    Listing,
    ManifestFact,
    for_page,
    is_unlisted,
    listing_of,
    matched,
)
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.rules.hygiene import is_litter
from mediakit.secure.ed25519 import NO_KNOWN_KEYS, KnownKeys, fingerprint, holds, public_key_of
from mediakit.secure.extra import is_installed

BAD_LINE = Rule(
    id="MK-MAN-001",
    severity=Severity.WARNING,
    title="{count:line is|lines are} not a SHA-256 and a path, or contradict another one; the first is line "
    "{line}",
    ref="practice",
    hint="the form is that of `sha256sum`; what these lines meant is not checked",
)
GONE = Rule(
    id="MK-MAN-002",
    severity=Severity.WARNING,
    title="is listed in the manifest, and is not on the medium",
    ref="practice",
    hint="ask the sender for another copy of the medium, unless you removed the file yourself",
)
ADDED = Rule(
    id="MK-MAN-003",
    severity=Severity.WARNING,
    title="is not listed in the manifest: it was added later",
    ref="practice",
    hint="nothing is known of where it comes from; do not run it",
)
FORGED = Rule(
    id="MK-MAN-004",
    severity=Severity.ERROR,
    title="the signature does not fit: {why}",
    ref="RFC 8032 5.1.7",
    hint="do not trust the sums of the manifest; ask the sender for another copy of the medium",
)
UNKNOWN_KEY = Rule(
    id="MK-MAN-005",
    severity=Severity.NOTE,
    title="signed by key {key} ({known}): nothing that is listed was changed since; who signed is not known",
    ref="RFC 8032 5.1.7",
    hint="`mediakit verify --public-key FILE` checks it against the key of the sender",
)
UNCHECKED = Rule(
    id="MK-MAN-006",
    severity=Severity.WARNING,
    title="the signature was not checked: {why}",
    ref="RFC 8032 5.1.7",
    hint="without it, whoever changed a file could have changed the manifest too",
)
PAGE_COPY = Rule(
    id="MK-MAN-007",
    severity=Severity.ERROR,
    title="is not the copy of the manifest and its signature that it should be",
    ref="practice",
    hint="the check on the page of the viewer says nothing; use `mediakit verify`",
)
KNOWN_KEY = Rule(
    id="MK-MAN-008",
    severity=Severity.NOTE,
    title="signed by key {key}, which is known: nothing that is listed was changed since",
    ref="RFC 8032 5.1.7",
)
OTHER_KEY = Rule(
    id="MK-MAN-009",
    severity=Severity.ERROR,
    title="signed by key {key}, which is not the one expected",
    ref="RFC 8032 5.1.7",
    hint="somebody else made this medium, or the sender has another key now: ask in another way",
)
UNSIGNED = Rule(
    id="MK-MAN-010",
    severity=Severity.ERROR,
    title="the manifest is not signed, and a key was expected to have signed it",
    ref="practice",
    hint="whoever changed a file could have changed the manifest too; ask the sender for a signed medium",
)


def check_listing(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report lines of a manifest that say nothing, files that it lists and are gone, and what was added."""
    fact = survey.manifest
    if fact is None:
        return
    listing = listing_of(fact.content)
    yield from bad_lines(fact, listing)
    found = matched(listing.sha256, [(file.path, file.also) for file in survey.files])
    yield from misfits(listing, found, [file.path for file in survey.files])


def check_signature(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report whether the signature of a manifest fits it; whose it is is a matter of `verify`."""
    if survey.manifest is not None:
        yield from judge_signature(survey.manifest, NO_KNOWN_KEYS)


def bad_lines(fact: ManifestFact, listing: Listing) -> Iterator[Finding]:
    """Yield one finding for all lines that say nothing."""
    if listing.bad_lines:
        yield BAD_LINE.at(Where(path=fact.path), count=listing.bad_lines, line=listing.first_bad)


def misfits(listing: Listing, found: dict[str, str], paths: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each listed path without a file, and for each file that is not listed.

    `found` is what `matched` gives for `paths`. What operating systems leave behind is no file of the medium.
    """
    names = set(found.values())
    yield from (GONE.at(Where(path=path)) for path in listing.sha256 if path not in names)
    for path in paths:
        if path not in found and not is_unlisted(path) and not is_litter(path):
            yield ADDED.at(Where(path=path))


def judge_signature(fact: ManifestFact, known: KnownKeys) -> Iterator[Finding]:
    """Yield what is to be said of the signature of a manifest, and of the copy for the page."""
    where = Where(path=SIGNATURE)
    if fact.signature is None:
        if fact.public_key is not None:
            yield FORGED.at(where, why="there is a key on the medium, and no signature")
        if known.is_required:
            yield UNSIGNED.at(Where(path=fact.path))
    elif not is_installed():
        yield UNCHECKED.at(where, why="the package cryptography is not installed")
    else:
        yield _judged(fact, fact.signature, known).moved(SIGNATURE)
    if fact.for_page is not None and fact.for_page != _expected_copy(fact):
        yield PAGE_COPY.at(Where(path=FOR_PAGE))


def _judged(fact: ManifestFact, signature: bytes, known: KnownKeys) -> Finding:
    """Return the verdict on a signature: of the known keys at hand first, then of the key on the medium."""
    for name, expected in known.keys:
        if expected is not None and holds(expected, signature, fact.content):
            return KNOWN_KEY.at(key=name)
    try:
        public = public_key_of(fact.public_key or b"")
    except ValueError as exc:
        if known.is_required:
            return FORGED.at(why="it was not made with the key expected, and there is no key on the medium")
        return UNCHECKED.at(why=f"there is no public key on the medium ({exc})")
    if not holds(public, signature, fact.content):
        return FORGED.at(why="manifest, signature or key was changed after signing")
    return _whose(fingerprint(public), known)


def _whose(key: str, known: KnownKeys) -> Finding:
    """Return what is to be said of a signature that fits, by the fingerprint of its key."""
    names = {name for name, _ in known.keys}
    if key in names:
        return KNOWN_KEY.at(key=key)
    if known.is_required:
        return OTHER_KEY.at(key=key)
    said = "none of the known keys of the configuration" if names else "not checked against a known key"
    return UNKNOWN_KEY.at(key=key, known=said)


def _expected_copy(fact: ManifestFact) -> bytes:
    try:
        key = public_key_of(fact.public_key) if fact.public_key is not None else b""
    except ValueError:
        key = b""
    return for_page(fact.content, fact.signature or b"", key)


CHECKS = (
    Check(check_listing, (BAD_LINE, GONE, ADDED)),
    Check(check_signature, (FORGED, UNKNOWN_KEY, UNCHECKED, PAGE_COPY, KNOWN_KEY, OTHER_KEY, UNSIGNED)),
)
