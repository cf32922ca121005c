"""Updated media in the eyes of foreign programs, and media of foreign programs that are updated."""

from __future__ import annotations

import hashlib
import re
import shutil
import warnings
from pathlib import Path

import pytest

from mediakit.formats.iso_layout import Base
from mediakit.formats.iso_session import write_session
from mediakit.outcome import Outcome
from mediakit.profile.load import load_profile
from tests.interop.test_dicomdir_peers import file_set
from tests.journeys.test_update import uid_of
from tests.support.media import content_of as bytes_of
from tests.support.media import entries_of, order, write
from tests.support.peers import need, run
from tests.support.studies import CR, CT_1, CT_2, CT_3, MR, burnt_to, folder_of
from tests.support.updating import assert_holds, content_of, directory_of, kept_but, records_of, updated


def listed(*command: str) -> set[str]:
    """Return the paths of files that a program lists."""
    said = run(*command)
    assert said.returncode == 0, said.stderr
    return {line.strip("/' \r").removesuffix(";1").removesuffix(".") for line in said.stdout.splitlines()}


@pytest.fixture(name="foreign")
def _foreign(tmp_path: Path) -> Path:
    """Return a folder whose directory dcmmkdir made, with its own icons and optional keys."""
    need("dcmmkdir")
    medium = folder_of(
        tmp_path / "foreign", {"A/IM1": CT_1, "A/IM2": CT_2, "B/MR1": MR, "README.TXT": b"hello"}
    )
    done = run("dcmmkdir", "+r", "+I", "+id", str(medium), "+D", str(medium / "DICOMDIR"), cwd=medium)
    assert done.returncode == 0, done.stderr
    (medium / "DICOMDIR.BAK").unlink(missing_ok=True)
    return medium


def test_a_directory_of_dcmmkdir_keeps_its_records_and_foreign_readers_take_the_new_one(
    foreign: Path,
) -> None:
    need("dcmdump", "dciodvfy")
    before, old = content_of(foreign), directory_of(foreign)
    done = updated(foreign, CT_3, CR, instances=[uid_of(MR)], profile=load_profile("STD-GEN-USB-JPEG"))
    assert done.result.outcome is Outcome.GOOD, done.result.report.findings
    after, new = content_of(foreign), directory_of(foreign)
    assert_holds(after, kept_but(before, ["B/MR1"]))
    assert len(records_of(old) & records_of(new)) == 5  # all but patient, study, series and image of the MR
    said = run("dcmdump", "-q", "+L", str(foreign / "DICOMDIR"))
    assert said.returncode == 0
    assert re.findall(r"\(0004,1500\) CS \[(.*?)\]", said.stdout) == [
        r"A\IM1",
        r"A\IM2",
        r"DICOM\P0000001\S0000002\E0000001\I0000001",
        r"DICOM\P0000001\S0000001\E0000001\I0000001",
    ]
    assert "Error" not in run("dciodvfy", "-new", str(foreign / "DICOMDIR")).stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with file_set(foreign / "DICOMDIR") as seen:
            assert len(seen) == 4


