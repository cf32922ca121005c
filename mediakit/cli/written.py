"""Report files: checked before a long run, written whole or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from mediakit.errors import UsageError


def check_report(report: Path, out: Path | None = None) -> None:
    """Raise UsageError before a long run whose report would be lost."""
    if out is not None and (
        report.absolute() == out.absolute() or out.absolute() in report.absolute().parents
    ):
        raise UsageError("the report would lie on the medium", where=str(report))
    if report.is_dir() or not report.absolute().parent.is_dir():
        raise UsageError("the report cannot be written there", where=str(report), hint="name a file")


def write_report(path: Path, document: str) -> None:
    """Write a report beside its place, then rename it. Raises UsageError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(document, encoding="utf-8")
        part.replace(path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise UsageError("the report cannot be written", where=str(path), why=exc.strerror or "") from exc


def now() -> datetime:
    """Return the time stamp of what is written: SOURCE_DATE_EPOCH when it is set. Raises UsageError."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise UsageError("SOURCE_DATE_EPOCH is not a number of seconds", where=epoch) from exc
