"""Media with known people on them, as folders of small files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.dicom_bytes import CT, element, part10


@dataclass(frozen=True, kw_only=True)
class Person:
    """What the files of one person say; text is written in UTF-8."""

    patient_id: str
    name: str
    birth_date: str = ""
    sex: str = ""
    study: str = "1.2.3.1"
    accession: str = ""

    def instance(self, number: int, study: str = "") -> bytes:
        uid = f"{study or self.study}.9.{number}"
        return part10(
            element(0x00080005, "CS", "ISO_IR 192")
            + element(0x00080016, "UI", CT)
            + element(0x00080018, "UI", uid)
            + element(0x00080020, "DA", "20260131")
            + element(0x00080050, "SH", self.accession)
            + element(0x00080060, "CS", "CT")
            + element(0x00100010, "PN", self.name.encode())
            + element(0x00100020, "LO", self.patient_id)
            + element(0x00100030, "DA", self.birth_date)
            + element(0x00100040, "CS", self.sex)
            + element(0x0020000D, "UI", study or self.study)
            + element(0x0020000E, "UI", f"{study or self.study}.1")
            + element(0x00200013, "IS", str(number))
            + element(0x00280002, "US", b"\1\0")
            + element(0x00280004, "CS", "MONOCHROME2")
            + element(0x00280010, "US", b"\2\0")
            + element(0x00280011, "US", b"\2\0")
            + element(0x00280100, "US", b"\x08\0")
            + element(0x00280101, "US", b"\x08\0")
            + element(0x00280102, "US", b"\x07\0")
            + element(0x00280103, "US", b"\0\0")
            + element(0x7FE00010, "OB", b"\1\2\3\4"),
            CT,
            uid,
        )


def medium_of(folder: Path, people: Sequence[Person], instances: int = 2) -> Path:
    """Write a folder with so many instances of each person."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, person in enumerate(people):
        for number in range(instances):
            (folder / f"IM{place}_{number}").write_bytes(person.instance(number + 1))
    return folder
