"""Report files: whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mediakit.cli.written import check_report, write_report
from mediakit.errors import UsageError


def test_an_older_report_is_replaced(tmp_path: Path) -> None:
    for text in ("old and long", "new"):
        write_report(tmp_path / "report.json", text)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


def test_a_report_that_cannot_be_written_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_report(tmp_path / "report.json", "old")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UsageError, match="the report cannot be written"):
        write_report(tmp_path / "report.json", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_report_goes_to_no_link_and_to_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder", "missing/report"):
        with pytest.raises(UsageError, match="the report cannot be written there"):
            check_report(tmp_path / name)
