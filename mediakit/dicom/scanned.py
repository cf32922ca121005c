"""Whose instance it is: from what was scanned to an `Instance`, with the checks of its UIDs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct, field

from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.dataset import PixelElement
from mediakit.dicom.image import native_bits
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Breach, Header, Instance, Note, Tag
from mediakit.dicom.packed import Several
from mediakit.dicom.structure import Faults
from mediakit.dicom.uids import SYNTAXES, SyntaxKind, is_image
from mediakit.findings import Rule, Severity

MEDIA_SOP_CLASS: Tag = 0x00020002
MEDIA_SOP_INSTANCE: Tag = 0x00020003
SOP_CLASS: Tag = 0x00080016
SOP_INSTANCE: Tag = 0x00080018
STUDY: Tag = 0x0020000D
SERIES: Tag = 0x0020000E
SAMPLES: Tag = 0x00280002
COLOURS: Tag = 0x00280004
FRAMES: Tag = 0x00280008
ROWS: Tag = 0x00280010
COLUMNS: Tag = 0x00280011
BITS_ALLOCATED: Tag = 0x00280100

_shape = Several(ROWS, COLUMNS, SAMPLES, BITS_ALLOCATED, FRAMES, COLOURS)
_uids = Several(SOP_CLASS, SOP_INSTANCE, STUDY, SERIES)
_media_uids = Several(MEDIA_SOP_CLASS, MEDIA_SOP_INSTANCE)
# JPEG 2000 Part 2 multi-component: a codestream can hold several frames (PS3.5 A.4.4).
_SEVERAL_AT_ONCE = frozenset({"1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"})
_NO_NOTES: frozenset[Note] = frozenset()
_DIRECTORY = MEDIA_STORAGE_DIRECTORY.encode("ascii")
_UID = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")


class Scanned(Struct, gc=False):
    """What was read of one file, before it is known whose instance it is.

    `syntax` is how it is encoded, `fragments` how many fragments of encapsulated pixel data hold bytes.
    """

    meta: Mapping[Tag, bytes]
    values: Mapping[Tag, bytes]
    shared: Mapping[Tag, bytes]
    pixels: PixelElement | None
    syntax: str
    notes: list[Note] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    program: str = ""
    fragments: int | None = None


NO_IDENTITY = Rule(
    id="MK-SRC-010",
    severity=Severity.ERROR,
    title="{missing} is missing, so nobody can refer to this instance",
    ref="PS3.3 C.12.1",
    hint="ask the system that made the file for a complete copy",
)


def instance(scanned: Scanned, source: str, path: str, size: int, modified_ns: int) -> Instance:
    """Return the instance that was scanned. Raises Malformed when it has no SOP Class or Instance UID.

    UIDs of a form that PS3.5 9.1 forbids are kept and noted.
    """
    meta, values, notes = scanned.meta, scanned.values, scanned.notes
    found_class, found_instance, study, series = _uids(values)
    raw_class, raw_instance = found_class or b"", found_instance or b""
    if _media_uids(meta) != (raw_class, raw_instance):
        raw_class, raw_instance = _settled(scanned, raw_class, raw_instance)
    sop_class = _text(raw_class)
    sop_instance = raw_instance.strip(b" \0")
    if not sop_class or not sop_instance:
        raise Malformed(NO_IDENTITY, missing="SOP Instance UID" if sop_class else "SOP Class UID")
    if not (
        is_sound_value(raw_instance)
        and _is_known_sound(raw_class)
        and (study is None or _is_known_sound(study))
        and (series is None or _is_known_sound(series))
    ):
        notes.append(Note.BAD_UID)
    if scanned.pixels is None and BITS_ALLOCATED in values:
        notes.append(Note.NO_PIXELS)
    elif scanned.pixels is None and is_image(sop_class):
        notes.append(Note.HEADER_ALONE)
    offset = None if scanned.pixels is None else scanned.pixels.offset
    if scanned.pixels is not None and scanned.pixels.length is not None:
        _check_length(scanned, scanned.pixels.tag, scanned.pixels.length)
    elif scanned.pixels is not None and scanned.fragments is not None:
        _check_fragments(scanned, scanned.pixels.tag, scanned.fragments)
    faults = tuple(scanned.faults.found)
    noted = frozenset(notes) if notes else _NO_NOTES
    header = Header(meta, values, scanned.shared, offset, noted, faults, scanned.program)
    uid = sop_instance.decode("latin-1")
    return Instance(source, path, size, sop_class, uid, scanned.syntax, header, modified_ns)


def _settled(scanned: Scanned, raw_class: bytes, raw_instance: bytes) -> tuple[bytes, bytes]:
    """Return SOP Class and Instance UID when those of the meta information are not the same bytes."""
    pad = b" \0"
    ours = (raw_class.strip(pad), raw_instance.strip(pad))
    meta = scanned.meta
    theirs = (meta.get(MEDIA_SOP_CLASS, b"").strip(pad), meta.get(MEDIA_SOP_INSTANCE, b"").strip(pad))
    is_directory = theirs[0] == _DIRECTORY and ours == (b"", b"")
    if meta and ours != theirs and not is_directory:
        if any(one and other and one != other for one, other in zip(ours, theirs, strict=True)):
            scanned.notes.append(Note.UID_MISMATCH)
        if not all(ours):
            scanned.notes.append(Note.NO_SOP_UIDS)
    return ours[0] or theirs[0], ours[1] or theirs[1]


def _check_length(scanned: Scanned, tag: Tag, length: int) -> None:
    """Hold the length of native pixel data against the image (PS3.3 C.7.6.3, PS3.5 8.1.1)."""
    wanted = _pixel_bytes(*_shape(scanned.values))
    if wanted and length != wanted + (wanted & 1) and length != wanted:
        scanned.faults.add(Breach.SHORT_PIXELS if length < wanted else Breach.LONG_PIXELS, tag)


@lru_cache(maxsize=1024)
def _pixel_bytes(
    rows: bytes | None,
    columns: bytes | None,
    samples: bytes | None,
    bits: bytes | None,
    frames: bytes | None,
    colours: bytes | None,
) -> int:
    """Return how many bytes the native frames of an image have without padding; 0 when it is not said."""
    if not rows or not columns or not bits:
        return 0
    cells = _number(rows) * _number(columns) * (_number(samples) if samples else 1)
    per_frame = native_bits(cells * _number(bits), (colours or b"").strip(b" \0").decode("latin-1"))
    return -(-per_frame * max(_frames(frames), 0) // 8)


def _check_fragments(scanned: Scanned, tag: Tag, full: int) -> None:
    """Hold the fragments of encapsulated pixel data against the image: a frame has one at least (PS3.5 A.4).

    A video is one stream whatever its frames, and components of several frames can be one codestream.
    """
    known = SYNTAXES.get(scanned.syntax)
    if known is None or known.kind not in {SyntaxKind.IMAGE, SyntaxKind.VIDEO}:
        return
    is_by_frame = known.kind is SyntaxKind.IMAGE and known.uid not in _SEVERAL_AT_ONCE
    wanted = _frames(scanned.values.get(FRAMES)) if is_by_frame else 1
    if full < max(wanted, 1):
        scanned.faults.add(Breach.FEW_FRAGMENTS, tag)


def _frames(value: bytes | None) -> int:
    """Return Number of Frames, 1 where it is absent or empty, 0 when it is no number."""
    try:
        return int(value.split(b"\\")[0]) if value and value.strip(b" \0") else 1
    except ValueError:
        return 0


def _number(value: bytes) -> int:
    return int.from_bytes(value[:2], "little")


def is_sound_uid(uid: bytes) -> bool:
    """Return True for a UID of at most 64 digits and points, no component empty or with a leading zero."""
    root, point, last = uid.rpartition(b".")  # the root is that of many
    is_last_sound = last.isdigit() and (last[:1] != b"0" or last == b"0")
    return is_last_sound and len(uid) <= 64 and (not point or _is_sound_root(root))


@lru_cache(maxsize=1024)
def _is_sound_root(root: bytes) -> bool:
    return _UID.fullmatch(root) is not None


def is_sound_value(raw: bytes) -> bool:
    """Return True for the value of an element that is one sound UID, padded with NUL (PS3.5 6.2, 9.1)."""
    return is_sound_uid(raw.rstrip(b"\0"))


@lru_cache(maxsize=1024)
def _is_known_sound(raw: bytes) -> bool:
    return is_sound_value(raw)


@lru_cache(maxsize=1024)
def _text(raw: bytes) -> str:
    return raw.strip(b" \0").decode("latin-1")
