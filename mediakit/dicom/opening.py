"""Where the data set of a file begins, and how it is encoded, whether its meta information is true or not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct, field

from mediakit.dicom.bounded_read import Malformed, Readable, Window
from mediakit.dicom.dataset import PixelElement, read_meta, tail_of
from mediakit.dicom.elements import EXPLICIT_LITTLE, KNOWN_VRS, Encoding, encoding_of
from mediakit.dicom.fallback import (
    Claims,
    Inflated,
    bare_data_set,
    described,
    is_other_format,
    told_encoding,
)
from mediakit.dicom.instance import Note, Tag
from mediakit.dicom.packed import Several, Values
from mediakit.dicom.scanned import MEDIA_SOP_INSTANCE, is_sound_value
from mediakit.dicom.structure import Faults
from mediakit.dicom.uids import SYNTAXES, SyntaxKind, syntax_name
from mediakit.findings import Rule, Severity

GROUP_LENGTH: Tag = 0x00020000
TRANSFER_SYNTAX: Tag = 0x00020010
LENGTH_ELEMENT = 12  # bytes of the group length element itself

#: How a file is encoded is decided by so many of its first bytes and of those of its data set, no more and no
#: fewer: all who read a file decide alike, however much of it they have read.
FIRST_LOOK = 8192
# Version, SOP Class, Transfer Syntax, Implementation Class, private information and its creator; names.
_ALIKE: tuple[Tag, ...] = (0x00020001, 0x00020002, 0x00020010, 0x00020012, 0x00020102, 0x00020100)
_ALIKE += (0x00020013, 0x00020016, 0x00020017, 0x00020018)
_own = Several(GROUP_LENGTH, MEDIA_SOP_INSTANCE)
_alike = Several(*_ALIKE)
_NAME_MAX = 16  # characters of SH and AE
_PAD = b" \0"
_DATA_SET_LOOK = 1024

_ZEROS = bytes(128)
_META_START = b"\2\0\0\0UL\4\0"  # the group length element
_META_SOON = 512  # bytes in which it is looked for where nothing else is right
# JPIP by reference, deflated: a data set without pixels, encoded as a deflated one.
_DEFLATED = frozenset({"1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})


class Opening(Struct):
    """The start of a file.

    The data set begins at `offset` of `window` and at `begin` of the file: they differ when it is deflated.
    `declared` is the transfer syntax of the meta information ("" without one), `syntax` the real one. The
    meta information begins at `meta_at`. `faults` are those of the file around a deflated data set.
    """

    window: Window
    offset: int
    begin: int
    encoding: Encoding
    declared: str = ""
    syntax: str = ""
    meta: dict[Tag, bytes] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    meta_at: int = 0
    is_orderly: bool = True  # the elements of the meta information are put together as they must be
    faults: Faults = field(default_factory=Faults)

    @property
    def is_deflated(self) -> bool:
        """Return True when the data set is one deflate stream in the file (PS3.5 A.5)."""
        known = SYNTAXES.get(self.declared)
        return known is not None and (known.kind is SyntaxKind.DEFLATED or self.declared in _DEFLATED)


NOT_DICOM = Rule(
    id="MK-SRC-001",
    severity=Severity.NOTE,
    title="not a DICOM file: {why}",
    ref="PS3.10 7",
    hint="nothing is missing if it is not an image; otherwise ask the sender which format it has",
)
ZEROS_ALONE = Rule(
    id="MK-SRC-016",
    severity=Severity.ERROR,
    title="the file holds nothing but zeros: what stood there is lost",
    ref="PS3.10 7",
    hint="its copy may have failed: try another drive or another copy of the medium",
)
START_DAMAGED = Rule(
    id="MK-SRC-017",
    severity=Severity.ERROR,
    title="the start is damaged: file meta information stands at byte {at}, not behind a preamble and DICM",
    ref="PS3.10 7.1",
    hint="fetch the file again from where it came from",
)
NO_DATA_SET = Rule(
    id="MK-SRC-011",
    severity=Severity.ERROR,
    title="the file ends after its meta information: there is no data set",
    ref="PS3.10 7.2",
    hint="fetch the file again from where it came from",
)
NO_ENCODING = Rule(
    id="MK-SRC-012",
    severity=Severity.ERROR,
    title="the data set is encoded neither as {syntax} nor in another known way",
    ref="PS3.5 A",
    hint="fetch the file again from where it came from",
)


def opened(stream: Readable, size: int, head: bytes, claims: Claims) -> Opening:
    """Find the data set of a file and inflate it where needed; `head` is what was read of its start.

    `claims` bounds what is inflated of several files. Compressed pixel data go with Explicit VR Little Endian
    alone (PS3.5 A.4). Raises Malformed.
    """
    opening = located(stream, size, head)
    known = SYNTAXES.get(opening.declared)
    if known is not None and known.is_encapsulated and opening.encoding is not EXPLICIT_LITTLE:
        raise Malformed(NO_ENCODING, syntax=known.name)
    if opening.is_deflated:
        inflated = Inflated(stream, opening.begin, claims)
        tail = tail_of(Window(stream, size), inflated.end, opening.faults)
        is_padded = tail is Note.ZEROS and size - inflated.end == 1  # to an even length (PS3.5 A.5)
        if tail is not None and not is_padded:
            opening.notes.append(tail)
        opening.window = Window(inflated, inflated.size)
        opening.offset = 0
    return opening


def located(stream: Readable, size: int, head: bytes) -> Opening:
    """Find the data set of a file and decide how it is encoded; nothing is inflated. Raises Malformed.

    The one decision for all who read files: a scan, a conversion, and the transport of data sets as stored
    choose the same encoding for the same bytes. A deflated data set is Explicit VR Little Endian (PS3.5 A.5).
    """
    window = Window(stream, size, head)
    notes: list[Note] = []
    if head.startswith(b"DICM", 128):
        offset = 132
        if not head.startswith(_ZEROS):
            notes.append(Note.PREAMBLE_USED)
    elif head.startswith(b"DICM"):
        offset = 4
        notes.append(Note.NO_PREAMBLE)
    elif head.startswith(b"\x02\x00") and head[4:6] in KNOWN_VRS:
        offset = 0
        notes.append(Note.NO_PREAMBLE)
    else:
        bare = bare_data_set(head[:FIRST_LOOK], size)
        if bare is None:
            raise _not_dicom(window, head)
        return Opening(window, 0, 0, bare, syntax=bare.syntax, notes=[Note.NO_META])
    meta, behind, is_orderly = read_meta(window, offset)
    if behind >= size:
        raise Malformed(NO_DATA_SET)
    uid = meta.get(TRANSFER_SYNTAX, b"").strip(b" \0").decode("latin-1")
    noted = meta_note(meta, behind - offset) if is_orderly else Note.BAD_META
    if noted is not None:
        notes.append(noted)
    opening = Opening(window, behind, behind, EXPLICIT_LITTLE, uid, uid, meta, notes, offset, is_orderly)
    if not opening.is_deflated:
        _settle_encoding(opening)
    return opening


def _not_dicom(window: Window, head: bytes) -> Malformed:
    """Return why a file is none of DICOM, or that its start is damaged."""
    if head.startswith(b"\0") and window.rest_is_padding(0):
        return Malformed(ZEROS_ALONE)
    if head.startswith(_ZEROS) and window.size < 132 and b"DICM".startswith(head[128:]):
        return Malformed(NO_DATA_SET)
    at = head.find(_META_START, 0, _META_SOON)
    if at >= 0 and not is_other_format(head):
        return Malformed(START_DAMAGED, at=at)
    return Malformed(NOT_DICOM, why=described(head))


def is_meta_sound(meta: Mapping[Tag, bytes], length: int) -> bool:
    """Return True when group 2, `length` bytes with its length element, is as it must be (PS3.10 7.1)."""
    return meta_note(meta, length) is not Note.BAD_META


def meta_note(meta: Mapping[Tag, bytes], length: int) -> Note | None:
    """Return what is to be noted of group 2, `length` bytes with its length element (PS3.10 7.1)."""
    said, sop_instance = _own(meta)
    if (
        said is None
        or len(said) != 4
        or int.from_bytes(said, "little") != length - LENGTH_ELEMENT
        or not sop_instance
        or b" " in sop_instance
    ):
        return Note.BAD_META
    return _values_note(_alike(meta))


@lru_cache(maxsize=1024)
def _values_note(values: Values) -> Note | None:
    """Return what is to be noted of values that are alike in most files, those of `_ALIKE`.

    Of the version only bit 0 of the second byte is looked at, as the standard asks of readers.
    """
    version, sop_class, syntax, implementation, private, creator, *names = values
    uids = (sop_class, syntax, implementation)
    if version is None or not is_version(version):
        return Note.BAD_META
    if not all(is_sound_value(uid or b"") for uid in uids):
        return Note.BAD_META
    if private is not None and not (creator or b"").strip(_PAD):
        return Note.BAD_META
    return Note.LONG_META if any(len((name or b"").strip(_PAD)) > _NAME_MAX for name in names) else None


def is_version(value: bytes) -> bool:
    """Return True for a File Meta Information Version of this edition: bit 0 of the second byte is set."""
    return len(value) == 2 and bool(value[1] & 1)


def _settle_encoding(opening: Opening) -> None:
    """Find out how the data set is really encoded; the declared encoding stands unless another one fits."""
    window, offset = opening.window, opening.offset
    declared = encoding_of(opening.declared)
    count = min(_DATA_SET_LOOK, window.size - offset)
    index = window.load(offset, count)
    told = told_encoding(window.data[index : index + count], window.size - offset, declared)
    if told is None:
        raise Malformed(NO_ENCODING, syntax=syntax_name(opening.declared) or "DICOM")
    opening.encoding = told
    if not opening.declared or (declared is not None and told != declared):
        opening.syntax = told.syntax
        if Note.BAD_META not in opening.notes:
            opening.notes.append(Note.BAD_META)


PIXELS_UNKNOWN = Rule(
    id="MK-SRC-013",
    severity=Severity.ERROR,
    title="pixel data are {found}, but the transfer syntax is {syntax}: nobody can tell how to decode them",
    ref="PS3.5 A.4",
    hint="ask the system that made the file for a correct copy",
)


def check_pixels(syntax: str, pixels: PixelElement) -> None:
    """Check that pixel data are encapsulated if and only if the transfer syntax says so. Raises Malformed.

    Private transfer syntaxes may do as they like.
    """
    known = SYNTAXES.get(syntax)
    if known is None or known.kind is SyntaxKind.OTHER:
        return
    if known.is_encapsulated != (pixels.length is None):
        found = "encapsulated" if pixels.length is None else "not encapsulated"
        raise Malformed(PIXELS_UNKNOWN, tag=pixels.tag, found=found, syntax=known.name)
