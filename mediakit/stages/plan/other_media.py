"""MEDIA.TXT: where the rest is of what is on one of several media.

It goes with each of them, and names studies and series by date and UID. Of another patient than those of
the medium itself it says nothing, and it names nobody: who is meant is in the directory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO

from mediakit.dicom.instance import Tag
from mediakit.fileset.groups import Collated, SeriesGroup, StudyGroup
from mediakit.fileset.plan import FileSetLayout
from mediakit.fileset.record import Key
from mediakit.formats.base import Entry
from mediakit.stages.plan.produce import Producer

OTHER_MEDIA = "MEDIA.TXT"
_STUDY_DATE, _MODALITY = 0x00080020, 0x00080060
_DATE_DIGITS = 8

_StudyPlaces = tuple[StudyGroup, dict[str, tuple[SeriesGroup, Counter[int]]]]


def other_media(laid_out: Sequence[FileSetLayout], parts: Sequence[Collated], number: int) -> Producer:
    """Return the producer of MEDIA.TXT for the medium with this number, the first being 1."""
    text = "".join(f"{line}\r\n" for line in _lines(laid_out, parts, number))
    return partial(_entry, text.encode("ascii", "replace"))


def dummy(size: int) -> Producer:
    """Return a producer that counts for so many bytes: the place is kept before it is known what to write."""
    return lambda _: (Entry(OTHER_MEDIA, size, BytesIO),)


def _entry(content: bytes, _: FileSetLayout) -> Sequence[Entry]:
    return (Entry(OTHER_MEDIA, len(content), partial(BytesIO, content)),)


def _lines(laid_out: Sequence[FileSetLayout], parts: Sequence[Collated], number: int) -> Iterator[str]:
    many = len(parts)
    yield f"This is medium {number} of {many}. Each of them is a DICOM file-set of its own, with a DICOMDIR."
    yield "It says where else there are images of the patients of this medium, and of no other patient."
    yield ""
    for each, one in enumerate(laid_out, 1):
        here = "  (this medium)" if each == number else ""
        directory = one.directory
        yield f"Medium {each}: File-set ID {directory.file_set_id}, UID {directory.file_set_uid}{here}"
    mine = frozenset(patient.patient_id for patient in parts[number - 1].patients)
    for study, series in _places(parts, mine).values():
        yield ""
        yield f"Study{_date_of(study)}, UID {study.uid}"
        for one_series, counts in series.values():
            media = ", ".join(f"medium {each} ({counts[each]})" for each in sorted(counts))
            yield f"  {_text(one_series, _MODALITY) or 'Series'} {one_series.uid}: {media}"


def _places(parts: Sequence[Collated], mine: frozenset[bytes]) -> dict[tuple[bytes, str], _StudyPlaces]:
    """Return the studies of some patients, and how many instances of each series are on which media."""
    places: dict[tuple[bytes, str], _StudyPlaces] = {}
    for number, part in enumerate(parts, 1):
        for patient in part.patients:
            for study in patient.studies if patient.patient_id in mine else ():
                _, known = places.setdefault((patient.patient_id, study.uid), (study, {}))
                for series in study.series:
                    _, counts = known.setdefault(series.uid, (series, Counter()))
                    counts[number] += len(series.leaves)
    return places


def _date_of(study: StudyGroup) -> str:
    date = _text(study, _STUDY_DATE)
    is_date = len(date) == _DATE_DIGITS and date.isdigit()
    return f" of {date[:4]}-{date[4:6]}-{date[6:]}" if is_date else ""


def _text(group: StudyGroup | SeriesGroup, tag: Tag) -> str:
    key: Key | None = next((key for key in group.keys if key.tag == tag), None)
    return "" if key is None else key.value.decode("ascii", "replace").strip(" \0")
