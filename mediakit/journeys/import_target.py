"""Where an import goes: the destination, and how it proves that it has what it was sent."""

from __future__ import annotations

from dataclasses import dataclass

from mediakit.destinations.address import Address, parse_address
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options
from mediakit.destinations.registry import destination_of
from mediakit.journeys.proving import Prover, provers_of
from mediakit.transfer.proof import Verify

_NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to, and how to ask it for the proof that was ordered, and what it has.

    `written` is what the user wrote for it, kept for a retry.
    """

    destination: Destination
    verify: Prover | None = None
    query: Prover | None = None
    written: str = ""


def target_at(
    address: Address | str, options: Options = _NO_OPTIONS, verify: Verify = Verify.NONE, written: str = ""
) -> Target:
    """Return the target at an address ("PACS@10.0.0.1:104"); nothing is opened.

    Raises UsageError for what is no address, for options that have no sense there, and when the destination
    has no such proof.
    """
    where = parse_address(address) if isinstance(address, str) else address
    provers = provers_of(where, options, verify)
    return Target(
        destination=destination_of(where, options),
        verify=provers.verify,
        query=provers.query,
        written=written or str(where),
    )
