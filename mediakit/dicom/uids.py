"""SOP classes and transfer syntaxes: what kind they are and what they are called. Tables and lookups only.

Nothing here reads a file, and nothing here imports pydicom: start-up pays for every import.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

from msgspec import Struct

from mediakit.dicom.storage_table import TABLE

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"


class StorageClass(Struct, frozen=True):
    """One Storage SOP Class. `multiframe`: its IOD allows several frames (an instance may have one only)."""

    uid: str
    name: str
    multiframe: bool
    retired: bool


class SyntaxKind(StrEnum):
    """How a transfer syntax carries pixel data."""

    NATIVE = "native"  # not encapsulated, data set as it is
    DEFLATED = "deflated"  # the whole data set is one deflate stream
    IMAGE = "image"  # encapsulated frames
    VIDEO = "video"  # encapsulated video stream
    OTHER = "other"  # pixel data by reference, real-time video, retired encodings of whole objects


class TransferSyntax(Struct, frozen=True):
    """One transfer syntax.

    `lossy`: pixel data may have lost information. `can_decode` and `can_encode` (encoding is lossless
    only) tell what the codecs of the extra `codecs` are used for.
    """

    uid: str
    name: str
    kind: SyntaxKind
    lossy: bool
    implicit: bool
    big_endian: bool
    can_decode: bool
    can_encode: bool

    @property
    def is_encapsulated(self) -> bool:
        """Return True when pixel data are a sequence of fragments (PS3.5 A.4)."""
        return self.kind in {SyntaxKind.IMAGE, SyntaxKind.VIDEO}


STORAGE: Mapping[str, StorageClass] = MappingProxyType(
    {uid: StorageClass(uid, name, multi == "M", state == "R") for uid, name, multi, state in TABLE}
)

# Flags: I implicit VR, B big endian, L lossy, D we can decode, E we can encode.
_SYNTAX_TABLE: tuple[tuple[str, str, SyntaxKind, str], ...] = (
    (IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian", SyntaxKind.NATIVE, "ID"),
    (EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian", SyntaxKind.NATIVE, "DE"),
    ("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian", SyntaxKind.IMAGE, ""),
    (DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "Deflated Explicit VR Little Endian", SyntaxKind.DEFLATED, "D"),
    (EXPLICIT_VR_BIG_ENDIAN, "Explicit VR Big Endian", SyntaxKind.NATIVE, "BD"),
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", SyntaxKind.IMAGE, "LD"),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", SyntaxKind.IMAGE, "LD"),
    ("1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 and 5)", SyntaxKind.IMAGE, "L"),
    (
        "1.2.840.10008.1.2.4.53",
        "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)",
        SyntaxKind.IMAGE,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.54",
        "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)",
        SyntaxKind.IMAGE,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.55",
        "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)",
        SyntaxKind.IMAGE,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.56",
        "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)",
        SyntaxKind.IMAGE,
        "L",
    ),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", SyntaxKind.IMAGE, "D"),
    ("1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15)", SyntaxKind.IMAGE, ""),
    ("1.2.840.10008.1.2.4.59", "JPEG Extended, Hierarchical (Process 16 and 18)", SyntaxKind.IMAGE, "L"),
    ("1.2.840.10008.1.2.4.60", "JPEG Extended, Hierarchical (Process 17 and 19)", SyntaxKind.IMAGE, "L"),
    (
        "1.2.840.10008.1.2.4.61",
        "JPEG Spectral Selection, Hierarchical (Process 20 and 22)",
        SyntaxKind.IMAGE,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.62",
        "JPEG Spectral Selection, Hierarchical (Process 21 and 23)",
        SyntaxKind.IMAGE,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.63",
        "JPEG Full Progression, Hierarchical (Process 24 and 26)",
        SyntaxKind.IMAGE,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.64",
        "JPEG Full Progression, Hierarchical (Process 25 and 27)",
        SyntaxKind.IMAGE,
        "L",
    ),
    ("1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28)", SyntaxKind.IMAGE, ""),
    ("1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29)", SyntaxKind.IMAGE, ""),
    (
        "1.2.840.10008.1.2.4.70",
        "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
        SyntaxKind.IMAGE,
        "DE",
    ),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression", SyntaxKind.IMAGE, "DE"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression", SyntaxKind.IMAGE, "LD"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)", SyntaxKind.IMAGE, "DE"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression", SyntaxKind.IMAGE, "LD"),
    (
        "1.2.840.10008.1.2.4.92",
        "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)",
        SyntaxKind.IMAGE,
        "",
    ),
    ("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component Image Compression", SyntaxKind.IMAGE, "L"),
    ("1.2.840.10008.1.2.4.94", "JPIP Referenced", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", SyntaxKind.VIDEO, "L"),
    ("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", SyntaxKind.VIDEO, "L"),
    ("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", SyntaxKind.VIDEO, "L"),
    ("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", SyntaxKind.VIDEO, "L"),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", SyntaxKind.VIDEO, "L"),
    (
        "1.2.840.10008.1.2.4.102.1",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1",
        SyntaxKind.VIDEO,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.103",
        "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        SyntaxKind.VIDEO,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.103.1",
        "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        SyntaxKind.VIDEO,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.104",
        "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        SyntaxKind.VIDEO,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.104.1",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        SyntaxKind.VIDEO,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.105",
        "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        SyntaxKind.VIDEO,
        "L",
    ),
    (
        "1.2.840.10008.1.2.4.105.1",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        SyntaxKind.VIDEO,
        "L",
    ),
    ("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", SyntaxKind.VIDEO, "L"),
    (
        "1.2.840.10008.1.2.4.106.1",
        "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
        SyntaxKind.VIDEO,
        "L",
    ),
    ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", SyntaxKind.VIDEO, "L"),
    ("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", SyntaxKind.VIDEO, "L"),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", SyntaxKind.IMAGE, ""),
    ("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", SyntaxKind.IMAGE, "L"),
    ("1.2.840.10008.1.2.4.112", "JPEG XL", SyntaxKind.IMAGE, "L"),
    (
        "1.2.840.10008.1.2.4.201",
        "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
        SyntaxKind.IMAGE,
        "D",
    ),
    (
        "1.2.840.10008.1.2.4.202",
        "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        SyntaxKind.IMAGE,
        "D",
    ),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000 Image Compression", SyntaxKind.IMAGE, "LD"),
    ("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.5", "RLE Lossless", SyntaxKind.IMAGE, "DE"),
    ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", SyntaxKind.IMAGE, ""),
    ("1.2.840.10008.1.2.6.1", "RFC 2557 MIME encapsulation", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.6.2", "XML Encoding", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.2.7.3", "SMPTE ST 2110-30 PCM Digital Audio", SyntaxKind.OTHER, ""),
    ("1.2.840.10008.1.20", "Papyrus 3 Implicit VR Little Endian", SyntaxKind.OTHER, "I"),
)

SYNTAXES: Mapping[str, TransferSyntax] = MappingProxyType(
    {
        uid: TransferSyntax(
            uid=uid,
            name=name,
            kind=kind,
            lossy="L" in flags,
            implicit="I" in flags,
            big_endian="B" in flags,
            can_decode="D" in flags,
            can_encode="E" in flags,
        )
        for uid, name, kind, flags in _SYNTAX_TABLE
    }
)


def content_uid(*parts: bytes) -> str:
    """Return a UID that is made of some bytes alone: a UUID of version 8 under 2.25 (PS3.5 B.2)."""
    digest = bytearray(sha256(b"\0".join(parts)).digest())
    digest[6] = digest[6] & 0x0F | 0x80  # the form of a UUID, version 8: made from content
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def is_storage(uid: str) -> bool:
    """Return True for a Storage SOP Class of the standard, current or retired."""
    return uid in STORAGE


def is_image(uid: str) -> bool:
    """Return True for a standard image storage class, current or retired: its instances have pixel data."""
    known = STORAGE.get(uid)
    return known is not None and "Image Storage" in known.name


def class_name(uid: str) -> str:
    """Return the name of a Storage SOP Class, or the UID itself when it is not known."""
    known = STORAGE.get(uid)
    return known.name if known is not None else uid


def syntax_name(uid: str) -> str:
    """Return the name of a transfer syntax, or the UID itself when it is not known."""
    known = SYNTAXES.get(uid)
    return known.name if known is not None else uid


#: Pixel data by reference: they are at the other side of a network, not in the file.
NETWORK_ONLY = frozenset(
    {
        "1.2.840.10008.1.2.4.94",
        "1.2.840.10008.1.2.4.95",
        "1.2.840.10008.1.2.4.204",
        "1.2.840.10008.1.2.4.205",
    }
)
