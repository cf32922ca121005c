"""A robot that only pretends: it renames the job files of a folder, and writes a status as the makers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class FakeRobot:
    """What it does with a job: `good` and `bad` discs, then its end ("done", "failed", "hangs", "vanishes").

    `burned` has the bytes of every image or folder that it read, `jobs` the text of each job by its name.
    """

    kind: str
    folder: Path
    good: int = 1
    bad: int = 0
    ends: str = "done"
    error: str = ""
    burned: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look for jobs until it is stopped."""
        handed_in = ".JRQ" if self.kind == "primera-jrq" else ".JDF"
        while not self.stop.wait(0.01):
            for path in sorted(self.folder.iterdir()):
                if path.suffix == handed_in:
                    self._work(path)
                elif path.suffix in {".JCF", ".PTM"}:
                    self.cancelled.append(path.read_text())
                    path.unlink()

    def _work(self, path: Path) -> None:
        text = path.read_bytes().decode("cp1252")
        self.jobs[path.stem] = text
        seen = path.with_suffix(".QRJ" if self.kind == "primera-jrq" else ".RJD")
        path.rename(seen)
        self._say(path.stem, "working", 0, 0)
        working = seen.rename(path.with_suffix(".INP"))
        for line in text.splitlines():
            key, _, value = (part.strip() for part in line.partition("="))
            if key in {"ImageFile", "DATA"}:
                self._read(Path(value.split("\t")[0]))
        if self.ends == "hangs":
            return
        if self.ends == "vanishes":
            self._write("")
            working.rename(path.with_suffix(".DON"))
            return
        working.rename(path.with_suffix(".DON" if self.ends == "done" else ".ERR"))
        self._say(path.stem, self.ends, self.good, self.bad)

    def _read(self, path: Path) -> None:
        files: Sequence[Path] = (
            [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        )
        self.burned |= {str(one): one.read_bytes() for one in files}

    def _say(self, job: str, phase: str, good: int, bad: int) -> None:
        if self.kind == "primera-jrq":
            state = {"working": 1, "done": 2, "failed": 3}[phase]
            detail = 10 if phase == "done" else 0
            self._write(
                f"[CompletedJobs]\r\nJob0={job}\r\n[{job}]\r\nCurrentStatusState={detail}\r\n"
                f"GoodDiscs={good}\r\nBadDiscs={bad}\r\nJobState={state}\r\nJobErrorString={self.error}\r\n"
            )
        else:
            state = {"working": 2, "done": 4, "failed": 5}[phase]
            self._write(
                f"[COMPLETE_JOB]\r\nJOB1={job}\r\n[{job}]\r\nSTATUS={state}\r\nCOMPLETION_NUMBER={good}\r\n"
                f"ERRORDISC_NUMBER={bad}\r\nERROR={self.error}\r\n"
            )

    def _write(self, text: str) -> None:
        status = self.folder / "TDBStatus.txt"
        if self.kind == "primera-jrq":
            status = self.folder / "Status" / "Disc Publisher XRP.txt"
            status.parent.mkdir(exist_ok=True)
        status.write_bytes(text.encode("cp1252"))


@contextmanager
def running(robot: FakeRobot) -> Iterator[FakeRobot]:
    """Let a robot work for the time of the block."""
    thread = threading.Thread(target=robot.run, daemon=True)
    thread.start()
    try:
        yield robot
    finally:
        robot.stop.set()
        thread.join(10)
