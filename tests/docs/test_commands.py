"""Every command that a page shows is taken by the parser; what needs no other machine runs as it stands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pydicom
import pytest
import typer.main
from PIL import Image

from mediakit.cli.main import app
from tests.support.cli import mediakit
from tests.support.embedded_scp import embedded_scp
from tests.support.peers import need
from tests.support.secure import certificates
from tests.support.studies import CT_1, SAMPLES

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    path for path in sorted((ROOT / "docs").glob("*.md")) if path.stem not in ("commands", "rules", "api")
)
COMMANDS: Any = typer.main.get_command(app)
REFUSED: Any = typer.BadParameter.__base__  # UsageError, of click or of what Typer has in its place

#: What stands for a thing that no test has, by page; "" is every page.
STAND_INS: Mapping[str, Mapping[str, str]] = {
    "": {
        "/media/you/DICOM": "medium",
        "/dev/sr0": "medium.iso",
        "/srv/discs": "discs",
        "PACS@10.0.0.1:11112": "{scp}",
    },
    "verifying": {"/dev/sr0": "study.iso"},
    "jobs": {"20261124-8f3k2q": "{job}", "2026112": "{job}", "JOB": "{job}", "UID": "1.2.840.1"},
}
#: What is compared with the parser alone, and why. The journeys run in tests/journeys and tests/interop.
NOT_RUN = {
    r"pipx? |make |# ": "installs",
    r"mediakit (serve|watch) (?!.*--once)": "waits for what comes",
    r".*--ask-passphrase": "asks",
    r"mediakit (fetch|burn --from) ": "needs an archive",
    r"mediakit (reconcile|import /media/cdrom) ": "needs a PACS or RIS that answers",
    r"mediakit migrate ": "wants many discs",
    r"mediakit update /dev/sr0 ": "needs a drive",
    r"createdb |dask ": "needs a database, or several machines",
    r"mediakit job verify ": "needs a PACS that answers",
    r"mediakit burn .*--device ": "needs a drive",
}


def test_every_command_of_a_block_is_taken_by_the_parser() -> None:
    problems = {
        f"{page.stem}: {line}": problem
        for page in [*PAGES, ROOT / "README.md"]
        for line in _lines(page, "console", "sh")
        if line.startswith("mediakit ") and (problem := _problem(shlex.split(line, comments=True)[1:]))
    }
    assert not problems, "\n".join(f"{line}: {problem}" for line, problem in problems.items())


def test_every_option_of_a_command_within_a_sentence_is_one_of_that_command() -> None:
    unknown = []
    for page in [*PAGES, ROOT / "README.md"]:
        text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
        for words in re.findall(r"`mediakit ([^`]+)`", text):
            command, rest = _command(words.replace("\\|", "|").split())
            if command is None:
                unknown.append((page.stem, words))
                continue
            options = {form for each in command.params for form in (*each.opts, *each.secondary_opts)}
            options |= {"--help", "--install-completion", "--version"}
            unknown += [(page.stem, word) for word in rest if word.startswith("-") and word not in options]
    assert unknown == []


def test_the_commands_of_each_page_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends with 0, or with the exit code that its comment names."""
    need("openssl")
    config = tmp_path / "config.toml"
    config.write_text(f'[destinations.pacs]\nurl = "dir:{tmp_path / "archive"}"\n')
    kit = _kit(tmp_path / "kit")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    failed, ran = {}, 0
    with embedded_scp(tmp_path / "scp") as scp:
        for page in PAGES:
            folder = tmp_path / page.stem
            shutil.copytree(kit, folder, symlinks=True)
            monkeypatch.chdir(folder)
            monkeypatch.setenv("MEDIAKIT_STATE", str(folder / "state"))
            if page.stem == "destinations":
                monkeypatch.delenv("MEDIAKIT_CONFIG")
            else:
                monkeypatch.setenv("MEDIAKIT_CONFIG", str(config))
            values = {"scp": f"MEDIAKIT@127.0.0.1:{scp.port}", "job": ""}
            if page.stem in ("paper", "updating"):
                shutil.copy("medium.iso", "disc.iso")
            if page.stem == "jobs":
                mediakit("import", "STUDY", "pacs")
                (values["job"],) = (path.stem for path in (folder / "state" / "jobs").glob("*.sqlite"))
            for line, promised in _to_run(page):
                ran += 1
                words = [_stand_in(page.stem, word, values) for word in shlex.split(line, comments=True)]
                code, said = _run(words)
                if code != promised:
                    failed[f"{page.stem}: {line}"] = (code, said[-600:])
    assert not failed, "\n".join(f"{line}: {code} {said}" for line, (code, said) in failed.items())
    assert ran > 35


