"""Entries are poured to their places: gathered or not, summed or not, the file holds the same bytes."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from mediakit.errors import IntegrityError
from mediakit.events import silence
from mediakit.formats.base import Entry
from mediakit.formats.stream_copy import Pourer
from mediakit.secure.checksums import SHA_256, for_one_run

# Small ones beside each other, an empty one, a large one between, a gap that stays a hole, one behind it.
PLACES = ((0, 5000), (6144, 1), (8192, 0), (8192, 300_000), (309_248, 262_144), (2_000_000, 9000))


def _entries() -> list[tuple[int, Entry, bytes]]:
    found = []
    for number, (at, size) in enumerate(PLACES):
        content = bytes(n % 251 + number for n in range(size))
        found.append((at, Entry(f"IM{number}", size, partial(BytesIO, content)), content))
    return found


def test_entries_lie_at_their_places_with_zeros_between_and_have_their_sums(tmp_path: Path) -> None:
    expected = bytearray(2_009_000)
    for at, _, content in _entries():
        expected[at : at + len(content)] = content
    code = for_one_run()
    assert code.name == "GMAC"
    for name, checksum in (("none", None), ("code", code), ("sha256", SHA_256)):
        fd = os.open(tmp_path / name, os.O_RDWR | os.O_CREAT)
        with Pourer(silence, checksum) as pourer:
            for at, entry, _ in _entries():
                pourer.pour_at(entry, fd, at)
            sums = pourer.finish()
        os.close(fd)
        assert (tmp_path / name).read_bytes() == expected
        by_path = {entry.path: content for _, entry, content in _entries()}
        wanted = {
            "none": {},
            "code": {path: code.of(content) for path, content in by_path.items()},
            "sha256": {path: hashlib.sha256(content).hexdigest() for path, content in by_path.items()},
        }
        assert sums == wanted[name]


def test_an_entry_that_gives_more_or_less_than_its_size_is_refused_whatever_its_size(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "image", os.O_RDWR | os.O_CREAT)
    for size in (9, 300_000):
        for given in (size - 1, size + 1):
            with Pourer(silence, None) as pourer, pytest.raises(IntegrityError, match="planned"):
                pourer.pour_at(Entry("IM1", size, partial(BytesIO, bytes(given))), fd, 0)
    os.close(fd)


def test_an_entry_never_shows_its_bytes_in_a_repr() -> None:
    entry = Entry("DICOMDIR", 11, partial(BytesIO, b"SECRET^NAME"))
    assert "SECRET" not in repr(entry)
    assert "DICOMDIR" in repr(entry)
