"""The HTML report in a real browser: it shows the verdict and the findings, runs nothing, fetches nothing."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM_FLAGS
from tests.support.cli import mediakit
from tests.support.dicom_bytes import ct
from tests.support.peers import need, run
from tests.support.studies import SAMPLES, burnt_to, files_in, folder_of

pytestmark = pytest.mark.interop

_SIZE = "--window-size=1000,1400"
_PNG = b"\x89PNG\r\n\x1a\n"
_ATTACK = "<img src=x onerror=\"document.title='owned'\">"


def chromium(page: Path, profile: Path, *more: str) -> str:
    """Open a page in a browser without a history, and return what it printed: the DOM, or its log."""
    need("chromium")
    profile.mkdir()
    done = run("chromium", *CHROMIUM_FLAGS, _SIZE, f"--user-data-dir={profile}", *more, page.as_uri())
    assert done.returncode == 0, done.stderr
    return done.stdout + (done.stderr if "--enable-logging=stderr" in more else "")


def words(dom: str) -> str:
    """Return the text of a page on one line."""
    body = dom.split("<body>", maxsplit=1)[1]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def report_on(medium: Path, page: Path) -> Path:
    assert mediakit("validate", medium, "-p", "STD-GEN-CD", "--report", page, "-q").code in {0, 1, 3}
    return page


@pytest.fixture(name="sound", scope="module")
def _sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report on a disc to which nothing can be objected."""
    folder = tmp_path_factory.mktemp("sound")
    burnt_to(folder / "a.iso", SAMPLES)
    return report_on(folder / "a.iso", folder / "report.html")


@pytest.fixture(name="broken", scope="module")
def _broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report on a disc that lacks an image, has a damaged one, and attacks who reads of it."""
    folder = tmp_path_factory.mktemp("broken")
    disc = folder / "disc"
    burnt_to(disc, SAMPLES)
    gone, cut, *_ = [path for path in files_in(disc) if path.name != "DICOMDIR"]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:700])
    folder_of(disc, {_ATTACK: ct(1)[:900], "AUTORUN.INF": f"[autorun]\r\nopen={_ATTACK}\r\n".encode()})
    return report_on(disc, folder / "report.html")


def test_a_sound_medium_is_said_to_conform(sound: Path, tmp_path: Path) -> None:
    shown = words(chromium(sound, tmp_path / "profile", "--dump-dom"))
    assert "This medium conforms to STD-GEN-CD." in shown
    assert "What to do: It can be imported." in shown
    assert "Patients 3 Studies 7, 2024-03-11 to 2024-05-22 Series 21 Images and documents 40" in shown
    assert "What was found" not in shown


def test_a_broken_medium_is_said_not_to_conform_and_why(broken: Path, tmp_path: Path) -> None:
    shown = words(chromium(broken, tmp_path / "profile", "--dump-dom"))
    assert "This medium does not conform to STD-GEN-CD." in shown
    assert "1 image is missing and 2 files cannot be read." in shown
    assert "ask the sender for another copy" in shown
    assert "MK-CON-001" in shown
    assert "The medium asks to start a program by itself" in shown


def test_a_name_on_the_medium_is_text_and_does_nothing(broken: Path, tmp_path: Path) -> None:
    dom = chromium(broken, tmp_path / "profile", "--dump-dom")
    assert "<img" not in dom
    assert "<title>owned" not in dom
    assert _ATTACK.replace('"', "") in words(dom).replace('"', "")


@pytest.mark.parametrize("name", ["sound", "broken"])
def test_nothing_is_run_fetched_or_refused(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page: Path = request.getfixturevalue(name)
    more = ("--enable-logging=stderr", "--log-level=0", "--dump-dom")
    said = chromium(page, tmp_path / "profile", *more)
    dom, log = said.split("</html>", maxsplit=1)
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    assert re.findall(r"<(?:script|link|img|iframe|object|embed|form|base)\b", dom) == []
    assert re.findall(r"\b(?:src|href|action|srcset|on[a-z]+)\s*=", re.sub(r">[^<]*<", "><", dom)) == []
    assert "url(" not in dom
    assert "@import" not in dom


def test_a_page_that_would_run_a_script_is_noticed_by_these_tests(sound: Path, tmp_path: Path) -> None:
    """Prove that the console is looked at, and that the policy of the page forbids scripts."""
    evil = tmp_path / "evil.html"
    text = sound.read_text(encoding="utf-8")
    evil.write_text(text.replace("<main>", "<main><script>document.title='owned'</script>"), encoding="utf-8")
    said = chromium(evil, tmp_path / "profile", "--enable-logging=stderr", "--log-level=0", "--dump-dom")
    assert "<title>owned" not in said
    assert [line for line in said.splitlines() if "CONSOLE" in line and "Content Security Policy" in line]


def test_the_page_can_be_pictured(broken: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    chromium(broken, tmp_path / "profile", f"--screenshot={picture}")
    assert picture.read_bytes().startswith(_PNG)
    assert picture.stat().st_size > 20_000
