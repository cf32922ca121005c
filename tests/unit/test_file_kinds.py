"""What lies beside the instances is told by its content, then by its name."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from mediakit.fileset.file_kinds import OtherKind, kind_of
from tests.support.each import each

EXE = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0" + bytes(48)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)
BINARY = bytes(range(256))


def zipped(name: str = "a.txt") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, b"hello")
    return target.getvalue()


def locked() -> bytes:
    """Return an archive whose first member says that it is encrypted."""
    content = bytearray(zipped())
    content[6] |= 1
    return bytes(content)


def tarred() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return target.getvalue()


def envelope(content_type: int) -> bytes:
    """Return the beginning of CMS content: ContentInfo with the type 1.2.840.113549.1.7.<n>."""
    return b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" + bytes([content_type]) + b"\xa0\x80\x30\x80"


def kind(path: str, content: bytes) -> OtherKind:
    return kind_of(path, content[:512], len(content))


@each(
    ("path", "content", "expected"),
    [
        ("VIEWER.EXE", EXE, OtherKind.EXECUTABLE),
        ("VIEWER/LIB.DLL", EXE, OtherKind.EXECUTABLE),
        ("viewer", b"\x7fELF\2\1\1" + bytes(9), OtherKind.EXECUTABLE),
        ("Viewer.app/Contents/MacOS/Viewer", b"\xca\xfe\xba\xbe\0\0\0\2", OtherKind.EXECUTABLE),
        ("start.sh", b"#!/bin/sh\nexec ./viewer\n", OtherKind.EXECUTABLE),
        ("START.BAT", b"@echo off\r\nviewer.exe\r\n", OtherKind.EXECUTABLE),
        ("start.vbs", b'CreateObject("x")\r\n', OtherKind.EXECUTABLE),
        ("start.hta", b"<html><script>x</script></html>", OtherKind.EXECUTABLE),
        ("VIEWER.JAR", zipped("A.class"), OtherKind.EXECUTABLE),
        ("SETUP.MSI", OLE, OtherKind.EXECUTABLE),
        ("AUTORUN.INF", b"[autorun]\r\nopen=viewer.exe\r\n", OtherKind.AUTORUN),
        ("autorun.inf;1", b"; nothing\r\n", OtherKind.AUTORUN),
        ("autorun.sh", b"#!/bin/sh\n", OtherKind.AUTORUN),
        ("INDEX.HTM", b"<!DOCTYPE html><html></html>", OtherKind.WEB),
        ("PAGE", b'\xef\xbb\xbf<?xml version="1.0"?>\n<html xmlns="x"/>', OtherKind.WEB),
        ("IHE_PDI/STYLE.CSS", b"body { color: black }", OtherKind.WEB),
        ("IHE_PDI/IM1.JPG", b"\xff\xd8\xff\xe0\0\x10JFIF", OtherKind.WEB),
        ("LOGO", PNG, OtherKind.WEB),
        ("README.TXT", b"made by nobody\r\n", OtherKind.TEXT),
        ("README", "Größe".encode("latin-1"), OtherKind.TEXT),
        ("NOTES.TXT", "\ufeffhello".encode("utf-16-le"), OtherKind.TEXT),
        ("METADATA.XML", b'<?xml version="1.0"?><SubmitObjectsRequest/>', OtherKind.TEXT),
        ("REPORT.PDF", b"%PDF-1.4\n", OtherKind.DOCUMENT),
        ("report", b"{\\rtf1 x}", OtherKind.DOCUMENT),
        ("LETTER.DOC", OLE, OtherKind.DOCUMENT),
        ("LETTER.DOCX", zipped("word/document.xml"), OtherKind.DOCUMENT),
        ("ALL.ZIP", zipped(), OtherKind.ARCHIVE),
        ("ALL", tarred(), OtherKind.ARCHIVE),
        ("ALL.7Z", b"7z\xbc\xaf\x27\x1c\0\4", OtherKind.ARCHIVE),
        ("ALL.ZIP", locked(), OtherKind.ENCRYPTED),
        ("DICOM/IM1", envelope(3), OtherKind.ENCRYPTED),
        ("MAIL", b"-----BEGIN PGP MESSAGE-----\n", OtherKind.ENCRYPTED),
        ("IM1", bytes(128) + b"DICM" + BINARY, OtherKind.DAMAGED),
        ("THUMBS.DB", BINARY, OtherKind.UNKNOWN),
    ],
)
def test_a_file_is_told_by_its_content_and_name(path: str, content: bytes, expected: OtherKind) -> None:
    assert kind(path, content) is expected


@pytest.mark.parametrize("path", ["README.TXT", "INDEX.HTM", "IM1.JPG", "AUTORUN.INF", "DICOM/IM1"])
def test_a_program_is_a_program_under_any_name(path: str) -> None:
    assert kind(path, EXE) is OtherKind.EXECUTABLE


def test_a_text_that_begins_like_a_program_is_a_text() -> None:
    assert kind("README.TXT", b"MZ is how programs begin\n") is OtherKind.TEXT


def test_signed_content_is_not_encrypted() -> None:
    assert kind("A", envelope(2)) is OtherKind.UNKNOWN


@pytest.mark.parametrize(
    ("path", "expected"),
    [("A.EXE", OtherKind.EXECUTABLE), ("B.TXT", OtherKind.TEXT), ("C", OtherKind.UNKNOWN)],
)
def test_of_an_empty_file_only_the_name_tells(path: str, expected: OtherKind) -> None:
    assert kind(path, b"") is expected


@pytest.mark.parametrize("size", range(0, 16, 3))
def test_content_that_is_cut_off_at_any_byte_is_still_told(size: int) -> None:
    for content in (EXE, PNG, OLE, zipped(), envelope(3)):
        assert kind("x.y", content[:size]) in OtherKind
