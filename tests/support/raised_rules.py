"""A plug-in of pytest: after a run of the whole suite, every rule was raised in a test and not in another.

It listens to `Rule.at` in the processes that run tests, and counts what the package itself raises there: a
finding that a test makes by hand shows nothing. What processes that tests start raise is not seen. A part of
the suite proves nothing about rules, so after one it says nothing.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection, Mapping

import pytest

from mediakit.findings import Finding, Rule
from mediakit.journeys.rulebook import rulebook

_KEY = "mediakit_raised_rules"
_NARROWING = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob", "collectonly", "stepwise")


class RaisedRules:
    """Which tests were run in this process and those of its workers, and which rules each of them raised."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.current = ""
        self.run: set[str] = set()
        self.raised: dict[str, set[str]] = {}
        self.is_whole = _is_whole(config)
        self.wrong: list[str] = []
        _listen(self)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember which test runs."""
        self.current = nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what ran; a peer that is not there leaves a part of the suite out."""
        if report.when == "call":
            self.run.add(report.nodeid)
        if report.skipped and "interop" in report.keywords:
            self.is_whole = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take over what a worker of xdist saw."""
        told = getattr(node, "workeroutput", {}).get(_KEY)
        if told is None:
            self.is_whole = False
            return
        for rule_id, tests in told.items():
            self.raised.setdefault(rule_id, set()).update(tests)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Hand over what this worker saw; or judge, where everything comes together."""
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = {rule_id: sorted(tests) for rule_id, tests in self.raised.items()}
        elif self.is_whole and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            self.wrong = unproven([rule.id for rule in rulebook()], self.raised, self.run)
            if self.wrong:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is wrong."""
        if self.wrong:
            terminalreporter.section("rules that no test proves", red=True)
            for line in self.wrong:
                terminalreporter.line(line)


def unproven(
    rule_ids: Collection[str], raised: Mapping[str, Collection[str]], run: Collection[str]
) -> list[str]:
    """Return a line for each rule that no test raised, or that each test of the same files raised."""
    by_file: dict[str, set[str]] = {}
    for test in run:
        by_file.setdefault(_file(test), set()).add(test)
    lines = []
    for rule_id in sorted(rule_ids):
        where = set(raised.get(rule_id, ()))
        beside = {test for file in {_file(one) for one in where} for test in by_file.get(file, ())} - where
        if not where:
            lines.append(f"{rule_id} is raised in no test: write its wrong case")
        elif not beside:
            lines.append(
                f"{rule_id} is raised in every test of {', '.join(map(_file, where))}: write its right case"
            )
    return lines


def _file(test: str) -> str:
    return test.partition("::")[0]


def _is_whole(config: pytest.Config) -> bool:
    if any(config.getoption(name, default=None) for name in _NARROWING):
        return False
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS


def _listen(heard: RaisedRules) -> None:
    at = Rule.at

    @functools.wraps(at)
    def listened(self: Rule, *args: object, **detail: object) -> Finding:
        if heard.current and sys._getframe(1).f_globals.get("__name__", "").startswith("mediakit."):
            heard.raised.setdefault(self.id, set()).add(heard.current)
        return at(self, *args, **detail)  # type: ignore[arg-type]

    Rule.at = listened  # type: ignore[method-assign]
