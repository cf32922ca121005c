"""What a reader of a label or a cover sheet has to know. Needs no package of the extra."""

from __future__ import annotations

from mediakit.findings import Rule, Severity

SHORTENED = Rule(
    id="MK-PPR-001",
    severity=Severity.WARNING,
    title="{what} did not fit on the {paper}: shortened in {count:place}",
    ref="IHE RAD TF-3 4.47",
    hint="`--template` gives it more room; on the disc it stands in full",
)
OTHER_WRITING = Rule(
    id="MK-PPR-002",
    severity=Severity.WARNING,
    title="{count:name is|names are} printed without the characters of {scripts}: no font here has them",
    ref="PS3.5 6.2.1",
    hint="install one (Debian: fonts-noto-cjk), or name a font file with `--font`",
)
NO_FONT = Rule(
    id="MK-PPR-003",
    severity=Severity.WARNING,
    title="{count:character} of {scripts} stand as a question mark on the {paper}: no font here has them",
    ref="PS3.5 6.1",
    hint="install one (Debian: fonts-noto-core, fonts-noto-cjk), or name a font file with `--font`",
)