def _kit(folder: Path) -> Path:
    """Make a folder of what pages name: a study, other studies, media, photos, a letter, keys."""
    folder.mkdir()
    (folder / "samples").symlink_to(SAMPLES.parent)
    ours, theirs = ("STUDY", "1.2.840.113619.2.55.3"), ("new_study", "1.2.840.9")
    for number, (name, study) in enumerate([ours, ours, theirs, ours], start=1):
        instance = pydicom.dcmread(CT_1)
        instance.PatientID, instance.StudyInstanceUID = "4711", study
        instance.SeriesInstanceUID, instance.SOPInstanceUID = f"{study}.1", f"1.2.840.{number}"
        instance.file_meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
        instance.InstanceNumber = number
        (folder / name).mkdir(exist_ok=True)
        instance.save_as(folder / name / f"IM{number}")
    for name in ("FOLDER", "STUDIES", "studies"):
        (folder / name).symlink_to("STUDY")
    for name in ("medium", "medium.iso"):
        said = mediakit("burn", folder / "STUDY", "-p", "STD-GEN-CD", "--viewer", "none", "-o", folder / name)
        assert said.code == 0, said.err
    (folder / "discs").mkdir()
    shutil.copy(folder / "medium.iso", folder / "discs")
    for name in ("copy1.iso", "copy2.iso"):
        (folder / name).symlink_to("medium.iso")
    for name, made in (
        ("their-clinic.pem", certificates().client),
        ("our.pem", certificates().server),
        ("our.key", certificates().server_key),
    ):
        shutil.copy(made, folder / name)
    (folder / "FILE").write_text("a passphrase of some words\n")
    (folder / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "photos" / "a.png")
    (folder / "letter.pdf").write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )
    return folder


def _lines(page: Path, *kinds: str) -> Iterator[str]:
    """Yield the commands of a page's blocks, without prompts and comments."""
    for kind, block in re.findall(
        r"^ *```(\w+)\n(.*?)^ *```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    ):
        if kind in kinds:
            for line in block.replace("\\\n", " ").splitlines():
                text = line.strip()
                if text.startswith("$ ") or kind == "sh":
                    yield text.removeprefix("$ ")


def _to_run(page: Path) -> Iterator[tuple[str, int]]:
    """Yield each command that runs here with the exit code that it must end with."""
    if page.stem == "developer":  # by tests/docs/test_site.py, with the package that it makes
        return
    for line in _lines(page, "console"):
        if not any(re.match(pattern, line) for pattern in NOT_RUN):
            promised = re.search(r"# .*exit code (\d+)", line)
            yield line, int(promised[1]) if promised else 0


def _stand_in(page: str, word: str, values: Mapping[str, str]) -> str:
    return {**STAND_INS[""], **STAND_INS.get(page, {})}.get(word, word).format_map(values)


def _run(words: list[str]) -> tuple[int, str]:
    if words[0] != "mediakit":
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stderr
    end = words.index(">") if ">" in words else len(words)
    said = mediakit(*words[1:end])
    for name in words[end + 1 :]:
        Path(name).write_text(said.out)
    return said.code, said.out + said.err


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that these words begin with, and what follows; None when there is none."""
    command, rest = COMMANDS, words
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        has_default = rest[0] not in command.commands and "run" in command.commands  # as `migrate` has
        name, rest = ("run", rest) if has_default else (rest[0], rest[1:])
        command = command.commands.get(name)
    return command, rest


def _problem(words: list[str]) -> str:
    """Return what the parser says against a command line, or ""."""
    command, rest = _command(words)
    if command is None or hasattr(command, "commands"):
        return "no such command"
    for end in (">", ">>", "|", ";"):
        rest = rest[: rest.index(end)] if end in rest else rest
    try:
        command.make_context("mediakit", rest)
    except REFUSED as problem:
        return str(problem) or type(problem).__name__
    return ""
