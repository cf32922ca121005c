"""Drives and xorriso at their worst: each ends in bounded time, with a word that is true."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mediakit.drives.disc import Disc, DiscStatus
from mediakit.drives.read_back import reload_disc
from mediakit.drives.xorriso import How, Limits, Xorriso, all_drives, burn, state_of
from mediakit.errors import (
    IntegrityError,
    MediakitError,
    NotBurnedError,
    SpoiledError,
    UnreadError,
    UsageError,
)
from mediakit.events import Event, Noted, silence
from mediakit.stages.act.writing import reason_for
from tests.support.cli import command, mediakit
from tests.support.fake_xorriso import BLANK, answer, put_fake
from tests.support.people import Person, medium_of
from tests.support.studies import CT_1, CT_2, CT_3

ANNA = Person(patient_id="1", name="A^B", birth_date="19700101", sex="F")
QUICK = Limits(silent_s=0.2, total_s=1, leave_s=1)
BEGUN = "echo 'I:1: Beginning to write data track.'"
DONE = "echo \"I:1: Writing to '$target' completed successfully.\""


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


def error_of(burn_script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> MediakitError:
    """Return how a burn ends with this script in the place of xorriso."""
    put_fake(folder, monkeypatch, burn_script)
    image = folder / "image"
    image.write_bytes(bytes(2048))
    disc = Disc(device=f"stdio:{folder}/drive", kind="CD-R", status=DiscStatus.BLANK, free_bytes=1 << 20)
    limits = QUICK if "sleep" in burn_script or "while" in burn_script else Limits()  # a busy machine is slow
    with pytest.raises(MediakitError) as caught:
        burn(disc, image, How(), silence, limits)
    return caught.value


def test_a_burn_that_fails_says_whether_the_disc_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = "echo 'I:1: libburn : FATAL : SCSI error on write'"
    cases = {
        "exit 1": (NotBurnedError, "without a word of success"),
        "exit 0": (NotBurnedError, "without a word of success"),
        "sleep 60": (NotBurnedError, "does not answer"),
        "yes nonsense": (NotBurnedError, "does not speak as it should"),
        "while :; do echo 'I:1: UPDATE'; done": (NotBurnedError, "does not answer"),
        "head -c 9000000 /dev/zero": (NotBurnedError, "does not speak as it should"),
        f"{failure}; exit 5": (NotBurnedError, "SCSI error on write"),
        f"{BEGUN}; {failure}; exit 5": (SpoiledError, "SCSI error on write"),
        f"{BEGUN}; sleep 60": (SpoiledError, "does not answer"),
        f"{BEGUN}; kill -9 $$": (SpoiledError, "without a word of success"),
        f"{BEGUN}; trap '' TERM; sleep 60": (SpoiledError, "does not answer"),
        f"{DONE}; exit 7": (NotBurnedError, "ended with 7"),
    }
    for script, (kind, words) in cases.items():
        exc = error_of(script, tmp_path, monkeypatch)
        assert type(exc) is kind, script
        assert words in str(exc), script


def test_a_drive_whose_state_cannot_be_asked_ends_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = {
        "sleep 60": (IntegrityError, "does not answer"),
        "echo hello; exit 0": (IntegrityError, "nothing that can be understood"),
        "exit 9": (IntegrityError, "nothing that can be understood"),
        "echo 'I:1: libburn : FAILURE : Drive is busy'; exit 5": (UsageError, "Drive is busy"),
    }
    for script, (kind, words) in cases.items():
        put_fake(tmp_path, monkeypatch, "", state=script)
        with pytest.raises(MediakitError, match=words) as caught:
            state_of("/dev/sr0", QUICK)
        assert type(caught.value) is kind, script


def test_a_process_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = put_fake(tmp_path, monkeypatch, "", state="trap '' TERM; echo 'R:1: x'; while :; do :; done")
    with Xorriso(("-toc",), "drive", QUICK) as run:
        next(run.packets())
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def burned(folder: Path, *options: str | Path) -> tuple[int, str]:
    """Burn a small study with the xorriso that is there; return the exit code and what was said."""
    source = medium_of(folder / "cd", [ANNA])
    said = mediakit("burn", source, "-p", "STD-GEN-CD", "--device", f"stdio:{folder}/drive", *options)
    left = [path for path in (folder / "state").rglob("*") if path.is_file()]
    assert left == [], "an image with patient data stayed behind"
    return said.code, said.err + said.out


def test_a_disc_that_was_not_written_whole_is_to_be_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage = "printf X | dd of=$target bs=1 seek=40000 conv=notrunc 2>/dev/null"
    damaged = f"{BEGUN}; cp $image $target; {damage}; {DONE}"
    cases = {
        f"{BEGUN}; exit 5": "was not written to its end",
        damaged: "from byte 40,000 on",
        f"{BEGUN}; head -c 50000 $image >$target; {DONE}": "from byte 50,000 on",
        f"{BEGUN}; {DONE}": "cannot be read back",
    }
    for script, words in cases.items():
        (tmp_path / "drive").unlink(missing_ok=True)
        put_fake(tmp_path, monkeypatch, script)
        code, text = burned(tmp_path)
        assert code == 8, script
        assert "MK-DRV-001" in text, script
        assert words in text, script
        assert "throw the disc away" in text
        assert "  written " not in text


def test_a_disc_that_the_drive_does_not_show_again_is_not_called_good_or_bad(tmp_path: Path) -> None:
    device, heard = tmp_path / "device", list[Event]()
    device.write_bytes(bytes(4096))
    reload_disc(device, 4096, heard.append)
    assert heard == []
    with pytest.raises(UnreadError, match="shows less than was written") as caught:
        reload_disc(device, 4097, heard.append, wait_s=0)
    assert [event for event in heard if isinstance(event, Noted) and "close it" in event.words]
    assert reason_for(caught.value).rule.id == "MK-DRV-008"


def test_a_disc_that_was_changed_before_it_is_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank, other = (BLANK.format(kind="CD-R", blocks=blocks) for blocks in (360_000, 330_000))
    second = f"test -f $0.again && {{ {answer(other)}exit; }}; touch $0.again\n"
    put_fake(tmp_path, monkeypatch, f"{BEGUN}; cp $image $target; {DONE}", second + answer(blank))
    code, text = burned(tmp_path)
    assert (code, "is not the one that was there before" in text) == (8, True), text
    assert not (tmp_path / "drive").exists()
    assert "throw" not in text
    assert "MK-DRV-009" in text


def test_of_several_media_those_that_are_good_are_named_when_a_later_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = f"{BEGUN}; cp $image $target; {DONE}"
    put_fake(tmp_path, monkeypatch, f"case $target in *one) {good};; *) {BEGUN}; exit 5;; esac")
    order = ("burn", CT_1, CT_2, CT_3, "-p", "STD-GEN-CD", "--capacity", "480kB", "--span")
    drives = ("--device", f"stdio:{tmp_path}/one", "--device", f"stdio:{tmp_path}/two")
    said = mediakit(*order, *drives, "--json")
    assert said.code == 8
    assert said.document["figures"]["copies"] == 1
    assert [one["written_bytes"] is not None for one in said.document["media"]] == [True, False]
    assert {(one["medium"], one["state"]) for one in said.document["files"]} == {
        (1, "written"),
        (2, "failed"),
    }
    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    (tmp_path / "one").unlink()
    text = mediakit(*order, *drives)
    assert "of 2 media, each of at most 480000 bytes, 1 is good: medium 1 (DICOM_1)" in text.err
    assert "MK-DRV-001" in text.err
    assert "1 medium is good" in text.out
    put_fake(tmp_path, monkeypatch, f"{BEGUN}; exit 5")
    assert "MK-DRV-006" not in mediakit(*order, *drives).err


def test_a_disc_that_is_too_small_stays_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_fake(tmp_path, monkeypatch, "echo burned > $target", blocks=20)
    for options in ((), ("-n",), ("--capacity", "cd74")):
        code, text = burned(tmp_path, *options)
        assert code == 4, text
        assert not (tmp_path / "drive").exists()


def test_the_disc_in_the_drive_must_suit_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_fake(tmp_path, monkeypatch, "", state=answer(BLANK.format(kind="DVD-R", blocks=2_000_000)))
    code, text = burned(tmp_path)
    assert code == 2
    assert "the DVD-R in the drive is not a 120 mm CD-R" in text
    assert "insert CD-R" in text


def test_without_xorriso_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, text = burned(tmp_path)
    assert code == 2
    assert "apt install xorriso" in text
    assert mediakit("disc", "list").code == 2


def test_drives_are_listed_with_those_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = put_fake(tmp_path, monkeypatch, "").parent / "bin" / "xorriso"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *-device_links*)\n'
        + answer(
            "R:1: 0  -dev '/dev/sr0' rwrw-- :  'ACME' 'ONE'\nR:1: 1  -dev '/dev/sr1' rwrw-- :  'B' 'TWO'\n"
        )
        + ";;\n*sr0*)\n"
        + answer(BLANK.format(kind="CD-R", blocks=359_845))
        + ";;\n*) echo 'I:1: libburn : FAILURE : Drive is busy'; exit 5;;\nesac\n"
    )
    assert [(disc.device, disc.status) for disc in all_drives()] == [
        ("/dev/sr0", DiscStatus.BLANK),
        ("/dev/sr1", DiscStatus.UNUSABLE),
    ]
    said = mediakit("disc", "list")
    assert "/dev/sr0  ACME BD-RE  CD-R, blank, 737.0 MB, 737.0 MB free" in said.out
    assert "/dev/sr1  B TWO  cannot be used" in said.out
    first, second = mediakit("disc", "list", "--json").out, "unusable"
    assert '"capacity_bytes": 736962560' in first
    assert second in first


def test_copies_need_a_person_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_fake(tmp_path, monkeypatch, f"{BEGUN}; cp $image $target; {DONE}")
    code, text = burned(tmp_path, "--copies", "2")
    assert code == 2
    assert "needs a person who changes the media" in text


def test_an_interrupted_burn_ends_its_xorriso(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = put_fake(tmp_path, monkeypatch, f"{BEGUN}; touch $target; exec sleep 60")
    source, drive = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive"
    order = command("burn", source, "-p", "STD-GEN-CD", "--device", f"stdio:{drive}")
    with subprocess.Popen(order, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 30
        while not drive.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "was being written: throw it away" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert [path for path in (tmp_path / "state").rglob("*") if path.is_file()] == []
