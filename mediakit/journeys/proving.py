"""Which proof of storage a destination can give, as one function from instances to a `Proof`."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mediakit.destinations.address import Address, DicomAddress, DicomwebAddress
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Peer
from mediakit.destinations.registry import peer_of
from mediakit.errors import UsageError
from mediakit.events import Listener
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Proof, Verify

#: Asks the destination which instances it has, and tells how many are answered for.
Prover = Callable[[Sequence[Outgoing], Listener], Proof]


@dataclass(frozen=True, slots=True)
class Provers:
    """What can be asked of a destination: the proof that was ordered, and whether an instance is there."""

    verify: Prover | None = None
    query: Prover | None = None


def provers_of(address: Address, options: Options, verify: Verify) -> Provers:
    """Return how a destination proves. Raises UsageError when it has no such proof."""
    query = _query(address, options)
    if verify is Verify.NONE:
        return Provers(None, query)
    if verify is Verify.QUERY:
        if query is None:
            raise UsageError("a folder cannot be queried", where=str(address), hint="leave `--verify` out")
        return Provers(query, query)
    if not isinstance(address, DicomAddress):
        hint = "`--verify query` asks a DICOMweb service by QIDO-RS"
        raise UsageError(
            "Storage Commitment is a service of the DICOM network", where=str(address), hint=hint
        )
    return Provers(partial(_commit, address, options), query)


def _query(address: Address, options: Options) -> Prover | None:
    if isinstance(address, DicomAddress):
        return partial(_find, address, options)
    return partial(_qido, address, options) if isinstance(address, DicomwebAddress) else None


def _find(address: DicomAddress, options: Options, items: Sequence[Outgoing], tell: Listener) -> Proof:
    from mediakit.destinations.query import prove_by_query  # noqa: PLC0415 - pynetdicom is slow to load

    return prove_by_query(peer_of(address, options), items, tell)


def _qido(address: DicomwebAddress, options: Options, items: Sequence[Outgoing], tell: Listener) -> Proof:
    from mediakit.destinations.dicomweb_query import DicomwebQuery  # noqa: PLC0415 - as above
    from mediakit.destinations.query import proof_of  # noqa: PLC0415

    query = DicomwebQuery(address, options)
    try:
        return proof_of(query.find_instances, items, tell=tell)
    finally:
        query.close()


def _commit(address: DicomAddress, options: Options, items: Sequence[Outgoing], tell: Listener) -> Proof:
    from mediakit.destinations.commit import CommitOptions, prove_by_commit  # noqa: PLC0415 - as above

    peer = peer_of(address, options)
    how = CommitOptions(
        listen_host=options.commit_host or CommitOptions().listen_host,
        listen_port=options.commit_port,
        wait_s=options.timeouts.proof_s,
        ssl_context=_reports_by_tls(peer),
    )
    pairs = [(item.sop_class, item.sop_instance) for item in items]
    return prove_by_commit(peer, pairs, how, tell)


def _reports_by_tls(peer: Peer) -> ssl.SSLContext | None:
    """Return how reports come over TLS: as the requests go, when we have a certificate to show."""
    from mediakit.destinations.tls import server_context  # noqa: PLC0415 - as above

    if peer.tls is None or peer.tls.certificate is None:
        return None
    return server_context(peer.tls.certificate, peer.tls.key, peer.tls.ca_file)
