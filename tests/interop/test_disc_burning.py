"""Burning with the real xorriso, onto a file that stands for a drive."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediakit import BurnOrder, Outcome, UsageError, burn, drive_at
from mediakit.drives.disc import DiscStatus
from mediakit.drives.xorriso import state_of
from tests.support.cli import command, mediakit
from tests.support.peers import need, run
from tests.support.people import Person, medium_of
from tests.support.studies import CT_1, CT_2, CT_3, folder_of
from tests.support.terminal import answered
from tests.support.updating import content_of

pytestmark = pytest.mark.interop
ANNA = Person(patient_id="1", name="A^B", birth_date="19700101", sex="F")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    need("xorriso")
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))
    yield
    left = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert left == [], "an image with patient data stayed behind"


def test_a_study_is_burned_read_back_and_conforms(tmp_path: Path) -> None:
    source, drive = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive"
    said = mediakit("burn", source, "-p", "STD-GEN-CD", "--device", f"stdio:{drive}", "--json")
    assert said.code == 0, said.err
    figures = said.document["figures"]
    assert figures["target"] == f"stdio:{drive}"
    assert figures["copies"] == 1
    assert "read back from the drive, every byte equal" in figures["proof"]
    assert said.document["counts"] == {"written": 2}
    assert state_of(f"stdio:{drive}").status is DiscStatus.APPENDABLE
    judged, alike = (mediakit("validate", one, "--json").document for one in (drive, f"stdio:{drive}"))
    assert (judged["verdicts"], judged["findings"]) == (alike["verdicts"], alike["findings"])
    assert alike["figures"]["instances"] == 2
    assert mediakit("inspect", f"stdio:{drive}").code == 0
    assert mediakit("validate", f"stdio:{drive}-2").code == 3
    assert "a device is not written anew" in mediakit("update", f"stdio:{drive}", "--add", source).err
    listed = run("xorriso", "-indev", f"stdio:{drive}", "-find", "/", "-type", "f").stdout
    assert "'/DICOMDIR'" in listed


def test_an_image_is_burned_byte_for_byte(tmp_path: Path) -> None:
    source, drive, image = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive", tmp_path / "a.iso"
    assert mediakit("burn", source, "-p", "STD-GEN-CD", "-o", image).code == 0
    said = mediakit("disc", "burn", image, "--device", f"stdio:{drive}")
    assert said.code == 0, said.err
    assert "every byte equal" in said.out
    content = image.read_bytes()
    assert drive.read_bytes()[: len(content)] == content


def test_a_disc_that_is_not_blank_is_erased_only_when_that_is_said(tmp_path: Path) -> None:
    source, drive = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive"
    order = ("burn", source, "-p", "STD-GEN-CD", "--device", f"stdio:{drive}")
    assert mediakit(*order).code == 0
    before = drive.read_bytes()
    said = mediakit(*order, "--manifest")
    assert said.code == 2
    assert "--yes-erase" in said.err
    assert drive.read_bytes() == before
    assert mediakit(*order, "--manifest", "--yes-erase").code == 0
    assert "MANIFEST.TXT" in mediakit("inspect", drive, "--json").out


def test_a_rehearsal_and_a_simulation_leave_the_disc_blank(tmp_path: Path) -> None:
    source, drive = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive"
    for option in ("-n", "--simulate"):
        said = mediakit("burn", source, "--device", f"stdio:{drive}", "-p", "STD-GEN-CD", option, "--json")
        assert said.code == 0, said.err
        assert said.document["counts"] == {"planned": 2}
        assert state_of(f"stdio:{drive}").status is DiscStatus.BLANK


def test_a_disc_is_left_open_only_where_the_profile_allows_it(tmp_path: Path) -> None:
    source, drive = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive"
    order = ("burn", source, "--device", f"stdio:{drive}", "--leave-open", "-p")
    assert mediakit(*order, "STD-GEN-CD").code == 0
    said = mediakit(*order, "STD-GEN-BD-JPEG", "--yes-erase")
    assert said.code == 2
    assert "asks for a disc that is finalised" in said.err


def test_a_drive_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = medium_of(tmp_path / "cd", [ANNA])
    for device, words in (
        (f"stdio:{tmp_path}/no/such/folder", "stdio-path"),
        (f"stdio:{tmp_path}", "is a folder, and no drive"),
        ("/dev/no-such-drive", "there is no such device"),
        (str(tmp_path / "cd" / "IM0_0"), "is not a device"),
    ):
        said = mediakit("burn", source, "-p", "STD-GEN-CD", "--device", device)
        assert said.code == 2
        assert words in said.err


def test_only_an_image_that_conforms_is_put_on_a_disc(tmp_path: Path) -> None:
    foreign, drive = tmp_path / "foreign.iso", tmp_path / "drive"
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "readme.txt").write_text("nothing for a hospital")
    assert run("xorriso", "-as", "mkisofs", "-o", str(foreign), str(tmp_path / "some")).returncode == 0
    said = mediakit("disc", "burn", foreign, "--device", f"stdio:{drive}")
    assert said.code == 4
    assert "--any-image" in said.err
    assert not drive.exists() or not drive.stat().st_size
    assert mediakit("disc", "burn", foreign, "--device", f"stdio:{drive}", "--any-image").code == 0


@pytest.mark.takes_long
def test_a_burn_that_is_interrupted_leaves_no_xorriso_and_says_what_the_disc_is(tmp_path: Path) -> None:
    source, drive, more = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive", tmp_path / "more"
    more.mkdir()
    (more / "ZEROS.BIN").write_bytes(bytes(20_000_000))
    order = ("burn", source, "--add", more, "-p", "STD-GEN-CD", "--speed", "12")
    for number in (signal.SIGTERM, signal.SIGKILL):
        drive.unlink(missing_ok=True)
        with subprocess.Popen(
            command(*order, "--device", f"stdio:{drive}", "--yes-erase"), stderr=subprocess.PIPE, text=True
        ) as process:
            until(lambda: drive.exists() and drive.stat().st_size > 1 << 16)
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        until(lambda: not any(f"stdio:{drive}".encode() in one for one in command_lines()))
        if number is signal.SIGTERM:
            assert process.returncode == 130
            assert "throw it away" in errors
    assert mediakit("burn", source, "-p", "STD-GEN-CD", "--device", f"stdio:{tmp_path}/other").code == 0


def test_sessions_are_added_to_a_disc_and_foreign_programs_read_them(tmp_path: Path) -> None:
    need("isoinfo")
    drive = tmp_path / "drive"
    order = ("burn", CT_1, "-p", "STD-GEN-CD", "--device", f"stdio:{drive}", "--leave-open")
    assert mediakit(*order).code == 0
    for number, source in enumerate((CT_2, CT_3), start=2):
        disc, old, begins = drive.read_bytes(), content_of(drive), state_of(f"stdio:{drive}").next_sector
        assert begins * 2048 >= len(disc)
        said = mediakit("update", f"stdio:{drive}", "--session", "--add", source, "--json")
        assert said.code == 0, said.err
        figures = said.document["figures"]
        assert (figures["way"], figures["target"]) == ("session", f"stdio:{drive}")
        assert "read back from the drive, every byte equal" in figures["proof"]
        assert drive.read_bytes()[: len(disc)] == disc
        images = {path: sha256 for path, sha256 in old.items() if path.startswith("DICOM/")}
        assert content_of(drive).items() > images.items()
        judged = mediakit("validate", f"stdio:{drive}", "-p", "STD-GEN-CD", "--json")
        assert (judged.code, judged.document["figures"]["instances"]) == (0, number)
        listed = run("isoinfo", "-f", "-T", str(begins), "-i", str(drive)).stdout
        assert all(f"/{path}" in listed for path in content_of(drive))
        found = tmp_path / f"found{number}"
        taken = ("-osirrox", "on", "-load", "sbsector", str(begins), "-indev", f"stdio:{drive}")
        assert run("xorriso", *taken, "-extract", "/", str(found)).returncode == 0
        assert content_of(found) == content_of(drive)
    assert "--session" in mediakit("update", drive, "--add", CT_1, "--simulate").err


def test_a_session_that_is_interrupted_leaves_the_earlier_one(tmp_path: Path) -> None:
    drive, more = tmp_path / "drive", folder_of(tmp_path / "more", {"large": _large(CT_2)})
    order = ("burn", CT_1, "-p", "STD-GEN-CD", "--device", f"stdio:{drive}", "--leave-open")
    assert mediakit(*order).code == 0
    disc = drive.read_bytes()
    for number in (signal.SIGTERM, signal.SIGKILL):  # killed, it cannot stop xorriso, which goes on
        drive.write_bytes(disc)
        adding = command("update", f"stdio:{drive}", "--session", "--add", more, "--speed", "8")
        with subprocess.Popen(adding, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: drive.stat().st_size > len(disc) + (1 << 18))
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        until(lambda: not any(f"stdio:{drive}".encode() in one for one in command_lines()))
        assert drive.read_bytes()[: len(disc)] == disc
        if number is signal.SIGTERM:
            assert process.returncode == 130
            assert "was being written: check what is on it" in errors
    assert list((tmp_path / "state").rglob("session.iso")), "the kill left nothing"
    said = mediakit("update", f"stdio:{drive}", "--session", "--add", more)
    assert "nothing: the medium is as it was asked to be" in said.out, (
        said
    )  # xorriso has finished the session
    assert not list((tmp_path / "state").rglob("session.iso"))
    drive.write_bytes(disc)  # as a disc is whose session was never closed
    assert mediakit("update", f"stdio:{drive}", "--session", "--add", CT_3).code == 0


def _large(source: Path) -> bytes:
    """Return an instance with 3 MB more than it needs."""
    size = 3_000_000
    padding = b"\xfc\xff\xfc\xffOB\0\0" + size.to_bytes(4, "little") + bytes(size)
    return source.read_bytes() + padding


def command_lines() -> Iterator[bytes]:
    """Yield what every process of this machine was called with."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes()


