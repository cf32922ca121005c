"""Proof of storage by query: every series is asked for its instances, and what was sent must be among them.

A peer that cannot be asked for single instances is asked for their number (PS3.4 C.3.4): too few is a denial,
enough is no proof, since nobody knows which they are. What a peer gives beyond what was asked is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from mediakit.destinations.archive import count_of
from mediakit.destinations.association import association
from mediakit.destinations.base import Unreachable
from mediakit.destinations.find import FindFailed, FindModel, Limits, contexts_of, find_on
from mediakit.destinations.peer import Peer
from mediakit.errors import DestinationError
from mediakit.events import Advanced, Listener, silence
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Denied, NoAnswer, Proof, ProofAnswer, Proven

if TYPE_CHECKING:
    from pynetdicom.association import Association

LEVEL = 0x00080052
SOP_INSTANCE = 0x00080018
STUDY = 0x0020000D
SERIES = 0x0020000E
NUMBER_IN_SERIES = 0x00201209

#: Returns the SOP Instance UIDs that are there, by Study and Series Instance UID. Raises DestinationError.
FindInstances = Callable[[str, str], frozenset[str]]
#: Returns how many instances of a series are there, None when that cannot be known.
CountInstances = Callable[[str, str], int | None]

_LOSSES = 3  # associations that may be lost before the rest is given up


def prove_by_query(peer: Peer, items: Sequence[Outgoing], tell: Listener = silence) -> Proof:
    """Ask a peer by C-FIND, Study Root, which of these instances it has. Never raises for a peer."""
    with SeriesQuery(peer) as query:
        return proof_of(query.find_instances, items, query.count_instances, tell)


def found(peer: Peer, series: Sequence[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    """Return what a peer has: SOP Instance UIDs by Series Instance UID, for (study, series) UIDs.

    Raises Unreachable, and FindFailed when it cannot be asked at the level of instances.
    """
    with SeriesQuery(peer) as query:
        return {uid: query.find_instances(study, uid) for study, uid in dict.fromkeys(series)}


def proof_of(
    find_instances: FindInstances,
    items: Sequence[Outgoing],
    count_instances: CountInstances | None = None,
    tell: Listener = silence,
) -> Proof:
    """Return the proof that answers by series give for single instances.

    A series whose query fails gives no answers; when the destination is lost, nor does what is left.
    """
    answers: dict[str, ProofAnswer] = {}
    words = ""
    for (study, series), group in _by_series(items).items():
        if not study or not series:
            answers |= dict.fromkeys(group, NoAnswer("it has no Study or Series Instance UID to ask for"))
        elif words:
            answers |= dict.fromkeys(group, NoAnswer(words))
        else:
            try:
                answers |= _answers(find_instances(study, series), group)
            except FindFailed as exc:
                answers |= _by_number(count_instances, (study, series), group, exc.reason)
            except DestinationError as exc:
                words = exc.reason
                answers |= dict.fromkeys(group, NoAnswer(words))
        tell(Advanced(len(group)))
    return Proof(kind="query", answers=answers, words=words)


class SeriesQuery:
    """Asks a peer what it has of series, on an association that is opened when needed. For one thread."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stack = ExitStack()
        self._link: Association | None = None
        self._losses = 0

    def __enter__(self) -> SeriesQuery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the association."""
        self._link = None
        self._stack.close()

    def find_instances(self, study: str, series: str) -> frozenset[str]:
        """Return the SOP Instance UIDs that the peer has in a series. Raises Unreachable and FindFailed."""
        keys = {LEVEL: "IMAGE", STUDY: study, SERIES: series, SOP_INSTANCE: ""}
        matches = self.ask(keys)
        uids = (match.get(SOP_INSTANCE) for match in matches if is_of(match, study, series))
        return frozenset(uid for uid in uids if isinstance(uid, str) and uid)

    def count_instances(self, study: str, series: str) -> int | None:
        """Return how many instances the peer says that a series has, None when it does not say.

        Raises Unreachable and FindFailed.
        """
        keys = {LEVEL: "SERIES", STUDY: study, SERIES: series, NUMBER_IN_SERIES: ""}
        for match in self.ask(keys):
            number = match.get(NUMBER_IN_SERIES)
            if match.get(SERIES) == series and is_of(match, study, series) and isinstance(number, str):
                return count_of(number)
        return None

    def ask(self, keys: Mapping[int, str], limits: Limits | None = None) -> Sequence[Mapping[int, object]]:
        """Return what matches, whatever the level; a lost association is opened again, a few times.

        Raises Unreachable and FindFailed.
        """
        while True:
            try:
                return find_on(self._open(), self._peer, FindModel.STUDY_ROOT, keys, limits)
            except Unreachable as exc:
                self.close()
                self._losses += 1
                if not exc.is_passing or self._losses > _LOSSES:
                    raise

    def _open(self) -> Association:
        if self._link is None:
            contexts = contexts_of(FindModel.STUDY_ROOT)
            self._link = self._stack.enter_context(association(self._peer, contexts))
        return self._link


def is_of(match: Mapping[int, object], study: str, series: str) -> bool:
    """Return False for a match of another study or series: some peers give all they have."""
    return match.get(STUDY) in {None, "", study} and match.get(SERIES) in {None, "", series}


def _by_series(items: Sequence[Outgoing]) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for item in items:
        groups.setdefault((item.study, item.series), []).append(item.sop_instance)
    return groups


def _answers(there: frozenset[str], wanted: Sequence[str]) -> dict[str, ProofAnswer]:
    return {uid: Proven() if uid in there else Denied("the query does not find it") for uid in wanted}


def _by_number(
    count_instances: CountInstances | None, series: tuple[str, str], wanted: Sequence[str], why: str
) -> dict[str, ProofAnswer]:
    """Return the answers that the number of instances of a series gives, where there is one."""
    answer: ProofAnswer = NoAnswer(why)
    try:
        number = None if count_instances is None else count_instances(*series)
    except DestinationError:
        number = None
    most = len(set(wanted))
    if number is not None and number < most:
        answer = Denied(f"the peer counts {number} of {most} instances in the series")
    elif number is not None:
        answer = NoAnswer(f"the peer counts {number} instances in the series and does not tell which")
    return dict.fromkeys(wanted, answer)
