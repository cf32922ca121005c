"""Whose instance it is: from what was scanned to an `Instance`, with the checks of its UIDs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from mediakit.dicom.dataset import PixelElement
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Header, Instance, Note, Tag
from mediakit.dicom.window import Malformed
from mediakit.findings import Rule, Severity

MEDIA_SOP_CLASS: Tag = 0x00020002
MEDIA_SOP_INSTANCE: Tag = 0x00020003
SOP_CLASS: Tag = 0x00080016
SOP_INSTANCE: Tag = 0x00080018
STUDY: Tag = 0x0020000D
SERIES: Tag = 0x0020000E

_NO_NOTES: frozenset[Note] = frozenset()
_UID_CHARACTERS = b"0123456789."


@dataclass(slots=True)
class Scanned:
    """What was read of one file, before it is known whose instance it is. `syntax`: how it is encoded."""

    meta: dict[Tag, bytes]
    values: dict[Tag, bytes]
    shared: dict[Tag, bytes]
    pixels: PixelElement | None
    syntax: str
    notes: list[Note] = field(default_factory=list)


NO_IDENTITY = Rule(
    id="MK-SRC-010",
    severity=Severity.ERROR,
    title="{missing} is missing, so nobody can refer to this instance",
    ref="PS3.3 C.12.1",
    hint="ask the system that made the file for a complete copy",
)


def instance(scanned: Scanned, source: str, path: str, size: int) -> Instance:
    """Return the instance that was scanned. Raises Malformed when it has no SOP Class or Instance UID.

    UIDs of a form that PS3.5 9.1 forbids are kept and noted.
    """
    meta, values, notes = scanned.meta, scanned.values, scanned.notes
    named_class = values.get(SOP_CLASS, b"").strip(b" \0")
    named_instance = values.get(SOP_INSTANCE, b"").strip(b" \0")
    if meta:
        media_class = meta.get(MEDIA_SOP_CLASS, b"").strip(b" \0")
        media_instance = meta.get(MEDIA_SOP_INSTANCE, b"").strip(b" \0")
        if (media_class != named_class or media_instance != named_instance) and (
            named_class or named_instance or media_class != MEDIA_STORAGE_DIRECTORY.encode()
        ):
            notes.append(Note.UID_MISMATCH)
        named_class = named_class or media_class
        named_instance = named_instance or media_instance
    if not named_class or not named_instance:
        raise Malformed(NO_IDENTITY, missing="SOP Instance UID" if named_class else "SOP Class UID")
    if not (
        is_sound_uid(named_instance)
        and _is_known_sound(named_class)
        and _is_known_sound(values.get(STUDY, b"0").strip(b" \0"))
        and _is_known_sound(values.get(SERIES, b"0").strip(b" \0"))
    ):
        notes.append(Note.BAD_UID)
    pixels = scanned.pixels
    header = Header(
        meta,
        values,
        scanned.shared,
        None if pixels is None else pixels.offset,
        frozenset(notes) if notes else _NO_NOTES,
    )
    return Instance(
        source, path, size, _text(named_class), named_instance.decode("latin-1"), scanned.syntax, header
    )


def is_sound_uid(uid: bytes) -> bool:
    """Return True for a UID of at most 64 digits and points, no component empty or with a leading zero."""
    if len(uid) > 64 or uid.translate(None, _UID_CHARACTERS):
        return False
    if b".0" not in uid and b".." not in uid and uid[:1] not in b".0" and uid[-1:] != b".":
        return True  # the common case, without a loop
    return all(part == b"0" or (part and not part.startswith(b"0")) for part in uid.split(b"."))


@lru_cache(maxsize=1024)
def _is_known_sound(uid: bytes) -> bool:
    return is_sound_uid(uid)


@lru_cache(maxsize=1024)
def _text(uid: bytes) -> str:
    return uid.decode("latin-1")
