"""The journeys as a program calls them: text is taken for paths and profiles, and orders have defaults.

What journeys share with the command line takes paths and profiles alone. Here, and nowhere else, `str`
becomes `Path`, the identifier of a profile the profile, and a catalogue its profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from mediakit.choices import FOR_NOBODY, Convert, ForPeople, OnReject, Supply, Viewer
from mediakit.dicom.deidentify.order import Deidentification
from mediakit.events import Listener, silence
from mediakit.fileset.inspection import Inspection
from mediakit.fileset.removal import NOTHING, Removal
from mediakit.fileset.selection import EVERYTHING, Selection
from mediakit.findings import Severity
from mediakit.formats.envelope import Envelope
from mediakit.journeys import burn as _burn
from mediakit.journeys import burn_order as _burn_order
from mediakit.journeys import diff as _diff
from mediakit.journeys import extract as _extract
from mediakit.journeys import fit as _fit
from mediakit.journeys import inspect as _inspect
from mediakit.journeys import repair as _repair
from mediakit.journeys import salvage as _salvage
from mediakit.journeys import update as _update
from mediakit.journeys import update_order as _update_order
from mediakit.journeys import validate as _validate
from mediakit.journeys import verify as _verify
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.journeys.extract import Only
from mediakit.journeys.fit import Fitted
from mediakit.journeys.update_order import Updated
from mediakit.outcome import Result
from mediakit.profile.load import Catalogue, load_catalogue, load_profile
from mediakit.profile.model import Profile
from mediakit.rules.check import RuleSet
from mediakit.rules.heeded import EVERY_FINDING, Heeded
from mediakit.rules.validation import Validation
from mediakit.secure.ed25519 import NO_KNOWN_KEYS, KnownKeys, SigningKey
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.act.pressing import Onto
from mediakit.stages.judge.wrapping import Wrap

if TYPE_CHECKING:  # an import brings the ledger and the network with it: loaded when one is asked for
    from mediakit.ledger.jobs import Jobs
    from mediakit.stages.import_order import ImportOrder
    from mediakit.stages.plan.import_target import Target
    from mediakit.transfer.imported import Imported

#: A path as a program has it.
StrPath = str | PathLike[str]
#: Profiles to choose from: what `load_catalogue` gives, or profiles; None stands for all that are shipped.
Profiles = Catalogue | Iterable[Profile] | None


class BurnOrder(_burn_order.BurnOrder):
    """What to burn and how.

    `profile` is a profile or the identifier of a shipped one, `out` the target: its suffix tells the format.
    `when` is the only time that reaches the medium. `format` names one of several media formats that suit the
    target ("udf-2.50"). `capacity` is "cd74" or a size as "4GB". `manifest` adds MANIFEST.TXT with the
    SHA-256 of every file, and `signer` (see `read_signing_key`) signs it. `keys` open what is encrypted in
    the sources, `envelope` (see `sealer_for`) seals every file. `span` writes several media where one is too
    small. `onto` (see `drive_at`) is the drive that the image at `out` is put on when it is made and proven.
    `people` adds images for browsers and the pages of IHE PDI. `joliet` adds Joliet names to ISO 9660 or
    leaves them out; None: with pages, a manifest or `add`. `deidentify` makes a disc for teaching, `wrap`
    instances of images and documents of another kind. Raises ProfileError when there is no such profile.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        profile: Profile | str,
        out: StrPath,
        when: datetime,
        on_reject: OnReject = OnReject.FAIL,
        convert: Convert = Convert.LOSSLESS,
        supply: Supply = Supply.DIRECTORY,
        capacity: str = "",
        file_set_id: str = "DICOM",
        add: StrPath | Iterable[StrPath] = (),
        overwrite: bool = False,
        depth: Depth = Depth.PROVE,
        fail_on: Severity = Severity.ERROR,
        format: str = "",  # noqa: A002 - the name of the field
        manifest: bool = False,
        signer: SigningKey | None = None,
        unpartitioned: bool = False,
        selection: Selection = EVERYTHING,
        all_patients: bool = False,
        keys: Keys = NO_KEYS,
        envelope: Envelope | None = None,
        span: bool = False,
        onto: Onto | None = None,
        people: ForPeople = FOR_NOBODY,
        joliet: bool | None = None,
        deidentify: Deidentification | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        super().__init__(
            profile=_profile(profile),
            out=Path(out),
            when=when,
            on_reject=on_reject,
            convert=convert,
            supply=supply,
            capacity=capacity,
            file_set_id=file_set_id,
            add=_paths(add),
            overwrite=overwrite,
            depth=depth,
            fail_on=fail_on,
            format=format,
            manifest=manifest,
            signer=signer,
            unpartitioned=unpartitioned,
            selection=selection,
            all_patients=all_patients,
            keys=keys,
            envelope=envelope,
            span=span,
            onto=onto,
            people=people,
            joliet=joliet,
            deidentify=deidentify,
            wrap=wrap,
        )


