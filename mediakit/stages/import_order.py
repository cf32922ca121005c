"""What is asked of an import. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mediakit.choices import APPROVE_ABOVE
from mediakit.destinations.peer import Peer
from mediakit.dicom.deidentify.order import Deidentification
from mediakit.dicom.original_attributes import CoercionNote
from mediakit.fileset.selection import EVERYTHING, Selection
from mediakit.findings import Severity
from mediakit.limits import MAX_AUTO_ASSOCIATIONS
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.inventory import Scope
from mediakit.transfer.associations import Associations
from mediakit.transfer.mapping import MapRow
from mediakit.transfer.matching import Confirm, Match
from mediakit.transfer.patient_identity import Expectation
from mediakit.transfer.proof import Verify


class ImportDepth(StrEnum):
    """How far an import goes."""

    PLAN = "plan"  # read and plan, speak to nobody
    PROBE = "probe"  # and learn from the peer what it takes
    SEND = "send"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often something is tried again, and the waits between, in seconds.

    `refusals` are the waits before each new round for instances that the peer refused for want of resources;
    `connections` those before each new connection. So many `refusals_in_a_row` without a success between
    end a round. More than `fruitless_in_a_row` connections that ended without an answer to anything end the
    import: so many instances may break one connection each, and the rest is still sent.
    """

    refusals: tuple[float, ...] = (5.0, 30.0)
    connections: tuple[float, ...] = (1.0, 5.0, 15.0)
    tries: int = 2
    refusals_in_a_row: int = 10
    fruitless_in_a_row: int = 5
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Whom to ask for local values in place of those on the medium.

    Applied are matches with a confidence higher than `approve_above` alone (0 to 100), or those that a person
    confirms: `confirm`. `patient_id` is that of the local patient whose the medium is. `is_offer`: a person
    may also keep the Patient IDs of the medium, and a `peer` that cannot be asked (None: nobody can) is
    no fault.
    """

    peer: Peer | None
    match: Match = Match.QUERY
    approve_above: int = APPROVE_ABOVE
    patient_id: str = ""
    confirm: Confirm | None = None
    is_offer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What to import and how.

    So many `associations` work side by side; "auto": as many as turn out to be best, never more than
    `most_associations` and what the destination allows. `may_convert`: an instance that the peer takes in no
    transfer syntax it is stored in may be converted without loss. `rate` limits all of them together, in
    bytes per second (0: no limit). `ask_first`: instances that a query finds at the destination are
    not sent. `resume` goes on with an earlier import of the same instances, `job` with that one; `retry` also
    tries again what the destination did not take. `selection` says what is wanted, `expectation` who should
    be on the medium. `mapping` gives local values in place of foreign ones, `note` says in each instance who
    did so (None: made now). `keys` open what is encrypted. `rescue_map` says what was not read of a rescued
    image; None: the map beside it. `deidentify`: instances go out without what says who the patients are,
    under new UIDs; no map goes with it.
    """

    scope: Scope = Scope.UNION
    associations: Associations = "auto"
    most_associations: int = MAX_AUTO_ASSOCIATIONS
    may_convert: bool = True
    verify: Verify = Verify.NONE
    depth: ImportDepth = ImportDepth.SEND
    resume: bool = False
    job: str = ""
    retry: bool = False
    rate: int = 0
    ask_first: bool = False
    selection: Selection = EVERYTHING
    expectation: Expectation = field(default_factory=Expectation)
    mapping: tuple[MapRow, ...] = ()
    rescue_map: Path | None = None
    note: CoercionNote | None = None
    fail_on: Severity = Severity.ERROR
    patience: Patience = field(default_factory=Patience)
    keys: Keys = NO_KEYS
    deidentify: Deidentification | None = None
