"""`mediakit burn` and `mediakit profiles`: exit codes, one JSON document, and what people read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pydicom
import pytest

from mediakit.report.json import json_schema
from tests.support.cli import mediakit, process, raw
from tests.support.studies import (
    CR,
    CT_1,
    CT_2,
    CT_FOLDER,
    CT_THIN,
    NAMES,
    NOTES,
    SAMPLES,
    altered,
    files_in,
    folder_of,
    left_in,
    sha256,
)

EXAMPLE = Path(__file__).parents[2] / "profiles" / "examples" / "example-aug-hospital.toml"
CD = ("-p", "STD-GEN-CD")


@pytest.fixture(autouse=True)
def _nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIAKIT_PROFILES", raising=False)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


class TestTheReport:
    def test_it_holds_the_manifest_and_is_valid_under_its_schema(self, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        said = mediakit("burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso", "--report", report)
        assert said.code == 0
        document: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        jsonschema.validate(document, json_schema())
        assert document["exit_code"] == 0
        assert document["counts"] == {"converted": 6, "not-dicom": 1, "written": 34}
        assert sorted(one["source"] for one in document["files"]) == sorted(map(str, files_in(SAMPLES)))
        for one in document["files"]:
            if one["state"] == "written":
                assert one["sha256"] == sha256(Path(one["source"]))
            if one["state"] in {"written", "converted"}:
                assert one["file_id"].startswith("DICOM/")
                assert one["sop_instance_uid"] == pydicom.dcmread(one["source"]).SOPInstanceUID
                assert len(one["sha256"]) == 64

    def test_json_on_standard_output_is_the_same_document(self, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        said = mediakit(
            "burn", "--all-patients", CT_FOLDER, *CD, "-o", tmp_path / "a.iso", "--report", report, "--json"
        )
        assert said.out == report.read_text(encoding="utf-8")
        assert said.document["counts"] == {"written": 10}
        assert said.err == ""

    def test_it_is_written_when_nothing_else_is(self, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        said = mediakit(
            "burn", "--all-patients", CR, "-p", "STD-CTMR-CD", "-o", tmp_path / "a.iso", "--report", report
        )
        assert said.code == 4
        assert json.loads(report.read_text())["counts"] == {"refused": 1}
        assert left_in(tmp_path) == ["report.json"]

    def test_a_place_where_it_cannot_be_is_told_before_the_burn(self, tmp_path: Path) -> None:
        out = tmp_path / "a.iso"
        for report in (tmp_path / "nowhere" / "r.json", tmp_path, out, out / "r.json"):
            said = mediakit("burn", "--all-patients", CT_1, *CD, "-o", out, "--report", report, "--json")
            assert said.code == 2
            assert said.document["schema"] == "mediakit/error/1"
        assert left_in(tmp_path) == []

    def test_two_runs_give_the_same_report(self, tmp_path: Path) -> None:
        arguments = ("burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso", "--json", "-n")
        assert mediakit(*arguments).out == mediakit(*arguments).out


class TestExitCodes:
    def test_0_when_every_file_is_in_a_good_state(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", CT_FOLDER, NOTES, *CD, "-o", tmp_path / "a.iso", "--json")
        assert said.code == 0
        assert said.document["outcome"] == "good"

    def test_1_when_files_are_left_out(self, tmp_path: Path) -> None:
        arguments = (
            "burn",
            "--all-patients",
            CT_1,
            CR,
            "-p",
            "STD-CTMR-CD",
            "-o",
            tmp_path / "a.iso",
            "--on-reject",
            "skip",
        )
        said = mediakit(*arguments, "--json")
        assert said.code == 1
        assert said.document["counts"] == {"refused": 1, "written": 1}
        assert (tmp_path / "a.iso").exists()

    def test_1_when_findings_count_from_what_was_asked(self, tmp_path: Path) -> None:
        poor = altered(CT_1, tmp_path / "in", StudyID="")
        for number, (severity, code) in enumerate((("error", 0), ("warning", 1), ("note", 1))):
            out = tmp_path / f"{number}.iso"
            assert (
                mediakit("burn", "--all-patients", poor, *CD, "-o", out, "--fail-on", severity).code == code
            )

    @pytest.mark.parametrize(
        "arguments",
        [
            ("-p", "STD-GEN-CC", "-o", "a.iso"),
            ("-p", "STD-GEN-SEC-CD", "-o", "a.iso"),
            ("-p", "STD-GEN-CD", "-o", "a.zip"),
            ("-p", "STD-GEN-CD", "-o", "nowhere/a.iso"),
            ("-p", "STD-GEN-CD", "-o", "a.iso", "--capacity", "bd25"),
            ("-p", "STD-GEN-CD", "-o", "a.iso", "--file-set-id", "no good"),
            ("-p", "STD-GEN-CD", "-o", "a.iso", "--profiles", "nowhere.toml"),
            ("-p", "STD-GEN-CD", "-o", "a.iso", "--config", "nowhere.toml"),
            ("-p", "STD-GEN-CD", "-o", "exists.iso"),
            ("-p", "STD-GEN-CD", "-o", "full"),
            ("-p", "STD-GEN-CD", "-o", "n" * 300 + ".iso"),
            ("-p", "STD-GEN-CD", "-o", "exists.iso/a.iso"),
            ("-p", "STD-GEN-CD", "-o", "a.iso", "--report", "n" * 300),
        ],
    )
    def test_2_when_the_call_is_wrong(
        self, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folder_of(tmp_path, {"exists.iso": b"x", "full/file": b"y"})
        said = mediakit("burn", "--all-patients", CT_1, *arguments, "--json")
        assert said.code == 2
        assert said.document["schema"] == "mediakit/error/1"
        assert said.document["outcome"] == "usage"
        assert said.err.startswith("error: ")
        assert left_in(tmp_path) == ["exists.iso", "full"]
        assert (tmp_path / "exists.iso").read_bytes() == b"x"

    @pytest.mark.parametrize("arguments", [("nowhere",), ("empty",), ("only-notes",)])
    def test_3_when_there_is_nothing_to_read(
        self, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        folder_of(tmp_path / "only-notes", {"notes.txt": NOTES})
        said = mediakit("burn", "--all-patients", *arguments, *CD, "-o", "a.iso", "--json")
        assert said.code == 3
        assert said.document["outcome"] == "source"
        assert left_in(tmp_path) == ["empty", "only-notes"]

    def test_4_when_it_does_not_fit_the_profile_or_the_medium(self, tmp_path: Path) -> None:
        out = tmp_path / "a.iso"
        refused = mediakit("burn", "--all-patients", CT_1, CR, "-p", "STD-CTMR-CD", "-o", out, "--json")
        too_big = mediakit(
            "burn", "--all-patients", CT_FOLDER, *CD, "-o", out, "--capacity", "50kB", "--json"
        )
        assert (refused.code, refused.document["counts"]) == (4, {"refused": 1, "withheld": 1})
        assert (too_big.code, too_big.document["counts"]) == (4, {"withheld": 10})
        assert left_in(tmp_path) == []

    def test_a_fault_of_ours_is_70_and_never_looks_like_a_finding(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("Beispiel^Patient")

        monkeypatch.setattr("mediakit.journeys.burn.burn_fitting", broken)
        said = mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso", "--json")
        assert said.code == 70
        assert said.document["why"] == "ZeroDivisionError"
        assert "Beispiel" not in said.out + said.err


class TestWhatPeopleRead:
    def test_the_summary_is_on_standard_output_and_the_findings_beside_it(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso")
        assert "  written    34 files" in said.out
        assert "every byte equal" in said.out
        assert said.out.endswith("outcome: good (exit code 0)\n")
        assert "warning: MK-CNV-002" in said.err

    def test_quiet_says_nothing_when_all_is_well(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso", "-q")
        assert (said.code, said.out, said.err) == (0, "", "")

    def test_quiet_still_tells_errors(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", CR, "-p", "STD-CTMR-CD", "-o", tmp_path / "a.iso", "-q")
        assert (said.code, said.out) == (4, "")
        assert "MK-PRO-003" in said.err

    def test_verbose_lists_every_file(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso", "-v")
        assert all(str(path) in said.out for path in files_in(SAMPLES))
        assert "note: " in said.err

    def test_the_rehearsal_prints_the_plan(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", CT_FOLDER, *CD, "-o", tmp_path / "a.iso", "--dry-run")
        assert said.code == 0
        assert said.out.count("DICOM/P0000001/S0000001/E0000001/I00000") == 10
        assert "  planned    10 files" in said.out
        assert left_in(tmp_path) == []

    def test_the_rehearsal_as_json_has_the_file_ids_of_the_real_burn(self, tmp_path: Path) -> None:
        rehearsed = mediakit(
            "burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso", "-n", "--json"
        ).document
        real = mediakit("burn", "--all-patients", SAMPLES, *CD, "-o", tmp_path / "a.iso", "--json").document
        planned = {one["source"]: one.get("file_id") for one in rehearsed["files"]}
        assert {one["source"]: one.get("file_id") for one in real["files"]} == planned
        assert rehearsed["figures"]["file_set_uid"] == real["figures"]["file_set_uid"]
        assert rehearsed["counts"] == {"not-dicom": 1, "planned": 40}

    def test_the_hint_tells_how_to_replace_a_target(self, tmp_path: Path) -> None:
        (tmp_path / "a.iso").touch()
        said = mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso")
        assert "--force" in said.err
        assert mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso", "--force").code == 0

    def test_an_unknown_profile_is_told_with_its_neighbours(self, tmp_path: Path) -> None:
        said = mediakit("burn", "--all-patients", CT_1, "-p", "STD-GEN-CC", "-o", tmp_path / "a.iso")
        assert "hint: did you mean STD-GEN-CD" in said.err

    def test_no_patient_is_named_anywhere(self, tmp_path: Path) -> None:
        """The samples' folders have neutral copies here, so that a name can only come from inside a file."""
        source = folder_of(tmp_path / "in", {f"{n:03d}": path for n, path in enumerate(files_in(SAMPLES))})
        broken = CT_1.read_bytes()
        folder_of(source, {"cut": broken[: len(broken) // 2], "head": broken[:700]})
        for number, options in enumerate(
            [
                ("--on-reject", "skip", "-v", "--progress", "always"),
                ("-n", "-v"),
                ("--json", "--on-reject", "skip"),
                ("-v", "-p", "STD-CTMR-CD"),
                ("-v", "--convert", "none", "--supply", "none"),
            ]
        ):
            said = mediakit("burn", "--all-patients", source, *CD, "-o", tmp_path / f"{number}.iso", *options)
            assert said.out
            shown = said.out + said.err
            assert [name for name in NAMES if name in shown] == []


class TestOptionsReachTheJourney:
    def test_convert_none(self, tmp_path: Path) -> None:
        arguments = (
            "burn",
            "--all-patients",
            CT_THIN,
            *CD,
            "-o",
            tmp_path / "a.iso",
            "--convert",
            "none",
            "--json",
        )
        assert mediakit(*arguments).document["counts"] == {"refused": 4}

    def test_supply_none(self, tmp_path: Path) -> None:
        poor = altered(CT_1, tmp_path / "poor", StudyID="")
        arguments = (
            "burn",
            "--all-patients",
            poor,
            *CD,
            "-o",
            tmp_path / "a.iso",
            "--supply",
            "none",
            "--json",
        )
        assert mediakit(*arguments).document["counts"] == {"refused": 1}

    def test_add_and_file_set_id(self, tmp_path: Path) -> None:
        extra = folder_of(tmp_path / "extra", {"README.TXT": b"hello"})
        options = ("--add", extra, "--file-set-id", "RAD_1", "--json")
        document = mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "out", *options).document
        assert document["counts"] == {"written": 2}
        assert document["figures"]["file_set_id"] == "RAD_1"
        assert (tmp_path / "out" / "README.TXT").read_bytes() == b"hello"

    def test_no_proof(self, tmp_path: Path) -> None:
        document = mediakit(
            "burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso", "--no-proof", "--json"
        ).document
        assert "proof" not in document["figures"]

    def test_capacity(self, tmp_path: Path) -> None:
        options = ("--capacity", "cd80", "-n", "--json")
        figures = mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso", *options).document[
            "figures"
        ]
        assert figures["capacity_bytes"] == 737_280_000

    def test_source_date_epoch_gives_identical_bytes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
        for name in ("a.iso", "b.iso"):
            assert mediakit("burn", "--all-patients", CT_1, CT_2, *CD, "-o", tmp_path / name).code == 0
        assert (tmp_path / "a.iso").read_bytes() == (tmp_path / "b.iso").read_bytes()
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225601")
        assert mediakit("burn", "--all-patients", CT_1, CT_2, *CD, "-o", tmp_path / "c.iso").code == 0
        assert (tmp_path / "c.iso").read_bytes() != (tmp_path / "a.iso").read_bytes()

    @pytest.mark.parametrize("epoch", ["", "yesterday", "9" * 30, "1e9"])
    def test_a_source_date_epoch_that_is_none_is_told(
        self, epoch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        assert mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso", "--json").code == 2

    @pytest.mark.parametrize("epoch", ["-1", "-62135596800", "253402300799"])
    def test_a_time_that_no_medium_can_hold_is_no_fault_of_ours(
        self, epoch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        for name, profile in (("a.iso", "STD-GEN-CD"), ("a.zip", "STD-GEN-ZIP-MAIL"), ("a", "STD-GEN-CD")):
            said = mediakit("burn", "--all-patients", CT_1, "-p", profile, "-o", tmp_path / name, "--json")
            assert said.code in {0, 2}
            assert (tmp_path / name).exists() == (said.code == 0)


class TestUserProfiles:
    def test_they_come_by_option_environment_or_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        arguments = ("burn", "--all-patients", CR, "-p", "AUG-HOSPITAL-CD", "-o", "a.iso", "-n", "--json")
        assert mediakit(*arguments).code == 2
        assert mediakit(*arguments, "--profiles", EXAMPLE).code == 0
        assert mediakit(*arguments, "--profiles", EXAMPLE.parent).code == 0
        monkeypatch.setenv("MEDIAKIT_PROFILES", str(EXAMPLE))
        assert mediakit(*arguments).code == 0
        monkeypatch.delenv("MEDIAKIT_PROFILES")
        config = tmp_path / "mediakit.toml"
        config.write_text(f'profiles = ["{EXAMPLE.as_posix()}"]')
        assert mediakit(*arguments).code == 2  # none is read from the working folder
        monkeypatch.setenv("MEDIAKIT_CONFIG", str(config))
        document = mediakit(*arguments).document
        assert document["figures"]["profile"] == "AUG-HOSPITAL-CD"

    def test_their_faults_are_told_together(self, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong.toml"
        wrong.write_text(
            'schema = 1\n[[profile]]\nid = "AUG-X"\nextends = "STD-GEN-CD"\nmedium = "clay"\ncolour = 1\n'
        )
        said = mediakit(
            "burn", "--all-patients", CR, *CD, "-o", tmp_path / "a.iso", "--profiles", wrong, "--json"
        )
        assert said.code == 2
        assert "wrong.toml" in said.out


class TestProfiles:
    def test_list(self) -> None:
        assert mediakit("profiles", "list").out.endswith("82 profiles\n")
        document = json.loads(mediakit("profiles", "list", "--json").out)
        assert len(document["profiles"]) == 82

    def test_list_with_those_of_the_user(self) -> None:
        said = mediakit("profiles", "list", "--profiles", EXAMPLE)
        assert "AUG-HOSPITAL-CD" in said.out
        assert said.out.endswith("83 profiles\n")

    def test_show(self) -> None:
        said = mediakit("profiles", "show", "STD-XABC-CD")
        assert said.code == 0
        assert "icon: required" in said.out
        document = json.loads(mediakit("profiles", "show", "STD-XABC-CD", "--json").out)
        assert document["icon"]["rows"] == 128

    def test_show_of_what_does_not_exist(self) -> None:
        said = mediakit("profiles", "show", "STD-XABC-DVD", "--json")
        assert said.code == 2
        assert said.document["journey"] == "profiles show"

    def test_fit_tells_which_profiles_take_the_study(self) -> None:
        said = mediakit("profiles", "fit", CT_FOLDER)
        assert said.code == 0
        as_they_are = said.out.split("after a lossless")[0]
        assert "STD-CTMR-CD" in as_they_are
        assert "STD-XABC-CD" not in as_they_are

    def test_fit_agrees_with_the_burn(self, tmp_path: Path) -> None:
        document = json.loads(mediakit("profiles", "fit", CT_FOLDER, "--json").out)
        assert document["instances"] == 10
        verdicts = {one["profile_id"]: one["takes_all_as_is"] for one in document["profiles"]}
        assert len(verdicts) == 82
        for name in ("STD-GEN-CD", "STD-CTMR-CD", "STD-XABC-CD", "STD-DEN-CD", "STD-US-ID-MF-CDR"):
            options = ("--convert", "none", "-n", "--json")
            said = mediakit("burn", "--all-patients", CT_FOLDER, "-p", name, "-o", tmp_path / "out", *options)
            assert (said.code == 0) is verdicts[name], name

    def test_fit_of_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        said = mediakit("profiles", "fit", tmp_path / "empty", "--json")
        assert said.code == 3
        assert said.document["error"] == "no DICOM instance found"

    def test_fit_tells_what_could_not_be_read(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1, "cut": CT_2.read_bytes()[:5000]})
        said = mediakit("profiles", "fit", source)
        assert said.code == 1
        assert "unreadable" in said.out

    def test_check(self, tmp_path: Path) -> None:
        assert mediakit("profiles", "check", EXAMPLE).out == f"{EXAMPLE}: sound\n"
        wrong = tmp_path / "wrong.toml"
        wrong.write_text("schema = 1\n[[profile]]\nid = 'NOT-A-NAME'\ncolour = 1\n")
        said = mediakit("profiles", "check", wrong, "--json")
        assert said.code == 2
        assert json.loads(said.out)["sound"] is False

    def test_check_of_what_is_no_profile_file(self, tmp_path: Path) -> None:
        for content in (b"", b"\xff\xfe", b"[", b"schema = 99\n"):
            (tmp_path / "odd.toml").write_bytes(content)
            assert mediakit("profiles", "check", tmp_path / "odd.toml", "--json").code == 2
        assert mediakit("profiles", "check", tmp_path / "nowhere.toml", "--json").code in {2, 3}


class TestAsAProcess:
    def test_a_burn_from_another_folder(self, tmp_path: Path) -> None:
        said = process("burn", "--all-patients", SAMPLES, *CD, "-o", "a.iso", "--json", cwd=tmp_path)
        assert said.code == 0
        assert said.document["counts"]["written"] == 34
        assert said.err == ""
        assert left_in(tmp_path) == ["a.iso"]

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
    def test_names_that_the_terminal_cannot_show_end_nothing(self, encoding: str, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"試験 Jörg 𝄞": CT_1, "Ελένη.txt": NOTES})
        order = ("burn", "--all-patients", source, *CD, "--viewer", "none")
        as_json = process(*order, "-o", tmp_path / "a.iso", "--json", PYTHONIOENCODING=encoding)
        assert as_json.code == 0
        names = {Path(one["source"]).name for one in as_json.document["files"]}
        assert names == {"試験 Jörg 𝄞", "Ελένη.txt"}
        as_text = raw(*order, "-o", tmp_path / "b.iso", "-v", PYTHONIOENCODING=encoding)
        assert as_text.stdout.rstrip().endswith(b"(exit code 0)")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("inspect", "--json"),
            ("burn", "--all-patients", "x", "--json", "--nonsense"),
            ("nonsense", "--json"),
        ],
    )
    def test_a_call_that_cannot_be_parsed_is_answered_in_json_too(self, arguments: tuple[str, ...]) -> None:
        said = process(*arguments)
        assert said.code == 2
        assert said.document["schema"] == "mediakit/error/1"
        assert "Usage:" in said.err

    def test_help_and_version(self) -> None:
        assert process("--version").out.startswith("mediakit ")
        said = process("burn", "--all-patients", "-h")
        assert said.code == 0
        for option in ("--profile", "--out", "--on-reject", "--convert", "--supply", "--report", "--json"):
            assert option in said.out


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_report_is_for_its_owner_alone(tmp_path: Path) -> None:
    for name in ("report.json", "report.html"):
        said = mediakit("burn", CT_1, *CD, "-o", tmp_path / f"{name}.iso", "--report", tmp_path / name)
        assert said.code == 0, said.err
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("size", "is_loaded"), [(1, False), (8_000_000, True)])
def test_a_small_medium_is_proven_without_loading_what_makes_quick_codes(
    size: int, is_loaded: bool, tmp_path: Path
) -> None:
    extra = folder_of(tmp_path / "extra", {"A.BIN": bytes(size)})
    script = (
        "import sys; from mediakit.cli.start import run\n"
        "try: run()\nfinally: print('cryptography' in sys.modules, file=sys.stderr)"
    )
    words = ("burn", str(CT_1), "--add", str(extra), "-p", "STD-GEN-CD", "-o", str(tmp_path / "o.iso"))
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "every byte equal" in done.stdout
    assert done.stderr.splitlines()[-1] == str(is_loaded)
