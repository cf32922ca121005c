"""The burn: sources -> scan -> judge -> convert -> collate -> plan -> write -> proof -> one fate per file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from io import BytesIO
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.errors import IntegrityError, MediakitError, UsageError
from mediakit.events import FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.collate import Collated, collate
from mediakit.fileset.plan import FileSetPlan, plan
from mediakit.fileset.policy import OnReject, Supply
from mediakit.findings import Finding, Report, Rule, Severity
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.registry import sink
from mediakit.journeys.book import Book
from mediakit.journeys.extra import ExtraContent, gather
from mediakit.journeys.icons import make_icons
from mediakit.journeys.prepare import Converter, Ready, Store, judge_all
from mediakit.journeys.proof import prove
from mediakit.journeys.scan import scan
from mediakit.journeys.sources import Sources
from mediakit.journeys.spool import Spool
from mediakit.journeys.target import capacity_of, format_of
from mediakit.outcome import Fate, Outcome, Result, State, outcome_of
from mediakit.profile.judge import Judge
from mediakit.profile.model import Profile
from mediakit.profile.policy import Convert

FAILED_TO_WRITE = Rule(
    id="MK-FST-101",
    severity=Severity.ERROR,
    title="nothing was written: {why}",
    ref="PS3.10 8.6",
)
FOLDER_ONLY = Rule(
    id="MK-FST-102",
    severity=Severity.NOTE,
    title="a folder is not yet a medium: its content must go on {medium} with {systems}",
    ref="PS3.12",
)
MAIL_SECURITY = Rule(
    id="MK-FST-103",
    severity=Severity.WARNING,
    title="the profile asks that the e-mail be encrypted and signed; the file itself is plain",
    ref="PS3.15 B.8",
    hint="send it with S/MIME; mediakit does not send e-mail",
)
UDF_BRIDGE = Rule(
    id="MK-FST-104",
    severity=Severity.WARNING,
    title="{what}",
    ref="PS3.12 Annex X",
)


class Depth(StrEnum):
    """How far a burn goes."""

    PLAN = "plan"  # rehearse: plan and report, write nothing
    WRITE = "write"  # write, hash while writing
    PROVE = "prove"  # write, then read everything back


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnOrder:
    """What to burn and how. `when` is the only time that reaches the medium."""

    profile: Profile
    out: Path
    when: datetime
    on_reject: OnReject = OnReject.FAIL
    convert: Convert = Convert.LOSSLESS
    supply: Supply = Supply.DIRECTORY
    capacity: str = ""
    file_set_id: str = "DICOM"
    add: tuple[Path, ...] = ()
    overwrite: bool = False
    depth: Depth = Depth.PROVE
    fail_on: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Burnt:
    """What a burn gives: the result with one fate per file, and the plan when it came so far."""

    result: Result
    plan: FileSetPlan | None = None
    is_rehearsal: bool = False
