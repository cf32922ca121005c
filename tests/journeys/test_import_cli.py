"""`mediakit import` on the command line: options, exit codes, one document, no names where none belong."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest

from mediakit.cli.import_ import rate_of
from mediakit.destinations.base import Payload
from mediakit.errors import UsageError
from mediakit.stages.act.rate import Rate
from tests.support.cli import Said, mediakit, process
from tests.support.importing import WatchedScp
from tests.support.studies import CT_1, CT_2, NAMES, NOTES, SAMPLES, burnt_to, folder_of


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    out = tmp_path / "medium.iso"
    burnt_to(out, SAMPLES)
    return out


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "two", {"IM1": CT_1, "IM2": CT_2})


def test_a_medium_goes_into_a_folder_and_the_document_has_every_instance(
    medium: Path, tmp_path: Path
) -> None:
    said = mediakit("import", medium, f"dir:{tmp_path / 'out'}", "--all-patients", "--json")
    document = said.document
    assert said.code == 0
    assert document["schema"] == "mediakit/import/1"
    assert document["counts"] == {"stored": 40, "excluded": 1}
    assert len({each["sop_instance_uid"] for each in document["instances"]}) == 40
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 40


def test_several_patients_are_refused_and_shown_on_the_terminal_only(medium: Path, tmp_path: Path) -> None:
    said = mediakit("import", medium, f"dir:{tmp_path / 'out'}")
    assert said.code == 7
    assert not (tmp_path / "out").exists()
    assert "MKS-0001" in said.out
    assert not any(name in said.err for name in NAMES if not name.startswith("MKS"))


def test_no_name_of_a_patient_is_in_the_ledger_or_in_what_is_said(medium: Path, tmp_path: Path) -> None:
    said = process(
        "import", medium, f"dir:{tmp_path / 'out'}", "--all-patients", "-v",
        "--report", tmp_path / "r.json", "--report", tmp_path / "r.html",
    )  # fmt: skip
    assert said.code == 0
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    texts = [
        said.out,
        said.err,
        (tmp_path / "r.json").read_text("utf-8"),
        (tmp_path / "r.html").read_text("utf-8"),
    ]
    for name in NAMES:
        if not name.startswith("MKS"):
            assert name.encode() not in kept
            assert not any(name in text for text in texts), name


def test_nobody_there_is_exit_code_5_and_one_document(two: Path) -> None:
    said = process("import", two, "PACS@127.0.0.1:1", "--json")
    assert said.code == 5
    assert said.document["counts"] == {"unsent": 2}
    assert said.document["outcome"] == "no-association"


@pytest.mark.parametrize("options", [(), ("-n", "--probe")])
def test_what_to_look_at_when_nobody_is_there_is_said_and_the_place_once(
    options: tuple[str, ...], two: Path
) -> None:
    said = process("import", two, "PACS@127.0.0.1:1", *options)
    (line,) = [line for line in said.err.splitlines() if "MK-IMP-020" in line]
    assert "connection refused (is the server running, and is the port right?)" in line
    assert line.count("PACS@127.0.0.1:1") == 1


def test_what_is_no_medium_is_exit_code_3(tmp_path: Path) -> None:
    empty = folder_of(tmp_path / "empty", {"notes.txt": NOTES})
    assert mediakit("import", empty, f"dir:{tmp_path / 'out'}").code == 3
    assert (
        mediakit("import", tmp_path / "nothing", f"dir:{tmp_path / 'out'}", "--json").document["exit_code"]
        == 3
    )


@pytest.mark.parametrize(
    "options",
    [
        ("nowhere",),
        ("PACS@host:99999",),
        ("dir:out", "--only-directory", "--ignore-directory"),
        ("dir:out", "--probe"),
        ("dir:out", "--convert", "any"),
        ("dir:out", "--limit-rate", "fast"),
        ("dir:out", "--verify", "query"),
        ("dir:out", "--verify", "commit"),
        ("dir:out", "--ask-first"),
        ("dir:out", "--map", "nothing.csv"),
        ("dir:out", "--match", "query"),
        ("PACS@127.0.0.1:1", "--map", "m.csv", "--match", "query"),
        ("dir:out", "--report", "report.txt"),
        ("dir:out", "--expect-birth-date", "12.4.1958"),
        ("dir:out", "--expect-birth-date", "19581304"),
    ],
)
def test_a_wrong_call_is_exit_code_2_with_one_document(options: tuple[str, ...], two: Path) -> None:
    said = mediakit("import", two, *options, "--json")
    assert said.code == 2
    assert json.loads(said.out)["schema"] == "mediakit/error/1"


def test_an_empty_argument_is_exit_code_2_with_one_document(two: Path) -> None:
    """As a script gives it whose variable is not set: the guard would be off."""
    for option, value in (("--patient", ""), ("--expect-id", " "), ("--expect-birth-date", "")):
        said = process("import", two, "dir:out", option, value, "--json")
        assert said.code == 2
        assert json.loads(said.out)["schema"] == "mediakit/error/1"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nothing can be made")
@pytest.mark.parametrize(("dest", "code"), [("dir:out", 2), ("PACS@127.0.0.1:1", 5)])
def test_a_report_that_cannot_be_written_hides_nothing_of_the_import(
    dest: str, code: int, two: Path, tmp_path: Path
) -> None:
    def import_it(*options: str) -> Said:
        said = process("import", two, dest, "--report", "/proc/r.html", *options, cwd=tmp_path)
        assert said.code == code
        return said

    said = import_it()
    assert said.out.splitlines()[-1].startswith("outcome: ")
    has_job = "\njob " in said.out
    assert has_job is (code == 2)
    if has_job:
        job = said.out[said.out.index("\njob ") + 5 :][:15]
        assert f"`mediakit job report {job} --report FILE`" in said.err
    document = import_it("--json").document
    assert document["exit_code"] == code
    assert ("`mediakit job report 20" in document["hint"]) is has_job


def test_a_rehearsal_prints_what_would_go(medium: Path, tmp_path: Path) -> None:
    said = mediakit("import", medium, f"dir:{tmp_path / 'out'}", "--all-patients", "--dry-run")
    assert said.code == 0
    assert "CT Image Storage" in said.out
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "state").exists()


def test_a_job_is_found_again_however_its_destination_is_spelled(two: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with WatchedScp() as scp:
        config.write_text(f'[destinations.same]\nurl = "FAULTY@LocalHost:{scp.port}"\n')
        at = f"FAULTY@localhost:{scp.port}"
        first = process("import", two, at, "--json").document
        for dest in (f"dicom://{at.replace('localhost', 'LOCALHOST')}/", "same"):
            again = process("import", two, dest, "--json", "--resume", "--config", config).document
            assert again["job"] == first["job"], dest
    assert len(scp.stored) == 2


def test_a_job_into_a_folder_is_found_and_retried_from_another_folder(two: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "link").symlink_to("there")
    first = process("import", two, "dir:there/got", "--json", cwd=tmp_path).document
    for dest in ("dir:got", "dir:../there/got", f"dir:{tmp_path}/link/got"):
        again = process("import", two, dest, "--json", "--resume", cwd=there).document
        assert again["job"] == first["job"], dest
    whole = (two / "IM1").read_bytes()
    (two / "IM1").write_bytes(whole[:700])
    cut = process("import", two, "dir:there/got", "--json", cwd=tmp_path).document
    (two / "IM1").write_bytes(whole)
    said = process("job", "retry", str(cut["job"]), "--json", cwd=there)
    assert (said.code, said.document["job"]) == (0, cut["job"])
    assert len(list((there / "got").rglob("*.dcm"))) == 2
    assert not (there / "there").exists()


def test_an_import_that_is_resumed_is_the_same_job(two: Path, tmp_path: Path) -> None:
    dest = f"dir:{tmp_path / 'out'}"
    first = process("import", two, dest, "--json").document
    again = process("import", two, dest, "--json", "--resume").document
    assert again["job"] == first["job"]
    listed = mediakit("job", "list", "--json").document["jobs"]
    assert [each["job"] for each in listed] == [first["job"]]


def test_a_job_is_tried_again_from_its_own_source(two: Path, tmp_path: Path) -> None:
    (two / "cut").write_bytes(next(two.iterdir()).read_bytes()[:700])
    job = process("import", two, f"dir:{tmp_path / 'out'}", "--json").document["job"]
    said = mediakit("job", "retry", job[:10], "--json")
    assert said.code == 6
    assert said.document["job"] == job


@pytest.mark.parametrize(
    ("text", "rate"), [("", 0), ("500", 500), ("10MB", 10_000_000), ("2 k", 2000), ("1GB/s", 10**9)]
)
def test_a_rate_is_read_in_decimal_units(text: str, rate: int) -> None:
    assert rate_of(text) == rate


@pytest.mark.parametrize("text", ["0", "fast", "-1", "1TB", "10 MB s", "9" * 20])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        rate_of(text)


def test_a_limited_payload_gives_the_same_bytes_and_pays_for_all_of_them() -> None:
    paid: list[int] = []

    class Counting(Rate):
        def spend(self, count: int) -> None:
            paid.append(count)

    content = bytes(range(256)) * 1000
    payload = Payload(
        head=b"",
        stream=io.BytesIO(content),
        data_set_at=100,
        data_set_bytes=len(content) - 100,
        transfer_syntax="1",
    )
    limited = Counting(1000, threading.Event()).limited(payload)
    assert b"".join(map(bytes, limited.data_set())) == content[100:]
    assert sum(paid) >= len(content) - 100
    assert Counting(0, threading.Event()).limited(payload) is payload
