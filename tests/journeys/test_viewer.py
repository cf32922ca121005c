"""`--viewer` and `--pdi`: what a medium carries for people, against pydicom and numpy, and our own rules."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from mediakit.choices import ForPeople, LinkCase, Viewer
from mediakit.events import Event, PhaseStarted
from mediakit.extras.viewer.pages import document
from mediakit.findings import Severity
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.outcome import Outcome
from mediakit.profile.load import load_catalogue
from mediakit.report.burnt import burn_text
from mediakit.rules.check import RuleSet
from mediakit.stages.plan.people import usual_viewer
from tests.support.cli import mediakit
from tests.support.media import contents
from tests.support.studies import CT_1, PYDICOM_FILES, burnt_to, files_in
from tests.support.viewer import ViewerFolder, decoded, encoded_alone, shown_by_pydicom, unescaped

SAMPLES = Path("samples/studies")
INSTITUTION = ("Krankenhaus Süd", "Tel. 555-0100")


def for_people(
    viewer: Viewer = Viewer.FULL, *, pdi: bool = True, link_case: LinkCase = LinkCase.UPPER
) -> ForPeople:
    return ForPeople(viewer=viewer, pdi=pdi, link_case=link_case, institution=INSTITUTION)


def test_every_image_of_pydicom_comes_back_value_by_value() -> None:
    wrong, compared = [], 0
    for file in files_in(PYDICOM_FILES.parent):
        if file.stat().st_size > 120_000:
            continue
        made, data = encoded_alone(file)
        peer = shown_by_pydicom(file) if made.frames else None
        for index, framed in enumerate(made.frames if peer is not None else ()):
            blob = framed.blob
            if blob is None or framed.row["type"] == "jpeg":
                continue
            raw = unescaped(data[blob.begin : blob.begin + blob.stored])
            values = decoded(raw, framed.row["type"], framed.row["rows"], framed.row["columns"])
            compared += 1
            if not np.array_equal(values, peer[index]):  # type: ignore[index]
                wrong.append(f"{file.name} frame {index + 1}")
    assert wrong == []
    assert compared > 40


def test_samples_that_can_be_read_in_two_ways_are_not_shown() -> None:
    for name in ("rtdose_expb.dcm", "rtdose_expb_1frame.dcm"):
        made, _ = encoded_alone(PYDICOM_FILES / name)
        assert all(one.blob is None for one in made.frames), name


@pytest.fixture(scope="module")
def disc(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Burnt]:
    out = tmp_path_factory.mktemp("viewer") / "disc"
    burnt = burnt_to(out, SAMPLES, all_patients=True, people=for_people())
    assert burnt.result.outcome is Outcome.GOOD
    return out, burnt


def test_the_viewer_shows_every_frame_of_the_samples_as_stored(disc: tuple[Path, Burnt]) -> None:
    medium, _ = disc
    viewer = ViewerFolder(medium)
    wrong, compared = [], 0
    for series in viewer.series():
        for row in viewer.rows(series["key"]) if series["frames"] else ():
            if row["type"] == "jpeg":
                continue
            values = viewer.values(series["key"], row)
            peer = shown_by_pydicom(medium / row["file"])
            assert peer is not None
            compared += 1
            if not np.array_equal(values, peer[row["frame"] - 1]):
                wrong.append((row["file"], row["frame"]))
    assert wrong == []
    assert compared >= 30


def test_the_viewer_counts_what_the_directory_has(disc: tuple[Path, Burnt]) -> None:
    medium, burnt = disc
    viewer = ViewerFolder(medium)
    directory = pydicom.dcmread(medium / "DICOMDIR")
    kinds = [record.DirectoryRecordType for record in directory.DirectoryRecordSequence]
    there = viewer.index["counts"]
    assert (there["patients"], there["studies"], there["series"]) == tuple(
        kinds.count(kind) for kind in ("PATIENT", "STUDY", "SERIES")
    )
    assert burnt.plan is not None
    assert there["instances"] == len(burnt.plan.files)
    shown = set()
    for series in viewer.series():
        rows = viewer.rows(series["key"]) if series["frames"] else []
        assert len(rows) == series["frames"]
        shown |= {row["instance"] for row in rows} | {one["instance"] for one in series["documents"]}
        assert len({row["instance"] for row in rows}) + len(series["documents"]) == series["instances"]
    assert shown == {file.instance.sop_instance for file in burnt.plan.files}


def test_instances_stay_what_they_were(disc: tuple[Path, Burnt]) -> None:
    medium, burnt = disc
    for fate in burnt.result.fates:
        if fate.state.value == "written" and fate.became.startswith("DICOM/"):
            found = (medium / fate.became).read_bytes()
            assert hashlib.sha256(found).hexdigest() == fate.sha256
            assert found == Path(fate.source).read_bytes()


def test_pages_are_clean_under_pdi_and_with_lower_case_links_under_the_german_catalogue(
    tmp_path: Path,
) -> None:
    for rules, case in ((RuleSet.PDI, LinkCase.UPPER), (RuleSet.DRG, LinkCase.LOWER)):
        out = tmp_path / f"{rules.value}.iso"
        burnt_to(out, CT_1, all_patients=True, people=for_people(link_case=case))
        said = mediakit("validate", out, "--rules", f"ps3,{rules.value}", "--json").document
        ids = {one["rule"] for one in said["findings"] if one["severity"] != Severity.NOTE.value}
        assert not {one for one in ids if one.startswith(("MK-PDI", "MK-DRG"))}, ids
        assert said["exit_code"] == 0


_INLINE = frozenset({"a", "br", "em", "img", "strong"})
_BLOCKS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "ul"})
#: What XHTML Basic 1.0 has of the elements that pages may use: the elements inside, whether text, attributes.
_BASIC: dict[str, tuple[frozenset[str], bool, set[str]]] = {
    "html": (frozenset({"head", "body"}), False, {"{http://www.w3.org/XML/1998/namespace}lang"}),
    "head": (frozenset({"title"}), False, set()),
    "title": (frozenset(), True, set()),
    "body": (_BLOCKS, False, set()),
    "p": (_INLINE, True, set()),
    "ul": (frozenset({"li"}), False, set()),
    "li": (_BLOCKS | _INLINE, True, set()),
    "a": (_INLINE - {"a"}, True, {"href"}),
    "img": (frozenset(), False, {"src", "alt"}),
    "br": (frozenset(), False, set()),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6", "em", "strong"), (_INLINE, True, set())),
}


def test_every_static_page_is_xhtml_basic_and_names_its_patient(disc: tuple[Path, Burnt]) -> None:
    medium, _ = disc
    pages = [medium / "INDEX.HTM", *sorted((medium / "IHE_PDI").glob("*.HTM"))]
    assert len(pages) > 20
    wrong = []
    for page in pages:
        text = page.read_bytes()
        assert b"XHTML Basic 1.0" in text
        for found in ET.fromstring(text).iter():  # noqa: S314 - our own page
            name = found.tag.removeprefix("{http://www.w3.org/1999/xhtml}")
            inside, has_text, attributes = _BASIC[name]
            children = [child.tag.removeprefix("{http://www.w3.org/1999/xhtml}") for child in found]
            words = "".join((found.text or "", *(child.tail or "" for child in found))).strip()
            if not set(children) <= inside or (words and not has_text) or set(found.attrib) - attributes:
                wrong.append((page.name, name, children, words[:40], found.attrib))
            if name == "ul" and not children:
                wrong.append((page.name, name, children, "an empty list", {}))
        if page.name.startswith("S"):
            assert b"ID MKS-000" in text, page.name
    assert wrong == []
    report = b"".join(page.read_bytes() for page in pages)
    assert b"Unauff&#228;lliges Phantom." in report
    told = {"html": "<p><span class='line'>a\x0b</span></p>", "complete": True, "verified": False}
    assert document(told) == "<p><strong>This report is not verified.</strong></p><p>a <br /></p>\n"


def test_the_readme_is_ascii_and_names_the_institution(disc: tuple[Path, Burnt]) -> None:
    text = (disc[0] / "README.TXT").read_bytes().decode("ascii")
    assert "Krankenhaus Sud" in text
    assert "mediakit" in text


def test_a_frame_that_cannot_be_decoded_is_a_row_with_a_reason_and_a_finding(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    found = pydicom.dcmread(_first_image())
    found.BitsStored = 40
    found.save_as(source / "bad.dcm")
    burnt = burnt_to(tmp_path / "out", source, people=for_people())
    rows = ViewerFolder(tmp_path / "out").rows("S0001")
    assert [row["why"]["code"] for row in rows] == ["undecodable"] * len(rows)
    assert "MK-VWR-103" in {finding.rule.id for finding in burnt.result.report.findings}


def _first_image() -> Path:
    for file in sorted(SAMPLES.rglob("*")):
        if file.is_file() and "PixelData" in pydicom.dcmread(file, force=True):
            return file
    raise AssertionError


def test_auto_takes_what_fits(tmp_path: Path) -> None:
    chosen = {}
    for capacity in ("80MB", "1MB", "700kB", "430kB"):
        out = tmp_path / capacity
        burnt = burnt_to(out, CT_1, capacity=capacity, people=for_people(Viewer.AUTO, pdi=False))
        there = out / "VIEWER"
        chosen[capacity] = ViewerFolder(out).index["tier"] if there.exists() else "none"
        ids = {finding.rule.id for finding in burnt.result.report.findings}
        assert ("MK-VWR-102" in ids) == (chosen[capacity] == "none")
    assert chosen["80MB"] == "full"


def test_a_rehearsal_tells_both_sizes_and_writes_nothing(tmp_path: Path) -> None:
    burnt = burnt_to(tmp_path / "out", CT_1, depth=Depth.PLAN, people=for_people(Viewer.AUTO))
    figures = burnt.result.figures
    assert figures["viewer"] == "full"
    assert int(figures["viewer_full_bytes"]) >= int(figures["viewer_preview_bytes"]) > 0
    assert "viewer     full (full about " in burn_text(burnt)
    assert not (tmp_path / "out").exists()
    written = burnt_to(tmp_path / "out", CT_1, people=for_people(Viewer.AUTO)).result.figures
    assert int(written["viewer_bytes"]) == pytest.approx(int(figures["viewer_full_bytes"]), rel=0.3)


def test_the_default_is_a_viewer_on_what_is_for_people_and_has_a_general_purpose_profile(
    tmp_path: Path,
) -> None:
    catalogue = load_catalogue().profiles
    found = {name: usual_viewer(profile) for name, profile in catalogue.items()}
    for name in ("STD-GEN-CD", "STD-GEN-DVD-JPEG", "STD-GEN-BD", "STD-GEN-USB-J2K", "STD-GEN-SD-JPEG"):
        assert found[name] is Viewer.AUTO, name
    for name in ("STD-GEN-ZIP-MAIL", "STD-GEN-MIME", "STD-GEN-SEC-CD", "STD-XABC-CD", "STD-CTMR-CD"):
        assert found[name] is Viewer.NONE, name
    for target, has in (("out.iso", True), ("folder", True), ("out.zip", False)):
        profile = () if "." in target else ("-p", "STD-GEN-CD")
        said = mediakit("burn", CT_1, *profile, "-o", tmp_path / target, "--json").document
        assert said["figures"].get("viewer") == ("full" if has else None), target
    assert (tmp_path / "folder" / "VIEWER" / "VIEWER.HTM").exists()
    plain = ("burn", CT_1, "-o", tmp_path / "plain.iso", "--viewer", "none")
    refused = mediakit(*plain, "--link-case", "lower")
    assert refused.code == 2
    assert "no page with links is made" in refused.err
    said = mediakit(*plain, "--json").document
    assert "viewer" not in said["figures"]


def test_a_viewer_that_nobody_asked_for_is_left_out_with_the_reason_and_fails_no_burn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "add" / "VIEWER").mkdir(parents=True)
    (tmp_path / "add" / "VIEWER" / "RUN.EXE").write_bytes(b"theirs")
    burn = ("burn", CT_1, "-p", "STD-GEN-CD", "--json", "-o")
    said = [mediakit(*burn, tmp_path / "a", "--add", tmp_path / "add").document]
    assert files_in(tmp_path / "a" / "VIEWER") == [tmp_path / "a" / "VIEWER" / "RUN.EXE"]
    said.append(mediakit(*burn, tmp_path / "b", "--capacity", "425kB").document)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    said.append(mediakit(*burn, tmp_path / "c").document)
    for one, why in zip(said, ("VIEWER of its own", "no room", "not installed"), strict=True):
        assert (one["exit_code"], one["figures"]["viewer"]) == (0, "none")
        assert why in one["figures"]["viewer_left_out"]
        assert [each["severity"] for each in one["findings"] if each["rule"] == "MK-VWR-104"] == ["note"]
    assert mediakit(*burn, tmp_path / "d", "--viewer", "auto").code == 2
    assert "viewer     none: the viewer needs packages" in mediakit(*burn[:-2], "-o", tmp_path / "e").out


def test_media_of_a_span_each_take_what_fits_and_no_instance_is_encoded_twice(tmp_path: Path) -> None:
    encoded: list[int] = []

    def tell(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "viewer":
            encoded.append(event.total or 0)

    out = tmp_path / "out"
    people = for_people(Viewer.AUTO, pdi=False)
    burnt = burnt_to(out, SAMPLES, capacity="3.5MB", span=True, people=people, tell=tell)
    assert len(burnt.plans) == 2
    assert burnt.result.outcome is Outcome.GOOD
    assert sum(encoded) <= sum(len(plan.files) for plan in burnt.plans)
    for one in burnt.media:
        assert one.needs_bytes <= 3_500_000
        assert (Path(one.target) / "INDEX.HTM").exists()


def test_pages_that_were_asked_for_are_on_every_medium_though_the_viewer_is_chosen_by_the_room(
    tmp_path: Path,
) -> None:
    people = for_people(Viewer.AUTO, pdi=True)
    burnt = burnt_to(tmp_path / "out", SAMPLES, capacity="2MB", span=True, people=people)
    assert burnt.result.outcome is Outcome.GOOD
    assert len(burnt.media) > 1
    for one in burnt.media:
        assert one.needs_bytes <= 2_000_000
        assert {path.name for path in Path(one.target).iterdir()} >= {"README.TXT", "INDEX.HTM", "IHE_PDI"}


def test_without_room_for_pages_that_were_asked_for_nothing_is_written(tmp_path: Path) -> None:
    people = for_people(Viewer.AUTO, pdi=True)
    burnt = burnt_to(tmp_path / "out", CT_1, capacity="415kB", people=people)
    assert burnt.result.outcome is Outcome.DOES_NOT_FIT
    assert not (tmp_path / "out").exists()


def test_a_viewer_does_not_replace_what_the_user_adds(tmp_path: Path) -> None:
    (tmp_path / "add").mkdir()
    (tmp_path / "add" / "README.TXT").write_bytes(b"ours")
    burnt_to(tmp_path / "out", CT_1, add=(tmp_path / "add",), people=for_people())
    assert contents(tmp_path / "out")["README.TXT"] == b"ours"


def test_of_a_whole_slide_only_the_low_magnifications_are_shown(tmp_path: Path) -> None:
    image = pydicom.dcmread(CT_1)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.77.1.6")
    frame = image.PixelData
    for tiles, code in ((4, ""), (65, "too_large")):
        image.NumberOfFrames, image.PixelData = tiles, frame * tiles
        image.save_as(tmp_path / "slide.dcm")
        made, _ = encoded_alone(tmp_path / "slide.dcm")
        assert (made.why or {"code": ""})["code"] == code
        assert len(made.frames) == (0 if code else 3)  # as many as are encoded here


def test_a_small_file_that_claims_a_million_frames_takes_one_row_with_a_reason(tmp_path: Path) -> None:
    image = pydicom.dcmread(_first_image())
    for frames, code in ((999_999_999, "undecodable"), (300_001, "too_large"), (1000, "undecodable")):
        image.NumberOfFrames = frames
        image.save_as(tmp_path / "claims.dcm")
        made, _ = encoded_alone(tmp_path / "claims.dcm")
        reasons = [made.why] if made.why else [framed.row["why"] for framed in made.frames]
        assert reasons
        assert {why["code"] for why in reasons if why} == {code}
