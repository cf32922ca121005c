"""A zoo of media made by foreign tools: who wrote the DICOMDIR, and who made the image.

Every keeper takes the files of one file-set; every cage takes the folder that a keeper made. A missing tool
skips the test (in CI it fails it).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.peers import need, run
from tests.support.studies import burnt_to

SAMPLES = Path("samples/studies")


def instances_in_a_folder(folder: Path, profile: str = "STD-GEN-CD") -> Path:
    """Make a folder of instances under legal File IDs, without a DICOMDIR."""
    burnt_to(folder, SAMPLES, profile=profile)
    (folder / "DICOMDIR").unlink()
    return folder


def _by_dcmtk(source: Path, out: Path) -> None:
    need("dcmmkdir")
    shutil.copytree(source, out)
    _succeed("dcmmkdir", "+r", "+id", str(out), "+D", str(out / "DICOMDIR"), cwd=out)


def _by_gdcm(source: Path, out: Path) -> None:
    need("gdcmgendir")
    shutil.copytree(source, out)
    _succeed("gdcmgendir", "-r", "-i", str(out), "-o", str(out / "DICOMDIR"), cwd=out)


_PYDICOM = """
import sys
from pathlib import Path
from pydicom.fileset import FileSet
made = FileSet()
for path in sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file()):
    made.add(path)
made.write(sys.argv[2])
"""


def _by_pydicom(source: Path, out: Path) -> None:
    # In a process of its own: a FileSet leaves its staging folders to the garbage collector, which warns.
    _succeed(sys.executable, "-c", _PYDICOM, str(source), str(out))


def _by_nobody(source: Path, out: Path) -> None:
    shutil.copytree(source, out)


#: Who makes the directory: (folder of instances, folder to make) -> None.
KEEPERS: Mapping[str, Callable[[Path, Path], None]] = {
    "dcmmkdir": _by_dcmtk,
    "gdcmgendir": _by_gdcm,
    "pydicom": _by_pydicom,
    "nobody": _by_nobody,
}


def _genisoimage(*options: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        need("genisoimage")
        image = out.with_suffix(".iso")
        _succeed("genisoimage", "-quiet", *options, "-o", str(image), str(folder))
        return image

    return make


def _xorriso(*options: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        need("xorriso")
        image = out.with_suffix(".iso")
        _succeed("xorriso", "-outdev", str(image), *options, "-map", str(folder), "/")
        return image

    return make


def _xorriso_in_two_sessions(folder: Path, out: Path) -> Path:
    need("xorriso")
    image = out.with_suffix(".iso")
    entries = sorted(folder.iterdir())
    _succeed("xorriso", "-outdev", str(image), "-map", str(entries[0]), f"/{entries[0].name}")
    rest = [word for entry in entries[1:] for word in ("-map", str(entry), f"/{entry.name}")]
    _succeed("xorriso", "-dev", str(image), *(rest or ["-volid", "TWO"]))
    return image


def _fat(bits: int) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        need("mkfs.fat", "mcopy")
        image = out.with_suffix(".img")
        megabytes = {12: 8, 16: 32, 32: 64}[bits]
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        _succeed("mkfs.fat", "-F", str(bits), "-n", "STICK", str(image))
        _succeed("mcopy", "-s", "-i", str(image), *map(str, sorted(folder.iterdir())), "::/")
        return image

    return make


def _zip(folder: Path, out: Path) -> Path:
    need("zip")
    image = out.with_suffix(".zip")
    _succeed("zip", "-q", "-r", str(image.resolve()), ".", cwd=folder)
    return image


def _seven_zip(folder: Path, out: Path) -> Path:
    need("7z")
    image = out.with_suffix(".zip")
    _succeed("7z", "a", "-tzip", str(image.resolve()), ".", cwd=folder)
    return image


def _folder(folder: Path, out: Path) -> Path:
    return Path(shutil.copytree(folder, out))


#: Who makes the medium: (folder, path without suffix) -> the image.
CAGES: Mapping[str, Callable[[Path, Path], Path]] = {
    "folder": _folder,
    "genisoimage level 1": _genisoimage("-iso-level", "1", "-V", ""),
    "genisoimage level 2": _genisoimage("-iso-level", "2"),
    "genisoimage level 3": _genisoimage("-iso-level", "3"),
    "genisoimage Joliet and Rock Ridge": _genisoimage("-J", "-R"),
    "genisoimage lower case": _genisoimage("-allow-lowercase", "-iso-level", "2"),
    "genisoimage without versions": _genisoimage("-omit-version-number", "-omit-period"),
    "genisoimage with UDF bridge": _genisoimage("-udf"),
    "xorriso": _xorriso("-joliet", "on"),
    "xorriso without Rock Ridge": _xorriso("-rockridge", "off", "-compliance", "iso_9660_level=1"),
    "xorriso in two sessions": _xorriso_in_two_sessions,
    "FAT12": _fat(12),
    "FAT16": _fat(16),
    "FAT32": _fat(32),
    "zip": _zip,
    "7z": _seven_zip,
}


def _succeed(*command: str, cwd: Path | None = None) -> None:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command[0]}: {done.stderr or done.stdout}"
