"""The viewer in a real browser, opened from a disc: what it decodes, paints and says, also with damage."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.browser import Browser, Page
from tests.support.viewer_discs import PAGE, SHOWN, Disc, Values, phantom, stack

pytestmark = pytest.mark.interop


def all_types() -> list[Values]:
    """Return one noisy frame of each type, the extreme values of it included."""
    rng = np.random.default_rng(20261127)
    frames: list[Values] = []
    for kind in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32):
        limits = np.iinfo(kind)
        frames.append(rng.integers(limits.min, limits.max, (13, 17), dtype=kind, endpoint=True))
        frames[-1][0, :2] = limits.min, limits.max
    frames += [rng.normal(size=(13, 17)).astype(kind) for kind in (np.float32, np.float64)]
    frames.append(rng.integers(0, 256, (13, 17, 3)).astype(np.uint8))
    return frames


def digest(values: Values) -> str:
    planes = values if values.ndim == 2 else np.moveaxis(values, 2, 0)
    return hashlib.sha256(np.ascontiguousarray(planes).tobytes()).hexdigest()


DIGESTS = """(async () => { const out = [];
  for (const study of viewer.disc.patients.flatMap((one) => one.studies)) for (const series of study.series) {
    if (series.kind !== "image") continue;
    await viewer.readSeries(series);
    for (const frame of series.frames) {
      const { values } = await viewer.decode(frame);
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", values));
      out.push([...hash].map((b) => b.toString(16).padStart(2, "0")).join("")); } }
  return out; })()"""


def test_each_value_of_each_type_comes_back_as_it_was_written(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    frames = all_types()
    for frame in frames:
        disc.series([frame])
    tab.open(disc.finish())
    tab.until(SHOWN)
    assert tab.eval(DIGESTS) == [digest(frame) for frame in frames]


def c11(values: Values, window: list[Any]) -> Any:
    """Return grey levels as PS3.3 C.11.2.1.2 and C.11.2.1.3 give them."""
    x, (c, w, function) = values.astype(float), window
    if function == "SIGMOID":
        return 255 / (1 + np.exp(-4 * (x - c) / w))
    if function == "LINEAR_EXACT":
        return np.clip((x - c) / w + 0.5, 0, 1) * 255
    inside = np.clip((x - (c - 0.5)) / (w - 1 or 1) + 0.5, 0, 1)
    level = np.where(x <= c - 0.5 - (w - 1) / 2, 0, np.where(x > c - 0.5 + (w - 1) / 2, 1, inside))
    return level * 255


def test_the_painted_pixels_are_those_of_the_standard(tab: Page, tmp_path: Path) -> None:
    disc = Disc(tmp_path)
    disc.patient()
    values = (np.arange(-2000, 2096, 1, dtype=np.int16)).reshape(64, 64)
    windows: list[list[Any]] = [
        [40, 400, "LINEAR"],
        [40.5, 1, "LINEAR"],
        [-100, 333, "LINEAR_EXACT"],
        [60, 700, "SIGMOID"],
    ]
    for c, w, function in windows:
        disc.series(
            [values], meta={"slope": 0.5, "intercept": -10, "windows": [[c, w, ""]], "function": function}
        )
    disc.series([values], meta={"windows": [[40, 400, ""]], "invert": True, "padding": [-2000, -1990]})
    table = {
        "first": -100,
        "bits": 12,
        "explanation": "curve",
        "data": _base64(np.arange(0, 4096, 16, dtype="<u2")),
    }
    disc.series([values], meta={"tables": [table], "voi_luts": [0]})
    disc.series([values.astype(np.float32) / 3], meta={"windows": [[0, 500, ""]], "function": "LINEAR_EXACT"})
    tab.open(disc.finish())
    tab.until(SHOWN)
    got = tab.eval("""(async () => { const out = [];
      for (const series of viewer.disc.patients[0].studies[0].series) {
        await viewer.readSeries(series); const frame = series.frames[0], made = await viewer.decode(frame);
        const pixels = viewer.paintPixels(frame, made, frame.windows[0], false);
        out.push([...pixels].filter((_, i) => i % 4 === 0)); }
      return out; })()""")
    expected = [c11(values * 0.5 - 10, window) for window in windows]
    inverted = 255 - c11(values, [40, 400, "LINEAR"])
    inverted[(values >= -2000) & (values <= -1990)] = 0
    looked_up = np.arange(0, 4096, 16)[np.clip(values.astype(int) + 100, 0, 255)] / 4095 * 255
    expected += [inverted, looked_up, c11(values.astype(np.float32) / 3, [0, 500, "LINEAR_EXACT"])]
    off = [
        float(np.abs(np.array(one).reshape(64, 64) - two).max())
        for one, two in zip(got, expected, strict=True)
    ]
    assert max(off) <= 1, off


def _base64(values: Values) -> str:
    return base64.b64encode(values.tobytes()).decode()


def test_nothing_is_asked_of_a_network_and_no_policy_is_broken(tab: Page, tmp_path: Path) -> None:
    tab.open(stack(tmp_path))
    tab.until(SHOWN)
    assert tab.log == []
    assert [one for one in tab.requests if not one.startswith((tmp_path.as_uri(), "data:", "blob:"))] == []
    tab.eval("fetch('http://192.0.2.1/x').catch(() => {})")
    tab.eval(
        "document.body.append(Object.assign(new Image(), {src: 'http://192.0.2.1/y.png'})),"
        " new Promise((resolve) => setTimeout(resolve, 100))"
    )
    assert len([line for line in tab.log if "Content Security Policy" in line]) >= 2


def test_a_browser_without_scripts_shows_where_the_static_pages_are(browser: Browser, tmp_path: Path) -> None:
    tab = browser.page(scripts=False)
    tab.open(stack(tmp_path))
    tree = tab.until_text("needs no script")
    assert "../INDEX.HTM" in tree


def test_the_disc_can_show_its_names_in_lower_case(tab: Page, tmp_path: Path) -> None:
    page = stack(tmp_path / "a")
    for path in sorted(page.parent.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.lower()))
    tab.open(page.with_name("viewer.htm"))
    tab.until(SHOWN)
    assert tab.eval("document.getElementById('problems').textContent") == ""


def test_damage_is_said_by_the_name_of_the_file_and_the_rest_works(tab: Page, tmp_path: Path) -> None:
    page = stack(tmp_path)
    folder = page.parent
    shutil.copytree(folder / "S0001", folder / "KEPT")
    flip = bytearray((folder / "S0001" / "C00001.BIN").read_bytes())
    flip[len(flip) // 2] ^= 1
    (folder / "S0001" / "C00001.BIN").write_bytes(flip)
    (folder / "S0002" / "META.BIN").unlink()
    tab.open(page)
    tab.until(SHOWN)
    states = tab.eval("""(async () => { const out = []; const series = viewer.active.series;
      for (const frame of series.frames) {
        out.push(await viewer.decode(frame).then(() => "fine", (fault) => fault.file)); }
      return out; })()""")
    assert states.count("S0001/C00001.BIN") == 1
    assert states.count("fine") == 11
    problems = "document.getElementById('problems').innerText"
    assert tab.eval(problems) == "This part of the disc cannot be read: VIEWER/S0001/C00001.BIN"
    tab.eval("document.querySelectorAll('#list .row')[1].click()")
    tab.until("!viewer.active.said.hidden && viewer.active.said.textContent.includes('S0002/META.BIN')")
    tab.eval("document.querySelectorAll('#list .row')[0].click()")
    tab.until(SHOWN)
    cut = (folder / "KEPT" / "C00001.BIN").read_bytes()
    (folder / "S0001" / "C00001.BIN").write_bytes(cut[: len(cut) // 2])
    tab.open(page, "?lang=de")
    tab.until(SHOWN)
    tab.key("Home")
    tab.until("!viewer.active.said.hidden && viewer.active.said.textContent.includes('nicht lesbar')")
    tab.key("End")
    (folder / "INDEX.BIN").write_bytes(b"mk.index({")
    tab.open(page)
    tab.until("document.getElementById('problems').innerText.includes('VIEWER/INDEX.BIN')")


def test_hostile_names_are_text_and_nothing_more(tab: Page, tmp_path: Path) -> None:
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    disc = Disc(tmp_path)
    disc.patient(f"{attack}^\u2028Eva\u2029", id=f"</title>{attack}")
    disc.series(phantom(2), description=f"{attack}\u202eRTL שלום", meta={"technique": [[attack, "1", ""]]})
    html = (
        f"<h2>Befund</h2>{attack}<p onclick='document.title=1'>text <a data-instance='1.2.0001.1'"
        " data-frame='1' href='javascript:1'>image</a></p><iframe src='x'></iframe>"
    )
    disc.document(
        {
            "kind": "report",
            "title": attack,
            "html": html,
            "complete": True,
            "verified": False,
            "verifier": attack,
        }
    )
    tab.open(disc.finish())
    tab.until(SHOWN)
    tab.eval("document.querySelectorAll('#list .row')[1].click()")
    tab.until("document.querySelector('.doc article')?.textContent.includes('Befund')")
    assert tab.eval("document.querySelector('.doc').textContent").count("owned") >= 2
    assert tab.eval("document.querySelectorAll('script').length") == 1
    assert (
        tab.eval("document.querySelectorAll('iframe, [onerror], [onclick], [href^=javascript]').length") == 0
    )
    assert "owned" not in tab.eval("document.title").replace(attack, "")
    tab.eval("document.querySelector('.doc article button').click()")
    tab.until("viewer.views.length === 2 && viewer.views[1].decoded && viewer.views[1].index === 1")
    assert tab.log == []


def test_texts_have_the_same_keys_in_every_language() -> None:
    script = PAGE.read_text(encoding="utf-8")
    table = script[script.index("const TEXTS = {") : script.index("let language")]
    languages = re.split(r"(?m)^  (en|de|fr|es): \{$", table)[1:]
    keys = {
        name: re.findall(r'(?:^|[ ,])(\w+): "', body, re.MULTILINE)
        for name, body in zip(languages[::2], languages[1::2], strict=True)
    }
    assert list(keys) == ["en", "de", "fr", "es"]
    assert len(keys["en"]) > 120
    assert all(len(set(found)) == len(found) and set(found) == set(keys["en"]) for found in keys.values())
    used = set(re.findall(r'\bt\("(\w+)"', script))
    assert used <= set(keys["en"])
