"""Hostile files stop at a limit that is named, before they cost memory or time."""

from __future__ import annotations

import re
import zipfile
import zlib
from contextlib import closing
from io import BytesIO
from pathlib import Path
from struct import pack

import pytest

from mediakit import limits
from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import Instance
from mediakit.dicom.transcode import NotConvertible, transcode
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.errors import SourceError
from mediakit.formats.base import NodeKind
from mediakit.formats.zipfmt import ZipTree
from tests.support.broken_encoding import PIXELS, elements, file, fragments
from tests.support.dicom_bytes import DEFLATED, RLE, element, tiny, us

ZEROS = bytes(1 << 20)
METHODS = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def archive(path: Path, method: int, *members: tuple[str, int]) -> Path:
    """Return an archive of members of so many MiB of zeros."""
    with zipfile.ZipFile(path, "w", method) as made:
        for name, count in members:
            with made.open(name, "w") as member:
                for _ in range(count):
                    member.write(ZEROS)
    return path


def claiming(path: Path, name: bytes, size: int) -> Path:
    """Let a member of an archive claim another size in the directory."""
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\1\2", 0, raw.rindex(name))
    raw[at + 24 : at + 28] = pack("<L", size)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_a_member_of_any_method_is_unpacked_in_pieces_back_and_forth(method: int, tmp_path: Path) -> None:
    with closing(ZipTree(archive(tmp_path / "a.zip", method, ("IM1", 8)))) as tree:
        (node,) = tree.walk()
        with tree.open(node) as stream:
            assert len(stream.read(1000)) == 1000
            stream.seek(7 << 20)
            assert len(stream.read()) == 1 << 20
            stream.seek(5)
            assert stream.read(3) == bytes(3)


@pytest.mark.parametrize("method", METHODS)
def test_members_that_claim_too_much_together_are_named_with_the_limit(method: int, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", method, ("IM1", 1), ("IM2", 1))
    claiming(path, b"IM2", limits.MAX_CLAIMED_BYTES)
    with closing(ZipTree(path)) as tree:
        first, second = tree.walk()
    assert (first.kind, second.kind) == (NodeKind.FILE, NodeKind.UNREADABLE)
    assert str(limits.MAX_CLAIMED_BYTES) in second.why


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_member_that_ends_early_or_has_another_checksum_is_damaged(method: int, tmp_path: Path) -> None:
    longer = claiming(archive(tmp_path / "a.zip", method, ("IM1", 1)), b"IM1", 1 << 21)
    shorter = claiming(archive(tmp_path / "b.zip", method, ("IM1", 1)), b"IM1", 1 << 19)
    for path in (longer, shorter):
        with closing(ZipTree(path)) as tree:
            (node,) = tree.walk()
            with tree.open(node) as stream, pytest.raises(OSError, match="damaged"):
                stream.read()


def test_a_member_that_asks_for_a_huge_dictionary_is_not_opened(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", zipfile.ZIP_LZMA, ("IM1", 1))
    raw = bytearray(path.read_bytes())
    at = raw.index(b"IM1") + 3
    raw[at + 5 : at + 9] = pack("<L", 1 << 31)
    path.write_bytes(raw)
    with closing(ZipTree(path)) as tree:
        (node,) = tree.walk()
        with pytest.raises(SourceError, match="cannot be opened"):
            tree.open(node)


def test_deflated_data_sets_of_a_medium_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediakit.dicom.fallback.MAX_CLAIMED_BYTES", 40 << 20)
    packer = zlib.compressobj(9, wbits=-15)
    body = b"".join(raw for tag, raw in elements().items() if tag != PIXELS)
    body = packer.compress(body + element(0x00420011, "OB", bytes(30 << 20))) + packer.flush()
    scanner = Scanner()
    raw = file(body, syntax=DEFLATED)
    assert isinstance(scanner.read(BytesIO(raw), len(raw), "s", "1"), Instance)
    second = scanner.read(BytesIO(raw), len(raw), "s", "2")
    assert isinstance(second, Unusable)
    assert (second.finding.rule.id, str(40 << 20) in second.finding.text) == ("MK-SRC-009", True)


def test_a_deflated_data_set_of_many_elements_is_read_once_through() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    rows = b"".join(pack("<HH2sH", 0x0011, number, b"LO", 0) for number in range(0x1000, 0xF000))
    body = b"".join(raw for tag, raw in elements().items() if tag < 0x00110000) + rows
    raw = file(packer.compress(body) + packer.flush(), syntax=DEFLATED)
    taken = 0

    class Counted(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal taken
            found = super().read(size)
            taken += len(found)
            return found

    assert isinstance(Scanner().read(Counted(raw), len(raw), "s", "p"), Instance)
    assert taken < 3 * len(raw) + 16384


def test_too_many_elements_outside_of_sequences_are_refused_and_the_limit_is_named() -> None:
    count = limits.MAX_TOP_LEVEL + 2000
    rows = b"".join(
        pack("<HH2sH", 0x0011 + 2 * (n // 0xE000), 0x1000 + n % 0xE000, b"LO", 0) for n in range(count)
    )
    raw = tiny(tail=rows)
    result = Scanner().read(BytesIO(raw), len(raw), "s", "p")
    assert isinstance(result, Unusable)
    assert (result.finding.rule.id, str(limits.MAX_TOP_LEVEL) in result.finding.text) == ("MK-SRC-015", True)


@pytest.mark.parametrize(
    ("rows", "columns", "frames", "limit"),
    [
        (65535, 65535, 1, limits.MAX_FRAME_BYTES),
        (512, 512, 4000, limits.MAX_DECODED_RATIO),
        (10000, 10000, 60, limits.MAX_DECODED_BYTES),
    ],
)
def test_frames_that_claim_much_are_refused_before_anything_is_decoded(
    rows: int, columns: int, frames: int, limit: int
) -> None:
    one = pack("<16L", 1, 64, *([0] * 14)) + bytes((129, 0)) * 4
    body = {tag: raw for tag, raw in elements().items() if tag != PIXELS}
    body |= {0x00280010: us(0x00280010, rows), 0x00280011: us(0x00280011, columns)}
    body[0x00280008] = element(0x00280008, "IS", str(frames))
    raw = b"".join(body[tag] for tag in sorted(body)) + fragments(*[one] * frames)
    result = transcode(BytesIO(file(raw, syntax=RLE)), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, NotConvertible)
    assert (result.finding.rule.id, str(limit) in result.finding.text) == ("MK-CNV-024", True)


def test_every_limit_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    names = [name for name in vars(limits) if re.fullmatch(r"[A-Z_]+", name)]
    assert [name for name in names if f"`{name}`" not in documented] == []
