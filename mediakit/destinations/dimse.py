"""A remote SCP reached by C-STORE over our own upper layer (`mediakit.network`): one blocking thread.

The bytes of a data set go from the medium to the socket as they are, in chunks, so that memory stays flat. An
instance that cannot be read to its end is never completed at the peer: the association is aborted instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.destinations.base import Context, Lost, Unreachable
from mediakit.destinations.connection import Connection, not_confirmed
from mediakit.destinations.dial import dial
from mediakit.destinations.dimse_session import DimseSession
from mediakit.destinations.peer import Peer
from mediakit.destinations.proposing import MOST_CONTEXTS, association_request
from mediakit.dicom.uids import IMPLICIT_VR_LITTLE_ENDIAN
from mediakit.network.agreement import IdentityOutcome
from mediakit.network.association import Association
from mediakit.network.message import VERIFICATION
from mediakit.scp.wire import wire_over


class DimseDestination:
    """A Storage SCP. Opens nothing until asked to."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    @property
    def name(self) -> str:
        """Return how reports name it: "PACS@10.0.0.1:104"."""
        return str(self._peer)

    @property
    def most_contexts(self) -> int:
        """Return how many contexts an association can have."""
        return MOST_CONTEXTS

    @property
    def most_sessions(self) -> int | None:
        """Return how many associations there may be at once; None when nobody said."""
        return self._peer.most_associations

    def connect(self, contexts: Sequence[Context]) -> DimseSession:
        """Open an association, of at most 128 contexts. Raises Unreachable, UsageError."""
        if not 0 < len(contexts) <= MOST_CONTEXTS:
            raise ValueError(f"an association has 1 to {MOST_CONTEXTS} contexts, not {len(contexts)}")
        request = association_request(self._peer, contexts)
        wire = wire_over(dial(self._peer), self.name)
        connection = Connection(wire, Association(request), self.name, self._peer.timeouts)
        agreement = connection.associate()
        if agreement.identity is IdentityOutcome.NOT_CONFIRMED:
            connection.release()
            raise not_confirmed(self.name)
        return DimseSession(connection, contexts, agreement, self.name)

    def verify(self) -> str:
        """Send a C-ECHO and return what the peer said of itself. Raises Unreachable."""
        session = self.connect((Context(VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)),))
        try:
            return session.echo()
        except Lost as exc:
            raise Unreachable(
                "no answer to C-ECHO", where=self.name, why=exc.why or exc.what, is_passing=True
            ) from exc
        finally:
            session.close()
