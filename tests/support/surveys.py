"""Build surveys as reading a medium gives them: from instances, directories and files, without a medium.

`medium_of` is a right medium; wrong ones are made from it with `changed`, `with_keys` and `survey_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from msgspec import structs

from mediakit.choices import Supply
from mediakit.dicom.elements import dictionary_vr
from mediakit.dicom.instance import Instance
from mediakit.dicom.wanted import WANTED
from mediakit.fileset.build import build
from mediakit.fileset.collate import collate
from mediakit.fileset.decode import Decoded, decode
from mediakit.fileset.encode import encode
from mediakit.fileset.key_values import padded
from mediakit.fileset.layout import layout, shape_of
from mediakit.fileset.record import Directory, DirectoryRecord, Key
from mediakit.fileset.survey import FileFact, FileKind, Survey, link_records
from mediakit.findings import Finding
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.volume import Volume
from tests.support.instances import make_profile

Change = Callable[[DirectoryRecord], DirectoryRecord]


def survey_of(
    *files: FileFact,
    directory: Directory | bytes | None = None,
    at: str = "DICOMDIR",
    also: tuple[str, ...] = (),
    folders: Iterable[str] | None = None,
    texts: Mapping[str, bytes] | None = None,
    volume: Volume | None = None,
    **facts: object,
) -> Survey:
    """Return the survey of a medium with these files, and a directory (bytes of one) at `at`.

    The directory goes through encoding and decoding, so its records have offsets, and findings of their own
    where it is wrong. `folders` are those of the files when not given; `facts` are other fields of `Survey`.
    """
    all_files = list(files)
    dicomdir = None
    decoded: Decoded | None = None
    if directory is not None:
        raw = directory if isinstance(directory, bytes) else encode(directory)
        dicomdir = FileFact(at, len(raw), FileKind.DICOMDIR, also=also)
        all_files.insert(0, dicomdir)
        decoded = decode(raw)
    known = {"subject": "medium", "format": "folder", "size_bytes": sum(file.size for file in all_files)}
    return Survey(
        **{**known, **facts},  # type: ignore[arg-type]  # each test passes what Survey knows
        files=tuple(all_files),
        folders=folders_of(all_files) if folders is None else tuple(folders),
        dicomdir=dicomdir,
        decoded=decoded,
        links=()
        if decoded is None
        else link_records(decoded.directory, tuple(all_files), at.rpartition("/")[0]),
        texts=texts or {},
        volume=volume,
    )


def medium_of(*instances: Instance, profile: Profile | None = None, **changes: object) -> Survey:
    """Return the survey of a right medium with these instances; `changes` as in `survey_of`."""
    directory = directory_of(*instances, profile=profile)
    return survey_of(*files_of(directory, *instances), **{"directory": directory, **changes})  # type: ignore[arg-type]


def directory_of(
    *instances: Instance, profile: Profile | None = None, icons: Mapping[str, Key] | None = None
) -> Directory:
    """Return the directory that `burn` makes of some instances; all of them must be fit for it."""
    chosen = profile or make_profile()
    collated = collate(instances, chosen, Supply.NONE)
    assert not collated.refused
    return build(collated, layout(shape_of(collated)), chosen, icons, "TEST", "1.2.826.0.1.3680043.10.1.1")


def files_of(directory: Directory, *instances: Instance) -> list[FileFact]:
    """Return the files that a directory references, holding these instances."""
    by_uid = {instance.sop_instance: instance for instance in instances}
    return [
        filed(by_uid[record.reference.sop_instance], str(record.reference.file_id))
        for record in directory.walk()
        if record.reference is not None
    ]


def filed(instance: Instance, path: str = "", *, head: bytes = b"", also: tuple[str, ...] = ()) -> FileFact:
    """Return a file that holds an instance. `head` is its preamble when it is used."""
    at = path or instance.path
    kept = structs.replace(instance, source="", path=at)
    return FileFact(at, instance.size, FileKind.INSTANCE, kept, None, head, also)


def other_file(
    path: str,
    kind: FileKind = FileKind.OTHER,
    *,
    head: bytes = b"",
    size: int = 100,
    also: tuple[str, ...] = (),
) -> FileFact:
    """Return a file without an instance."""
    return FileFact(path, size, kind, None, None, head, also)


def folders_of(files: Iterable[FileFact]) -> tuple[str, ...]:
    """Return every folder that some file lies in."""
    found: set[str] = set()
    for file in files:
        parts = file.path.split("/")[:-1]
        found.update("/".join(parts[: end + 1]) for end in range(len(parts)))
    return tuple(sorted(found))


def changed(directory: Directory, record_type: str, change: Change, *, which: int = 0) -> Directory:
    """Return a directory in which one record of a type is another; `which` counts them in walking order."""
    left = which

    def rebuilt(record: DirectoryRecord) -> DirectoryRecord:
        nonlocal left
        if record.type == record_type:
            if left == 0:
                record = change(record)
            left -= 1
        return structs.replace(record, children=tuple(rebuilt(child) for child in record.children))

    return replace(directory, roots=tuple(rebuilt(root) for root in directory.roots))


def with_keys(values: Mapping[int, bytes | None]) -> Change:
    """Return a change of keys: a value by tag, None takes the key away."""

    def change(record: DirectoryRecord) -> DirectoryRecord:
        keys = {key.tag: key for key in record.keys}
        for tag, value in values.items():
            keys.pop(tag, None)
            if value is not None:
                vr = WANTED.get(tag) or dictionary_vr(tag).decode()
                keys[tag] = Key(tag, vr, padded(value, vr))
        return structs.replace(record, keys=tuple(keys[tag] for tag in sorted(keys)))

    return change


def with_reference(**parts: object) -> Change:
    """Return a change of what a record says of the file that it references (fields of `FileRef`)."""

    def change(record: DirectoryRecord) -> DirectoryRecord:
        assert record.reference is not None
        return structs.replace(record, reference=structs.replace(record.reference, **parts))

    return change


def found_by(checks: Iterable[Check], survey: Survey, profile: Profile | None = None) -> list[Finding]:
    """Return everything that some checks find; their texts are filled in, so that none lacks a detail."""
    findings = [finding for check in checks for finding in check.find(survey, profile)]
    raisable = {rule for check in checks for rule in check.rules}
    for finding in findings:
        assert finding.text
        assert finding.rule in raisable or not raisable
    return findings


def ids(findings: Iterable[Finding]) -> list[str]:
    """Return the rule ids of some findings, in order."""
    return [finding.rule.id for finding in findings]
