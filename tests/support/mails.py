"""Mails of a few parts, written byte by byte."""

from __future__ import annotations

from pathlib import Path

DICOM = bytes(128) + b"DICM" + bytes(range(256)) * 5


def message(path: Path, *parts: bytes, kind: str = "multipart/mixed", end: bytes = b"--b--\r\n") -> Path:
    """Write a message of parts with the boundary "b"."""
    head = f'MIME-Version: 1.0\r\nContent-Type: {kind}; boundary="b"\r\n\r\n'.encode()
    path.write_bytes(head + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end)
    return path


def part(body: bytes, *fields: str, encoding: str = "base64") -> bytes:
    lines = [*fields, f"Content-Transfer-Encoding: {encoding}"]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
