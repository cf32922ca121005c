"""Images and archives known by their content and not read here: what they are, and what to do. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from mediakit.formats.readable import Readable


class Foreign(NamedTuple):
    """What something is, and what to do with it."""

    what: str
    hint: str


_SYNC: Final = b"\0" + b"\xff" * 10 + b"\0"  # begins every raw sector of a CD
_RAW_SECTORS: Final = (2352, 2448)  # the second with subchannels
_XA_SECTOR, _XA_HEADER = 2336, 8  # without sync and header
_FIRST_DESCRIPTOR: Final = 16
_FOLDER = "mount it on a computer that reads it, and give its folder"
_CONVERT = "convert it to a plain image, or mount it and give its folder"
_UNPACK = "unpack it with another program first, and give the folder"
# offset, mark, name
_FILE_SYSTEMS: Final = (
    (1024, b"H+\0\x04", "HFS+"),
    (1024, b"HX\0\x05", "HFS+"),
    (1024, b"BD", "HFS"),
    (32, b"NXSB", "APFS"),
    (0, b"XFSB", "XFS"),
    (65600, b"_BHRfS_M", "Btrfs"),
    (65588, b"ReIsEr", "ReiserFS"),
    (32768, b"JFS1", "JFS"),
    (1024, b"\x10\x20\xf5\xf2", "F2FS"),
    (0, b"hsqs", "SquashFS"),
    (3, b"ReFS\0", "ReFS"),
    (512, b"PM\0\0", "a disk with an Apple partition map"),
    (0, b"LUKS\xba\xbe", "an encrypted disk (LUKS)"),
)
_ARCHIVES: Final = (
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x1f\x8b\x08", "an archive compressed by gzip"),
    (0, b"BZh", "an archive compressed by bzip2"),
    (0, b"\xfd7zXZ\0", "an archive compressed by xz"),
    (0, b"\x28\xb5\x2f\xfd", "an archive compressed by zstd"),
    (0, b"MSCF", "a CAB archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x1f\x9d", "an archive compressed by compress"),
    (0, b"070701", "a cpio archive"),
    (0, b"070707", "a cpio archive"),
    (2, b"-lh", "an LHA archive"),
    (0, b"MSWIM\0\0\0", "a WIM archive"),
    (0, b"xar!", "a xar archive"),
)
_DISK_IMAGES: Final = (
    (0, b"NER5", "a Nero image"),
    (0, b"MEDIA DESCRIPTOR", "an Alcohol image"),
    (0, b"CISO", "a compressed ISO image"),
    (0, b"vhdxfile", "a VHDX image"),
    (0, b"conectix", "a VHD image"),
    (0, b"QFI\xfb", "a QCOW image"),
    (0, b"KDMV", "a VMDK image"),
    (0, b"# Disk DescriptorFile", "a VMDK image"),
    (0, b"DAA\0\0\0", "a DAA image"),
    (0, b"IsZ!", "a compressed ISO image"),
    (0, b"EVF\x09\x0d\x0a\xff\0", "an EnCase image"),
)
_LAST_SECTOR: Final = (
    (b"koly", "an Apple disk image (.dmg)", _FOLDER),
    (b"conectix", "a VHD image", _CONVERT),
)
_SECTORS = "make an image of sectors of 2,048 bytes of it, for example with `bchunk` from .bin and .cue"


def foreign_kind(image: Readable) -> Foreign | None:
    """Return what an image or archive is that is not read here; None for anything else."""
    if image.read(128, 4) == b"DICM":
        return None
    if (sector := _raw_sector(image)) != 0:
        what = f"holds raw sectors of {sector:,} bytes, not an image of 2,048-byte sectors"
        return Foreign(what, _SECTORS)
    for table, words, hint in (
        (_FILE_SYSTEMS, "is {}, which mediakit does not read", _FOLDER),
        (_ARCHIVES, "is {}, which mediakit does not open", _UNPACK),
        (_DISK_IMAGES, "is {}, which mediakit does not read", _CONVERT),
    ):
        for at, mark, name in table:
            if image.read(at, len(mark)) == mark:
                return Foreign(words.format(name), hint)
    return _foreign_by_structure(image)


def _foreign_by_structure(image: Readable) -> Foreign | None:
    if _is_ext(image):
        return Foreign("is ext2, ext3 or ext4, which mediakit does not read", _FOLDER)
    for mark, name, hint in _LAST_SECTOR if image.size >= 512 else ():
        if image.read(image.size - 512, len(mark)) == mark:
            return Foreign(f"is {name}, which mediakit does not read", hint)
    if _is_list_of_tracks(image):
        return Foreign("is a list of tracks: the sectors are in another file beside it", _SECTORS)
    return None


def _is_list_of_tracks(image: Readable) -> bool:
    """Return True for a cue sheet, and for that of CloneCD."""
    text = image.read(0, min(image.size, 1024)).removeprefix(b"\xef\xbb\xbf")
    return text.startswith(b"[CloneCD]") or (
        text.startswith((b"FILE ", b"REM ", b"CATALOG ")) and b"TRACK " in text and b" BINARY" in text
    )


def _raw_sector(image: Readable) -> int:
    """Return the size of the raw sectors that an image is made of, 0 when it is not."""
    for size in _RAW_SECTORS:
        if all(image.read(at, len(_SYNC)) == _SYNC for at in (0, size)):
            return size
    if image.read(_FIRST_DESCRIPTOR * _XA_SECTOR + _XA_HEADER + 1, 5) == b"CD001":
        return _XA_SECTOR
    return 0


def _is_ext(image: Readable) -> bool:
    """Return True for the superblock of an ext file system: its magic, and a possible size of blocks."""
    block = image.read(1024, 84)
    return block[56:58] == b"\x53\xef" and len(block) == 84 and int.from_bytes(block[24:28], "little") <= 6