def until(met: object, seconds: float = 30) -> None:
    """Wait until a condition is met. Fails when it is not."""
    assert callable(met)
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_a_person_changes_the_discs_and_allows_to_erase_them(tmp_path: Path) -> None:
    source, drive = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive"
    order = ("burn", source, "-p", "STD-GEN-CD", "--device", f"stdio:{drive}", "--copies", "2")
    shown = answered(("", "no", "", "yes"), *order)
    assert shown.code == 0, shown.text
    assert "copy 2 of 2: insert the next medium" in shown.text
    assert "This erases what is on the file that stands for a disc" in shown.text
    assert "the answer was not `yes`" in shown.text
    assert "2 copies read back, every byte equal" in shown.text


def test_a_library_burns_onto_a_drive_too(tmp_path: Path) -> None:
    source, drive, image = medium_of(tmp_path / "cd", [ANNA]), tmp_path / "drive", tmp_path / "a.iso"
    order = BurnOrder(
        profile="STD-GEN-CD", out=image, when=datetime.now(UTC), onto=drive_at(f"stdio:{drive}")
    )
    burnt = burn(source, order)
    assert burnt.result.outcome is Outcome.GOOD
    assert burnt.result.figures["copies"] == 1
    assert drive.read_bytes()[: image.stat().st_size] == image.read_bytes()
    with pytest.raises(UsageError, match="this would erase"):
        drive_at(f"stdio:{drive}")


