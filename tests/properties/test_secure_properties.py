"""Whatever stands in an envelope: sizes are as said, and hostile bytes end in a sentence, quickly."""

from __future__ import annotations

import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediakit.errors import SourceError
from mediakit.secure.facts import is_enveloped
from mediakit.secure.keys import Keys
from mediakit.secure.opening import Opener, described
from tests.support.secure import BY_PASSPHRASE, by_certificate, sealed, sealer

CONTENT = bytes(128) + b"DICM" + bytes(range(200))
SIZES = st.integers(0, 70_000) | st.sampled_from([2**n + d for n in (7, 8, 16, 20, 24) for d in (-1, 0, 1)])
_ENVELOPES: dict[bool, bytes] = {}


def envelope(*, is_signed: bool) -> bytes:
    """Return one envelope; the same for all examples, whose changes then can be found again."""
    if is_signed not in _ENVELOPES:
        _ENVELOPES[is_signed] = sealed(CONTENT, sealer(is_signed=is_signed))
    return _ENVELOPES[is_signed]


class Zeros(io.RawIOBase):
    """A file of nothing but zeros."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # of what calls it here
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


@given(size=SIZES, is_signed=st.booleans())
@settings(max_examples=40)
def test_the_size_of_an_envelope_is_the_one_that_was_planned(size: int, *, is_signed: bool) -> None:
    by = sealer(is_signed=is_signed)
    found = 0
    with by.seal(Zeros(size), size) as stream:  # type: ignore[arg-type]  # reads as a BinaryIO
        while block := stream.read(1 << 20):
            found += len(block)
    assert found == by.sealed_size(size)


def tried(data: bytes, keys: Keys) -> bytes | None:
    """Return what is opened, None when it is refused in words."""
    opener = Opener(keys)
    try:
        described(io.BytesIO(data), len(data))
        opener.look(io.BytesIO(data), len(data))
        with opener.unseal(io.BytesIO(data), len(data)) as stream:
            return stream.read()
    except (SourceError, OSError):
        return None


CHANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 2), st.binary(min_size=1, max_size=6)), max_size=4
)


@given(changes=CHANGES, is_signed=st.booleans(), cut=st.integers(0, 40))
@example(changes=[(1090, 0, b"\0")], is_signed=True, cut=0)  # the name of who signed
def test_a_changed_envelope_is_opened_as_it_was_or_refused_in_words(
    changes: list[tuple[int, int, bytes]], *, is_signed: bool, cut: int
) -> None:
    data = bytearray(envelope(is_signed=is_signed))
    for place, how, content in changes:
        at = place % len(data)
        end = at + (0 if how == 1 else len(content))
        data[at:end] = b"" if how == 2 else content
    data = data[: len(data) - cut] if cut > 30 else data
    right = {None, CONTENT} if is_enveloped(bytes(data[:32])) else {bytes(data)}
    for keys in (by_certificate(), BY_PASSPHRASE):
        assert tried(bytes(data), keys) in right


@given(data=st.binary(max_size=400))
def test_any_bytes_behind_the_head_of_an_envelope_are_refused_in_words(data: bytes) -> None:
    head = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80\x02\x01\x00"
    assert tried(head + data, by_certificate()) is None