def test_foreign_programs_read_every_session_and_the_set_that_counts(tmp_path: Path) -> None:
    need("isoinfo", "xorriso", "7z")
    image = tmp_path / "a.iso"
    burnt_to(image, CT_1, CT_2)
    old, first = content_of(image), image.read_bytes()
    base = -(-image.stat().st_size // 32768) * 16
    assert updated(image, CT_3, CR, instances=[uid_of(CT_1)], session=True).result.outcome is Outcome.GOOD
    new = content_of(image)
    assert listed("isoinfo", "-f", "-i", str(image)) >= new.keys()
    patched, plain = image.read_bytes(), tmp_path / "plain.iso"
    plain.write_bytes(patched[: 16 * 2048] + first[16 * 2048 : 17 * 2048] + patched[17 * 2048 :])
    assert (
        listed("isoinfo", "-f", "-i", str(plain)) >= old.keys()
    )  # as a disc on which nothing is overwritten
    assert content_of(plain) == new
    assert listed("isoinfo", "-f", "-T", str(base), "-i", str(image)) >= new.keys()
    for path in (*new.keys() - old.keys(), *new.keys() & old.keys()):
        taken = run("7z", "e", "-y", f"-o{tmp_path / 'out'}", str(image), path)
        assert taken.returncode == 0, taken.stdout
        found = (tmp_path / "out" / path.rpartition("/")[2]).read_bytes()
        assert hashlib.sha256(found).hexdigest() == new[path]
    said = run("xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(tmp_path / "x"))
    assert said.returncode == 0, said.stderr
    assert content_of(tmp_path / "x") == new
    loaded = run(
        "xorriso",
        "-osirrox",
        "on",
        "-load",
        "sbsector",
        str(base),
        "-indev",
        str(image),
        "-extract",
        "/",
        str(tmp_path / "y"),
    )
    assert loaded.returncode == 0, loaded.stderr
    assert content_of(tmp_path / "y") == new


def test_a_session_for_a_drive_continues_the_disc_at_the_address_that_the_drive_gives(tmp_path: Path) -> None:
    need("isoinfo", "xorriso")
    first, second = tmp_path / "first.iso", tmp_path / "second.iso"
    write("iso9660", entries_of([("DICOMDIR", 3000), ("A/IM1", 5000)]), first)
    lies_at = first.read_bytes().index(bytes_of("A/IM1", 5000)) // 2048
    base = Base(sector=12_000, placed={"A/IM1": lies_at})
    second.touch()
    entries = entries_of([("DICOMDIR", 4000), ("A/IM1", 5000), ("B/IM2", 7000)])
    receipt = write_session(second, entries, base, order(), lambda _: None)
    assert second.stat().st_size == receipt.size_bytes
    assert second.stat().st_blocks * 512 < receipt.size_bytes / 100, (
        "it has a hole where the disc has its own"
    )
    disc = tmp_path / "disc.iso"
    with disc.open("wb") as stream:
        stream.write(first.read_bytes())
        stream.seek(12_000 * 2048)
        stream.write(second.read_bytes()[12_000 * 2048 :])
    wanted = {"DICOMDIR": 4000, "A/IM1": 5000, "B/IM2": 7000}
    expected = {path: hashlib.sha256(bytes_of(path, size)).hexdigest() for path, size in wanted.items()}
    assert content_of(disc) == expected
    assert listed("isoinfo", "-f", "-T", "12000", "-i", str(disc)) >= wanted.keys()
    said = run(
        "xorriso",
        "-osirrox",
        "on",
        "-load",
        "sbsector",
        "12000",
        "-indev",
        str(disc),
        "-extract",
        "/",
        str(tmp_path / "x"),
    )
    assert said.returncode == 0, said.stderr
    assert content_of(tmp_path / "x") == expected


def test_an_updated_stick_image_is_clean_for_fsck(tmp_path: Path) -> None:
    need("fsck.fat", "mcopy")
    image = tmp_path / "stick.img"
    burnt_to(image, CT_1, CT_2, profile="STD-GEN-USB-JPEG", unpartitioned=True)
    assert updated(image, CR, instances=[uid_of(CT_1)]).result.outcome is Outcome.GOOD
    assert run("fsck.fat", "-n", str(image)).returncode == 0
    (tmp_path / "out").mkdir()
    assert run("mcopy", "-s", "-i", str(image), "::*", str(tmp_path / "out")).returncode == 0
    assert content_of(tmp_path / "out") == content_of(image)
    shutil.rmtree(tmp_path / "out")


def test_a_disc_of_genisoimage_keeps_its_joliet_and_rock_ridge_names(tmp_path: Path) -> None:
    need("genisoimage", "isoinfo", "xorriso")
    burnt_to(tmp_path / "set", CT_1, CT_2, file_set_id="SET_7")
    root = folder_of(
        tmp_path / "set", {"Read me.html": b"<p>", "My viewer/RUN.sh": b"#!", "My viewer/none": b""}
    )
    for names in (("-J", "-R"), ("-R",), ("-J",)):
        image = tmp_path / f"{len(list(tmp_path.iterdir()))}.iso"
        left_out = () if "-R" in names else ("-m", "none")  # an empty file has no place to know it by
        options = ("-quiet", *names, *left_out, "-sysid", "", "-V", "SET_7")
        made = run("genisoimage", *options, "-o", str(image), str(root))
        assert made.returncode == 0, made.stderr
        views = [view for view in ("", "-R", "-J") if not view or view in names]
        before = {view: listed("isoinfo", *view.split(), "-f", "-i", str(image)) for view in views}
        for source, session in ((CT_3, False), (CR, True)):
            done = updated(image, source, session=session)
            assert done.result.outcome is Outcome.GOOD, done.result.report.findings
            for view in views:
                after = listed("isoinfo", *view.split(), "-f", "-i", str(image))
                assert before[view] < after, (names, view)
                assert all(path.startswith("DICOM") for path in after - before[view])
        found = tmp_path / f"{image.name}.found"
        said = run("xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(found))
        assert said.returncode == 0, said.stderr
        held = {
            path.relative_to(found).as_posix(): path.read_bytes()
            for path in found.rglob("*")
            if path.is_file()
        }
        assert held.items() >= {"Read me.html": b"<p>", "My viewer/RUN.sh": b"#!"}.items()
        run("chmod", "-R", "u+w", str(found))
