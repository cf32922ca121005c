"""For all tests: SIGINT is heard below any shell, examples have no deadline, raised rules are counted."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

from tests.support.raised_rules import RaisedRules

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # processes that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where it is set, every process that a test starts would compile each module anew: most of its time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says something of the machine, not of the code.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the rules that are raised."""
    config.pluginmanager.register(RaisedRules(config))
