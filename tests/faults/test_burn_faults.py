"""Bad input, bad luck and bad moments: a clear error, the right exit code, nothing that looks finished."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediakit.choices import OnReject
from mediakit.events import Event
from mediakit.formats.registry import open_tree
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.outcome import Outcome, State
from mediakit.report.burnt import burn_text
from tests.support.cli import Said, command, limited, mediakit, process
from tests.support.studies import (
    CT_1,
    CT_2,
    CT_3,
    CT_FOLDER,
    CT_THIN,
    NAMES,
    NOTES,
    SAMPLES,
    at,
    burnt_to,
    fate_of,
    files_in,
    folder_of,
    left_in,
    states,
)

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
CD = ("-p", "STD-GEN-CD")


def because(burnt: Burnt, name: str) -> str:
    found = fate_of(burnt, name).because
    return "" if found is None else found.rule.id


def test_when_the_name_cannot_be_synced_it_is_said_that_all_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, fault in enumerate((errno.ENOSPC, errno.EIO)):
        for name in ("disc.iso", "disc.zip", "disc"):
            folder = tmp_path / f"{number}{name}"
            folder.mkdir()
            out = folder / name
            here = folder.stat()

            def failing(
                fd: int,
                real: Callable[[int], None] = os.fsync,
                here: os.stat_result = here,
                fault: int = fault,
            ) -> None:
                if os.path.samestat(os.fstat(fd), here):
                    raise OSError(fault, os.strerror(fault))
                real(fd)

            profile = "STD-GEN-ZIP-MAIL" if name.endswith("zip") else "STD-GEN-CD"
            with monkeypatch.context() as patched:
                patched.setattr(os, "fsync", failing)
                said = mediakit("burn", CT_1, "-o", out, "-p", profile)
            assert said.code == (4 if fault == errno.ENOSPC else 8), said
            assert "MK-FST-113" in said.err, said
            assert "outcome: written, but not safe from a loss of power" in said.out, said
            for wrong in ("nothing was left", "othing was written", "Do not use"):
                assert wrong not in said.out + said.err, wrong
            assert left_in(folder) == [name]
            assert mediakit("validate", out).code == 0


class TestBadFiles:
    """One bad file beside a good one: by default nothing is written, with `skip` the good one is."""

    def bad(self, tmp_path: Path, content: bytes) -> tuple[Burnt, Burnt]:
        source = folder_of(tmp_path / "in", {"good": CT_1, "bad": content})
        failed = burnt_to(tmp_path / "a.iso", source)
        assert left_in(tmp_path) == ["in"]
        skipped = burnt_to(tmp_path / "a.iso", source, on_reject=OnReject.SKIP)
        assert states(skipped)["good"] is State.WRITTEN
        return failed, skipped

    @pytest.mark.parametrize("part", [0.05, 0.3, 0.9, 0.999])
    def test_a_truncated_file_is_unreadable(self, part: float, tmp_path: Path) -> None:
        whole = CT_2.read_bytes()
        failed, skipped = self.bad(tmp_path, whole[: int(len(whole) * part)])
        assert states(failed) == {"good": State.WITHHELD, "bad": State.UNREADABLE}
        assert failed.result.outcome is Outcome.SOURCE
        assert skipped.result.outcome is Outcome.FINDINGS
        assert because(skipped, "bad").startswith("MK-SRC-")

    def test_a_file_cut_anywhere_is_never_burned(self, tmp_path: Path) -> None:
        """Each alone: cut copies of one instance would refuse one another."""
        whole = CT_2.read_bytes()
        for size in range(132, len(whole), 401):
            source = folder_of(tmp_path / "in", {"cut": whole[:size]})
            burnt = burnt_to(tmp_path / "out", source, depth=Depth.PLAN)
            assert states(burnt)["cut"] in {State.UNREADABLE, State.REFUSED}, size

    @pytest.mark.parametrize("element", [b"\xe0\x7f\x10\x00OW", b"\x28\x00\x01\x01US"])
    def test_an_image_cut_between_two_elements_is_not_burned_without_its_pixels(
        self, element: bytes, tmp_path: Path
    ) -> None:
        whole = CT_2.read_bytes()
        failed, _ = self.bad(tmp_path, whole[: whole.rindex(element)])
        assert states(failed) == {"good": State.WITHHELD, "bad": State.REFUSED}

    def test_an_image_cut_before_its_rows_is_told_as_a_header_alone(self, tmp_path: Path) -> None:
        whole = CT_2.read_bytes()
        source = folder_of(
            tmp_path / "in", {"good": CT_1, "bad": whole[: whole.rindex(b"\x28\x00\x02\x00US")]}
        )
        burnt = burnt_to(tmp_path / "a.iso", source)
        told = [f.where.path for f in burnt.result.report.findings if f.rule.id == "MK-PRO-070"]
        assert told == [f"{source}/bad"]

    def test_an_empty_file_is_named_with_its_reason(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"good": CT_1, "empty": b""})
        burnt = burnt_to(tmp_path / "a.iso", source, on_reject=OnReject.SKIP)
        assert states(burnt)["good"] is State.WRITTEN
        found = fate_of(burnt, "empty").because
        assert found is not None
        assert "empty" in found.text
        alone = burnt_to(tmp_path / "b.iso", source / "empty")
        assert alone.result.outcome is Outcome.SOURCE
        assert left_in(tmp_path) == ["a.iso", "in"]

    @pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFF, 0x80000000])
    @pytest.mark.parametrize(("vr", "tag"), [(b"OB", 0x00091001), (b"UN", 0x00091001), (b"OW", 0x7FE00010)])
    def test_a_huge_length_is_unreadable_and_costs_no_memory(
        self, length: int, vr: bytes, tag: int, tmp_path: Path
    ) -> None:
        whole = CT_2.read_bytes()
        pixels = whole.rindex(b"\xe0\x7f\x10\x00OW")
        element = struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, length)
        place = pixels if tag == 0x7FE00010 else whole.index(b"\x08\x00\x16\x00UI")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        failed, _ = self.bad(tmp_path, whole[:place] + element + whole[place:])
        assert states(failed)["bad"] is State.UNREADABLE
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000

    @pytest.mark.parametrize("meta", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
    def test_a_wrong_group_length_never_loses_an_image_in_silence(self, meta: int, tmp_path: Path) -> None:
        whole = bytearray(CT_2.read_bytes())
        assert whole[132:136] == b"\x02\x00\x00\x00"
        struct.pack_into("<L", whole, 140, meta)
        source = folder_of(tmp_path / "in", {"odd": bytes(whole)})
        burnt = burnt_to(tmp_path / "out", source)
        assert states(burnt)["odd"] is not State.NOT_DICOM
        if states(burnt)["odd"] is State.WRITTEN:
            assert (tmp_path / "out" / fate_of(burnt, "odd").became).read_bytes() == whole

    def test_a_preamble_and_nothing_else_is_unreadable(self, tmp_path: Path) -> None:
        failed, _ = self.bad(tmp_path, bytes(128) + b"DICM")
        assert states(failed)["bad"] is State.UNREADABLE

    def test_a_nest_of_sequences_ends(self, tmp_path: Path) -> None:
        whole = CT_2.read_bytes()
        place = whole.index(b"\x08\x00\x16\x00UI")
        item = b"\xfe\xff\x00\xe0" + struct.pack("<L", 0xFFFFFFFF)
        nest = (b"\x08\x00\x05\x11SQ\0\0" + struct.pack("<L", 0xFFFFFFFF) + item) * 50_000
        failed, _ = self.bad(tmp_path, whole[:place] + nest + whole[place:])
        assert states(failed)["bad"] is State.UNREADABLE


class TestOddFolders:
    def test_a_loop_of_links_ends_and_is_told(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"deep/er/ct": CT_1})
        (source / "deep" / "er" / "loop").symlink_to(source)
        burnt = burnt_to(tmp_path / "a.iso", source, on_reject=OnReject.SKIP)
        assert states(burnt) == {"ct": State.WRITTEN, "loop": State.UNREADABLE}
        assert because(burnt, "loop") == "MK-SRC-101"
        assert burnt.result.outcome is Outcome.FINDINGS

    def test_a_link_to_a_file_is_not_followed(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1})
        (source / "secret").symlink_to("/etc/passwd")
        (source / "gone").symlink_to("nowhere")
        burnt = burnt_to(tmp_path / "a.iso", source)
        assert states(burnt) == {
            "ct": State.WITHHELD,
            "secret": State.UNREADABLE,
            "gone": State.UNREADABLE,
        }
        assert burnt.result.outcome is Outcome.SOURCE
        assert left_in(tmp_path) == ["in"]

    def test_a_link_given_as_a_source_is_followed_because_it_was_asked_for(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(CT_FOLDER)
        burnt = burnt_to(tmp_path / "a.iso", tmp_path / "link")
        assert burnt.result.counts() == {State.WRITTEN: 10}

    def test_pipes_and_sockets_are_told_and_nothing_waits_for_them(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1})
        os.mkfifo(source / "pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            here = Path.cwd()
            try:
                os.chdir(source)  # the path of a socket may be 107 bytes long
                listening.bind("socket")
            finally:
                os.chdir(here)
            burnt = burnt_to(tmp_path / "a.iso", source, on_reject=OnReject.SKIP)
        assert states(burnt) == {
            "ct": State.WRITTEN,
            "pipe": State.UNREADABLE,
            "socket": State.UNREADABLE,
        }
        assert because(burnt, "pipe") == "MK-SRC-102"

    def test_a_pipe_given_as_a_source_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        said = mediakit("burn", "--all-patients", tmp_path / "pipe", *CD, "-o", tmp_path / "a.iso", "--json")
        assert said.code == 3
        assert said.document["error"] == "is neither a file nor a folder"

    def test_a_pipe_at_the_target_is_not_written_to(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.iso")
        assert (
            mediakit("burn", "--all-patients", CT_1, *CD, "-o", tmp_path / "a.iso", "--force", "--json").code
            == 2
        )
        assert left_in(tmp_path) == ["a.iso"]

    @pytest.mark.skipif(IS_ROOT, reason="root reads everything")
    def test_what_the_system_will_not_show_is_told(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1, "locked/ct2": CT_2, "closed": CT_3})
        (source / "locked").chmod(0)
        (source / "closed").chmod(0)
        try:
            burnt = burnt_to(tmp_path / "a.iso", source, on_reject=OnReject.SKIP)
        finally:
            (source / "locked").chmod(0o755)
        assert states(burnt) == {
            "ct": State.WRITTEN,
            "locked": State.UNREADABLE,
            "closed": State.UNREADABLE,
        }

    @pytest.mark.skipif(
        not IS_ROOT or not shutil.which("setpriv"), reason="needs root, to become somebody else"
    )
    def test_what_the_system_will_not_show_to_somebody_else_is_told(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1, "locked/ct2": CT_2, "closed": CT_3})
        for folder in (source, *source.parents):
            if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):  # noqa: S108
                folder.chmod(0o755)
        (source / "locked").chmod(0)
        (source / "closed").chmod(0)
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        arguments = (
            "burn",
            "--all-patients",
            source,
            *CD,
            "-o",
            tmp_path / "a.iso",
            "-n",
            "--on-reject",
            "skip",
            "--json",
        )
        done = subprocess.run(
            [*nobody, *command(*arguments)], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode not in {0, 1}:
            pytest.skip(f"this interpreter is not there for everybody: {done.stderr[-200:]}")
        found = {Path(one["source"]).name: one["state"] for one in json.loads(done.stdout)["files"]}
        assert found == {"ct": "planned", "locked": "unreadable", "closed": "unreadable"}
        assert done.returncode == 1

    @pytest.mark.parametrize(
        "name", [b"two\nlines", b"latin-\xfc", b"\x1b[2Jclear", b"-rf", b" ", b"a" * 255]
    )
    def test_any_name_is_taken_and_shown_on_one_line(self, name: bytes, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1})
        odd = Path(os.fsdecode(os.fsencode(source) + b"/" + name))
        shutil.copyfile(CT_2, odd)
        shutil.copyfile(NOTES, odd.with_name("n"))
        said = process(
            "burn", "--all-patients", source, *CD, "--viewer", "none", "-o", tmp_path / "a.iso", "--json"
        )
        assert said.code == 0
        assert said.document["counts"] == {"not-dicom": 1, "written": 2}
        assert len({one["source"] for one in said.document["files"]}) == 3
        read = process(
            "burn", "--all-patients", source, *CD, "--viewer", "none", "-o", tmp_path / "b.iso", "-v"
        )
        assert read.code == 0
        assert all(line.isprintable() for line in (read.out + read.err).split("\n"))
        assert read.out.count("\n  written ") == 2

    @pytest.mark.parametrize("depth", [1, 200])
    def test_a_folder_of_nothing_but_folders_holds_nothing(self, depth: int, tmp_path: Path) -> None:
        (tmp_path / "in" / "/".join("d" * depth)).mkdir(parents=True)
        said = mediakit("burn", "--all-patients", tmp_path / "in", *CD, "-o", tmp_path / "a.iso", "--json")
        assert said.code == 3
        assert said.document["files"] == []
        assert left_in(tmp_path) == ["in"]

    def test_a_file_at_the_bottom_of_many_folders_is_found(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"/".join(["deep"] * 300) + "/ct": CT_1})
        assert burnt_to(tmp_path / "a.iso", source).result.counts() == {State.WRITTEN: 1}


class TestWhatChangesMeanwhile:
    """The source is touched between the scan and the write."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return folder_of(tmp_path / "in", {"a": CT_1, "b": CT_2, "c": CT_3})

    @pytest.mark.parametrize("name", ["out.iso", "out"])
    def test_a_file_that_vanishes_ends_the_burn(self, name: str, source: Path, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / name, source, tell=at("write", (source / "b").unlink))
        assert states(burnt) == {"a": State.WITHHELD, "b": State.FAILED, "c": State.WITHHELD}
        assert because(burnt, "b") == "MK-FST-101"
        assert burnt.result.outcome is Outcome.SOURCE
        assert "MK-FST-101" in burnt.result.report.by_rule()
        assert left_in(tmp_path) == ["in"]

    @pytest.mark.parametrize("name", ["out.iso", "out"])
    @pytest.mark.parametrize("change", [-100, 100])
    def test_a_file_that_changes_its_size_ends_the_burn(
        self, change: int, name: str, source: Path, tmp_path: Path
    ) -> None:
        size = (source / "b").stat().st_size + change
        burnt = burnt_to(tmp_path / name, source, tell=at("write", lambda: os.truncate(source / "b", size)))
        assert states(burnt) == {"a": State.WITHHELD, "b": State.FAILED, "c": State.WITHHELD}
        assert burnt.result.outcome in {Outcome.INTEGRITY, Outcome.SOURCE}
        assert left_in(tmp_path) == ["in"]

    @pytest.mark.parametrize("how", ["written", "replaced"])
    @pytest.mark.parametrize("name", ["out.iso", "out"])
    def test_other_bytes_of_the_same_size_end_the_burn(
        self, name: str, how: str, source: Path, tmp_path: Path
    ) -> None:
        content = (source / "b").read_bytes()

        def swap() -> None:
            if how == "replaced":  # by a file that is older
                (source / "b").unlink()
            (source / "b").write_bytes(content[:-2] + b"\xff\xff")
            if how == "replaced":
                os.utime(source / "b", (1_000_000_000, 1_000_000_000))

        burnt = burnt_to(tmp_path / name, source, tell=at("write", swap))
        assert states(burnt) == {"a": State.WITHHELD, "b": State.FAILED, "c": State.WITHHELD}
        assert any("when it was scanned" in one.text for one in burnt.result.report.findings)
        assert burnt.result.outcome is Outcome.SOURCE
        assert left_in(tmp_path) == ["in"]

    def test_a_file_that_becomes_a_link_is_not_followed(self, source: Path, tmp_path: Path) -> None:
        def swap() -> None:
            (source / "b").unlink()
            (source / "b").symlink_to("/etc/passwd")

        burnt = burnt_to(tmp_path / "out", source, tell=at("write", swap))
        assert states(burnt) == {"a": State.WITHHELD, "b": State.FAILED, "c": State.WITHHELD}
        assert left_in(tmp_path) == ["in"]

    def test_a_file_that_vanishes_before_its_conversion_is_unreadable(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {path.name: path for path in files_in(CT_THIN)})
        first = files_in(source)[0]
        burnt = burnt_to(tmp_path / "out", source, tell=at("convert", first.unlink))
        assert states(burnt)[first.name] is State.UNREADABLE
        assert burnt.result.outcome is Outcome.SOURCE
        assert left_in(tmp_path) == ["in"]

    def test_a_target_that_appears_meanwhile_is_not_replaced(self, source: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.iso"
        burnt = burnt_to(out, source, tell=at("write", lambda: shutil.copyfile(NOTES, out)))
        assert burnt.result.outcome is Outcome.USAGE
        assert set(states(burnt).values()) == {State.FAILED}
        said = burn_text(burnt).splitlines()
        assert said[-2].startswith("what to do: nothing was written.")
        assert said[-1] == "outcome: nothing was written (exit code 2)"
        assert out.read_bytes() == NOTES.read_bytes()
        assert left_in(tmp_path) == ["in", "out.iso"]


class TestTheProof:
    """What is written is damaged between write and proof, while it has its hidden name."""

    @staticmethod
    def place_in(image: Path, needle: bytes) -> int:
        return image.read_bytes().index(needle)

    @pytest.mark.parametrize("name", ["out.iso", "out.zip"])
    def test_one_flipped_bit_fails_the_file_it_is_in(self, name: str, tmp_path: Path) -> None:
        out = tmp_path / name
        profile = "STD-GEN-CD" if name.endswith("iso") else "STD-GEN-ZIP-MAIL"
        known = burnt_to(tmp_path / ("first-" + name), CT_1, CT_2, CT_3, profile=profile)
        assert known.result.outcome is Outcome.GOOD
        needle = CT_2.read_bytes()[-2000:]

        def damage() -> None:
            part = hidden_beside(out)
            content = bytearray(part.read_bytes())
            start = content.find(needle)
            if start < 0:  # compressed: ask the archive where the member lies
                start = _member_end(part, fate_of(known, CT_2.name).became) - 100
            content[start] ^= 1
            part.write_bytes(content)

        large = folder_of(tmp_path / "large", {"LARGE.BIN": bytes(8_000_000)})  # see `_checksum` of burns
        for depth, add in ((Depth.PROVE, ()), (Depth.CHECK, ()), (Depth.CHECK, (large,))):
            burnt = burnt_to(
                out, CT_1, CT_2, CT_3, profile=profile, depth=depth, add=add, tell=at("proof", damage)
            )
            assert burnt.result.outcome is Outcome.INTEGRITY
            assert set(states(burnt).values()) == {State.FAILED}
            assert [because(burnt, one.name) for one in (CT_1, CT_2, CT_3)] == ["", "MK-PRF-003", ""]
            assert not out.exists()

    def test_a_file_of_a_folder_that_changed_is_failed(self, tmp_path: Path) -> None:
        def damage() -> None:
            victim = max(files_in(hidden_beside(tmp_path / "out") / "DICOM"))
            victim.write_bytes(victim.read_bytes()[:-1] + b"\xff")

        burnt = burnt_to(tmp_path / "out", CT_1, CT_2, tell=at("proof", damage))
        assert burnt.result.outcome is Outcome.INTEGRITY
        assert set(states(burnt).values()) == {State.FAILED}
        assert left_in(tmp_path) == []

    def test_a_file_that_is_gone_is_failed(self, tmp_path: Path) -> None:
        burnt = burnt_to(
            tmp_path / "out",
            CT_1,
            CT_2,
            tell=at("proof", lambda: max(files_in(hidden_beside(tmp_path / "out") / "DICOM")).unlink()),
        )
        assert burnt.result.outcome is Outcome.INTEGRITY
        assert set(states(burnt).values()) == {State.FAILED}
        assert left_in(tmp_path) == []
        assert "MK-PRF-002" in burnt.result.report.by_rule()

    def test_a_damaged_directory_fails_every_file(self, tmp_path: Path) -> None:
        out = tmp_path / "out"

        def damage() -> None:
            directory = hidden_beside(out) / "DICOMDIR"
            content = bytearray(directory.read_bytes())
            content[-3] ^= 1
            directory.write_bytes(content)

        burnt = burnt_to(out, CT_1, CT_2, tell=at("proof", damage))
        assert burnt.result.outcome is Outcome.INTEGRITY
        assert set(states(burnt).values()) == {State.FAILED}

    def test_a_directory_that_is_gone_or_empty_fails_every_file(self, tmp_path: Path) -> None:
        def unlink(directory: Path) -> None:
            directory.unlink()

        def empty(directory: Path) -> None:
            directory.write_bytes(b"")

        for act in (unlink, empty):
            out = tmp_path / act.__name__

            def damage(out: Path = out, act: Callable[[Path], None] = act) -> None:
                act(hidden_beside(out) / "DICOMDIR")

            burnt = burnt_to(out, CT_1, tell=at("proof", damage))
            assert burnt.result.outcome is Outcome.INTEGRITY
            assert set(states(burnt).values()) == {State.FAILED}

    def test_an_unexpected_file_is_told(self, tmp_path: Path) -> None:
        out = tmp_path / "out"

        def infect() -> None:
            (hidden_beside(out) / "VIRUS.EXE").touch()

        burnt = burnt_to(out, CT_1, tell=at("proof", infect))
        assert burnt.result.outcome is not Outcome.GOOD
        assert "MK-PRF-005" in burnt.result.report.by_rule()

    @pytest.mark.parametrize("act", [Path.unlink, lambda path: os.truncate(path, 40_000)])
    def test_an_image_that_cannot_be_opened_again_fails_every_file(
        self, act: Callable[[Path], None], tmp_path: Path
    ) -> None:
        out = tmp_path / "out.iso"
        burnt = burnt_to(out, CT_1, tell=at("proof", lambda: act(hidden_beside(out))))
        assert burnt.result.outcome is Outcome.INTEGRITY
        assert set(states(burnt).values()) == {State.FAILED}

    @pytest.mark.parametrize("name", ["out.iso", "out"])
    def test_an_interrupted_proof_takes_the_image_away(self, name: str, tmp_path: Path) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            burnt_to(tmp_path / name, CT_1, tell=at("proof", interrupt))
        assert left_in(tmp_path) == []


def hidden_beside(target: Path) -> Path:
    (part,) = target.parent.glob(".mediakit-*.part")
    return part


@pytest.mark.parametrize("fault", ["damage", "interrupt"])
def test_a_good_image_is_not_replaced_by_one_that_is_not_proven(fault: str, tmp_path: Path) -> None:
    out = tmp_path / "out.iso"
    burnt_to(out, CT_1)
    good = out.read_bytes()

    def spoil() -> None:
        if fault == "interrupt":
            raise KeyboardInterrupt
        part = hidden_beside(out)
        content = bytearray(part.read_bytes())
        content[content.index(CT_2.read_bytes()[-2000:])] ^= 1
        part.write_bytes(content)

    if fault == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            burnt_to(out, CT_2, overwrite=True, tell=at("proof", spoil))
    else:
        assert (
            burnt_to(out, CT_2, overwrite=True, tell=at("proof", spoil)).result.outcome is Outcome.INTEGRITY
        )
    assert out.read_bytes() == good
    assert left_in(tmp_path) == ["out.iso"]
    assert burnt_to(out, CT_2, overwrite=True).result.outcome is Outcome.GOOD
    assert out.read_bytes() != good


def _member_end(archive: Path, name: str) -> int:
    import zipfile  # noqa: PLC0415

    with zipfile.ZipFile(archive) as opened:
        members = sorted(opened.infolist(), key=lambda one: one.header_offset)
        starts = [one.header_offset for one in members] + [opened.start_dir]
        return starts[[one.filename for one in members].index(name) + 1]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a source whose burn takes long enough to be interrupted: sparse, so it costs no disk."""
    source = tmp_path_factory.mktemp("big")
    whole = CT_1.read_bytes()
    pixels = whole.rindex(b"\xe0\x7f\x10\x00OW")
    uid = whole.index(b"\x08\x00\x18\x00UI") + 8
    size = 16_000_000
    for number in range(30):
        head = bytearray(whole[: pixels + 12])
        head[uid + 10 : uid + 13] = f"{number + 100}".encode()
        struct.pack_into("<L", head, pixels + 8, size)
        meta = head.index(b"\x02\x00\x03\x00UI") + 8
        head[meta + 10 : meta + 13] = f"{number + 100}".encode()
        for keyword in (b"\x28\x00\x10\x00US", b"\x28\x00\x11\x00US"):
            struct.pack_into("<H", head, head.index(keyword) + 8, 0)
        with (source / f"ct{number}").open("wb") as file:
            file.write(head)
            file.truncate(len(head) + size)
    return source


# Runs mediakit, and stops it where it opens the third source file after the target has been begun.
_STOPPING = """
import os, pathlib, runpy, signal, sys

names, place = set(os.listdir(sys.argv[1])), pathlib.Path(sys.argv[2])
sys.argv[:] = ["mediakit", *sys.argv[3:]]
opened = 0

def stop(event, arguments):
    global opened
    if event == "open" and os.path.basename(str(arguments[0])) in names and any(place.glob(".*.part")):
        opened += 1
        if opened == 3:
            os.kill(os.getpid(), signal.SIGSTOP)

sys.addaudithook(stop)
runpy.run_module("mediakit", run_name="__main__")
"""


class TestInterruption:
    """A real process is stopped while it writes."""

    @staticmethod
    def begun(big: Path, out: Path, temporary: Path, *options: str) -> subprocess.Popen[bytes]:
        """Start a burn and return when it has stopped in the middle of writing; `strike` lets it go on."""
        temporary.mkdir()
        burn = [
            "burn",
            "--all-patients",
            str(big),
            *CD,
            "-o",
            str(out),
            "--capacity",
            "4GB",
            "--viewer",
            "none",
            "--json",
            *options,
        ]
        child = subprocess.Popen(
            [sys.executable, "-c", _STOPPING, str(big), str(out.parent), *burn],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "the burn ended before it could be stopped"
        assert [path.name for path in out.parent.glob(".*.part")] != []
        return child

    @staticmethod
    def strike(child: subprocess.Popen[bytes], number: signal.Signals) -> Said:
        """Send a signal to a burn that has been stopped, let it go on, and return what it left."""
        child.send_signal(number)
        child.send_signal(signal.SIGCONT)
        out, err = child.communicate(timeout=60)
        return Said(child.returncode, out.decode(), err.decode())

    @pytest.mark.parametrize("name", ["out.iso", "out"])
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_a_signal_leaves_nothing_and_one_document(
        self, number: signal.Signals, name: str, big: Path, tmp_path: Path
    ) -> None:
        place = tmp_path / "place"
        place.mkdir()
        said = self.strike(self.begun(big, place / name, tmp_path / "tmp"), number)
        assert said.code == 130, said
        assert said.document["outcome"] == "interrupted"
        assert left_in(place) == []
        assert left_in(tmp_path / "tmp") == []

    @pytest.mark.parametrize("name", ["out.iso", "out"])
    def test_what_a_kill_leaves_has_no_name_of_a_target_and_the_next_run_removes_it(
        self, name: str, big: Path, tmp_path: Path
    ) -> None:
        place = tmp_path / "place"
        place.mkdir()
        child = self.begun(big, place / name, tmp_path / "tmp")
        burnt_to(place / "other", CT_1)
        (running,) = (one for one in left_in(place) if one.endswith(".part"))
        assert burnt_to(place / name, CT_1).result.outcome is Outcome.GOOD
        assert running in left_in(place)  # somebody holds it
        shutil.rmtree(place / name) if (place / name).is_dir() else (place / name).unlink()
        assert self.strike(child, signal.SIGKILL).code == -signal.SIGKILL
        assert left_in(place) == [running, "other"]
        assert (running.startswith(".mediakit-"), running.endswith(".part")) == (True, True)
        (place / "other.part").touch()
        burnt_to(place / "third", CT_1)
        assert running in left_in(place)  # it is of another target
        assert burnt_to(place / name, CT_1).result.outcome is Outcome.GOOD
        assert left_in(place) == sorted(["other", "other.part", "third", name])

    def test_the_old_image_survives_an_interruption_of_its_replacement(
        self, big: Path, tmp_path: Path
    ) -> None:
        place = tmp_path / "place"
        place.mkdir()
        (place / "out.iso").write_bytes(b"the old one")
        said = self.strike(self.begun(big, place / "out.iso", tmp_path / "tmp", "--force"), signal.SIGTERM)
        assert said.code == 130
        assert left_in(place) == ["out.iso"]
        assert (place / "out.iso").read_bytes() == b"the old one"


class TestNoRoom:
    """The disk is full: told by a limit on the size of files, which needs no disk of its own."""

    @pytest.mark.parametrize("name", ["out.iso", "out", "out.zip"])
    def test_an_image_for_which_there_is_no_room_is_not_there(self, name: str, tmp_path: Path) -> None:
        profile = "STD-GEN-ZIP-MAIL" if name.endswith("zip") else "STD-GEN-CD"
        size = 30_000 if name == "out" else 100_000
        said = limited(
            size, "burn", "--all-patients", CT_FOLDER, "-p", profile, "-o", tmp_path / name, "--json"
        )
        assert said.code == 4
        assert said.document["counts"] == {"failed": 10}
        assert left_in(tmp_path) == []

    def test_no_room_for_conversions_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "tmp").mkdir()
        arguments = ("burn", "--all-patients", CT_THIN, *CD, "-o", tmp_path / "a.iso", "--json")
        said = limited(10_000, *arguments, TMPDIR=str(tmp_path / "tmp"))
        assert said.code == 4
        assert "TMPDIR" in said.document["hint"]
        assert left_in(tmp_path) == ["tmp"]
        assert left_in(tmp_path / "tmp") == []

    def test_a_full_disk_is_seen_before_the_long_copy(self, big: Path) -> None:
        small = Path("/dev/shm")  # noqa: S108 - the one small file system that most machines have
        if not small.is_dir() or shutil.disk_usage(small).free > 400_000_000:
            pytest.skip("no small file system here")
        out = small / f"mediakit-test-{os.getpid()}.iso"
        said = mediakit(
            "burn", "--all-patients", big, *CD, "-o", out, "--capacity", "4GB", "--viewer", "none", "--json"
        )
        assert said.code == 4
        assert not out.exists()


def test_temporary_names_and_errors_hold_no_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a burn runs, look at every name that it makes."""
    import tempfile  # noqa: PLC0415

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "out").mkdir()
    seen: set[str] = set()

    def look(_event: Event) -> None:
        for folder in (tmp_path / "tmp", tmp_path / "out"):
            seen.update(str(path.relative_to(tmp_path)) for path in folder.rglob("*"))

    source = folder_of(tmp_path / "in", {f"{n:03d}": path for n, path in enumerate(files_in(SAMPLES))})
    burnt_to(tmp_path / "out" / "a.iso", source, tell=look)
    assert any(".part" in name for name in seen)
    assert any("mediakit-" in name and name.startswith("tmp") for name in seen)
    assert [name for name in seen if any(person in name for person in NAMES)] == []
    assert left_in(tmp_path / "tmp") == []


