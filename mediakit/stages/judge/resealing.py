"""Whether what is new on an encrypted medium can be sealed as that is which stays there (PS3.15 D.1)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import Tree
from mediakit.formats.envelope import Envelope, as_stored
from mediakit.secure.facts import Inner, SealFact
from mediakit.secure.keys import Keys
from mediakit.secure.opening import keys_that_open

LOST = Rule(
    id="MK-UPD-020",
    severity=Severity.ERROR,
    title="the medium can be opened with {who}, and what is written could not",
    ref="PS3.15 D.1",
    hint="name the certificate of each recipient with `--recipient`, besides what opens the medium for you; "
    "or burn a new medium from this one: `mediakit burn MEDIUM ...`",
)
STRANGER = Rule(
    id="MK-UPD-021",
    severity=Severity.WARNING,
    title="what is written can be opened with {who}, and {count:file that stays|files that stay} cannot",
    ref="PS3.15 D.1",
    hint="burn a new medium from this one, if everybody named is to open all of it",
)
UNSIGNED = Rule(
    id="MK-UPD-022",
    severity=Severity.ERROR,
    title="{count:file of the medium is|files of the medium are} signed, and what is written would not be",
    ref="PS3.15 D.1",
    hint="name the key to sign with and its certificate: `--sign-key KEY.pem --sign-cert CERT.pem`",
)


def envelope_for(given: Envelope | None, keys: Keys, seen: Survey, tree: Tree) -> Envelope | None:
    """Return what seals the new files of a medium; None when the files of the medium are not encrypted.

    It is what was `given`, else it is made for those who can open the DICOMDIR with the `keys`. Raises
    UsageError when these cannot be used to encrypt: a certificate that is no longer valid.
    """
    dicomdir = seen.dicomdir
    if dicomdir is None or dicomdir.seal is None:
        return None
    if given is not None:
        return given
    from mediakit.secure.sealer import sealer_for  # noqa: PLC0415 - most media are not encrypted

    stored = as_stored(tree)
    node = stored.find(dicomdir.path)
    fitting = keys if node is None else keys_that_open(keys, lambda: stored.open(node), node.size)
    return sealer_for((), keys=fitting)


def departures(seen: Survey, envelope: Envelope) -> Iterator[Finding]:
    """Yield where new envelopes would differ from those of a medium: in who opens them, and in signatures."""
    where = Where(path=seen.subject)
    seals = [file.seal for file in seen.files if file.seal is not None]
    before = dict.fromkeys(name for seal in seals for name in seal.recipients)
    after = _fact_of(envelope)
    if lost := [name for name in before if name not in after.recipients]:
        yield LOST.at(where, who=" or with ".join(lost))
    strangers = [name for name in after.recipients if any(name not in seal.recipients for seal in seals)]
    if strangers:
        count = sum(not set(strangers) <= set(seal.recipients) for seal in seals)
        yield STRANGER.at(where, who=" or with ".join(strangers), count=count)
    signed = [seal for seal in seals if seal.inner is Inner.SIGNED]
    if signed and after.inner is not Inner.SIGNED:
        yield UNSIGNED.at(where, count=len(signed))


def _fact_of(envelope: Envelope) -> SealFact:
    """Return what is known of the envelopes that are made: one is made to see."""
    with envelope.seal(BytesIO(), 0) as stream:
        sealed = stream.read()
    return envelope.look(BytesIO(sealed), len(sealed))[1] or SealFact()
