"""Create media on request: instances are stored, jobs come by Media Creation Management, media are burnt.

Runs until it is interrupted (KeyboardInterrupt). Jobs outlive it: what waits or was being made goes on at
the next start. Source: PS3.4 Annex S.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from mediakit.choices import Convert, Viewer
from mediakit.dicom.media_creation import CONFLICT, FAILED, NO_INSTANCE, Execution, Info, Item, MadeMedium
from mediakit.errors import MediakitError
from mediakit.events import Listener, silence
from mediakit.formats.registry import format_named
from mediakit.journeys.burn import burn
from mediakit.journeys.burn_order import BurnOrder, Burnt, Depth
from mediakit.journeys.receive import Listens
from mediakit.outcome import Outcome, State
from mediakit.profile.load import Catalogue
from mediakit.profile.model import Profile
from mediakit.scp.creation_jobs import CreationJob, CreationJobs, JobEnded
from mediakit.scp.creation_service import CreationService
from mediakit.scp.events import ScpEvent
from mediakit.scp.instance_store import InstanceStore, instance_store
from mediakit.scp.server import Listening
from mediakit.scp.storage import Offer, StorageScp
from mediakit.scp.users import Users

_TURN_S = 0.2
_ON_MEDIUM = frozenset({State.WRITTEN, State.CONVERTED, State.DUPLICATE, State.PLANNED})
_REFUSED = frozenset({State.REFUSED, State.UNREADABLE, State.FAILED, State.CONFLICT})


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationOrder:
    """Where to listen, what to keep, and how media are made.

    Instances are received into `folder`, jobs are kept in `jobs` for `keep_s` seconds after their end, media
    go into `out`. `burn` says how: profile, target and time are those of each medium, and its profile is
    taken where a request names none. `onto` gives the order that puts an image onto a drive or robot.
    """

    folder: Path
    out: Path
    jobs: Path
    listening: Listening
    burn: BurnOrder
    catalogue: Catalogue
    keep_s: float = 30 * 86400.0
    ssl_context: ssl.SSLContext | None = None
    users: Users | None = None
    onto: Callable[[BurnOrder, int], AbstractContextManager[BurnOrder]] | None = None


Hear = Callable[[Listens | ScpEvent | JobEnded], None]


class _Refused(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """A job cannot be done: what N-GET says of it."""

    def __init__(self, info: Info, failed: Sequence[tuple[Item, int]] = (), words: str = "") -> None:
        super().__init__(words)
        self.info = info
        self.failed = tuple((item.sop_class, item.sop_instance, reason) for item, reason in failed)
        self.words = words


def create_media(order: CreationOrder, hear: Hear, tell: Listener = silence) -> None:
    """Serve until it is interrupted. Raises UsageError before it listens."""
    jobs = CreationJobs(order.jobs, order.keep_s)
    jobs.begin()
    events: SimpleQueue[ScpEvent] = SimpleQueue()
    with instance_store(order.folder) as store:
        offer = Offer(users=order.users, creation=CreationService(jobs))
        scp = StorageScp(store, order.listening, events.put, order.ssl_context, offer)
        try:
            scp.start()
            host, port = scp.address
            hear(Listens(ae_title=order.listening.ae_title, host=host, port=port))
            while True:
                job = jobs.next()
                if job is not None:
                    ended = _made(job, order, store, tell)
                    jobs.put(ended)
                    hear(JobEnded(job=ended))
                for event in _waited(events, 0.0 if job is not None else _TURN_S):
                    hear(event)
        except KeyboardInterrupt:
            return
        finally:
            scp.stop()


def _waited(events: SimpleQueue[ScpEvent], patience_s: float) -> Iterator[ScpEvent]:
    """Yield what the server told; wait a while for the first."""
    try:
        yield events.get(timeout=patience_s) if patience_s else events.get_nowait()
        while True:
            yield events.get_nowait()
    except Empty:
        return


def _made(job: CreationJob, order: CreationOrder, store: InstanceStore, tell: Listener) -> CreationJob:
    """Make the media of a job; return it as it ended. KeyboardInterrupt leaves it to the next start.

    Several file-sets are all planned before the first one is written: one that cannot be made stops them all.
    """
    try:
        file_sets = _file_sets(job, order, store)
        if len(file_sets) > 1:
            for each in file_sets:
                _check(burn(each.places, replace(each.order, depth=Depth.PLAN), tell), each.items)
        media = [made for each in file_sets for made in _burnt(each, job, order, tell)]
    except _Refused as exc:
        return _ended(job, Execution.FAILURE, exc.info, failed=exc.failed, words=exc.words)
    except MediakitError as exc:
        return _ended(job, Execution.FAILURE, Info.PROCESSING, words=str(exc))
    ended = _ended(job, Execution.DONE, Info.NORMAL)
    return replace(
        ended,
        pieces=len(media) * job.copies,
        media=tuple(medium for medium, _ in media),
        targets=tuple(target for _, target in media),
    )


def _ended(
    job: CreationJob,
    status: Execution,
    info: Info,
    failed: tuple[tuple[str, str, int], ...] = (),
    words: str = "",
) -> CreationJob:
    ended = datetime.now(UTC).timestamp()
    return replace(job, status=status, info=info, ended=ended, failed=failed, words=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileSet:
    """One file-set of a job: what is on it, where that lies, and how it is burnt."""

    items: Sequence[Item]
    places: Sequence[Path]
    order: BurnOrder


def _file_sets(job: CreationJob, order: CreationOrder, store: InstanceStore) -> list[_FileSet]:
    """Return the file-sets of a job: one for each profile that its items ask for. Raises _Refused."""
    found: dict[str, list[Item]] = {}
    for item in dict.fromkeys(job.request.items):
        found.setdefault(item.profile or order.burn.profile.id, []).append(item)
    unknown = [name for name in found if name not in order.catalogue.profiles]
    if unknown:
        raise _Refused(Info.NOT_SUPPORTED, words=f"no profile {unknown[0]} is known")
    places = {item: store.find(item.sop_instance) for item in dict.fromkeys(job.request.items)}
    missing = [(item, NO_INSTANCE) for item, place in places.items() if place is None]
    if missing:
        raise _Refused(Info.NO_INSTANCE, missing, f"{len(missing)} of its instances are not here")
    return [
        _FileSet(
            items=items,
            places=[place for item in items if (place := places[item]) is not None],
            order=_order_of(order.catalogue.profiles[name], job, order),
        )
        for name, items in found.items()
    ]


def _burnt(
    file_set: _FileSet, job: CreationJob, order: CreationOrder, tell: Listener
) -> list[tuple[MadeMedium, str]]:
    """Burn one file-set, over several media where that is allowed. Raises _Refused, MediakitError."""
    wanted = file_set.order
    with order.onto(wanted, job.copies) if order.onto is not None else nullcontext(wanted) as wanted:
        burnt = burn(file_set.places, wanted, tell)
    _check(burnt, file_set.items)
    targets = [medium.target for medium in burnt.media] or [str(wanted.out)]
    return [
        (MadeMedium(plan.directory.file_set_id, plan.directory.file_set_uid), target)
        for plan, target in zip(burnt.plans, targets, strict=True)
    ]


def _order_of(profile: Profile, job: CreationJob, order: CreationOrder) -> BurnOrder:
    """Return the order for a file-set. Its name is that of the job: what is made again replaces it."""
    suffix = next(iter(format_named(profile.medium.images[0]).suffixes), "") if profile.medium.images else ""
    request, people = job.request, order.burn.people
    if request.wants_viewer:
        people = replace(people, viewer=Viewer.AUTO, is_asked=True)
    if request.wants_pages:
        people = replace(people, pdi=True, is_asked=True)
    return replace(
        order.burn,
        profile=profile,
        out=order.out / f"{job.name}-{profile.id}{suffix}",
        when=datetime.fromtimestamp(job.queued, UTC).replace(microsecond=0),
        overwrite=True,
        all_patients=True,
        span=request.may_split and order.onto is None,
        convert=Convert.ANY if request.may_be_lossy else order.burn.convert,
        people=people,
        file_set_id=request.file_set_id or order.burn.file_set_id,
    )


def _check(burnt: Burnt, items: Sequence[Item]) -> None:
    """Raise _Refused when something that was asked for is not on the media."""
    fates = {fate.sop_instance: fate for fate in burnt.result.fates if fate.sop_instance}
    refused = [
        item for item in items if item.sop_instance in fates and fates[item.sop_instance].state in _REFUSED
    ]
    if refused:
        because = fates[refused[0].sop_instance].because
        words = "" if because is None else f"{because.rule.id} {because.rule.heading}"
        raise _Refused(Info.CONFLICT, [(item, CONFLICT) for item in refused], words)
    if burnt.result.outcome is Outcome.DOES_NOT_FIT:
        raise _Refused(Info.OVERSIZED, words="it does not fit on one medium")
    left = [
        item
        for item in items
        if item.sop_instance not in fates or fates[item.sop_instance].state not in _ON_MEDIUM
    ]
    if left or burnt.result.outcome not in {Outcome.GOOD, Outcome.FINDINGS}:
        raise _Refused(Info.PROCESSING, [(item, FAILED) for item in left], burnt.result.outcome.word)
