"""What the 128 bytes in front of a DICOM file look like when they are used (PS3.10 7.1, 7.5). Pure."""

from __future__ import annotations

_PROGRAMS = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xce\xfa\xed\xfe", "a macOS program"),
    (b"\xfe\xed\xfa\xcf", "a macOS program"),
    (b"\xfe\xed\xfa\xce", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a macOS or Java program"),
    (b"#!", "a script"),
)


def program_of(head: bytes) -> str:
    """Return what kind of program a file begins like, "" when like none."""
    for start, kind in _PROGRAMS:
        if head.startswith(start):
            return kind
    return "a batch file" if head[:5].lower() == b"@echo" else ""  # commands may be written in any case