def test_converted_instances_are_kept_where_nobody_else_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile  # noqa: PLC0415

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    modes: set[int] = set()

    def look(_event: Event) -> None:
        modes.update(path.stat().st_mode & 0o077 for path in (tmp_path / "tmp").iterdir())

    burnt_to(tmp_path / "a.iso", CT_THIN, tell=look)
    assert modes == {0}


@pytest.fixture
def _image(tmp_path: Path) -> Iterator[Path]:
    out = tmp_path / "a.iso"
    burnt_to(out, CT_FOLDER)
    yield out


def test_a_damaged_image_as_a_source_gives_findings_and_no_fault(_image: Path, tmp_path: Path) -> None:
    whole = _image.read_bytes()
    for number, (start, stop) in enumerate([(32768, 34816), (34816, 40000), (40000, 60000)]):
        damaged = tmp_path / f"damaged{number}.iso"
        damaged.write_bytes(whole[:start] + b"\xff" * (stop - start) + whole[stop:])
        said = mediakit("burn", "--all-patients", damaged, *CD, "-o", tmp_path / "new.iso", "--json", "-n")
        assert said.code in {0, 1, 3, 4}
    (tmp_path / "cut.iso").write_bytes(whole[: len(whole) // 2])
    tree = open_tree(tmp_path / "cut.iso")
    tree.close()
    said = mediakit("burn", "--all-patients", tmp_path / "cut.iso", *CD, "-o", tmp_path / "new.iso", "--json")
    assert said.code == 3
    assert not (tmp_path / "new.iso").exists()
