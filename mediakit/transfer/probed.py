"""What a peer takes, as a probe found it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

#: The transfer syntaxes that are asked for, as the table shows them.
SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.100",
    "1.2.840.10008.1.2.4.102",
    "1.2.840.10008.1.2.4.107",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One SOP Class: the transfer syntaxes that the peer takes for it, or why it takes none."""

    sop_class: str
    syntaxes: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a destination takes. `classes` is None when it does not negotiate: it says so at each instance."""

    name: str
    classes: tuple[Taken, ...] | None
    associations: int = 0
