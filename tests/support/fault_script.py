"""What a faulty SCP is to do wrong, and when: the script of `fault_scp`. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class AtConnection(Enum):
    """What happens when somebody connects."""

    NOTHING = auto()
    NOT_LISTENING = auto()  # the port is closed
    CLOSE = auto()  # the connection ends before anything is read
    SILENT = auto()  # nothing is read, nothing is said
    STALL = auto()  # the request for an association is read and never answered
    ABORT = auto()
    GARBAGE = auto()
    HUGE_PDU = auto()  # a PDU that claims 4 GB
    DRIP = auto()  # the answer comes byte by byte, as good as it should be
    HALF_ANSWER = auto()  # the answer is cut off in the middle


class AtInstance(Enum):
    """What happens to one C-STORE."""

    CLOSE_IN_DATA = auto()  # after the first fragment of the data set
    CLOSE_IN_PDU = auto()  # after some bytes of the first PDU of the data set
    CLOSE_BEFORE_ANSWER = auto()  # everything was received
    RESET_IN_DATA = auto()  # as CLOSE_IN_DATA, but with a reset
    HALF_ANSWER = auto()
    ABORT = auto()  # everything was received
    ABORT_IN_DATA = auto()
    STALL = auto()  # everything was received; no answer comes
    DEAF = auto()  # nothing is read any more behind the command; no answer comes
    GARBAGE = auto()  # in place of the answer
    HUGE_PDU = auto()
    RELEASE = auto()  # asks for the release in place of the answer
    RELEASE_AFTER = auto()  # answers, then asks for the release
    CLOSE_AFTER = auto()  # answers, then closes
    TINY_FRAGMENTS = auto()  # a good answer in fragments of one byte, sent byte by byte
    WRONG_MESSAGE_ID = auto()
    WRONG_CONTEXT = auto()
    OTHER_CONTEXT = auto()  # the other one of 1 and 3
    OTHER_INSTANCE = auto()  # answers for another SOP Instance UID
    OTHER_CLASS = auto()  # answers for another SOP Class UID
    ANSWER_TWICE = auto()
    NO_UIDS = auto()  # a good answer that names neither
    OTHER_COMMAND = auto()  # answers with a C-ECHO-RSP
    REQUEST = auto()  # sends a C-ECHO-RQ in place of the answer
    EARLY = auto()  # answers with the status behind the command, then reads on
    EARLY_AND_DEAF = auto()  # answers with the status behind the command, then reads nothing any more
    EARLY_AND_CLOSE = auto()
    ANSWERS = auto()  # writes good answers behind the command for ever, and reads nothing
    FLOOD = auto()  # writes behind the command for ever, and reads nothing


#: What ends the association at an instance.
CUTS = (
    AtInstance.CLOSE_BEFORE_ANSWER,
    AtInstance.CLOSE_IN_DATA,
    AtInstance.CLOSE_IN_PDU,
    AtInstance.RESET_IN_DATA,
    AtInstance.ABORT,
    AtInstance.ABORT_IN_DATA,
    AtInstance.HALF_ANSWER,
    AtInstance.RELEASE,
    AtInstance.CLOSE_AFTER,
    AtInstance.RELEASE_AFTER,
)

Answering = Mapping[int, int] | Mapping[str, int] | Callable[[int, str], int]


@dataclass(frozen=True, kw_only=True)
class Script:
    """What the SCP does. Without anything said it is a good one that takes all.

    `faults` and `statuses` go by the number of the C-STORE, counted from 0 over all associations; `statuses`
    may also go by SOP Instance UID, or be a function of both. `reject` is (result, source, reason), for the
    first `reject_times` requests (None: all). `classes` and `syntaxes` are those accepted (None: all).
    `takes_related` takes a class, too, when one of the general classes that are told with it is accepted.
    `full_from`: from this number on A700. `dies_after` so many it stops to listen and ends all connections.
    `longest_pdu` is what it says of itself, `user_items` and `context_items` are bytes of further items in
    its answer to the association. So many answers as `held` are held back, and given in reverse.
    """

    at_connection: AtConnection = AtConnection.NOTHING
    reject: tuple[int, int, int] | None = None
    reject_times: int | None = None
    classes: frozenset[str] | None = None
    syntaxes: frozenset[str] | None = None
    takes_related: bool = False
    longest_pdu: int = 16_384
    user_items: bytes = b""
    context_items: bytes = b""
    statuses: Answering = field(default_factory=dict[int, int])
    comment: str = ""
    faults: Mapping[int, AtInstance] = field(default_factory=dict)
    full_from: int | None = None
    dies_after: int | None = None
    held: int = 1
    stalls_on_release: bool = False
    collides_on_release: bool = False

    def status_of(self, number: int, uid: str) -> int:
        """Return the status of the answer to one C-STORE."""
        if self.full_from is not None and number >= self.full_from:
            return 0xA700
        if callable(self.statuses):
            return self.statuses(number, uid)
        by_any: Mapping[int | str, int] = dict(self.statuses)  # type: ignore[arg-type]
        return by_any.get(number, by_any.get(uid, 0))