class ValidateOrder(_validate.ValidateOrder):
    """What to judge a medium by.

    `profile` is a profile or the identifier of a shipped one; None takes the best fitting of `catalogue`.
    Findings from `fail_on` on give exit code 1; those that `heeded` leaves out do not
    count. `keys` open what is encrypted. `rescue_map` says what was not read of a rescued image; None: the
    map beside it, if there is one. Raises ProfileError when there is no such profile.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        profile: Profile | str | None = None,
        catalogue: Profiles = None,
        rule_sets: Iterable[RuleSet] = frozenset({RuleSet.PS3}),
        fail_on: Severity = Severity.ERROR,
        heeded: Heeded = EVERY_FINDING,
        keys: Keys = NO_KEYS,
        rescue_map: StrPath | None = None,
    ) -> None:
        chosen = None if profile is None else _profile(profile)
        super().__init__(
            profile=chosen,
            catalogue=_among(catalogue, chosen),
            rule_sets=frozenset(rule_sets),
            fail_on=fail_on,
            heeded=heeded,
            keys=keys,
            rescue_map=_optional(rescue_map),
        )


class VerifyOrder(_verify.VerifyOrder):
    """What to check a medium with.

    `known` are the keys of the sender (see `known_keys`), one of which must have signed it; `keys` open what
    is encrypted. `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is
    one.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        known: KnownKeys = NO_KNOWN_KEYS,
        keys: Keys = NO_KEYS,
        fail_on: Severity = Severity.ERROR,
        rescue_map: StrPath | None = None,
    ) -> None:
        super().__init__(known=known, keys=keys, fail_on=fail_on, rescue_map=_optional(rescue_map))


class ExtractOrder(_extract.ExtractOrder):
    """Where to write, and which files; `selection` says which instances. `keys` open what is encrypted.

    `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is one.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        out: StrPath,
        only: Only = Only.ALL,
        selection: Selection = EVERYTHING,
        keys: Keys = NO_KEYS,
        rescue_map: StrPath | None = None,
    ) -> None:
        super().__init__(
            out=Path(out), only=only, selection=selection, keys=keys, rescue_map=_optional(rescue_map)
        )


class SalvageOrder(_salvage.SalvageOrder):
    """Where the image of a damaged medium goes and its map (None: beside it, "disc.iso.map").

    Sectors that fail are read again `retries` times. `limit_s`: stop after so many seconds, by the clock
    `now`.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        out: StrPath,
        rescue_map: StrPath | None = None,
        retries: int = 1,
        limit_s: float | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(
            out=Path(out), rescue_map=_optional(rescue_map), retries=retries, limit_s=limit_s, now=now
        )


class RepairOrder(_repair.RepairOrder):
    """What to make of a broken medium.

    `profile` is a profile or the identifier of a shipped one; None takes the best fitting of `catalogue`
    that suits `out`. `when` is the only time that reaches the new medium. `keys` open what is encrypted in
    the source, `envelope` seals what is written. Raises ProfileError when there is no such profile.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        out: StrPath,
        when: datetime,
        profile: Profile | str | None = None,
        catalogue: Profiles = None,
        on_reject: OnReject = OnReject.SKIP,
        convert: Convert = Convert.LOSSLESS,
        add: StrPath | Iterable[StrPath] = (),
        overwrite: bool = False,
        depth: Depth = Depth.PROVE,
        fail_on: Severity = Severity.ERROR,
        keys: Keys = NO_KEYS,
        envelope: Envelope | None = None,
    ) -> None:
        chosen = None if profile is None else _profile(profile)
        super().__init__(
            out=Path(out),
            when=when,
            profile=chosen,
            catalogue=_among(catalogue, chosen),
            on_reject=on_reject,
            convert=convert,
            add=_paths(add),
            overwrite=overwrite,
            depth=depth,
            fail_on=fail_on,
            keys=keys,
            envelope=envelope,
        )


