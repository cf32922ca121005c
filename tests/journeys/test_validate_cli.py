"""`mediakit validate`: exit codes, verdicts, and reports in four forms, on sound and on broken media."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mediakit.report.validation import validation_schema
from tests.support.cli import Said, mediakit, process
from tests.support.dicom_bytes import ct
from tests.support.media import fingerprint
from tests.support.studies import CR, NAMES, SAMPLES, altered, burnt_to, files_in, folder_of, left_in

CD = ("-p", "STD-GEN-CD")
FORMS = (".html", ".htm", ".json", ".xml", ".sarif")
_VOID = {"meta", "br", "hr", "img", "input", "link"}


@pytest.fixture(autouse=True)
def _nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIAKIT_PROFILES", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


@pytest.fixture(name="sound", scope="module")
def _sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image to which nothing can be objected."""
    out = tmp_path_factory.mktemp("sound") / "a.iso"
    burnt_to(out, SAMPLES)
    return out


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    """Return the content of a sound disc, to be broken by the test."""
    burnt_to(tmp_path / "disc", SAMPLES)
    return tmp_path / "disc"


@pytest.fixture(name="broken")
def _broken(disc: Path) -> Path:
    """Return a disc with a fault, a warning and a note, and names that attack a reader."""
    gone, cut, *_ = [path for path in files_in(disc) if path.name != "DICOMDIR"]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:700])
    folder_of(disc, {"AUTORUN.INF": b"[autorun]\r\nopen=<script>alert(1)</script>.exe\r\n"})
    for name in (
        b"<script>alert(1)<",
        b"a&b\"c'd]]>",
        b"latin-\xfc",
        b"two\nlines",
        b"\x1b[2J",
        b"\xef\xbf\xbf",
    ):
        odd = Path(os.fsdecode(os.fsencode(disc) + b"/" + name))
        odd.write_bytes(ct(1)[:900])
    return disc


def report_of(medium: Path, path: Path, *options: str) -> str:
    assert mediakit("validate", medium, *options, "--report", path, "-q").code in {0, 1}
    return path.read_text(encoding="utf-8")


