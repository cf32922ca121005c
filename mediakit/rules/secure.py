"""Secure DICOM Files: who can open them, who signed them, where their envelopes differ from PS3.15 D.1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.secure.facts import Departure, is_other_cms

LOCKED = Rule(
    id="MK-SEC-001",
    severity=Severity.WARNING,
    title="{count:encrypted file was|encrypted files were} not opened, first {example}; "
    "to open: {recipients}",
    ref="PS3.15 D.1",
    hint="give `--key` and `--cert`, or `--passphrase-file` or `--ask-passphrase`",
)
CIPHER = Rule(
    id="MK-SEC-002",
    severity=Severity.ERROR,
    title="{count:file is|files are} encrypted with {what}, first {example}; only AES and "
    "Triple-DES (CBC) are allowed",
    ref="PS3.15 D.1",
    hint="a reader of the profile cannot open them: have the sending system fixed",
)
FORM = Rule(
    id="MK-SEC-003",
    severity=Severity.WARNING,
    title="{count:envelope does|envelopes do} not hold a bare SignedData or DigestedData under its own "
    "content type, first {example}",
    ref="PS3.15 D.1 (unconfirmed)",
    hint="mediakit reads it; another reader may not (OpenSSL writes it so)",
)
DIGEST = Rule(
    id="MK-SEC-004",
    severity=Severity.ERROR,
    title="{count:envelope uses|envelopes use} the digest {what}, first {example}; SHA-1, SHA-256, "
    "SHA-384 and SHA-512 are allowed",
    ref="PS3.15 D.1",
    hint="a reader of the profile cannot check them: have the sending system fixed",
)
OAEP = Rule(
    id="MK-SEC-005",
    severity=Severity.WARNING,
    title="the key of {count:file|files} is encrypted with RSAES-OAEP, first {example}; the profile "
    "names RSA PKCS #1 v1.5",
    ref="PS3.15 D.1 (unconfirmed)",
    hint="mediakit reads it; another reader may not",
)
RECIPIENT = Rule(
    id="MK-SEC-006",
    severity=Severity.WARNING,
    title="{count:file has|files have} a recipient with neither an RSA certificate nor a passphrase, "
    "first {example}",
    ref="PS3.15 D.1",
    hint="a reader of the profile cannot use that recipient; the others of the file can open it",
)
ROUNDS = Rule(
    id="MK-SEC-007",
    severity=Severity.NOTE,
    title="{count:file is|files are} protected by a passphrase with only {what} rounds of PBKDF2, "
    "first {example}",
    ref="practice",
    hint="a short passphrase can be found by trying; 600,000 rounds are usual today",
)
SIGNED = Rule(
    id="MK-SEC-008",
    severity=Severity.NOTE,
    title="{count:file is|files are} signed by {signer}, first {example}; {trust}",
    ref="PS3.15 D.1",
    hint="`--trust FILE` opens only what is signed by somebody for whom an authority in FILE vouches",
)
OTHER_CMS = Rule(
    id="MK-SEC-009",
    severity=Severity.ERROR,
    title="{profile} requires EnvelopedData, but {count:file is|files are} CMS of another kind, "
    "first {example}",
    ref="PS3.15 D.1",
    hint="a reader of the profile cannot open them: have the sending system fixed",
)
UNOPENED = Rule(
    id="MK-SEC-010",
    severity=Severity.ERROR,
    title="{count:encrypted file|encrypted files} cannot be opened, first {example}: {why}",
    ref="PS3.15 D.1",
    hint="give the key that they were made for (`--key` with `--cert`) or their passphrase, or ask the "
    "sender for another copy",
)

_FEW_ROUNDS = 100_000
_FORMS = frozenset({Departure.LABEL, Departure.NESTED, Departure.HEADLESS})


def check_locked(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report Secure DICOM Files that were not opened: once for each set of recipients."""
    locked: dict[tuple[str, ...], list[FileFact]] = {}
    for file in survey.files:
        if file.is_locked:
            locked.setdefault(() if file.seal is None else file.seal.recipients, []).append(file)
    for recipients, files in locked.items():
        yield _of(LOCKED, files, recipients=" or ".join(recipients) or "unknown, its head cannot be read")


def check_unopened(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report Secure DICOM Files that the keys did not open: once for each reason."""
    closed: dict[str, list[FileFact]] = {}
    for file in survey.files:
        if file.kind is FileKind.CLOSED and file.seal is not None and file.finding is not None:
            closed.setdefault(str(dict(file.finding.detail).get("why", "")), []).append(file)
    for why, files in closed.items():
        yield _of(UNOPENED, files, why=why)


def check_signers(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report who signed files that were opened, and whether that counts for anything."""
    signed: dict[tuple[tuple[str, ...], bool | None], list[FileFact]] = {}
    for file in survey.files:
        if file.seal is not None and file.seal.signers:
            signed.setdefault((file.seal.signers, file.seal.is_trusted), []).append(file)
    for (signers, is_trusted), files in signed.items():
        trust = "a trusted authority vouches for it" if is_trusted else "whether to trust that was not judged"
        yield _of(SIGNED, files, signer=" and ".join(signers), trust=trust)


def check_envelopes(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report where envelopes differ from the profile of PS3.15 D.1."""
    sealed = [file for file in survey.files if file.seal is not None]
    for rule, departures in (
        (CIPHER, {Departure.CIPHER}),
        (FORM, _FORMS),
        (DIGEST, {Departure.DIGEST}),
        (OAEP, {Departure.OAEP}),
        (RECIPIENT, {Departure.RECIPIENT}),
    ):
        found = [file for file in sealed if file.seal is not None and file.seal.departures & departures]
        if found:
            seal = found[0].seal
            what = "" if seal is None else seal.cipher if rule is CIPHER else seal.digest
            yield _of(rule, found, what=what)
    weak = [file for file in sealed if file.seal is not None and 0 < file.seal.rounds < _FEW_ROUNDS]
    if weak and weak[0].seal is not None:
        yield _of(ROUNDS, weak, what=weak[0].seal.rounds)
    if profile is not None and profile.is_secure:
        others = [file for file in survey.files if is_other_cms(file.head)]
        if others:
            yield _of(OTHER_CMS, others, profile=profile.id)


def _of(rule: Rule, files: Iterable[FileFact], **values: str | int) -> Finding:
    paths = [file.path for file in files]
    return rule.at(Where(path=paths[0]), count=len(paths), example=printable(paths[0]), **values)


CHECKS: Final = (
    Check(check_locked, (LOCKED,)),
    Check(check_unopened, (UNOPENED,)),
    Check(check_signers, (SIGNED,)),
    Check(check_envelopes, (CIPHER, FORM, DIGEST, OAEP, RECIPIENT, ROUNDS, OTHER_CMS)),
)
