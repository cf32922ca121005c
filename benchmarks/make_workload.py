"""Make deterministic CT workloads: `python benchmarks/make_workload.py OUT --shape ct2000`.

Shapes: `ct2000` 1 patient, 3 series, 2,000 files of 512 KB; `small20k` 20 patients x 5 studies x 10 series x
20 files of 9 KB; `series20k` 20,000 such files in one series; `series:N`, `small:N`, `ct:N` the same in other sizes;
`stick5k` 5,000 files of 100 KB of one series; `phantom2000` as `ct2000` with a body and noise in it (needs numpy).
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from pathlib import Path

_CT = "1.2.840.10008.5.1.4.1.1.2"
_ROOT = "1.2.826.0.1.3680043.10.999"
_LONG = {"OB", "OW", "SQ", "UN", "UT"}


def _element(tag: int, vr: str, value: bytes | str | int) -> bytes:
    raw = struct.pack("<H", value) if isinstance(value, int) else value
    raw = raw.encode("ascii") if isinstance(raw, str) else raw
    if len(raw) % 2:
        raw += b"\0" if vr in {"UI", "OB"} else b" "
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in _LONG:
        return head + struct.pack("<HL", 0, len(raw)) + raw
    return head + struct.pack("<H", len(raw)) + raw


def _meta(sop_instance: str) -> bytes:
    body = b"".join(
        (
            _element(0x00020001, "OB", b"\0\1"),
            _element(0x00020002, "UI", _CT),
            _element(0x00020003, "UI", sop_instance),
            _element(0x00020010, "UI", "1.2.840.10008.1.2.1"),
            _element(0x00020012, "UI", f"{_ROOT}.0"),
            _element(0x00020013, "SH", "WORKLOAD_1"),
        )
    )
    return bytes(128) + b"DICM" + _element(0x00020000, "UL", struct.pack("<L", len(body))) + body


def _ct(patient: int, study: int, series: int, number: int, pixels: bytes, side: int) -> bytes:
    """Return one CT file with the elements that a scanner writes, about 70 of them."""
    study_uid = f"{_ROOT}.{patient}.{study}"
    series_uid = f"{study_uid}.{series}"
    instance = f"{series_uid}.{number}"
    position = f"-250\\-250\\{number * 1.25:.3f}"
    texts = (
        (0x00080005, "CS", "ISO_IR 100"), (0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"), (0x00080012, "DA", "20260102"),
        (0x00080013, "TM", "101112"), (0x00080016, "UI", _CT), (0x00080018, "UI", instance),
        (0x00080020, "DA", "20260102"), (0x00080021, "DA", "20260102"), (0x00080022, "DA", "20260102"),
        (0x00080023, "DA", "20260102"), (0x00080030, "TM", "101010"), (0x00080031, "TM", "101020"),
        (0x00080032, "TM", f"1010{number % 60:02d}.{number % 1000:03d}"), (0x00080033, "TM", "101040"),
        (0x00080050, "SH", f"ACC{patient:04d}{study:02d}"), (0x00080060, "CS", "CT"), (0x00080070, "LO", "Workload"),
        (0x00080080, "LO", "Benchmark Hospital"), (0x00080081, "ST", "1 Bench Road"), (0x00080090, "PN", "Referrer^A"),
        (0x00081010, "SH", "CT01"), (0x00081030, "LO", "Thorax"), (0x0008103E, "LO", f"Series {series}"),
        (0x00081050, "PN", "Performer^B"), (0x00081090, "LO", "Phantom 64"), (0x00100010, "PN", f"Bench^P{patient:05d}"),
        (0x00100020, "LO", f"PID{patient:06d}"), (0x00100030, "DA", "19700101"), (0x00100040, "CS", "O"),
        (0x00101010, "AS", "056Y"), (0x00180015, "CS", "CHEST"), (0x00180022, "CS", "HELICAL MODE"),
        (0x00180050, "DS", "1.25"), (0x00180060, "DS", "120"), (0x00180090, "DS", "500"), (0x00181020, "LO", "v1"),
        (0x00181030, "LO", "Chest routine"), (0x00181100, "DS", "500"), (0x00181110, "DS", "1099.3"),
        (0x00181120, "DS", "0"), (0x00181130, "DS", "151.5"), (0x00181140, "CS", "CW"), (0x00181150, "IS", "500"),
        (0x00181151, "IS", f"{200 + number % 50}"), (0x00181152, "IS", "100"), (0x00181160, "SH", "BODY"),
        (0x00181210, "SH", "STANDARD"), (0x00185100, "CS", "FFS"), (0x0020000D, "UI", study_uid),
        (0x0020000E, "UI", series_uid), (0x00200010, "SH", f"S{study}"), (0x00200011, "IS", f"{series}"),
        (0x00200012, "IS", "1"), (0x00200013, "IS", f"{number}"), (0x00200032, "DS", position),
        (0x00200037, "DS", "1\\0\\0\\0\\1\\0"), (0x00200052, "UI", f"{study_uid}.0"), (0x00201040, "LO", "SN"),
        (0x00201041, "DS", f"{number * 1.25:.3f}"),
    )  # fmt: skip
    image = (
        _element(0x00280002, "US", 1), _element(0x00280004, "CS", "MONOCHROME2"), _element(0x00280010, "US", side),
        _element(0x00280011, "US", side), _element(0x00280030, "DS", "0.976562\\0.976562"),
        _element(0x00280100, "US", 16), _element(0x00280101, "US", 12), _element(0x00280102, "US", 11),
        _element(0x00280103, "US", 0), _element(0x00281050, "DS", "40"), _element(0x00281051, "DS", "400"),
        _element(0x00281052, "DS", "-1024"), _element(0x00281053, "DS", "1"), _element(0x00281054, "LO", "HU"),
        _element(0x7FE00010, "OW", pixels),
    )  # fmt: skip
    return _meta(instance) + b"".join(_element(*text) for text in texts) + b"".join(image)


def _places(shape: str) -> tuple[int, Iterator[tuple[int, int, int, int]]]:
    """Return the side of the image and the (patient, study, series, number) of every file."""
    name, _, count = shape.partition(":")
    total = int(count) if count else 20_000
    if name in {"ct2000", "ct"}:
        total = int(count) if count else 2_000
        return 512, ((1, 1, 1 + i // 667, 1 + i % 667) for i in range(total))
    if name == "phantom2000":
        return 512, ((1, 1, 1 + i // 667, 1 + i % 667) for i in range(2_000))
    if name == "stick5k":
        return 226, ((1, 1, 1, 1 + i) for i in range(5_000))
    if name in {"series20k", "series"}:
        return 68, ((1, 1, 1, 1 + i) for i in range(total))
    if name in {"small20k", "small"}:
        return 68, ((1 + i // 1000, 1 + i // 200 % 5, 1 + i // 20 % 10, 1 + i % 20) for i in range(total))
    raise SystemExit(f"unknown shape {shape}")


def _noise(side: int) -> bytes:
    noise = bytes((i * 2654435761 >> 13) & 0xFF for i in range(4096))
    return (noise * (side * side * 2 // len(noise) + 1))[: side * side * 2]


def _phantom(side: int) -> bytes:
    """Return a body of water with organs and bones in air, 12 bits, with the noise of a thin slice."""
    import numpy as np  # noqa: PLC0415 - of the extra `codecs`; no other shape needs it

    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    image = np.where((rows / 0.7) ** 2 + (columns / 0.9) ** 2 < 1, 1064.0, 24.0)
    for row, column, radius, value in ((0, -0.4, 0.2, 1100), (0.1, 0.4, 0.25, 1020), (0.5, 0, 0.1, 1900)):
        image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = value
    image += np.random.default_rng(1).normal(0, 12, image.shape) * (image > 100)
    return np.clip(image, 0, 4095).astype("<u2").tobytes()


def make(out: Path, shape: str) -> int:
    """Write the workload below `out` and return the number of files."""
    side, places = _places(shape)
    pixels = _phantom(side) if shape == "phantom2000" else _noise(side)
    made: set[Path] = set()
    count = 0
    for patient, study, series, number in places:
        folder = out / f"P{patient:05d}" / f"S{study:02d}" / f"E{series:03d}"
        if folder not in made:
            folder.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        shift = number % 2048 * 2  # whole pixels
        data = _ct(patient, study, series, number, pixels[shift:] + pixels[:shift], side)
        (folder / f"I{number:06d}").write_bytes(data)
        count += 1
    return count


def main() -> None:
    """Make one workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shape", default="ct2000")
    given = parser.parse_args()
    print(f"{make(given.out, given.shape)} files in {given.out}")


if __name__ == "__main__":
    main()
