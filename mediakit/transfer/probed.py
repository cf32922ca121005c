"""What a peer takes, as a probe found it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mediakit.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

#: The transfer syntaxes that are asked for, as the table shows them.
SYNTAXES = (
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
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
class ContextOutcome:
    """What became of one presentation context. `why` is "" when it was accepted.

    `is_scu` and `is_scp` are the roles that we have in it; `level` is what the peer says of its level of
    support, "" when it says nothing. `is_partial`: it says that it does not store every attribute.
    """

    id: int
    sop_class: str
    proposed: tuple[str, ...]
    transfer_syntax: str
    why: str
    is_scu: bool
    is_scp: bool
    level: str = ""
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What two sides agreed on for one association, for people. Lengths of PDUs are in bytes, 0 means any.

    Windows are (invoked, performed) by us, 0 means any number; `window_proposed` is None for none. `identity`
    says what was sent and what came of it. `remarks` are what the peer answered to nothing that was proposed.
    """

    our_longest_pdu: int
    their_longest_pdu: int
    implementation_class: str
    implementation_version: str
    window_proposed: tuple[int, int] | None
    window: tuple[int, int]
    identity: str
    contexts: tuple[ContextOutcome, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a destination takes. `classes` is None when it does not negotiate: it says so at each instance.

    `negotiated` are the associations in their order: the first ones ask for every class in all syntaxes.
    """

    name: str
    classes: tuple[Taken, ...] | None
    associations: int = 0
    negotiated: tuple[Negotiated, ...] = ()
