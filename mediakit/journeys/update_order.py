"""What is asked of an update, and what it gives. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mediakit.choices import Convert, OnReject, Supply, Viewer
from mediakit.fileset.contents import PatientFact, patients_of
from mediakit.fileset.plan import FileSetPlan
from mediakit.fileset.removal import NOTHING, Removal
from mediakit.findings import Rule, Severity
from mediakit.formats.envelope import Envelope
from mediakit.journeys.burn_order import BurntMedium, Depth
from mediakit.outcome import Figures, Result
from mediakit.profile.model import Profile
from mediakit.secure.ed25519 import SigningKey
from mediakit.secure.keys import NO_KEYS, Keys

REPLACED = Rule(
    id="MK-UPD-009",
    severity=Severity.NOTE,
    title="the directory as it was: the updated one takes its place, with the same File-set UID",
    ref="PS3.10 8.6",
    hint="nothing needs to be done",
)
AS_ASKED = Rule(
    id="MK-UPD-011",
    severity=Severity.NOTE,
    title="{what}, as asked",
    ref="PS3.10 8.3",
    hint="nothing needs to be done",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOrder:
    """What to change of a medium and how. `when` is the only time that reaches it.

    `add` are sources of instances, `removal` says what goes. `profile` None takes the best fitting of
    `catalogue` that has the role of an updater. `out` None changes the medium itself. `session` appends to an
    ISO image instead of writing it anew, or to the open disc in a drive (`speed`, `simulate`, `leave_open` as
    of `drive_at`). `state` is the folder that remembers what is under way in a folder (None: nothing is
    remembered), and where the session for a disc is made (it needs one). A patient whom the medium does not
    hold yet is added only with `all_patients`. `keys` open what is encrypted; the files that stay keep
    their envelopes. `envelope` seals what is new on an encrypted medium (None: for those of the `keys` that
    open its directory). What mediakit made of the instances is made again: the viewer in the form that it
    had or in that of `viewer` (NONE: it goes), for `institution` where the medium names none, and a
    manifest, which `signer` signs.
    """

    when: datetime
    add: tuple[Path, ...] = ()
    removal: Removal = NOTHING
    profile: Profile | None = None
    catalogue: Sequence[Profile] = ()
    out: Path | None = None
    overwrite: bool = False
    session: bool = False
    speed: int = 0
    simulate: bool = False
    leave_open: bool = False
    on_reject: OnReject = OnReject.FAIL
    convert: Convert = Convert.LOSSLESS
    supply: Supply = Supply.DIRECTORY
    capacity: str = ""
    depth: Depth = Depth.PROVE
    fail_on: Severity = Severity.ERROR
    all_patients: bool = False
    state: Path | None = None
    keys: Keys = NO_KEYS
    envelope: Envelope | None = None
    viewer: Viewer | None = None
    institution: tuple[str, ...] = ()
    signer: SigningKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFigures(Figures):
    """The figures of an update. What is None did not come about.

    `missing_before` and `missing_after` count the instances that the directory names and no file holds: a
    removal can take some of them out. `unlisted` counts the instances that it does not name, which stay.
    """

    profile: str
    profile_source: str
    target: str
    format: str
    medium: str
    way: str
    file_set_id: str | None = None
    file_set_uid: str | None = None
    kept: int | None = None
    added: int | None = None
    removed: int | None = None
    missing_before: int | None = None
    missing_after: int | None = None
    unlisted: int | None = None
    dicomdir_bytes: int | None = None
    needs_bytes: int | None = None
    capacity_bytes: int | None = None
    written_bytes: int | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What an update gives: the result with one fate per file, and the plan when it came so far.

    The `files` of the plan are the new instances, its `extra` is every file that stays.
    """

    result: Result
    plan: FileSetPlan | None = None
    is_rehearsal: bool = False

    @property
    def plans(self) -> tuple[FileSetPlan, ...]:
        """Return the plan as a burn has those of its media."""
        return () if self.plan is None else (self.plan,)

    @property
    def media(self) -> tuple[BurntMedium, ...]:
        """Return nothing: an update is of one medium."""
        return ()

    @property
    def descriptions(self) -> None:
        """Return None: what stays on the medium was not read."""

    @property
    def patients(self) -> tuple[PatientFact, ...]:
        """Return who is in the updated directory; nobody when it did not come so far."""
        return () if self.plan is None else patients_of(self.plan.directory)
