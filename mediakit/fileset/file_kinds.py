"""What a file is that holds no DICOM instance: by its first bytes, and where they say little by its name.

Facts on signatures and names only. No name makes a file harmless: a program called README.TXT is a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from mediakit.secure.facts import is_enveloped, is_other_cms


class OtherKind(StrEnum):
    """What a file that holds no instance is."""

    DICOMDIR = "dicomdir"
    EXECUTABLE = "executable"  # programs, libraries, scripts, by content or by name
    AUTORUN = "autorun"
    WEB = "web"  # pages, style sheets, pictures for a browser
    TEXT = "text"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"  # DICOM that is broken, or a file that cannot be read
    UNKNOWN = "unknown"


# How files begin. Containers (ZIP, OLE) hold many kinds: there the name says which.
_STARTS: tuple[tuple[bytes, OtherKind], ...] = (
    (b"\x7fELF", OtherKind.EXECUTABLE),
    (b"\xfe\xed\xfa\xce", OtherKind.EXECUTABLE),  # Mach-O, 32 and 64 bit, both byte orders
    (b"\xfe\xed\xfa\xcf", OtherKind.EXECUTABLE),
    (b"\xce\xfa\xed\xfe", OtherKind.EXECUTABLE),
    (b"\xcf\xfa\xed\xfe", OtherKind.EXECUTABLE),
    (b"\xca\xfe\xba\xbe", OtherKind.EXECUTABLE),  # Mach-O for several processors, and Java classes
    (b"#!", OtherKind.EXECUTABLE),
    (b"L\0\0\0\x01\x14\x02\0", OtherKind.EXECUTABLE),  # a Windows shortcut: it starts something
    (b"%PDF-", OtherKind.DOCUMENT),
    (b"{\\rtf", OtherKind.DOCUMENT),
    (b"\x89PNG\r\n", OtherKind.WEB),
    (b"\xff\xd8\xff", OtherKind.WEB),
    (b"GIF87a", OtherKind.WEB),
    (b"GIF89a", OtherKind.WEB),
    (b"\0\0\1\0", OtherKind.WEB),  # an icon
    (b"7z\xbc\xaf\x27\x1c", OtherKind.ARCHIVE),
    (b"Rar!\x1a\x07", OtherKind.ARCHIVE),
    (b"MSCF", OtherKind.ARCHIVE),
    (b"\x1f\x8b\x08", OtherKind.ARCHIVE),
    (b"BZh", OtherKind.ARCHIVE),
    (b"\xfd7zXZ\0", OtherKind.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", OtherKind.ARCHIVE),
    (b"-----BEGIN PGP MESSAGE", OtherKind.ENCRYPTED),
    (b"-----BEGIN PKCS7", OtherKind.ENCRYPTED),
    (b"-----BEGIN CMS", OtherKind.ENCRYPTED),
    (b"age-encryption.org/", OtherKind.ENCRYPTED),
    (b"Salted__", OtherKind.ENCRYPTED),  # OpenSSL
    (b"LUKS\xba\xbe", OtherKind.ENCRYPTED),
    (b"\xeb\x58\x90-FVE-FS-", OtherKind.ENCRYPTED),  # BitLocker
)
_BY_FIRST: Mapping[int, tuple[tuple[bytes, OtherKind], ...]] = {
    first: tuple(row for row in _STARTS if row[0][0] == first) for first in {start[0] for start, _ in _STARTS}
}
# What stands further in: offset, mark, kind.
_INSIDE: tuple[tuple[int, bytes, OtherKind], ...] = (
    (128, b"DICM", OtherKind.DAMAGED),
    (257, b"ustar", OtherKind.ARCHIVE),
    (8, b"WEBPVP8", OtherKind.WEB),
)
_ZIP = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _table(*rows: tuple[OtherKind, str]) -> Mapping[str, OtherKind]:
    return {name: kind for kind, names in rows for name in names.split()}


_NAMES = _table(
    (OtherKind.AUTORUN, "autorun.inf autorun.sh autorun autoopen .autorun .autoopen autorun.bat autorun.cmd"),
    (OtherKind.TEXT, "readme license licence copying notice version changelog"),
)
_EXTENSIONS = _table(
    (OtherKind.EXECUTABLE, "exe dll com scr sys ocx cpl msi msp drv so dylib jar class vbs vbe jse wsf wsh"),
    (OtherKind.EXECUTABLE, "bat cmd ps1 sh bash command py pl rb pif lnk hta reg deb rpm apk appimage"),
    (
        OtherKind.WEB,
        "htm html xhtml shtml mht css js mjs json xsl xslt svg ico png jpg jpeg jpe gif webp bmp",
    ),
    (OtherKind.WEB, "woff woff2 ttf eot swf map"),
    (OtherKind.TEXT, "txt md log ini inf cfg conf csv tsv xml xsd dtd properties nfo"),
    (OtherKind.DOCUMENT, "pdf doc docx docm rtf odt xls xlsx xlsm ods ppt pptx odp chm ps eps hlp"),
    (OtherKind.ARCHIVE, "zip 7z rar tar gz tgz bz2 xz zst cab iso udf dmg img"),
    (OtherKind.ENCRYPTED, "p7m p7e pgp gpg age enc tc hc sdc"),
)
#: What a text may be by its extension; all else that reads as text is text.
_TEXTS = frozenset({OtherKind.EXECUTABLE, OtherKind.WEB, OtherKind.DOCUMENT})
_IN_ZIP = frozenset({OtherKind.EXECUTABLE, OtherKind.DOCUMENT})
_MARKUP = (b"<!doctype html", b"<html", b"<svg", b"<head", b"<body")
_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\f\x1a\x1b"))) + b"\x7f"


def kind_of(path: str, head: bytes, size: int) -> OtherKind:
    """Return what a file is by the first bytes of it, and where they leave it open by its name.

    `head` holds at least 512 bytes, or the whole file; `size` is its size in bytes.
    """
    name = path[path.rfind("/") + 1 :].partition(";")[0].rstrip(".").lower()
    by_name = _NAMES.get(name) or _EXTENSIONS.get(name.rpartition(".")[2] if "." in name else "")
    if not size or not head:
        return by_name or OtherKind.UNKNOWN
    found = _by_signature(head, by_name)
    if found is None and _is_text(head):
        found = _of_text(head, by_name)
    return found or by_name or OtherKind.UNKNOWN


def _by_signature(head: bytes, by_name: OtherKind | None) -> OtherKind | None:
    for start, kind in _BY_FIRST.get(head[0], ()):
        if head.startswith(start):
            return by_name if by_name is OtherKind.AUTORUN and start == b"#!" else kind
    if head.startswith((*_ZIP, _OLE)):
        return _of_container(head, by_name)
    for offset, mark, kind in _INSIDE:
        if head.startswith(mark, offset):
            return kind
    if head.startswith(b"MZ") and not _is_text(head):
        return OtherKind.EXECUTABLE
    return OtherKind.ENCRYPTED if is_enveloped(head) or is_other_cms(head) else None


def _of_container(head: bytes, by_name: OtherKind | None) -> OtherKind:
    if head.startswith(_OLE):
        return OtherKind.EXECUTABLE if by_name is OtherKind.EXECUTABLE else OtherKind.DOCUMENT
    if head[6:7] and head[6] & 1:  # general purpose bit 0 of the first member
        return OtherKind.ENCRYPTED
    return by_name if by_name in _IN_ZIP and by_name is not None else OtherKind.ARCHIVE


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16 with its mark
    return len(head.translate(None, _CONTROLS)) == len(head)


def _of_text(head: bytes, by_name: OtherKind | None) -> OtherKind:
    start = head[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if by_name is OtherKind.AUTORUN or start.startswith(b"[autorun"):
        return OtherKind.AUTORUN
    if by_name is not OtherKind.EXECUTABLE and any(
        start.startswith(mark) or (start.startswith((b"<?xml", b"<!--")) and mark in start)
        for mark in _MARKUP
    ):
        return OtherKind.WEB
    return by_name if by_name in _TEXTS or by_name is OtherKind.ENCRYPTED else OtherKind.TEXT
