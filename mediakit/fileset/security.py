"""How the files of a medium are encrypted and signed, in sentences for a person. Pure."""

from __future__ import annotations

from collections import Counter

from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.secure.facts import Inner, SealFact


def security_of(survey: Survey) -> tuple[str, ...]:
    """Return a sentence for each kind of envelope on a medium, nothing when no file has one."""
    counted = Counter(_sentence(file, file.seal) for file in survey.files if file.seal or file.is_locked)
    return tuple(
        f"{count} {'file is' if count == 1 else 'files are'} {sentence}"
        for sentence, count in counted.items()
    )


def _sentence(file: FileFact, seal: SealFact | None) -> str:
    if file.kind is FileKind.CLOSED or seal is None:
        return "encrypted, and could not be opened"
    if file.is_locked:
        return f"encrypted with {seal.cipher}, and not opened; to open: {' or '.join(seal.recipients)}"
    how = f"encrypted with {seal.cipher}"
    if seal.inner is Inner.DIGESTED:
        return f"{how}, opened, with a digest ({seal.digest}) that holds, not signed"
    trust = (
        "a trusted authority vouches for it" if seal.is_trusted else "whether to trust that was not judged"
    )
    return f"{how}, opened, signed by {' and '.join(seal.signers)}: the signature holds, {trust}"