class UpdateOrder(_update_order.UpdateOrder):
    """What to change of a medium and how.

    `add` are sources of instances, `removal` says what goes. `profile` is a profile or the identifier of a
    shipped one; None takes the best fitting of `catalogue` that has the role of an updater. `out` None
    changes the medium itself. `session` appends to an ISO image instead of writing it anew, or to the open
    disc in a drive ("/dev/sr0"): `speed` 0 lets the drive decide, `simulate` writes nothing, `leave_open`
    allows further sessions. `state` is the folder that remembers what is under way in a folder, and where the
    session for a disc is made. `when` is the only time that reaches the medium.
    `keys` open what is encrypted, `envelope` (`sealer_for`) seals what is new on an encrypted medium; None
    seals it for those of the `keys` that open its directory. The viewer is made again in the form that the
    medium has or in that of `viewer`, for `institution` where the medium names none, and a manifest, which
    `signer` signs.
    Raises ProfileError when there is no such profile.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        when: datetime,
        add: StrPath | Iterable[StrPath] = (),
        removal: Removal = NOTHING,
        profile: Profile | str | None = None,
        catalogue: Profiles = None,
        out: StrPath | None = None,
        overwrite: bool = False,
        session: bool = False,
        speed: int = 0,
        simulate: bool = False,
        leave_open: bool = False,
        on_reject: OnReject = OnReject.FAIL,
        convert: Convert = Convert.LOSSLESS,
        supply: Supply = Supply.DIRECTORY,
        capacity: str = "",
        depth: Depth = Depth.PROVE,
        fail_on: Severity = Severity.ERROR,
        all_patients: bool = False,
        state: StrPath | None = None,
        keys: Keys = NO_KEYS,
        envelope: Envelope | None = None,
        viewer: Viewer | None = None,
        institution: tuple[str, ...] = (),
        signer: SigningKey | None = None,
    ) -> None:
        chosen = None if profile is None else _profile(profile)
        super().__init__(
            when=when,
            add=_paths(add),
            removal=removal,
            profile=chosen,
            catalogue=_among(catalogue, chosen),
            out=None if out is None else Path(out),
            overwrite=overwrite,
            session=session,
            speed=speed,
            simulate=simulate,
            leave_open=leave_open,
            on_reject=on_reject,
            convert=convert,
            supply=supply,
            capacity=capacity,
            depth=depth,
            fail_on=fail_on,
            all_patients=all_patients,
            state=None if state is None else Path(state),
            keys=keys,
            envelope=envelope,
            viewer=viewer,
            institution=institution,
            signer=signer,
        )


def burn(sources: StrPath | Iterable[StrPath], order: BurnOrder, tell: Listener = silence) -> Burnt:
    """Burn the instances of some sources as a file-set of a profile.

    Returns one fate for every file met, in the sources and in the content to add. Raises MediakitError
    when the journey cannot begin: a source that cannot be opened, a target that exists or does not suit
    the medium, a File-set ID that is none.
    """
    return _burn.burn(_paths(sources), order, tell)


def validate(source: StrPath, order: ValidateOrder | None = None, tell: Listener = silence) -> Validation:
    """Judge a medium: an image, a device, an archive or a folder.

    Without an order, by the shipped profile that fits best. Returns verdicts, findings and one fate for every
    file. Raises SourceError when it cannot be opened.
    """
    return _validate.validate(Path(source), ValidateOrder() if order is None else order, tell)


def verify(source: StrPath, order: VerifyOrder | None = None, tell: Listener = silence) -> Result:
    """Check every file of a medium against its manifest, and the manifest against its signature.

    Returns one fate for each file that is on the medium or should be. Raises SourceError when it cannot be
    opened, or has no manifest that can be read.
    """
    return _verify.verify(Path(source), order, tell)


def inspect(
    source: StrPath, tell: Listener = silence, keys: Keys = NO_KEYS, rescue_map: StrPath | None = None
) -> Inspection:
    """Look at a medium: an image, a device, an archive or a folder. `keys` open what is encrypted.

    `rescue_map` says what was not read of a rescued image; None: the map beside it, if there is one. Raises
    SourceError when it cannot be opened.
    """
    return _inspect.inspect(Path(source), tell, keys, _optional(rescue_map))


def extract(source: StrPath, order: ExtractOrder, tell: Listener = silence) -> Result:
    """Copy the files of a medium into a new folder, byte for byte.

    Names that cannot stand on every computer are changed, and the report says so. A file that cannot be read
    is left out and named. Raises SourceError when the medium cannot be opened, UsageError when the folder
    holds something, DoesNotFit when there is no room.
    """
    return _extract.extract(Path(source), order, tell)


def salvage(sources: StrPath | Iterable[StrPath], order: SalvageOrder, tell: Listener = silence) -> Result:
    """Read what can be read of one medium, from a drive, an image, or several damaged copies of it.

    An image and map that are there are gone on with. Returns one fate for every file that the directories
    name, also when it was stopped. Raises SourceError when a source cannot be opened or is no copy of the
    same medium, UsageError for a target that cannot be, DoesNotFit and IntegrityError when it cannot be
    written.
    """
    return _salvage.salvage(_paths(sources), order, tell)


def repair(source: StrPath, order: RepairOrder, tell: Listener = silence) -> Burnt:
    """Write a sound file-set with every instance that a medium still holds.

    Gives one fate for every file of the source. Raises MediakitError as `burn` does, and SourceError when
    the medium holds no instance or cannot be opened.
    """
    return _repair.repair(Path(source), order, tell)


def update(medium: StrPath, order: UpdateOrder, tell: Listener = silence) -> Updated:
    """Add instances to the file-set of a medium, remove others; all else stays as it is, byte for byte.

    Returns one fate for every file of the medium and of the sources. Raises MediakitError when the journey
    cannot begin: a medium or source that cannot be opened, a profile without the role of an updater, a target
    that cannot be.
    """
    return _update.update(Path(medium), order, tell)


def diff(
    one: StrPath,
    other: StrPath,
    fail_on: Severity = Severity.ERROR,
    tell: Listener = silence,
    keys: Keys = NO_KEYS,
) -> Result:
    """Compare two media by SOP Instance UID and by every byte; names and places of files do not matter.

    Every file of both ends in one state. `keys` open what is encrypted. Raises SourceError when one of them
    cannot be opened, UsageError when both are the same.
    """
    return _diff.diff(Path(one), Path(other), fail_on, tell, keys)


def fit_sources(
    paths: StrPath | Iterable[StrPath], profiles: Profiles = None, tell: Listener = silence
) -> Fitted:
    """Scan the sources and fit their instances to every profile, by default to all that are shipped.

    The outcome is GOOD when some profile takes all instances, as they are or after a lossless
    conversion; FINDINGS when none does or a file could not be read. Raises SourceError when the
    sources hold no instance.
    """
    return _fit.fit_sources(_paths(paths), _among(profiles), tell)


def import_medium(
    source: StrPath, target: Target, jobs: Jobs, order: ImportOrder, tell: Listener = silence
) -> Imported:
    """Bring the instances of a medium to a destination.

    Returns one state for every instance and one fate for every other file, also when the destination cannot
    be reached or a signal ends it (outcome `INTERRUPTED`). Raises SourceError when the medium cannot be
    opened, UsageError when a job cannot be begun or resumed.
    """
    from mediakit.journeys import import_  # noqa: PLC0415 - see above

    return import_.import_medium(Path(source), target, jobs, order, tell)


def _optional(path: StrPath | None) -> Path | None:
    return None if path is None else Path(path)


def _paths(given: StrPath | Iterable[StrPath]) -> tuple[Path, ...]:
    """Return the paths of one or of several; a text is one path and not a row of letters."""
    return tuple(Path(one) for one in ([given] if isinstance(given, str | PathLike) else given))


def _profile(given: Profile | str) -> Profile:
    return load_profile(given) if isinstance(given, str) else given


def _among(given: Profiles, chosen: Profile | None = None) -> Sequence[Profile]:
    """Return the profiles to choose from; none are loaded when one is chosen already."""
    if given is None:
        return () if chosen is not None else tuple(load_catalogue().profiles.values())
    return tuple(given.profiles.values() if isinstance(given, Catalogue) else given)
