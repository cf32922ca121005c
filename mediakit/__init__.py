"""Write, validate and import DICOM interchange media.

The public face is lazy (PEP 562): importing the package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediakit.errors import MediakitError
    from mediakit.fileset.policy import OnReject, Supply
    from mediakit.journeys.burn import BurnOrder, Burnt, Depth, burn
    from mediakit.journeys.fit import Fitted, fit_sources
    from mediakit.outcome import Fate, Outcome, Result, State
    from mediakit.profile.load import load_catalogue, load_profile
    from mediakit.profile.policy import Convert

__version__ = "0.1.0"

__all__ = [
    "BurnOrder",
    "Burnt",
    "Convert",
    "Depth",
    "Fate",
    "Fitted",
    "MediakitError",
    "OnReject",
    "Outcome",
    "Result",
    "State",
    "Supply",
    "burn",
    "fit_sources",
    "load_catalogue",
    "load_profile",
]

_HOMES = {
    "BurnOrder": "journeys.burn",
    "Burnt": "journeys.burn",
    "Convert": "profile.policy",
    "Depth": "journeys.burn",
    "Fate": "outcome",
    "Fitted": "journeys.fit",
    "MediakitError": "errors",
    "OnReject": "fileset.policy",
    "Outcome": "outcome",
    "Result": "outcome",
    "State": "outcome",
    "Supply": "fileset.policy",
    "burn": "journeys.burn",
    "fit_sources": "journeys.fit",
    "load_catalogue": "profile.load",
    "load_profile": "profile.load",
}


def __getattr__(name: str) -> object:
    """Load a public name at its first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `mediakit` has no attribute `{name}`")
    return getattr(import_module(f"mediakit.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
