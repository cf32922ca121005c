"""Instances whose values are anything at all, right and wrong, in any character set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from mediakit.dicom.edit import spans
from mediakit.dicom.part10 import head_of, open_whole
from mediakit.dicom.wanted import WANTED
from tests.support.broken_encoding import SC, elements
from tests.support.dicom_bytes import element, item, sequence
from tests.support.studies import CT_1, MR, PYDICOM_FILES

EXPLICIT = "1.2.840.10008.1.2.1"
CHARSET = 0x00080005
UIDS = (0x0020000D, 0x0020000E)
# What a profile judges or what describes the pixels: changed, nothing would be left to burn.
_KEPT = frozenset({0x00080016, 0x00080018, *(tag for tag in WANTED if tag >> 16 == 0x0028)})
CHARSETS = (
    b"", b"ISO_IR 100", b"ISO_IR 192", b"ISO_IR 13", b"ISO_IR 144", b"ISO_IR 166", b"ISO_IR 203", b"GB18030",
    b"GBK", b"\\ISO 2022 IR 87", b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\\ISO 2022 IR 87\\ISO 2022 IR 159",
    b"\\ISO 2022 IR 149", b"\\ISO 2022 IR 58", b"ISO 2022 IR 100\\ISO 2022 IR 144", b"ISO 2022 IR 87",
    b"ISO_IR 100\\ISO 2022 IR 87", b"ISO_IR 6", b"ISO IR 192", b"ISO_IR192", b"UTF-8", b"ISO_IR 192\\GBK",
    b"ISO_IR 100 ", b" ISO_IR 100", b"latin1", b"\\",
)  # fmt: skip
_NAMES = (
    b"M\xfcller^J\xfcrgen", "Müller^Jürgen".encode(), b"A=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", b"A=B=C=D",
    b"Zhang^X=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1", b"Hong^G=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce", b"\xa6imkov\xe1",
    b"Wang=\xcd\xf5^\xd0\xa1", b"A^B^C^D^E^F", b"N" * 82, "Ä".encode() * 64,
    b"\xd4\xcf\xc0\xde", b"^^^^", b"=",
)  # fmt: skip
_WORDS = (
    b"A\\B", b"A\\\\B", b"\\", b"Line\nfeed", b"D" * 70, b"D" * 16, b"D" * 17, b" lead", b"trail  ", b"\0",
    b"ct", b"C-T", b"LONGER_THAN_SIXTEEN", b"\x80", b"\xa0", b"\x1b", b"\x7f", b"a\0b", b"*", b"?",
    b"1994.05.31", b"10:20:30", b"20240230", b"19000101", b"2500", b"101010.1234567", b"1.0", b"-5",
    b"99999999999", b"1e400", b"nan", b"0.12345678901234567", b"+1", b"1 2", b"20240102\\20240103", b"017Y",
)  # fmt: skip
_UIDS = (
    b"1.2.3",
    b"1.2.004",
    b"1.2.",
    b".1",
    b"1.2.3 ",
    b"1.2\\1.3",
    b"2.25." + b"9" * 60,
    b"1.2.x",
    b"1..2",
)
_PLAIN = {"DA": b"20240102", "TM": b"101010", "IS": b"7", "DS": b"1.5", "UI": b"1.2.3", "CS": b"ABC"}


@cache
def sources() -> tuple[tuple[str, str, Mapping[int, bytes]], ...]:
    """Return instances as SOP Class UID, SOP Instance UID and encoded elements by tag."""
    files = (
        CT_1,
        MR,
        PYDICOM_FILES / "rtplan.dcm",
        PYDICOM_FILES / "reportsi.dcm",
        PYDICOM_FILES / "CT_small.dcm",
    )
    return ((SC, "2.25.77", elements()), *(one for path in files if (one := _source(path)) is not None))


def _source(path: Path) -> tuple[str, str, Mapping[int, bytes]] | None:
    with path.open("rb") as stream:
        opened = open_whole(stream)
    if opened.encoding.implicit or opened.encoding.big_endian:
        return None
    parts = {each.tag: bytes(each.raw) for each in spans(opened.body, opened.encoding)[0]}
    uids = (parts[tag][8:].rstrip(b"\0").decode() for tag in (0x00080016, 0x00080018))
    sop_class, instance = uids
    return sop_class, instance, parts


def values(vr: str) -> st.SearchStrategy[bytes]:
    """Return values for an element: often nearly right for its VR, sometimes any bytes."""
    if vr == "UI":
        return st.sampled_from(_UIDS)
    if vr in {"US", "UL", "UV", "SS"}:
        return st.binary(max_size=9)
    likely = st.sampled_from(_NAMES if vr == "PN" else (*_WORDS, *_NAMES))
    return st.one_of(likely, st.just(_PLAIN.get(vr, b"Plain")), st.binary(max_size=24), st.just(b""))


@st.composite
def elements_of(draw: st.DrawFn, tag: int) -> bytes:
    """Return an element with some value, which may be of another VR than its own."""
    vr = WANTED[tag]
    if vr != "SQ":
        return element(tag, vr, draw(values(vr)))
    inner = [
        (0x00080005, "CS"),
        (0x00080100, "SH"),
        (0x00080104, "LO"),
        (0x00081155, "UI"),
        (0x0040A123, "PN"),
    ]
    chosen = sorted(draw(st.lists(st.sampled_from(inner), max_size=3, unique=True)))
    nested = [
        element(each, kind, draw(st.sampled_from(CHARSETS) if each == CHARSET else values(kind)))
        for each, kind in chosen
    ]
    return sequence(tag, [item(b"".join(nested), undefined=draw(st.booleans()))])


@st.composite
def changes(draw: st.DrawFn) -> dict[int, bytes]:
    """Return elements to put into an instance, b"" for one to take away."""
    tags = draw(st.lists(st.sampled_from(sorted(set(WANTED) - _KEPT - {CHARSET})), max_size=6, unique=True))
    tags += draw(st.lists(st.sampled_from([0x00100010, 0x00100020, 0x00081030, 0x00080060]), max_size=2))
    made = {tag: draw(st.one_of(elements_of(tag), elements_of(tag), st.just(b""))) for tag in tags}
    made[CHARSET] = element(CHARSET, "CS", draw(st.sampled_from(CHARSETS)))
    return made


def write(folder: Path, which: int, mutated: Sequence[Mapping[int, bytes]]) -> None:
    """Write one source several times, each as an instance of its own, with these elements changed."""
    sop_class, uid, parts = sources()[which % len(sources())]
    for number, changed in enumerate(mutated):
        own = uid if number == 0 else f"2.25.{9000 + number}"
        body = {**parts, 0x00080018: element(0x00080018, "UI", own), **changed}
        data_set = b"".join(body[tag] for tag in sorted(body))
        (folder / f"IM{number}").write_bytes(head_of(sop_class, own, EXPLICIT) + data_set)
