"""For all tests: SIGINT is heard, also below a shell that ignores it; raised rules are counted."""

from __future__ import annotations

import signal

import pytest

from tests.support.raised_rules import RaisedRules

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # processes that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the rules that are raised."""
    config.pluginmanager.register(RaisedRules(config))
