"""Report files: checked before a long run, written whole or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from mediakit.errors import MediakitError, UsageError, mapped


def check_report(report: Path, out: Path | None = None) -> None:
    """Raise UsageError before a long run whose report would be lost."""
    from mediakit.durable import check_regular  # here, as below: `--help` stays fast

    with mapped({OSError: UsageError}, "the report cannot be written there", str(report)):
        if out is not None and (
            report.absolute() == out.absolute() or out.absolute() in report.absolute().parents
        ):
            raise UsageError("the report would lie on the medium", where=str(report))
        check_regular(report)
        try:
            is_in_the_way = not S_ISREG(report.lstat().st_mode)
        except FileNotFoundError:
            is_in_the_way = not report.absolute().parent.is_dir()
    if is_in_the_way:
        raise UsageError("the report cannot be written there", where=str(report), hint="name a file")


def check_json_report(report: Path, out: Path | None = None) -> None:
    """Raise UsageError as `check_report` does, and for a file of another kind than JSON."""
    check_report(report, out)
    if report.suffix.lower() != ".json":
        hint = "name a file .json: this command has no other reports"
        raise UsageError("this kind of report is not known", where=str(report), hint=hint)


def write_report(path: Path, document: str) -> None:
    """Write a report, whole or not at all; an older one is replaced. Raises UsageError."""
    from mediakit.durable import new_file, write_all

    try:
        with new_file(path, overwrite=True, mode=0o600) as fd:
            write_all(fd, document.encode("utf-8"))
    except MediakitError as exc:
        raise UsageError("the report cannot be written", where=str(path), why=exc.why or exc.what) from exc


def now() -> datetime:
    """Return the time stamp of what is written: SOURCE_DATE_EPOCH when it is set. Raises UsageError."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise UsageError("SOURCE_DATE_EPOCH is not a number of seconds", where=epoch) from exc
