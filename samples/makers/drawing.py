"""Drawing with exactly reproducible arithmetic: integers, and floats by + - * / sqrt and comparison only.

IEEE 754 defines these operations to the last bit, so every numpy on every processor draws the same picture.
No sin, exp, pow or random of a library may be used here or by the makers: their last bit differs by version.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


def grid(rows: int, columns: int) -> tuple[Image, Image]:
    """Return x and y of the pixel centres; the shorter side spans -1 to 1, y grows downwards."""
    unit = min(rows, columns)
    y, x = np.indices((rows, columns)).astype(np.float64)
    return (2 * x + 1 - columns) / unit, (2 * y + 1 - rows) / unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipse:
    """An ellipse in grid coordinates, turned by the angle whose tangent is `tilt`."""

    x: float
    y: float
    rx: float
    ry: float
    tilt: float = 0.0

    def radius(self, x: Image, y: Image) -> Image:
        """Return the relative radius of each point: 0 in the centre, 1 on the outline."""
        length = math.sqrt(1 + self.tilt * self.tilt)
        cosine, sine = 1 / length, self.tilt / length
        dx, dy = x - self.x, y - self.y
        u = (dx * cosine + dy * sine) / self.rx
        v = (dy * cosine - dx * sine) / self.ry
        distance: Image = np.sqrt(u * u + v * v)
        return distance

    def inside(self, x: Image, y: Image) -> Mask:
        """Return which points lie inside or on the outline."""
        return self.radius(x, y) <= 1

    def outline(self, count: int) -> list[tuple[float, float]]:
        """Return points on the outline (tilt is not applied), by the rational form of the circle."""
        points = []
        for index in range(count):
            quarter, step = divmod(index * 4, count)
            t = step / count
            across, along = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
            for _ in range(quarter):
                across, along = -along, across
            points.append((self.x + self.rx * across, self.y + self.ry * along))
        return points


def soften(radius: Image, width: float) -> Image:
    """Return 1 inside, 0 outside and a straight ramp of this relative width along the outline."""
    return np.clip((1 - radius) / width + 0.5, 0, 1)


def sine(turns: Image | float) -> Image:
    """Return the sine of an angle in turns, by Bhaskara's rational formula (off by 0.002 at most)."""
    phase = np.asarray(turns, dtype=np.float64)
    phase = (phase - np.floor(phase)) * 2
    half = np.where(phase < 1, phase, phase - 1)
    product = half * (1 - half)
    curve: Image = np.where(phase < 1, 1.0, -1.0) * (16 * product / (5 - 4 * product))
    return curve


def _scramble(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # A finaliser of multiply-and-shift steps modulo 2**64: neighbouring numbers come out unrelated.
    mixed = values * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def lattice(column: npt.NDArray[np.int64], row: npt.NDArray[np.int64], seed: int) -> Image:
    """Return a fixed pseudo-random value in 0..1 for each lattice point."""
    keys = (column + 4096 + (row + 4096) * 65536 + seed * 2**32).astype(np.uint64)
    return (_scramble(keys) >> np.uint64(40)).astype(np.float64) / 2**24


def noise(rows: int, columns: int, seed: int) -> Image:
    """Return noise of mean 0 and a bell-like spread within -1..1, one value per pixel."""
    y, x = np.indices((rows, columns)).astype(np.int64)
    first, second = lattice(x, y, seed * 3), lattice(x, y, seed * 3 + 1)
    third = lattice(x, y, seed * 3 + 2)
    return (first + second + third) * 2 / 3 - 1


def clouds(u: Image, v: Image, seed: int) -> Image:
    """Return smooth noise in 0..1: lattice values with bilinear interpolation between them."""
    column, row = np.floor(u), np.floor(v)
    fu, fv = u - column, v - row
    c, r = column.astype(np.int64), row.astype(np.int64)
    top = lattice(c, r, seed) * (1 - fu) + lattice(c + 1, r, seed) * fu
    bottom = lattice(c, r + 1, seed) * (1 - fu) + lattice(c + 1, r + 1, seed) * fu
    return top * (1 - fv) + bottom * fv


def distance_to_segment(x: Image, y: Image, start: tuple[float, float], end: tuple[float, float]) -> Image:
    """Return the distance of each point to the straight segment from `start` to `end`."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    ex, ey = x - (start[0] + along * dx), y - (start[1] + along * dy)
    return np.sqrt(ex * ex + ey * ey)


def smooth(image: Image, passes: int = 1) -> Image:
    """Return the image after a 3 x 3 binomial filter; the border is repeated outwards."""
    for _ in range(passes):
        wide = np.pad(image, 1, mode="edge")
        rows = wide[:-2] + 2 * wide[1:-1] + wide[2:]
        image = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return image


def to_integers(image: Image, low: int, high: int) -> npt.NDArray[np.int64]:
    """Return the image rounded half up and clipped to low..high."""
    return np.clip(np.floor(image + 0.5), low, high).astype(np.int64)


_GLYPHS = {  # 5 columns by 7 rows, one hexadecimal byte per row
    " ": "00000000000000",
    "A": "0E11111F111111",
    "D": "1E11111111111E",
    "E": "1F10101E10101F",
    "I": "0E04040404040E",
    "K": "11121418141211",
    "L": "1010101010101F",
    "M": "111B1515111111",
    "P": "1E11111E101010",
    "S": "0F10100E01011E",
    "T": "1F040404040404",
}


def stamp(
    image: npt.NDArray[np.generic], text: str, top: int, left: int, value: float, scale: int = 1
) -> None:
    """Write capital letters into an image, in place."""
    for position, letter in enumerate(text):
        rows = bytes.fromhex(_GLYPHS[letter])
        bits = np.array([[row >> (4 - column) & 1 for column in range(5)] for row in rows], dtype=bool)
        bits = bits.repeat(scale, axis=0).repeat(scale, axis=1)
        x = left + position * 6 * scale
        image[top : top + 7 * scale, x : x + 5 * scale][bits] = value
