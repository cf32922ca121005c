"""Discs by a robot: jobs in a folder, a status that is read, and no word of success that it did not give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediakit.drives.robot import (
    JobPhase,
    JobStatus,
    Robot,
    RobotJob,
    RobotKind,
    job_text,
    sections_of,
    seen,
    status_of,
    text_of,
)
from mediakit.drives.robot_folder import hand_in
from mediakit.errors import UsageError
from tests.support.cli import mediakit
from tests.support.fake_robot import FakeRobot, running
from tests.support.people import Person, medium_of

ANNA = Person(patient_id="PAT-4711", name="Doe^Anna", birth_date="19700101", sex="F")
KINDS = ("primera-jrq", "epson-jdf")


@contextmanager
def ward(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch, wait: float = 1.0, **does: object
) -> Iterator[FakeRobot]:
    """Give a robot called `ward` that works in a folder, with the configuration that names it."""
    watched, images = folder / "watched", folder / "images"
    for made in (watched, images):
        made.mkdir(parents=True)
    config = folder / "config.toml"
    config.write_text(
        f'[robot.ward]\nkind = "{kind}"\nfolder = "watched"\nimages = "{images}"\nwait-minutes = {wait}\n'
    )
    monkeypatch.setenv("MEDIAKIT_CONFIG", str(config))
    monkeypatch.setenv("MEDIAKIT_STATE", str(folder / "state"))
    monkeypatch.setattr("mediakit.journeys.onto_robot._LOOK_EVERY_S", 0.02)
    with running(FakeRobot(kind, watched, **does)) as robot:  # type: ignore[arg-type]
        yield robot


def left_in(folder: Path) -> list[str]:
    """Return what of patients is left where images wait."""
    found = [*(folder / "images").rglob("*"), *(folder / "state").rglob("*")]
    return [path.name for path in found if path.is_file()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_robot_makes_the_discs_and_is_taken_at_its_word(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = medium_of(tmp_path / "cd", [ANNA])
    with ward(tmp_path / kind, kind, monkeypatch, good=2, bad=1) as robot:
        said = mediakit(
            "burn",
            source,
            "-p",
            "STD-GEN-CD",
            "--robot",
            "ward",
            "--copies",
            "2",
            "--json",
            "--fail-on",
            "error",
        )
    assert said.code == 0, said.err
    figures = said.document["figures"]
    assert figures["copies"] == 2
    assert figures["target"] == "robot ward"
    assert "by the word of the robot, not read back" in figures["proof"]
    rules = [finding["rule"] for finding in said.document["findings"]]
    assert "MK-DRV-004" in rules
    assert "MK-DRV-005" in rules, "one disc was rejected"
    assert any(b"DICM" in content for content in robot.burned.values())
    assert left_in(tmp_path / kind) == []
    (job,) = robot.jobs
    for text in (job, *robot.jobs.values(), *robot.burned):
        assert "4711" not in text
        assert "Anna" not in text
    assert "2" in robot.jobs[job].partition("Copies" if kind == "primera-jrq" else "COPIES")[2][:6]


def test_what_a_robot_does_not_call_good_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = medium_of(tmp_path / "cd", [ANNA])
    cases: dict[str, tuple[dict[str, object], float, str, str]] = {
        "failed": (
            {"ends": "failed", "good": 0, "bad": 2, "error": "no more discs"},
            1,
            "MK-DRV-002",
            "failed",
        ),
        "some": ({"ends": "failed", "good": 1, "error": "tray open"}, 1, "MK-DRV-002", "written"),
        "too few": ({"ends": "done", "good": 1}, 1, "MK-DRV-002", "written"),
        "hangs": ({"ends": "hangs"}, 0.005, "MK-DRV-003", "failed"),
        "no word": ({"ends": "vanishes"}, 0.005, "MK-DRV-003", "failed"),
    }
    for number, (name, (does, wait, rule, state)) in enumerate(cases.items()):
        folder, kind = tmp_path / name, KINDS[number % 2]
        with ward(folder, kind, monkeypatch, wait, **does):
            said = mediakit("burn", source, "-p", "STD-GEN-CD", "--robot", "ward", "--copies", "2", "--json")
        assert said.code == 8, name
        found = {finding["rule"]: finding["text"] for finding in said.document["findings"]}
        assert rule in found, name
        assert str(does.get("error", "")) in found[rule], name
        assert said.document["counts"] == {state: 2}, name
        assert bool(left_in(folder)) == (rule == "MK-DRV-003"), "the robot may still need what it burns"


@pytest.mark.parametrize("kind", KINDS)
def test_the_label_goes_to_the_robot_as_a_picture_and_is_taken_away(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = medium_of(tmp_path / "cd", [ANNA])
    pictures: list[bytes] = []

    def noted(given: Robot, asked: RobotJob, image: Path, label: bytes) -> None:
        pictures.append(label)
        hand_in(given, asked, image, label)

    with ward(tmp_path / kind, kind, monkeypatch, good=1) as robot:
        monkeypatch.setattr("mediakit.journeys.onto_robot.hand_in", noted)
        paper = ("--label", tmp_path / "label.pdf")
        said = mediakit("burn", source, "-p", "STD-GEN-CD", "--robot", "ward", *paper)
    assert said.code == 0, said.err
    (job,) = robot.jobs
    key = "PrintLabel = " if kind == "primera-jrq" else "LABEL="
    (line,) = [line for line in robot.jobs[job].splitlines() if line.startswith(key)]
    assert line.endswith(f"{Path(job).stem}.JPG")
    assert pictures[0].startswith(b"\xff\xd8")
    assert (tmp_path / "label.pdf").read_bytes().startswith(b"%PDF")
    assert left_in(tmp_path / kind) == []


def test_an_image_goes_to_a_robot_that_takes_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, image = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "a.iso"
    assert mediakit("burn", source, "-p", "STD-GEN-CD", "-o", image).code == 0
    with ward(tmp_path / "one", "primera-jrq", monkeypatch) as robot:
        said = mediakit("disc", "burn", image, "--robot", "ward")
    assert said.code == 0, said.err
    assert list(robot.burned.values()) == [image.read_bytes()]
    with ward(tmp_path / "two", "epson-jdf", monkeypatch):
        said = mediakit("disc", "burn", image, "--robot", "ward")
    assert said.code == 2
    assert "takes sources" in said.err


def test_jobs_are_shown_and_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = medium_of(tmp_path / "cd", [ANNA])
    for kind in KINDS:
        with ward(tmp_path / kind, kind, monkeypatch, 0.005, ends="hangs") as robot:
            assert mediakit("burn", source, "-p", "STD-GEN-CD", "--robot", "ward").code == 8
            (job,) = robot.jobs
            assert mediakit("robot", "list").out.startswith(f"ward  {kind}  ")
            assert mediakit("robot", "list").out.endswith("  1 job\n")
            assert mediakit("robot", "status", "ward").out == f"{job}  working, 0 good discs, 0 bad\n"
            document = json.loads(mediakit("robot", "status", "ward", job, "--json").out)
            assert document["jobs"][0]["state"] == "working"
            assert mediakit("robot", "cancel", "ward", job).code == 0
            assert mediakit("robot", "cancel", "ward", "mk-nothing").code == 2
            while not robot.cancelled:
                pass
            if kind == "epson-jdf":
                assert robot.cancelled == [f"[CANCEL]\nJOB_ID={job}\n"]
            else:
                assert robot.cancelled == ["Message = ABORT\nClientID = mediakit\n"]
            robot.ends = "done"
            assert left_in(tmp_path / kind)
            (robot.folder / f"{job}.INP").rename(robot.folder / f"{job}.ERR")
            (robot.folder / "TDBStatus.txt").unlink(missing_ok=True)
            assert mediakit("burn", source, "-p", "STD-GEN-CD", "--robot", "ward").code == 0
            assert left_in(tmp_path / kind) == [], "the next job takes away what an earlier one left"


def test_a_robot_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, config = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "config.toml"
    monkeypatch.setenv("MEDIAKIT_CONFIG", str(config))
    table = '[robot.ward]\nkind = "primera-jrq"\nfolder = "gone"\nimages = "gone"\n'
    for text, words in (
        ("", "there is no robot `ward`"),
        ("robot = 1\n", "must be a table of tables"),
        (table.replace("primera-jrq", "rimage"), "the robot is wrong"),
        (table + "colour = 1\n", "known keys: kind, folder, images"),
        (table, "a folder of the robot ward is not there"),
    ):
        config.write_text(text)
        said = mediakit("burn", source, "-p", "STD-GEN-CD", "--robot", "ward")
        assert said.code == 2
        assert words in said.err, said.err
    (tmp_path / "gone").mkdir()
    for options, words in (
        (("-p", "STD-GEN-USB-JPEG"), "is not a disc that a robot makes"),
        (("-p", "STD-GEN-CD", "--speed", "8"), "only `--copies` goes with `--robot`"),
        (("-p", "STD-GEN-CD", "-o", tmp_path / "x.iso"), "exclude each other"),
        (("-p", "STD-GEN-CD", "--device", "stdio:/x"), "exclude each other"),
    ):
        said = mediakit("burn", source, "--robot", "ward", *options)
        assert said.code == 2
        assert words in said.err, said.err
    assert list((tmp_path / "gone").iterdir()) == []


def robot(kind: RobotKind, seen_as: str = "D:\\images") -> Robot:
    place = Path("/mnt/robot")
    return Robot(name="w", kind=kind, folder=place, images=place, seen_as=seen_as, status=place)


def test_paths_are_spelled_as_the_robot_sees_them() -> None:
    for place, expected in (
        ("D:\\images", "D:\\images\\a\\b"),
        ("\\\\server\\share\\", "\\\\server\\share\\a\\b"),
        ("E:", "E:\\a\\b"),
        ("/mnt/images/", "/mnt/images/a/b"),
    ):
        assert seen(robot(RobotKind.PRIMERA, place), "a/b") == expected
    text = job_text(
        robot(RobotKind.EPSON), RobotJob(job_id="mk-1", copies=3, disc="CD", content=("DICOMDIR",))
    )
    assert b"DATA=D:\\images\\mk-1\\DICOMDIR\t\\DICOMDIR\r\n" in text
    with pytest.raises(UsageError):
        job_text(robot(RobotKind.PRIMERA, "D:\\\u4e2d"), RobotJob(job_id="mk-1", copies=1, disc="CD"))
    with pytest.raises(UsageError):
        job_text(robot(RobotKind.PRIMERA), RobotJob(job_id="Doe Anna", copies=1, disc="CD"))


def test_a_status_is_read_whatever_its_encoding_and_however_broken() -> None:
    text = "[mk-1]\r\nJobState = 2\r\nGoodDiscs = 3\r\nCurrentStatus=fertig \u00fc\r\n"
    for content in (
        text.encode(),
        text.encode("cp1252"),
        text.encode("utf-16"),
        b"\xef\xbb\xbf" + text.encode(),
    ):
        sections = sections_of(text_of(content))
        assert status_of(robot(RobotKind.PRIMERA), "mk-1", [sections], ".DON") == JobStatus(
            phase=JobPhase.DONE, good=3
        )
    for content in (
        b"",
        b"\0" * 500,
        b"[",
        b"]=[",
        b"[mk-1]",
        b"[mk-1]\nGoodDiscs=-1\nJobState=99999999999\n",
    ):
        for kind in RobotKind:
            found = status_of(robot(kind), "mk-1", [sections_of(text_of(content))], ".DON")
            assert found == JobStatus(), content
    done = "[mk-1]\nJobState=2\nGoodDiscs=1\nJobErrorNumber=5\nJobErrorString=bad \x1b[31m drive\n"
    found = status_of(robot(RobotKind.PRIMERA), "mk-1", [sections_of(done)], ".DON")
    assert found.phase is JobPhase.FAILED
    assert found.error == "bad \\x1b[31m drive"
