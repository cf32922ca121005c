"""One browser for the tests of a worker, and a new tab for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, Page, chromium


@pytest.fixture(name="browser", scope="session")
def _browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(name="tab")
def _tab(browser: Browser) -> Iterator[Page]:
    page = browser.page()
    page.size(1280, 800)
    yield page
    page.close()
