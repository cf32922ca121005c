"""Write, validate and import DICOM interchange media.

The public face is lazy (PEP 562): importing the package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediakit.errors import MediakitError
    from mediakit.fileset.inspection import Inspection
    from mediakit.fileset.policy import OnReject, Supply
    from mediakit.findings import Severity
    from mediakit.journeys.burn import BurnOrder, Burnt, Depth, burn
    from mediakit.journeys.diff import diff
    from mediakit.journeys.extract import ExtractOrder, Only, extract
    from mediakit.journeys.fit import Fitted, fit_sources
    from mediakit.journeys.import_ import import_medium
    from mediakit.journeys.import_order import ImportDepth, ImportOrder
    from mediakit.journeys.import_target import Target, target_at
    from mediakit.journeys.inspect import inspect
    from mediakit.journeys.inventory import Scope
    from mediakit.journeys.repair import RepairOrder, repair
    from mediakit.journeys.validate import ValidateOrder, validate
    from mediakit.ledger.jobs import Jobs
    from mediakit.outcome import Fate, Outcome, Result, State
    from mediakit.profile.load import load_catalogue, load_profile
    from mediakit.profile.policy import Convert
    from mediakit.rules.check import RuleSet
    from mediakit.rules.validation import Validation, Verdict
    from mediakit.transfer.imported import Imported
    from mediakit.transfer.patient_identity import Expectation
    from mediakit.transfer.proof import Verify

__version__ = "0.1.0"

__all__ = [
    "BurnOrder",
    "Burnt",
    "Convert",
    "Depth",
    "Expectation",
    "ExtractOrder",
    "Fate",
    "Fitted",
    "ImportDepth",
    "ImportOrder",
    "Imported",
    "Inspection",
    "Jobs",
    "MediakitError",
    "OnReject",
    "Only",
    "Outcome",
    "RepairOrder",
    "Result",
    "RuleSet",
    "Scope",
    "Severity",
    "State",
    "Supply",
    "Target",
    "ValidateOrder",
    "Validation",
    "Verdict",
    "Verify",
    "burn",
    "diff",
    "extract",
    "fit_sources",
    "import_medium",
    "inspect",
    "load_catalogue",
    "load_profile",
    "repair",
    "target_at",
    "validate",
]

_HOMES = {
    "BurnOrder": "journeys.burn",
    "Burnt": "journeys.burn",
    "Convert": "profile.policy",
    "Depth": "journeys.burn",
    "Expectation": "transfer.patient_identity",
    "ExtractOrder": "journeys.extract",
    "Fate": "outcome",
    "Fitted": "journeys.fit",
    "ImportDepth": "journeys.import_order",
    "ImportOrder": "journeys.import_order",
    "Imported": "transfer.imported",
    "Inspection": "fileset.inspection",
    "Jobs": "ledger.jobs",
    "MediakitError": "errors",
    "OnReject": "fileset.policy",
    "Only": "journeys.extract",
    "Outcome": "outcome",
    "RepairOrder": "journeys.repair",
    "Result": "outcome",
    "RuleSet": "rules.check",
    "Scope": "journeys.inventory",
    "Severity": "findings",
    "State": "outcome",
    "Supply": "fileset.policy",
    "Target": "journeys.import_target",
    "ValidateOrder": "journeys.validate",
    "Validation": "rules.validation",
    "Verdict": "rules.validation",
    "Verify": "transfer.proof",
    "burn": "journeys.burn",
    "diff": "journeys.diff",
    "extract": "journeys.extract",
    "fit_sources": "journeys.fit",
    "import_medium": "journeys.import_",
    "inspect": "journeys.inspect",
    "load_catalogue": "profile.load",
    "load_profile": "profile.load",
    "repair": "journeys.repair",
    "target_at": "journeys.import_target",
    "validate": "journeys.validate",
}


def __getattr__(name: str) -> object:
    """Load a public name at its first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `mediakit` has no attribute `{name}`")
    return getattr(import_module(f"mediakit.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
