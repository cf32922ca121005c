"""What all stages of an update are given: the medium and the sources, opened, and what is made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mediakit.dicom.instance import shown
from mediakit.drives.drive import DiscDrive, open_disc
from mediakit.drives.xorriso import AS_USUAL, How
from mediakit.errors import UsageError
from mediakit.events import Listener
from mediakit.fileset.plan import FileSetLayout
from mediakit.fileset.removal import Completed
from mediakit.fileset.survey import Survey
from mediakit.formats.base import Tree
from mediakit.formats.envelope import Envelope, stored_size_for
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.update_order import UpdateOrder
from mediakit.profile.model import Profile
from mediakit.stages.act.workplace import clear
from mediakit.stages.judge.prepare import Store, Terms
from mediakit.stages.judge.resealing import envelope_for
from mediakit.stages.judge.spool import Spool
from mediakit.stages.judge.updatable import check_updater, updater_for
from mediakit.stages.look.closed import check_opened
from mediakit.stages.look.media import Media, look_at_all, open_media, scanner_for
from mediakit.stages.plan.people import People
from mediakit.stages.plan.remaking import Remade, remade
from mediakit.stages.plan.staying import Stay
from mediakit.stages.plan.target import capacity_of, check_security
from mediakit.stages.plan.update_target import UpdateTarget, is_device, target_of

SESSIONS = "sessions"  # the folder in that of the state in which they are made


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all stages of an update are given. `seen` and `tree` are the medium, `surveys` the sources.

    `drive` has the open disc that gets a session, None for any other medium.
    """

    order: UpdateOrder
    profile: Profile
    target: UpdateTarget
    seen: Survey
    tree: Tree
    surveys: Sequence[Survey]
    media: Media
    store: Store
    tell: Listener
    completed: Completed
    envelope: Envelope | None
    drive: DiscDrive | None = None

    @property
    def capacity_bytes(self) -> int | None:
        """Return what the medium holds: as was said, as a disc in a drive shows, or what is usual."""
        drive = self.drive
        if drive is None or not drive.disc.is_real or self.order.capacity:
            return capacity_of(self.profile.medium, self.order.capacity)
        return drive.room_bytes

    @property
    def terms(self) -> Terms:
        """Return on what terms instances go on the medium."""
        order = self.order
        return Terms(
            profile=self.profile, convert=order.convert, supply=order.supply, on_reject=order.on_reject
        )

    def place_of(self, path: str) -> str:
        """Return a file of the medium as the user knows it."""
        return shown(self.seen.subject, path)


@contextmanager
def opened(medium: Path, order: UpdateOrder, tell: Listener, completed: Completed) -> Iterator[Work]:
    """Open the medium and the sources, look at them, and find the profile. Raises MediakitError."""
    drive = _drive_of(medium, order)
    if drive is not None and order.state is not None:
        clear(order.state / SESSIONS)  # also when there will be nothing to write
    with open_media((medium, *order.add), order.keys) as media, Spool(tell) as spool:
        name = str(medium)
        tree = media.trees[name]
        scanner = scanner_for(*(order.catalogue if order.profile is None else (order.profile,)))
        (seen,) = look_at_all(Media({name: tree}), scanner, tell)
        check_opened(seen)
        sources = {subject: each for subject, each in media.trees.items() if subject != name}
        surveys = look_at_all(Media(sources), scanner, tell)
        envelope = envelope_for(order.envelope, order.keys, seen, tree)
        is_secure = envelope is not None
        profile = order.profile or updater_for(seen, surveys, order.catalogue, is_secure=is_secure)
        check_updater(profile, name)
        check_security(profile, is_sealed=is_secure)
        begins = 0 if drive is None else drive.how.begins
        target = target_of(medium, tree.facts, profile, order.out, session=order.session, begins=begins)
        if drive is not None:
            drive.check(profile)
            drive.check_sessions(getattr(tree.facts.volume, "sessions", 1))
        yield Work(
            order=order,
            profile=profile,
            target=target,
            seen=seen,
            tree=tree,
            surveys=surveys,
            media=media,
            store=Store(media, spool),
            tell=tell,
            completed=completed,
            envelope=envelope,
            drive=drive,
        )


def _drive_of(medium: Path, order: UpdateOrder) -> DiscDrive | None:
    """Return the drive with the open disc that gets a session; None for another medium. Raises UsageError."""
    how = How(speed=order.speed, simulate=order.simulate, leave_open=order.leave_open)
    if order.session and order.out is not None:
        raise UsageError("`--session` changes the medium itself: leave `-o` out", where=str(medium))
    if order.session and is_device(medium):
        if order.state is None:
            raise UsageError("a session for a disc needs a folder in which it is made (`state`)")
        return open_disc(str(medium), how)
    if how != AS_USUAL:
        hint = "they say how `--session` writes on a disc in a drive (`mediakit update /dev/sr0 --session`)"
        what = "`--speed`, `--simulate` and `--leave-open` are for a disc in a drive"
        raise UsageError(what, where=str(medium), hint=hint)
    return None


def remade_by(work: Work, laid_out: FileSetLayout, stay: Stay) -> Remade:
    """Make again what mediakit had made of the instances, for those that the updated medium has."""
    order = work.order
    wish = stay.made.wish(order.viewer, order.institution)
    people = People(
        wish=wish,
        made=f"{order.when:%Y%m%d}",
        has_manifest=stay.made.listed is not None,
        store=work.store,
        capacity=work.capacity_bytes,
        stored_size=stored_size_for(work.envelope),
        is_rehearsal=order.depth is Depth.PLAN,
        tell=work.tell,
    )
    made = f"{order.when:%Y-%m-%d}"
    return remade(laid_out, stay, people if wish.is_anything else None, order.signer, made)
