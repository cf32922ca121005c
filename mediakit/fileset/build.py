"""Build the record tree of a DICOMDIR from collated instances and their File IDs (PS3.3 F.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mediakit.dicom.instance import Instance
from mediakit.dicom.scanned import is_sound_uid
from mediakit.fileset.file_id import FileID
from mediakit.fileset.groups import Collated, Leaf, PatientGroup, SeriesGroup, StudyGroup
from mediakit.fileset.instance_values import RELATED_CLASSES
from mediakit.fileset.key_values import bare
from mediakit.fileset.keys import ICON_IMAGE_SEQUENCE
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from mediakit.fileset.record_types import KEYS
from mediakit.profile.model import Profile

_ICON_RECORDS = frozenset(
    record for record, specs in KEYS.items() if any(spec.tag == ICON_IMAGE_SEQUENCE for spec in specs)
)


def build(
    collated: Collated,
    file_ids: Iterable[FileID],
    profile: Profile,
    icons: Mapping[str, Key] | None,
    file_set_id: str,
    file_set_uid: str,
) -> Directory:
    """Return the directory of a file-set.

    `file_ids` come in the order of `collated.leaves()`. `icons` holds Icon Image Sequence keys by SOP
    Instance UID, and by Series Instance UID for SERIES records; those for record types that the profile (or,
    when it has no rule, PS3.3 F.5) gives no icon are not used. Raises ValueError when the numbers differ.
    """
    builder = _Builder(iter(file_ids), icons or {}, icon_records(profile))
    patients = tuple(builder.patient(patient) for patient in collated.patients)
    roots = tuple(builder.leaf(leaf) for leaf in collated.roots)
    if next(builder.file_ids, None) is not None:
        raise ValueError("more File IDs than instances")
    return Directory(file_set_id, file_set_uid, patients + roots)


def icon_records(profile: Profile) -> frozenset[str]:
    """Return the record types that take an icon under a profile."""
    return frozenset(profile.icon.records) if profile.icon is not None else _ICON_RECORDS


class _Builder:
    """Turns groups into records, from the top down, taking one File ID for each leaf."""

    def __init__(
        self, file_ids: Iterator[FileID], icons: Mapping[str, Key], icon_types: frozenset[str]
    ) -> None:
        self.file_ids = file_ids
        self._icons = icons
        self._icon_types = icon_types

    def patient(self, patient: PatientGroup) -> DirectoryRecord:
        return DirectoryRecord("PATIENT", patient.keys, None, tuple(map(self._study, patient.studies)))

    def _study(self, study: StudyGroup) -> DirectoryRecord:
        return DirectoryRecord("STUDY", study.keys, None, tuple(map(self._series, study.series)))

    def _series(self, series: SeriesGroup) -> DirectoryRecord:
        keys = self._with_icon("SERIES", series.keys, series.uid)
        return DirectoryRecord("SERIES", keys, None, tuple(map(self.leaf, series.leaves)))

    def leaf(self, leaf: Leaf) -> DirectoryRecord:
        instance, record_type, keys = leaf
        file_id = next(self.file_ids, None)
        if file_id is None:
            raise ValueError("more instances than File IDs")
        reference = FileRef(
            file_id,
            instance.sop_class,
            instance.sop_instance,
            instance.transfer_syntax,
            _related_classes(instance),
        )
        if self._icons:
            keys = self._with_icon(record_type, keys, instance.sop_instance)
        return DirectoryRecord(record_type, keys, reference)

    def _with_icon(self, record_type: str, keys: tuple[Key, ...], uid: str) -> tuple[Key, ...]:
        icon = self._icons.get(uid) if record_type in self._icon_types else None
        if icon is None:
            return keys
        return tuple(sorted((*keys, icon), key=lambda key: key.tag))


def _related_classes(instance: Instance) -> tuple[str, ...]:
    """Return the Related General SOP Class UIDs; of those that are none, `instance_values` warns."""
    raw = instance.header.values.get(RELATED_CLASSES)
    if not raw:
        return ()
    return tuple(uid.decode("ascii") for uid in map(bare, raw.split(b"\\")) if is_sound_uid(uid))