def test_several_media_go_into_several_drives_or_one_after_the_other(tmp_path: Path) -> None:
    drives = [tmp_path / "one", tmp_path / "two"]
    order = ("burn", CT_1, CT_2, CT_3, "-p", "STD-GEN-CD", "--capacity", "480kB", "--span")
    named = [f"stdio:{drive}" for drive in drives]
    alone = mediakit(*order, "--device", named[0])
    assert alone.code == 2
    assert "2 media are needed, and there is nobody to change the medium" in alone.err
    assert not drives[0].exists()
    assert mediakit(*order, "--device", named[0], "-n").code == 0
    for wrong in (("--device", named[0]), ("--copies", "2")):
        assert mediakit(*order, "--device", named[0], *wrong).code == 2
    assert mediakit(*order, "--device", named[0], "--simulate").code == 0

    said = mediakit(*order, "--device", named[0], "--device", named[1], "--json")
    assert said.code == 0, said.err
    media = said.document["media"]
    assert [one["target"] for one in media] == named
    assert said.document["figures"]["copies"] == 2
    assert "2 of 2 media: read back from the drive, every byte equal" in said.document["figures"]["proof"]
    for drive, one in zip(drives, media, strict=True):
        assert mediakit("validate", drive, "-p", "STD-GEN-CD").code == 0
        assert one["file_set_uid"].encode() in drive.read_bytes()
        listed = run("xorriso", "-indev", f"stdio:{drive}", "-pvd_info").stdout
        assert f"Volume Id    : {one['file_set_id']}" in listed

    drives[0].unlink()
    shown = answered(("", "yes"), *order, "--device", named[0])
    assert shown.code == 0, shown.text
    assert "medium 2 of 2: insert the next medium" in shown.text
    assert "they are good: label them" in shown.text
    assert "DICOM_2" in run("xorriso", "-indev", named[0], "-pvd_info").stdout
