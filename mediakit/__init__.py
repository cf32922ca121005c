"""Write, validate and import DICOM interchange media.

Each journey is one function. It takes what to work on, an order that says how, and a listener that hears of
progress; it prints nothing and returns frozen values: what became of every file (`Fate`), what was found
(`Finding`, in a `Report`), and the `Outcome`, whose value is the exit code. It raises `MediakitError` when it
cannot begin; the message says what, where, why and what to do.

- `burn` writes a file-set that conforms to a profile of DICOM PS3.11, as an image, a ZIP file or a folder.
- `validate` says what on a medium conforms and what does not; `inspect` says what is on it.
- `verify` checks every file against the manifest and its signature.
- `salvage` reads a damaged disc.
- `extract` copies its files, `repair` makes a sound file-set of a broken one, `diff` compares two media.
- `update` adds instances to a medium and removes others.
- `fit_sources` says which profiles take some instances.
- `import_medium` brings a medium to a destination; its ledger is one of the `Jobs` of a folder.

Text is taken for paths, and the identifier of a shipped profile for the profile:

>>> from datetime import UTC, datetime
>>> import mediakit
>>> now = datetime.now(UTC)
>>> order = mediakit.BurnOrder(profile="STD-GEN-CD", out="study.iso", when=now, all_patients=True)
>>> burnt = mediakit.burn("samples/studies", order)
>>> burnt.result.outcome.word
'good'
>>> mediakit.validate("study.iso").verdicts[0].sentence
'conforms to STD-GEN-CD'
>>> mediakit.inspect("study.iso").counts.instances
40
>>> mediakit.extract("study.iso", mediakit.ExtractOrder(out="files")).outcome.word
'good'
>>> mediakit.diff("study.iso", "files").outcome.word
'good'
>>> again = mediakit.RepairOrder(out="again.iso", when=datetime.now(UTC))
>>> mediakit.repair("files", again).result.outcome.word
'good'
>>> fitted = mediakit.fit_sources("study.iso")
>>> "STD-GEN-CD" in [one.profile_id for one in fitted.fits if one.takes_all_as_is]
True
>>> imported = mediakit.import_medium(
...     "study.iso",
...     mediakit.target_at("dir:received"),
...     mediakit.Jobs("jobs"),
...     mediakit.ImportOrder(expectation=mediakit.Expectation(mixed=mediakit.Mixed.ALLOW)),
... )
>>> imported.result.outcome.word
'good'

The public face is lazy (PEP 562): importing the package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediakit.choices import Convert, ForPeople, LinkCase, OnBurnedIn, OnReject, Supply, Viewer
    from mediakit.destinations.address import Address
    from mediakit.destinations.options import Options
    from mediakit.destinations.peer import Timeouts, Tls
    from mediakit.destinations.registry import parse_address
    from mediakit.dicom.deidentify.order import Deidentification
    from mediakit.dicom.original_attributes import CoercionNote
    from mediakit.errors import (
        DestinationError,
        DoesNotFit,
        IdentityError,
        IntegrityError,
        MediakitError,
        ProfileError,
        SourceError,
        UsageError,
    )
    from mediakit.events import (
        Advanced,
        AssociationsOpen,
        Event,
        FileSettled,
        FoundSomething,
        Listener,
        Noted,
        PhaseEnded,
        PhaseStarted,
    )
    from mediakit.fileset.contents import (
        Contents,
        Descriptions,
        InstanceFact,
        OtherFact,
        PatientFact,
        Seen,
        SeriesFact,
        StudyFact,
    )
    from mediakit.fileset.file_kinds import OtherKind
    from mediakit.fileset.inspection import Counts, Inspection
    from mediakit.fileset.plan import FileSetPlan
    from mediakit.fileset.removal import Removal
    from mediakit.fileset.selection import Selection
    from mediakit.findings import Finding, Report, Rule, Severity, Where
    from mediakit.formats.envelope import Envelope, Unsealing
    from mediakit.journeys.burn_order import Burnt, BurntMedium, Depth
    from mediakit.journeys.extract import Only
    from mediakit.journeys.fetch import FetchOrder, fetch
    from mediakit.journeys.fit import Fitted
    from mediakit.journeys.onto_drive import drive_at
    from mediakit.journeys.update_order import Updated
    from mediakit.ledger.jobs import Jobs, JobView
    from mediakit.ledger.ledger import Ledger
    from mediakit.ledger.values import HistoryLine, JobFacts, JobSummary
    from mediakit.outcome import Fate, Outcome, Result, State
    from mediakit.profile.fit import Fit, Obstacle
    from mediakit.profile.load import Catalogue, load_catalogue, load_profile
    from mediakit.profile.model import Medium, Profile
    from mediakit.public import (
        BurnOrder,
        ExtractOrder,
        Profiles,
        RepairOrder,
        SalvageOrder,
        StrPath,
        UpdateOrder,
        ValidateOrder,
        VerifyOrder,
        burn,
        diff,
        extract,
        fit_sources,
        import_medium,
        inspect,
        repair,
        salvage,
        update,
        validate,
        verify,
    )
    from mediakit.rules.check import RuleSet
    from mediakit.rules.heeded import Heeded
    from mediakit.rules.validation import Conformance, Validation
    from mediakit.secure.ed25519 import KnownKeys, SigningKey
    from mediakit.secure.facts import Departure, Inner, SealFact
    from mediakit.secure.given import known_keys, read_keys, read_signing_key, sealer_for
    from mediakit.secure.keys import Keys
    from mediakit.secure.sealing import Sealer
    from mediakit.stages.act.pressing import Onto, Pressed, Turn
    from mediakit.stages.import_order import ImportDepth, ImportOrder, Patience
    from mediakit.stages.judge.wrapping import NewSubject, Wrap
    from mediakit.stages.look.inventory import Scope
    from mediakit.stages.plan.import_target import Target, target_at
    from mediakit.transfer.imported import Change, ContextLine, Imported
    from mediakit.transfer.mapping import MapRow, Subject
    from mediakit.transfer.outgoing import Outgoing
    from mediakit.transfer.patient_identity import Expectation, Identity, Mixed
    from mediakit.transfer.proof import Verify
    from mediakit.transfer.row import Row
    from mediakit.transfer.states import TransferState

__version__ = "0.1.0"

__all__ = [
    "Address",
    "Advanced",
    "AssociationsOpen",
    "BurnOrder",
    "Burnt",
    "BurntMedium",
    "Catalogue",
    "Change",
    "CoercionNote",
    "Conformance",
    "Contents",
    "ContextLine",
    "Convert",
    "Counts",
    "Deidentification",
    "Departure",
    "Depth",
    "Descriptions",
    "DestinationError",
    "DoesNotFit",
    "Envelope",
    "Event",
    "Expectation",
    "ExtractOrder",
    "Fate",
    "FetchOrder",
    "FileSetPlan",
    "FileSettled",
    "Finding",
    "Fit",
    "Fitted",
    "ForPeople",
    "FoundSomething",
    "Heeded",
    "HistoryLine",
    "Identity",
    "IdentityError",
    "ImportDepth",
    "ImportOrder",
    "Imported",
    "Inner",
    "Inspection",
    "InstanceFact",
    "IntegrityError",
    "JobFacts",
    "JobSummary",
    "JobView",
    "Jobs",
    "Keys",
    "KnownKeys",
    "Ledger",
    "LinkCase",
    "Listener",
    "MapRow",
    "MediakitError",
    "Medium",
    "Mixed",
    "NewSubject",
    "Noted",
    "Obstacle",
    "OnBurnedIn",
    "OnReject",
    "Only",
    "Onto",
    "Options",
    "OtherFact",
    "OtherKind",
    "Outcome",
    "Outgoing",
    "Patience",
    "PatientFact",
    "PhaseEnded",
    "PhaseStarted",
    "Pressed",
    "Profile",
    "ProfileError",
    "Profiles",
    "Removal",
    "RepairOrder",
    "Report",
    "Result",
    "Row",
    "Rule",
    "RuleSet",
    "SalvageOrder",
    "Scope",
    "SealFact",
    "Sealer",
    "Seen",
    "Selection",
    "SeriesFact",
    "Severity",
    "SigningKey",
    "SourceError",
    "State",
    "StrPath",
    "StudyFact",
    "Subject",
    "Supply",
    "Target",
    "Timeouts",
    "Tls",
    "TransferState",
    "Turn",
    "Unsealing",
    "UpdateOrder",
    "Updated",
    "UsageError",
    "ValidateOrder",
    "Validation",
    "Verify",
    "VerifyOrder",
    "Viewer",
    "Where",
    "Wrap",
    "burn",
    "diff",
    "drive_at",
    "extract",
    "fetch",
    "fit_sources",
    "import_medium",
    "inspect",
    "known_keys",
    "load_catalogue",
    "load_profile",
    "parse_address",
    "read_keys",
    "read_signing_key",
    "repair",
    "salvage",
    "sealer_for",
    "target_at",
    "update",
    "validate",
    "verify",
]

# Where each public name is at home.
_HOMES = {
    "Address": "destinations.address",
    "Advanced": "events",
    "AssociationsOpen": "events",
    "BurnOrder": "public",
    "Burnt": "journeys.burn_order",
    "BurntMedium": "journeys.burn_order",
    "Catalogue": "profile.load",
    "Change": "transfer.imported",
    "CoercionNote": "dicom.original_attributes",
    "Conformance": "rules.validation",
    "Contents": "fileset.contents",
    "ContextLine": "transfer.imported",
    "Convert": "choices",
    "Counts": "fileset.inspection",
    "Deidentification": "dicom.deidentify.order",
    "Departure": "secure.facts",
    "Depth": "journeys.burn_order",
    "DestinationError": "errors",
    "DoesNotFit": "errors",
    "Envelope": "formats.envelope",
    "Event": "events",
    "Expectation": "transfer.patient_identity",
    "ExtractOrder": "public",
    "Fate": "outcome",
    "FetchOrder": "journeys.fetch",
    "FileSetPlan": "fileset.plan",
    "FileSettled": "events",
    "Finding": "findings",
    "Fit": "profile.fit",
    "Fitted": "journeys.fit",
    "ForPeople": "choices",
    "FoundSomething": "events",
    "Heeded": "rules.heeded",
    "HistoryLine": "ledger.values",
    "Identity": "transfer.patient_identity",
    "IdentityError": "errors",
    "ImportDepth": "stages.import_order",
    "ImportOrder": "stages.import_order",
    "Imported": "transfer.imported",
    "Inner": "secure.facts",
    "Inspection": "fileset.inspection",
    "InstanceFact": "fileset.contents",
    "IntegrityError": "errors",
    "JobFacts": "ledger.values",
    "JobSummary": "ledger.values",
    "JobView": "ledger.jobs",
    "Jobs": "ledger.jobs",
    "Keys": "secure.keys",
    "KnownKeys": "secure.ed25519",
    "Ledger": "ledger.ledger",
    "LinkCase": "choices",
    "Listener": "events",
    "MapRow": "transfer.mapping",
    "MediakitError": "errors",
    "Mixed": "transfer.patient_identity",
    "NewSubject": "stages.judge.wrapping",
    "Obstacle": "profile.fit",
    "OnBurnedIn": "choices",
    "OnReject": "choices",
    "Only": "journeys.extract",
    "Onto": "stages.act.pressing",
    "Options": "destinations.options",
    "OtherFact": "fileset.contents",
    "OtherKind": "fileset.file_kinds",
    "Medium": "profile.model",
    "Outcome": "outcome",
    "Outgoing": "transfer.outgoing",
    "Patience": "stages.import_order",
    "Descriptions": "fileset.contents",
    "PatientFact": "fileset.contents",
    "Noted": "events",
    "PhaseEnded": "events",
    "PhaseStarted": "events",
    "Pressed": "stages.act.pressing",
    "Profile": "profile.model",
    "ProfileError": "errors",
    "Profiles": "public",
    "Removal": "fileset.removal",
    "RepairOrder": "public",
    "Report": "findings",
    "Result": "outcome",
    "Row": "transfer.row",
    "Rule": "findings",
    "RuleSet": "rules.check",
    "SalvageOrder": "public",
    "Scope": "stages.look.inventory",
    "SealFact": "secure.facts",
    "Sealer": "secure.sealing",
    "Seen": "fileset.contents",
    "Selection": "fileset.selection",
    "SeriesFact": "fileset.contents",
    "Severity": "findings",
    "SigningKey": "secure.ed25519",
    "SourceError": "errors",
    "State": "outcome",
    "StrPath": "public",
    "StudyFact": "fileset.contents",
    "Subject": "transfer.mapping",
    "Supply": "choices",
    "Target": "stages.plan.import_target",
    "Timeouts": "destinations.peer",
    "Tls": "destinations.peer",
    "TransferState": "transfer.states",
    "Turn": "stages.act.pressing",
    "Unsealing": "formats.envelope",
    "UpdateOrder": "public",
    "Updated": "journeys.update_order",
    "UsageError": "errors",
    "ValidateOrder": "public",
    "Validation": "rules.validation",
    "VerifyOrder": "public",
    "Verify": "transfer.proof",
    "Viewer": "choices",
    "Where": "findings",
    "Wrap": "stages.judge.wrapping",
    "burn": "public",
    "diff": "public",
    "drive_at": "journeys.onto_drive",
    "extract": "public",
    "fetch": "journeys.fetch",
    "fit_sources": "public",
    "import_medium": "public",
    "inspect": "public",
    "known_keys": "secure.given",
    "load_catalogue": "profile.load",
    "load_profile": "profile.load",
    "parse_address": "destinations.registry",
    "read_keys": "secure.given",
    "read_signing_key": "secure.given",
    "repair": "public",
    "salvage": "public",
    "sealer_for": "secure.given",
    "target_at": "stages.plan.import_target",
    "update": "public",
    "validate": "public",
    "verify": "public",
}


def __getattr__(name: str) -> object:
    """Load a public name at its first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `mediakit` has no attribute `{name}`")
    return getattr(import_module(f"mediakit.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
