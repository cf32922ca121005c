"""For all tests: SIGINT is heard below any shell, no deadline, own jobs, raised rules are counted."""

from __future__ import annotations

import functools
import gc
import hashlib
import os
import signal
import uuid

import pytest
from hypothesis import settings

from mediakit.cli.main import ALLOCATIONS
from tests.support.raised_rules import RaisedRules

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # processes that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where it is set, every process that a test starts would compile each module anew: most of its time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says something of the machine, not of the code. Each run tries other examples;
# a test that says how many has costly ones.
settings.register_profile("suite", deadline=None, max_examples=int(os.environ.get("MEDIAKIT_EXAMPLES", "50")))
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep jobs and configuration apart: an import looks at all earlier jobs, and the user has his own."""
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("MEDIAKIT_STATE", str(base / "states" / uuid.uuid4().hex))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(base / "no-configuration"))


# A key is slow to derive on purpose: what this process has sealed it opens with the key that it has.
hashlib.pbkdf2_hmac = functools.lru_cache(hashlib.pbkdf2_hmac)  # type: ignore[assignment]  # called as it was

gc.set_threshold(ALLOCATIONS)  # search for garbage as seldom as the commands do


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest: the last ones end together."""
    items.sort(key=lambda item: item.get_closest_marker("takes_long") is None)


def pytest_collection_finish() -> None:
    """Leave what was collected out of the search for garbage."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the rules that are raised."""
    config.pluginmanager.register(RaisedRules(config))
