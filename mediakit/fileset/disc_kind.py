"""What kind of disc a medium is, in a sentence: its file system, and the layout of what is on it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.fileset.survey import FileKind, Survey
from mediakit.volume import FatVolume, IsoVolume, MimeVolume, UdfVolume, Volume, ZipVolume

_FORMATS = {
    "folder": "folder",
    "file": "single file",
    "iso9660": "ISO 9660",
    "udf": "UDF",
    "fat": "FAT",
    "zip": "ZIP archive",
    "mime": "MIME message",
    "tar": "TAR archive",
}


def disc_kind(survey: Survey) -> str:
    """Return the file system and the layout: "ISO 9660 Level 1, Joliet; IHE PDI layout; no DICOMDIR"."""
    volume = ", ".join(_volume_parts(survey.volume)) or _FORMATS.get(survey.format, survey.format)
    return "; ".join((volume, *_layout_parts(survey)))


def _volume_parts(volume: Volume | None) -> Iterator[str]:
    if isinstance(volume, IsoVolume):
        yield from _iso_parts(volume)
    elif isinstance(volume, UdfVolume):
        yield f"UDF {volume.revision}".strip() + (" with ISO 9660 bridge" if volume.has_iso else "")
        if volume.block_size != 2048:
            yield f"blocks of {volume.block_size} bytes"
        if volume.has_virtual or volume.has_sparing:
            yield "written in packets"
    elif isinstance(volume, FatVolume):
        yield f"{volume.kind}, " + (f"partition {volume.partition}" if volume.partition else "unpartitioned")
        if volume.partitions > 1:
            yield f"{volume.partitions} partitions"
    elif isinstance(volume, ZipVolume):
        yield "ZIP archive, encrypted" if volume.encrypted else "ZIP archive"
    elif isinstance(volume, MimeVolume):
        yield "MIME message"
    if volume is not None and not isinstance(volume, ZipVolume) and volume.is_truncated:
        yield "cut off"


def _iso_parts(volume: IsoVolume) -> Iterator[str]:
    yield f"ISO 9660 Level {volume.level}" if volume.level else "ISO 9660, names beyond Level 3"
    if volume.has_joliet:
        yield "Joliet"
    if volume.has_rock_ridge:
        yield "Rock Ridge"
    if volume.has_udf:
        yield " ".join(filter(None, ("UDF", volume.udf_revision, "bridge")))
    if volume.sessions > 1:
        yield f"{volume.sessions} sessions"


def _layout_parts(survey: Survey) -> Iterator[str]:
    folders = {folder.upper() for folder in survey.folders}
    root = {file.path.upper() for file in survey.files if "/" not in file.path}
    if "IHE_XDM" in folders:
        yield "XDM (IHE_XDM)"
    if "IHE_PDI" in folders or {"README.TXT", "INDEX.HTM"} <= root:
        yield "IHE PDI layout"
    yield from _directory_parts(survey)


def _directory_parts(survey: Survey) -> Iterator[str]:
    if survey.dicomdir is None:
        yield "no DICOMDIR"
    elif survey.decoded is None or (
        survey.dicomdir.kind is not FileKind.DICOMDIR and not survey.decoded.directory.roots
    ):
        yield "DICOMDIR cannot be read"
    elif "/" in survey.dicomdir.path.removeprefix("./").lstrip("/"):
        yield f"DICOMDIR in the folder {survey.dicomdir.path.rpartition('/')[0]}"
