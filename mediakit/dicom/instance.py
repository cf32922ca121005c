"""All that the core knows of one DICOM file. Values only: nothing here opens, reads or decodes a file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct, field

Tag = int  # 0xGGGGEEEE

SPECIFIC_CHARACTER_SET: Tag = 0x00080005
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


class Note(StrEnum):
    """What the header scan had to tolerate in a file. The judge turns notes into findings."""

    NO_META = "no-meta"  # a bare data set: no preamble, no file meta information
    NO_PREAMBLE = "no-preamble"  # group 2 without the 128 bytes and DICM
    BAD_META = "bad-meta"  # group 2 is there but incomplete or wrong (no transfer syntax, wrong length)
    LONG_META = "long-meta"  # a name in group 2 is longer than 16 characters
    TRAILING = "trailing"  # bytes after the last element that are not padding
    ZEROS = "zeros"  # zeros after the last element
    ODD_VR = "odd-vr"  # a wanted element has another VR than the dictionary
    NO_SOP_UIDS = "no-sop-uids"  # (0008,0016) or (0008,0018) is missing; the meta information has it
    UID_MISMATCH = "uid-mismatch"  # (0002,0002)/(0002,0003) differ from (0008,0016)/(0008,0018)
    NO_PIXELS = "no-pixels"  # pixel data are described and are not there: cut off between two elements
    HEADER_ALONE = "header-alone"  # an image SOP Class without pixel data and without their description
    PREAMBLE_USED = "preamble-used"  # the 128 bytes are not all zero
    BAD_UID = "bad-uid"  # a UID of class, instance, study or series is longer than 64 or has odd characters


class Breach(StrEnum):
    """How elements can be put together against PS3.5 7 and A.4. The judge turns breaches into findings."""

    ODD_LENGTH = "odd-length"  # a value of an odd number of bytes
    PART_OF_VALUE = "part-of-value"  # a length that is no multiple of what one number of its VR takes
    ODD_FRAGMENT = "odd-fragment"  # a fragment of pixel data of an odd number of bytes
    ORDER = "order"  # a tag that is lower than the one before it
    TWICE = "twice"  # the same tag again
    UNKNOWN_VR = "unknown-vr"  # two characters that are no VR of any edition
    NO_VR = "no-vr"  # an element without VR in an explicit encoding
    PIXEL_VR = "pixel-vr"  # pixel data with a VR that no pixel data have
    NESTING = "nesting"  # items, delimiters or elements of a sequence that do not add up
    SHORT_PIXELS = "short-pixels"  # native pixel data of fewer bytes than the image has
    LONG_PIXELS = "long-pixels"  # native pixel data of more bytes than the image has
    FEW_FRAGMENTS = "few-fragments"  # encapsulated pixel data of fewer fragments than the image has frames
    SECOND_FILE = "second-file"  # another DICOM file behind the last element


class Fault(NamedTuple):
    """One breach, at a tag."""

    breach: Breach
    tag: Tag


class Header(Struct, frozen=True, gc=False):
    """The wanted elements of one file, as raw value bytes in Explicit VR Little Endian.

    `values` holds top-level elements: the value bytes with their padding, in the VR of the dictionary.
    A sequence is held as its encoded content (the items, with item tags, without the delimiter of the
    sequence), in Explicit VR Little Endian whatever the file's own encoding is. `shared` holds wanted
    elements found inside Shared Functional Groups Sequence (5200,9229), nested at any depth of it.
    `meta` holds group 2. An element that is absent is not in the mapping; an empty one maps to b"".
    `pixel_offset` is where the value of the pixel data element begins in the file (in the inflated data
    set of a deflated one); None without pixel data. `faults` are breaches of the encoding at any depth, the
    first ones of a file. `program` is what kind of program the preamble begins like, "" for none.

    Raw bytes are kept so that a key reaches its directory record undecoded and no character is lost.
    """

    meta: Mapping[Tag, bytes]
    values: Mapping[Tag, bytes]
    shared: Mapping[Tag, bytes] = field(default_factory=dict)
    pixel_offset: int | None = None
    notes: frozenset[Note] = frozenset()
    faults: tuple[Fault, ...] = ()
    program: str = ""

    def __repr__(self) -> str:
        return f"Header(notes={self.notes!r}, faults={self.faults!r})"  # a value may say who the patient is

    def text(self, tag: Tag) -> str:
        """Return a value as text without padding, for VRs of the default repertoire; "" when absent.

        Bytes outside ASCII come back as Latin-1: use `mediakit.dicom.text` for names and descriptions.
        """
        return self.values.get(tag, b"").rstrip(b" \0").lstrip(b" ").decode("latin-1")

    def number(self, tag: Tag) -> int | None:
        """Return the first value of a US, UL or IS element; None when absent, empty or not a number."""
        raw = self.values.get(tag)
        if not raw:
            return None
        if tag in BINARY_TAGS:
            return int.from_bytes(raw[: BINARY_TAGS[tag]], "little")
        try:
            return int(raw.split(b"\\")[0].strip(b" \0"))
        except ValueError:
            return None

    def has_value(self, tag: Tag) -> bool:
        """Return True when the element is present and holds more than padding."""
        return bool(self.values.get(tag, b"").strip(b" \0"))


# The wanted elements whose VR is binary, with the width of one value in bytes (US 2, UL 4).
BINARY_TAGS: Mapping[Tag, int] = {
    0x00280002: 2,
    0x00280003: 2,
    0x00280005: 2,
    0x00280006: 2,
    0x00280010: 2,
    0x00280011: 2,
    0x00280100: 2,
    0x00280101: 2,
    0x00280102: 2,
    0x00280103: 2,
    0x00286010: 2,
    0x00289001: 4,
    0x00289002: 4,
    0x00720014: 2,
}


class Instance(Struct, frozen=True, gc=False):
    """One SOP Instance found in a source.

    `path` is the place inside the source tree ("/" between names, as stored); `source` names the tree.
    Together they are the only pointer back: an Instance holds no open file. UIDs are without padding.
    `sop_class` and `sop_instance` come from the data set, or from the meta information when the data set
    has none (a DICOMDIR); `transfer_syntax` is how the data set is really encoded. `modified_ns` is when the
    file was last changed, where that is known.
    """

    source: str
    path: str
    size: int
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    header: Header
    modified_ns: int = 0

    def __repr__(self) -> str:
        place = f"source={self.source!r}, path={self.path!r}, size={self.size}"
        return f"Instance({place}, sop_class={self.sop_class!r}, sop_instance={self.sop_instance!r})"

    @property
    def patient_id(self) -> bytes:
        """Return Patient ID (0010,0020) as raw bytes without padding."""
        return self.header.values.get(0x00100020, b"").strip(b" \0")

    @property
    def study(self) -> str:
        """Return Study Instance UID."""
        return self.header.text(0x0020000D)

    @property
    def series(self) -> str:
        """Return Series Instance UID."""
        return self.header.text(0x0020000E)


def shown(source: str, path: str) -> str:
    """Return the place of a file as the user knows it: the source as given, then the path inside."""
    return f"{source.rstrip('/')}/{path}" if path else source
