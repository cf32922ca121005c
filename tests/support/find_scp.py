"""A C-FIND SCP for tests, in this process: it gives the answers that it was told to give."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt

from mediakit.destinations.find import FindModel
from mediakit.destinations.peer import Peer, Timeouts
from tests.support.pynetdicom_scp import listening

SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
Answers = Sequence[tuple[int, Dataset | None]]


@dataclass
class Asked:
    """What has been asked so far."""

    identifiers: list[Dataset] = field(default_factory=list)
    peer: Peer | None = None

    @property
    def address(self) -> Peer:
        assert self.peer is not None
        return self.peer


@contextmanager
def find_scp(
    answers: Callable[[Dataset], Answers],
    *,
    models: Sequence[str] = tuple(FindModel),
    syntaxes: Sequence[str] = SYNTAXES,
    answer_s: float = 10,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Asked]:
    """Run an SCP on a free port of this host; `answers` gives status and identifier for a request."""
    asked = Asked()

    def handle(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked.identifiers.append(event.identifier)
        yield from answers(event.identifier)

    entity = AE(ae_title="FINDSCP")
    for model in models:
        entity.add_supported_context(model, list(syntaxes))
    with listening(entity, [(evt.EVT_C_FIND, handle)], tls) as port:
        timeouts = Timeouts(connect_s=5, association_s=5, answer_s=answer_s)
        asked.peer = Peer(called_ae="FINDSCP", host="127.0.0.1", port=port, timeouts=timeouts)
        yield asked