class TestExitCodes:
    def test_0_when_everything_conforms(self, sound: Path) -> None:
        said = mediakit("validate", sound, *CD)
        assert said.code == 0
        assert "\nconforms to STD-GEN-CD\n" in said.out
        assert said.err == ""

    def test_1_when_something_is_wrong(self, broken: Path) -> None:
        said = mediakit("validate", broken, *CD)
        assert said.code == 1
        assert "\ndoes not conform to STD-GEN-CD: " in said.out
        assert "MK-CON-001" in said.err
        assert "PS3.3 F.2.1" in said.err

    def test_1_when_something_is_as_bad_as_fail_on_says(self, disc: Path) -> None:
        folder_of(disc, {"AUTORUN.INF": b"[autorun]\r\nopen=A.EXE\r\n"})
        codes = {
            word: mediakit("validate", disc, *CD, "--fail-on", word).code for word in ("error", "warning")
        }
        assert codes == {"error": 0, "warning": 1}

    @pytest.mark.parametrize(
        "options",
        [
            ("-p", "STD-NOPE"),
            ("--rules", "nope"),
            ("--rules", ","),
            ("--fail-on", "nope"),
            ("--report", "report.pdf"),
            ("--report", "report"),
            ("--report", "nowhere/report.html"),
            ("--nope",),
            ("--profiles", "nowhere"),
        ],
    )
    def test_2_for_a_wrong_call(
        self, options: tuple[str, ...], sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        said = process("validate", sound, *options)
        assert said.code == 2
        assert said.out == ""
        assert said.err != ""
        assert left_in(tmp_path) == []

    def test_2_when_the_report_would_lie_on_the_medium(self, disc: Path) -> None:
        before = fingerprint(disc)
        assert mediakit("validate", disc, "--report", disc / "report.html").code == 2
        assert fingerprint(disc) == before

    def test_3_when_there_is_nothing_there(self, tmp_path: Path) -> None:
        said = mediakit("validate", tmp_path / "nowhere.iso", "--json")
        assert said.code == 3
        assert said.document["schema"] == "mediakit/error/1"

    @pytest.mark.parametrize("files", [{}, {"README.TXT": b"hello"}])
    def test_3_when_there_is_no_instance(self, files: dict[str, Path | bytes], tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        folder_of(tmp_path / "in", files)
        said = mediakit("validate", tmp_path / "in")
        assert said.code == 3
        assert "outcome: nothing to read here (exit code 3)" in said.out


class TestTheVerdict:
    def test_the_best_fitting_profile_is_taken_and_named(self, sound: Path) -> None:
        said = mediakit("validate", sound, "--json")
        assert (said.document["profile"], said.document["profile_was_named"]) == ("STD-GEN-CD", False)
        for word in ("auto", "AUTO"):
            assert mediakit("validate", sound, "-p", word, "--json").out == said.out

    def test_the_profile_that_was_named_is_taken_also_when_it_does_not_fit(self, sound: Path) -> None:
        said = mediakit("validate", sound, "-p", "STD-CTMR-CD", "--json")
        assert said.code == 1
        assert (said.document["profile"], said.document["profile_was_named"]) == ("STD-CTMR-CD", True)
        assert said.document["verdicts"][0]["sentence"] == "does not conform to STD-CTMR-CD"

    def test_each_rule_set_that_was_asked_for_has_a_verdict(self, sound: Path) -> None:
        said = mediakit("validate", sound, *CD, "--rules", " PS3, pdi,drg", "--json")
        verdicts = {one["rules"]: one["conforms"] for one in said.document["verdicts"]}
        assert verdicts == {"ps3": True, "pdi": False, "drg": True}
        alone = mediakit("validate", sound, *CD, "--rules", "pdi", "--json").document
        assert [one["rules"] for one in alone["verdicts"]] == ["pdi"]
        assert {one["rule"][:6] for one in alone["findings"]} == {"MK-PDI"}

    def test_missing_and_damaged_images_are_counted_apart(self, broken: Path) -> None:
        said = mediakit("validate", broken, *CD)
        assert "38 instances" in said.out
        assert "1 missing" in said.out
        assert "unreadable" in said.out

    def test_quiet_prints_errors_only_and_verbose_everything(self, broken: Path) -> None:
        quiet = mediakit("validate", broken, *CD, "-q")
        assert quiet.out == ""
        assert "warning:" not in quiet.err
        usual = mediakit("validate", broken, *CD)
        assert "warning:" in usual.err
        assert "note:" not in usual.err
        assert "note:" in mediakit("validate", broken, *CD, "-v").err

    def test_nothing_on_the_medium_is_changed(self, broken: Path) -> None:
        before = fingerprint(broken)
        mediakit("validate", broken, "--rules", "ps3,pdi,drg")
        assert fingerprint(broken) == before

    def test_a_profile_of_ones_own_can_be_named(self, sound: Path) -> None:
        own = Path(__file__).parents[2] / "profiles" / "examples" / "example-aug-hospital.toml"
        listed = json.loads(mediakit("profiles", "list", "--profiles", own, "--json").out)["profiles"]
        (name,) = (one["id"] for one in listed if one["id"].startswith("AUG-"))
        said = mediakit("validate", sound, "-p", name, "--profiles", own, "--json")
        assert said.document["profile"] == name


class TestTheReports:
    def test_the_json_report_is_the_document_of_standard_output(self, broken: Path, tmp_path: Path) -> None:
        said = mediakit("validate", broken, *CD, "--report", tmp_path / "r.json", "--json")
        assert (tmp_path / "r.json").read_text(encoding="utf-8") == said.out
        document = said.document
        jsonschema.validate(document, validation_schema())
        assert document["schema"] == "mediakit/validation/1"
        assert sum(document["counts"].values()) == len(document["files"])
        assert document["figures"]["missing"] == 1
        del document["verdicts"]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, validation_schema())

    def test_junit_has_a_suite_for_each_rule_set_and_its_counts_are_true(
        self, broken: Path, tmp_path: Path
    ) -> None:
        root = ET.fromstring(report_of(broken, tmp_path / "r.xml", *CD, "--rules", "ps3,pdi"))  # noqa: S314
        assert root.tag == "testsuites"
        suites = {suite.get("name"): suite for suite in root}
        assert list(suites) == ["STD-GEN-CD", "IHE PDI"]
        for suite in suites.values():
            assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
            assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure")) > 0
        names = {case.get("name") for case in suites["STD-GEN-CD"]}
        assert {"does not conform to STD-GEN-CD", "MK-CON-001"} <= names

    def test_junit_of_a_sound_medium_has_no_failure(self, sound: Path, tmp_path: Path) -> None:
        root = ET.fromstring(report_of(sound, tmp_path / "r.xml", *CD))  # noqa: S314 - our own file
        assert [suite.get("failures") for suite in root] == ["0"]

    def test_sarif_has_a_result_for_each_finding_and_a_rule_for_each_result(
        self, broken: Path, tmp_path: Path
    ) -> None:
        document: dict[str, Any] = json.loads(report_of(broken, tmp_path / "r.sarif", *CD))
        said = mediakit("validate", broken, *CD, "--json").document
        assert document["version"] == "2.1.0"
        (one,) = document["runs"]
        rules = one["tool"]["driver"]["rules"]
        assert [result["ruleId"] for result in one["results"]] == [each["rule"] for each in said["findings"]]
        for result in one["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in {"error", "warning", "note"}
            assert result["message"]["text"]
            for place in result.get("locations", []):
                uri = place["physicalLocation"]["artifactLocation"]["uri"]
                assert uri.isascii()
                assert not set(uri) & set(' <>"\n')

    def test_html_is_one_well_formed_page_without_script_or_link(
        self, broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        text = report_of(broken, tmp_path / "r.html", *CD)
        page = _Page()
        page.feed(text)
        page.close()
        assert page.open == []
        assert page.tags.isdisjoint({"script", "img", "link", "iframe", "a", "object", "form"})
        assert "This medium does not conform to STD-GEN-CD." in text
        assert "MK-CON-001" in text
        assert report_of(broken, tmp_path / "r.htm", *CD) == text

    def test_several_reports_are_written_at_once(self, sound: Path, tmp_path: Path) -> None:
        wanted = [tmp_path / f"r{suffix}" for suffix in FORMS]
        said = mediakit("validate", sound, *(word for path in wanted for word in ("--report", str(path))))
        assert said.code == 0
        assert left_in(tmp_path) == sorted(path.name for path in wanted)

    def test_the_same_medium_gives_the_same_reports(self, broken: Path, tmp_path: Path) -> None:
        for suffix in FORMS:
            first = report_of(broken, tmp_path / f"one{suffix}", *CD)
            assert report_of(broken, tmp_path / f"two{suffix}", *CD) == first

    def test_a_report_that_was_there_is_replaced(self, sound: Path, tmp_path: Path) -> None:
        (tmp_path / "r.json").write_text("old", encoding="utf-8")
        assert json.loads(report_of(sound, tmp_path / "r.json"))["exit_code"] == 0

    def test_no_output_names_a_patient(self, broken: Path, tmp_path: Path) -> None:
        altered(CR, broken / "EXTRA", SOPInstanceUID="1.2.3.4")
        written = [report_of(broken, tmp_path / f"r{suffix}", "--rules", "ps3,pdi,drg") for suffix in FORMS]
        said: Said = mediakit("validate", broken, "-vv", "--rules", "ps3,pdi,drg")
        for text in (*written, said.out, said.err):
            assert [name for name in NAMES if name in text] == []


class TestHostileNames:
    def test_every_line_can_be_shown_in_a_terminal(self, broken: Path) -> None:
        said = process("validate", broken, *CD, "-v")
        assert all(line.isprintable() for line in (said.out + said.err).split("\n"))

    def test_standard_output_of_another_encoding_is_no_fault(self, broken: Path) -> None:
        assert process("validate", broken, *CD, "--json", PYTHONIOENCODING="latin-1").code == 1
        assert process("validate", broken, *CD, "-v", PYTHONIOENCODING="ascii").code == 1


class _Page(HTMLParser):
    """Follows which elements are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in {"src", "href"}]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_folder_of_a_stick_is_not_taken_for_a_message(tmp_path: Path) -> None:
    out = tmp_path / "stick"
    burnt_to(out, SAMPLES, profile="STD-GEN-USB-JPEG")
    said = mediakit("validate", out, "--json").document
    assert "STD-GEN-USB-JPEG" in {said["profile"], *said["also_fits"]}
    assert not {"STD-GEN-MIME", "STD-GEN-ZIP-MAIL"} & {said["profile"], *said["also_fits"]}
