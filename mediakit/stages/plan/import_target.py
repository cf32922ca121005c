"""Where an import goes: the destination, and how it proves that it has what it was sent."""

from __future__ import annotations

from dataclasses import dataclass

from mediakit.destinations.address import Address
from mediakit.destinations.base import Destination
from mediakit.destinations.options import Options
from mediakit.destinations.registry import destination_of, parse_address
from mediakit.errors import UsageError
from mediakit.transfer.proof import Prover, Verify

_NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to, and how to ask it for the proof that was ordered, and what it has.

    `written` is what the user wrote for it, kept for a retry. `requires_local_id`: nothing goes there under a
    Patient ID that nobody said is local.
    """

    destination: Destination
    verify: Prover | None = None
    query: Prover | None = None
    written: str = ""
    requires_local_id: bool = False


def target_at(
    address: Address | str, options: Options = _NO_OPTIONS, verify: Verify = Verify.NONE, written: str = ""
) -> Target:
    """Return the target at an address ("PACS@10.0.0.1:104"); nothing is opened.

    Raises UsageError for what is no address, for options that have no sense there, and when the destination
    has no such proof.
    """
    where = parse_address(address) if isinstance(address, str) else address
    destination = destination_of(where, options)
    proofs = where.proofs(options)
    prover = {Verify.NONE: None, Verify.QUERY: proofs.query, Verify.COMMIT: proofs.commit}[verify]
    if verify is not Verify.NONE and prover is None:
        raise _unproven(str(where), verify, has_query=proofs.query is not None)
    return Target(
        destination=destination,
        verify=prover,
        query=proofs.query,
        written=written or str(where),
        requires_local_id=options.requires_local_id,
    )


def _unproven(where: str, verify: Verify, *, has_query: bool) -> UsageError:
    if verify is Verify.QUERY:
        return UsageError("this destination cannot be queried", where=where, hint="leave `--verify` out")
    hint = "`--verify query` asks it what it has" if has_query else "leave `--verify` out"
    return UsageError("Storage Commitment is a service of the DICOM network", where=where, hint=hint)
