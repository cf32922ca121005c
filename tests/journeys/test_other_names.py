"""Other content with names beyond Level 1, from burning to extracting, and through updates."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.choices import ForPeople
from mediakit.formats.base import OtherNames, Receipt
from mediakit.outcome import Outcome, State
from mediakit.stages.prove.proof import Expected, prove
from tests.support.cli import mediakit
from tests.support.media import nodes
from tests.support.studies import CR, CT_1, CT_2, CT_3, burnt_to, folder_of
from tests.support.updating import assert_sound, content_of, updated

CD = ("-p", "STD-GEN-CD")
FILES = {
    "Read me.html": b"<p>hello",
    "My viewer/RUN.sh": b"#!/bin/sh",
    "My viewer/" + "n" * 99 + ".txt": b"long",
    "My viewer/Übersicht.txt": b"text",
    "My viewer/lib/__init__.py": b"",
    "MY_VIEWE/README": b"what has a legal name keeps it",
}


@pytest.fixture(name="extra")
def _extra(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "extra", FILES)


def names(image: Path) -> dict[str, OtherNames]:
    return {node.path: node.other for node in nodes(image)}


def test_a_file_has_one_name_in_the_result_the_manifest_and_what_is_extracted(
    extra: Path, tmp_path: Path
) -> None:
    image = tmp_path / "disc.iso"
    made = burnt_to(image, CT_1, add=(extra,), manifest=True).result
    assert made.outcome is Outcome.GOOD
    assert {fate.became for fate in made.fates} >= FILES.keys()
    checked = mediakit("validate", image, *CD, "--json")
    assert (checked.code, checked.document["outcome"]) == (0, "good")
    checked = mediakit("verify", image, "--json")
    assert (checked.code, checked.document["figures"]["intact"]) == (0, len(FILES) + 2)
    shown = mediakit("inspect", image, "--json").document
    assert {one["path"] for one in shown["others"]} >= FILES.keys()
    assert mediakit("extract", image, "-o", tmp_path / "out").code == 0
    out = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert {path: out.get(path) for path in FILES} == FILES
    manifest = out["MANIFEST.TXT"].decode()
    assert all(f"  {path}\n" in manifest for path in FILES)
    assert "READ_ME" not in manifest


def test_a_finding_names_a_file_as_inspect_and_extract_do(tmp_path: Path) -> None:
    extra = folder_of(tmp_path / "extra", {"Open the images.exe": b"MZ" + b"x" * 100})
    image = tmp_path / "disc.iso"
    assert burnt_to(image, CT_1, add=(extra,)).result.outcome is Outcome.GOOD
    judged = mediakit("validate", image, *CD, "--json").document
    shown = {one["path"] for one in mediakit("inspect", image, "--json").document["others"]}
    (program,) = [one for one in judged["findings"] if one["rule"] == "MK-HYG-001"]
    assert program["path"] == "Open the images.exe" in shown
    assert "Open the images.exe" in program["text"]
    assert shown <= {one["source"] for one in judged["files"]}


def test_a_file_that_one_tree_shows_under_another_name_is_not_proven(extra: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt = burnt_to(image, CT_1, add=(extra,))
    assert burnt.plan is not None
    expected = Expected.of(burnt.plan)
    sums = {fate.became: fate.sha256 for fate in burnt.result.fates if fate.became}
    receipt = Receipt(target=image, size_bytes=image.stat().st_size, sums=sums)
    assert prove(image, expected, receipt) == ()
    data = image.read_bytes()
    for tree, name, other in (
        ("Joliet", "Read me.html;1".encode("utf-16-be"), "Read us.html;1".encode("utf-16-be")),
        ("Rock Ridge", b"NM\x11\1\0Read me.html", b"NM\x11\1\0Read us.html"),
    ):
        assert data.count(name) == 1
        image.write_bytes(data.replace(name, other))
        (found,) = prove(image, expected, receipt)
        assert (found.rule.id, found.where.path) == ("MK-PRF-006", "Read me.html")
        assert dict(found.detail) == {"found": "'Read us.html'", "tree": tree}


def test_a_name_that_cannot_be_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("what?.txt", "smile \U0001f600.txt", "bad\udce9", "n" * 104, "a/b/c/d/e/f/g/h.txt"):
        extra = folder_of(tmp_path / f"e{len(name)}", {name: b"x"})
        for more in ((), ("-n",)):
            said = mediakit("burn", CT_1, *CD, "-o", tmp_path / "a.iso", "--add", extra, *more)
            assert said.code == 4, (name, said)
            assert "ISO 9660" in said.err + said.out
    assert not list(tmp_path.glob("*.iso*"))
    plain = folder_of(tmp_path / "plain", FILES)
    said = mediakit("burn", CT_1, *CD, "-o", tmp_path / "a.iso", "--add", plain, "--no-joliet")
    assert said.code == 4, said


def test_what_the_plan_counts_is_enough(extra: Path, tmp_path: Path) -> None:
    folder_of(extra, {f"plug-ins/a plug-in with a long name {number}.jar": b"" for number in range(500)})
    image = tmp_path / "a.iso"
    figures = burnt_to(image, CT_1, add=(extra,)).result.figures
    assert figures["written_bytes"] == image.stat().st_size <= int(figures["needs_bytes"])


def test_an_update_keeps_all_names_in_both_trees_anew_and_as_a_session(extra: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt_to(image, CT_1, CT_2, add=(extra,))
    before, held = names(image), content_of(image)
    for number, (source, session) in enumerate(((CT_3, False), (CR, True)), 1):
        assert updated(image, source, session=session).result.outcome is Outcome.GOOD
        assert_sound(image)
        after = names(image)
        assert after.items() >= before.items()
        assert len(after) == len(before) + number
        assert {path: content_of(image)[path] for path in held if path != "DICOMDIR"} == {
            path: bytes_ for path, bytes_ in held.items() if path != "DICOMDIR"
        }


def test_an_update_refuses_trees_that_contradict_one_another(extra: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt_to(image, CT_1, add=(extra,))
    data = image.read_bytes()
    joliet = "Read me.html;1".encode("utf-16-be")
    assert data.count(joliet) == 1
    crossed = data.replace(joliet, "MY_VIEWE/READM".encode("utf-16-be"))
    for broken in (crossed, data.replace(b"NM\x11\1\0Read me.html", b"NM\x11\1\0a\\b me.html")):
        assert broken != data
        image.write_bytes(broken)
        for session in (False, True):
            done = updated(image, CT_2, session=session)
            assert done.result.outcome is Outcome.DOES_NOT_FIT
            assert done.result.counts()[State.KEPT]
        assert image.read_bytes() == broken


def test_a_medium_with_the_pages_of_pdi_is_told_of_names_that_pdi_does_not_allow(
    extra: Path, tmp_path: Path
) -> None:
    upper = folder_of(tmp_path / "upper", {"VIEWER2/START.HTM": b"x"})
    for number, (added, pdi) in enumerate(((extra, True), (extra, False), (upper, True))):
        made = burnt_to(tmp_path / f"{number}.iso", CT_1, add=(added,), people=ForPeople(pdi=pdi)).result
        assert made.outcome is Outcome.GOOD
        is_told = "MK-VWR-105" in {finding.rule.id for finding in made.report.findings}
        judged = mediakit("validate", tmp_path / f"{number}.iso", *CD, "--rules", "pdi", "--json").document
        is_found = "MK-PDI-022" in {finding["rule"] for finding in judged["findings"]}
        assert (is_told, is_found) == (added == extra and pdi, added == extra)
