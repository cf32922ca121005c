"""The seam of archives that can be fetched from: asked what they have, then for the instances themselves."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from mediakit.destinations.options import Options
from mediakit.dicom.instance_names import is_name
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.receiver import StoreAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuery:
    """Which studies are looked for; "" where anything will do. Dates as YYYYMMDD, both included.

    Values are matched as they are: nothing in them is a wild card. Source: PS3.4 C.2.2.2.1.
    """

    study: str = ""
    patient_id: str = ""
    accession: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """A study that an archive has, as it describes it; "" for what it does not say."""

    uid: str
    patient_id: str = ""
    issuer: str = ""
    accession: str = ""
    date: str = ""
    time: str = ""

    def is_asked_for(self, query: StudyQuery) -> bool:
        """Return False for a study that was not asked for: some archives give all that they have."""
        asked = (
            (query.study, self.uid),
            (query.patient_id, self.patient_id),
            (query.accession, self.accession),
        )
        since, until = query.since or "0", query.until or "9"
        is_in_time = not (query.since or query.until) or since <= self.date <= until
        return is_name(self.uid) and is_in_time and all(wanted in {"", value} for wanted, value in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstance:
    """An instance that an archive has; `sop_class` is "" where it does not say."""

    uid: str
    sop_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeries:
    """A series that an archive has.

    `instances` is None where it does not tell which they are; `count` is how many it says there are, None
    where it does not say that either.
    """

    uid: str
    modality: str = ""
    body_part: str = ""
    count: int | None = None
    instances: tuple[FoundInstance, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be sent: a study, and the series of it. `is_whole` when these are all that it has.

    `patient_id` is what the archive says of the study. `single`: the instances of the series are asked for
    one by one.
    """

    study: str
    series: tuple[FoundSeries, ...]
    is_whole: bool
    patient_id: str = field(default="", repr=False)
    single: bool = False

    def without(self, there: Container[str]) -> Wanted:
        """Return what is left of it without these instances; series that do not tell theirs stay whole."""
        left = []
        for each in self.series:
            instances = each.instances
            if instances is not None:
                instances = tuple(one for one in instances if one.uid not in there)
            if instances is None or instances:
                left.append(replace(each, instances=instances))
        return replace(self, series=tuple(left), is_whole=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """How an archive ended its sending.

    `by` is the service. `failed` are SOP Instance UIDs that it says it could not send, `words` what it said
    about an end that was not good, "" for a good one.
    """

    by: str
    failed: frozenset[str] = frozenset()
    words: str = field(default="")


def joined(by: str, ends: Sequence[Retrieved]) -> Retrieved:
    """Return how several sendings ended, taken together."""
    failed = frozenset().union(*(each.failed for each in ends))
    words = "; ".join(dict.fromkeys(each.words for each in ends if each.words))
    return Retrieved(by=by, failed=failed, words=words)


def count_of(text: str) -> int | None:
    """Return a number of instances as an archive writes it, None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 13 else None


#: Hears of every instance that came: its SOP Instance UID, and what became of it.
Hear = Callable[[str, StoreAnswer], None]


class Archive(Protocol):
    """An archive that is open for questions. For one thread."""

    def find_studies(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """Return the studies that match. Raises Unreachable and FindFailed."""
        ...

    def find_series(self, study: str) -> Sequence[FoundSeries]:
        """Return the series of a study, with their instances. Raises Unreachable and FindFailed."""
        ...

    def retrieve(self, wanted: Wanted, store: InstanceStore, hear: Hear) -> Retrieved:
        """Have instances sent and put them away. Raises Unreachable, and Lost when the sending breaks off.

        What was put away before that stays, and `hear` has heard of it.
        """
        ...


@runtime_checkable
class ArchiveAddress(Protocol):
    """An address from which instances can be fetched too."""

    def archive(self, options: Options) -> AbstractContextManager[Archive]:
        """Return the archive; nothing is opened before it is entered. Raises UsageError."""
        ...
