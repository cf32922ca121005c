"""The HTML report on an import in a real browser: it says what happened, runs nothing, fetches nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mediakit.report.imported_html import imported_html
from mediakit.transfer.imported import Imported
from tests.interop.test_html_report import chromium, words
from tests.support.imports import good, troubled

pytestmark = pytest.mark.interop

_ATTACK = "<img src=x onerror=\"document.title='owned'\">"


def page_of(told: Imported, folder: Path) -> Path:
    page = folder / "report.html"
    page.write_text(imported_html(told, "2026-11-24 12:00 UTC"), encoding="utf-8")
    return page


def test_a_good_import_is_said_to_have_arrived(tmp_path: Path) -> None:
    shown = words(chromium(page_of(good(), tmp_path), tmp_path / "profile", "--dump-dom"))
    assert "All 2 images are at the destination." in shown
    assert "What to do: Nothing. The medium can be given back." in shown
    assert "needs attention" not in shown


def test_a_troubled_import_says_what_did_not_arrive_why_and_what_to_do(tmp_path: Path) -> None:
    shown = words(chromium(page_of(troubled(), tmp_path), tmp_path / "profile", "--dump-dom"))
    assert "10 of 12 images are not known to be at the destination." in shown
    assert "1 image: not taken by the destination" in shown
    assert "sector 16 cannot be read" in shown
    assert "Clean the disc." in shown


def test_what_a_peer_or_a_medium_says_is_text_and_nothing_is_run_or_fetched(tmp_path: Path) -> None:
    page = page_of(troubled(_ATTACK), tmp_path)
    more = ("--enable-logging=stderr", "--log-level=0", "--dump-dom")
    dom, log = chromium(page, tmp_path / "profile", *more).split("</html>", maxsplit=1)
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    assert "<title>owned" not in dom
    assert re.findall(r"<(?:script|link|img|iframe|object|embed|form|base|b>of)\b", dom) == []
    assert re.findall(r"\b(?:src|href|action|srcset|on[a-z]+)\s*=", re.sub(r">[^<]*<", "><", dom)) == []


def test_the_page_can_be_pictured(tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    chromium(page_of(troubled(), tmp_path), tmp_path / "profile", f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
