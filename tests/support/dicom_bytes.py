"""Builders of raw DICOM bytes: what no library would write, and headers like those scanners make."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
CT = "1.2.840.10008.5.1.4.1.1.2"
RAW = "1.2.840.10008.5.1.4.1.1.66"  # a class of instances without pixel data
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
UNDEFINED = 0xFFFFFFFF

ITEM_END = pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = pack("<HHI", 0xFFFE, 0xE0DD, 0)


def even(value: str | bytes, pad: bytes = b" ") -> bytes:
    """Return a value as bytes of even length."""
    raw = value.encode("latin-1") if isinstance(value, str) else value
    return raw + pad * (len(raw) % 2)


def element(
    tag: int, vr: str, value: str | bytes = b"", *, implicit: bool = False, length: int | None = None
) -> bytes:
    """Return one little endian element; `length` overrides what its header says."""
    raw = even(value, b"\0" if vr in {"UI", "OB", "UN"} else b" ")
    said = len(raw) if length is None else length
    place = pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return place + pack("<I", said) + raw
    if vr in LONG:
        return place + vr.encode() + pack("<HI", 0, said) + raw
    return place + vr.encode() + pack("<H", said) + raw


def us(tag: int, number: int, *, implicit: bool = False) -> bytes:
    """Return a US element."""
    return element(tag, "US", pack("<H", number), implicit=implicit)


def item(content: bytes, *, undefined: bool = False) -> bytes:
    """Return one item of a sequence."""
    if undefined:
        return pack("<HHI", 0xFFFE, 0xE000, UNDEFINED) + content + ITEM_END
    return pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def sequence(
    tag: int, items: Sequence[bytes], *, undefined: bool = False, implicit: bool = False, vr: str = "SQ"
) -> bytes:
    """Return a sequence element with ready-made items."""
    content = b"".join(items)
    if undefined:
        return element(tag, vr, content + SEQUENCE_END, implicit=implicit, length=UNDEFINED)
    return element(tag, vr, content, implicit=implicit)


def meta(sop_class: str = RAW, sop_instance: str = "1.2.3.4", syntax: str = EXPLICIT) -> bytes:
    """Return sound file meta information, without preamble."""
    group = (
        element(0x00020001, "OB", b"\0\1")
        + element(0x00020002, "UI", sop_class)
        + element(0x00020003, "UI", sop_instance)
        + element(0x00020010, "UI", syntax)
        + element(0x00020012, "UI", "1.2.3.99")
    )
    return element(0x00020000, "UL", pack("<I", len(group))) + group


def part10(
    data_set: bytes, sop_class: str = RAW, sop_instance: str = "1.2.3.4", syntax: str = EXPLICIT
) -> bytes:
    """Return a whole file around an encoded data set."""
    return bytes(128) + b"DICM" + meta(sop_class, sop_instance, syntax) + data_set


def identity(sop_class: str = RAW, sop_instance: str = "1.2.3.4", *, implicit: bool = False) -> bytes:
    """Return SOP Class UID and SOP Instance UID of a data set."""
    return element(0x00080016, "UI", sop_class, implicit=implicit) + element(
        0x00080018, "UI", sop_instance, implicit=implicit
    )


def tiny(syntax: str = EXPLICIT, tail: bytes = b"") -> bytes:
    """Return the smallest instance that goes through the scan, with `tail` behind its identity."""
    return part10(identity(implicit=syntax == IMPLICIT) + tail, syntax=syntax)


def encapsulated(fragments: Sequence[bytes], *, closed: bool = True) -> bytes:
    """Return an encapsulated pixel data element with an empty offset table."""
    content = item(b"") + b"".join(item(even(part, b"\0")) for part in fragments)
    return element(0x7FE00010, "OB", content + (SEQUENCE_END if closed else b""), length=UNDEFINED)


def ct(number: int = 1, *, implicit: bool = False, pixels: int = 512 * 512 * 2, bulky: bool = False) -> bytes:
    """Return a CT slice like those a scanner makes: about 100 elements, private groups, plain sequences.

    `pixels` is the length of pixel data in bytes; `bulky` adds a private element of 40 KB.
    """
    uid = f"1.3.12.2.1107.5.1.4.60001.30000008010107301{1000000 + number}"
    data_set = ct_header(number, uid, implicit=implicit, bulky=bulky)
    data_set += element(0x7FE00010, "OW", bytes(pixels), implicit=implicit)
    return part10(data_set, CT, uid, IMPLICIT if implicit else EXPLICIT)


def ct_header(number: int, uid: str, *, implicit: bool = False, bulky: bool = False) -> bytes:
    """Return the elements of a CT slice up to pixel data."""
    parts = [_encoded(tag, vr, value, implicit) for tag, vr, value in _ct_rows(number, uid)]
    if bulky:
        parts.append(element(0x00291020, "OB", bytes(40_000), implicit=implicit))
    content = element(0x00081150, "UI", CT, implicit=implicit)
    content += element(0x00081155, "UI", "1.3.12.2.1107.5.1.4.60001.555", implicit=implicit)
    parts.append(sequence(0x00081140, [item(content)], implicit=implicit))
    parts.sort(key=lambda raw: (raw[1], raw[0], raw[3], raw[2]))
    return b"".join(parts)


def _encoded(tag: int, vr: str, value: str | int, implicit: bool) -> bytes:
    if isinstance(value, int):
        return us(tag, value, implicit=implicit)
    return element(tag, vr, value, implicit=implicit)


def _ct_rows(number: int, uid: str) -> list[tuple[int, str, str | int]]:
    z = f"{-120.5 + number * 0.75:.2f}"
    rows: list[tuple[int, str, str | int]] = [
        (0x00080005, "CS", "ISO_IR 100"),
        (0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI"),
        (0x00080012, "DA", "20240311"),
        (0x00080013, "TM", f"1012{number % 60:02}.{number:06}"),
        (0x00080016, "UI", CT),
        (0x00080018, "UI", uid),
        (0x00080020, "DA", "20240311"),
        (0x00080021, "DA", "20240311"),
        (0x00080022, "DA", "20240311"),
        (0x00080023, "DA", "20240311"),
        (0x00080030, "TM", "100422.187000"),
        (0x00080031, "TM", "100955.921000"),
        (0x00080032, "TM", f"1010{number % 60:02}.411{number % 1000:03}"),
        (0x00080033, "TM", f"1010{number % 60:02}.411{number % 1000:03}"),
        (0x00080050, "SH", "A0004711"),
        (0x00080060, "CS", "CT"),
        (0x00080070, "LO", "MAKER"),
        (0x00080080, "LO", "Hospital"),
        (0x00080081, "ST", "Street 1, Town, District, 12345, XX"),
        (0x00080090, "PN", "REFERRER^ONE"),
        (0x00081010, "SH", "CT60001"),
        (0x00081030, "LO", "Abdomen^Routine (Adult)"),
        (0x0008103E, "LO", "Abdomen  0.75  B30f"),
        (0x00081050, "PN", "PHYSICIAN^ONE"),
        (0x00081070, "PN", "OPERATOR^ONE"),
        (0x00081090, "LO", "Model 64"),
        (0x00090010, "LO", "MAKER CT VA1 DUMMY"),
        (0x00100010, "PN", "TEST^PATIENT"),
        (0x00100020, "LO", "PID000123"),
        (0x00100030, "DA", "19600101"),
        (0x00100040, "CS", "F"),
        (0x00101010, "AS", "064Y"),
        (0x001021B0, "LT", ""),
        (0x00180015, "CS", "ABDOMEN"),
        (0x00180050, "DS", "0.75"),
        (0x00180060, "DS", "120"),
        (0x00180090, "DS", "500"),
        (0x00181000, "LO", "60001"),
        (0x00181020, "LO", "MAKER CT 2007C"),
        (0x00181030, "LO", "AbdomenRoutine"),
        (0x00181100, "DS", "340"),
        (0x00181110, "DS", "1040"),
        (0x00181111, "DS", "570"),
        (0x00181120, "DS", "0"),
        (0x00181130, "DS", "155"),
        (0x00181140, "CS", "CW"),
        (0x00181150, "IS", "500"),
        (0x00181151, "IS", str(180 + number * 7 % 60)),
        (0x00181152, "IS", "140"),
        (0x00181160, "SH", "0"),
        (0x00181170, "IS", "24"),
        (0x00181190, "DS", "1.2"),
        (0x00181200, "DA", "20240310"),
        (0x00181201, "TM", "061400.000000"),
        (0x00181210, "SH", "B30f"),
        (0x00185100, "CS", "HFS"),
        (0x00190010, "LO", "MAKER CT VA0 COAD"),
        (0x00191010, "DS", "0"),
        (0x00191090, "DS", "0.6"),
        (0x00191091, "DS", "19.2"),
        (0x00191092, "IS", str(number)),
        (0x00191093, "DS", z),
        (0x0020000D, "UI", "1.3.12.2.1107.5.1.4.60001.30000008010107300000000001"),
        (0x0020000E, "UI", "1.3.12.2.1107.5.1.4.60001.30000008010107300000000002"),
        (0x00200010, "SH", "1"),
        (0x00200011, "IS", "4"),
        (0x00200012, "IS", "3"),
        (0x00200013, "IS", str(number)),
        (0x00200032, "DS", f"-169.66796875\\-310.66796875\\{z}"),
        (0x00200037, "DS", "1\\0\\0\\0\\1\\0"),
        (0x00200052, "UI", "1.3.12.2.1107.5.1.4.60001.30000008010107300000000003"),
        (0x00201040, "LO", ""),
        (0x00201041, "DS", z),
        (0x00204000, "LT", "comment on the image"),
        (0x00210010, "LO", "MAKER MED"),
        (0x00211011, "DS", "0\\0"),
        (0x00280002, "US", 1),
        (0x00280004, "CS", "MONOCHROME2"),
        (0x00280010, "US", 512),
        (0x00280011, "US", 512),
        (0x00280030, "DS", "0.6640625\\0.6640625"),
        (0x00280100, "US", 16),
        (0x00280101, "US", 12),
        (0x00280102, "US", 11),
        (0x00280103, "US", 0),
        (0x00280106, "US", 0),
        (0x00280107, "US", 3000 + number % 500),
        (0x00281050, "DS", "40\\-600"),
        (0x00281051, "DS", "300\\1600"),
        (0x00281052, "DS", "-1024"),
        (0x00281053, "DS", "1"),
        (0x00281055, "LO", "WINDOW1\\WINDOW2"),
        (0x00290010, "LO", "MAKER CSA HEADER"),
        (0x00321033, "LO", "RADIOLOGY"),
        (0x00400002, "DA", "20240311"),
        (0x00400003, "TM", "100422.203000"),
        (0x00400244, "DA", "20240311"),
        (0x00400245, "TM", "100422.234000"),
        (0x00400253, "SH", "A0004711"),
    ]
    return rows
