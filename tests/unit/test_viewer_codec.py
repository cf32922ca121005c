"""The form of frames in the viewer's chunks, undone as a browser does."""

from __future__ import annotations

from itertools import product

import numpy as np

from mediakit.extras.viewer.codec import TYPES, deflated, escaped, plain_form, reduced
from tests.support.viewer import decoded, unescaped


def test_every_type_comes_back_value_by_value() -> None:
    rng = np.random.default_rng(7)
    for name, shape in product(TYPES, ((1, 1), (1, 9), (9, 1), (13, 17))):
        kind = np.dtype(name)
        if kind.kind == "f":
            values = rng.normal(size=shape).astype(kind)
        else:
            limits = np.iinfo(kind)
            values = rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
        back = decoded(deflated(plain_form(values)), TYPES[name], *shape)
        assert back.dtype == values.dtype
        assert (back == values).all(), (name, shape)
    colour = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert (decoded(deflated(plain_form(colour)), "rgb8", 7, 5) == colour).all()


def test_frames_of_several_bands_and_at_odd_addresses_come_back() -> None:
    data = np.random.default_rng(7).bytes(2 * 40 * 1000 + 2 * 40_000 + 1)
    for shape, start in (
        ((40, 1000), 0),
        ((40, 1000), 1),
        ((2, 20_000), 0),
        ((1, 40_000), 0),
        ((40_000, 1), 0),
    ):
        for name in ("uint16", "int16"):
            values = np.frombuffer(data, name, shape[0] * shape[1], start).reshape(shape)
            assert (decoded(deflated(plain_form(values)), TYPES[name], *shape) == values).all(), (
                shape,
                start,
            )
    transposed = np.frombuffer(data, "uint16", 40_000).reshape(40, 1000).T
    assert (decoded(deflated(plain_form(transposed)), "u16", 1000, 40) == transposed).all()


def test_every_byte_comes_back_from_a_string_of_a_script() -> None:
    data = bytes(range(256)) * 3 + b'\\\\n"\n\r\\'
    there = escaped(data)
    assert unescaped(there) == data
    assert not {b"\n"[0], b"\r"[0]} & set(there)


def test_a_preview_holds_means_without_padding() -> None:
    values = np.array([[1, 2, 9], [4, 4, 9], [-2000, -2000, -2000]], dtype=np.int16)
    assert reduced(values, 2, (-2000, -2000)).tolist() == [[3, 9], [-2000, -2000]]
    assert reduced(values.astype(np.float32), 3).dtype == np.float32
    assert reduced(values, 1) is values
